"""Whether a plan's confidence tells if the plan works: reliability, Brier score, error, AUROC.

Two outcomes are set beside the stated confidence. *Hidden*: of every graded attempt, the plan whose
program was submitted, and whether it passed the hidden tests. *Public*: every plan that was tried,
and whether a program of its path passed all public tests. Plans are tried from the surest on until
one passes, so that what is known of the less sure ones comes of the harder problems: read the
first as the confidence of what is handed in, the second as that of what was tried.

Knows: bins, scores, intervals that keep problems whole, what the records say of the order of plans.
Does not know: how a confidence is read out of a reply.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

from mapcoder_lite.errors import FormatError
from mapcoder_lite.evaluation.diagnosis import submitted
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import NUM_RESAMPLES, SEED, Rate, clustered, rate
from mapcoder_lite.trajectory import Call, CallKind, Completion, Grade, StopReason, Trajectory
from mapcoder_lite.verdict import Verdict

NUM_BINS = 10


class Bin(Record):
    """Plans whose confidence lies in [low, high), the last one in [low, high]."""

    low: int
    high: int
    mean_confidence: float | None
    """0 to 1; None: no plan."""
    passed: Rate


class Estimate(Record):
    """A number with its 95 % interval."""

    value: float
    low: float | None
    """None: scipy is absent, or fewer than two problems."""
    high: float | None


class Reliability(Record):
    """Stated confidence against one outcome."""

    num_plans: int
    num_problems: int
    passed: Rate
    bins: tuple[Bin, ...]
    brier: Estimate
    """Mean squared distance of confidence and outcome; 0 is best."""
    brier_of_base: float
    """Of stating the pass rate for every plan: what a confidence must beat to tell anything."""
    error: Estimate
    """Expected calibration error: mean distance of confidence and pass rate over the bins."""
    auroc: Estimate | None
    """Chance that a plan that passes was given more than one that fails, ties half; None: all
    have one outcome."""


class Order(Record):
    """What the records say of trying the surest plan first in place of the first recalled one.

    Where the two are one plan the order decides nothing. Elsewhere the surest one's outcome is
    known, the other's only if it was tried later: the rest is unknown, and `mapcoder plans` finds
    it out. Public tests decide.
    """

    num_attempts: int
    """With two stated plans or more, of which one was tried."""
    num_differing: int
    num_surest_pass: int
    """Of the differing attempts."""
    num_recalled_pass: int
    num_recalled_fail: int

    @property
    def num_unknown(self) -> int:
        """Differing attempts at which the first recalled plan was never tried."""
        return self.num_differing - self.num_recalled_pass - self.num_recalled_fail


class Calibration(Record):
    """What a run's plan confidences are worth."""

    num_unstated: int
    """Tried plans whose confidence could not be read: they rank last, and are left out here."""
    hidden: Reliability | None
    """None: no graded attempt submitted a program of a plan with a stated confidence."""
    public: Reliability | None
    order: Order


Table = Sequence[Sequence[float]]
"""How many plans of each confidence, 0 to 100, failed, and how many passed."""


class Stated(NamedTuple):
    """One plan's confidence and what became of it."""

    problem_id: str
    confidence: int
    """0 to 100."""
    is_passed: bool


@dataclass(frozen=True, slots=True)
class _Tried:
    """The tried plans of one attempt, in the order of trying: whether each passed its samples."""

    passed: Mapping[int, bool]
    confidences: Mapping[int, int]


class CalibrationCount:
    """Collects the confidences of a run's units."""

    def __init__(self, confidence: Callable[[Completion], int]) -> None:
        """`confidence` reads a reply, or raises FormatError."""
        self._read = confidence
        self._hidden: list[Stated] = []
        self._public: list[Stated] = []
        self._attempts: list[_Tried] = []
        self._num_unstated = 0

    def add(self, trajectory: Trajectory, grade: Grade | None) -> None:
        """Take one unit; without a grade only its public tests count."""
        asked = [call for call in trajectory.calls if call.kind is CallKind.CONFIDENCE]
        stated = dict(self._stated(asked))
        passed: dict[int, bool] = {}
        if asked and trajectory.stop is not StopReason.UNTESTED:
            for t in trajectory.trials:
                if (i := t.plan_index) is not None:
                    passed[i] = passed.get(i, False) or t.judgement.is_accepted
        id = trajectory.problem_id
        self._public += [Stated(id, stated[i], word) for i, word in passed.items() if i in stated]
        self._num_unstated += len(passed.keys() - stated.keys())
        self._attempts.append(_Tried(passed, stated))
        final = submitted(trajectory)
        sure = None if final is None or final.plan_index is None else stated.get(final.plan_index)
        if sure is not None and grade is not None and _is_sound(grade):
            self._hidden.append(Stated(id, sure, grade.is_passed))

    def _stated(self, asked: Sequence[Call]) -> Iterator[tuple[int, int]]:
        """The confidence of each plan; the original traversal may have read what we cannot."""
        for call in asked:
            if call.failure is None and call.plan_index is not None:
                with suppress(FormatError):
                    yield call.plan_index, self._read(call.completion)

    def result(self, *, has_intervals: bool) -> Calibration:
        """Return what was found; intervals need scipy and statsmodels."""
        return Calibration(
            num_unstated=self._num_unstated,
            hidden=reliability(self._hidden, has_intervals=has_intervals),
            public=reliability(self._public, has_intervals=has_intervals),
            order=_order(self._attempts),
        )


def reliability(plans: Sequence[Stated], *, has_intervals: bool) -> Reliability | None:
    """Set confidences beside their outcomes; None where there is none.

    Intervals of the scores are percentiles of a bootstrap of problems, whose plans stay together.
    """
    if not plans:
        return None
    counts = _counts(plans)
    intervals = _bootstrap(plans) if has_intervals else {}
    share = sum(counts[1]) / len(plans)

    def estimate(score: Callable[[Table], float]) -> Estimate:
        low, high = intervals.get(score, (None, None))
        return Estimate(value=score(counts), low=low, high=high)

    return Reliability(
        num_plans=len(plans),
        num_problems=len({plan.problem_id for plan in plans}),
        passed=_rate(plans, has_intervals),
        bins=tuple(_bin(plans, place, has_intervals) for place in range(NUM_BINS)),
        brier=estimate(brier),
        brier_of_base=share * (1 - share),
        error=estimate(calibration_error),
        auroc=estimate(auroc) if 0 < share < 1 else None,
    )


def brier(table: Table) -> float:
    """Return the mean squared distance of confidence and outcome."""
    failed, passed = table
    total = sum(failed) + sum(passed)
    return (
        sum(
            bad * (confidence / 100) ** 2 + good * (1 - confidence / 100) ** 2
            for confidence, (bad, good) in enumerate(zip(failed, passed, strict=True))
        )
        / total
    )


def calibration_error(table: Table) -> float:
    """Return the mean distance of confidence and pass rate over the bins, weighted by plans."""
    failed, passed = table
    strays: defaultdict[int, float] = defaultdict(float)
    for confidence, (bad, good) in enumerate(zip(failed, passed, strict=True)):
        strays[bin_of(confidence)] += (bad + good) * confidence / 100 - good
    return sum(map(abs, strays.values())) / (sum(failed) + sum(passed))


def auroc(table: Table) -> float:
    """Return the chance that a plan that passes has the higher confidence, ties half.

    0.5 where one outcome is missing, as in some resamples: nothing is told apart there.
    """
    failed, passed = table
    pairs = sum(failed) * sum(passed)
    if pairs == 0:
        return 0.5
    won = below = 0.0
    for bad, good in zip(failed, passed, strict=True):
        won += good * (below + bad / 2)
        below += bad
    return won / pairs


def bin_of(confidence: int) -> int:
    """Return the place of a confidence's bin; 100 is in the last one."""
    return min(confidence * NUM_BINS // 100, NUM_BINS - 1)


def _bin(plans: Sequence[Stated], place: int, has_intervals: bool) -> Bin:
    inside = [plan for plan in plans if bin_of(plan.confidence) == place]
    mean = sum(plan.confidence for plan in inside) / (100 * len(inside)) if inside else None
    width = 100 // NUM_BINS
    return Bin(
        low=place * width,
        high=(place + 1) * width,
        mean_confidence=mean,
        passed=_rate(inside, has_intervals),
    )


def _rate(plans: Sequence[Stated], has_intervals: bool) -> Rate:
    words = [(plan.problem_id, plan.is_passed) for plan in plans]
    if has_intervals:
        return clustered(words)
    return rate(sum(word for _, word in words), len(words), with_interval=False)


def _counts(plans: Sequence[Stated]) -> list[list[int]]:
    table = [[0] * 101, [0] * 101]
    for plan in plans:
        table[plan.is_passed][plan.confidence] += 1
    return table


def _bootstrap(plans: Sequence[Stated]) -> dict[Callable[[Table], float], tuple[float, float]]:
    """Return each score's percentile interval over resampled problems; none for one problem."""
    by_problem: defaultdict[str, list[Stated]] = defaultdict(list)
    for plan in plans:
        by_problem[plan.problem_id].append(plan)
    if len(by_problem) < 2:
        return {}
    numpy: Any = import_module("numpy")
    stats: Any = import_module("scipy.stats")  # Any: no type stubs
    # By name: the draws must not depend on the order in which attempts ended.
    owned = [own for _, own in sorted(by_problem.items())]
    tables: Any = numpy.array([_counts(own) for own in owned], dtype=float)
    flat: Any = tables.reshape(len(tables), -1)
    scores = (brier, calibration_error, auroc)

    def scored(drawn: Any) -> Any:
        table = (numpy.bincount(drawn, minlength=len(flat)) @ flat).reshape(2, -1).tolist()
        return numpy.array([score(table) for score in scores])

    found: Any = stats.bootstrap(
        (numpy.arange(len(flat)),),
        scored,
        n_resamples=NUM_RESAMPLES,
        vectorized=False,
        method="percentile",
        rng=SEED,
    ).confidence_interval
    return {
        score: (float(low), float(high))
        for score, low, high in zip(scores, found.low, found.high, strict=True)
    }


def _order(attempts: Sequence[_Tried]) -> Order:
    known = [a for a in attempts if len(a.confidences) > 1 and a.passed]
    firsts = [(next(iter(a.passed)), min(a.confidences), a.passed) for a in known]
    differing = [(surest, recalled, p) for surest, recalled, p in firsts if surest != recalled]
    return Order(
        num_attempts=len(known),
        num_differing=len(differing),
        num_surest_pass=sum(p[surest] for surest, _, p in differing),
        num_recalled_pass=sum(p.get(recalled, False) for _, recalled, p in differing),
        num_recalled_fail=sum(not p.get(recalled, True) for _, recalled, p in differing),
    )


def _is_sound(grade: Grade) -> bool:
    return grade.judgement is not None and grade.judgement.verdict is not Verdict.IE
