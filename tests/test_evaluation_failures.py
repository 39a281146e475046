"""Classes and marks of attempts made by hand, and their counts over a real scripted run."""

import ast
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.agents import parse
from mapcoder_lite.curation.counterfactual import attributions
from mapcoder_lite.evaluation.diagnosis import (
    MEANINGS,
    FailureClass,
    Mark,
    Patch,
    diagnose,
)
from mapcoder_lite.evaluation.failures import FailureCount
from mapcoder_lite.evaluation.findings import Findings
from mapcoder_lite.evaluation.findings_tables import findings_tables
from mapcoder_lite.evaluation.mast import CATEGORIES, MODES, UNMAPPED
from mapcoder_lite.evaluation.metrics import measure
from mapcoder_lite.evaluation.sameness import is_hard_coded, normal_form
from mapcoder_lite.evaluation.verification import verify
from mapcoder_lite.jsonl import read_lines, write_lines
from mapcoder_lite.pocket.teacher import MistakeRates
from mapcoder_lite.problem import Language
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.trajectory import (
    Call,
    CallKind,
    Completion,
    FormatFailure,
    Grade,
    Message,
    Request,
    Role,
    Step,
    StopReason,
    Trajectory,
    Trial,
)
from mapcoder_lite.verdict import Isolation, Judgement, TestResult, Verdict
from pocket_run import known_puzzles, teacher_run
from test_cli_main import mapcoder

AC, WA, CE, TLE, SK, IE = (
    Verdict.AC,
    Verdict.WA,
    Verdict.CE,
    Verdict.TLE,
    Verdict.SK,
    Verdict.IE,
)
PYTHON = Language.PYTHON


def judged(verdict: Verdict, num_passed: int = 0, outputs: Sequence[str] = ("7",)) -> Judgement:
    return Judgement(
        verdict=verdict,
        num_run=len(outputs),
        num_total=len(outputs),
        num_passed=num_passed,
        results=tuple(
            TestResult(verdict=verdict, stdout_excerpt=text, stdout_sha256=text) for text in outputs
        ),
        isolation=Isolation(tier="none"),
    )


def call(kind: CallKind, text: str = "x", index: int | None = None, failure: str = "") -> Call:
    return Call(
        kind=kind,
        request=Request(messages=(Message(role="user", content="?"),)),
        completion=Completion(text=text, finish_reason="stop"),
        failure=FormatFailure(kind=failure, detail="") if failure else None,
        plan_index=index,
    )


def trial(
    program: str,
    verdict: Verdict = WA,
    plan: int | None = 0,
    round: int = 0,
    num_passed: int = 0,
    outputs: Sequence[str] = ("7",),
) -> Trial:
    judgement = judged(verdict, num_passed, outputs)
    return Trial(
        program=program, language=PYTHON, judgement=judgement, plan_index=plan, round=round
    )


def attempt(
    *steps: Step, stop: StopReason = StopReason.EXHAUSTED, program: str | None = None
) -> Trajectory:
    trials = [step for step in steps if isinstance(step, Trial)]
    best = max(trials, key=lambda t: t.judgement.num_passed).program if trials else None
    return Trajectory(problem_id="p", steps=steps, program=program or best, stop=stop)


def graded(verdict: Verdict | None) -> Grade:
    return Grade(problem_id="p", judgement=None if verdict is None else judged(verdict))


SOLVED = StopReason.SOLVED


@pytest.mark.parametrize(
    ("trajectory", "verdict", "expected"),
    [
        (attempt(stop=StopReason.NO_RECALL), None, FailureClass.UNREADABLE),
        (attempt(stop=StopReason.NO_PLAN), None, FailureClass.UNREADABLE),
        (attempt(stop=StopReason.LOST), None, FailureClass.UNREADABLE),
        (attempt(stop=StopReason.NO_PROGRAM), None, FailureClass.NO_PROGRAM),
        (attempt(stop=StopReason.TOO_LONG), None, FailureClass.TOO_LONG),
        (attempt(trial("a"), stop=StopReason.TOO_LONG), WA, FailureClass.TOO_LONG),
        (attempt(trial("a", CE)), CE, FailureClass.NOT_COMPILING),
        (attempt(trial("a", SK), stop=StopReason.UNTESTED), WA, FailureClass.UNTESTED),
        (attempt(trial("a"), program="never tried"), WA, FailureClass.UNTESTED),
        (attempt(trial("a")), WA, FailureClass.SAMPLES_FAILED),
        (attempt(trial("a"), trial("b", round=1)), WA, FailureClass.SAMPLES_FAILED),
        (attempt(trial("a"), trial("a", round=1)), WA, FailureClass.DEBUGGER_LOOP),
        (attempt(trial("a"), trial("a  # b", round=1)), WA, FailureClass.DEBUGGER_LOOP),
        (
            attempt(trial("a"), trial("b", round=1), trial("a", round=2)),
            WA,
            FailureClass.DEBUGGER_LOOP,
        ),
        (  # on the second plan debugging did not go round in circles
            attempt(
                *(trial("a"), trial("a", round=1)),
                *(trial("c", plan=1), trial("d", plan=1, round=1)),
            ),
            WA,
            FailureClass.SAMPLES_FAILED,
        ),
        (attempt(trial("a", AC, num_passed=1), stop=SOLVED), WA, FailureClass.OVERFITTED),
        (attempt(trial("a", AC, num_passed=1), stop=SOLVED), Verdict.RE, FailureClass.OVERFITTED),
        (attempt(trial("a", AC, num_passed=1), stop=SOLVED), TLE, FailureClass.OVER_LIMITS),
        (
            attempt(trial("print(7)", AC, num_passed=1), stop=SOLVED),
            WA,
            FailureClass.HARD_CODED,
        ),
        (attempt(trial("a", AC, num_passed=1), stop=SOLVED), AC, None),
    ],
)
def test_a_failed_attempt_has_the_first_class_that_fits(
    trajectory: Trajectory, verdict: Verdict | None, expected: FailureClass | None
):
    assert diagnose(trajectory, graded(verdict)).failure is expected


PLANS = (call(CallKind.PLAN, "1. sort", 0), call(CallKind.PLAN, "1. hash", 1))


@pytest.mark.parametrize(
    ("steps", "mark", "holds"),
    [
        ([call(CallKind.RETRIEVAL, failure="no_root")], Mark.UNREAD_REPLY, True),
        ([call(CallKind.RETRIEVAL)], Mark.UNREAD_REPLY, False),
        ([PLANS[0], call(CallKind.PLAN, "1.  sort\n", 1)], Mark.SAME_PLAN, True),
        (PLANS, Mark.SAME_PLAN, False),
        (PLANS, Mark.PLANS_LEFT, True),
        ([*PLANS, trial("a"), trial("b", plan=1)], Mark.PLANS_LEFT, False),
        (
            [*PLANS, trial("a"), call(CallKind.CODING, "no program", 1, failure="no_program")],
            Mark.PLANS_LEFT,
            False,
        ),
        ([trial("draft", plan=None), trial("a")], Mark.PLANS_FAIL_ALIKE, False),
        ([*PLANS, trial("a"), trial("a", plan=1)], Mark.SAME_PROGRAM, True),
        ([PLANS[0], trial("a"), trial("a", plan=1)], Mark.SAME_PROGRAM, False),
        ([trial("a"), trial("b", plan=1)], Mark.PLANS_FAIL_ALIKE, True),
        ([trial("a"), trial("b", plan=1, outputs=("8",))], Mark.PLANS_FAIL_ALIKE, False),
        ([trial("a"), trial("b", AC, plan=1)], Mark.PLANS_FAIL_ALIKE, False),
        ([trial("a"), trial("a", round=1)], Mark.IDLE_PATCH, True),
        ([trial("a"), trial("b", round=1), trial("a", round=2)], Mark.REPEATED_PATCH, True),
        ([trial("a"), trial("b", plan=1), trial("a", plan=1, round=1)], Mark.REPEATED_PATCH, True),
        ([trial("a", num_passed=1), trial("b", round=1)], Mark.HARMFUL_PATCH, True),
        ([trial("a"), trial("b", round=1)], Mark.DEBUGGING_WITHOUT_EFFECT, True),
        ([trial("a"), trial("b", TLE, round=1)], Mark.DEBUGGING_WITHOUT_EFFECT, False),
        ([trial("a")], Mark.DEBUGGING_WITHOUT_EFFECT, False),
    ],
)
def test_marks_say_what_stands_on_the_record(steps: Sequence[Step], mark: Mark, holds: bool):
    assert (mark in diagnose(attempt(*steps), graded(WA)).marks) is holds


def test_a_traversal_that_submits_the_worse_program_is_marked():
    worse = attempt(trial("a", num_passed=1), trial("b", round=1), program="b")
    assert Mark.BETTER_DROPPED in diagnose(worse, graded(WA)).marks
    assert Mark.BETTER_DROPPED not in diagnose(attempt(*worse.steps), graded(WA)).marks


def test_every_patch_is_compared_with_what_came_before_it():
    steps = [trial("a"), trial("a#", round=1), trial("b", round=2, num_passed=1)]
    patches = diagnose(attempt(*steps, trial("a", round=3)), graded(WA)).patches
    assert [p.patch for p in patches] == [Patch.IDLE, Patch.NEW, Patch.REPEATED]
    assert [p.gain for p in patches] == [0, 1, -1]


@settings(max_examples=50)
@given(st.text(max_size=60), st.sampled_from([PYTHON, Language.CPP]))
def test_no_text_is_too_odd_to_be_compared(text: str, language: Language):
    assert normal_form(f"{text}", language) == normal_form(text, language)
    assert not is_hard_coded(text, language, [])


def test_programs_written_anew_from_their_syntax_tree_are_the_same():
    programs = {puzzle.draft.program for puzzle in known_puzzles(20)}
    forms = {normal_form(program, PYTHON) for program in programs}
    assert len(forms) == len(programs)
    assert {normal_form(ast.unparse(ast.parse(p)), PYTHON) for p in programs} == forms
    assert not any(is_hard_coded(p, PYTHON, ["17", "1 2"]) for p in programs)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("x = 1", "x=1  # one", True),
        ("x = 1", "x = 2", False),
        ("if x:\n    y()", "if x:\n        y()", True),
        ("if x:\n    y()\nz()", "if x:\n    y()\n    z()", False),
        ("no Python at all", "no  Python\nat all", True),
        ("\0", "\0", True),
        ("(" * 3000, "(" * 3000, True),
    ],
)
def test_layout_and_comments_make_no_other_program(first: str, second: str, same: bool):
    assert (normal_form(first, PYTHON) == normal_form(second, PYTHON)) is same


@pytest.mark.parametrize(
    ("program", "outputs", "expected"),
    [
        ("print(7)", ["7"], True),
        ("n = int(input())\nprint(17 if n == 3 else 2)", ["17"], False),
        ("n = int(input())\nif n == 3:\n    print(17)\nelse:\n    print(2)", ["17", "2"], True),
        ("n = input()\nif n == '3':\n    print('1 2')", ["1 2\n"], True),
        ("n = input()\nif n == '3':\n    print(1, 2)", ["1 2\n"], True),
        ("n = input()\nprint('Yes') if n else print('No')", ["Yes", "No"], False),
        ("n = input()\nprint(-1)", ["-1"], False),
        ("import sys\nn = sys.stdin.read()\nprint(n)", ["17"], False),
        ("from sys import stdin\nprint(17)", ["17", "18"], False),
        ("def f(n):\n    return n", ["17"], False),
        ("def f(n):\n    print('')\n    return n", [""], False),
        ("import os\nif os.read(0, 9):\n    print('Yes')\nelse:\n    print('No')", ["Yes"], False),
        ("print('debug')\ndef f(n):\n    return n", ["17"], False),
        ("not Python", ["not Python"], False),
    ],
)
def test_a_program_that_prints_the_samples_outputs_is_hard_coded(
    program: str, outputs: list[str], expected: bool
):
    assert is_hard_coded(program, PYTHON, outputs) is expected
    assert not is_hard_coded(program, Language.CPP, outputs)


def test_units_that_the_judge_failed_on_are_not_counted():
    count = FailureCount()
    assert count.add(attempt(trial("a")), graded(IE)) is None
    assert count.add(attempt(trial("a")), graded(WA)) is not None
    found = count.result(has_intervals=True)
    assert (found.num_graded, found.num_failed) == (1, 1)


def test_calls_units_and_failed_units_of_a_format_failure_are_told_apart():
    unread = call(CallKind.CONFIDENCE, failure="no_root")
    count = FailureCount()
    count.add(attempt(unread, unread, trial("a")), graded(WA))
    count.add(attempt(unread, trial("a", AC, num_passed=1), stop=SOLVED), graded(AC))
    (found,) = count.result(has_intervals=False).formats
    assert (found.role, found.kind, found.failure) == (
        Role.PLANNING,
        CallKind.CONFIDENCE,
        "no_root",
    )
    assert (found.num_calls, found.num_units, found.num_failed_units) == (3, 2, 1)


def test_every_class_is_mapped_to_mast_or_said_not_to_be_and_every_mark_is_explained():
    shown = {word for mode in MODES for word in mode.shown_by}
    assert {one for one in FailureClass if one not in shown} == UNMAPPED.keys()
    assert MEANINGS.keys() == set(Mark)
    assert len(MODES) == 14
    assert {mode.category for mode in MODES} == set(CATEGORIES.values())
    assert all(mode.reason for mode in MODES)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rates = MistakeRates(0.3, 0.3, 0.6, 0.3, 0.8, 0.3, 0.5)
    return teacher_run(
        tmp_path_factory.mktemp("failing") / "erring", known_puzzles(16), rates=rates
    )


@pytest.fixture(scope="module")
def findings(run: Path) -> Findings:
    metrics = measure(run, confidence=parse.confidence)
    assert metrics.failures is not None and metrics.calibration is not None
    return Findings(metrics.failures, metrics.calibration)


def test_each_failed_unit_of_a_run_is_in_one_class(findings: Findings):
    failures = findings.failures
    assert failures.num_graded == 16
    assert 0 < failures.num_failed < 16
    counted = [one.share.num_passed for one in failures.classes]
    assert sum(counted) == failures.num_failed
    assert sum(sum(one.verdicts.values()) for one in failures.classes) == failures.num_failed
    assert all(one.share.num_total == failures.num_failed for one in failures.classes)
    assert failures.patches.num_judged > 0
    by_code = {mode.code: mode for mode in failures.mast}
    assert by_code["FM-1.4"].num_failed_units is None
    assert by_code["FM-1.1"].num_failed_units is not None


def test_the_plans_of_a_run_are_set_against_both_kinds_of_tests(findings: Findings):
    found = findings.calibration
    assert found.hidden is not None and found.public is not None
    assert found.public.num_plans >= found.hidden.num_plans > 0
    assert found.hidden.passed.num_passed <= 16 - findings.failures.num_failed


def test_the_tables_hold_every_class_that_occurs(findings: Findings):
    tables = findings_tables(findings.failures, findings.calibration)
    assert all(len(row) == len(t.columns) for t in tables for row in t.rows)
    rows = {row[0] for row in tables[0].rows}
    occurring = [one.failure for one in findings.failures.classes if one.share.num_passed]
    assert rows == set(occurring)


def test_of_a_run_that_is_not_graded_nothing_is_told(run: Path, tmp_path: Path):
    for path in run.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    facts = tmp_path / "problems.jsonl"
    lines = list(read_lines(facts, RunProblem))
    write_lines(facts, [line.model_copy(update={"num_hidden_tests": None}) for line in lines])
    metrics = measure(tmp_path, confidence=parse.confidence)
    assert (metrics.failures, metrics.calibration) == (None, None)
    assert findings_tables(None, None) == ()


def test_failures_and_confidences_are_saved_printed_and_verified(run: Path):
    done = mapcoder(run.parent, "report", run.name, "--json")
    told = json.loads(done.stdout)
    saved = json.loads((run / "metrics.json").read_text())
    assert saved == told
    assert told["failures"]["num_graded"] == 16
    assert told["calibration"]["hidden"]["num_plans"] > 0
    saved["failures"]["classes"][0]["share"]["num_passed"] += 1
    saved["calibration"]["hidden"]["brier"]["value"] += 0.001
    (run / "metrics.json").write_text(json.dumps(saved))
    assert [row.key for row in verify(run, parse.confidence, attributions).differing] == [
        *("failures.classes[0].share.num_passed", "calibration.hidden.brier.value"),
    ]
