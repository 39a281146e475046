"""The failed attempts of a run, and what repairing them brought.

Knows: run directories that were graded, which of their units can be repaired, corrections.
Does not know: supervisors, engines, how an attempt is corrected.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mapcoder_lite.curation.intact import open_intact
from mapcoder_lite.errors import InputError
from mapcoder_lite.example import Correction
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.problem import Record
from mapcoder_lite.store import RunHeader, Source, Unit
from mapcoder_lite.trajectory import Grade, Role, StopReason, Trajectory
from mapcoder_lite.verdict import Verdict

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Failures:
    """What a complete, graded run leaves to be repaired."""

    source: Source
    header: RunHeader
    failed: Mapping[Unit, Trajectory]
    """In the order of the run's trajectories."""
    num_graded: int
    left_out: Mapping[str, int]
    """Units that did not pass and cannot be repaired, by the reason."""


class Blamed(Record):
    """What came of blaming one role."""

    num_rounds: int = 0
    num_changed: int = 0
    """Rounds in which it answered otherwise than before."""
    num_passed: int = 0


class RepairTally(Record):
    """What a repair brought."""

    schema_version: Literal[1] = SCHEMA_VERSION
    num_failed: int
    """Attempts that were to be repaired and are done."""
    num_repaired: int
    num_repaired_by_round: dict[int, int]
    roles: dict[Role, Blamed]
    unusable: dict[str, int]
    """Supervisor's replies that were of no use, by their kind; their attempts were given up."""


def read_failures(run: Path) -> Failures:
    """Read a run's failed attempts.

    An attempt is left out where the judge failed on it, where a prompt was too long, and where no
    call was made.

    Raises:
        InputError: the run is not complete, not graded, or nothing of it failed.
        SandboxError: its judge failed the self-test or was never examined.
        StoreError: it is no run directory, or a line is damaged.
    """
    intact = open_intact(run)
    grades = {Unit(grade.problem_id, grade.sample): grade for grade in intact.grades}
    failed: dict[Unit, Trajectory] = {}
    left_out: Counter[str] = Counter()
    for trajectory in read_lines(run / "trajectories.jsonl", Trajectory):
        unit = Unit(trajectory.problem_id, trajectory.sample)
        if grades[unit].is_passed:
            continue
        reason = _hindrance(trajectory, grades[unit])
        if reason is None:
            failed[unit] = trajectory
        else:
            left_out[reason] += 1
    if not failed:
        raise InputError(
            f"{run}: of {len(grades)} graded attempts none failed that can be repaired"
        )
    digests = intact.manifest.digests
    source = Source(
        run=run.resolve().name,
        trajectories=digests["trajectories.jsonl"],
        grades=digests["grades.jsonl"],
    )
    return Failures(source, intact.header, failed, len(grades), left_out)


def tally(corrections: Iterable[Correction], grades: Iterable[Grade]) -> RepairTally:
    """Count what a repair brought; attempts that are not graded yet are not in it."""
    is_passed = {Unit(g.problem_id, g.sample): g.is_passed for g in grades}
    rounds = [c for c in corrections if Unit(c.problem_id, c.sample) in is_passed]
    roles = {role: [c for c in rounds if c.blame and c.blame.role is role] for role in Role}
    return RepairTally(
        num_failed=len(is_passed),
        num_repaired=sum(is_passed.values()),
        num_repaired_by_round=dict(sorted(Counter(c.round for c in rounds if c.is_passed).items())),
        roles={
            role: Blamed(
                num_rounds=len(blamed),
                num_changed=sum(c.is_changed for c in blamed),
                num_passed=sum(c.is_passed for c in blamed),
            )
            for role, blamed in roles.items()
        },
        unusable=dict(sorted(Counter(c.failure.kind for c in rounds if c.failure).items())),
    )


def _hindrance(trajectory: Trajectory, grade: Grade) -> str | None:
    """Why a failed attempt cannot be repaired; None: it can."""
    if grade.judgement is not None and grade.judgement.verdict is Verdict.IE:
        return "the judge failed on it"
    if trajectory.stop is StopReason.TOO_LONG:
        return "a prompt was too long"
    return None if trajectory.calls else "no call was made"
