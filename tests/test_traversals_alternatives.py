"""Baselines, draft first and traced plans: what is asked of whom, and when it ends."""

import pytest

from mapcoder_lite.curation.steps import steps_that_count
from mapcoder_lite.trajectory import Call, CallKind, StopReason, Trajectory
from mapcoder_lite.traversal import TraversalName
from traversal_doubles import (
    ASKED,
    PROBLEM,
    CountingJudge,
    Replay,
    coded,
    fixed,
    program,
    recall,
    run,
    script,
    told,
    traced,
)

ALONE = [TraversalName.DIRECT, TraversalName.COT, TraversalName.ANALOGICAL]
UNTESTED = PROBLEM.model_copy(update={"public_tests": ()})


def learned(trajectory: Trajectory) -> list[str]:
    """The calls that the submitted program rests on."""
    steps = told(trajectory)
    return [steps[place] for place in steps_that_count(trajectory)]


@pytest.mark.parametrize("name", ALONE)
def test_a_baseline_is_one_call_of_the_coding_role(name: TraversalName):
    engine = script()
    trajectory = run(engine, traversal=name)
    assert told(trajectory) == ["coding", "=3"]
    assert [r.adapter for batch in engine.batches for r in batch] == ["coding"]
    assert (trajectory.stop, trajectory.program) == (StopReason.SOLVED, program(3).strip())
    assert learned(trajectory) == ["coding"]


@pytest.mark.parametrize("name", ALONE)
def test_a_baseline_takes_what_came(name: TraversalName):
    failed = run(script(coding=[coded(2)]), traversal=name)
    assert told(failed) == ["coding", "=2"]
    assert (failed.stop, failed.program) == (StopReason.EXHAUSTED, program(2).strip())
    none = run(script(coding=["Sorry."]), traversal=name)
    assert (told(none), none.stop) == (["coding!", "coding!"], StopReason.NO_PROGRAM)
    untested = run(script(), UNTESTED, traversal=name)
    assert (untested.stop, untested.program) == (StopReason.UNTESTED, program(3).strip())


def test_baselines_differ_in_what_they_ask():
    asked = {
        name: run(script(), traversal=name).calls[0].request.messages[-1].content for name in ALONE
    }
    assert "Think step by step" in asked[TraversalName.COT]
    assert "recall 3 different problems" in asked[TraversalName.ANALOGICAL]
    assert len(set(asked.values())) == 3


def test_self_planning_plans_without_an_example_and_codes_the_plan():
    engine = script()
    trajectory = run(engine, traversal=TraversalName.SELF_PLANNING)
    assert told(trajectory) == ["plan0", "coding0", "=3"]
    assert [r.adapter for batch in engine.batches for r in batch] == ["planning", "coding"]
    said = trajectory.calls[1].request.messages[-1].content
    assert said.endswith("Plan:\nplan 0") and "Algorithm" not in said
    assert learned(trajectory) == ["plan0", "coding0"]
    none = run(script(plan=[" "]), traversal=TraversalName.SELF_PLANNING)
    assert (told(none), none.stop) == (["plan0!", "plan0!"], StopReason.NO_PLAN)


def test_a_draft_that_passes_is_all_that_is_asked_for():
    trajectory = run(script(), traversal=TraversalName.DRAFT_FIRST)
    assert (told(trajectory), trajectory.stop) == (["coding", "=3"], StopReason.SOLVED)
    untested = run(script(), UNTESTED, traversal=TraversalName.DRAFT_FIRST)
    assert (told(untested), untested.stop) == (["coding", "=0"], StopReason.UNTESTED)


def test_a_draft_that_fails_is_followed_by_the_agents():
    engine = script(coding=[coded(1, "draft"), coded(2, "planned")])
    trajectory = run(engine, traversal=TraversalName.DRAFT_FIRST)
    steps = ["coding", "=1", *ASKED, "coding1", "=2", "debugging1", "=3"]
    assert told(trajectory) == steps and trajectory.stop is StopReason.SOLVED
    assert learned(trajectory) == [*ASKED[:1], "plan1", *ASKED[4:], "debugging1"]
    rest = run(script(coding=[coded(2, "planned")]))
    assert told(rest) == steps[2:]


def test_a_failed_draft_is_submitted_where_nothing_better_comes():
    kept = run(
        script(coding=[coded(2, "draft"), coded(1)], debugging=[fixed(0)]),
        traversal=TraversalName.DRAFT_FIRST,
    )
    assert (kept.stop, kept.program) == (StopReason.EXHAUSTED, program(2, "draft"))
    assert learned(kept) == ["coding"]
    alone = run(script(coding=[coded(2)], retrieval=[""]), traversal=TraversalName.DRAFT_FIRST)
    assert (alone.stop, alone.program) == (StopReason.NO_RECALL, program(2).strip())
    none = run(script(coding=["Sorry."]), traversal=TraversalName.DRAFT_FIRST)
    assert none.stop is StopReason.NO_PROGRAM


TRACED = ["retrieval", "plan0", "plan1", "plan2", "trace0", "trace1", "trace2"]


def traced_run(*traces: str, **answers: list[str]) -> Trajectory:
    return run(script(trace=list(traces), **answers), traversal=TraversalName.TRACED)


def test_plans_that_trace_right_are_tried_first_then_corrected_ones():
    bare, better = traced(False), traced(False, "plan B")
    found = traced_run(bare, better, traced(True), coding=[coded(0)], debugging=[fixed(0)])
    order = [step for step in told(found) if step.startswith("coding")]
    assert told(found)[:7] == TRACED and order == ["coding2", "coding1", "coding0"]
    assert {c.request.adapter for c in found.calls if c.kind is CallKind.TRACE} == {"planning"}
    asked = {
        call.plan_index: call.request.messages[-1].content
        for call in found.calls
        if call.kind is CallKind.CODING
    }
    assert "plan 0" in asked[0] and "plan B" in asked[1] and "plan 1" not in asked[1]
    assert found.calls[4].request.messages[-1].content.count("Example input:") == 3


def test_a_trace_is_learned_from_where_it_was_of_use():
    assert learned(traced_run(traced(True))) == ["retrieval", "plan0", "trace0", "coding0"]
    corrected = traced_run(traced(False, "plan B"))
    assert learned(corrected) == ["retrieval", "trace0", "coding0"]
    mistaken = traced_run(traced(False))
    assert learned(mistaken) == ["retrieval", "plan0", "coding0"]


def test_an_unreadable_trace_ranks_its_plan_last_and_drops_nothing():
    found = traced_run("It is right.", traced(True), traced(True), "It is right.")
    assert told(found)[:9] == [*TRACED[:4], "trace0!", *TRACED[5:], "trace0!", "coding1"]
    failure = next(call.failure for call in found.calls if call.failure)
    assert failure.kind == "no_root"


def test_without_public_tests_there_is_nothing_to_trace():
    found = run(script(), UNTESTED, traversal=TraversalName.TRACED)
    assert told(found) == [*TRACED[:4], "coding0", "=0"]
    assert found.stop is StopReason.UNTESTED


@pytest.mark.parametrize("name", TraversalName)
def test_every_traversal_replays_to_itself(name: TraversalName):
    engine = script(
        retrieval=[recall(4)],
        trace=[traced(True), traced(False, "plan B"), "broken"],
        coding=[coded(1, "A"), "", coded(2, "B"), coded(1, "C")],
        debugging=[fixed(1, "D"), fixed(2, "E"), fixed(2, "E"), fixed(3, "F")],
    )
    first = run(engine, traversal=name)
    assert any(isinstance(step, Call) for step in first.steps)
    replay = Replay({call.request.key: call.completion for call in first.calls})
    second = run(replay, judge=CountingJudge(), traversal=name)
    assert second.model_copy(update={"seconds": first.seconds}) == first
    assert Trajectory.model_validate_json(first.model_dump_json()) == first
