"""Failed attempts made again, the roles of a set answered by a teacher, the others by the student.

All sets share their draws by number, so that two replays differ by who answered alone.

Knows: how replays are numbered, how one is made, which replays make an attribution.
Does not know: engines, files, supervisors, what counts of replays say (mapcoder_lite.attribution).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mapcoder_lite import pipeline
from mapcoder_lite.attribution import (
    NOBODY,
    Attribution,
    Lattice,
    Roles,
    attribute,
    better,
    mender,
    sets_of,
    threshold,
)
from mapcoder_lite.curation.label import Label, Truth
from mapcoder_lite.curation.rerun import Renumbered, Substituted
from mapcoder_lite.errors import ConfigError, InputError
from mapcoder_lite.problem import Problem
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Engine, Grade, Role, Trajectory
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.verdict import Judge, Verdict

FIRST_FRESH_SAMPLE = 1_000_000
"""Replays are numbered from here, so that no draw of the run itself comes back."""
MAX_REPLAYS = 100


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
    role = mender(attribution)
    if role is None:
        return None
    return Label(
        problem_id=attribution.problem_id,
        sample=attribution.sample,
        truth=Truth.REPLAY,
        role=role,
        repair_sets=attribution.repair_sets,
        certainty=next(v.probability for v in attribution.values if v.roles == (role,)),
    )


def _bits(replay: Replay) -> int:
    return sum(1 << index for index, role in enumerate(Role) if role in replay.roles)
