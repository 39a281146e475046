"""Compares gold programs of the pocket world with references written in another way.

Knows: how a family is drawn, fed and run; conditions, changes and totals, told anew.
Does not know: single families.
"""

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from random import Random

from mapcoder_lite.pocket.family import Family
from mapcoder_lite.pocket.words import Choices, Wording

Answer = int | str | list[int]

Reference = Callable[[Choices, list[list[str]]], Answer]
"""From choices and the words of each input line to what is to be printed."""

HOLDS: dict[str, Callable[[int, int], bool]] = {
    "even": lambda x, k: not x & 1,
    "odd": lambda x, k: bool(x & 1),
    "positive": lambda x, k: x >= 1,
    "negative": lambda x, k: x <= -1,
    "divisible": lambda x, k: x == x // k * k,
    "not_divisible": lambda x, k: x != x // k * k,
    "greater": lambda x, k: x >= k + 1,
    "less": lambda x, k: x <= k - 1,
    "at_least": lambda x, k: not x < k,
    "at_most": lambda x, k: not x > k,
}

CHANGED: dict[str, Callable[[int, int], int]] = {
    "none": lambda x, m: x,
    "square": lambda x, m: x**2,
    "double": lambda x, m: x + x,
    "add": lambda x, m: m + x,
    "subtract": lambda x, m: -m + x,
    "multiply": lambda x, m: sum([x] * m),
    "absolute": lambda x, m: max(x, -x),
    "negate": lambda x, m: 0 - x,
}

TOTALLED: dict[str, Callable[[list[int]], Answer]] = {
    "sum": sum,
    "largest": lambda b: sorted(b)[-1],
    "smallest": lambda b: sorted(b)[0],
    "distinct": lambda b: len(dict.fromkeys(b)),
    "range": lambda b: sorted(b)[-1] - sorted(b)[0],
    "sorted": sorted,
    "descending": lambda b: sorted(b, reverse=True),
    "two_largest": lambda b: sum(sorted(b, reverse=True)[:2]),
    "last": lambda b: b[len(b) - 1],
    "first": lambda b: next(iter(b)),
    "all": list,
    "number": len,
}

NOTHING: dict[str, int | str] = {"zero": 0, "minus": -1, "none": "NONE", "empty": "EMPTY"}


def holds(c: Choices, x: int) -> bool:
    """Whether the chosen condition holds."""
    return HOLDS[str(c["condition"])](x, int(c["k"]))


def changed(c: Choices, x: int) -> int:
    """The number after the chosen change."""
    return CHANGED[str(c["change"])](x, int(c["m"]))


def totalled(c: Choices, b: list[int], dimension: str = "total") -> Answer:
    """The chosen total of a list, or what is printed when it is empty."""
    return TOTALLED[str(c[dimension])](b) if b else NOTHING[str(c["empty"])]


def disagreement(family: Family, reference: Reference, draws: int = 150) -> str | None:
    """The first input on which the gold program prints something else than the reference."""
    random = Random(family.name)
    for _ in range(draws):
        choices = family.choose(random)
        draft = family.write(choices, Wording(random))
        for level in (0, 1, 2, 2):
            text = draft.make_input(random, level)
            wanted = reference(choices, [line.split() for line in text.splitlines()])
            wanted = " ".join(map(str, wanted)) if isinstance(wanted, list) else str(wanted)
            if printed(draft.program, text) != wanted:
                return f"{choices} {text!r}: {printed(draft.program, text)!r} is not {wanted!r}"
    return None


def printed(program: str, text: str) -> str:
    """What a program prints on an input."""
    rows = iter(text.split("\n"))
    with redirect_stdout(io.StringIO()) as out:
        exec(compile(program, "gold", "exec"), {"input": lambda: next(rows)})
    return out.getvalue().rstrip("\n")
