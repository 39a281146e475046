"""Whether an output is an accepted one; linear time, and memory for one token at a time.

Knows: the comparison rules and what each calls equal.
Does not know: programs, tests, verdicts.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mapcoder_lite.errors import InputError
from mapcoder_lite.judge import execeval
from mapcoder_lite.problem import Checker, CheckerKind

DEFAULT_TOLERANCE = 1e-6
EXCERPT_CHARACTERS = 60
YES_NO = frozenset((b"yes", b"no", b"true", b"false"))
TOKEN = re.compile(rb"\S+")
DECIMAL = re.compile(rb"[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?")
NUMBER = re.compile(rb"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|inf(?:inity)?|nan)", re.I)

Rule = Callable[[Checker, bytes, bytes], "Mismatch | None"]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where an output first differs from the expected one."""

    reason: str


def check(checker: Checker, output: bytes, accepted: Sequence[str]) -> Mismatch | None:
    """Return None if any accepted output agrees, else the difference from the first one.

    Raises:
        InputError: the checker is a program, which is run in the sandbox (special.py).
    """
    rule = rule_for(checker.kind)
    first: Mismatch | None = None
    for expected in accepted:
        mismatch = rule(checker, output, expected.encode("utf-8", "surrogatepass"))
        if mismatch is None:
            return None
        first = first or mismatch
    return first


def rule_for(kind: CheckerKind) -> Rule:
    """Return the comparison of a kind.

    Raises:
        InputError: the checker is a program, which is run in the sandbox (special.py).
    """
    rule = _RULES.get(kind)
    if rule is None:
        known = ", ".join(_RULES)
        raise InputError(f"checker {kind.value!r} is not one that compares: {known}")
    return rule


def compare_tokens(checker: Checker, output: bytes, expected: bytes) -> Mismatch | None:
    """Equal counts and equal tokens; a tolerance only where a decimal number is expected.

    Integers are compared as they are written: no tolerance, and `01` is not `1`.
    """
    return _compare_sequences(_tokens(output), _tokens(expected), _token_rule(checker))


def compare_floats(checker: Checker, output: bytes, expected: bytes) -> Mismatch | None:
    """Like tokens, with the tolerance for every number, integers too; nan equals nothing."""

    def equal(got: bytes, wanted: bytes) -> bool:
        if NUMBER.fullmatch(wanted):
            return _is_close(checker, got, wanted)
        return _is_same_text(checker, got, wanted)

    return _compare_sequences(_tokens(output), _tokens(expected), equal)


def compare_exact(checker: Checker, output: bytes, expected: bytes) -> Mismatch | None:
    """Every byte equal."""
    del checker
    if output == expected:
        return None
    at = next(
        (i for i, (a, b) in enumerate(zip(output, expected, strict=False)) if a != b),
        min(len(output), len(expected)),
    )
    line = output.count(b"\n", 0, at) + 1
    return Mismatch(f"byte {at + 1} (line {line}) differs; {len(output)} against {len(expected)}")


def compare_lines(checker: Checker, output: bytes, expected: bytes) -> Mismatch | None:
    """Lines equal but for white space at their ends and empty lines at the end."""

    def equal(got: bytes, wanted: bytes) -> bool:
        return _is_same_text(checker, got, wanted)

    return _compare_sequences(_lines(output), _lines(expected), equal, noun="line")


def compare_sorted(checker: Checker, output: bytes, expected: bytes) -> Mismatch | None:
    """The lines agree in some order; within a line, tokens are equal as written."""
    return _compare_bags(checker, _bag_of_lines(output), _bag_of_lines(expected), "line")


def compare_unordered(checker: Checker, output: bytes, expected: bytes) -> Mismatch | None:
    """The tokens agree in some order, as written."""
    return _compare_bags(checker, output.split(), expected.split(), "token")


def compare_execeval(checker: Checker, output: bytes, expected: bytes) -> Mismatch | None:
    """The rule of the published verdicts, faults included; never for our own scores."""
    del checker
    if execeval.is_equal(output, expected):
        return None
    return Mismatch("differs by the execeval rule")


_RULES: dict[CheckerKind, Rule] = {
    CheckerKind.TOKENS: compare_tokens,
    CheckerKind.EXACT: compare_exact,
    CheckerKind.LINES: compare_lines,
    CheckerKind.FLOATS: compare_floats,
    CheckerKind.SORTED: compare_sorted,
    CheckerKind.UNORDERED: compare_unordered,
    CheckerKind.EXECEVAL: compare_execeval,
}


def _token_rule(checker: Checker) -> Callable[[bytes, bytes], bool]:
    def equal(got: bytes, wanted: bytes) -> bool:
        if _is_same_text(checker, got, wanted):
            return True
        return DECIMAL.fullmatch(wanted) is not None and _is_close(checker, got, wanted)

    return equal


def _is_same_text(checker: Checker, got: bytes, wanted: bytes) -> bool:
    if got == wanted:
        return True
    if not checker.ignore_case:
        return False
    return wanted.lower() in YES_NO and got.lower() == wanted.lower()


def _is_close(checker: Checker, got: bytes, wanted: bytes) -> bool:
    if not NUMBER.fullmatch(got):
        return False
    a, b = float(got), float(wanted)
    if math.isinf(a) or math.isinf(b):  # 1e400 is finite, whatever a float makes of it
        return got == wanted or (a == b and b"f" in got.lower() and b"f" in wanted.lower())
    return is_close(checker, a, b)


def is_close(checker: Checker, a: float, b: float) -> bool:
    """Whether a number is within the checker's tolerance of the expected one, `b`."""
    if a == b:  # also an infinity and itself, whose difference is nan
        return True
    if abs(a) == float("inf") or abs(b) == float("inf"):
        return False
    absolute, relative = _tolerances(checker)
    # written as <=, so that nan equals nothing
    return abs(a - b) <= absolute or abs(a - b) <= relative * abs(b)


def _tolerances(checker: Checker) -> tuple[float, float]:
    """One given alone stands alone; none given means 1e-6 for both."""
    absolute, relative = checker.absolute_tolerance, checker.relative_tolerance
    if absolute is None and relative is None:
        return DEFAULT_TOLERANCE, DEFAULT_TOLERANCE
    return absolute or 0.0, relative or 0.0


@dataclass(frozen=True, slots=True)
class _Piece:
    text: bytes
    start: int
    whole: bytes

    @property
    def line(self) -> int:
        return self.whole.count(b"\n", 0, self.start) + 1


def _tokens(text: bytes) -> Iterator[_Piece]:
    for match in TOKEN.finditer(text):
        yield _Piece(match.group(), match.start(), text)


def _lines(text: bytes) -> Iterator[_Piece]:
    end = len(text.rstrip())
    start = 0
    while start < end:
        stop = text.find(b"\n", start)
        stop = end if stop < 0 else stop
        yield _Piece(text[start:stop].rstrip(), start, text)
        start = stop + 1


def _compare_sequences(
    output: Iterator[_Piece],
    expected: Iterator[_Piece],
    equal: Callable[[bytes, bytes], bool],
    *,
    noun: str = "token",
) -> Mismatch | None:
    pairs = itertools.zip_longest(output, expected)
    for index, (got, wanted) in enumerate(pairs, start=1):
        if got is None:
            return Mismatch(f"{noun} {index} is missing: expected {_show(wanted.text)}")
        if wanted is None:
            return Mismatch(f"{noun} {index} (line {got.line}) is too many: {_show(got.text)}")
        if not equal(got.text, wanted.text):
            where = f"{noun} {index} (line {got.line})"
            return Mismatch(f"{where}: expected {_show(wanted.text)}, got {_show(got.text)}")
    return None


def _bag_of_lines(text: bytes) -> list[bytes]:
    return [b" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _compare_bags(
    checker: Checker, output: list[bytes], expected: list[bytes], noun: str
) -> Mismatch | None:
    if len(output) != len(expected):
        return Mismatch(f"{len(output)} {noun}s, expected {len(expected)}")
    if checker.ignore_case:
        output, expected = ([_fold(piece) for piece in bag] for bag in (output, expected))
    for got, wanted in zip(sorted(output), sorted(expected), strict=True):
        if got != wanted:
            odd = f"smallest that differs: expected {_show(wanted)}, got {_show(got)}"
            return Mismatch(f"the {noun}s differ in any order; {odd}")
    return None


def _fold(piece: bytes) -> bytes:
    tokens = piece.split()
    return b" ".join(token.lower() if token.lower() in YES_NO else token for token in tokens)


def _show(text: bytes) -> str:
    shown = text[: 4 * EXCERPT_CHARACTERS].decode("utf-8", "replace")
    return repr(shown if len(shown) <= EXCERPT_CHARACTERS else shown[:EXCERPT_CHARACTERS] + "…")
