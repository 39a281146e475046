"""The building blocks that pocket's problem families share: conditions, changes, totals.

Knows: for every block its words in a statement and its expression in plan and program.
Does not know: families, problems, tests.
"""

from dataclasses import dataclass, field
from random import Random

Choices = dict[str, str | int]
"""One option for every dimension of a family; integers are constants of the problem."""

LETTERS = "abcdefghij"


@dataclass(slots=True)
class Wording:
    """Draws wordings and remembers which, so that tests can use combinations never trained on."""

    random: Random
    picked: list[int] = field(default_factory=list[int])

    def pick(self, *variants: str) -> str:
        """Return one of the variants."""
        index = self.random.randrange(len(variants))
        self.picked.append(index)
        return variants[index]


CONDITIONS: dict[str, tuple[str, str]] = {
    "even": ("even", "x % 2 == 0"),
    "odd": ("odd", "x % 2 != 0"),
    "positive": ("positive", "x > 0"),
    "negative": ("negative", "x < 0"),
    "divisible": ("divisible by {k}", "x % {k} == 0"),
    "not_divisible": ("not divisible by {k}", "x % {k} != 0"),
    "greater": ("greater than {k}", "x > {k}"),
    "less": ("less than {k}", "x < {k}"),
    "at_least": ("at least {k}", "x >= {k}"),
    "at_most": ("at most {k}", "x <= {k}"),
}
"""Name to (words after "is", expression of x); {k} is the problem's constant."""

NATURAL_CONDITIONS = tuple(name for name in CONDITIONS if name not in ("positive", "negative"))
"""Those that tell positive numbers apart."""

CHANGES: dict[str, tuple[str, str]] = {
    "none": ("", "x"),
    "square": ("squared", "x * x"),
    "double": ("doubled", "2 * x"),
    "add": ("increased by {m}", "x + {m}"),
    "subtract": ("reduced by {m}", "x - {m}"),
    "multiply": ("multiplied by {m}", "{m} * x"),
    "absolute": ("replaced by its absolute value", "abs(x)"),
    "negate": ("negated", "-x"),
}
"""Name to (words after "is", expression of x); {m} is the problem's constant."""

TOTALS: dict[str, tuple[str, str]] = {
    "sum": ("their sum", "sum(b)"),
    "largest": ("the largest of them", "max(b)"),
    "smallest": ("the smallest of them", "min(b)"),
    "count": ("how many there are", "len(b)"),
    "distinct": ("how many different values there are", "len(set(b))"),
    "range": ("the difference between the largest and the smallest of them", "max(b) - min(b)"),
    "sorted": ("them in increasing order", "*sorted(b)"),
    "descending": ("them in decreasing order", "*sorted(b)[::-1]"),
    "reversed": ("them in reverse order", "*b[::-1]"),
    "two_largest": ("the sum of the two largest of them", "sum(sorted(b)[-2:])"),
    "two_smallest": ("the sum of the two smallest of them", "sum(sorted(b)[:2])"),
    "last": ("the last of them", "b[-1]"),
    "first": ("the first of them", "b[0]"),
}
"""Name to (words after "print", what is printed of the list b)."""

EMPTY: dict[str, tuple[str, str]] = {
    "zero": ("print 0", "0"),
    "minus": ("print -1", "-1"),
    "none": ("print NONE", '"NONE"'),
    "empty": ("print EMPTY", '"EMPTY"'),
}
"""Name to (words, printed expression) for the case that nothing is left."""

LIST_SPEC = (
    "The first line contains n. The second line contains n integers.",
    "The first line has the integer n, the second line has n integers.",
)

CONSTANT = tuple(range(2, 10))
"""Values of a problem's constant."""

READ = ("n = int(input())", "a = list(map(int, input().split()))")
READ_STEP = "Read n and the list a."
ONE_INTEGER = "Print one integer."
SOME_TOTALS = ("sum", "largest", "smallest", "count", "sorted", "last")


def condition(c: Choices, name: str = "condition") -> tuple[str, str]:
    """Words and expression of a chosen condition, constants filled in."""
    return _fill(CONDITIONS, c, name)


def change(c: Choices, name: str = "change") -> tuple[str, str]:
    """Words and expression of a chosen change, constants filled in."""
    return _fill(CHANGES, c, name)


def total(c: Choices) -> tuple[str, str]:
    """Words and expression of the chosen total."""
    return TOTALS[str(c["total"])]


def empty(c: Choices) -> tuple[str, str]:
    """Words and expression of what is printed when nothing is left."""
    return EMPTY[str(c["empty"])]


def intro(w: Wording) -> str:
    """An opening sentence for a list of integers."""
    return w.pick(
        "You are given n integers.",
        "Alice wrote n integers on a board.",
        "A sensor recorded n integers.",
        "Bob has a list of n integers.",
        "There are n integers in a row.",
    )


def integers(random: Random, level: int, *, at_least: int = 1) -> str:
    """An input of n and n integers; level 0 is small, 1 typical, 2 an edge case."""
    if level == 0:
        n, low, high = random.randint(max(3, at_least), 6), -9, 15
    elif level == 1:
        n, low, high = random.randint(at_least, 40), -50, 60
    else:
        n = random.choice([at_least, at_least, at_least + 1, 60])
        low, high = random.choice([(-20, -1), (1, 20), (-3, 3), (0, 1), (-100, 100)])
    return f"{n}\n{' '.join(str(random.randint(low, high)) for _ in range(n))}\n"


def _fill(table: dict[str, tuple[str, str]], c: Choices, name: str) -> tuple[str, str]:
    words, expression = table[str(c[name])]
    constants = {key: value for key, value in c.items() if isinstance(value, int)}
    return words.format(**constants), expression.format(**constants)
