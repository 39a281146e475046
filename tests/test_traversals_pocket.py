"""Every traversal on the true path: the scripted teacher, the sandbox, curation's readers."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from mapcoder_lite import config, pipeline
from mapcoder_lite.agents.prompt import prompts_digest
from mapcoder_lite.cli.sitting import header
from mapcoder_lite.curation.outcomes import outcomes
from mapcoder_lite.curation.repair import corrected
from mapcoder_lite.curation.steps import steps_that_count
from mapcoder_lite.curation.supervisor import ModelSupervisor
from mapcoder_lite.example import Blame
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.problems import Puzzle, puzzles
from mapcoder_lite.pocket.supervisor import ErrorRates, SupervisorEngine, culprit, wrong_steps
from mapcoder_lite.pocket.teacher import MistakeRates, TeacherEngine
from mapcoder_lite.pocket.truth import Truth, by_judge, truths
from mapcoder_lite.pocket.world import problem_set
from mapcoder_lite.store import RunHeader
from mapcoder_lite.trajectory import Call, CallKind, Sampling, StopReason, Trajectory
from mapcoder_lite.traversal import Defect, TraversalName
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.work import samples_of
from test_cli_main import mapcoder

KNOWN = list(islice(puzzles("train", 9), 6))
NEVER = MistakeRates(0, 0, 0, 0, 0, 0, 0)
WEAK = MistakeRates().times(3)
ALONE = {TraversalName.DIRECT, TraversalName.COT, TraversalName.ANALOGICAL}
OTHERS = [name for name in TraversalName if name is not TraversalName.MAPCODER]

Attempt = tuple[Puzzle, Trajectory]


@pytest.fixture(scope="module")
def judge() -> Iterator[SandboxJudge]:
    with SandboxJudge(2) as judge:
        yield judge


def dials(name: TraversalName) -> Dials:
    is_original = name is TraversalName.ORIGINAL
    return Dials(k=2, t=1, traversal=name, defects=frozenset(Defect if is_original else ()))


def attempts(name: TraversalName, rates: MistakeRates, judge: SandboxJudge) -> list[Attempt]:
    teacher = TeacherEngine(KNOWN, rates)
    return [(p, pipeline.solve(p.problem, teacher, judge, dials(name))) for p in KNOWN]


@pytest.fixture(scope="module")
def weak(judge: SandboxJudge) -> dict[TraversalName, list[Attempt]]:
    """Attempts of a teacher that errs thrice as often as usual."""
    return {name: attempts(name, WEAK, judge) for name in OTHERS}


@pytest.mark.parametrize("name", OTHERS)
def test_without_mistakes_every_puzzle_is_solved_at_once(name: TraversalName, judge: SandboxJudge):
    alone = 1 if name in ALONE | {TraversalName.DRAFT_FIRST} else 2
    least = 6 if name in (TraversalName.ORIGINAL, TraversalName.TRACED) else alone
    for puzzle, found in attempts(name, NEVER, judge):
        assert found.stop is StopReason.SOLVED
        assert len(found.calls) == least
        assert wrong_steps(puzzle, found) == []


def test_mistakes_show_and_are_read_by_everybody(
    weak: dict[TraversalName, list[Attempt]], judge: SandboxJudge
):
    passes = by_judge(judge)
    seen = {
        (step.kind, step.truth)
        for name in (TraversalName.TRACED, TraversalName.SELF_PLANNING)
        for puzzle, trajectory in weak[name]
        for step in truths(trajectory, puzzle, passes)
    }
    assert {(CallKind.TRACE, Truth.RIGHT), (CallKind.TRACE, Truth.WRONG)} <= seen
    for found in weak.values():
        for _, trajectory in found:
            learned = set(steps_that_count(trajectory))
            good = {one.position for one in outcomes(trajectory, has_passed=True) if one.is_good}
            assert good == learned
            if trajectory.program in [trial.program for trial in trajectory.trials]:
                assert learned


def test_a_supervisor_that_never_errs_blames_the_culprit(
    weak: dict[TraversalName, list[Attempt]],
):
    always = ModelSupervisor(SupervisorEngine(KNOWN, ErrorRates(0, 0)), Sampling())
    kinds: set[CallKind] = set()
    for found in weak.values():
        for puzzle, trajectory in found:
            place = culprit(puzzle, trajectory)
            if place is None:
                continue
            blame = always.blame(puzzle.problem, trajectory, 1)
            assert isinstance(blame, Blame) and blame.call_index == place
            call = trajectory.steps[place]
            assert isinstance(call, Call)
            kinds.add(call.kind)
    assert {CallKind.CODING, CallKind.PLAN} <= kinds


def test_a_trace_that_spoils_a_right_plan_is_the_culprit(judge: SandboxJudge):
    spoiling = MistakeRates(0, 0, 0, 1, 0, 0, 1)
    failed = [
        (puzzle, found)
        for puzzle, found in attempts(TraversalName.TRACED, spoiling, judge)[:4]
        if found.stop is StopReason.EXHAUSTED
    ]
    assert failed
    for puzzle, found in failed:
        place = culprit(puzzle, found)
        assert place is not None
        call = found.steps[place]
        assert isinstance(call, Call) and call.kind is CallKind.TRACE


@pytest.mark.parametrize("name", OTHERS)
def test_a_repair_replays_what_is_upstream(
    name: TraversalName, weak: dict[TraversalName, list[Attempt]], judge: SandboxJudge
):
    puzzle, trajectory = next(
        pair for pair in weak[name] if pair[1].stop is not StopReason.SOLVED and pair[1].calls
    )
    place = max(i for i, step in enumerate(trajectory.steps) if isinstance(step, Call))
    call = trajectory.steps[place]
    assert isinstance(call, Call)
    blame = Blame(call_index=place, role=call.role, reason="wrong", feedback="Think again.")
    live = TeacherEngine(KNOWN, NEVER)
    again = corrected(puzzle.problem, trajectory, [blame], live, judge, dials(name))
    assert again.calls[0].request == trajectory.calls[0].request
    asked = [one.request.messages for one in trajectory.calls].index(call.request.messages)
    assert again.calls[:asked] == trajectory.calls[:asked]


def test_direct_passes_less_often_than_the_agents(
    weak: dict[TraversalName, list[Attempt]],
):
    solved = {
        name: sum(found.stop is StopReason.SOLVED for _, found in some)
        for name, some in weak.items()
    }
    assert solved[TraversalName.DIRECT] < solved[TraversalName.DRAFT_FIRST]


QUICK = ["-s", "engine.kind=teacher", "-s", "judge.workers=1", "-s", "judge.speed_factor=1"]


def test_a_run_is_of_one_traversal_and_says_which_prompts_it_asks():
    work = samples_of([KNOWN[0].problem])
    teacher = TeacherEngine(KNOWN)

    def head(name: str) -> RunHeader:
        return header(config.load((), [f"traversal.name={name}"]), work, teacher)

    ours, direct = head("mapcoder"), head("direct")
    assert config.differences(ours.config, direct.config) == (
        "traversal.name: 'mapcoder' -> 'direct'",
    )
    assert ours.config_digest != direct.config_digest
    assert ours.prompts_digest == prompts_digest()
    assert direct.prompts_digest == prompts_digest(with_alternatives=True)


def test_solve_takes_a_traversal_and_refuses_defects_that_are_not_its(tmp_path: Path):
    problem = next(problem_set("test")).problem
    (tmp_path / "one.json").write_text(problem.model_dump_json())
    words = ["solve", "one.json", *QUICK, "-s", "traversal.name=self_planning"]
    done = mapcoder(tmp_path, *words)
    assert done.code in (0, 1) and "plan 1" in done.stderr and "retrieval" not in done.stderr
    assert done.stdout
    refused = mapcoder(tmp_path, *words, "-s", "traversal.defects=[]")
    assert refused.code == 2 and "set traversal.name=original" in refused.stderr
