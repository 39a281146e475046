"""Shared statistics: clusters widen intervals, Holm's order, alpha as published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.statistics import alpha, clustered, holm, rate

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
