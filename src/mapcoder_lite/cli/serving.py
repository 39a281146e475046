"""The service, opened for whoever serves it: `mapcoder serve` and `mapcoder mcp`.

Knows: what is opened and proved first, in which order, and what is said of it.
Does not know: how clients reach it.
"""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mapcoder_lite.cli import terminal
from mapcoder_lite.practice.guard import Guard

if TYPE_CHECKING:
    from mapcoder_lite.config import Config
    from mapcoder_lite.server.service import Service
    from mapcoder_lite.settings import BudgetConfig


@dataclass(frozen=True, slots=True)
class Opened:
    """The service, and who answers in it."""

    service: "Service"
    label: str


def refuse_unequipped() -> None:
    """Refuse to serve where packages are missing.

    Raises:
        ConfigError: they are.
    """
    try:
        from mapcoder_lite.server import app
    except ImportError as error:
        from mapcoder_lite.errors import ConfigError

        raise ConfigError(
            f"serving needs packages that are missing ({error.name}): "
            "pip install 'mapcoder-lite[serve]'"
        ) from error
    del app


@contextmanager
def opened_service(settings: "Config", guard: Guard) -> Generator[Opened]:
    """Open engine, judge and archive, and say so; whoever serves closes the service.

    Raises:
        ConfigError: the engine cannot be had as it is configured.
        EngineError: the engine cannot be had.
        SandboxError: the judge failed its self-test.
        StoreError: another process serves from the folder.
    """
    from mapcoder_lite.cli import engines, preflight
    from mapcoder_lite.engine.prices import prices_of
    from mapcoder_lite.jsonl import write_log
    from mapcoder_lite.judge.selftest import refuse_untrusted
    from mapcoder_lite.server import problems
    from mapcoder_lite.server.service import Rules, Service

    rules = Rules(settings.budget, prices_of(settings), guard)
    ready = preflight.prepare(settings)
    settings = ready.settings
    known = tuple(problems.bundled().values())
    log = partial(write_log, _folder(settings.serve.folder))
    with (
        engines.opened_engine(settings, known) as engine,
        engines.opened_judge(settings) as judge,
        terminal.telling(log, level=logging.INFO),
    ):
        label = engines.describe(settings.engine, engine)
        terminal.say(f"backbone   {label}")
        preflight.say(ready, width=11)
        refuse_untrusted(judge.selftest())
        terminal.say(f"judge      isolation {judge.isolation.tier}, self-test passed")
        language = settings.run.language
        service = Service(engine, judge, settings.serve, settings.traversal, language, rules)
        _say_budget(rules.budget)
        _say_archive(service)
        yield Opened(service, label)


def _folder(name: str) -> Path:
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        from mapcoder_lite.errors import StoreError

        raise StoreError(
            f"cannot write {folder}: {error.strerror}; choose -s serve.folder="
        ) from error
    return folder


def _say_budget(budget: "BudgetConfig") -> None:
    bounds = budget.model_dump(exclude_none=True)
    if bounds:
        shown = ", ".join(f"{value:g} {name}" for name, value in bounds.items())
        terminal.say(f"budget     {shown} of each solve at most")


def _say_archive(service: "Service") -> None:
    archive = service.archive
    terminal.say(f"runs       {len(archive.ids())} kept in {archive.folder}")
    if archive.num_interrupted:
        terminal.say(
            f"           {archive.num_interrupted} were interrupted when the service ended",
            "yellow",
        )
