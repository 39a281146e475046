"""Which model servers are here, asked over HTTP: in parallel, briefly, and at no cost in tokens.

Only this machine's usual ports are tried unasked; any other address is one that the user named.
No redirect and no proxy is followed, no body is read beyond a bound, no answer takes longer than
its time however it drips, and a key goes to the address it belongs to, nowhere else.

Knows: sockets, the usual ports, time limits.
Does not know: what an answer means, completions, roles.
"""

import json
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Event, Timer
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from mapcoder_lite.engine.backend import (
    NOBODY,
    Answer,
    Backend,
    OllamaModel,
    Stranger,
    read_ollama_model,
    recognise,
)
from mapcoder_lite.errors import ConfigError

USUAL_PORTS: Mapping[str, int] = {
    "Ollama": 11434,
    "LM Studio": 1234,
    "llama-server": 8080,
    "vLLM": 8000,
    "SGLang": 30000,
    "Jan": 1337,
    "GPT4All": 4891,
}
DISCOVERY_SECONDS = 0.3
"""For each answer of an address that nobody named."""
NAMED_SECONDS = 10.0
"""For each answer of an address that the user named; a loaded server may be slow."""
MAX_BODY_BYTES = 1_000_000

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to ask, and with which key."""

    base_url: str
    """With /v1, without a slash at the end."""
    api_key: str | None = field(default=None, repr=False)
    seconds: float = NAMED_SECONDS
    """For connecting, and again for each answer."""

    @property
    def place(self) -> tuple[str, str, int, str]:
        """Scheme, host, port and path; all names of this machine are one."""
        parts = urlsplit(self.base_url)
        host = parts.hostname or ""
        return parts.scheme, "127.0.0.1" if host in _LOOPBACK else host, _port(parts), parts.path

    @property
    def is_proxied(self) -> bool:
        """Whether the environment sends such requests through a proxy; a probe goes direct."""
        parts = urlsplit(self.base_url)
        host = parts.hostname or ""
        if host in _LOOPBACK or proxy_bypass(host):
            return False
        return bool({parts.scheme, "all"} & getproxies().keys())


def named_endpoint(url: str, api_key: str | None = None) -> Endpoint:
    """Return the endpoint of an address that the user named; /v1 is added to a bare one.

    Raises:
        ConfigError: it is no HTTP address, or holds what may be a secret.
    """
    try:
        parts = urlsplit(url.strip())
        is_sound = parts.scheme in ("http", "https") and parts.hostname and _port(parts) > 0
    except ValueError:
        parts, is_sound = urlsplit(""), False
    if "@" in parts.netloc:
        raise ConfigError(
            "the address of a server holds a name or a password, which would be shown: leave it "
            "out, and name the variable that holds the key in engine.api_key_env"
        )
    if parts.query or parts.fragment:
        raise ConfigError(
            "the address of a server goes on after a ? or #, which would be shown and not sent on: "
            "end it at the path, as http://localhost:8000/v1; a key's variable is named in "
            "engine.api_key_env"
        )
    if not is_sound:
        shown = url.rpartition("@")[2].partition("?")[0]
        raise ConfigError(
            f"{shown!r} is no address of a server: write it as http://localhost:8000/v1"
        )
    path = parts.path.rstrip("/") or "/v1"
    return Endpoint(f"{parts.scheme}://{parts.netloc}{path}", api_key)


def usual_endpoints() -> tuple[Endpoint, ...]:
    """Return the addresses on this machine where model servers usually listen."""
    return tuple(
        Endpoint(f"http://127.0.0.1:{port}/v1", seconds=DISCOVERY_SECONDS)
        for port in USUAL_PORTS.values()
    )


def probe_all(endpoints: Sequence[Endpoint]) -> list[Backend | Stranger]:
    """Ask every endpoint at the same time; the findings are in the order of the endpoints."""
    if not endpoints:
        return []
    with ThreadPoolExecutor(len(endpoints), thread_name_prefix="probe") as threads:
        return list(threads.map(probe, endpoints))


def probe(endpoint: Endpoint) -> Backend | Stranger:
    """Ask one endpoint what it is; whatever goes wrong is part of the finding."""
    if endpoint.is_proxied:
        return Stranger(endpoint.base_url, "not asked: a proxy stands before it")

    def ask(path: str) -> Answer:
        return _exchange(endpoint, path)

    return recognise(endpoint.base_url, ask, _port(urlsplit(endpoint.base_url)))


def ollama_model(endpoint: Endpoint, name: str) -> OllamaModel | None:
    """Ask Ollama what a model was made of; None when it does not say."""
    body = json.dumps({"model": name}).encode()
    return read_ollama_model(_exchange(endpoint, "/api/show", body).json)


def with_ollama_adapters(endpoint: Endpoint, backend: Backend, names: Sequence[str]) -> Backend:
    """Return the finding with those of the models that add an adapter to a base."""
    shown = {name: ollama_model(endpoint, name) for name in names}
    adapters = tuple(name for name, model in shown.items() if model and model.has_adapter)
    return replace(backend, adapters=adapters)


def _exchange(endpoint: Endpoint, path: str, body: bytes | None = None) -> Answer:
    """Send one request below the server's root, and read its JSON."""
    is_late = Event()
    try:
        status, content, fault = _send(endpoint, path, body, is_late)
    except (OSError, HTTPException, ValueError) as error:
        if is_late.is_set() or isinstance(error, TimeoutError):
            return Answer(fault=f"no answer within {endpoint.seconds:g} s")
        return Answer(fault=_why(error))
    if is_late.is_set():
        return Answer(fault=f"no whole answer within {endpoint.seconds:g} s")
    if fault is not None:
        return Answer(status, fault=fault)
    try:
        return Answer(status, json.loads(content))
    except (ValueError, RecursionError):
        return Answer(status, fault="the answer is not JSON")


def _send(
    endpoint: Endpoint, path: str, body: bytes | None, is_late: Event
) -> tuple[int, bytes, str | None]:
    """Return status, body and what is wrong with them."""
    parts = urlsplit(endpoint.base_url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", _port(parts), timeout=endpoint.seconds)
    try:
        connection.connect()
        # Each read has its own timeout, so a byte a second would never time out.
        alarm = Timer(endpoint.seconds, _cut, (connection.sock, is_late))
        alarm.daemon = True
        alarm.start()
        try:
            connection.request(
                "GET" if body is None else "POST",
                _target(parts, path),
                body,
                {
                    "Authorization": f"Bearer {endpoint.api_key or 'none'}",
                    "Accept": "application/json",
                    "Content-Type": "application/json",
                },
            )
            return _read(connection.getresponse())
        finally:
            alarm.cancel()
    finally:
        connection.close()


def _read(response: HTTPResponse) -> tuple[int, bytes, str | None]:
    status = response.status
    with response:
        if 300 <= status < 400:
            return status, b"", f"HTTP {status}: it sends elsewhere, and nothing follows there"
        if status in (401, 403):
            return status, b"", f"HTTP {status}: it asks for a key"
        if status != 200:
            return status, b"", f"HTTP {status}"
        content = response.read(MAX_BODY_BYTES + 1)
    if len(content) > MAX_BODY_BYTES:
        return status, b"", f"the answer is longer than {MAX_BODY_BYTES} bytes"
    return status, content, None


def _cut(sock: socket.socket, is_late: Event) -> None:
    """End a connection under its reader, whose time is over."""
    is_late.set()
    with suppress(OSError):  # it may have ended by itself
        sock.shutdown(socket.SHUT_RDWR)


def _target(parts: SplitResult, path: str) -> str:
    """Return the path to ask for; the list of models lies below the base, all else at the root."""
    base = parts.path.rstrip("/")
    if path == "/v1/models":
        return f"{base}/models"
    return base.removesuffix("/v1") + path


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _why(error: Exception) -> str:
    """Say what went wrong; the text of a ValueError may hold the key."""
    if isinstance(error, ConnectionRefusedError):
        return NOBODY
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return f"no sound HTTP ({type(error).__name__})"
