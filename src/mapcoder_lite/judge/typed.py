"""Whether what a function answered is a JSON value: types count, and nothing of the program runs.

An answer is compared in the form in which it travelled, so that no object is made of it.

Knows: the tags of values, numbers and their tolerance.
Does not know: calls, tests, verdicts.
"""

from typing import Any  # JSON, and what a program answered

from mapcoder_lite.judge.checker import is_close
from mapcoder_lite.judge.inside.values import HANDLE, is_array, is_object
from mapcoder_lite.judge.outcome import shorten
from mapcoder_lite.problem import Checker

ARRAYS = frozenset("tq")
OBJECTS = frozenset("dCo")


def difference(got: Any, expected: Any, checker: Checker, path: str = "") -> str | None:
    """Return where a program's answer, as it travelled, differs from a JSON value.

    Types count: a truth value is no number, 1 is not "1". Tuples are arrays; a float and an
    integer of equal value are equal; where a float is expected, the checker's tolerance holds.
    """
    if is_array(expected):
        return difference_of_arrays(got, expected, checker, path)
    if is_object(expected):
        return difference_of_objects(got, expected, checker, path)
    if is_number(expected):
        is_same = is_same_number(got, expected, checker)
    else:
        is_same = type(got) is type(expected) and got == expected
    return None if is_same else differs(got, expected, path)


def difference_of_arrays(got: Any, expected: list[Any], checker: Checker, path: str) -> str | None:
    """Compare item by item; see `difference`."""
    items = content_of(got, ARRAYS) if is_object(got) else got
    if not is_array(items):
        return differs(got, expected, path)
    if len(items) != len(expected):
        return f"{path or 'answer'}: expected {len(expected)} items, got {len(items)}"
    for index, (mine, wanted) in enumerate(zip(items, expected, strict=True)):
        found = difference(mine, wanted, checker, f"{path}[{index}]")
        if found:
            return found
    return None


def difference_of_objects(
    got: Any, expected: dict[str, Any], checker: Checker, path: str
) -> str | None:
    """Compare key by key, in any order; see `difference`."""
    pairs = content_of(got, OBJECTS)
    if pairs is None:
        return differs(got, expected, path)
    if not all(is_array(p) and len(p) == 2 and isinstance(p[0], str) for p in pairs):
        return f"{path or 'answer'}: a key is no string"
    found = dict(pairs)
    if found.keys() != expected.keys() or len(found) != len(pairs):
        return differs(got, expected, path)
    for key, wanted in expected.items():
        inner = difference(found[key], wanted, checker, f"{path}[{key!r}]")
        if inner:
            return inner
    return None


def content_of(got: Any, tags: frozenset[str]) -> list[Any] | None:
    """Return what a tagged value holds, if its tag is one of these."""
    if is_object(got) and len(got) == 1 and next(iter(got)) in tags:
        content = next(iter(got.values()))
        return content if is_array(content) else None
    return None


def is_number(value: Any) -> bool:
    """Whether it is an integer or a float, and no truth value."""
    return type(value) is int or type(value) is float


def is_same_number(got: Any, expected: float, checker: Checker) -> bool:
    """Compare numbers: exactly where an integer is expected; nan equals nothing."""
    if is_object(got):
        try:
            got = int(got["i"], 16)
        except (KeyError, TypeError, ValueError):
            return False
    if not is_number(got):
        return False
    if got == expected:
        return True
    try:
        return type(expected) is float and is_close(checker, float(got), expected)
    except OverflowError:
        return False


def differs(got: Any, expected: Any, path: str) -> str:
    """Say what was expected and what came."""
    return f"{path or 'answer'}: expected {shorten(show(expected))}, got {shorten(show(got))}"


def show(value: Any) -> str:
    """Write an answer, as it travelled, the way Python would."""
    if is_array(value):
        return f"[{', '.join(map(show, value))}]"
    if not is_object(value):
        return repr(value)
    tag, content = next(iter(value.items()), ("", None))
    if tag == HANDLE:
        return "<object of the program>"
    if tag in OBJECTS and is_array(content):
        pairs = [p for p in content if is_array(p) and len(p) == 2]
        return f"{{{', '.join(f'{show(k)}: {show(v)}' for k, v in pairs)}}}"
    if tag == "t" and is_array(content):
        return f"({', '.join(map(show, content))}{',' * (len(content) == 1)})"
    if tag == "s" and is_array(content):
        return f"{{{', '.join(map(show, content))}}}"
    return f"<{tag} {show(content)}>"
