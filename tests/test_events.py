"""The events of an attempt: numbered, in order, ended by one last word, and enough to show all."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.errors import Cancelled, EngineError
from mapcoder_lite.events import EVENT, Event, Listener, StageDelta, Teller, run_id
from mapcoder_lite.pipeline import HINT, PLAN, debug_task, solve, work_on
from mapcoder_lite.pocket.teacher import MistakeRates, TeacherEngine
from mapcoder_lite.problem import Problem, Test
from mapcoder_lite.trajectory import (
    Call,
    Cancellation,
    Completion,
    Engine,
    Request,
    Retry,
    Trajectory,
    Watch,
)
from mapcoder_lite.traversal import TraversalName
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.verdict import Isolation, Judgement, TestResult, Verdict
from pocket_run import known_puzzles
from traversal_doubles import PROBLEM

PUZZLES = known_puzzles(4)
MANY = MistakeRates(0.2, 0.3, 0.5, 0.4, 0.7, 0.2, 0.4)


@dataclass
class Told:
    """Everything that was told."""

    events: list[Event] = field(default_factory=list)
    calls: dict[int, Call] = field(default_factory=dict)

    def hear(self, event: Event, call: Call | None) -> None:
        self.events.append(event)
        if call is not None and event.kind == "stage.finished":
            self.calls[event.stage] = call

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


def teller_of(told: Told) -> Teller:
    listener: Listener = told.hear
    return Teller(listener)


TWO = Dials(k=2, t=2)


def solved(
    problem: Problem, engine: Engine, dials: Dials = TWO, seed: int = 0
) -> tuple[Told, Trajectory]:
    told = Told()
    trajectory = solve(problem, engine, KnowingJudge(), dials, sample=seed, teller=teller_of(told))
    return told, trajectory


class KnowingJudge:
    """A judge that accepts the puzzles' own programs; any other passes the first test alone."""

    isolation = Isolation(tier="none")

    def judge(
        self, program: str, language: object, tests: Sequence[Test], **_: object
    ) -> Judgement:
        is_right = program in {puzzle.draft.program for puzzle in PUZZLES}
        verdicts = [Verdict.AC, *[Verdict.AC if is_right else Verdict.WA] * (len(tests) - 1)]
        return Judgement(
            verdict=verdicts[-1],
            num_run=len(tests),
            num_total=len(tests),
            num_passed=verdicts.count(Verdict.AC),
            results=tuple(TestResult(verdict=verdict) for verdict in verdicts),
            isolation=self.isolation,
        )

    def close(self) -> None:
        pass


@dataclass
class Failing:
    """An engine that answers a number of batches, then does something else."""

    inner: Engine
    num_good: int
    then: Callable[[], None]
    identity: str = "failing"

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        if self.num_good == 0:
            self.then()
        self.num_good -= 1
        return self.inner.complete(requests, watch)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("traversal", "seed"), list(product([t for t in TraversalName if t != "traced"], range(2)))
)
def test_events_are_whole_and_in_order(traversal: TraversalName, seed: int):
    dials = Dials(k=2, t=2, traversal=traversal)
    for puzzle in PUZZLES[:2]:
        engine = TeacherEngine(PUZZLES, MANY)
        told, trajectory = solved(puzzle.problem, engine, dials, seed)
        assert [event.n for event in told.events] == list(range(1, len(told.events) + 1))
        assert told.kinds[0] == "run.started"
        assert told.kinds[-1] == "run.finished"
        assert told.kinds.count("run.finished") == 1
        assert {event.run for event in told.events} == {told.events[0].run}
        assert all(a.ts <= b.ts for a, b in pairwise(told.events))
        assert tuple(told.calls[n] for n in sorted(told.calls)) == trajectory.calls
        assert len(told.of("code.version")) == len(trajectory.trials)
        finished = told.events[-1]
        assert finished.program == trajectory.program
        assert finished.stop == trajectory.stop
        assert finished.totals.calls == len(trajectory.calls)
        assert sum(agent.calls for agent in finished.agents.values()) == len(trajectory.calls)
        unheard = solve(puzzle.problem, engine, KnowingJudge(), dials, sample=seed)
        assert unheard.steps == trajectory.steps


def test_the_texts_of_a_stage_are_its_reply():
    told, _ = solved(PUZZLES[0].problem, TeacherEngine(PUZZLES, MANY))
    for stage, call in told.calls.items():
        texts = [e.text for e in told.events if isinstance(e, StageDelta) and e.stage == stage]
        assert "".join(texts) == call.completion.text
    for event in told.events:
        assert EVENT.validate_json(event.model_dump_json()) == event


def test_plans_are_told_in_the_order_of_trial_and_diffs_by_plan():
    told, trajectory = solved(PUZZLES[1].problem, TeacherEngine(PUZZLES, MANY), Dials(k=3, t=2))
    scored = told.of("plan.scored")
    sureness = [event.confidence or 0 for event in scored]
    assert sureness == sorted(sureness, reverse=True)
    assert [event.rank for event in scored] == [1, 2, 3][: len(scored)]
    for event, trial in zip(told.of("code.version"), trajectory.trials, strict=True):
        assert (event.program, event.plan, event.round) == (
            trial.program,
            trial.plan_index,
            trial.round,
        )
        assert (event.diff is None) == (trial.round == 0)
    rounds = [event.round for event in told.of("debug.round")]
    debugging = [e for e in told.of("stage.started") if e.agent == "debugging" and e.ask == 1]
    assert rounds == [event.round for event in debugging]


def test_a_reply_that_cannot_be_read_is_told_with_its_place():
    broken = "<root>\n<problem>\n<description>x</problem></description>\n</root>"

    @dataclass
    class Broken:
        identity: str = "broken"

        def complete(
            self, requests: Sequence[Request], watch: Watch | None = None
        ) -> list[Completion]:
            return [Completion(text=broken, finish_reason="stop") for _ in requests]

        def close(self) -> None:
            pass

    told, _ = solved(PROBLEM, Broken())
    first, second = told.of("format.failure")
    assert (first.failure, first.is_final, second.is_final) == ("mismatched_tag", False, True)
    assert first.position == broken.index("</problem>")
    assert [event.format_ok for event in told.of("stage.finished")] == [False, False]
    assert told.events[-1].status == "failed"
    assert told.events[-1].exit_code == 4


def test_a_cut_reply_is_warned_of():
    class Cut(TeacherEngine):
        def _completion(self, request: Request) -> Completion:
            whole = super()._completion(request)
            return whole.model_copy(update={"finish_reason": "length"})

    told, _ = solved(PUZZLES[0].problem, Cut(PUZZLES))
    warning = told.of("budget.warning")[0]
    assert (warning.what, warning.stage) == ("reply_tokens", 1)
    assert warning.limit == Dials().sampling.max_tokens


def test_what_the_house_does_wrong_is_told_and_raised():
    def fail() -> None:
        raise EngineError("the server is gone")

    told = Told()
    engine = Failing(TeacherEngine(PUZZLES, MistakeRates().times(0)), 2, fail)
    with pytest.raises(EngineError):
        solve(
            PUZZLES[0].problem,
            engine,
            KnowingJudge(),
            Dials(k=2),
            teller=teller_of(told),
        )
    error, finished = told.events[-2:]
    assert (error.kind, error.message, error.exit_code) == ("error", "the server is gone", 3)
    assert (finished.status, finished.exit_code, finished.totals.calls) == ("error", 3, 3)


def test_an_attempt_that_is_called_off_ends_as_cancelled():
    cancellation, told = Cancellation(), Told()
    perfect = TeacherEngine(PUZZLES, MistakeRates().times(0))
    engine = Failing(perfect, 3, cancellation.cancel)  # the coding call
    with pytest.raises(Cancelled):
        solve(
            PUZZLES[0].problem,
            engine,
            KnowingJudge(),
            Dials(k=1),
            teller=teller_of(told),
            cancellation=cancellation,
        )
    assert told.kinds[-1] == "run.finished"
    assert told.events[-1].status == "cancelled"
    assert "error" not in told.kinds


def test_a_retry_is_told_with_its_stage():
    @dataclass
    class Retrying:
        inner: Engine
        identity: str = "retrying"

        def complete(
            self, requests: Sequence[Request], watch: Watch | None = None
        ) -> list[Completion]:
            assert watch is not None and watch.on_retry is not None
            watch.of([len(requests) - 1]).on_retry(0, Retry("busy", 0.5))  # type: ignore[misc]
            return self.inner.complete(requests, watch)

        def close(self) -> None:
            pass

    perfect = TeacherEngine(PUZZLES, MistakeRates().times(0))
    told, _ = solved(PUZZLES[0].problem, Retrying(perfect))
    retries = told.of("backend.retry")
    assert [event.stage for event in retries[:2]] == [1, 3]  # the last of each batch
    assert retries[0].wait_seconds == 0.5


def test_hints_and_plans_end_answered_without_a_program():
    engine = TeacherEngine(PUZZLES, MistakeRates().times(0))
    for task, kinds in ((HINT, {"retrieval"}), (PLAN, {"retrieval", "planning"})):
        told = Told()
        work_on(
            task, PUZZLES[0].problem, engine, KnowingJudge(), Dials(k=2), teller=teller_of(told)
        )
        assert told.events[0].task == task.name
        assert told.events[-1].status == "answered"
        assert {event.agent.value for event in told.of("stage.finished")} == kinds
    answer = told.of("stage.finished")[0].answer
    assert answer["algorithm"] == PUZZLES[0].family.algorithm


def test_ones_own_program_is_debugged_by_the_debugging_agent_alone():
    told = Told()
    task = debug_task("print(0)")
    trajectory = work_on(
        task,
        PUZZLES[2].problem,
        TeacherEngine(PUZZLES, MistakeRates().times(0)),
        KnowingJudge(),
        Dials(t=2),
        teller=teller_of(told),
    )
    assert {call.role.value for call in trajectory.calls} <= {"debugging"}
    assert told.of("code.version")[0].program == "print(0)"


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_hostile_text_stays_one_line_of_json(texts: list[str]):
    lines: list[str] = []
    teller = Teller(lambda event, _: lines.append(event.model_dump_json()))
    for text in texts:
        teller.tell(StageDelta(stage=1, text=text))
    assert [json.loads(line)["text"] for line in lines] == texts
    assert all("\n" not in line for line in lines)


def test_run_ids_sort_by_time():
    ids = [run_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(len(run) == 26 for run in ids)
    assert [run[:10] for run in ids] == sorted(run[:10] for run in ids)
