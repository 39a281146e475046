<<<<<<< HEAD
"""The pocket world's words once more, as plain functions, to check gold programs against.

Knows: what conditions, changes, totals and empty cases mean.
Does not know: how the families write their programs.
=======
"""Compares gold programs of the pocket world with references written in another way.

Knows: how a family is drawn, fed and run; conditions, changes and totals, told anew.
Does not know: single families.
>>>>>>> fam1
"""

import io
from collections.abc import Callable
<<<<<<< HEAD
from functools import partial
from random import Random
from types import CodeType

from mapcoder_lite.pocket.family import Draft, Family
from mapcoder_lite.pocket.problems import FAMILIES
from mapcoder_lite.pocket.words import Choices, Wording

Reference = Callable[[Choices, str], str | None]
"""What an input is answered with; None if the input is too large to try everything."""

_CONDITIONS = {
=======
from contextlib import redirect_stdout
from random import Random

from mapcoder_lite.pocket.family import Family
from mapcoder_lite.pocket.words import Choices, Wording

Answer = int | str | list[int]

Reference = Callable[[Choices, list[list[str]]], Answer]
"""From choices and the words of each input line to what is to be printed."""

HOLDS: dict[str, Callable[[int, int], bool]] = {
>>>>>>> fam1
    "even": lambda x, k: not x & 1,
    "odd": lambda x, k: bool(x & 1),
    "positive": lambda x, k: x >= 1,
    "negative": lambda x, k: x <= -1,
<<<<<<< HEAD
    "divisible": lambda x, k: x in range(-1000 * k, 1000 * k, k),
    "not_divisible": lambda x, k: x not in range(-1000 * k, 1000 * k, k),
=======
    "divisible": lambda x, k: x == x // k * k,
    "not_divisible": lambda x, k: x != x // k * k,
>>>>>>> fam1
    "greater": lambda x, k: x >= k + 1,
    "less": lambda x, k: x <= k - 1,
    "at_least": lambda x, k: not x < k,
    "at_most": lambda x, k: not x > k,
}

<<<<<<< HEAD
_CHANGES = {
    "none": lambda x, m: x,
    "square": lambda x, m: x**2,
    "double": lambda x, m: x + x,
    "add": lambda x, m: x + m,
    "subtract": lambda x, m: x - m,
    "multiply": lambda x, m: x * m,
=======
CHANGED: dict[str, Callable[[int, int], int]] = {
    "none": lambda x, m: x,
    "square": lambda x, m: x**2,
    "double": lambda x, m: x + x,
    "add": lambda x, m: m + x,
    "subtract": lambda x, m: -m + x,
    "multiply": lambda x, m: sum([x] * m),
>>>>>>> fam1
    "absolute": lambda x, m: max(x, -x),
    "negate": lambda x, m: 0 - x,
}

<<<<<<< HEAD
_TOTALS = {
    "sum": lambda b: [sum(b)],
    "largest": lambda b: [sorted(b)[-1]],
    "smallest": lambda b: [sorted(b)[0]],
    "count": lambda b: [sum(1 for _ in b)],
    "distinct": lambda b: [len({*b})],
    "range": lambda b: [sorted(b)[-1] - sorted(b)[0]],
    "sorted": sorted,
    "descending": lambda b: sorted(b, reverse=True),
    "reversed": lambda b: list(reversed(b)),
    "two_largest": lambda b: [sum(sorted(b, reverse=True)[:2])],
    "two_smallest": lambda b: [sum(sorted(b)[:2])],
    "last": lambda b: [list(b)[len(b) - 1]],
    "first": lambda b: [next(iter(b))],
}

_EMPTY = {"zero": "0", "minus": "-1", "none": "NONE", "empty": "EMPTY"}


def holds(c: Choices, x: int) -> bool:
    """Whether the chosen condition holds for x."""
    return _CONDITIONS[c["condition"]](x, c["k"])


def changed(c: Choices, x: int) -> int:
    """X after the chosen change."""
    return _CHANGES[c["change"]](x, c["m"])


def nothing(c: Choices) -> str:
    """What is printed when nothing is left."""
    return _EMPTY[c["empty"]]


def summed(c: Choices, values: list[int]) -> str:
    """The chosen total of the values, or the chosen answer for none."""
    return " ".join(map(str, _TOTALS[c["total"]](values))) if values else nothing(c)


def numbers(text: str) -> list[list[int]]:
    """The integers of every line."""
    return [[int(part) for part in line.split()] for line in text.splitlines()]


def family_named(name: str) -> Family:
    """The family of that name."""
    return next(family for family in FAMILIES if family.name == name)


def disagreements(name: str, reference: Reference, *, draws: int = 150) -> list[str]:
    """Inputs on which a gold program and the reference differ, each with both answers.

    Raises:
        AssertionError: too few inputs were small enough for the reference.
    """
    random = Random(f"reference/{name}")
    family, found, tried = family_named(name), [], 0
    for _ in range(draws):
        choices = family.choose(random)
        draft: Draft = family.write(choices, Wording(random))
        gold = compile(draft.program, name, "exec")
        for level in (0, 0, 1, 2, 2):
            text = draft.make_input(random, level)
            expected = reference(choices, text)
            if expected is None:
                continue
            tried += 1
            printed = _printed(gold, text)
            if printed != expected:
                found.append(f"{choices}\n{text}gold {printed}, reference {expected}")
    assert tried >= 2 * draws
    return found


def mistakes_no_plan_shows(name: str, *, draws: int = 60) -> list[Choices]:
    """Single mistakes that change a program but not its plan; there must be none."""
    random = Random(f"plans/{name}")
    family, found = family_named(name), []
    for _ in range(draws):
        choices = family.choose(random)
        plan = family.write(choices, Wording(Random(0))).plan
        found += [
            wrong
            for wrong in family.mistakes(choices)
            if family.write(wrong, Wording(Random(0))).plan == plan
        ]
    return found


def _printed(gold: CodeType, text: str) -> str:
    """What a program prints on an input, its words one space apart."""
    rows, printed = iter(text.splitlines()), io.StringIO()
    exec(gold, {"input": lambda: next(rows), "print": partial(print, file=printed)})
    return " ".join(printed.getvalue().split())
=======
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
>>>>>>> fam1
