"""Distances of distributions: known values, bounds, and what chance alone brings."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from mapcoder_lite.curation.odds import pass_odds
from mapcoder_lite.curation.shift import Population, distance
from mapcoder_lite.statistics import wilson

LABELS = st.sampled_from("abcdef")
WEIGHTS = st.dictionaries(LABELS, st.floats(0.001, 1000), min_size=1)


def test_known_distances():
    assert distance({"a": 1.0}, {"b": 1.0}) == pytest.approx(1)
    assert distance({"a": 0.5, "b": 0.5}, {"a": 0.5, "b": 0.5}) == 0
    # One of two labels is lost: H(3/4, 1/4) - 1/2 bits.
    bits = -0.75 * math.log2(0.75) - 0.25 * math.log2(0.25) - 0.5
    assert distance({"a": 0.5, "b": 0.5}, {"a": 1.0}) == pytest.approx(math.sqrt(bits))


@given(WEIGHTS, WEIGHTS)
def test_a_distance_is_between_0_and_1_symmetric_and_scipys(first, second):
    found = distance(first, second)
    assert 0 <= found <= 1
    assert found == pytest.approx(distance(second, first), abs=1e-9)
    names = sorted(first.keys() | second.keys())
    pair = [[weights.get(name, 0.0) for name in names] for weights in (first, second)]
    if found > 1e-6:  # below, scipy's may be not a number
        assert found == pytest.approx(float(jensenshannon(*pair, base=2)), abs=1e-6)


@given(WEIGHTS, st.floats(0.01, 100))
def test_equal_shares_are_at_no_distance(weights, factor):
    scaled = {name: weight * factor for name, weight in weights.items()}
    assert distance(weights, scaled) == pytest.approx(0, abs=1e-6)


def test_a_problem_spreads_its_weight_over_its_labels():
    population = Population({"p": ("a", "b"), "q": ("a",)})
    assert population.even_shares == pytest.approx({"a": 0.75, "b": 0.25})
    assert population.shares({"p": 3.0}) == pytest.approx({"a": 0.5, "b": 0.5})
    assert population.shares({}) == {}
    assert population.shift({}) is None


def test_an_even_weight_has_not_moved_and_a_lopsided_one_is_beyond_chance():
    labels = {f"p{n}": ("even" if n % 2 == 0 else "odd",) for n in range(100)}
    population = Population(labels)
    same = population.shift(dict.fromkeys(labels, 3.0))
    assert same is not None
    assert (same.distance, same.p) == (pytest.approx(0, abs=1e-6), 1)
    moved = population.shift({id: 1.0 for id, (name,) in labels.items() if name == "even"})
    assert moved is not None
    assert moved.distance > moved.chance_high > moved.chance_mean
    assert moved.p < 0.01


def test_a_random_half_is_within_chance():
    labels = {f"p{n}": (f"t{n % 5}",) for n in range(200)}
    half = Population(labels).shift({f"p{n}": 1.0 for n in range(100)})
    assert half is not None
    assert half.p > 0.05


def test_other_problems_are_compared_by_shares():
    population = Population({f"p{n}": ("a" if n < 50 else "b",) for n in range(100)})
    like = population.shift_of_others({"a": 0.5, "b": 0.5}, 40)
    assert like is not None
    assert like.p > 0.5
    unlike = population.shift_of_others({"c": 1.0}, 40)
    assert unlike is not None
    assert unlike.distance == pytest.approx(1)
    assert population.shift_of_others({}, 0) is None


def test_odds_of_a_label_against_the_rest():
    labels = {f"p{n}": ("easy",) if n < 20 else ("hard",) for n in range(40)}
    first = {id: names == ("easy",) or id == "p20" for id, names in labels.items()}
    easy, hard = pass_odds(labels, first, first)
    assert (easy.label, easy.first.num_passed, easy.first.num_total) == ("easy", 20, 20)
    assert (hard.first.num_passed, hard.first.num_total) == (1, 20)
    assert (hard.first.low, hard.first.high) == wilson(1, 20)
    assert easy.odds_ratio is None  # nothing of it failed: not finite
    assert easy.low is not None
    assert easy.low > 1 > (hard.high or 0)
    assert hard.p < 1e-6
    assert hard.p_holm == pytest.approx(2 * hard.p)


def test_a_label_that_all_problems_have_is_compared_with_nothing():
    odds = pass_odds({"p": ("a",), "q": ("a",)}, {"p": True, "q": False}, {"p": True, "q": True})
    assert (odds[0].p, odds[0].odds_ratio, odds[0].ever.num_passed) == (1, None, 2)
