"""A server of completions on a real socket that misbehaves as told."""

import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE: dict[str, Any] = {
    "prompt_tokens": 11,
    "completion_tokens": 3,
    "total_tokens": 14,
    "prompt_tokens_details": {"cached_tokens": 8},
}


class Exchange:
    """One request and the connection that its answer goes out on."""

    def __init__(self, body: dict[str, Any], handler: BaseHTTPRequestHandler) -> None:
        self.body = body
        self._handler = handler
        self._is_begun = False

    def fail(self, status: int, headers: dict[str, str], text: str) -> None:
        self._handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self._handler.send_header(name, value)
        self._handler.send_header("Content-Length", str(len(text.encode())))
        self._handler.end_headers()
        self._handler.wfile.write(text.encode())

    def send(self, text: str) -> None:
        """Send one piece of a chunked body."""
        self._begin()
        piece = text.encode()
        self._handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def end(self) -> None:
        self._begin()
        self._handler.wfile.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """End the connection in the middle of a body."""
        self._begin()
        self._handler.close_connection = True

    def is_gone(self, within_seconds: float) -> bool:
        """Whether the client hangs up in time."""
        line = self._handler.connection
        readable, _, _ = select.select([line], [], [], within_seconds)
        return bool(readable) and line.recv(1, socket.MSG_PEEK) == b""

    def _begin(self) -> None:
        if self._is_begun:
            return
        self._is_begun = True
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", "text/event-stream")
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()


Manner = Callable[[Exchange], None]


def event(text: str | None = None, finish: str | None = None, **more: object) -> str:
    """One server-sent event of a reply."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "served"}
    return f"data: {json.dumps(chunk | {'choices': [choice]} | more)}\n\n"


def ends(finish: str = "stop", usage: dict[str, Any] | None = USAGE, **more: object) -> list[str]:
    """The last events of a reply."""
    counts = [] if usage is None else [event(choices=[], usage=usage, **more)]
    return [event(finish=finish), *counts, "data: [DONE]\n\n"]


def says(*texts: str, finish: str = "stop", usage: dict[str, Any] | None = USAGE) -> Manner:
    """Answer in a few events, the first of which only names the speaker."""
    first = event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}])
    return streams([first, *map(event, texts), *ends(finish, usage)])


def streams(pieces: Iterable[str], pause_seconds: float = 0.0) -> Manner:
    """Send these pieces, and end."""

    def play(exchange: Exchange) -> None:
        for piece in pieces:
            exchange.send(piece)
            time.sleep(pause_seconds)
        exchange.end()

    return play


def cuts(*texts: str) -> Manner:
    """Begin an answer and end the connection."""

    def play(exchange: Exchange) -> None:
        for text in texts:
            exchange.send(event(text))
        exchange.cut()

    return play


def fails(status: int, message: str = "", **headers: str) -> Manner:
    """Answer with an error; `Retry_After="3"` is a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    text = json.dumps({"error": {"message": message, "type": "fault", "code": status}})
    return lambda exchange: exchange.fail(status, named, text)


class FakeServer:
    """Answers in the manners of a list, the last one for ever; GETs from a table of paths."""

    def __init__(self) -> None:
        self.manners: list[Manner] = [says("hel", "lo")]
        self.pages: dict[str, object] = {}
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.refused = 0
        self.gone = threading.Event()
        """Set when a client hung up on a silent answer."""
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        self.root = f"http://127.0.0.1:{self._http.server_port}"
        self.url = f"{self.root}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def answer(self, exchange: Exchange, path: str, headers: dict[str, str]) -> None:
        with self._lock:
            self.bodies.append(exchange.body)
            self.paths.append(path)
            self.headers.append(headers)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            manner = self.manners.pop(0) if len(self.manners) > 1 else self.manners[0]
        try:
            manner(exchange)
        finally:
            with self._lock:
                self.in_flight -= 1

    def hangs(self, *pieces: str, pings: bool = False) -> Manner:
        """Send these pieces, then nothing but pings, until the client hangs up."""

        def play(exchange: Exchange) -> None:
            for piece in pieces:
                exchange.send(piece)
            while not exchange.is_gone(0.02):
                if pings:
                    exchange.send(": ping\n\n")
            self.gone.set()

        return play

    def takes(self, most: int, seconds: float) -> Manner:
        """Take that long for a reply, and refuse whatever is above so many at a time."""

        def play(exchange: Exchange) -> None:
            with self._lock:
                is_too_many = self.in_flight > most
                self.refused += is_too_many
            if is_too_many:
                fails(429, "too many")(exchange)
                return
            time.sleep(seconds)
            echoes(exchange)

        return play

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def at_first(manners: dict[str, Manner], then: Manner) -> Manner:
    """Answer each of these questions in its manner once, and then like all others."""
    left = dict(manners)

    def play(exchange: Exchange) -> None:
        left.pop(exchange.body["messages"][-1]["content"], then)(exchange)

    return play


def echoes(exchange: Exchange) -> None:
    """Answer with the question in capitals."""
    says(exchange.body["messages"][-1]["content"].upper())(exchange)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def _handler(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            text = self.rfile.read(length)
            if len(text) < length:  # the client died in the middle of its request
                self.close_connection = True
                return
            body = json.loads(text)
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                server.answer(Exchange(body, self), self.path, headers)
            except (BrokenPipeError, ConnectionResetError):
                server.gone.set()
                self.close_connection = True

        def do_GET(self) -> None:
            page = server.pages.get(self.path)
            status = 404 if page is None else 200
            Exchange({}, self).fail(status, {}, json.dumps(page))

        def handle(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            return

    return Handler
