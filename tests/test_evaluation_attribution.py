"""The table over a run's failures, from games with known answers."""

import pytest

from mapcoder_lite.attribution import NOBODY, Lattice, attribute, mender, sets_of, top_role
from mapcoder_lite.errors import InputError
from mapcoder_lite.evaluation.attribution import attribution_table
from mapcoder_lite.evaluation.attribution_tables import attribution_blocks
from mapcoder_lite.store import Unit
from mapcoder_lite.tables import markdown, text
from mapcoder_lite.trajectory import Role

R, P, C, D = Role
WHO = {"run": "r", "trajectories": "x", "student": "s", "teacher": "t"}


def failure(id, wins, lattice=Lattice.FULL, sample=0):
    counts = {roles: (6 * wins(roles), 6) for roles in sets_of(lattice)}
    return attribute(Unit(id, sample), counts)


BY_CODING = failure("a", lambda roles: C in roles)
BY_BOTH = failure("b", lambda roles: R in roles and P in roles)
BY_LUCK = failure("c", lambda roles: True)
BY_NOTHING = failure("d", lambda roles: False)
BY_EITHER = failure("e", lambda roles: P in roles or D in roles)
GAMES = [BY_CODING, BY_BOTH, BY_LUCK, BY_NOTHING, BY_EITHER]
TAGS = {"a": ["math"], "b": ["math", "greedy"], "e": ["math", "math"]}


def table_of(found, num_failed=None):
    return attribution_table(found, TAGS, num_failed=num_failed or len(found), **WHO)


def test_every_failure_ends_in_one_of_four_ways():
    table = table_of(GAMES)
    assert (table.num_alone, table.num_together) == (2, 1)
    assert (table.num_by_luck, table.num_unmended) == (1, 1)


def test_roles_get_their_shares_and_what_they_mend():
    roles = {of.role: of for of in table_of(GAMES).roles}
    # coding alone 1; retrieval and planning half each of one; planning and debugging half each
    assert {role: of.share.mean for role, of in roles.items()} == pytest.approx(
        {R: 0.1, P: 0.2, C: 0.2, D: 0.1}
    )
    assert [roles[role].alone.num_passed for role in Role] == [0, 1, 1, 1]
    assert [roles[role].needed.num_passed for role in Role] == [1, 2, 1, 1]
    assert [roles[role].mender.num_passed for role in Role] == [0, 1, 1, 0]


def test_sets_are_set_against_nobody():
    sets = {of.roles: of for of in table_of(GAMES).sets}
    assert sets[()].passed.share == pytest.approx(0.2)
    assert sets[()].mended.num_passed == 0
    assert sets[tuple(Role)].uplift.mean == pytest.approx(0.6)
    assert sets[tuple(Role)].mended.num_passed == 3
    assert sets[(R, P)].minimal.num_passed == 1
    assert sets[(R, P)].mended.num_passed == 2


def test_tags_are_rows_of_shares_counted_once_a_failure():
    tags = {of.tag: of for of in table_of(GAMES).tags}
    assert [of.tag for of in table_of(GAMES).tags] == ["math", "greedy"]
    assert tags["math"].num_failures == 3
    assert sum(mean.mean for mean in tags["math"].shares.values()) == pytest.approx(1.0)
    assert tags["greedy"].shares[P].low is None  # one problem says nothing of others


def test_several_failures_of_a_problem_widen_the_intervals():
    games = [failure("a", lambda roles: C in roles, sample=n) for n in range(20)]
    games += [failure("b", lambda roles: P in roles, sample=n) for n in range(20)]
    few = table_of(games).roles[2].share
    apart = [g.model_copy(update={"problem_id": f"{g.problem_id}{g.sample}"}) for g in games]
    many = table_of(apart).roles[2].share
    assert few.mean == many.mean == 0.5
    assert few.high is not None and many.high is not None
    assert few.high - few.mean > many.high - many.mean


def test_the_cheap_sets_say_that_their_shares_are_partial():
    found = [failure("a", lambda roles: C in roles, Lattice.CHEAP)]
    table = table_of(found, num_failed=3)
    assert table.is_partial
    said = text(attribution_blocks(table))
    assert "one of 24 orders" in said
    assert "2 failures are left out" in said
    assert "Shapley share" not in said
    assert "Shapley share" in text(attribution_blocks(table_of(GAMES)))


def test_a_tag_is_no_markup_on_the_page():
    hostile = attribution_table([BY_CODING], {"a": ["<b>|x"]}, num_failed=1, **WHO)
    assert "&lt;b\\>\\|x" in markdown("r", attribution_blocks(hostile))


def test_without_failures_nothing_is_told():
    with pytest.raises(InputError, match="nothing is told"):
        table_of([], num_failed=2)


def test_the_top_role_has_the_greatest_share_and_a_mender_mends_alone():
    assert (top_role(BY_CODING), mender(BY_CODING)) == (C, C)
    assert (top_role(BY_BOTH), mender(BY_BOTH)) == (R, None)  # the earliest on a tie
    assert (top_role(BY_LUCK), mender(BY_LUCK)) == (None, None)
    assert BY_LUCK.values[0].roles == tuple(NOBODY)


def of_counts(passed: list[int]):
    """A failure of which each set of the full lattice passed so many of 6 replays."""
    return attribute(
        Unit("a", 0),
        {roles: (n, 6) for roles, n in zip(sets_of(Lattice.FULL), passed, strict=True)},
    )


def test_equal_shares_are_a_tie_however_floats_round():
    """Summed as floats, coding's share of the first exceeds retrieval's by a rounding error."""
    tie = of_counts([3, 6, 5, 6, 0, 3, 3, 2, 3, 5, 2, 6, 1, 4, 1, 0])
    assert tie.shares[R] == tie.shares[C] == pytest.approx(1 / 18)
    assert top_role(tie) is R
    nothing = of_counts([2, 1, 1, 4, 1, 2, 3, 4, 1, 2, 3, 3, 5, 1, 3, 2])
    assert nothing.shares == dict.fromkeys(Role, 0.0)
    assert top_role(nothing) is None  # coding brings 3e-17 by rounding, and nothing by counting


def test_of_menders_with_equal_shares_the_earliest_is_named():
    """Planning and debugging mend alone and are alike in every set."""
    games = [
        failure("a", lambda roles: 1 if P in roles or D in roles else R in roles and C in roles)
    ]
    assert [mender(of) for of in games] == [P]
