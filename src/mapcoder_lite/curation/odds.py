"""Who passes more easily: the problems of a label against the rest, corrected for being many.

Knows: rates, odds ratios, Fisher's exact test, Holm's correction.
Does not know: attempts, files.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from math import isfinite
from typing import Any

from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import Rate, holm, rate


class PassOdds(Record):
    """How the problems of one label fare against all others."""

    label: str
    first: Rate
    """Problems whose first attempt passed."""
    ever: Rate
    """Problems with an attempt that passed, repairs included."""
    odds_ratio: float | None
    """Odds of the first attempt against all other problems (conditional maximum likelihood); None
    = not finite, since a cell of the table is empty."""
    low: float | None
    """Of the exact 95 % interval; None = not finite."""
    high: float | None
    p: float
    """Fisher's exact test, two-sided."""
    p_holm: float
    """The same after Holm's correction over all labels of the table."""


def pass_odds(
    labels: Mapping[str, Sequence[str]], first: Mapping[str, bool], ever: Mapping[str, bool]
) -> tuple[PassOdds, ...]:
    """Return every label's odds; problems that were never graded are left out.

    One problem counts once, so that the units are independent, however often it was attempted.

    Raises:
        ConfigError: statsmodels is not installed.
    """
    names = dict.fromkeys(name for id in first for name in labels[id])
    tables = [_table(name, labels, first) for name in names]
    ps = [_fisher(table) for table in tables]
    rows = zip(names, tables, ps, holm(ps), strict=True)
    return tuple(_odds(name, labels, ever, table, (p, p_holm)) for name, table, p, p_holm in rows)


Table = tuple[tuple[int, int], tuple[int, int]]
"""Passed and failed: of the label, of all others."""


def _table(name: str, labels: Mapping[str, Sequence[str]], first: Mapping[str, bool]) -> Table:
    inside = [passed for id, passed in first.items() if name in labels[id]]
    num_passed = sum(first.values()) - sum(inside)
    num_failed = len(first) - len(inside) - num_passed
    return (sum(inside), len(inside) - sum(inside)), (num_passed, num_failed)


def _odds(
    name: str,
    labels: Mapping[str, Sequence[str]],
    ever: Mapping[str, bool],
    table: Table,
    ps: tuple[float, float],
) -> PassOdds:
    contingency: Any = import_module("scipy.stats.contingency")  # Any: no type stubs
    found = contingency.odds_ratio(table)
    interval = found.confidence_interval(0.95)
    once = [passed for id, passed in ever.items() if name in labels[id]]
    return PassOdds(
        label=name,
        first=rate(table[0][0], sum(table[0]), True),
        ever=rate(sum(once), len(once), True),
        odds_ratio=_finite(found.statistic),
        low=_finite(interval.low),
        high=_finite(interval.high),
        p=ps[0],
        p_holm=ps[1],
    )


def _fisher(table: Table) -> float:
    stats: Any = import_module("scipy.stats")  # Any: no type stubs
    return min(1.0, float(stats.fisher_exact(table).pvalue))


def _finite(number: float) -> float | None:
    return float(number) if isfinite(number) else None
