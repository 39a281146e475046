"""`mapcoder serve`: the service on an address of this machine.

Knows: what is opened before it listens, what is said when it does.
Does not know: what is served.
"""

import logging
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.config import Config
    from mapcoder_lite.server.listening import Socket
    from mapcoder_lite.server.service import Service

PORT = 7788


def serve(
    host: Annotated[
        str, typer.Option("--host", help="Address to bind; any but loopback needs MAPCODER_TOKEN.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 = any free one.")] = PORT,
    config: options.Files = None,
    overrides: options.Overrides = None,
) -> None:
    """Serve the agents: OpenAI's API under /v1, REST with live events under /api, a page.

    One engine and one judge serve everybody. Runs are kept in serve.folder. Ctrl-C stops it.

    Example: mapcoder serve -s engine.kind=pocket
    """
    from mapcoder_lite.cli.stopping import Stopped, stoppable
    from mapcoder_lite.config import service_token
    from mapcoder_lite.errors import ConfigError

    try:
        from mapcoder_lite.server import listening
    except ImportError as error:
        raise ConfigError(
            f"serving needs packages that are missing ({error.name}): "
            "pip install 'mapcoder-lite[serve]'"
        ) from error
    settings = options.resolve(config, overrides)
    token = service_token()
    try:
        with stoppable(), listening.bound(host, port, token) as bound:
            _serve(settings, bound, host, token)
    except Stopped as stop:
        terminal.say(f"stopped by {stop.name}; every run that had ended is kept")
        sys.exit(stop.exit_code)


def _serve(settings: "Config", bound: "Socket", host: str, token: str | None) -> None:
    """Open everything, say so, and listen."""
    from mapcoder_lite.cli import engines, preflight
    from mapcoder_lite.jsonl import write_log
    from mapcoder_lite.judge.selftest import refuse_untrusted
    from mapcoder_lite.server import app, listening, problems
    from mapcoder_lite.server.safety import Door
    from mapcoder_lite.server.service import Service

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
        serve = settings.serve
        service = Service(engine, judge, serve, settings.traversal, settings.run.language)
        _say_archive(service)
        door = Door.of(host, serve.hosts, token)
        served = app.application(service, door, label=label)
        terminal.say(f"listening  {listening.address(bound)}{_who(host, token)}; Ctrl-C stops it")
        listening.serve(served, bound)


def _folder(name: str) -> Path:
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _say_archive(service: "Service") -> None:
    archive = service.archive
    terminal.say(f"runs       {len(archive.ids())} kept in {archive.folder}")
    if archive.num_interrupted:
        terminal.say(
            f"           {archive.num_interrupted} were interrupted when the service ended",
            "yellow",
        )


def _who(host: str, token: str | None) -> str:
    if token is not None:
        return " (with the token of MAPCODER_TOKEN)"
    return "" if host == "127.0.0.1" else f" ({host})"
