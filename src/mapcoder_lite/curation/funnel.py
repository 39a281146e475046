"""What is left at each stage from problems to training rows.

Knows: stages, their order and units, how each count splits up.
Does not know: files, tags, what a count means for bias.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mapcoder_lite.curation.evidence import AuditedRun, Dataset, problems_of
from mapcoder_lite.curation.examples import DatasetManifest
from mapcoder_lite.example import Correction
from mapcoder_lite.problem import Record
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Trajectory


class Stage(Record):
    """How many are there at one point of the way."""

    name: str
    unit: str
    """What is counted: problems, attempts, corrections, calls or rows."""
    count: int
    parts: dict[str, dict[str, int]]
    """The same count split up: by run, by end, by role and so on."""


class Funnel(Record):
    """All stages in order; a stage of the same unit as the one before it holds no more."""

    stages: tuple[Stage, ...]


@dataclass(slots=True)
class AttemptTally:
    """Running counts over the trajectories of all runs."""

    num_attempts: Counter[str] = field(default_factory=Counter[str])
    """By run."""
    stops: Counter[str] = field(default_factory=Counter[str])
    num_passed: Counter[str] = field(default_factory=Counter[str])
    """By run."""
    num_calls: Counter[str] = field(default_factory=Counter[str])
    """Of all attempts, by kind."""
    num_unreadable: int = 0
    """Calls whose reply could not be parsed."""
    num_passed_calls: Counter[str] = field(default_factory=Counter[str])
    """Of the attempts that passed, by kind."""

    def add(self, run: AuditedRun, trajectory: Trajectory) -> None:
        """Count one trajectory."""
        has_passed = run.passed.get(Unit(trajectory.problem_id, trajectory.sample), False)
        kinds = Counter(call.kind.value for call in trajectory.calls)
        self.num_attempts[run.name] += 1
        self.stops[trajectory.stop.value] += 1
        self.num_passed[run.name] += has_passed
        self.num_calls += kinds
        self.num_unreadable += sum(call.failure is not None for call in trajectory.calls)
        if has_passed:
            self.num_passed_calls += kinds


def funnel(runs: Sequence[AuditedRun], tally: AttemptTally, dataset: Dataset) -> Funnel:
    """Put the counts of runs and data set in order; a number not known is a stage left out."""
    stages = [_problems(runs), *_attempts(runs, tally), *_calls(tally), *_rows(dataset)]
    return Funnel(stages=tuple(stages))


def _problems(runs: Sequence[AuditedRun]) -> Stage:
    return Stage(
        name="problems",
        unit="problems",
        count=len(problems_of(runs)),
        parts={"run": {run.name: len(run.problems) for run in runs}},
    )


def _attempts(runs: Sequence[AuditedRun], tally: AttemptTally) -> Iterable[Stage]:
    yield Stage(
        name="attempts",
        unit="attempts",
        count=tally.num_attempts.total(),
        parts={"run": dict(tally.num_attempts), "end": dict(tally.stops.most_common())},
    )
    judged = {run.name: len(run.passed) for run in runs}
    yield Stage(
        name="judged on hidden tests",
        unit="attempts",
        count=sum(judged.values()),
        parts={"run": judged, "judge failed": {run.name: run.num_unjudged for run in runs}},
    )
    repaired = {run.name: run.is_repair for run in runs}
    by_way = Counter[str]()
    for name, count in tally.num_passed.items():
        by_way["repaired" if repaired[name] else "unaided"] += count
    yield Stage(
        name="passed all hidden tests",
        unit="attempts",
        count=tally.num_passed.total(),
        parts={"run": dict(tally.num_passed), "way": dict(by_way)},
    )
    corrections = [correction for run in runs for correction in run.corrections]
    if corrections:
        yield from _corrections(corrections)


def _corrections(corrections: Sequence[Correction]) -> Iterable[Stage]:
    """Rounds of repair: what the supervisor's word came to."""
    blamed = [c for c in corrections if c.blame is not None]
    yield Stage(
        name="asked the supervisor",
        unit="corrections",
        count=len(corrections),
        parts={
            "round": _counted(str(c.round) for c in corrections),
            "unreadable": _counted(c.failure.kind for c in corrections if c.failure),
        },
    )
    yield Stage(
        name="blamed a role",
        unit="corrections",
        count=len(blamed),
        parts={"role": _counted(c.blame.role.value for c in blamed if c.blame)},
    )
    yield Stage(
        name="answered otherwise",
        unit="corrections",
        count=sum(c.is_changed for c in blamed),
        parts={},
    )
    passed = [c for c in blamed if c.is_passed]
    yield Stage(
        name="passed by correction",
        unit="corrections",
        count=len(passed),
        parts={"role": _counted(c.blame.role.value for c in passed if c.blame)},
    )


def _calls(tally: AttemptTally) -> Iterable[Stage]:
    yield Stage(
        name="calls",
        unit="calls",
        count=tally.num_calls.total(),
        parts={
            "kind": dict(tally.num_calls),
            "reply": {
                "read": tally.num_calls.total() - tally.num_unreadable,
                "unreadable": tally.num_unreadable,
            },
        },
    )
    yield Stage(
        name="calls of attempts that passed",
        unit="calls",
        count=tally.num_passed_calls.total(),
        parts={"kind": dict(tally.num_passed_calls)},
    )


def _rows(dataset: Dataset) -> Iterable[Stage]:
    yield from _manifest_stages(dataset.manifest)
    rows = dataset.rows
    yield Stage(
        name="rows",
        unit="rows",
        count=len(rows),
        parts={
            "role": _counted(row.role.value for row in rows),
            "kind": _counted(row.kind.value for row in rows),
            "run": _counted(row.provenance.run for row in rows),
            "filter": _counted(row.provenance.kept_by for row in rows),
            "corrections before": _counted(str(row.provenance.round) for row in rows),
            "split": _counted("validation" if row.is_validation else "train" for row in rows),
            "guided": _counted("yes" if row.provenance.is_guided else "no" for row in rows),
        },
    )


def _manifest_stages(manifest: DatasetManifest) -> Iterable[Stage]:
    """The stages between calls and rows that the manifest alone can tell, in their order."""
    told = (
        ("calls that the final programs rest on", "calls", manifest.num_kept),
        ("that speak of no feedback", "rows", manifest.num_silent),
        ("without exact copies", "rows", manifest.num_distinct),
        ("without near copies", "rows", manifest.num_unlike),
        ("without overlap with evaluation sets", "rows", manifest.num_clean),
    )
    for name, unit, count in told:
        yield Stage(name=name, unit=unit, count=count, parts={})


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))
