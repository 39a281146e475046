"""A run's failures put down to roles: what replays with a teacher say, over the run and by tag.

Knows: means over failures with intervals that keep problems whole, which role mends what.
Does not know: how attempts are replayed, how the table is shown.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from mapcoder_lite.attribution import (
    Attribution,
    Lattice,
    Value,
    mender,
    sets_of,
    threshold,
    top_role,
)
from mapcoder_lite.errors import InputError
from mapcoder_lite.evaluation.run_files import RunFiles
from mapcoder_lite.jsonl import file_digest
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import Mean, Rate, clustered, clustered_counts, clustered_mean
from mapcoder_lite.trajectory import Role

SCHEMA_VERSION = 1

LUCK = 0.5
"""From this v(nobody) on an unmended failure is put down to luck."""


class SetTally(Record):
    """One set of roles answered by the teacher, over all failures."""

    roles: tuple[Role, ...]
    passed: Rate
    """v(T): the share of all replays that pass; of nobody, the re-sampling baseline."""
    uplift: Mean
    """v(T) less v(nobody), failure by failure."""
    mended: Rate
    """Failures that the set credibly mends."""
    minimal: Rate
    """Failures of which it is a minimal repair set."""


class RoleTally(Record):
    """One role, over all failures."""

    role: Role
    share: Mean
    """Its part in v(everybody) - v(nobody): Shapley's on all 16 sets."""
    top: Rate
    """Failures in which no role has a greater share."""
    alone: Rate
    """Failures that it mends alone."""
    mender: Rate
    """Failures put down to it: of the roles that mend alone, it has the greatest share."""
    needed: Rate
    """Failures of which it is in a minimal repair set."""


class TagTally(Record):
    """The failures of problems with one tag."""

    tag: str
    num_failures: int
    num_problems: int
    resampled: float
    """Mean v(nobody)."""
    everybody: float
    """Mean v(everybody)."""
    shares: dict[Role, Mean]
    """As in `RoleTally`: a row of the heat map."""


class AttributionTable(Record):
    """attribution.json: which role mends a run's failures."""

    schema_version: Literal[1] = SCHEMA_VERSION
    run: str
    trajectories: str
    """Hex SHA-256 of the run's trajectories.jsonl: of which state of it this speaks."""
    student: str
    teacher: str
    lattice: Lattice
    num_replays: int
    """Of each set of roles."""
    is_partial: bool
    """Shares are the gains along the pipeline's order, one of 24 orders, not Shapley's."""
    num_failed: int
    """Failures of the run."""
    num_failures: int
    """Those of them that every set was replayed on."""
    num_problems: int
    num_alone: int
    """Some role mends it alone."""
    num_together: int
    """Only several roles together mend it."""
    num_by_luck: int
    """No set credibly mends it, and drawing again passes at least half of the time."""
    num_unmended: int
    """No set credibly mends it, nor does luck."""
    sets: tuple[SetTally, ...]
    roles: tuple[RoleTally, ...]
    tags: tuple[TagTally, ...]
    """The most frequent first; a problem without tags is under none."""


Tags = Mapping[str, Sequence[str]]
"""The tags of each problem."""


def attribution_table(
    found: Sequence[Attribution],
    tags: Tags,
    *,
    run: str,
    trajectories: str,
    student: str,
    teacher: str,
    num_failed: int,
) -> AttributionTable:
    """Count what replays say of the failures of a run.

    Raises:
        InputError: there is no failure that every set was replayed on.
        ConfigError: statsmodels is not installed.
    """
    if not found:
        raise InputError(f"{run}: no failure was replayed with every set, so nothing is told")
    lattice = next(one for one in Lattice if len(sets_of(one)) == len(found[0].values))
    unmended = [a for a in found if not a.repair_sets]
    num_alone = sum(mender(a) is not None for a in found)
    num_by_luck = sum(a.resampled >= LUCK for a in unmended)
    return AttributionTable(
        run=run,
        trajectories=trajectories,
        student=student,
        teacher=teacher,
        lattice=lattice,
        num_replays=max(value.num_replays for a in found for value in a.values),
        is_partial=found[0].is_partial,
        num_failed=num_failed,
        num_failures=len(found),
        num_problems=len({a.problem_id for a in found}),
        num_alone=num_alone,
        num_together=len(found) - len(unmended) - num_alone,
        num_by_luck=num_by_luck,
        num_unmended=len(unmended) - num_by_luck,
        sets=tuple(_set(found, place) for place in range(len(found[0].values))),
        roles=tuple(_role(found, role) for role in Role),
        tags=tuple(_tags(found, tags)),
    )


def is_current(table: AttributionTable, run: RunFiles) -> bool:
    """Whether a table speaks of a run as it is now: as solved, and as many failed."""
    is_as_solved = table.trajectories == file_digest(run.path / "trajectories.jsonl")
    return is_as_solved and table.num_failed == run.num_failed


def _set(found: Sequence[Attribution], place: int) -> SetTally:
    roles, sure = found[0].values[place].roles, threshold(len(found[0].values))

    def own(a: Attribution) -> Value:
        return a.values[place]

    return SetTally(
        roles=roles,
        passed=_passed([(a.problem_id, own(a)) for a in found]),
        uplift=_mean(found, lambda a: own(a).share - a.resampled),
        mended=_rate(found, lambda a: own(a).probability >= sure),
        minimal=_rate(found, lambda a: roles in a.repair_sets),
    )


def _role(found: Sequence[Attribution], role: Role) -> RoleTally:
    return RoleTally(
        role=role,
        share=_mean(found, lambda a: a.shares[role]),
        top=_rate(found, lambda a: top_role(a) is role),
        alone=_rate(found, lambda a: (role,) in a.repair_sets),
        mender=_rate(found, lambda a: mender(a) is role),
        needed=_rate(found, lambda a: any(role in roles for roles in a.repair_sets)),
    )


def _tags(found: Sequence[Attribution], tags: Tags) -> Iterable[TagTally]:
    tagged: defaultdict[str, list[Attribution]] = defaultdict(list)
    for attribution in found:
        for tag in dict.fromkeys(tags.get(attribution.problem_id, ())):
            tagged[tag].append(attribution)
    for tag, own in sorted(tagged.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        yield TagTally(
            tag=tag,
            num_failures=len(own),
            num_problems=len({a.problem_id for a in own}),
            resampled=sum(a.resampled for a in own) / len(own),
            everybody=sum(a.values[-1].share for a in own) / len(own),
            shares={role: _share(own, role) for role in Role},
        )


def _passed(values: Iterable[tuple[str, Value]]) -> Rate:
    by_problem: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for problem, value in values:
        by_problem[problem][0] += value.num_passed
        by_problem[problem][1] += value.num_replays
    return clustered_counts([(passed, total) for passed, total in by_problem.values()])


def _share(found: Sequence[Attribution], role: Role) -> Mean:
    return _mean(found, lambda a: a.shares[role])


def _mean(found: Sequence[Attribution], of: Callable[[Attribution], float]) -> Mean:
    by_problem: defaultdict[str, list[float]] = defaultdict(list)
    for attribution in found:
        by_problem[attribution.problem_id].append(of(attribution))
    return clustered_mean([(sum(own), len(own)) for own in by_problem.values()])


def _rate(found: Sequence[Attribution], holds: Callable[[Attribution], bool]) -> Rate:
    return clustered((a.problem_id, holds(a)) for a in found)
