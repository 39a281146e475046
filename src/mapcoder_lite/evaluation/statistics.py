"""The two statistics that every rate and every comparison needs, from statsmodels.

Knows: the Wilson interval, the exact McNemar test, what to do when statsmodels is absent.
Does not know: runs.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from mapcoder_lite.errors import ConfigError


class Interval(NamedTuple):
    """A two-sided 95 % confidence interval of a rate."""

    low: float
    high: float


def has_statistics() -> bool:
    """Whether statsmodels is installed."""
    return find_spec("statsmodels") is not None


def wilson(num_passed: int, num_total: int) -> Interval:
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


def _demand() -> None:
    if not has_statistics():
        raise ConfigError(
            "intervals and paired tests need statsmodels: pip install 'mapcoder-lite[evaluation]'"
        )
