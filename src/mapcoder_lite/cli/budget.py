"""Engines that ask nothing twice, and together nothing that the budget may not hold.

Knows: which budget and prices a configuration gives, what a run directory holds already.
Does not know: verbs, how budgets are kept. Imported only inside verbs: it is heavy.
"""

from collections.abc import Callable

from mapcoder_lite.config import Config
from mapcoder_lite.engine.budget import Account, BudgetedEngine, spent_by
from mapcoder_lite.engine.prices import Prices, prices_of
from mapcoder_lite.engine.replay import StoredEngine
from mapcoder_lite.settings import BudgetConfig
from mapcoder_lite.store import RunDirectory
from mapcoder_lite.trajectory import Engine


def stored(
    engines: list[Engine], settings: Config, prices: Prices, directory: RunDirectory
) -> list[Engine]:
    """Wrap the engines of a command, in order; they draw on one budget.

    Raises:
        ConfigError: a budget in dollars and an engine without a price.
    """
    if settings.budget != BudgetConfig():
        spent = spent_by(directory.calls.read(), prices)
        account = Account(settings.budget, prices, spent)
        engines = [BudgetedEngine(engine, account) for engine in engines]
    return [StoredEngine(engine, directory.calls) for engine in engines]


def bounding(settings: Config) -> Callable[[Engine], Engine]:
    """Return what binds the engine of a command that keeps nothing it could go on from.

    Raises:
        ConfigError: a budget in dollars and an engine without a price.
    """
    if settings.budget == BudgetConfig():
        return lambda engine: engine
    account = Account(settings.budget, prices_of(settings))
    return lambda engine: BudgetedEngine(engine, account)
