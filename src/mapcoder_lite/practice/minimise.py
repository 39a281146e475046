"""Make what fails smaller, as long as it fails: parts left out, numbers lowered.

Source: delta debugging, Zeller and Hildebrandt, "Simplifying and isolating failure-inducing
input" (2002), by complements.

Knows: sequences, whole numbers, a question that is asked of each candidate.
Does not know: inputs, programs, why something fails.
"""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")


def minimised(items: Sequence[T], fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """Return items, in order, that still fail, none of which alone can be left out.

    `items` must fail themselves, and are not asked about.
    """
    kept = tuple(items)
    size = max(1, len(kept) // 2)
    while True:
        before = len(kept)
        start = 0
        while start < len(kept):
            rest = kept[:start] + kept[start + size :]
            if fails(rest):
                kept = rest
            else:
                start += size
        if size == 1 and len(kept) == before:
            return kept
        size = max(1, size // 2)


def lowered(value: int, target: int, fails: Callable[[int], bool]) -> int:
    """Return a number from `value` towards `target` that still fails; the next one does not.

    `value` must fail itself, and is not asked about.
    """
    if value == target or fails(target):
        return target
    passing = target
    while abs(value - passing) > 1:
        middle = (value + passing) // 2
        if fails(middle):
            value = middle
        else:
            passing = middle
    return value


def minimised_text(text: str, fails: Callable[[str], bool]) -> str:
    """Return a smaller text that still fails: lines left out, then tokens, then numbers lowered.

    No line of it, and no token, can be left out alone.
    """
    lines = [line.split() for line in text.splitlines() if line.split()]

    def is_failing(rows: Sequence[Sequence[str]]) -> bool:
        return fails(_joined(rows))

    while True:
        before = _joined(lines)
        lines = list(minimised(lines, is_failing))
        for place in range(len(lines)):
            _minimise_line(lines, place, is_failing)
        lines = [line for line in lines if line]
        if _joined(lines) == before:
            return before


def is_whole(token: str) -> bool:
    """Whether a token is a whole number of up to 18 digits, written as it would be printed."""
    return _WHOLE.fullmatch(token) is not None


def _minimise_line(
    lines: list[list[str]], place: int, is_failing: Callable[[Sequence[Sequence[str]]], bool]
) -> None:
    def is_failing_with(tokens: Sequence[str]) -> bool:
        return is_failing([*lines[:place], tokens, *lines[place + 1 :]])

    lines[place] = list(minimised(lines[place], is_failing_with))
    for column, token in enumerate(lines[place]):
        if is_whole(token):
            before, after = lines[place][:column], lines[place][column + 1 :]
            lowest = lowered(
                int(token), 0, lambda n, b=before, a=after: is_failing_with([*b, str(n), *a])
            )
            lines[place][column] = str(lowest)


def _joined(rows: Sequence[Sequence[str]]) -> str:
    return "".join(" ".join(row) + "\n" for row in rows if row)
