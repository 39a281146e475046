"""Which roles, answered by a teacher, mend a failure: repair sets and shares, from replays' counts.

A failed attempt is made again with the roles of a set T answered by a teacher, K times. v(T) is the
share that passes the hidden tests; v of the empty set is what drawing again brings by itself, and
is subtracted (AgenTracer 2509.03312 replays alike; that several repairs may mend one failure is
DoVer's, 2512.06749).

Knows: sets of roles, their values, credible and minimal repair sets, Shapley shares.
Does not know: how attempts are replayed, runs, supervisors.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from itertools import combinations
from math import comb, factorial
from typing import Literal

from mapcoder_lite.problem import Record
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Role

SCHEMA_VERSION = 1

Roles = frozenset[Role]

NOBODY: Roles = frozenset()
EVERYBODY: Roles = frozenset(Role)

ERROR = 0.05
"""What all sets of roles of a failure together may be wrongly taken for repairs with."""


class Lattice(StrEnum):
    """Which sets of roles are tried."""

    FULL = "full"
    """All 16: exact Shapley shares."""
    CHEAP = "cheap"
    """8: nobody, every role alone, and the pipeline's beginnings of two, three and four roles."""


class Value(Record):
    """What became of the replays in which a set of roles was the teacher's."""

    roles: tuple[Role, ...]
    num_passed: int
    num_replays: int
    probability: float
    """Posterior probability that the set passes more often than nobody does; 0.5 = not known."""

    @property
    def share(self) -> float:
        """v(T), as measured."""
        return self.num_passed / self.num_replays


class Attribution(Record):
    """attributions.jsonl: one failure, what each set of roles brought, and what follows."""

    schema_version: Literal[1] = SCHEMA_VERSION
    problem_id: str
    sample: int
    values: tuple[Value, ...]
    """In the order of the lattice, nobody first."""
    repair_sets: tuple[tuple[Role, ...], ...]
    """Smallest sets that credibly pass more often than nobody; empty: nothing mends it, or drawing
    again does as well."""
    shares: dict[Role, float]
    """Each role's part in v(everybody) - v(nobody): the Shapley value on the full lattice. It is
    shown and averaged; what is compared is computed from the counts, without rounding."""
    is_partial: bool
    """Whether shares are the gains along the pipeline's order alone, one of 24 orders."""

    @property
    def resampled(self) -> float:
        """v(nobody): how often drawing again passes by itself."""
        return self.values[0].share


def sets_of(lattice: Lattice) -> tuple[Roles, ...]:
    """Return the sets of roles of a lattice, smaller ones first."""
    order = list(Role)
    if lattice is Lattice.FULL:
        chosen = [c for size in range(len(order) + 1) for c in combinations(order, size)]
    else:
        alone = [(role,) for role in order]
        chosen = [(), *alone, *(order[:size] for size in range(2, len(order) + 1))]
    return tuple(frozenset(roles) for roles in chosen)


def attribute(failed: Unit, counts: Mapping[Roles, tuple[int, int]]) -> Attribution:
    """Say who mends a failure, from (passed, replays) of each set of roles, nobody's among them."""
    values = tuple(
        Value(
            roles=_ordered(roles),
            num_passed=passed,
            num_replays=total,
            probability=0.5 if roles == NOBODY else better(counts[NOBODY], (passed, total)),
        )
        for roles, (passed, total) in counts.items()
    )
    sure = threshold(len(counts))
    repairs = [frozenset(value.roles) for value in values if value.probability >= sure]
    return Attribution(
        problem_id=failed.problem_id,
        sample=failed.sample,
        values=values,
        repair_sets=tuple(_ordered(roles) for roles in minimal(repairs)),
        shares={role: float(share) for role, share in exact_shares(values).items()},
        is_partial=not _is_full(values),
    )


def exact_shares(values: Sequence[Value]) -> dict[Role, Fraction]:
    """Return each role's share of a failure without rounding, so that equal shares are equal.

    Shapley's on the full lattice, else the gains along the pipeline's order.
    """
    worth = {frozenset(of.roles): Fraction(of.num_passed, of.num_replays) for of in values}
    return shapley(worth) if _is_full(values) else along_the_pipeline(worth)


def threshold(num_sets: int) -> float:
    """Return the posterior probability from which one of so many sets, nobody's too, is a repair.

    Each set is compared with nobody's, and all may err: Bonferroni's share of ERROR.
    """
    return 1 - ERROR / (num_sets - 1)


def mender(attribution: Attribution) -> Role | None:
    """Return, of the roles that mend a failure alone, the one with the greatest share.

    None when no role mends it alone.
    """
    alone = [roles[0] for roles in attribution.repair_sets if len(roles) == 1]
    shares = exact_shares(attribution.values)
    return max(alone, key=lambda role: shares[role], default=None)  # the earliest on a tie


def top_role(attribution: Attribution) -> Role | None:
    """Return the role with the greatest share, the earliest on a tie; None: no role brings any."""
    shares = exact_shares(attribution.values)
    role = max(Role, key=lambda role: shares[role])
    return role if shares[role] > 0 else None


def minimal(sets: Iterable[Roles]) -> list[Roles]:
    """Return the sets that hold no other one, smaller ones first."""
    found: list[Roles] = []
    for roles in sorted(sets, key=lambda roles: (len(roles), _ordered_indexes(roles))):
        if not any(smaller <= roles for smaller in found):
            found.append(roles)
    return found


def shapley(values: Mapping[Roles, Fraction]) -> dict[Role, Fraction]:
    """Return each role's Shapley value of a game on all 16 sets; together v(all) - v(nobody)."""
    n = len(Role)
    return {
        role: sum(
            (
                factorial(len(others)) * factorial(n - len(others) - 1)
                * (values[others | {role}] - values[others])
                for others in values
                if role not in others
            ),
            start=Fraction(),
        ) / factorial(n)
        for role in Role
    }  # fmt: skip


def along_the_pipeline(values: Mapping[Roles, Fraction]) -> dict[Role, Fraction]:
    """Return what each role adds to those before it; together v(all) - v(nobody)."""
    order = list(Role)
    return {
        role: values[frozenset(order[: i + 1])] - values[frozenset(order[:i])]
        for i, role in enumerate(order)
    }


def better(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Return the posterior probability that the second rate is higher, from (passed, total) each.

    Uniform priors, independent draws: exact, in integers. The replays of two sets share their
    draws, which can only make the difference surer than this says.
    """
    (a, b), (c, d) = ((passed + 1, total - passed + 1) for passed, total in (first, second))
    # P(X < Y) for X ~ Beta(a, b), Y ~ Beta(c, d) is a sum over hypergeometric terms.
    whole = comb(a + b + c + d - 2, a + b - 1)
    ways = sum(comb(a + c - 1, j) * comb(b + d - 1, a + b - 1 - j) for j in range(a, a + b))
    return ways / whole


def _is_full(values: Sequence[Value]) -> bool:
    return len(values) == 1 << len(Role)


def _ordered(roles: Roles) -> tuple[Role, ...]:
    return tuple(role for role in Role if role in roles)


def _ordered_indexes(roles: Roles) -> tuple[int, ...]:
    return tuple(index for index, role in enumerate(Role) if role in roles)
