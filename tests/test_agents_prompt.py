"""Prompts against golden files; `PYTHONPATH=src python tests/test_agents_prompt.py` renews them."""

from itertools import takewhile
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from mapcoder_lite.agents import prompt
from mapcoder_lite.problem import Io, Language, Problem, Test
from mapcoder_lite.trajectory import Exemplar, Message
from mapcoder_lite.verdict import Compilation, Isolation, Judgement, TestResult, Verdict

GOLDEN = Path(__file__).parent / "golden"

PROBLEM = Problem(
    id="sum",
    title="Add & <compare>",
    statement="Read two numbers.\nPrint {{ their }} sum.\n",
    input_spec="Two whole numbers.",
    output_spec="One whole number.",
    notes="Both are below 100.",
    public_tests=(
        Test(input="1 2\n", outputs=("3\n", "three")),
        Test(input="2 2\n", outputs=("4",)),
    ),
)
BARE = Problem(
    id="f",
    statement="Add.",
    io=Io(kind="function", entry_point="add", starter_code="def add(a, b):\n    ..."),
)
EXEMPLAR = Exemplar(description="Add three numbers.", planning="1. Read.\n2. Add.")
PLAN = "1. Read both.\n2. Print their sum."


def judgement(*results: TestResult, verdict: Verdict = Verdict.WA, log: str = "") -> Judgement:
    return Judgement(
        verdict=verdict,
        num_run=len(results),
        num_total=2,
        num_passed=sum(r.verdict is Verdict.AC for r in results),
        results=results,
        compilation=Compilation(is_ok=not log, log=log),
        isolation=Isolation(tier="none"),
    )


FAILED = judgement(
    TestResult(verdict=Verdict.AC),
    TestResult(
        verdict=Verdict.RE, stdout_excerpt="5\n", stdout_bytes=2, stderr_tail="ValueError: x"
    ),
)


def prompts() -> dict[str, tuple[Message, ...]]:
    report = prompt.report(PROBLEM.public_tests, FAILED)
    python = Language.PYTHON
    return {
        "retrieval": prompt.retrieval(PROBLEM, 3),
        "plan": prompt.plan(PROBLEM, "sums: add", EXEMPLAR),
        "confidence": prompt.confidence(PROBLEM, PLAN),
        "coding": prompt.coding(PROBLEM, "sums: add", PLAN, python),
        "coding_function": prompt.coding(BARE, "sums: add", PLAN, Language.CPP),
        "debugging": prompt.debugging(PROBLEM, "sums: add", PLAN, "print(5)\n", report, python),
        **alternatives(),
        "supervisor": prompt.supervisor(
            PROBLEM,
            [
                prompt.TraceEntry(0, "retrieval", "oops\n", "no_root, the reply holds no <root>"),
                prompt.TraceEntry(1, "coding, plan 0", "```python\nprint(5)\n```"),
                prompt.TraceEntry(2, "test run of the program of step 1", report=report),
            ],
            "The attempt ended because all plans and debug rounds were used.",
        ),
    }


def alternatives() -> dict[str, tuple[Message, ...]]:
    python, sums = Language.PYTHON, "sums: add"
    return {
        "direct": prompt.direct(PROBLEM, python),
        "direct_function": prompt.direct(BARE, Language.CPP),
        "cot": prompt.cot(PROBLEM, python),
        "analogical": prompt.analogical(PROBLEM, 3, python),
        "own_plan": prompt.own_plan(PROBLEM),
        "planned": prompt.planned(PROBLEM, PLAN, python),
        "trace": prompt.trace(PROBLEM, PLAN),
        "bare_debugging": prompt.bare_debugging(PROBLEM, sums, PLAN, "print(5)\n", FAILED, python),
    }


def text(messages: tuple[Message, ...]) -> str:
    return "".join(f"[{m.role}]\n{m.content}\n" for m in messages)


@pytest.mark.parametrize("name", sorted(prompts()))
def test_prompt_is_as_in_its_golden_file(name: str):
    assert text(prompts()[name]) == (GOLDEN / f"prompt_{name}.txt").read_text()


def test_guidance_names_its_source_and_holds_every_word_of_it():
    said = prompt.guidance(["Line 1 is wrong.\n", "So is {{ line }} <2>."])
    assert said == (
        f"{prompt.GUIDANCE}\nLine 1 is wrong.\nSo is {{{{ line }}}} <2>.\n"
        "Answer again, in the form that is asked for above."
    )


def test_layout_has_no_stray_blank_lines_and_keeps_what_does_not_vary_first():
    for messages in prompts().values():
        system, user = (m.content for m in messages)
        assert [m.role for m in messages] == ["system", "user"]
        assert "\n\n\n" not in user and user == user.strip() and system == system.strip()


def variants() -> dict[str, tuple[tuple[Message, ...], tuple[Message, ...], str]]:
    """Two questions of one kind about one problem, and the last words that they must share."""
    python, sums = Language.PYTHON, "sums: add"
    report = prompt.report(PROBLEM.public_tests, FAILED)
    other = Exemplar(description="Multiply two numbers.", planning="1. Multiply.")
    first_fix = prompt.debugging(PROBLEM, sums, PLAN, "print(5)\n", report, python)
    return {
        "plan": (
            prompt.plan(PROBLEM, sums, EXEMPLAR),
            prompt.plan(PROBLEM, sums, other),
            "Algorithm: sums: add\n\nA similar problem: ",
        ),
        "confidence": (
            prompt.confidence(PROBLEM, "A plan."),
            prompt.confidence(PROBLEM, "Some other."),
            "Notes: Both are below 100.\n\nPlan:\n",
        ),
        "coding": (
            prompt.coding(PROBLEM, sums, "A plan.", python),
            prompt.coding(PROBLEM, sums, "Some other.", python),
            "Algorithm: sums: add\n\nPlan:\n",
        ),
        "debugging": (
            first_fix,
            prompt.debugging(PROBLEM, sums, PLAN, "import sys\n", report, python),
            f"Plan:\n{PLAN}\n\nProgram:\n```python\n",
        ),
    }


@pytest.mark.parametrize("kind", sorted(variants()))
def test_questions_of_one_problem_share_all_that_does_not_differ(kind: str):
    """An engine computes the shared part once; nothing that differs may stand before it."""
    one, other, last_shared = variants()[kind]
    pairs = zip(text(one), text(other), strict=False)
    shared = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    assert PROBLEM.statement.strip() in shared
    assert shared.endswith(last_shared)


@pytest.mark.parametrize("kind", sorted(prompts()))
def test_questions_of_one_kind_share_the_task_across_problems(kind: str):
    messages = prompts()[kind]
    problem = "# Problem\n" if kind.endswith("_function") else f"# {PROBLEM.title}\n"
    head, found, _ = messages[1].content.partition(problem)
    assert found and "Two whole numbers" not in head and len(head) > 80


def test_confidence_shows_no_public_tests_and_the_others_do():
    shown = {
        name for name, messages in prompts().items() if "Example input:" in messages[1].content
    }
    untold = {"confidence", "coding_function", "direct_function"}
    assert shown == prompts().keys() - untold


def test_statement_is_no_template():
    assert "Print {{ their }} sum." in prompt.retrieval(PROBLEM, 1)[1].content


def test_missing_value_raises():
    with pytest.raises(UndefinedError):
        prompt._render("plan", {"problem": PROBLEM, "show_tests": True})


def test_every_language_has_words():
    names = [prompt.words(language).name for language in Language]
    assert len(set(names)) == len(Language) and prompt.words(Language.CPP).fence == "cpp"


def test_report_bounds_texts_and_marks_where_they_were_cut():
    tests = (Test(input="x" * 600, outputs=("y" * 501,)),)
    result = TestResult(
        verdict=Verdict.WA, stdout_excerpt="12", stdout_bytes=900, stderr_tail="a" * 600 + "END"
    )
    (entry,) = prompt.report(tests, judgement(result))
    assert entry.input == "x" * 500 + "\n... (100 more characters)"
    assert entry.expected.endswith("... (1 more characters)")
    assert entry.got == "12\n... (898 more bytes)"
    assert entry.stderr.endswith("END") and "(103 characters before)" in entry.stderr


def test_report_of_a_program_that_does_not_compile_is_one_entry_with_the_log():
    failed = judgement(verdict=Verdict.CE, log="SyntaxError: line 1")
    (entry,) = prompt.report(PROBLEM.public_tests, failed)
    assert (entry.verdict, entry.stderr) == (Verdict.CE, "SyntaxError: line 1")


def test_a_bare_report_holds_no_verdict_and_of_a_function_no_output():
    failed = prompt.bare_debugging(
        PROBLEM,
        "sums",
        PLAN,
        "x",
        judgement(verdict=Verdict.CE, log="SyntaxError"),
        Language.PYTHON,
    )[1].content
    assert "Tests passed:\nnone\nTests failed:\nInput:\n1 2\n" in failed
    assert "SyntaxError" not in failed and "CE" not in failed
    long = TestResult(verdict=Verdict.TLE, stdout_excerpt="y" * 600, stdout_bytes=600)
    function = BARE.model_copy(update={"public_tests": PROBLEM.public_tests})
    called = (function, "sums", PLAN, "x", judgement(long), Language.PYTHON)
    assert "yy" not in prompt.bare_debugging(*called)[1].content
    shown = prompt.bare_debugging(PROBLEM, *called[1:])[1].content
    assert shown.count("y" * 500 + "...") == 1 and "y" * 501 not in shown


def test_the_digest_that_adapters_are_trained_on_is_not_that_of_the_alternatives():
    ours = prompt.prompts_digest()
    assert ours == "2c8c89d5901a812d6853e29ad80a526c04ac9fba15ae483ffee6f1e980f01759"
    assert prompt.prompts_digest(with_alternatives=True) != ours


def test_prompts_digest_is_stable_and_hexadecimal():
    assert prompt.prompts_digest() == prompt.prompts_digest()
    assert len(bytes.fromhex(prompt.prompts_digest())) == 32


if __name__ == "__main__":
    for name, messages in prompts().items():
        (GOLDEN / f"prompt_{name}.txt").write_text(text(messages))
