"""The mapcoder traversal over an engine double that answers by kind of call, and a judge double."""

import pytest

from mapcoder_lite.errors import EngineError, PromptTooLong, SandboxError
from mapcoder_lite.events import Teller
from mapcoder_lite.pipeline import solve
from mapcoder_lite.trajectory import (
    CallKind,
    Request,
    Sampling,
    Step,
    StopReason,
    Trajectory,
)
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.verdict import Verdict
from traversal_doubles import (
    ASKED,
    PROBLEM,
    CountingJudge,
    Replay,
    coded,
    fixed,
    kind_of,
    program,
    recall,
    run,
    script,
    sure,
    told,
)


def test_solved_at_once_by_the_surest_plan():
    engine = script()
    trajectory = run(engine)
    assert told(trajectory) == [*ASKED, "coding1", "=3"]
    assert (trajectory.stop, trajectory.program) == (StopReason.SOLVED, program(3).rstrip())
    assert [len(batch) for batch in engine.batches] == [1, 3, 3, 1]
    assert [r.adapter for batch in engine.batches for r in batch] == (
        ["retrieval"] + ["planning"] * 6 + ["coding"]
    )
    assert "plan 1" in engine.batches[-1][0].messages[-1].content
    assert trajectory.seconds > 0


def test_solved_after_debugging_from_the_corrected_plan():
    engine = script(coding=[coded(1)], debugging=[fixed(2, "A"), fixed(3, "B")])
    trajectory = run(engine)
    assert told(trajectory)[7:] == ["coding1", "=1", "debugging1", "=2", "debugging1", "=3"]
    assert [t.round for t in trajectory.trials] == [0, 1, 2]
    assert trajectory.stop is StopReason.SOLVED
    last = engine.batches[-1][0].messages[-1].content
    assert "plan A" in last and program(2, "A") in last and "Test 3: WA" in last


def test_falls_to_the_next_plan_ties_in_recalled_order():
    engine = script(coding=[coded(0, "A"), coded(3, "B")], debugging=[fixed(1, "C"), fixed(2, "D")])
    trajectory = run(engine)
    assert told(trajectory)[7:] == [
        *["coding1", "=0", "debugging1", "=1", "debugging1", "=2"],
        *["coding0", "=3"],
    ]
    assert trajectory.stop is StopReason.SOLVED


def test_best_so_far_is_submitted_the_earliest_on_a_tie():
    engine = script(
        coding=[coded(1, "A"), coded(2, "B"), coded(2, "C")],
        debugging=[fixed(0, str(i)) for i in range(6)],
    )
    trajectory = run(engine)
    assert trajectory.stop is StopReason.EXHAUSTED
    assert len(trajectory.trials) == 9  # every program is judged, the last of each plan too
    assert trajectory.program == program(2, "B")


def test_no_public_tests_is_not_a_pass():
    judge = CountingJudge()
    trajectory = run(script(), PROBLEM.model_copy(update={"public_tests": ()}), judge)
    assert told(trajectory)[7:] == ["coding1", "=0"]
    assert trajectory.stop is StopReason.UNTESTED and trajectory.program == program(3).rstrip()
    assert trajectory.trials[0].judgement.verdict is Verdict.SK


def test_without_debug_rounds_every_plan_is_judged_and_the_surest_wins_a_tie():
    engine = script(coding=[coded(1, "surest"), coded(1, "second"), coded(0, "third")])
    trajectory = run(engine, t=0)
    assert told(trajectory)[7:] == ["coding1", "=1", "coding0", "=1", "coding2", "=0"]
    assert trajectory.stop is StopReason.EXHAUSTED and trajectory.program == program(1, "surest")


def test_k_is_enforced_and_the_record_says_so():
    trajectory = run(script(retrieval=[recall(5)]), k=2)
    assert told(trajectory)[:5] == ["retrieval", "plan0", "plan1", "confidence0", "confidence1"]
    assert trajectory.calls[0].note == "5 exemplars came back; the last 3 are not used"
    fewer = run(script(retrieval=[recall(1)]))
    assert told(fewer)[:3] == ["retrieval", "plan0", "confidence0"]
    assert fewer.calls[0].note is not None and "3 were asked for" in fewer.calls[0].note


def test_format_failure_is_asked_again_and_recovers():
    engine = script(retrieval=["no XML", recall()], plan=["plan 0", " ", "plan 2", "plan 1"])
    trajectory = run(engine, sample=2)
    assert told(trajectory)[:6] == ["retrieval!", "retrieval", "plan0", "plan1!", "plan2", "plan1"]
    first, second = (call.request for call in trajectory.calls[:2])
    assert first.messages == second.messages and first.key != second.key
    assert (first.attempt, second.attempt) == (4, 5)
    assert (first.sampling.temperature, second.sampling.temperature) == (0.0, 0.8)
    assert trajectory.calls[0].failure is not None
    assert trajectory.calls[0].failure.kind == "no_root"
    assert trajectory.stop is StopReason.SOLVED
    assert [len(batch) for batch in engine.batches] == [1, 1, 3, 1, 3, 1]


def test_two_format_failures_end_the_path_and_the_next_plan_goes_on():
    trajectory = run(script(coding=["Sorry.", "Sorry.", coded(3)]))
    assert told(trajectory)[7:] == ["coding1!", "coding1!", "coding0", "=3"]
    debugged = run(script(coding=[coded(1), coded(3)], debugging=["Sorry."]))
    assert told(debugged)[7:] == ["coding1", "=1", "debugging1!", "debugging1!", "coding0", "=3"]


@pytest.mark.parametrize(
    ("kind", "stop"),
    [
        ("retrieval", StopReason.NO_RECALL),
        ("plan", StopReason.NO_PLAN),
        ("coding", StopReason.NO_PROGRAM),
    ],
)
def test_nothing_to_go_on_is_said(kind: str, stop: StopReason):
    trajectory = run(script(**{kind: [""]}))
    assert trajectory.stop is stop and trajectory.program is None and not trajectory.trials
    assert all(call.failure for call in trajectory.calls if call.kind == kind)


def test_unparsable_confidence_ranks_last_and_drops_nothing():
    answers = [sure(10), "High", sure(20), "Very high"]
    trajectory = run(script(confidence=answers, coding=[coded(0, c) for c in "ABC"]), t=0)
    assert told(trajectory)[8:] == ["coding2", "=0", "coding0", "=0", "coding1", "=0"]


def test_program_judged_before_is_not_run_again_and_ends_the_debugging():
    judge = CountingJudge()
    engine = script(coding=[coded(1, "same")], debugging=[fixed(1, "same")])
    trajectory = run(engine, judge=judge, t=5)
    one_plan = ["=1", "debugging{}", "=1"]
    assert told(trajectory)[7:] == [
        step.format(plan) for plan in (1, 0, 2) for step in ("coding{}", *one_plan)
    ]
    assert judge.judged == [program(1, "same")]


def test_samples_and_asks_never_share_a_key_or_a_seed():
    requests = [
        request
        for sample in range(3)
        for engine in [script(retrieval=[""])]
        for _ in [run(engine, sample=sample)]
        for batch in engine.batches
        for request in batch
    ]
    assert len(requests) == 6
    assert len({r.key for r in requests}) == len({r.sampling.seed for r in requests}) == 6


def test_retry_temperature_never_cools():
    engine = script(retrieval=["", recall()])
    dials = Dials(sampling=Sampling(temperature=1.2))
    trajectory = solve(PROBLEM, engine, CountingJudge(), dials)
    assert [c.request.sampling.temperature for c in trajectory.calls[:2]] == [1.2, 1.2]


def test_trajectory_replays_to_itself_and_every_step_is_told():
    engine = script(
        retrieval=["", recall(4)],
        confidence=[sure(1), "High", sure(2), sure(3)],
        coding=[coded(1, "A"), "", coded(2, "B"), coded(1, "C")],
        debugging=[fixed(1, "D"), "", fixed(2, "E"), fixed(2, "E"), fixed(3, "F")],
    )
    shown: list[Step] = []
    teller = Teller(lambda _, step: shown.append(step) if step else None)
    first = solve(PROBLEM, engine, CountingJudge(), Dials(), teller=teller)
    assert list(first.steps) == shown
    assert first.trials
    replay = Replay({call.request.key: call.completion for call in first.calls})
    second = solve(PROBLEM, replay, CountingJudge(), Dials())
    assert second.model_copy(update={"seconds": first.seconds}) == first
    assert Trajectory.model_validate_json(first.model_dump_json()) == first


def test_structured_asks_for_layouts_where_replies_have_one():
    engine = script(coding=[coded(1)])
    solve(PROBLEM, engine, CountingJudge(), Dials(k=2, t=1, structured=True))
    asked = [request for batch in engine.batches for request in batch]
    held = {kind_of(request) for request in asked if request.grammar is not None}
    free = {kind_of(request) for request in asked if request.grammar is None}
    assert held == {CallKind.RETRIEVAL, CallKind.CONFIDENCE}
    assert free == {CallKind.PLAN, CallKind.CODING, CallKind.DEBUGGING}


def test_house_failures_are_raised():
    with pytest.raises(EngineError):
        run(Replay({}))
    with pytest.raises(SandboxError, match="judge failed"):
        run(script(coding=[coded(1)]), judge=CountingJudge(verdict=Verdict.IE))


def test_a_prompt_too_long_ends_the_attempt_and_keeps_the_best_program():
    def too_long(request: Request) -> str:
        raise PromptTooLong("prompt of 9 tokens and reply of up to 9 exceed the context of 10")

    trajectory = run(script(coding=[coded(1)], debugging=[too_long]))
    assert trajectory.stop is StopReason.TOO_LONG
    assert trajectory.detail == "prompt of 9 tokens and reply of up to 9 exceed the context of 10"
    assert trajectory.error is None
    assert trajectory.program == program(1).strip()
