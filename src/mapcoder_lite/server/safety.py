"""Who may ask at all: Host, Origin, token, content type and size, before anything is read.

Knows: what a browser gives away, what a stranger's page may not do, headers of every response.
Does not know: what is asked.
"""

import asyncio
import base64
import binascii
import ipaddress
import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any  # a message of the ASGI

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mapcoder_lite.data.reading import has_half_characters
from mapcoder_lite.server.faults import Fault, response

MAX_BODY_BYTES = 2_000_000
_MAX_FORGOTTEN_BYTES = 50_000_000
_BODY_SECONDS = 30.0
"""For a body to arrive."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Door:
    """Whom the service lets in."""

    hosts: frozenset[str] = _LOOPBACK
    """Without ports."""
    token: str | None = None
    open_paths: tuple[str, ...] = field(default=("/assets/",))
    """The page's own files, which hold nothing of anybody's."""

    @classmethod
    def of(cls, bound: str, more: tuple[str, ...], token: str | None) -> "Door":
        """Return the door of an address that is bound."""
        return cls(_LOOPBACK | {bracketed(bound), *more}, token)

    def fault(self, method: str, path: str, headers: Headers) -> Fault | None:
        """Say why a request is refused; None: it is not."""
        host = headers.get("host", "")
        if host_name(host) not in self.hosts:
            return Fault(403, f"unknown Host {host[:100]!r}: name it in serve.hosts")
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return Fault(403, "a page of another origin may not ask")
        if self.token is not None and not path.startswith(self.open_paths):
            given = _token(headers.get("authorization", ""))
            if not secrets.compare_digest(given.encode(), self.token.encode()):
                challenge = {} if path.startswith("/v1") else {"WWW-Authenticate": _BASIC}
                return Fault(401, "the token is missing or wrong", headers=challenge)
        if method in _WITH_BODY and not _is_json(headers.get("content-type", "")):
            return Fault(415, "the body must be application/json")
        return None


_BASIC = 'Basic realm="mapcoder, the token is the password", charset="UTF-8"'


class Guard:
    """Lets in what the door allows, its body whole and of bounded size."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _with_headers(send)
        headers = Headers(scope=scope)
        fault = self._door.fault(scope["method"], scope["path"], headers)
        body = b""
        if fault is None and scope["method"] in _WITH_BODY:
            try:
                async with asyncio.timeout(_BODY_SECONDS):
                    found = await _body(receive)
            except TimeoutError:
                found = Fault(408, "the body did not arrive in time")
            if isinstance(found, Fault):
                fault = found
            else:
                body = found
        if fault is not None:
            closing = {**fault.headers, "Connection": "close"}  # the body may stand unread
            refusal = Fault(fault.status, fault.detail, headers=closing)
            await response(scope["path"], refusal)(scope, receive, guarded)
            return
        await self._app(scope, _replayed(body, receive), guarded)


def is_loopback(host: str) -> bool:
    """Whether an address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """Return an address as it stands in a Host header."""
    return f"[{host}]" if ":" in host else host.lower()


def host_name(host: str) -> str:
    """Return a Host header without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


async def _body(receive: Receive) -> bytes | Fault:
    """Return the body, or why it is refused.

    One that is too large is read on for a while and forgotten: a client that is cut off while it
    sends does not hear the answer.
    """
    body = bytearray()
    num_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return Fault(400, "the body was not sent whole")
        piece = message.get("body", b"")
        num_bytes += len(piece)
        if num_bytes <= MAX_BODY_BYTES:
            body += piece
        if num_bytes > _MAX_FORGOTTEN_BYTES or not message.get("more_body"):
            break
    if num_bytes > MAX_BODY_BYTES:
        return Fault(413, f"the body is larger than {MAX_BODY_BYTES:,} bytes")
    whole = bytes(body)
    if has_half_characters(whole):
        return Fault(400, "a text holds half a character (a lone surrogate): send whole ones")
    return whole


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Give the body, then what really comes, which is that the client has gone."""
    is_given = False

    async def give() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return give


def _with_headers(send: Send) -> Send:
    async def guarded(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return guarded


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def _token(authorization: str) -> str:
    """Return the token of a Bearer header, or the password of a Basic one."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
