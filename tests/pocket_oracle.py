"""An independent reading of what pocket's families ask, to hold their gold programs against."""

import io
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from mapcoder_lite.pocket.family import Family
from mapcoder_lite.pocket.words import Choices, Wording

NUM_DRAFTS = 60
"""Choices drawn a family; each is fed one input of every level."""

Reference = Callable[[Choices, list[str]], Sequence[object] | None]
"""Choices and lines of the input to what is printed; None where nothing is left."""

NOTHING = {"zero": "0", "minus": "-1", "none": "NONE", "empty": "EMPTY"}


def disagreements(family: Family, reference: Reference) -> list[str]:
    """Programs and inputs on which the gold programs of drawn choices and a reference differ."""
    random = Random(family.name)
    found: list[str] = []
    for _ in range(NUM_DRAFTS):
        choices = family.choose(random)
        draft = family.write(choices, Wording(random))
        for level in (0, 1, 2):
            told = draft.make_input(random, level)
            answer = reference(choices, told.split("\n"))
            right = [NOTHING[str(choices["empty"])]] if answer is None else list(map(str, answer))
            if printed(draft.program, told).split() != right:
                found.append(f"{draft.program}\n\n{told}\n{right}")
    return found


def printed(program: str, told: str) -> str:
    """What one of the generator's own programs prints."""
    rows = iter(told.split("\n"))
    text = io.StringIO()
    exec(program, {"input": lambda: next(rows), "print": partial(print, file=text)})
    return text.getvalue()


def numbers(row: str) -> list[int]:
    """The integers of a line."""
    return [int(word) for word in row.split()]


def holds(condition: str | int, x: int, k: str | int) -> bool:
    """Whether a number fulfils a condition of words.py."""
    k = int(k)
    return {
        "even": x in range(0, 10**30, 2),
        "odd": x in range(1, 10**30, 2),
        "divisible": x // k * k == x,
        "not_divisible": x // k * k != x,
        "greater": k < x,
        "less": k > x,
        "at_least": not k > x,
        "at_most": not k < x,
    }[str(condition)]


def totalled(name: str | int, values: list[int]) -> Sequence[object] | None:
    """A total of words.py over the values; None when there is none."""
    if not values:
        return None
    up = sorted(values)
    every: dict[str, Sequence[object]] = {
        "sum": [sum(values)],
        "largest": [up[-1]],
        "smallest": [up[0]],
        "count": [len(values)],
        "distinct": [len(dict.fromkeys(values))],
        "range": [up[-1] - up[0]],
        "sorted": up,
        "descending": list(reversed(up)),
        "reversed": list(reversed(values)),
        "two_largest": [up[-1] + (up[-2] if len(up) > 1 else 0)],
        "two_smallest": [up[0] + (up[1] if len(up) > 1 else 0)],
        "last": [values[len(values) - 1]],
        "first": [values[0]],
    }
    return every[str(name)]


def kept(c: Choices, values: list[int], *, condition: str = "condition", k: str = "k") -> list[int]:
    """The values that fulfil the chosen condition."""
    return [x for x in values if holds(c[condition], x, c[k])]
