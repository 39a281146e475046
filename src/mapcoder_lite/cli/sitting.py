"""How a sitting of a run or a repair ends: what is said, and with which exit code.

Knows: interruption, a spent budget, units that are owed, who made a run.
Does not know: what a unit is, what a report says.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mapcoder_lite.cli import terminal
from mapcoder_lite.errors import BudgetSpent

if TYPE_CHECKING:
    from mapcoder_lite.config import Config
    from mapcoder_lite.runner import Outcome
    from mapcoder_lite.store import RunHeader
    from mapcoder_lite.trajectory import Engine
    from mapcoder_lite.work import Work


def ended(
    path: Path, carry_out: "Callable[[], Outcome]", report: Callable[[], None], units: str
) -> None:
    """Carry out and report; exit with 7, 9 or 130 where something is left to do.

    Raises:
        SystemExit: the budget is spent, units are owed, or the command was interrupted.
    """
    try:
        outcome = carry_out()
    except KeyboardInterrupt:
        terminal.say(f"interrupted; what is done stands in {path}: the same command goes on")
        sys.exit(130)
    except BudgetSpent as spent:
        report()
        terminal.say(f"{spent}; what is done stands in {path}, the same command goes on", "yellow")
        sys.exit(spent.exit_code)
    report()
    if not outcome.is_complete:
        owed = outcome.num_units - outcome.num_done
        terminal.say(
            f"{owed} of {outcome.num_units} {units} are owed, {outcome.num_errors} failed in this "
            f"sitting (see {path / 'log.txt'}); they are not scored. The same command goes on",
            "yellow",
        )
        sys.exit(9)


def header(settings: "Config", work: "Work", engine: "Engine") -> "RunHeader":
    """Say who makes a run, and of what."""
    from mapcoder_lite import __version__
    from mapcoder_lite.agents.prompt import prompts_digest
    from mapcoder_lite.origin import source_commit
    from mapcoder_lite.store import RunHeader
    from mapcoder_lite.traversal import TraversalName

    is_other = settings.traversal.name is not TraversalName.MAPCODER
    return RunHeader(
        config=settings,
        config_digest=settings.digest,
        problems_digest=work.digest,
        engine_identity=engine.identity,
        prompts_digest=prompts_digest(with_alternatives=is_other),
        version=__version__,
        commit=source_commit(),
    )
