"""The failures of a run: classes, marks, format failures and patches, counted from trajectories.

Knows: which units count, shares with intervals, MAST's modes.
Does not know: how one attempt is diagnosed, how counts are shown.
"""

from collections import Counter, defaultdict
from collections.abc import Collection

from mapcoder_lite.evaluation.diagnosis import (
    Diagnosis,
    FailureClass,
    Mark,
    Patch,
    diagnose,
)
from mapcoder_lite.evaluation.mast import MODES, Mode
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import Rate, clustered, rate
from mapcoder_lite.trajectory import CallKind, Grade, Role, Trajectory
from mapcoder_lite.verdict import Verdict


class ClassCount(Record):
    """Failed units of one class."""

    failure: FailureClass
    share: Rate
    """Of the failed units."""
    verdicts: dict[str, int]
    """On the hidden tests; `no program` where there is none."""


class MarkCount(Record):
    """How often a mark stands on failed and on passed units.

    A mark that passed units bear as often explains nothing.
    """

    mark: Mark
    failed: Rate
    passed: Rate


class FormatCount(Record):
    """One way in which replies of one kind could not be read."""

    role: Role
    kind: CallKind
    failure: str
    """Stable short name of the failure."""
    num_calls: int
    num_units: int
    """With at least one such reply."""
    num_failed_units: int


class PatchCount(Record):
    """What debugging's programs were, beside those before them."""

    num_judged: int = 0
    num_idle: int = 0
    """The same program that was to be mended, but for layout and comments."""
    num_repeated: int = 0
    """Another program that was tried before in the attempt."""
    num_better: int = 0
    """Pass more public tests than the program before."""
    num_worse: int = 0


class ModeCount(Record):
    """One of MAST's modes (2503.13657)."""

    code: str
    name: str
    category: str
    num_failed_units: int | None
    """None: no record can show it."""
    num_passed_units: int | None
    """That show it and passed all the same."""
    reason: str
    """What shows it, or why nothing can."""


class Failures(Record):
    """What a run's failed units show; only graded units count, none that the judge failed on."""

    num_graded: int
    num_failed: int
    classes: tuple[ClassCount, ...]
    """In their order; each failed unit is in one."""
    marks: tuple[MarkCount, ...]
    formats: tuple[FormatCount, ...]
    """By role and kind, the most frequent first."""
    patches: PatchCount
    mast: tuple[ModeCount, ...]


class FailureCount:
    """Running counts over a run's units."""

    def __init__(self) -> None:
        self._units: list[tuple[str, Diagnosis]] = []
        """Problem and diagnosis of every graded unit."""
        self._verdicts: defaultdict[FailureClass, Counter[str]] = defaultdict(Counter)
        self._calls: Counter[tuple[CallKind, str]] = Counter()
        self._with: Counter[tuple[CallKind, str]] = Counter()
        self._failed_with: Counter[tuple[CallKind, str]] = Counter()

    def add(self, trajectory: Trajectory, grade: Grade) -> Diagnosis | None:
        """Count one unit and return what it shows; None where the judge failed on it."""
        if grade.judgement is not None and grade.judgement.verdict is Verdict.IE:
            return None
        found = diagnose(trajectory, grade)
        self._units.append((trajectory.problem_id, found))
        if found.failure is not None:
            word = "no program" if grade.judgement is None else grade.judgement.verdict.value
            self._verdicts[found.failure][word] += 1
        unread = [(c.kind, c.failure.kind) for c in trajectory.calls if c.failure is not None]
        self._calls.update(unread)
        self._with.update(set(unread))
        self._failed_with.update(set(unread) if found.failure is not None else ())
        return found

    def result(self, *, has_intervals: bool) -> Failures:
        """Return the counts; intervals need statsmodels."""
        failed = [(id, d) for id, d in self._units if d.failure is not None]
        passed = [(id, d) for id, d in self._units if d.failure is None]

        def share(units: list[tuple[str, Diagnosis]], word: FailureClass | Mark) -> Rate:
            words = [(id, word in d.marks or word is d.failure) for id, d in units]
            if not has_intervals:
                return rate(sum(holds for _, holds in words), len(words), with_interval=False)
            return clustered(words)

        return Failures(
            num_graded=len(self._units),
            num_failed=len(failed),
            classes=tuple(
                ClassCount(
                    failure=one,
                    share=share(failed, one),
                    verdicts=dict(self._verdicts[one].most_common()),
                )
                for one in FailureClass
            ),
            marks=tuple(
                MarkCount(mark=mark, failed=share(failed, mark), passed=share(passed, mark))
                for mark in Mark
            ),
            formats=self._formats(),
            patches=_patches([d for _, d in self._units]),
            mast=_modes([d for _, d in failed], [d for _, d in passed]),
        )

    def _formats(self) -> tuple[FormatCount, ...]:
        order = list(CallKind)
        ranked = sorted(self._calls, key=lambda key: (order.index(key[0]), -self._calls[key], key))
        return tuple(
            FormatCount(
                role=key[0].role,
                kind=key[0],
                failure=key[1],
                num_calls=self._calls[key],
                num_units=self._with[key],
                num_failed_units=self._failed_with[key],
            )
            for key in ranked
        )


def _patches(found: Collection[Diagnosis]) -> PatchCount:
    patches = [patch for diagnosis in found for patch in diagnosis.patches]
    return PatchCount(
        num_judged=len(patches),
        num_idle=sum(p.patch is Patch.IDLE for p in patches),
        num_repeated=sum(p.patch is Patch.REPEATED for p in patches),
        num_better=sum(p.gain > 0 for p in patches),
        num_worse=sum(p.gain < 0 for p in patches),
    )


def _modes(failed: Collection[Diagnosis], passed: Collection[Diagnosis]) -> tuple[ModeCount, ...]:
    return tuple(
        ModeCount(
            code=mode.code,
            name=mode.name,
            category=mode.category,
            num_failed_units=_showing(mode, failed),
            num_passed_units=_showing(mode, passed),
            reason=mode.reason,
        )
        for mode in MODES
    )


def _showing(mode: Mode, found: Collection[Diagnosis]) -> int | None:
    if not mode.shown_by:
        return None
    return sum(not {d.failure, *d.marks}.isdisjoint(mode.shown_by) for d in found)
