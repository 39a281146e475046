"""Families that sweep over a list: two pointers, prefix sums of ranges, difference arrays.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from random import Random

from mapcoder_lite.pocket.family import (
    Draft,
    Family,
    lines,
)
from mapcoder_lite.pocket.words import (
    CHANGES,
    CONDITIONS,
    CONSTANT,
    READ,
    Choices,
    Wording,
    change,
    condition,
    intro,
)

READ_TARGET = ("n, t = map(int, input().split())", READ[1])

TARGET_SPEC = (
    "The first line contains n and t. The second line contains n integers.",
    "The first line has the integers n and t, the second line has n integers.",
)

READ_RANGES = "n, q = map(int, input().split())"

STRETCH_MEASURES = {
    "absolute": ("the sum of the absolute values", "sum(map(abs, {c}))"),
    "square": ("the sum of the squares", "sum(x * x for x in {c})"),
    "spread": ("the difference between the largest and the smallest number", "max({c}) - min({c})"),
    "distinct": ("the number of different values", "len(set({c}))"),
    "repeated": (
        "the length minus the number of different values",
        "len({c}) - len(set({c}))",
    ),
    "peak": ("the largest absolute value", "max(map(abs, {c}))"),
    "even": ("the number of even numbers", "len([x for x in {c} if x % 2 == 0])"),
    "odd": ("the number of odd numbers", "len([x for x in {c} if x % 2 != 0])"),
    "positive": ("the number of positive numbers", "len([x for x in {c} if x > 0])"),
    "negative": ("the number of negative numbers", "len([x for x in {c} if x < 0])"),
    "divisible": ("the number of multiples of {k}", "len([x for x in {c} if x % {k} == 0])"),
}

STRETCH_GOALS = {
    "longest": ("the length of the longest good block", "max(b)"),
    "number": ("the number of good blocks", "sum(b)"),
    "lengths": (
        "how many different lengths the longest good blocks that end at the n positions have",
        "len(set(b))",
    ),
    "end": (
        "the first position, counted from 1, at which a longest good block ends, or 1 if no block is good",
        "b.index(max(b)) + 1",
    ),
    "all": ("for every position the length of the longest good block that ends there", "*b"),
    "last": ("the length of the longest good block that ends at the last position", "b[-1]"),
    "single": (
        "at how many positions the longest good block that ends there has length 1",
        "b.count(1)",
    ),
}


def _stretch(c: Choices, w: Wording) -> Draft:
    words, measure = (
        part.format(k=c["k"], c="a[i:j + 1]") for part in STRETCH_MEASURES[str(c["measure"])]
    )
    asked, printed = STRETCH_GOALS[str(c["goal"])]
    good = w.pick(
        f"A block of consecutive numbers is good if {words} in it is at most t.",
        f"Call a block of consecutive numbers good when t is not less than {words} in it.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{intro(w)} There is also an integer t. {good} {ask} An empty block has length 0 and is not counted.",
        input_spec=w.pick(*TARGET_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"A block is good if {words} in it is at most t: print {asked}.",
        plan=(
            "Read n, t and the list a.",
            "Let i be 0 and move j from 0 to n - 1.",
            f"While i <= j and {measure} > t do i += 1.",
            "Append j - i + 1 to b.",
            f"Print {printed}.",
        ),
        program=lines(
            *READ_TARGET,
            "b = []",
            "i = 0",
            "for j in range(n):",
            f"    while i <= j and {measure} > t:",
            "        i += 1",
            "    b.append(j - i + 1)",
            f"print({printed})",
        ),
        make_input=lambda random, level: _with_limit(random, level, str(c["measure"])),
    )


def _with_limit(random: Random, level: int, measure: str) -> str:
    n = {0: random.randint(4, 7), 1: random.randint(3, 30), 2: random.choice([1, 2, 5, 40])}[level]
    high = random.choice([3, 6, 12])
    values = [random.randint(-high, high) for _ in range(n)]
    limit = {
        "absolute": random.randint(0, 3 * high),
        "square": random.randint(0, 2 * high * high),
        "spread": random.randint(0, high + 2),
        "peak": random.randint(0, high),
    }.get(measure, random.randint(1 if level == 0 else 0, 3))
    return f"{n} {limit}\n{' '.join(map(str, values))}\n"


RANGE_VALUES = {
    "count": (
        "the answer is how many of the numbers from position l to position r are {words}",
        "({keep})",
    ),
    "sum": (
        "the answer is the sum of the numbers from position l to position r that are {words}",
        "x * ({keep})",
    ),
    "square": (
        "the answer is the sum of the squares of the numbers from position l to position r that are {words}",
        "x * x * ({keep})",
    ),
}

RANGE_GOALS = {
    "all": ("the answers in order", "*b"),
    "sum": ("the sum of the answers", "sum(b)"),
    "largest": ("the largest answer", "max(b)"),
    "smallest": ("the smallest answer", "min(b)"),
    "distinct": ("how many different answers there are", "len(set(b))"),
    "best": (
        "the number of the first question, counted from 1, with the largest answer",
        "b.index(max(b)) + 1",
    ),
}


def _range_queries(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    told, value = (part.format(words=words, keep=keep) for part in RANGE_VALUES[str(c["value"])])
    asked, printed = RANGE_GOALS[str(c["goal"])]
    questions = w.pick(
        f"There are q questions with two positions l and r: {told}.",
        f"Then follow q questions. For a question l, r {told}.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{intro(w)} {questions} {ask}",
        input_spec="The first line contains n and q, the second line n integers. Then follow q lines with l and r, positions counted from 1.",
        output_spec="Print the answer on one line.",
        recall=f"For a question l, r {told}. Print {asked}.",
        plan=(
            "Read n, q and the list a.",
            f"Let p start with 0 and for each x in a append p[-1] + {value} to p.",
            "For each question l, r append p[r] - p[l - 1] to b.",
            f"Print {printed}.",
        ),
        program=lines(
            READ_RANGES,
            READ[1],
            "p = [0]",
            "for x in a:",
            f"    p.append(p[-1] + {value})",
            "b = []",
            "for _ in range(q):",
            "    l, r = map(int, input().split())",
            "    b.append(p[r] - p[l - 1])",
            f"print({printed})",
        ),
        make_input=_with_ranges,
    )


def _with_ranges(random: Random, level: int) -> str:
    n = {0: random.randint(4, 7), 1: random.randint(3, 25), 2: random.choice([1, 2, 3, 30])}[level]
    q = {0: random.randint(2, 3), 1: random.randint(2, 8), 2: random.choice([1, 2, 9])}[level]
    low, high = random.choice([(-5, 12), (-9, -1), (1, 12), (-12, 12)])
    rows = [" ".join(str(random.randint(low, high)) for _ in range(n))]
    rows += [f"{left} {right}" for left, right in (_range(random, n) for _ in range(q))]
    return f"{n} {q}\n" + "\n".join(rows) + "\n"


def _range(random: Random, n: int) -> tuple[int, int]:
    left, right = sorted((random.randint(1, n), random.randint(1, n)))
    return left, right


DIFFERENCE_GOALS = {
    "largest": ("the largest number at the end", "max(b)"),
    "smallest": ("the smallest number at the end", "min(b)"),
    "all": ("all numbers at the end in their order", "*b"),
    "distinct": ("how many different numbers there are at the end", "len(set(b))"),
    "best": (
        "the first position, counted from 1, of the largest number at the end",
        "b.index(max(b)) + 1",
    ),
    "even": ("how many numbers at the end are even", "len([x for x in b if x % 2 == 0])"),
    "positive": ("how many numbers at the end are positive", "len([x for x in b if x > 0])"),
    "negative": ("how many numbers at the end are negative", "len([x for x in b if x < 0])"),
    "zero": ("how many numbers at the end are 0", "b.count(0)"),
}

DIFFERENCE_ENDS = {
    "range": ("the numbers from position l to position r", "d[r]"),
    "before": ("the numbers from position l to position r - 1", "d[r - 1]"),
}


def _difference(c: Choices, w: Wording) -> Draft:
    changed, value = change(c)
    asked, printed = DIFFERENCE_GOALS[str(c["goal"])]
    part, end = DIFFERENCE_ENDS[str(c["end"])]
    first = f"First x is {changed}, then it" if changed else "The number x"
    start = w.pick(
        "There are n numbers, all 0 at the start.", "A list holds n zeros.", "You have n zeros."
    )
    act = w.pick("There are q operations with l, r and x.", "Then come q operations l, r, x.")
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{start} {act} {first} is added to {part}. {ask}",
        input_spec=w.pick(
            "The first line contains n and q. Then follow q lines with l, r and x; positions count from 1.",
            "The first line has n and q. Each of the next q lines has l, r and x; the first position is 1.",
        ),
        output_spec="Print the answer on one line.",
        recall=f"Operations add x{f', {changed},' if changed else ''} to {part}: print {asked}.",
        plan=(
            "Read n and q and let d be n + 1 zeros.",
            f"For each operation l, r, x add {value} to d[l - 1] and subtract it from {end}.",
            "For each x in d[:n] add x to p and append p to b.",
            f"Print {printed}.",
        ),
        program=lines(
            READ_RANGES,
            "d = [0] * (n + 1)",
            "for _ in range(q):",
            "    l, r, x = map(int, input().split())",
            f"    d[l - 1] += {value}",
            f"    {end} -= {value}",
            "b = []",
            "p = 0",
            "for x in d[:n]:",
            "    p += x",
            "    b.append(p)",
            f"print({printed})",
        ),
        make_input=_operations,
    )


def _operations(random: Random, level: int) -> str:
    n = {0: random.randint(4, 6), 1: random.randint(3, 15), 2: random.choice([1, 2, 20])}[level]
    q = {0: random.randint(2, 3), 1: random.randint(2, 10), 2: random.choice([1, 2, 15])}[level]
    low, high = random.choice([(-5, 9), (-9, -1), (1, 9), (-9, 9)])
    rows = [
        f"{left} {right} {random.randint(low, high)}"
        for left, right in (_range(random, n) for _ in range(q))
    ]
    return f"{n} {q}\n" + "\n".join(rows) + "\n"


FAMILIES = (
    Family(
        "stretch",
        "Good Blocks",
        "two pointers: move the right end on and the left end after it while the block is bad",
        ("two pointers",),
        1500,
        {"measure": tuple(STRETCH_MEASURES), "goal": tuple(STRETCH_GOALS), "k": CONSTANT},
        _stretch,
    ),
    Family(
        "range_queries",
        "Questions about Ranges",
        "prefix sums of ranges: the answer from l to r is the difference of two prefix sums",
        ("prefix sums", "data structures"),
        1200,
        {
            "condition": tuple(CONDITIONS),
            "value": tuple(RANGE_VALUES),
            "goal": tuple(RANGE_GOALS),
            "k": CONSTANT,
        },
        _range_queries,
    ),
    Family(
        "difference",
        "Adding to Ranges",
        "difference array: note each change where a range begins and ends, then sum up",
        ("difference array", "data structures"),
        1400,
        {
            "change": tuple(CHANGES),
            "end": tuple(DIFFERENCE_ENDS),
            "goal": tuple(DIFFERENCE_GOALS),
            "m": CONSTANT,
        },
        _difference,
    ),
)
