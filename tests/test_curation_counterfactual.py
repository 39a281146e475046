"""Counterfactual replay: games with known answers, then real replays of scripted students."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.attribution import (
    EVERYBODY,
    NOBODY,
    Lattice,
    along_the_pipeline,
    attribute,
    better,
    minimal,
    sets_of,
    shapley,
)
from mapcoder_lite.curation.counterfactual import (
    MAX_REPLAYS,
    Replay,
    attributions,
    label,
    least_replays,
    replay_of,
    replay_units,
)
from mapcoder_lite.curation.label import Truth
from mapcoder_lite.errors import InputError
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Grade, Role
from mapcoder_lite.verdict import Isolation, Judgement, Verdict

R, P, C, D = Role
FULL = sets_of(Lattice.FULL)
FAILED = Unit("p", 0)
SHARES = st.fractions(0, 1, max_denominator=9)
VALUES = st.lists(SHARES, min_size=16, max_size=16)


def game(wins, lattice=Lattice.FULL, replays=5):
    """Counts of a game in which exactly the sets that `wins` accepts always pass."""
    return {roles: (replays * wins(roles), replays) for roles in sets_of(lattice)}


@given(VALUES)
def test_shapley_shares_add_up_to_what_everybody_brings(values):
    shares = shapley(dict(zip(FULL, values, strict=True)))
    assert sum(shares.values()) == values[-1] - values[0]
    order = along_the_pipeline(dict(zip(FULL, values, strict=True)))
    assert sum(order.values()) == values[-1] - values[0]


@given(st.lists(SHARES, min_size=5, max_size=5))
def test_in_a_symmetric_game_all_shares_are_equal(by_size):
    shares = shapley({roles: by_size[len(roles)] for roles in FULL})
    assert len(set(shares.values())) == 1


@given(VALUES, st.sampled_from(list(Role)))
def test_a_role_that_changes_nothing_has_no_share(values, idle):
    worth = dict(zip(FULL, values, strict=True))
    assert shapley({roles: worth[roles - {idle}] for roles in FULL})[idle] == 0


@given(st.lists(st.sampled_from(FULL)))
def test_minimal_sets_hold_no_other_and_every_set_holds_one(sets):
    found = minimal(sets)
    assert not any(a < b for a in found for b in found)
    assert set(found) <= set(sets)
    assert all(any(small <= roles for small in found) for roles in sets)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_more_passes_make_a_set_more_credible(first, second, more):
    assert better((first, 18), (second + more, 18)) >= better((first, 18), (second, 18))
    assert better((first, 18), (second, 18)) + better((second, 18), (first, 18)) == (
        pytest.approx(1)
    )


def test_the_posterior_of_known_counts():
    assert better((0, 0), (0, 0)) == 0.5
    assert better((0, 3), (3, 3)) == pytest.approx(1 - 1 / 70)
    assert better((0, 1), (1, 1)) == pytest.approx(5 / 6)


@given(
    st.integers(0, 99),
    st.integers(0, MAX_REPLAYS - 1),
    st.sampled_from(FULL),
    st.sampled_from(FULL),
)
def test_a_unit_says_which_replay_it_is(sample, number, roles, others):
    replay = Replay(Unit("p", sample), roles, number)
    assert replay_of(replay.unit) == replay
    assert replay.draws == Replay(Unit("p", sample), others, number).draws
    assert (replay.unit == Replay(Unit("p", sample), others, number).unit) == (roles == others)


def test_a_replay_too_many_is_refused():
    with pytest.raises(InputError, match="at most"):
        _ = Replay(FAILED, NOBODY, MAX_REPLAYS).unit


def test_the_lattices():
    assert len(FULL) == len(set(FULL)) == 16
    cheap = sets_of(Lattice.CHEAP)
    assert len(cheap) == len(set(cheap)) == 8
    assert cheap[0] == NOBODY
    assert cheap[-1] == EVERYBODY
    assert {frozenset({R, P}), frozenset({R, P, C})} < set(cheap)
    assert len(replay_units([FAILED], Lattice.CHEAP, 3)) == 24


def test_one_role_that_mends_alone_is_responsible():
    found = attribute(FAILED, game(lambda roles: P in roles))
    assert found.repair_sets == ((P,),)
    assert found.shares == {R: 0, P: pytest.approx(1), C: 0, D: 0}
    named = label(found)
    assert named is not None
    assert (named.role, named.truth, named.call_index) == (P, Truth.REPLAY, None)
    assert named.certainty > 0.99


def test_two_roles_that_mend_only_together_leave_no_label():
    found = attribute(FAILED, game(lambda roles: {P, C} <= roles))
    assert found.repair_sets == ((P, C),)
    assert found.shares == {R: 0, P: pytest.approx(0.5), C: pytest.approx(0.5), D: 0}
    assert label(found) is None


def test_several_roles_may_each_mend_it():
    found = attribute(FAILED, game(lambda roles: C in roles or D in roles))
    assert found.repair_sets == ((C,), (D,))
    assert label(found).role is C


def test_what_drawing_again_mends_is_nobodys_fault():
    found = attribute(FAILED, game(lambda _: True))
    assert found.repair_sets == ()
    assert found.resampled == 1
    assert set(found.shares.values()) == {0}


@pytest.mark.parametrize("replays", [3, 6, 9])
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_where_no_role_matters_at_most_one_failure_in_twenty_is_put_down_to_one(rate, replays):
    random = Random(f"{rate}/{replays}")
    num_labels = 0
    for _ in range(1500):
        counts = {
            roles: (sum(random.random() < rate for _ in range(replays)), replays)
            for roles in sets_of(Lattice.CHEAP)
        }
        num_labels += label(attribute(FAILED, counts)) is not None
    assert num_labels <= 0.05 * 1500


@pytest.mark.parametrize("replays", [1, 4, 5, 9])
def test_few_replays_are_never_enough(replays):
    found = attribute(FAILED, game(lambda roles: C in roles, replays=replays))
    assert bool(found.repair_sets) == (replays >= least_replays(Lattice.FULL) == 5)


def test_the_cheap_lattice_says_that_its_shares_are_partial():
    found = attribute(FAILED, game(lambda roles: {P, C} <= roles, Lattice.CHEAP))
    assert found.is_partial
    assert found.repair_sets == ((R, P, C),)
    assert found.shares == {R: 0, P: 0, C: 1, D: 0}
    assert not attribute(FAILED, game(lambda _: False)).is_partial


def test_a_judge_that_failed_says_nothing():
    def grade(unit, verdict):
        judgement = Judgement(
            verdict=verdict,
            num_run=1,
            num_total=1,
            num_passed=int(verdict is Verdict.AC),
            isolation=Isolation(tier="none"),
        )
        return Grade(problem_id=unit.problem_id, sample=unit.sample, judgement=judgement)

    units = replay_units([FAILED, Unit("q", 1)], Lattice.CHEAP, 2)
    grades = [
        grade(unit, Verdict.IE if replay_of(unit).number or unit[0] == "q" else Verdict.WA)
        for unit in units
    ]
    found = attributions(grades, Lattice.CHEAP)
    assert [f.problem_id for f in found] == ["p"]
    assert {value.num_replays for value in found[0].values} == {1}
