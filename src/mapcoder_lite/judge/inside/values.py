# whatever a hostile reply holds must end in one kind of error
"""Values as text between processes that do not trust each other: JSON with tags, never pickle.

A value becomes null, a truth value, a number, a string or an array, or an object of one tag for
what JSON lacks: `{"t": [1, 2]}` is a tuple. Decoding makes plain builtins and classes of the
standard library only, so no method of a judged program survives the way.

Knows: the tags, bounds on nesting.
Does not know: calls, programs, expected values.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from json import loads
from types import ModuleType
from typing import TYPE_CHECKING, Any  # a value of a judged program may be anything

if TYPE_CHECKING:
    from typing import TypeGuard  # not there before Python 3.10

MAX_NESTING = 200
MAX_PLAIN_INTEGER = 1 << 63
"""Larger integers travel in hexadecimal: decimal digits are bounded and quadratic."""

HANDLE, MODULE = "H", "M"
Keep = Callable[[Any], int]
"""Gives the number under which an object stays where it is, or raises Unsendable."""

# a string that never ends is one token, or a hostile reply would be looked through n times
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|\Z)|[\[\]{}]', re.S)
_TYPES = (int, float, str, bool, list, tuple, dict, set, frozenset, bytes, complex, object)
_TYPE_NAMES = {kind.__name__: kind for kind in (*_TYPES, type(None), range, bytearray)}
_TYPE_TAGS = {kind: name for name, kind in _TYPE_NAMES.items()}


class Unsendable(Exception):
    """A value that has no text form here."""


class Unreadable(Exception):
    """A text that is no value."""


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Whether a parsed value is an array."""
    return isinstance(value, list)


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a parsed value is an object: what JSON lacks, under its tag."""
    return isinstance(value, dict)


def from_text(text: str) -> Any:
    """Parse a line of text whose nesting is bounded, leaving tags as they are.

    Raises:
        Unreadable: it is no value, or nested too deeply.
    """
    if text.count("[") + text.count("{") > MAX_NESTING:
        _check_nesting(text)
    try:
        return loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from None


def _check_nesting(text: str) -> None:
    depth = 0
    for match in _BRACKETS.finditer(text):
        bracket = match.group()
        depth += (bracket in "[{") - (bracket in "]}")
        if depth > MAX_NESTING:
            raise Unreadable(f"nested more than {MAX_NESTING} deep")


def encode(value: Any, keep: Keep, depth: int = 0) -> Any:
    """Return the JSON form of a value; `keep` takes what has none.

    Raises:
        Unsendable: it is nested too deeply, or `keep` says so.
    """
    if value is None or type(value) in (bool, str, float):
        return value
    if type(value) is int:
        is_plain = -MAX_PLAIN_INTEGER < value < MAX_PLAIN_INTEGER
        return value if is_plain else {"i": hex(value)}
    if depth > MAX_NESTING // 3:  # a pair in a dict takes three brackets
        raise Unsendable("nested too deeply, or within itself")
    if is_array(value):
        return [encode(item, keep, depth + 1) for item in value]
    for base, tag, parts in _CONTAINERS:
        if isinstance(value, base):
            return {tag: [encode(item, keep, depth + 1) for item in parts(value)]}
    return _encode_rest(value, keep, depth)


def _encode_rest(value: Any, keep: Keep, depth: int) -> Any:
    """What is no container; subclasses of builtins become their plain base."""
    for base, plain in _PLAIN:
        if isinstance(value, base):
            return encode(plain(value), keep, depth + 1)
    for base, tag, text in _TEXTS:
        if isinstance(value, base):
            return {tag: text(value)}
    if isinstance(value, type) and value in _TYPE_TAGS:
        return {"T": _TYPE_TAGS[value]}
    if isinstance(value, ModuleType):
        return {MODULE: value.__name__}
    return {HANDLE: keep(value)}


def _pairs(value: Any) -> list[Any]:
    return [[key, value[key]] for key in value]


def _lists(pairs: Any) -> list[Any]:
    return [[key, value] for key, value in pairs]


_EMPTY: dict[Any, Any] = {}
_CONTAINERS: list[tuple[Any, str, Callable[[Any], Any]]] = [
    (tuple, "t", iter),
    (Counter, "C", _pairs),
    (OrderedDict, "o", _pairs),
    (dict, "d", _pairs),
    (set, "s", iter),
    (frozenset, "z", iter),
    (deque, "q", iter),
    (type(_EMPTY.keys()), "k", iter),
    (type(_EMPTY.values()), "v", iter),
    (type(_EMPTY.items()), "n", _lists),
    (range, "r", lambda value: (value.start, value.stop, value.step)),
    (complex, "c", lambda value: (value.real, value.imag)),
    (Iterator, "I", iter),
]
_PLAIN: list[tuple[Any, Callable[[Any], Any]]] = [
    (int, int.__pos__),
    (float, float.__pos__),
    (str, str.__str__),
]
_TEXTS: list[tuple[Any, str, Callable[[Any], str]]] = [
    (bytes, "b", bytes.hex),
    (bytearray, "B", bytearray.hex),
    (Decimal, "D", str),
    (Fraction, "F", str),
]


def decode(value: Any, handle: Callable[[int], Any], module: Callable[[str], Any]) -> Any:
    """Return the value of a JSON form as fresh plain objects.

    Raises:
        Unreadable: a tag is unknown or its content does not fit.
    """
    if is_array(value):
        return [decode(item, handle, module) for item in value]
    if not is_object(value):
        return value
    try:
        ((tag, content),) = value.items()
        if tag == HANDLE:
            return handle(content)
        if tag == MODULE:
            return module(content)
        return _MAKERS[tag](decode(content, handle, module))
    except (TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from None


def _values(items: Any) -> Any:
    numbered = {index: item for index, item in enumerate(items)}  # noqa: C416 -- typed so
    return numbered.values()


_MAKERS: dict[str, Callable[[Any], Any]] = {
    "i": lambda text: int(text, 16),
    "t": tuple,
    "C": lambda pairs: Counter(dict(pairs)),
    "o": OrderedDict,
    "d": dict,
    "s": set,
    "z": frozenset,
    "q": deque,
    "k": lambda items: dict.fromkeys(items).keys(),
    "v": _values,
    "n": lambda pairs: dict(pairs).items(),
    "r": lambda bounds: range(*bounds),
    "c": lambda parts: complex(*parts),
    "I": iter,
    "b": bytes.fromhex,
    "B": bytearray.fromhex,
    "D": Decimal,
    "F": Fraction,
    "T": _TYPE_NAMES.__getitem__,
}
