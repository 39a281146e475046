# a judged program may raise anything
"""Calls of a judged program's functions over one descriptor: the side that asks, and the program's.

A request is a line: `[nonce, "get", where, name]`, `[nonce, "set", where, name, value]` or
`[nonce, "call", what, arguments, keywords]`. The reply starts with the same nonce, which a program
cannot know before it is asked. `where` and `what` are numbers of objects that stay with the
program; 0 is its namespace, and `what` may be a global name.

Knows: lines, nonces, what a reply may say.
Does not know: tests, expected values, verdicts.
"""

from __future__ import annotations

import os
import select
import sys
import time
from json import dumps
from typing import Any, NoReturn  # the values of a judged program

from mapcoder_lite.judge.inside.program import Program, flush_streams, report
from mapcoder_lite.judge.inside.values import (
    Unreadable,
    Unsendable,
    decode,
    encode,
    from_text,
    is_array,
    is_object,
)

CHANNEL_FD = 4
NAMESPACE = 0
READY = "ready"
RETURNED, RAISED, MISSING, UNSENDABLE = "r", "e", "m", "x"
MAX_REPLY_BYTES = 1 << 20
"""A reply may be this long, and four times the request, whose arguments it may hold."""

MAX_MESSAGE = 500
CHUNK = 1 << 16
KNOWN_EXCEPTIONS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    Exception,
    ImportError,
    IndexError,
    KeyError,
    LookupError,
    MemoryError,
    NameError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    RuntimeError,
    TypeError,
    UnicodeError,
    ValueError,
    ZeroDivisionError,
)
"""What a test may wait for by name; all take one message."""


class Gone(BaseException):
    """The program answers no more; no test can catch it as an exception of the program."""


class Silent(Exception):
    """No word before the deadline, although the program should have been ended by then."""


class Channel:
    """Lines over a descriptor; with a deadline on the monotonic clock, or waiting for ever."""

    def __init__(self, fd: int, deadline: float | None = None) -> None:
        self._fd = fd
        self._deadline = deadline
        self._rest = b""
        self._poll = select.poll()
        if deadline is not None:
            os.set_blocking(fd, False)

    def _wait(self, event: int) -> None:
        if self._deadline is None:
            return
        self._poll.register(self._fd, event)
        left = self._deadline - time.monotonic()
        if not self._poll.poll(max(0.0, left) * 1000):
            raise Silent

    def send(self, message: list[Any]) -> None:
        """Write a line.

        Raises:
            Gone: nobody reads any more.
            Silent: the deadline came first.
        """
        view = memoryview(dumps(message).encode() + b"\n")
        while view:
            self._wait(select.POLLOUT)
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Gone(f"the program ended: {error.strerror}") from None

    def receive(self, max_bytes: int) -> str:
        """Read a line of at most so many bytes.

        Raises:
            Gone: the other side hung up, or the line is too long or no text.
            Silent: the deadline came first.
        """
        parts, size = [self._rest], len(self._rest)
        while b"\n" not in parts[-1]:
            if size > max_bytes:
                raise Gone(f"the program replied with more than {max_bytes} bytes")
            self._wait(select.POLLIN)
            try:
                part = os.read(self._fd, CHUNK)
            except BlockingIOError:
                continue
            except OSError:
                part = b""
            if not part:
                raise Gone("the program ended without a reply")
            parts.append(part)
            size += len(part)
        line, _, self._rest = b"".join(parts).partition(b"\n")
        try:
            return line.decode("ascii")
        except UnicodeDecodeError:
            raise Gone("the program's reply is unreadable") from None


class Caller:
    """Asks a program, one request at a time."""

    def __init__(self, channel: Channel, extra_bytes: int = 0) -> None:
        self._channel = channel
        self._extra_bytes = extra_bytes

    def wait_ready(self) -> None:
        """Wait until the program has defined what it defines.

        Raises:
            Gone: it ended, or said something else.
        """
        if self._reply(0) != [READY]:
            raise Gone("the program spoke out of turn")

    def ask(self, *request: Any) -> list[Any]:
        """Return what a reply says after its nonce, tags still in place.

        Raises:
            Gone: there is no reply, or none to this request.
        """
        nonce = os.urandom(8).hex()
        message = [nonce, *request]
        size = len(dumps(message)) if len(request) > 2 else 0
        self._channel.send(message)
        reply = self._reply(4 * size)
        if len(reply) < 3 or reply[0] != nonce:
            raise Gone("the program spoke out of turn")
        return reply[1:]

    def _reply(self, extra_bytes: int) -> list[Any]:
        line = self._channel.receive(MAX_REPLY_BYTES + self._extra_bytes + extra_bytes)
        try:
            reply = from_text(line)
        except Unreadable as error:
            raise Gone(f"the program's reply is unreadable: {error}") from None
        if not is_array(reply):
            raise Gone("the program's reply is unreadable")
        return reply


class Kept:
    """Objects that stay with the program, by number."""

    def __init__(self) -> None:
        self._objects: list[Any] = [None]
        self._numbers: dict[int, int] = {}

    def keep(self, value: Any) -> int:
        """Return the number of an object, the same for the same one."""
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return number

    def object_of(self, number: int) -> Any:
        """Return the object of a number."""
        return self._objects[number]


def serve_calls(program: Program) -> None:
    """Run a program that defines functions, then answer calls until the other side hangs up."""
    program.define()
    try:
        answer_calls(Channel(CHANNEL_FD), program.main)
    except Gone:
        os._exit(flush_streams())


def answer_calls(channel: Channel, names: dict[str, Any]) -> NoReturn:
    """Answer calls of what these names mean.

    Raises:
        Gone: the other side hung up.
    """
    kept = Kept()
    channel.send([READY])
    while True:
        nonce, *request = from_text(channel.receive(sys.maxsize))
        channel.send([nonce, *_answer(request, names, kept)])


def _answer(request: list[Any], names: dict[str, Any], kept: Kept) -> list[Any]:
    try:
        if request[0] == "get":
            return _look_up(names if request[1] == NAMESPACE else request[1], request[2], kept)
        if request[0] == "set":
            value = decode(request[3], kept.object_of, sys.modules.get)
            setattr(kept.object_of(request[1]), request[2], value)
            return [RETURNED, None]
        return _call(request, names, kept)
    except Unsendable as error:
        return [UNSENDABLE, str(error)]
    except MemoryError as error:
        report(error)
        os._exit(1)
    except BaseException as error:
        report(error)
        return _describe(error)


def _look_up(where: Any, name: str, kept: Kept) -> list[Any]:
    missing = object()
    if is_object(where):
        found = where.get(name, missing)
    else:
        found = getattr(kept.object_of(where), name, missing)
    return [MISSING, name] if found is missing else [RETURNED, encode(found, kept.keep)]


def _call(request: list[Any], names: dict[str, Any], kept: Kept) -> list[Any]:
    """Call, and send the arguments back where they have changed."""
    _, what, sent, keywords = request
    if isinstance(what, str) and what not in names:
        return [MISSING, what]
    function = names[what] if isinstance(what, str) else kept.object_of(what)
    arguments = [decode(item, kept.object_of, sys.modules.get) for item in sent]
    named = {key: decode(item, kept.object_of, sys.modules.get) for key, item in keywords.items()}
    result = encode(function(*arguments, **named), kept.keep)
    after = [encode(item, kept.keep) for item in arguments]
    named_after = {key: encode(item, kept.keep) for key, item in named.items()}
    is_same = after == sent and named_after == keywords
    return [RETURNED, result, None if is_same else [after, named_after]]


def _describe(error: BaseException) -> list[Any]:
    """Name an exception, and the nearest one that the other side knows."""
    known = next((kind for kind in type(error).__mro__ if kind in KNOWN_EXCEPTIONS), RuntimeError)
    try:
        message = str(error)[:MAX_MESSAGE]
    except BaseException:
        message = ""
    return [RAISED, known.__name__, type(error).__name__, message]
