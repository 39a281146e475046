"""Receives what the browser's extension Competitive Companion sends, on the loopback alone.

Any page that the user opens can send requests to this machine, so each is doubted: its Host must be
ours, its Origin no web page's, its content JSON by its own words, which a page may not send
without our leave. Nothing of a refused request is kept.

Source: the README of jmerle/competitive-companion ("Custom tools").

Knows: HTTP, who may send, sizes.
Does not know: what a problem is, what becomes of it.
"""

import errno
import http.client
import json
import logging
import re
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast  # the body as JSON

from mapcoder_lite.data.reading import has_half_characters
from mapcoder_lite.errors import InputError, MapCoderError

MAX_BODY_BYTES = 2_000_000
HOSTS = ("127.0.0.1", "::1")
NAME = "mapcoder listen"
"""What answers a GET, so that a second listener knows the first."""
_DRAINED_BYTES = 16_000_000
"""Of a refused body that are read and dropped: whoever sends it would not see the answer else."""
_PATIENCE_SECONDS = 10.0
_EXTENSION = re.compile(r"[a-z]+(?:-[a-z]+)*-extension://", re.IGNORECASE)

_log = logging.getLogger(__name__)

Accept = Callable[[dict[str, Any]], str]
"""Takes an object and returns what is answered; raises InputError or Refusal."""


class Refusal(Exception):
    """A request that is refused, and the status of the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class PortTaken(MapCoderError):
    """Another program, or another listener, has the port."""

    exit_code = 2


class Receiver:
    """Listens on 127.0.0.1 and ::1 in threads of its own, until it is closed."""

    def __init__(
        self, port: int, accept: Accept, on_refusal: Callable[[str], None] = _log.warning
    ) -> None:
        """Begin to listen; port 0 = any that is free.

        Raises:
            PortTaken: another program listens there.
        """
        self._servers: list[_Server] = []
        self.hosts: list[str] = []
        """Where it listens; a machine may lack one of the two."""
        try:
            for host in HOSTS:
                server = _open(host, self.port if self._servers else port, accept, on_refusal)
                if server is not None:
                    self._servers.append(server)
                    self.hosts.append(host)
        except BaseException:
            self._close_sockets()
            raise
        if not self._servers:
            raise PortTaken("this machine has no loopback address to listen on")
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._servers[0].server_address[1])

    def close(self) -> None:
        """Listen no more."""
        for server in self._servers:
            server.shutdown()
        self._close_sockets()

    def _close_sockets(self) -> None:
        for server in self._servers:
            server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def is_listener(port: int) -> bool:
    """Whether another of our listeners answers on a port of this machine."""
    connection = http.client.HTTPConnection(HOSTS[0], port, timeout=1.0)
    try:
        connection.request("GET", "/")
        return json.loads(connection.getresponse().read(1000)) == {"listens": NAME}
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def _open(
    host: str, port: int, accept: Accept, on_refusal: Callable[[str], None]
) -> "_Server | None":
    """Listen on one address; None where this machine has no such address."""
    try:
        return _Server(host, port, accept, on_refusal)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            who = (
                "`mapcoder listen` runs already" if is_listener(port) else "another program listens"
            )
            raise PortTaken(
                f"{who} on port {port} of {host}: end it, or take another port with --port and "
                "enter that one in the extension's settings (custom ports)"
            ) from error
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return None
        raise PortTaken(f"cannot listen on port {port} of {host}: {error.strerror}") from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(
        self, host: str, port: int, accept: Accept, on_refusal: Callable[[str], None]
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.accept = accept
        self.on_refusal = on_refusal
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking the network for this machine's name, as the class above would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Say that a request failed; whoever hangs up in the middle is nothing to speak of."""
        del request, client_address
        _log.debug("a request ended in the middle", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server_version = "mapcoder-listen"
    sys_version = ""
    timeout = _PATIENCE_SECONDS

    def do_GET(self) -> None:
        """Say who listens."""
        try:
            self._check_sender()
        except Refusal as refusal:
            self._refuse(refusal)
        else:
            self._answer(200, {"listens": NAME})

    def do_POST(self) -> None:
        """Take a problem, or say why not."""
        num_unread = 0
        try:
            self._check_sender()
            num_unread = self._length()
            self._check_content(num_unread)
            body = self._body(num_unread)
            num_unread = 0
            answer = self._ours.accept(_fields(body))
        except Refusal as refusal:
            self._refuse(refusal, num_unread)
        except InputError as error:
            self._refuse(Refusal(422, str(error)))
        except OSError as error:
            self._refuse(Refusal(500, f"the problem could not be stored: {error}"))
        else:
            self._answer(200, {"received": answer})

    def handle_expect_100(self) -> bool:
        """Let a large body come only if it would be read."""
        try:
            self._check_sender()
            self._check_content(self._length())
        except Refusal as refusal:
            self._refuse(refusal)
            return False
        return super().handle_expect_100()

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: what a request says is not to reach the terminal."""

    @property
    def _ours(self) -> _Server:
        return cast(_Server, self.server)

    def _one(self, name: str) -> str:
        values = self.headers.get_all(name) or []
        if len(values) > 1:
            raise Refusal(400, f"{name} is there {len(values)} times")
        return values[0].strip() if values else ""

    def _check_sender(self) -> None:
        port = self._ours.server_port
        if self._one("Host").lower() not in {
            f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]")
        }:
            raise Refusal(403, f"unknown Host {self._one('Host')[:100]!r}")
        origin = self._one("Origin")
        if origin and not _EXTENSION.match(origin):
            raise Refusal(403, f"a web page asks (Origin {origin[:100]!r}), no extension")

    def _check_content(self, length: int) -> None:
        kind = self._one("Content-Type").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refusal(415, f"Content-Type must be application/json, not {kind[:100]!r}")
        if length > MAX_BODY_BYTES:
            raise Refusal(413, f"{length:,} bytes, more than {MAX_BODY_BYTES:,}")

    def _length(self) -> int:
        text = self._one("Content-Length")
        if self.headers.get("Transfer-Encoding") or not text:
            raise Refusal(411, "Content-Length is needed")
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise Refusal(400, "Content-Length is no number")
        return int(text)

    def _body(self, length: int) -> bytes:
        try:
            body = self.rfile.read(length)
        except TimeoutError as error:
            raise Refusal(408, f"the body of {length:,} bytes did not come in time") from error
        if len(body) < length:
            raise Refusal(400, f"the body ends after {len(body):,} of {length:,} bytes")
        return body

    def _refuse(self, refusal: Refusal, num_unread: int = 0) -> None:
        self._ours.on_refusal(f"refused a request ({refusal.status}): {refusal}")
        self._answer(refusal.status, {"error": str(refusal)})
        with suppress(OSError):
            self._drain(num_unread)

    def _drain(self, num_unread: int) -> None:
        """Read what is still sent: a connection closed before would lose the answer."""
        self.connection.settimeout(1.0)
        left = min(num_unread, _DRAINED_BYTES)
        while left > 0 and (piece := self.rfile.read1(min(left, 1 << 16))):
            left -= len(piece)

    def _answer(self, status: int, fields: dict[str, str]) -> None:
        body = json.dumps(fields).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


def _fields(body: bytes) -> dict[str, Any]:
    if has_half_characters(body):
        raise Refusal(422, "a text holds half a character (a lone surrogate)")
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"broken JSON: {error}") from error
    if not isinstance(value, dict):
        raise Refusal(422, f"expected an object, not {type(value).__name__}")
    return cast(dict[str, Any], value)
