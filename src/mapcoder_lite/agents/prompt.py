"""Every prompt of the agents and their supervisor: one function each, from prompts/*.md.j2.

A prompt is a system and a user message. What never changes (task, format) comes first, then the
problem, last what varies, so that an engine can reuse what it computed for the same role.

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
def prompts_digest() -> str:
    """Return the digest of all templates; it changes when any prompt's wording does."""
    loader = _environment().loader
    assert loader is not None
    sources = {name: loader.get_source(_environment(), name)[0] for name in loader.list_templates()}
    return digest(sources)


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
