"""Every prompt of the agents and their supervisor: one function each, from prompts/*.md.j2.

A prompt is a system and a user message. What never changes (task, format) comes first, then the
problem, last what varies, so that an engine can reuse what it computed for the same role.

The prompts of baselines and of other alternatives to the four agents' own stand in
prompts/alternatives; no shipped adapter was trained on them.

Knows: the templates, how a language is named, how a test report is bounded.
Does not know: engines, parsing, how programs are run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from mapcoder_lite.problem import Language, Problem, Test
from mapcoder_lite.trajectory import Exemplar, Message, digest
from mapcoder_lite.verdict import Judgement, TestResult, Verdict

MAX_EXCERPT_CHARACTERS = 500
"""Longest input, output or error text that a test report quotes."""

GUIDANCE = "You answered this before, and it led to a wrong program. A reviewer says:"
"""First line of what a supervisor's feedback adds to a question."""

_NAMES = {
    Language.PYTHON: "Python",
    Language.C: "C",
    Language.CPP: "C++",
    Language.JAVA: "Java",
    Language.JAVASCRIPT: "JavaScript",
    Language.GO: "Go",
    Language.RUST: "Rust",
    Language.RUBY: "Ruby",
    Language.PHP: "PHP",
    Language.CSHARP: "C#",
    Language.KOTLIN: "Kotlin",
}


@dataclass(frozen=True, slots=True)
class LanguageWords:
    """What a prompt calls a language, in prose and behind a fence."""

    name: str
    fence: str


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """One public test in a test report; texts are bounded and say where they were cut."""

    verdict: Verdict
    input: str = ""
    expected: str = ""
    got: str = ""
    stderr: str = ""


@dataclass(frozen=True, slots=True)
class BareEntry:
    """One public test in the report of MapCoder's released code: no verdict, no error."""

    input: str
    expected: str
    got: str
    has_outputs: bool
    """Not where a function is called."""


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """A step of a failed attempt as a supervisor reads it."""

    number: int
    """Its position among the trajectory's steps."""
    title: str
    text: str = ""
    """The whole reply; empty for a test run."""
    fault: str = ""
    """Why the reply could not be read."""
    report: tuple[ReportEntry, ...] = ()
    """Of a test run."""


def retrieval(problem: Problem, k: int) -> tuple[Message, ...]:
    """Ask for k similar problems and the algorithm (MapCoder 2405.11403, section 3.1)."""
    return _messages("retrieval", problem=problem, k=k, show_tests=True)


def plan(problem: Problem, algorithm: str, exemplar: Exemplar) -> tuple[Message, ...]:
    """Ask for a plan after the example of one recalled problem (section 3.2)."""
    return _messages(
        "plan", problem=problem, algorithm=algorithm, exemplar=exemplar, show_tests=True
    )


def confidence(problem: Problem, plan: str) -> tuple[Message, ...]:
    """Ask how sure a plan is; the public tests are not shown, as in the original."""
    return _messages("confidence", problem=problem, plan=plan, show_tests=False)


def coding(problem: Problem, algorithm: str, plan: str, language: Language) -> tuple[Message, ...]:
    """Ask for a program that follows a plan (section 3.3)."""
    return _messages(
        "coding",
        problem=problem,
        algorithm=algorithm,
        plan=plan,
        language=words(language),
        task=task(problem),
        show_tests=True,
    )


def debugging(
    problem: Problem,
    algorithm: str,
    plan: str,
    program: str,
    report: Sequence[ReportEntry],
    language: Language,
) -> tuple[Message, ...]:
    """Ask for a corrected plan and program, given what the tests showed (section 3.4)."""
    return _messages(
        "debugging",
        problem=problem,
        algorithm=algorithm,
        plan=plan,
        program=program,
        report=report,
        language=words(language),
        task=task(problem),
        show_tests=True,
    )


def bare_debugging(
    problem: Problem,
    algorithm: str,
    plan: str,
    program: str,
    judgement: Judgement,
    language: Language,
) -> tuple[Message, ...]:
    """Ask as `debugging` does, with the report of MapCoder's released code.

    Own outputs alone are cut, at 500 characters; of a function's tests only the call is shown. Of a
    program that does not compile every test failed, without output.
    """
    outcomes = [(result.verdict is Verdict.AC, result) for result in judgement.results]
    entries = [
        (is_passed, _bare_entry(problem, test, result))
        for test, (is_passed, result) in zip(
            problem.public_tests,
            outcomes or [(False, None)] * len(problem.public_tests),
            strict=False,
        )
    ]
    return _messages(
        "alternatives/bare_debugging",
        problem=problem,
        algorithm=algorithm,
        plan=plan,
        program=program,
        passed=[entry for is_passed, entry in entries if is_passed],
        failed=[entry for is_passed, entry in entries if not is_passed],
        language=words(language),
        task=task(problem),
        show_tests=True,
    )


def trace(problem: Problem, plan: str) -> tuple[Message, ...]:
    """Ask to follow a plan on the public tests by hand (after CodeSIM 2502.05664)."""
    return _messages("alternatives/trace", problem=problem, plan=plan, show_tests=True)


def direct(problem: Problem, language: Language) -> tuple[Message, ...]:
    """Ask for a program at once."""
    return _alone("direct", problem, language=words(language), task=task(problem))


def cot(problem: Problem, language: Language) -> tuple[Message, ...]:
    """Ask for thoughts, then a program (chain of thought, 2201.11903)."""
    return _alone("cot", problem, language=words(language), task=task(problem))


def analogical(problem: Problem, k: int, language: Language) -> tuple[Message, ...]:
    """Ask for k similar problems and the program in one reply (2310.01714)."""
    return _alone("analogical", problem, k=k, language=words(language), task=task(problem))


def own_plan(problem: Problem) -> tuple[Message, ...]:
    """Ask for a plan without an example (self-planning, 2303.06689)."""
    return _alone("own_plan", problem)


def planned(problem: Problem, plan: str, language: Language) -> tuple[Message, ...]:
    """Ask for the program of a plan that no algorithm stands beside (self-planning)."""
    return _alone("planned", problem, plan=plan, language=words(language), task=task(problem))


def supervisor(problem: Problem, trace: Sequence[TraceEntry], end: str) -> tuple[Message, ...]:
    """Ask which agent a failed attempt is due to (MapCoder-Lite 2509.17489); `end` = how it ended.

    No hidden test can be shown: neither the problem nor the trace holds one.
    """
    context: dict[str, object] = {"problem": problem, "trace": trace, "end": end}
    return (
        Message(role="system", content=_render("supervisor_system", {})),
        Message(role="user", content=_render("supervisor", {**context, "show_tests": True})),
    )


def guidance(feedback: Sequence[str]) -> str:
    """Return what is added to a question that is asked again under a supervisor's feedback."""
    return _render("guidance", {"opening": GUIDANCE, "feedback": feedback})


def problem_text(problem: Problem, *, show_tests: bool) -> str:
    """Return the problem as every prompt shows it."""
    return _render("problem", {"problem": problem, "show_tests": show_tests})


def report(tests: Sequence[Test], judgement: Judgement) -> tuple[ReportEntry, ...]:
    """Return one entry for every public test that was run.

    A program that does not compile gives one entry, with the compiler's log as its error.
    """
    if judgement.verdict is Verdict.CE:
        log = excerpt(judgement.compilation.log)
        return tuple(
            ReportEntry(Verdict.CE, excerpt(test.input), excerpt(test.outputs[0]), "", log)
            for test in tests[:1]
        )
    ran = zip(tests, judgement.results, strict=False)
    return tuple(_entry(test, result) for test, result in ran)


def excerpt(text: str) -> str:
    """Return the start of a text, with a mark that counts what was cut."""
    text = text.strip()
    cut = len(text) - MAX_EXCERPT_CHARACTERS
    if cut <= 0:
        return text
    return f"{text[:MAX_EXCERPT_CHARACTERS]}\n... ({cut} more characters)"


def words(language: Language) -> LanguageWords:
    """Return what prompts call a language."""
    return LanguageWords(_NAMES[language], language.value)


def task(problem: Problem) -> str:
    """Return the sentence that tells what the program reads and writes."""
    if problem.io.kind != "stdio":
        return f"It defines the function {problem.io.entry_point}; nothing is read or printed."
    return "It reads standard input and prints to standard output; nothing else is printed."


@cache
def prompts_digest(*, with_alternatives: bool = False) -> str:
    """Return the digest of the templates; it changes when any prompt's wording does.

    Without the alternatives it is of the prompts that adapters are trained on.
    """
    loader = _environment().loader
    assert loader is not None
    names = loader.list_templates()
    kept = [name for name in names if with_alternatives or not name.startswith("alternatives/")]
    return digest({name: loader.get_source(_environment(), name)[0] for name in kept})


def _entry(test: Test, result: TestResult) -> ReportEntry:
    if result.verdict is Verdict.AC:
        return ReportEntry(Verdict.AC)
    return ReportEntry(
        result.verdict,
        excerpt(test.input),
        excerpt(test.outputs[0]),
        _got(result),
        _last_part(result.stderr_tail),
    )


def _bare_entry(problem: Problem, test: Test, result: TestResult | None) -> BareEntry:
    got = result.stdout_excerpt.strip() if result else ""
    cut = f"{got[:MAX_EXCERPT_CHARACTERS]}..." if len(got) > MAX_EXCERPT_CHARACTERS else got
    return BareEntry(test.input, test.outputs[0], cut, problem.io.kind == "stdio")


def _got(result: TestResult) -> str:
    """Return the start of the output; the judge's own excerpt may already be cut."""
    unseen = result.stdout_bytes - len(result.stdout_excerpt.encode())
    if unseen > 0 and len(result.stdout_excerpt.strip()) <= MAX_EXCERPT_CHARACTERS:
        return f"{result.stdout_excerpt.strip()}\n... ({unseen} more bytes)"
    return excerpt(result.stdout_excerpt)


def _last_part(stderr: str) -> str:
    """Return the end of an error text, where a traceback names its exception."""
    stderr = stderr.strip()
    cut = len(stderr) - MAX_EXCERPT_CHARACTERS
    if cut <= 0:
        return stderr
    return f"({cut} characters before) ...{stderr[cut:]}"


def _alone(template: str, problem: Problem, **context: object) -> tuple[Message, ...]:
    """Ask as if nobody else were asked."""
    return (
        Message(role="system", content=_render("alternatives/system", {})),
        Message(
            role="user",
            content=_render(
                f"alternatives/{template}", {"problem": problem, "show_tests": True, **context}
            ),
        ),
    )


def _messages(template: str, **context: object) -> tuple[Message, ...]:
    return (
        Message(role="system", content=_render("system", {})),
        Message(role="user", content=_render(template, context)),
    )


def _render(template: str, context: dict[str, object]) -> str:
    return _environment().get_template(f"{template}.md.j2").render(context).strip()


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("mapcoder_lite.agents", "prompts"),
        undefined=StrictUndefined,
        finalize=_without_blank_ends,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


def _without_blank_ends(value: object) -> object:
    """Drop line breaks around a value, so that no statement adds blank lines to the layout."""
    return value.strip("\r\n").rstrip() if isinstance(value, str) else value
