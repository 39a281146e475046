"""Which roles, answered by a teacher, would have mended a failure: replays of whole attempts.

A failed attempt is made again with the roles of a set T answered by the teacher, the others by the
student, K times with fresh draws. v(T) is the share that passes the hidden tests; v of the empty
set is what drawing again brings by itself, and is subtracted (AgenTracer 2509.03312 replays alike;
that several repairs may mend one failure is DoVer's, 2512.06749).

Knows: sets of roles, how replays are numbered, repair sets, Shapley shares.
Does not know: engines, files, supervisors.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from math import comb, factorial
from typing import Literal

from mapcoder_lite import pipeline
from mapcoder_lite.curation.label import Label, Truth
from mapcoder_lite.curation.rerun import Renumbered, Substituted
from mapcoder_lite.errors import ConfigError, InputError
from mapcoder_lite.problem import Problem, Record
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Engine, Grade, Role, Trajectory
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.verdict import Judge, Verdict

SCHEMA_VERSION = 1

Roles = frozenset[Role]

NOBODY: Roles = frozenset()
EVERYBODY: Roles = frozenset(Role)

FIRST_FRESH_SAMPLE = 1_000_000
"""Replays are numbered from here, so that no draw of the run itself comes back."""
MAX_REPLAYS = 100
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
    """Each role's part in v(everybody) - v(nobody): the Shapley value on the full lattice."""
    is_partial: bool
    """Whether shares are the gains along the pipeline's order alone, one of 24 orders."""

    @property
    def resampled(self) -> float:
        """v(nobody): how often drawing again passes by itself."""
        return self.values[0].share


@dataclass(frozen=True, slots=True)
class Replay:
    """One replay of a failed attempt, as its unit is numbered."""

    failed: Unit
    roles: Roles
    number: int

    @property
    def unit(self) -> Unit:
        """The unit that is done."""
        if not 0 <= self.number < MAX_REPLAYS:
            raise InputError(f"replay {self.number}: at most {MAX_REPLAYS} a set of roles")
        row = self.failed.sample * MAX_REPLAYS + self.number
        return Unit(self.failed.problem_id, FIRST_FRESH_SAMPLE + (row << len(Role)) + _bits(self))

    @property
    def draws(self) -> int:
        """The sample whose draws are used: the same for all sets, which are thereby paired."""
        return Replay(self.failed, NOBODY, self.number).unit.sample


def replay_of(unit: Unit) -> Replay:
    """Return what a unit stands for."""
    row, bits = divmod(unit.sample - FIRST_FRESH_SAMPLE, 1 << len(Role))
    sample, number = divmod(row, MAX_REPLAYS)
    roles = frozenset(role for index, role in enumerate(Role) if bits >> index & 1)
    return Replay(Unit(unit.problem_id, sample), roles, number)


def sets_of(lattice: Lattice) -> tuple[Roles, ...]:
    """Return the sets of roles of a lattice, smaller ones first."""
    order = list(Role)
    if lattice is Lattice.FULL:
        chosen = [c for size in range(len(order) + 1) for c in combinations(order, size)]
    else:
        alone = [(role,) for role in order]
        chosen = [(), *alone, *(order[:size] for size in range(2, len(order) + 1))]
    return tuple(frozenset(roles) for roles in chosen)


def replay_units(failed: Iterable[Unit], lattice: Lattice, num_replays: int) -> list[Unit]:
    """Return the units of all replays; an early look has some of every failure and set."""
    failures = list(failed)
    return [
        Replay(failure, roles, number).unit
        for number in range(num_replays)
        for failure in failures
        for roles in sets_of(lattice)
    ]


def replayed(
    problem: Problem, sample: int, student: Engine, teacher: Engine, judge: Judge, dials: Dials
) -> Trajectory:
    """Make the attempt that a replay's unit asks for.

    Raises:
        EngineError: an engine cannot answer.
        SandboxError: the judge cannot judge.
    """
    replay = replay_of(Unit(problem.id, sample))
    mixed = Substituted(student, teacher, replay.roles)
    engine = Renumbered(mixed, replay.draws - sample)
    return pipeline.solve(problem, engine, judge, dials, sample=sample)


def attributions(grades: Iterable[Grade], lattice: Lattice) -> list[Attribution]:
    """Return one attribution for each failure that was replayed with every set of the lattice.

    A replay that the judge failed on says nothing and is not counted.
    """
    tallies: dict[Unit, dict[Roles, list[bool]]] = {}
    for grade in grades:
        replay = replay_of(Unit(grade.problem_id, grade.sample))
        if grade.judgement is None or grade.judgement.verdict is not Verdict.IE:
            of_failure = tallies.setdefault(replay.failed, {})
            of_failure.setdefault(replay.roles, []).append(grade.is_passed)
    sets = sets_of(lattice)
    return [
        attribute(failed, {roles: (sum(seen[roles]), len(seen[roles])) for roles in sets})
        for failed, seen in tallies.items()
        if all(roles in seen for roles in sets)
    ]


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
    shares = {roles: passed / total for roles, (passed, total) in counts.items()}
    is_full = len(counts) == 1 << len(Role)
    return Attribution(
        problem_id=failed.problem_id,
        sample=failed.sample,
        values=values,
        repair_sets=tuple(_ordered(roles) for roles in minimal(repairs)),
        shares=shapley(shares) if is_full else along_the_pipeline(shares),
        is_partial=not is_full,
    )


def threshold(num_sets: int) -> float:
    """Return the posterior probability from which one of so many sets, nobody's too, is a repair.

    Each set is compared with nobody's, and all may err: Bonferroni's share of ERROR.
    """
    return 1 - ERROR / (num_sets - 1)


def least_replays(lattice: Lattice) -> int:
    """Return how many replays of a set it takes to convince, at best."""
    sure = threshold(len(sets_of(lattice)))
    return next(n for n in range(1, 100) if better((0, n), (n, n)) >= sure)


def refuse_too_few(num_replays: int, lattice: Lattice) -> None:
    """Raise ConfigError when so many replays of a set could convince of nothing."""
    if num_replays < least_replays(lattice):
        raise ConfigError(
            f"--replays {num_replays} can convince of nothing: with the {lattice.value} lattice "
            f"it takes {least_replays(lattice)} or more"
        )


def label(attribution: Attribution) -> Label | None:
    """Return whom a failure is put down to: of the roles that mend it alone, the greatest share.

    None when no role mends it alone.
    """
    alone = [roles[0] for roles in attribution.repair_sets if len(roles) == 1]
    if not alone:
        return None
    role = max(alone, key=lambda role: attribution.shares[role])  # the earliest on a tie
    return Label(
        problem_id=attribution.problem_id,
        sample=attribution.sample,
        truth=Truth.REPLAY,
        role=role,
        repair_sets=attribution.repair_sets,
        certainty=next(v.probability for v in attribution.values if v.roles == (role,)),
    )


def minimal(sets: Iterable[Roles]) -> list[Roles]:
    """Return the sets that hold no other one, smaller ones first."""
    found: list[Roles] = []
    for roles in sorted(sets, key=lambda roles: (len(roles), _ordered_indexes(roles))):
        if not any(smaller <= roles for smaller in found):
            found.append(roles)
    return found


def shapley(values: Mapping[Roles, float]) -> dict[Role, float]:
    """Return each role's Shapley value of a game on all 16 sets; together v(all) - v(nobody)."""
    n = len(Role)
    return {
        role: sum(
            factorial(len(others)) * factorial(n - len(others) - 1) / factorial(n)
            * (values[others | {role}] - values[others])
            for others in values
            if role not in others
        )
        for role in Role
    }  # fmt: skip


def along_the_pipeline(values: Mapping[Roles, float]) -> dict[Role, float]:
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


def _bits(replay: Replay) -> int:
    return sum(1 << index for index, role in enumerate(Role) if role in replay.roles)


def _ordered(roles: Roles) -> tuple[Role, ...]:
    return tuple(role for role in Role if role in roles)


def _ordered_indexes(roles: Roles) -> tuple[int, ...]:
    return tuple(index for index, role in enumerate(Role) if role in roles)
