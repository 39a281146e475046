# a test may raise anything
"""Test code run in a process of its own, where the judged program's functions are proxies.

What a proxy returns is plain: an object of the program's own class stays where it is, and here is
only a handle, equal to nothing but itself. Names that the test code lacks are the program's.

Knows: test code, proxies, what made a test fail.
Does not know: the program, limits, verdicts.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections import deque
from collections.abc import Callable
from json import dumps, loads
from typing import Any  # the values of a judged program

from mapcoder_lite.judge.inside.calls import (
    CHANNEL_FD,
    CHUNK,
    KNOWN_EXCEPTIONS,
    MISSING,
    NAMESPACE,
    RAISED,
    RETURNED,
    Caller,
    Channel,
    Gone,
)
from mapcoder_lite.judge.inside.values import (
    Unreadable,
    Unsendable,
    decode,
    encode,
    is_array,
    is_object,
)

REPORT_FD = 5
TEST_PATH = "<test>"
MAX_SHOWN = 200
MAX_HANDLES = 10_000
"""So that no program fills the memory of its test."""

PASSED, FAILED, THREW = "passed", "failed", "threw"
LACKS, GONE, FAULTY = "lacks", "gone", "faulty"
"""What became of a test. Threw: the program's exception ended it. Lacks: the program does not
define what is called. Faulty: the test code does not compile, or hands over what cannot travel."""


class Exchange:
    """One test's dealings with the program, and what went wrong in them."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self._handles: dict[int, Handle] = {}
        self.gone = ""
        self.faulty = ""
        self.thrown: BaseException | None = None
        self._last: tuple[str, list[Any], dict[str, Any]] | None = None
        self._last_answer: list[Any] = []

    def get(self, where: int, name: str) -> Any:
        """Return what a name means in the program, or an attribute of an object there.

        Raises:
            KeyError: there is none.
            Gone: the program answers no more.
        """
        reply = self._ask("get", where, name)
        if reply[0] == MISSING:
            raise KeyError(name)
        return self._result(reply, name)

    def set(self, where: int, name: str, value: Any) -> None:
        """Give an object of the program an attribute.

        Raises:
            Gone: the program answers no more.
            Unsendable: the value cannot travel.
        """
        self._result(self._ask("set", where, name, encode(value, self._number_of)), name)

    def call(self, handle: Handle, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Call an object of the program; in-place changes of the arguments come back.

        Raises:
            Gone: the program answers no more.
            Unsendable: an argument cannot travel.
        """
        name = handle._name
        try:
            sent = [encode(item, self._number_of) for item in args]
            named = {key: encode(item, self._number_of) for key, item in keywords.items()}
        except Unsendable as error:
            self.faulty = f"{name}: {error}"
            raise
        self._last, self._last_answer = (name, sent, named), []
        reply = self._ask("call", handle._number, sent, named)
        value = self._result(reply, name)
        self._last_answer = [reply[1]]
        if reply[2] is not None:
            self._take_changes(reply[2], args, keywords, name)
        return value

    @property
    def last_call(self) -> str:
        """The last call as it was made, written as Python."""
        if self._last is None:
            return ""
        name, sent, named = self._last
        shown = [self._shown(item) for item in sent]
        shown += [f"{key}={self._shown(item)}" for key, item in named.items()]
        return f"{name}({shorten(', '.join(shown))})"

    @property
    def last_answer(self) -> str:
        """What the last call returned, written as Python; empty if it did not return."""
        return shorten(self._shown(self._last_answer[0])) if self._last_answer else ""

    def _shown(self, wire: Any) -> str:
        try:
            return repr(self._value(wire, "an object"))
        except ValueError:  # an integer of too many digits
            return "a large number"

    def _ask(self, *request: Any) -> list[Any]:
        try:
            return self.caller.ask(*request)
        except Gone as error:
            self.gone = self.gone or str(error)
            raise

    def _result(self, reply: list[Any], name: str) -> Any:
        if reply[0] == RAISED and len(reply) == 4:
            self.thrown = exception_of(*reply[1:])
            raise self.thrown
        if reply[0] != RETURNED:
            raise self._unreadable(name, reply[1])
        return self._value(reply[1], name)

    def _value(self, wire: Any, name: str) -> Any:
        def handle(number: int) -> Handle:
            if len(self._handles) > MAX_HANDLES:
                raise Unreadable(f"more than {MAX_HANDLES} objects of the program")
            return self._handles.setdefault(number, Handle(self, number, name))

        try:
            return decode(wire, handle, trusted_module)
        except Unreadable as error:
            raise self._unreadable(name, error) from None

    def _unreadable(self, name: str, reason: object) -> Gone:
        self.gone = self.gone or f"what {name} answers cannot be read: {reason}"
        return Gone(self.gone)

    def _take_changes(
        self, changes: Any, args: tuple[Any, ...], keywords: dict[str, Any], name: str
    ) -> None:
        try:
            after, named = changes
            pairs = [(item, after[index]) for index, item in enumerate(args)]
            pairs += [(item, named[key]) for key, item in keywords.items()]
        except (TypeError, ValueError, LookupError) as error:
            raise self._unreadable(name, error) from None
        for mine, theirs in pairs:
            restored(mine, self._value(theirs, name))

    def _number_of(self, value: Any) -> int:
        if isinstance(value, Handle):
            return value._number
        raise Unsendable(f"a {type(value).__name__} cannot be handed to the program")


class Handle:
    """An object that stays with the program: it can be called and asked for attributes."""

    def __init__(self, exchange: Exchange, number: int, name: str) -> None:
        self.__dict__.update(_exchange=exchange, _number=number, _name=name)

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Call the object where it is."""
        return self._exchange.call(self, args, keywords)

    def __getattr__(self, name: str) -> Any:
        try:
            if not name.startswith("_"):
                return self._exchange.get(self._number, name)
        except KeyError:
            pass
        raise AttributeError(f"{self._name!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        self._exchange.set(self._number, name, value)

    def __repr__(self) -> str:
        return f"<{self._name} of the program>"


class Names(dict[str, Any]):
    """The test code's global names; what it lacks, but for builtins, the program is asked for."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(__name__="test", __builtins__=builtins)
        self._exchange = exchange

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name) or name.startswith("__"):
            raise KeyError(name)
        if name in sys.modules:  # a module that the test forgot to import is never the program's
            return sys.modules[name]
        value = self[name] = self._exchange.get(NAMESPACE, name)
        return value


def trusted_module(name: str) -> Any:
    """Return this side's own module of a name that the program has imported."""
    module = sys.modules.get(name)
    if module is None or name == "__main__":
        raise Unreadable(f"module {name} is not here")
    return module


def exception_of(known: str, own: str, message: str) -> BaseException:
    """Make the exception that stands for one that the program raised."""
    kinds = {kind.__name__: kind for kind in KNOWN_EXCEPTIONS}
    kind = kinds.get(known, RuntimeError)
    return kind(message if own == known else f"{own}: {message}")


_REFILLS: dict[Any, Callable[[Any, Any], None]] = {
    set: lambda mine, theirs: mine.update(theirs),
    deque: lambda mine, theirs: mine.extend(theirs),
    bytearray: lambda mine, theirs: mine.extend(theirs),
}


def restored(mine: Any, theirs: Any) -> Any:
    """Return the object as it became with the program: the same one, changed in place, if it can
    be, inner ones too; else the new one."""
    if is_array(mine) and is_array(theirs):
        common = zip(mine, theirs)  # noqa: B905 -- strict is not there before Python 3.10
        mine[:] = [restored(a, b) for a, b in common] + theirs[len(mine) :]
        return mine
    if is_object(mine) and is_object(theirs):
        values = {key: restored(mine.get(key), value) for key, value in theirs.items()}
        mine.clear()
        mine.update(values)
        return mine
    refill = _REFILLS.get(type(mine))
    if refill is None or type(mine) is not type(theirs):
        return theirs
    mine.clear()
    refill(mine, theirs)
    return mine


def examine() -> None:
    """Run the test code that standard input holds, and report what became of it."""
    parts = iter(lambda: os.read(0, CHUNK), b"")
    task = loads(b"".join(parts))
    exchange = Exchange(Caller(Channel(CHANNEL_FD)))
    kind, reason = outcome(exchange, task["source"], task["entry_point"])
    report = dumps([kind, reason, exchange.last_answer]).encode()
    while report:
        report = report[os.write(REPORT_FD, report) :]
    os._exit(0)


def outcome(exchange: Exchange, source: str, entry_point: str | None) -> tuple[str, str]:
    """Run test code; return what became of it and why."""
    try:
        code = compile(source, TEST_PATH, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return FAULTY, f"the test code does not compile: {error}"
    error = None
    try:
        exchange.caller.wait_ready()
        run(exchange, code, entry_point)
    except Gone as gone:
        exchange.gone = exchange.gone or str(gone)
    except BaseException as raised:
        error = raised
    if exchange.gone:
        return GONE, shorten(exchange.gone)
    if exchange.faulty:
        return FAULTY, shorten(exchange.faulty)
    if error is None:
        return PASSED, ""
    return judged(exchange, error, source)


def run(exchange: Exchange, code: Any, entry_point: str | None) -> None:
    """Run the code, and `check(candidate)` if it defines that."""
    names = Names(exchange)
    candidate = None
    if entry_point is not None:
        try:
            candidate = names[entry_point] = exchange.get(NAMESPACE, entry_point)
        except KeyError:
            raise Lacking(f"the program does not define {entry_point}") from None
    exec(code, names)
    check = names.get("check")
    if candidate is not None and callable(check) and not isinstance(check, Handle):
        check(candidate)


class Lacking(Exception):
    """The entry point is not there."""


def judged(exchange: Exchange, error: BaseException, source: str) -> tuple[str, str]:
    """Say whose exception ended the test, and where."""
    if isinstance(error, Lacking):
        return LACKS, str(error)
    what = f"{type(error).__name__}: {shorten(str(error))}"
    if error is exchange.thrown:
        return THREW, f"{exchange.last_call} raised {what}"
    if isinstance(error, ImportError):  # what a program answers imports nothing
        return FAULTY, f"the test code cannot import: {what}"
    kind = LACKS if isinstance(error, NameError) else FAILED
    line = failing_line(error, source)
    said = "is false" if isinstance(error, AssertionError) else f"raised {what}"
    last = f"; the last call, {exchange.last_call}, returned {exchange.last_answer}"
    return kind, f"`{line}` {said}{last if exchange.last_answer else ''}"


def failing_line(error: BaseException, source: str) -> str:
    """Return the innermost line of the test code that the exception passed."""
    number, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == TEST_PATH:
            number = trace.tb_lineno
        trace = trace.tb_next
    lines = source.splitlines()
    return shorten(lines[number - 1].strip()) if 0 < number <= len(lines) else "the test"


def shorten(text: str) -> str:
    """Cut a text that is shown."""
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
