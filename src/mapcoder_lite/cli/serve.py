"""`mapcoder serve`: the service on an address of this machine.

Knows: what is bound before anything is opened, what is said when it listens.
Does not know: what is served.
"""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, serving, terminal
from mapcoder_lite.practice.guard import Guard

if TYPE_CHECKING:
    from mapcoder_lite.config import Config
    from mapcoder_lite.server.listening import Socket

PORT = 7788


def serve(
    host: Annotated[
        str, typer.Option("--host", help="Address to bind; any but loopback needs MAPCODER_TOKEN.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 = any free one.")] = PORT,
    guard: options.Guarded = Guard.WARN,
    config: options.Files = None,
    overrides: options.Overrides = None,
) -> None:
    """Serve the agents: OpenAI's API under /v1, REST with events under /api, MCP at /mcp, a page.

    One engine and one judge serve everybody. budget.* bounds each solve by itself. Runs are kept in
    serve.folder. Ctrl-C stops it.

    Example: mapcoder serve -s engine.kind=pocket
    """
    from mapcoder_lite.cli.stopping import Stopped, stoppable
    from mapcoder_lite.config import service_token

    serving.refuse_unequipped()
    from mapcoder_lite.server import listening

    settings = options.resolve(config, overrides)
    token = service_token()
    try:
        with stoppable(), listening.bound(host, port, token) as bound:
            _serve(settings, guard, bound, host, token)
    except Stopped as stop:
        terminal.say(f"stopped by {stop.name}; every run that had ended is kept")
        sys.exit(stop.exit_code)


def _serve(settings: "Config", guard: Guard, bound: "Socket", host: str, token: str | None) -> None:
    """Open everything, say so, and listen."""
    from mapcoder_lite.server import app, listening
    from mapcoder_lite.server.safety import Door

    with serving.opened_service(settings, guard) as opened:
        door = Door.of(host, settings.serve.hosts, token)
        served = app.application(opened.service, door, label=opened.label)
        terminal.say(f"listening  {listening.address(bound)}{_who(host, token)}; Ctrl-C stops it")
        listening.serve(served, bound, opened.service.stop)


def _who(host: str, token: str | None) -> str:
    if token is not None:
        return " (with the token of MAPCODER_TOKEN)"
    return "" if host == "127.0.0.1" else f" ({host})"
