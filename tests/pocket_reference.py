"""The pocket world's words once more, as plain functions, to check gold programs against.

Knows: what conditions, changes, totals and empty cases mean.
Does not know: how the families write their programs.
"""

import io
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from types import CodeType

from mapcoder_lite.pocket.family import Draft, Family
from mapcoder_lite.pocket.problems import FAMILIES
from mapcoder_lite.pocket.words import Choices, Wording

Answer = int | str | Sequence[object]
"""What is printed; a sequence's items stand one space apart."""

Reference = Callable[[Choices, str], Answer | None]
"""What an input is answered with; None if the input is too large to try everything."""

_CONDITIONS = {
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

_CHANGES = {
    "none": lambda x, m: x,
    "square": lambda x, m: x**2,
    "double": lambda x, m: x + x,
    "add": lambda x, m: x + m,
    "subtract": lambda x, m: x - m,
    "multiply": lambda x, m: x * m,
    "absolute": lambda x, m: max(x, -x),
    "negate": lambda x, m: 0 - x,
}

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
    "all": list,
    "number": lambda b: [len(b)],
}

_EMPTY = {"zero": "0", "minus": "-1", "none": "NONE", "empty": "EMPTY"}


def holds(c: Choices, x: int, *, condition: str = "condition", k: str = "k") -> bool:
    """Whether the chosen condition holds for x."""
    return _CONDITIONS[c[condition]](x, c[k])


def kept(c: Choices, values: list[int], *, condition: str = "condition", k: str = "k") -> list[int]:
    """The values for which the chosen condition holds."""
    return [x for x in values if holds(c, x, condition=condition, k=k)]


def changed(c: Choices, x: int) -> int:
    """X after the chosen change."""
    return _CHANGES[c["change"]](x, c["m"])


def nothing(c: Choices) -> str:
    """What is printed when nothing is left."""
    return _EMPTY[c["empty"]]


def totalled(c: Choices, values: list[int], dimension: str = "total") -> str:
    """The chosen total of the values, or the chosen answer for none."""
    return _printed_words(_TOTALS[c[dimension]](values)) if values else nothing(c)


def integers(line: str) -> list[int]:
    """The integers of a line."""
    return [int(word) for word in line.split()]


def numbers(text: str) -> list[list[int]]:
    """The integers of every line."""
    return [integers(line) for line in text.splitlines()]


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
            right = _printed_words(expected)
            if printed != right:
                found.append(f"{choices}\n{text}gold {printed}, reference {right}")
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


def _printed_words(answer: Answer) -> str:
    if isinstance(answer, int | str):
        return str(answer)
    return " ".join(map(str, answer))


def _printed(gold: CodeType, text: str) -> str:
    """What a program prints on an input, its words one space apart."""
    rows, printed = iter(text.splitlines()), io.StringIO()
    exec(gold, {"input": lambda: next(rows), "print": partial(print, file=printed)})
    return " ".join(printed.getvalue().split())
