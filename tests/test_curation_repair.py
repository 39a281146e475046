"""Repair: upstream replays, the blamed question is asked again, rows hold no guidance."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapcoder_lite import pipeline, runner
from mapcoder_lite.agents import prompt
from mapcoder_lite.config import Config
from mapcoder_lite.curation.examples import write_dataset
from mapcoder_lite.curation.failures import read_failures, tally
from mapcoder_lite.curation.repair import Repairer, corrected, question_of
from mapcoder_lite.curation.supervisor import ModelSupervisor
from mapcoder_lite.engine.replay import StoredEngine
from mapcoder_lite.errors import InputError, SandboxError
from mapcoder_lite.example import Blame, Correction, Example
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.problems import puzzles
from mapcoder_lite.pocket.supervisor import ErrorRates, SupervisorEngine
from mapcoder_lite.pocket.teacher import MistakeRates, TeacherEngine
from mapcoder_lite.problem import HiddenTests, Language, Test
from mapcoder_lite.runner import grade
from mapcoder_lite.settings import DatasetConfig
from mapcoder_lite.store import RunDirectory, RunHeader, Source, Unit
from mapcoder_lite.trajectory import (
    Call,
    Completion,
    Engine,
    FormatFailure,
    Grade,
    Request,
    Role,
    Sampling,
    StopReason,
    Trajectory,
    Watch,
)
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.verdict import Judgement, Verdict
from mapcoder_lite.work import Work

KNOWN = list(islice(puzzles("train", 1), 30))
PUZZLES = {puzzle.problem.id: puzzle for puzzle in KNOWN}
HIDDEN = {id: puzzle.hidden for id, puzzle in PUZZLES.items()}
NEVER_PASSED = {
    id: HiddenTests(problem_id=id, tests=(Test(input=tests.tests[0].input, outputs=("never",)),))
    for id, tests in HIDDEN.items()
}
DIALS = Dials(k=2, t=1)
WEAK = MistakeRates().times(3)


class Heard:
    """An engine that keeps all that it is asked."""

    def __init__(self, inner: Engine):
        self._inner = inner
        self.asked: list[Request] = []

    @property
    def identity(self) -> str:
        return self._inner.identity

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        self.asked.extend(requests)
        return self._inner.complete(requests, watch)

    def close(self) -> None:
        pass


class Says:
    """A supervisor whose word is a function."""

    name = "says"

    def __init__(self, word: Callable[[Trajectory, int], Blame | FormatFailure]):
        self._word = word

    def blame(self, problem: object, trajectory: Trajectory, round: int) -> Blame | FormatFailure:
        return self._word(trajectory, round)


class SpeechlessOfHidden:
    """A judge that fails wherever tests may not be shown."""

    def __init__(self, inner: SandboxJudge):
        self._inner = inner
        self.isolation = inner.isolation

    def judge(self, *given: object, show_tests: bool = True, **more: object) -> Judgement:
        said = self._inner.judge(*given, show_tests=show_tests, **more)
        return said if show_tests else said.model_copy(update={"verdict": Verdict.IE})


@pytest.fixture(scope="module")
def judge():
    with SandboxJudge(2) as judge:
        yield judge


@pytest.fixture(scope="module")
def failed(judge: SandboxJudge) -> dict[Unit, Trajectory]:
    teacher = TeacherEngine(KNOWN, WEAK)
    found: dict[Unit, Trajectory] = {}
    for puzzle in KNOWN:
        trajectory = pipeline.solve(puzzle.problem, teacher, judge, DIALS)
        if not grade(trajectory, puzzle.problem, puzzle.hidden, judge).is_passed:
            found[Unit(puzzle.problem.id, 0)] = trajectory
    assert len(found) > 8
    return found


def blame_of(trajectory: Trajectory, place: int, feedback: str = "Do better.") -> Blame:
    step = trajectory.steps[place]
    assert isinstance(step, Call)
    return Blame(call_index=place, role=step.role, reason="", feedback=feedback)


def first_call(trajectory: Trajectory, role: Role) -> int:
    return next(
        place
        for place, step in enumerate(trajectory.steps)
        if isinstance(step, Call) and step.role is role
    )


def repairer(
    failed: Mapping[Unit, Trajectory], judge: SandboxJudge, supervisor: object, live: Engine, **more
) -> Repairer:
    wanted = {"rounds": 2, "record": lambda _: None, "hidden": HIDDEN, **more}
    return Repairer(
        failed=failed, supervisor=supervisor, live=live, judge=judge, dials=DIALS, **wanted
    )


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(choice=st.integers(0, 10**6), feedback=st.text(min_size=1, max_size=40))
def test_upstream_replays_token_for_token_and_no_request_holds_guidance(
    choice: int, feedback: str, failed: dict[Unit, Trajectory], judge: SandboxJudge
):
    before = list(failed.values())[choice % len(failed)]
    places = [p for p, step in enumerate(before.steps) if isinstance(step, Call)]
    place = places[choice % len(places)]
    live = Heard(TeacherEngine(KNOWN, WEAK))
    blame = blame_of(before, place, feedback)
    after = corrected(PUZZLES[before.problem_id].problem, before, [blame], live, judge, DIALS)
    asked = question_of(before.steps[place].request)
    first = next(
        p for p in places if question_of(before.steps[p].request) == asked
    )  # of an answer that was asked for twice, both are given anew
    assert [s.model_dump(exclude={"judgement"}) for s in after.steps[:first]] == [
        s.model_dump(exclude={"judgement"}) for s in before.steps[:first]
    ]
    assert all(call.request.guidance is None for call in after.calls)
    assert question_of(after.steps[first].request) == asked
    guided = [request for request in live.asked if request.guidance is not None]
    assert {question_of(request) for request in guided} == {asked}
    assert {r.guidance for r in guided} == {prompt.guidance([feedback])}
    # What is live otherwise was never asked before.
    recorded = {call.request.key for call in before.calls}
    assert not recorded & {r.key for r in live.asked if r.guidance is None}


def test_a_blame_of_no_call_is_refused(failed: dict[Unit, Trajectory], judge: SandboxJudge):
    before = next(t for t in failed.values() if t.trials)
    for place in (len(before.steps), -1, before.steps.index(before.trials[0])):
        blame = Blame(call_index=place, role=Role.CODING, reason="", feedback="No.")
        with pytest.raises(ValueError, match="is no call"):
            corrected(KNOWN[0].problem, before, [blame], TeacherEngine(KNOWN), judge, DIALS)


def test_feedback_of_earlier_rounds_stays_in_force(
    failed: dict[Unit, Trajectory], judge: SandboxJudge
):
    unit, before = next((u, t) for u, t in failed.items() if t.stop is StopReason.EXHAUSTED)
    roles = [Role.PLANNING, Role.CODING, Role.CODING, Role.RETRIEVAL]
    corrections: list[Correction] = []
    live = Heard(TeacherEngine(KNOWN, MistakeRates(0, 0, 1, 0, 1, 1, 0, 1)))

    def word(trajectory: Trajectory, round: int) -> Blame:
        place = first_call(trajectory, roles[round - 1])
        return blame_of(trajectory, place, f"Word {round}.")

    again = repairer(
        failed,
        judge,
        Says(word),
        live,
        rounds=4,
        record=corrections.append,
        hidden=NEVER_PASSED,
    )
    after = again.solve(PUZZLES[unit.problem_id].problem, 0)
    assert [c.round for c in corrections] == [1, 2, 3, 4]
    assert not any(c.is_passed for c in corrections)
    plan = first_call(before, Role.PLANNING)
    assert plan in corrections[0].guided
    assert {plan, *corrections[1].guided} == {*corrections[1].guided}
    # The same question twice: the second time under both words.
    both = prompt.guidance(["Word 2.", "Word 3."])
    assert any(request.guidance == both for request in live.asked)
    assert first_call(after, Role.RETRIEVAL) in corrections[3].guided
    assert all(call.request.guidance is None for call in after.calls)


def test_a_supervisor_of_no_use_is_recorded_and_nobody_is_asked_again(
    failed: dict[Unit, Trajectory], judge: SandboxJudge
):
    failure = FormatFailure(kind="unknown_role", detail="'tester' is no agent")
    live, corrections = Heard(TeacherEngine(KNOWN)), list[Correction]()
    silent = Says(lambda trajectory, round: failure)
    again = repairer(failed, judge, silent, live, record=corrections.append)
    unit, before = next(iter(failed.items()))
    assert again.solve(PUZZLES[unit.problem_id].problem, 0) == before
    assert live.asked == []
    assert [(c.round, c.failure, c.blame, c.is_passed) for c in corrections] == [
        (1, failure, None, False)
    ]


def test_a_reply_that_changes_nothing_is_said_and_the_next_round_goes_on(
    failed: dict[Unit, Trajectory], judge: SandboxJudge
):
    unit, before = next((u, t) for u, t in failed.items() if t.stop is StopReason.EXHAUSTED)
    recorded = {call.request.key: call.completion for call in before.calls}

    class Stubborn:
        identity = "stubborn"

        def complete(self, requests: Sequence[Request], watch: Watch | None = None):
            return [recorded[request.key] for request in requests]

        def close(self) -> None:
            pass

    corrections: list[Correction] = []
    supervisor = Says(lambda t, round: blame_of(t, first_call(t, Role.RETRIEVAL)))
    again = repairer(failed, judge, supervisor, Stubborn(), record=corrections.append)
    after = again.solve(PUZZLES[unit.problem_id].problem, 0)
    assert [call.completion for call in after.calls] == [call.completion for call in before.calls]
    assert [(c.round, c.is_changed, c.is_passed) for c in corrections] == [
        (1, False, False),
        (2, False, False),
    ]


def test_no_hidden_test_is_in_any_prompt(failed: dict[Unit, Trajectory], judge: SandboxJudge):
    supervising = Heard(SupervisorEngine(KNOWN, ErrorRates(0.3, 0.3)))
    live = Heard(TeacherEngine(KNOWN, WEAK))
    again = repairer(failed, judge, ModelSupervisor(supervising, Sampling()), live, rounds=3)
    for unit in failed:
        again.solve(PUZZLES[unit.problem_id].problem, unit.sample)
    checked = 0
    for request in [*supervising.asked, *live.asked]:
        text = request.messages_sent[-1].content
        puzzle = next(p for p in KNOWN if p.problem.statement in text)
        shown = {test.input for test in puzzle.problem.public_tests}
        for test in puzzle.hidden.tests:
            if test.input not in shown and len(test.input) > 12:
                checked += 1
                assert test.input.strip() not in text
    assert checked > 1000
    assert len(supervising.asked) >= len(failed)


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory, failed, judge: SandboxJudge):
    """A run directory of repaired attempts, as the command makes it."""
    path = tmp_path_factory.mktemp("runs") / "student-repaired"
    problems = tuple(PUZZLES[unit.problem_id].problem for unit in failed)
    work = Work(problems, HIDDEN, tuple(failed))
    with opened(path, work) as directory:
        assert directory.corrections is not None
        again = repairer(
            failed,
            judge,
            ModelSupervisor(StoredEngine(SupervisorEngine(KNOWN), directory.calls), Sampling()),
            StoredEngine(TeacherEngine(KNOWN, WEAK), directory.calls),
            record=directory.corrections.append,
        )
        worker = runner.Worker(work, again.solve, judge)
        runner.examine(judge, Language.PYTHON, directory)
        assert runner.run(work, runner.Threads(worker, 2), directory).is_complete
    return path


def opened(path, work: Work, **changes: object) -> RunDirectory:
    config = Config()
    header = RunHeader(
        config=config,
        config_digest=config.digest,
        problems_digest=work.digest,
        engine_identity="weak",
        source=Source(run="student", trajectories="ab", grades="cd"),
        supervisor_identity="scripted",
        version="test",
    )
    return RunDirectory(path, header.model_copy(update=changes), work.facts())


def test_guidance_is_in_no_row_and_every_row_is_a_reply_of_a_repaired_attempt(repaired, tmp_path):
    corrections = list(read_lines(repaired / "corrections.jsonl", Correction))
    trajectories = {
        t.problem_id: t for t in read_lines(repaired / "trajectories.jsonl", Trajectory)
    }
    write_dataset([repaired], tmp_path / "rows", DatasetConfig())
    files = [f"{part}{role}.jsonl" for role in Role for part in ("", "validation/")]
    rows = [row for name in files for row in read_lines(tmp_path / "rows" / name, Example)]
    said = {c.blame.feedback for c in corrections if c.blame}
    last = {c.problem_id: c for c in corrections}
    guided = 0
    assert said
    for row in rows:
        origin = row.provenance
        step = trajectories[origin.problem_id].steps[origin.call_index]
        assert isinstance(step, Call)
        assert row.prompt == step.request.messages
        asked = "\n".join(message.content for message in row.prompt)
        assert prompt.GUIDANCE not in asked
        assert not any(feedback in asked for feedback in said)
        assert origin.is_guided == (origin.call_index in last[origin.problem_id].guided)
        guided += origin.is_guided
        assert last[origin.problem_id].is_passed
    assert guided > 3


def test_what_was_guided_says_so_in_the_calls_that_were_paid_for(repaired):
    directory_calls = (repaired / "calls.jsonl").read_text()
    assert prompt.GUIDANCE in directory_calls
    assert prompt.GUIDANCE not in (repaired / "trajectories.jsonl").read_text()


def test_the_tally_adds_up(repaired):
    corrections = list(read_lines(repaired / "corrections.jsonl", Correction))
    grades = list(read_lines(repaired / "grades.jsonl", Grade))
    found = tally(corrections, grades)
    assert found.num_failed == len(grades)
    assert 0 < found.num_repaired == sum(g.is_passed for g in grades) < found.num_failed
    assert sum(found.num_repaired_by_round.values()) == found.num_repaired
    assert sum(blamed.num_passed for blamed in found.roles.values()) == found.num_repaired
    num_rounds = sum(blamed.num_rounds for blamed in found.roles.values())
    assert num_rounds + sum(found.unusable.values()) == len(corrections)
    assert {c.problem_id for c in corrections} == {g.problem_id for g in grades}


def test_a_judge_that_fails_in_a_round_says_nothing_of_the_program(
    failed: dict[Unit, Trajectory], judge: SandboxJudge
):
    unit = next(u for u, t in failed.items() if t.stop is StopReason.EXHAUSTED)
    corrections: list[Correction] = []
    supervisor = Says(lambda t, round: blame_of(t, first_call(t, Role.CODING)))
    again = repairer(
        failed,
        SpeechlessOfHidden(judge),
        supervisor,
        TeacherEngine(KNOWN),
        record=corrections.append,
    )
    with pytest.raises(SandboxError, match="says nothing of the program"):
        again.solve(PUZZLES[unit.problem_id].problem, 0)
    assert corrections == []


def test_corrections_of_an_unfinished_unit_are_forgotten(repaired, tmp_path):
    import shutil

    path = tmp_path / "student-repaired"
    shutil.copytree(repaired, path)
    lines = (path / "trajectories.jsonl").read_bytes().splitlines(keepends=True)
    (path / "trajectories.jsonl").write_bytes(b"".join(lines[:-1]))
    gone = Trajectory.model_validate_json(lines[-1]).problem_id
    problems = tuple(p.problem for p in KNOWN if Unit(p.problem.id, 0) in _units(repaired))
    ids = [t.problem_id for t in read_lines(repaired / "trajectories.jsonl", Trajectory)]
    work = Work(tuple(p for p in problems if p.id in ids), HIDDEN, tuple(_units(repaired)))
    with opened(path, work):
        kept = {c.problem_id for c in read_lines(path / "corrections.jsonl", Correction)}
    assert gone not in kept
    assert len(kept) == len(ids) - 1
    assert "corrections.jsonl: dropped" in (path / "log.txt").read_text()


def _units(path) -> list[Unit]:
    return [Unit(t.problem_id, 0) for t in read_lines(path / "trajectories.jsonl", Trajectory)]


def test_a_run_that_is_not_complete_is_refused(repaired, tmp_path):
    with pytest.raises(InputError, match="not a complete run"):
        (tmp_path / "config.json").write_text((repaired / "config.json").read_text())
        read_failures(tmp_path)
