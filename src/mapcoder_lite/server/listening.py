"""The socket that is listened on, and the server on it.

Knows: addresses, ports that are taken, when to stop.
Does not know: what is served.
"""

import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from mapcoder_lite.errors import ConfigError
from mapcoder_lite.server.safety import bracketed, is_loopback

Socket = socket.socket

_BACKLOG = 2048
_GRACE_SECONDS = 5
"""For open connections when the service is stopped."""


def bound(host: str, port: int, token: str | None) -> socket.socket:
    """Bind an address; one that others can reach needs a token.

    Raises:
        ConfigError: there is no token, or the address cannot be bound.
    """
    if not is_loopback(host) and token is None:
        raise ConfigError(
            f"{host} can be reached from other machines: export MAPCODER_TOKEN first, which they "
            "must then send, or leave --host out"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)  # from now on nobody is turned away; who comes early waits
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on {bracketed(host)}:{port}: {error.strerror}; is another one running "
            "(`mapcoder doctor` says what listens)? --port takes another port"
        ) from error
    return listening


def address(listening: socket.socket) -> str:
    """Return the URL of a bound socket."""
    host, port = listening.getsockname()[:2]
    return f"http://{bracketed(host)}:{port}"


class _Server(uvicorn.Server):
    """Says at once that a signal asks to stop, before any connection is closed for it."""

    def __init__(self, config: uvicorn.Config, stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self._stop()
        super().handle_exit(sig, frame)


def serve(app: FastAPI, listening: socket.socket, stop: Callable[[], None]) -> None:
    """Serve until a signal asks to stop; open requests get a few seconds, then all is closed.

    `stop` is called in the signal's own handler, so it must wait for nothing.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
        proxy_headers=False,  # anybody could write them
    )
    _Server(config, stop).run(sockets=[listening])
