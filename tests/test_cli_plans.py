"""`mapcoder plans`: what failed attempts dropped, on a real run and on attempts made by hand."""

from pathlib import Path

import pytest

from mapcoder_lite.agents import parse
from mapcoder_lite.calls import StoredCall
from mapcoder_lite.curation.discarded import (
    OF_FAILED,
    OF_PASSED,
    PlansTable,
    Tried,
    dropped_programs,
    order_of,
    plans_left,
)
from mapcoder_lite.evaluation.forecast_supervisors import SupervisorsForecast
from mapcoder_lite.jsonl import read_lines, read_record, write_lines
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import CallKind, Grade, StopReason, Trajectory
from scripted_runs import known_puzzles
from test_cli_main import Done, mapcoder
from test_evaluation_failures import AC, attempt, call, trial

STUDENT = """
[engine]
kind = "teacher"
mistakes = 3.0
[traversal]
k = 3
t = 1
[run]
problems = "problems.jsonl"
hidden_tests = "hidden_tests.jsonl"
[judge]
workers = 2
"""
PLANS = ("plans", "runs/student")
LIVE = (*PLANS, "--live", "--all")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    known = known_puzzles(10)
    write_lines(folder / "problems.jsonl", [puzzle.problem for puzzle in known])
    write_lines(folder / "hidden_tests.jsonl", [puzzle.hidden for puzzle in known])
    (folder / "student.toml").write_text(STUDENT)
    assert mapcoder(folder, "run", "-c", "student.toml", "--name", "student").code == 0
    return folder


@pytest.fixture(scope="module")
def live(world: Path) -> Done:
    bounded = mapcoder(world, *LIVE, "-s", "budget.calls=1")
    assert bounded.code == 7, bounded.stderr
    return mapcoder(world, *LIVE)


def table_of(world: Path) -> PlansTable:
    return read_record(world / "runs" / "student" / "plans.json", PlansTable)


def test_from_the_records_alone_nobody_is_asked(world: Path):
    done = mapcoder(world, *PLANS, "--name", "dropped", "--json")
    assert done.code == 0, done.stderr
    table = PlansTable.model_validate_json(done.stdout)
    assert table.num_plans_tried == table.num_plans_pass == 0
    assert table.order is None
    folder = world / "runs" / "student" / "dropped"
    assert not (folder / OF_FAILED).exists()
    if table.num_programs:
        assert not list(read_lines(folder / "programs" / "calls.jsonl", StoredCall))
        grades = list(read_lines(folder / "programs" / "grades.jsonl", Grade))
        assert len(grades) == table.num_programs


def test_plans_that_were_left_are_tried_with_the_attempts_own_draws(world: Path, live: Done):
    assert live.code == 0, live.stderr
    table, run = table_of(world), world / "runs" / "student"
    assert table.num_plans_tried == table.num_plans_left > 0
    assert table.order is not None
    assert table.order.num_any >= max(table.order.num_surest, table.order.num_recalled)
    assert table.order.num_attempts > 0
    asked = list(read_lines(run / "plans" / OF_FAILED / "calls.jsonl", StoredCall))
    assert asked and {c.request.adapter for c in asked} <= {"coding", "debugging"}
    assert {c.request.sample for c in asked} == {0}
    recorded = {c.key for c in read_lines(run / "calls.jsonl", StoredCall)}
    assert recorded.isdisjoint(c.key for c in asked)  # what is recorded is not asked again
    saved = {Unit(f.problem_id, f.sample) for f in table.finds}
    assert len(saved) == table.num_either
    for kept in read_lines(run / "plans" / OF_FAILED / "trajectories.jsonl", Trajectory):
        (first, *_) = (c for c in kept.calls if c.kind is CallKind.CODING)
        assert first.plan_index == kept.sample % 10_000  # it was tried first indeed


def test_the_same_command_again_asks_nothing(world: Path, live: Done):
    files = list((world / "runs" / "student" / "plans").glob("*/*.jsonl"))
    before = {path: path.stat().st_size for path in files}
    again = mapcoder(world, *LIVE)
    assert again.stdout == live.stdout
    assert {path: path.stat().st_size for path in files} == before
    # Less is a part of it.
    assert mapcoder(world, *PLANS, "--live").code == 0
    assert {path: path.stat().st_size for path in files} == before


def test_a_dry_run_bounds_the_calls(world: Path, live: Done):
    words = (*LIVE, "--dry-run", "--json")
    found = SupervisorsForecast.model_validate_json(mapcoder(world, *words, "--name", "dry").stdout)
    assert not (world / "runs" / "student" / "dry").exists()
    for stage in found.stages:
        folder = world / "runs" / "student" / "plans" / stage.stage
        calls = list(read_lines(folder / "calls.jsonl", StoredCall))
        first = [c for c in calls if c.request.attempt % 2 == 0]
        assert stage.calls.low <= len(first) <= stage.calls.high
    assert [stage.stage for stage in found.stages] == [OF_FAILED, OF_PASSED]
    owed = SupervisorsForecast.model_validate_json(mapcoder(world, *words).stdout)
    assert owed.calls.high == 0


def test_what_cannot_be_done_is_refused(world: Path):
    done = mapcoder(world, *PLANS, "--all")
    assert (done.code, done.stdout) == (2, "")
    assert "it needs --live" in done.stderr
    assert mapcoder(world, "plans", "runs/nowhere").code == 6


def sure(index: int, confidence: int):
    return call(CallKind.CONFIDENCE, parse.render_confidence(confidence, "Yes."), index)


def coded(index: int):
    return call(CallKind.CODING, "x", index)


FAILED = attempt(
    *(sure(0, 20), sure(1, 90), sure(2, 50)),
    *(coded(1), trial("a", plan=1), trial("b", plan=1, round=1), trial("a", plan=1, round=2)),
    *(coded(2), trial("b", plan=2), trial("c", AC, plan=2, round=1, num_passed=1)),
    stop=StopReason.SOLVED,
)
UNIT = Unit("p", 0)


def planned(index: int, text: str):
    return call(CallKind.PLAN, text, index)


def test_each_dropped_program_is_judged_once_and_the_submitted_one_not_again():
    assert [unit.sample for unit in dropped_programs({UNIT: FAILED})] == [4, 5]


def test_a_plan_is_left_when_it_was_never_coded():
    assert plans_left({UNIT: FAILED}) == [Unit("p", 0)]
    other = Unit("p", 3)
    assert plans_left({other: FAILED.model_copy(update={"sample": 3})}) == [Unit("p", 30_000)]
    assert plans_left({UNIT: attempt(trial("a", plan=0))}) == []  # no confidence: no ranking


def test_a_plan_that_was_coded_under_another_number_is_not_left():
    same = [planned(0, "1. sort"), planned(1, "1. sort\n"), planned(2, "1. hash")]
    twins = FAILED.model_copy(update={"steps": (*same, *FAILED.steps)})
    assert plans_left({UNIT: twins}) == []
    order = order_of({UNIT: twins}, {UNIT}, [])
    assert (order.num_attempts, order.num_surest, order.num_recalled, order.num_any) == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("recalled_works", "passed", "expected"),
    [(True, set[Unit](), (0, 1, 1)), (False, set[Unit](), (0, 0, 0)), (False, {UNIT}, (0, 0, 1))],
)
def test_the_order_counts_which_first_plan_works(
    recalled_works: bool, passed: set[Unit], expected: tuple[int, int, int]
):
    tried = [Tried(UNIT, 0, recalled_works, recalled_works)]
    order = order_of({UNIT: FAILED}, passed, tried)
    assert (order.num_surest, order.num_recalled, order.num_any) == expected
    assert order.num_attempts == 1
    assert order_of({UNIT: FAILED}, passed, []).num_attempts == 0  # plan 0 is not known
