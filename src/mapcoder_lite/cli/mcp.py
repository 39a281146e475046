"""`mapcoder mcp`: the agents as tools of an editor, which starts this and speaks MCP to it.

Knows: that stdout is the protocol's, what ends it.
Does not know: the tools, the protocol.
"""

import sys

from mapcoder_lite.cli import options, serving, terminal
from mapcoder_lite.practice.guard import Guard


def mcp(
    guard: options.Guarded = Guard.WARN,
    config: options.Files = None,
    overrides: options.Overrides = None,
) -> None:
    """Offer the agents as tools to an editor: MCP over stdin and stdout, until stdin is closed.

    The editor starts this command; `mapcoder serve` offers the same tools over HTTP at /mcp. What
    is said goes to stderr, runs are kept in serve.folder.

    Example: mapcoder mcp -s serve.folder=FOLDER
    """
    from mapcoder_lite.cli.stopping import Stopped, stoppable

    serving.refuse_unequipped()
    from mapcoder_lite.server import editors

    settings = options.resolve(config, overrides)
    try:
        with stoppable(), serving.opened_service(settings, guard) as opened:
            terminal.say("listening  MCP on stdin and stdout; closing stdin stops it")
            editors.serve_stdio(opened.service)
    except Stopped as stop:
        terminal.say(f"stopped by {stop.name}; every run that had ended is kept")
        sys.exit(stop.exit_code)
