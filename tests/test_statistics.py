"""Shared statistics: clusters widen intervals, tests keep them whole, alpha as published."""

from fractions import Fraction
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.statistics import (
    alpha,
    clustered,
    holm,
    mcnemar,
    rate,
    resampled,
    resampled_gain,
    sign_flip,
    wilson,
)

NAMES = st.sampled_from([None, "a", "b", "c"])

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), example C: 4 observers, 12 units.
PUBLISHED = list(
    zip(
        (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
        (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
        (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
        (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
        strict=True,
    )
)


def test_alpha_is_the_published_one():
    assert alpha(PUBLISHED) == pytest.approx(0.743, abs=0.0005)


def test_alpha_needs_two_answers_that_could_differ():
    assert alpha([("a", None), (None, "b")]) is None
    assert alpha([("a", "a"), ("a", "a")]) is None
    assert alpha([("a", "a"), ("b", "b")]) == 1


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), max_size=12))
def test_alpha_is_at_most_one_and_knows_no_names(rows):
    value = alpha(rows)
    swapped = alpha([tuple({"a": "b", "b": "a"}.get(x, x) for x in row) for row in rows])
    assert value == pytest.approx(swapped) if value is not None else swapped is None
    assert value is None or value <= 1 + 1e-12


def test_one_word_a_problem_is_the_plain_interval():
    words = [(str(i), i % 3 == 0) for i in range(40)]
    assert clustered(words).low == pytest.approx(rate(14, 40, True).low, abs=0.01)


def test_words_of_one_problem_that_agree_count_as_one():
    words = [(str(i // 5), i // 5 < 6) for i in range(50)]
    wide, narrow, few = clustered(words), rate(30, 50, True), rate(6, 10, True)
    assert (wide.num_passed, wide.num_total) == (30, 50)
    assert wide.low < narrow.low
    assert wide.low == pytest.approx(few.low, abs=0.03)


def test_clusters_of_nothing_and_of_one_kind():
    assert (clustered([]).low, clustered([]).high) == (0, 1)
    assert clustered([("a", True)] * 20).low == pytest.approx(rate(1, 1, True).low)
    assert clustered([("a", False), ("b", False)] * 9).high == pytest.approx(rate(0, 2, True).high)


def test_holm_multiplies_by_how_many_are_left():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 9))
def test_where_every_cluster_has_one_word_signs_are_flipped_as_mcnemar_does(first, second, ties):
    differences = [1] * first + [-1] * second + [0] * ties
    assert sign_flip(differences) == pytest.approx(mcnemar(first, second))


@given(st.lists(st.integers(-4, 4), max_size=9))
def test_signs_are_flipped_as_one_would_by_hand(differences):
    sums = [
        sum(sign * d for sign, d in zip(signs, differences, strict=True))
        for signs in product((1, -1), repeat=len(differences))
    ]
    far = sum(abs(total) >= abs(sum(differences)) for total in sums)
    assert sign_flip(differences) == pytest.approx(far / len(sums))
    assert sign_flip(differences) == sign_flip([-d for d in differences])


def test_words_that_agree_within_clusters_prove_as_little_as_one_each():
    assert sign_flip([5] * 6 + [-5] * 2) == pytest.approx(mcnemar(6, 2))
    assert mcnemar(30, 10) < 0.01 < sign_flip([5] * 6 + [-5] * 2)


def test_where_neither_is_better_one_test_in_twenty_errs_however_alike_the_words_of_a_cluster():
    random = Random(7)
    errors = {sign_flip: 0, mcnemar: 0}
    for _ in range(400):
        leads = [random.choice((-1, 1)) * random.randint(1, 4) for _ in range(40)]
        errors[sign_flip] += sign_flip(leads) < 0.05
        ups = sum(lead for lead in leads if lead > 0)
        errors[mcnemar] += mcnemar(ups, ups - sum(leads)) < 0.05
    assert errors[sign_flip] <= 0.08 * 400 < errors[mcnemar]


passes = st.lists(st.integers(0, 3), min_size=8, max_size=30).filter(lambda of: len(set(of)) > 1)


@settings(max_examples=15, deadline=None)
@given(passes, st.randoms(use_true_random=False))
def test_an_interval_is_of_the_shares_however_they_are_written_and_ordered(passed, random):
    """As floats equal draws would differ in the last place, and no longer tie with the mean."""
    counted = resampled([(n, 3) for n in passed])
    shares = resampled([(Fraction(n, 3), 1) for n in passed])
    whole = resampled_gain(passed, 3)
    for other in (shares, whole):
        assert (other.low, other.high) == pytest.approx((counted.low, counted.high), abs=1e-12)
    mixed = random.sample(passed, len(passed))
    assert resampled([(n, 3) for n in mixed]) == counted


def test_many_clusters_are_counted_exactly_and_soon():
    leads = [1] * 1500 + [-1] * 1300 + [2] * 200 + [-2] * 150 + [3] * 40
    assert 0 < sign_flip(leads) < 1e-4


def test_a_bootstrap_of_clusters_is_as_wide_as_their_differences():
    """One word a cluster: about Wilson's; five that agree: the same, though they are 200 words."""
    alone = [(float(n % 3 == 0), 1) for n in range(40)]
    low, high = wilson(14, 40)
    found = resampled(alone)
    assert (found.low, found.high) == (pytest.approx(low, abs=0.03), pytest.approx(high, abs=0.03))
    again = resampled([(5 * part, 5) for part, _ in alone])
    assert (again.low, again.high) == (found.low, found.high)


@given(st.integers(1, 30), st.integers(0, 3))
def test_clusters_that_do_not_differ_leave_the_interval_of_their_number(m: int, passed: int):
    found = resampled([(passed * (1 + n % 2), 3 * (1 + n % 2)) for n in range(m)])
    low, high = wilson(m * passed / 3, m)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
