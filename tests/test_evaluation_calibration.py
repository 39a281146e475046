"""Scores of stated confidences against textbook values, scipy, and attempts made by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from mapcoder_lite.agents import parse
from mapcoder_lite.evaluation.calibration import (
    NUM_BINS,
    CalibrationCount,
    Stated,
    bin_of,
    reliability,
)
from mapcoder_lite.trajectory import CallKind, StopReason, Trajectory
from mapcoder_lite.verdict import Verdict
from test_evaluation_failures import AC, IE, WA, attempt, call, graded, trial

plans = st.lists(
    st.builds(
        Stated, st.sampled_from("abcdef"), st.integers(min_value=0, max_value=100), st.booleans()
    ),
    min_size=1,
    max_size=40,
)


@given(plans)
def test_scores_are_those_of_their_definitions(stated: list[Stated]):
    found = reliability(stated, has_intervals=False)
    assert found is not None
    squares = [(s.confidence / 100 - s.is_passed) ** 2 for s in stated]
    assert found.brier.value == pytest.approx(sum(squares) / len(stated))
    assert sum(b.passed.num_total for b in found.bins) == len(stated)
    assert 0 <= found.error.value <= 1
    passed = [s.confidence for s in stated if s.is_passed]
    failed = [s.confidence for s in stated if not s.is_passed]
    if not passed or not failed:
        assert found.auroc is None
    else:
        u = mannwhitneyu(passed, failed, method="asymptotic").statistic
        assert found.auroc is not None
        assert found.auroc.value == pytest.approx(u / len(passed) / len(failed))


def test_the_calibration_error_is_the_mean_gap_of_the_bins():
    stated = [Stated("a", 90, True), Stated("b", 90, False), Stated("c", 20, False)]
    found = reliability(stated, has_intervals=False)
    assert found is not None
    # two plans say 0.9 and half of them pass; one says 0.2 and fails
    assert found.error.value == pytest.approx((2 * 0.4 + 0.2) / 3)
    assert found.brier_of_base == pytest.approx(1 / 3 * 2 / 3)
    assert found.brier.low is None


def test_intervals_hold_the_number_and_keep_problems_whole():
    once = [Stated(f"p{n}", 10 + 80 * (n % 3 > 0), n % 4 > 0) for n in range(60)]
    alone = reliability(once, has_intervals=True)
    repeated = reliability([plan for plan in once for _ in range(5)], has_intervals=True)
    assert alone is not None and repeated is not None
    for first, second in (
        (alone.brier, repeated.brier),
        (alone.error, repeated.error),
        (alone.auroc, repeated.auroc),
    ):
        assert first is not None and second is not None
        assert first.low is not None and first.high is not None
        assert first.low <= first.value <= first.high
        # five copies of each problem's plan say no more than one
        assert (second.value, second.low, second.high) == pytest.approx(
            (first.value, first.low, first.high)
        )


def test_intervals_do_not_depend_on_the_order_in_which_attempts_ended():
    once = [Stated(f"p{n}", 10 + 80 * (n % 3 > 0), n % 4 > 0) for n in range(60)]
    assert reliability(once[::-1], has_intervals=True) == reliability(once, has_intervals=True)


def test_one_problem_alone_has_no_interval_and_no_plan_no_score():
    one = reliability([Stated("a", 50, True), Stated("a", 60, False)], has_intervals=True)
    assert one is not None
    assert one.brier.low is None
    assert reliability([], has_intervals=True) is None


@pytest.mark.parametrize(("confidence", "place"), [(0, 0), (9, 0), (10, 1), (99, 9), (100, 9)])
def test_every_confidence_is_in_a_bin(confidence: int, place: int):
    assert bin_of(confidence) == place < NUM_BINS


def sure(index: int, confidence: int, failure: str = ""):
    text = parse.render_confidence(confidence, "Yes.")
    return call(CallKind.CONFIDENCE, text, index, failure)


def collected(*units: tuple[Trajectory, Verdict | None]):
    count = CalibrationCount(parse.confidence)
    for trajectory, verdict in units:
        count.add(trajectory, graded(verdict))
    return count.result(has_intervals=False)


def test_the_submitted_plan_is_set_against_the_hidden_tests_and_all_tried_against_the_public():
    solved = attempt(
        *(sure(0, 30), sure(1, 80)),
        *(trial("a", plan=1), trial("b", plan=0), trial("c", AC, plan=0, round=1, num_passed=1)),
        stop=StopReason.SOLVED,
    )
    found = collected((solved, WA), (solved, IE))
    assert found.hidden is not None and found.public is not None
    assert [(b.low, b.passed.num_passed) for b in found.hidden.bins if b.passed.num_total] == [
        (30, 0)
    ]
    told = [(b.low, b.passed.num_passed) for b in found.public.bins if b.passed.num_total]
    assert told == [(30, 2), (80, 0)]  # the judge's failure is one of the hidden tests alone


def test_a_confidence_that_could_not_be_read_is_counted_and_left_out():
    found = collected((attempt(sure(0, 30, "no_root"), sure(1, 80), trial("a")), WA))
    assert (found.num_unstated, found.hidden, found.public) == (1, None, None)
    raw = call(CallKind.CONFIDENCE, "<root><confidence>900</confidence></root>", 0)
    found = collected((attempt(raw, trial("a")), WA))  # as the original traversal reads it
    assert (found.num_unstated, found.hidden, found.public) == (1, None, None)


def test_attempts_without_confidences_have_no_calibration():
    found = collected((attempt(trial("a")), WA))
    assert (found.num_unstated, found.hidden, found.public) == (0, None, None)


def test_the_order_is_told_as_far_as_the_records_know():
    surest_passed = attempt(
        sure(0, 30), sure(1, 80), trial("a", AC, plan=1, num_passed=1), stop=StopReason.SOLVED
    )
    recalled_passed = attempt(
        *(sure(0, 30), sure(1, 80), trial("a", plan=1)),
        trial("b", AC, plan=0, num_passed=1),
        stop=StopReason.SOLVED,
    )
    alike = attempt(sure(0, 80), sure(1, 30), trial("a"))
    order = collected((surest_passed, AC), (recalled_passed, AC), (alike, WA)).order
    assert (order.num_attempts, order.num_differing) == (3, 2)
    assert (order.num_surest_pass, order.num_recalled_pass, order.num_recalled_fail) == (1, 1, 0)
    assert order.num_unknown == 1
