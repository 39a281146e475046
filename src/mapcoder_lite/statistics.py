"""The statistics that every rate and every comparison needs, from statsmodels where it has them.

Knows: rates with Wilson intervals, also of words that come in clusters, means of clusters, the
exact McNemar test, the sign-flip test of clusters, Holm's correction, Krippendorff's alpha, what to
do when statsmodels is absent.
Does not know: runs, supervisors, what is counted.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from itertools import permutations
from math import comb, lcm, sqrt
from statistics import NormalDist
from typing import Any, NamedTuple

from mapcoder_lite.errors import ConfigError
from mapcoder_lite.problem import Record

NUM_RESAMPLES = 2000
"""Draws of a bootstrap: the ends of an interval then move by some hundredths of its width."""
BATCH = 200
"""Draws at a time; 2,000 problems take some 10 MB."""
SEED = 0
"""Fixed, so that a report can be computed again to the last digit."""


class Interval(NamedTuple):
    """A two-sided 95 % confidence interval of a rate."""

    low: float
    high: float


class Rate(Record):
    """A share of units, with its 95 % Wilson interval."""

    num_passed: int
    num_total: int
    low: float | None = None
    """None: statsmodels is absent, or several samples a problem make units depend on each other."""
    high: float | None = None

    @property
    def share(self) -> float | None:
        """Passed of total; None when there is nothing to divide by."""
        return self.num_passed / self.num_total if self.num_total else None


class Mean(Record):
    """A mean with its 95 % interval."""

    mean: float
    low: float | None
    """None: one cluster alone says nothing of others."""
    high: float | None


def has_statistics() -> bool:
    """Whether statsmodels is installed."""
    return find_spec("statsmodels") is not None


def rate(num_passed: int, num_total: int, with_interval: bool) -> Rate:
    """Return a rate, with its interval if that may be had."""
    if not with_interval:
        return Rate(num_passed=num_passed, num_total=num_total)
    low, high = wilson(num_passed, num_total)
    return Rate(num_passed=num_passed, num_total=num_total, low=low, high=high)


def wilson(num_passed: float, num_total: float) -> Interval:
    """Return the Wilson score interval at 95 %; of nothing, nothing is known: 0 to 1.

    Raises:
        ConfigError: statsmodels is not installed.
    """
    if num_total == 0:
        return Interval(0.0, 1.0)
    _demand()
    proportion: Any = import_module("statsmodels.stats.proportion")  # Any: no type stubs
    low, high = proportion.proportion_confint(num_passed, num_total, alpha=0.05, method="wilson")
    return Interval(float(low), float(high))


def clustered(words: Iterable[tuple[str, bool]]) -> Rate:
    """Return the rate of words that come several a problem, as (problem, word).

    Words of one problem resemble each other, so that n of them tell less than n: the interval is
    Wilson's on the effective number, n over the design effect (Rao and Scott 1992).

    Raises:
        ConfigError: statsmodels is not installed.
    """
    by_problem: dict[str, list[bool]] = defaultdict(list)
    for problem, word in words:
        by_problem[problem].append(word)
    return clustered_counts([(sum(found), len(found)) for found in by_problem.values()])


def clustered_counts(clusters: Sequence[tuple[int, int]]) -> Rate:
    """Return the same rate from counts, one (passed, number of words) a problem.

    Raises:
        ConfigError: statsmodels is not installed.
    """
    num_passed, num_total = sum(n for n, _ in clusters), sum(n for _, n in clusters)
    if num_total == 0:
        return rate(0, 0, with_interval=True)
    share = num_passed / num_total
    effective = num_total / _design_effect(clusters, share)
    low, high = wilson(share * effective, effective)
    return Rate(num_passed=num_passed, num_total=num_total, low=low, high=high)


def clustered_mean(clusters: Sequence[tuple[float, int]]) -> Mean:
    """Return the mean over units that come in clusters, one (sum, number of units) a cluster.

    The interval is that of a ratio of sums (Cochran 1977, section 6.3): clusters are drawn, not
    their units. It needs no package, and is too narrow below some 30 clusters.
    """
    m, total = len(clusters), sum(number for _, number in clusters)
    mean = sum(part for part, _ in clusters) / total
    if m < 2:
        return Mean(mean=mean, low=None, high=None)
    strays = sum((part - mean * number) ** 2 for part, number in clusters)
    reach = NormalDist().inv_cdf(0.975) * sqrt(strays * m / (m - 1)) / total
    return Mean(mean=mean, low=mean - reach, high=mean + reach)


def pass_at(k: int, num_samples: int, num_passed: int) -> Fraction:
    """Return the unbiased estimate of pass@k from one problem's samples (Chen et al. 2107.03374).

    The chance that of k samples, drawn without putting back, at least one passed; k is at most
    their number.
    """
    if not 1 <= k <= num_samples:
        raise ValueError(f"pass@{k} of {num_samples} samples is not defined")
    return 1 - Fraction(comb(num_samples - num_passed, k), comb(num_samples, k))


def resampled(clusters: Sequence[tuple[Fraction | int, int]]) -> Mean:
    """Return the mean over units in clusters, one (sum, number of units) a cluster, bootstrapped.

    Clusters are drawn with putting back, their units stay together: samples and seeds of one
    problem resemble each other. The interval is the bias-corrected, accelerated one (Efron 1987) of
    `scipy.stats.bootstrap`, the same at every call. Where no cluster differs from another there is
    nothing to draw; a unit's sum is then taken for a share, and the interval is Wilson's on as many
    units as there are clusters.

    Raises:
        ConfigError: statsmodels is not installed.
    """
    _demand()
    numbers = [number for _, number in clusters]
    mean = float(sum(Fraction(part) for part, _ in clusters) / sum(numbers))
    if len({Fraction(part) / number for part, number in clusters}) == 1:
        low, high = wilson(mean * len(clusters), len(clusters))
        return Mean(mean=mean, low=low, high=high)
    unit = lcm(*(Fraction(part).denominator for part, _ in clusters))
    low, high = _bootstrap([float(part * unit) for part, _ in clusters], numbers, unit)
    return Mean(mean=mean, low=low, high=high)


def resampled_gain(differences: Sequence[int], unit: int) -> Mean:
    """Return the mean of paired differences, one a problem within -1 to 1, bootstrapped as above.

    They are given as whole numbers of 1 / `unit`, so that equal ones are equal. Where no pair
    differs from another, Wilson's interval stands for what draws cannot show: of differences of 0,
    how many pairs might differ after all, to either side.

    Raises:
        ConfigError: statsmodels is not installed.
    """
    _demand()
    n = len(differences)
    mean = sum(differences) / (n * unit)
    if len(set(differences)) > 1:
        low, high = _bootstrap(differences, [1] * n, unit)
    else:
        low, high = wilson(abs(mean) * n, n)
        low, high = (low, high) if mean > 0 else (-high, -low if mean else high)
    return Mean(mean=mean, low=low, high=high)


def _bootstrap(parts: Sequence[float], numbers: Sequence[int], unit: int) -> Interval:
    """The interval of a ratio of sums whose terms are drawn in pairs, in 1 / `unit`.

    Of whole numbers, for equal ratios must be equal: the correction of the bias counts the draws
    that are below the mean, and those that tie with it for half.
    """
    stats: Any = import_module("scipy.stats")  # Any: no type stubs
    drawn = sorted(zip(parts, numbers, strict=True))  # whatever order attempts ended in
    found: Any = stats.bootstrap(
        tuple(zip(*drawn, strict=True)),
        _ratio,
        paired=True,
        vectorized=True,
        n_resamples=NUM_RESAMPLES,
        batch=BATCH,
        rng=SEED,
    )
    low, high = found.confidence_interval
    return Interval(float(low) / unit, float(high) / unit)


def _ratio(parts: Any, numbers: Any, axis: int) -> Any:  # Any: scipy's own arrays
    return parts.sum(axis=axis) / numbers.sum(axis=axis)


def mcnemar(num_only_first: int, num_only_second: int) -> float:
    """Return the two-sided p of the exact McNemar test on the discordant pairs.

    Raises:
        ConfigError: statsmodels is not installed.
    """
    _demand()
    tables: Any = import_module("statsmodels.stats.contingency_tables")  # Any: no type stubs
    # The concordant cells have no part in the test.
    cells = [[0, num_only_first], [num_only_second, 0]]
    return float(tables.mcnemar(cells, exact=True).pvalue)


def sign_flip(differences: Iterable[int]) -> float:
    """Return the two-sided p of the sign-flip test of clusters, one difference each (Fisher 1935).

    If neither side is better, each cluster's difference might as well have had the other sign: the
    p is the share of all 2^n choices of signs whose sum is as far from 0 as the one seen. Clusters
    stay whole, however alike their members are. Exact at every n, for the choices are counted by
    their sums. Where all differences are 1 or -1 it is the exact McNemar test.
    """
    seen = [difference for difference in differences if difference]
    ways = {0: 1}
    for size, number in Counter(map(abs, seen)).items():
        steps = [(size * (2 * ups - number), comb(number, ups)) for ups in range(number + 1)]
        grown: dict[int, int] = defaultdict(int)
        for total, count in ways.items():
            for step, times in steps:
                grown[total + step] += count * times
        ways = grown
    as_far = sum(count for total, count in ways.items() if abs(total) >= abs(sum(seen)))
    return as_far / 2 ** len(seen)


def holm(ps: Sequence[float]) -> list[float]:
    """Return the p values as they stand after Holm's correction for being several, in order.

    Raises:
        ConfigError: statsmodels is not installed.
    """
    if not ps:
        return []
    _demand()
    multitest: Any = import_module("statsmodels.stats.multitest")  # Any: no type stubs
    return [float(p) for p in multitest.multipletests(list(ps), method="holm")[1]]


def alpha(answers: Sequence[Sequence[Hashable | None]]) -> float | None:
    """Return Krippendorff's alpha for names: 1 = agreement, 0 = what chance would bring.

    One row a unit, one answer an observer in it; None = no answer. None comes back where alpha is
    not defined: nobody answered the same unit, or all answers are the same one. (The packages that
    have it are under the GPL or not released yet; for names it is a count of pairs.)
    """
    pairs: dict[tuple[Hashable, Hashable], float] = defaultdict(float)
    for row in answers:
        given = [answer for answer in row if answer is not None]
        for pair in permutations(given, 2):
            pairs[pair] += 1 / (len(given) - 1)
    times: dict[Hashable, float] = defaultdict(float)
    for (first, _), count in pairs.items():
        times[first] += count
    by_chance = sum(times[a] * times[b] for a, b in permutations(times, 2))
    if by_chance == 0:
        return None
    unlike = sum(count for (first, second), count in pairs.items() if first != second)
    return 1 - (sum(pairs.values()) - 1) * unlike / by_chance


def _design_effect(clusters: Sequence[tuple[int, int]], share: float) -> float:
    """How many times larger the variance is than that of independent words; never below 1."""
    m, n = len(clusters), sum(number for _, number in clusters)
    alone = share * (1 - share) / n
    if alone == 0 or m == 1:  # nothing to estimate it from: as if a problem's words were one
        return n / m
    strays = sum((passed - share * number) ** 2 for passed, number in clusters)
    return min(max(1.0, strays * m / (m - 1) / n**2 / alone), float(n))


def _demand() -> None:
    if not has_statistics():
        raise ConfigError(
            "intervals and paired tests need statsmodels: pip install 'mapcoder-lite[evaluation]'"
        )
