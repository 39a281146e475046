"""The original traversal: without defects it is ours, and each defect does what it says, alone."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite import config
from mapcoder_lite.cli import engines
from mapcoder_lite.errors import ConfigError
from mapcoder_lite.trajectory import CallKind, StopReason, Trajectory
from mapcoder_lite.traversal import Defect, TraversalName
from traversal_doubles import (
    ASKED,
    PROBLEM,
    Answer,
    coded,
    fixed,
    program,
    recall,
    run,
    script,
    sure,
    told,
    traced,
)

UNTESTED = PROBLEM.model_copy(update={"public_tests": ()})


def original(
    *defects: Defect, untested: bool = False, k: int = 3, t: int = 2, **answers: Sequence[Answer]
) -> Trajectory:
    problem = UNTESTED if untested else PROBLEM
    engine = script(**answers)
    return run(engine, problem, traversal=TraversalName.ORIGINAL, defects=defects, k=k, t=t)


def ours(*, untested: bool = False, k: int = 3, t: int = 2, **answers: Sequence[Answer]):
    return run(script(**answers), UNTESTED if untested else PROBLEM, k=k, t=t)


def replies(*some: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(some), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(
    retrieval=replies(recall(1), recall(3), recall(5), "no XML"),
    plan=replies("plan A", "plan B", " ", "import sys\nprint(1)"),
    confidence=replies(sure(20), sure(90), "High", sure(90).replace("90", "85%")),
    coding=replies(coded(0, "A"), coded(1, "B"), coded(3), "Sorry."),
    debugging=replies(fixed(0, "A"), fixed(2, "C"), fixed(3), coded(1, "B"), "Sorry."),
    k=st.integers(1, 4),
    t=st.integers(0, 3),
    untested=st.booleans(),
)
def test_without_defects_it_is_ours_call_for_call(
    k: int, t: int, untested: bool, **answers: Sequence[str]
):
    theirs = original(k=k, t=t, untested=untested, **answers)
    mine = ours(k=k, t=t, untested=untested, **answers)
    assert theirs.model_copy(update={"seconds": mine.seconds}) == mine


@pytest.mark.parametrize("defect", Defect)
def test_a_defect_changes_nothing_where_it_is_not_met(defect: Defect):
    assert told(original(defect)) == told(ours()) == [*ASKED, "coding1", "=3"]


def test_last_untested():
    met = {"coding": [coded(1)], "debugging": [fixed(3)], "t": 1}
    assert ours(**met).stop is StopReason.SOLVED
    found = original(Defect.LAST_UNTESTED, **met)
    assert told(found)[7:] == [
        step.format(plan) for plan in (1, 0, 2) for step in ("coding{}", "=1", "debugging{}")
    ]
    assert (found.stop, found.program) == (StopReason.EXHAUSTED, program(1).strip())


def test_last_submitted():
    met = {"coding": [coded(2)], "debugging": [fixed(0, str(i)) for i in range(6)]}
    assert ours(**met).program == program(2).strip()
    found = original(Defect.LAST_SUBMITTED, **met)
    assert told(found) == told(ours(**met))
    assert (found.stop, found.program) == (StopReason.EXHAUSTED, program(0, "5"))


def test_what_is_submitted_was_never_judged_where_both_are_met():
    found = original(
        Defect.LAST_UNTESTED,
        Defect.LAST_SUBMITTED,
        coding=[coded(2)],
        debugging=[fixed(0, str(i)) for i in range(9)],
        t=1,
    )
    assert found.program == program(0, "2")
    assert found.program not in [trial.program for trial in found.trials]


def test_zero_rounds():
    met = {"coding": [coded(3, "surest"), coded(1, "second"), coded(0, "third")], "t": 0}
    assert ours(**met).program == program(3, "surest")
    found = original(Defect.ZERO_ROUNDS, **met)
    assert told(found)[7:] == ["coding1", "coding0", "coding2"]
    assert (found.stop, found.program) == (StopReason.EXHAUSTED, program(0, "third"))
    assert original(Defect.ZERO_ROUNDS, coding=["Sorry."], t=0).stop is StopReason.NO_PROGRAM


def test_no_tests_pass():
    assert ours(untested=True).stop is StopReason.UNTESTED
    found = original(Defect.NO_TESTS_PASS, untested=True)
    assert (found.stop, found.program) == (StopReason.SOLVED, program(3).strip())


def test_k_unbounded():
    found = original(Defect.K_UNBOUNDED, retrieval=[recall(5)], k=2)
    assert told(found)[1:6] == [f"plan{i}" for i in range(5)]
    assert found.calls[0].note is None


def test_asked_once():
    met = {"retrieval": ["no XML", recall()]}
    assert ours(**met).stop is StopReason.SOLVED
    found = original(Defect.ASKED_ONCE, **met)
    assert (told(found), found.stop) == (["retrieval!"], StopReason.NO_RECALL)


@pytest.mark.parametrize(
    ("met", "num_calls"),
    [
        ({"retrieval": ["no XML"]}, 2),
        ({"confidence": [sure(50), "High", sure(50), "High"]}, 8),
        ({"coding": [coded(2)], "debugging": ["Sorry."]}, 10),
    ],
)
def test_failure_ends(met: dict[str, Sequence[str]], num_calls: int):
    found = original(Defect.FAILURE_ENDS, **met)
    assert (found.stop, found.program) == (StopReason.LOST, None)
    assert len(found.calls) == num_calls
    assert told(found) == told(ours(**met))[: len(found.steps)]


def test_strict_xml():
    met = {"retrieval": [f"Here you are:\n{recall()}"]}
    assert ours(**met).stop is StopReason.SOLVED
    found = original(Defect.STRICT_XML, **met)
    assert told(found) == ["retrieval!", "retrieval!"]
    alone = original(Defect.STRICT_XML, retrieval=[recall(1)])
    assert alone.calls[0].failure is not None and alone.calls[0].failure.kind == "one_exemplar"
    unsure = {"confidence": [sure(50), sure(10), f"Well.\n{sure(90)}"]}
    assert told(ours(**unsure))[7] == "coding2"
    assert told(original(Defect.STRICT_XML, **unsure))[6:8] == ["confidence2!", "confidence2!"]


def test_raw_confidence():
    above = {"confidence": [sure(50), sure(90), sure(850)]}
    assert told(ours(**above))[6:9] == ["confidence2!", "confidence2!", "coding1"]
    assert told(original(Defect.RAW_CONFIDENCE, **above))[6:8] == ["confidence2", "coding2"]
    fraction = {"confidence": [sure(50), sure(10), sure(95).replace("95", "0.95")]}
    assert told(ours(**fraction))[7] == "coding2"
    found = original(Defect.RAW_CONFIDENCE, **fraction)
    assert told(found)[6:9] == ["confidence2!", "confidence2!", "coding0"]


def test_raw_plan():
    met = {"plan": [" ", "plan 1", program(1)]}
    assert told(ours(**met))[1:4] == ["plan0!", "plan1", "plan2!"]
    assert told(original(Defect.RAW_PLAN, **met))[1:4] == ["plan0", "plan1", "plan2"]


def test_last_block():
    met = {"coding": [f"{coded(3)}\nFor example:\n```python\nprint(0)\n```"]}
    assert ours(**met).stop is StopReason.SOLVED
    found = original(Defect.LAST_BLOCK, t=0, **met)
    assert told(found)[7:9] == ["coding1", "=0"]
    unclosed = f"```python\n{program(3)}"
    assert ours(coding=[unclosed]).stop is StopReason.SOLVED
    assert told(original(Defect.LAST_BLOCK, coding=[unclosed]))[7:9] == ["coding1!", "coding1!"]


def test_repeats_debugged():
    met = {"coding": [coded(1, "A")], "debugging": [fixed(1, "A"), fixed(3)]}
    assert told(ours(**met))[7:11] == ["coding1", "=1", "debugging1", "=1"]
    assert told(ours(**met))[11] == "coding0"
    found = original(Defect.REPEATS_DEBUGGED, **met)
    assert told(found)[11:] == ["debugging1", "=3"]


def test_bare_report():
    met = {"coding": [coded(1)]}
    asked = original(Defect.BARE_REPORT, **met).calls[-1].request.messages[-1].content
    assert "Tests passed:\nInput:\n0\n" in asked and "Tests failed:\nInput:\n1\n" in asked
    assert "Your output:\n0" in asked and "WA" not in asked
    assert "Test 2: WA" in ours(**met).calls[-1].request.messages[-1].content


def test_all_defects_are_on_unless_said_otherwise():
    def defects(*overrides: str) -> frozenset[Defect]:
        return engines.dials(config.load((), overrides)).defects

    assert defects() == frozenset()
    assert defects("traversal.name=original") == frozenset(Defect)
    some = 'traversal.defects=["strict_xml", "asked_once"]'
    assert defects("traversal.name=original", some) == {Defect.STRICT_XML, Defect.ASKED_ONCE}
    assert defects("traversal.name=original", "traversal.defects=[]") == frozenset()
    with pytest.raises(ConfigError, match=r"set traversal\.name=original"):
        config.load((), [some])
    with pytest.raises(ConfigError, match="last_untested"):
        config.load((), ["traversal.name=original", 'traversal.defects=["typo"]'])


def test_traces_are_no_part_of_it():
    found = original(*Defect, trace=[traced(False)])
    assert CallKind.TRACE not in {call.kind for call in found.calls}
