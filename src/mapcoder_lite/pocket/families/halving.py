"""Families that halve a range: search for an answer, search in a sorted list.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from random import Random

from mapcoder_lite.pocket.family import (
    Draft,
    Family,
    lines,
    lines_unless_empty,
    steps_unless_empty,
)
from mapcoder_lite.pocket.words import (
    CONDITIONS,
    CONSTANT,
    EMPTY,
    NATURAL_CONDITIONS,
    READ,
    Choices,
    Wording,
    condition,
    empty,
    intro,
    total,
)

MEASURES = {
    "made": ("r divided by x, rounded down", "r // x", ">"),
    "hours": ("x divided by r, rounded up", "(x + r - 1) // r", "<"),
    "pieces": ("x divided by r, rounded down", "x // r", "<"),
    "cut": ("what x exceeds r by, or 0", "max(x - r, 0)", "<"),
    "filled": ("what r exceeds x by, or 0", "max(r - x, 0)", ">"),
    "capped": ("the smaller one of r and x", "min(r, x)", ">"),
    "raised": ("the larger one of r and x", "max(r, x)", ">"),
    "starts": ("r divided by x, rounded up", "(r + x - 1) // x", ">"),
}
"""Name to (words, expression, sign of the comparison with t for which large r are right)."""

TOP = 100
"""The largest r that is tried."""

BOUNDS = {"weak": "=", "strict": ""}
LIMITS = {">=": "at least t", ">": "more than t", "<=": "at most t", "<": "less than t"}
FOUND = {
    "it": ("it", "p"),
    "square": ("its square", "p * p"),
    "before": ("the number before it", "p - 1"),
    "modulo": ("it modulo {m}", "p % {m}"),
}


def _answer_search(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    measure, value, sign = MEASURES[str(c["measure"])]
    sign += BOUNDS[str(c["bound"])]
    limit = LIMITS[sign]
    asked, printed = (part.format(m=c["m"]) for part in FOUND[str(c["found"])])
    otherwise, nothing = empty(c)
    count = w.pick(
        f"For an integer r every x among them that is {words} counts as {measure}.",
        f"Let r be an integer. Each x of the list that is {words} gives {measure}.",
    )
    find = w.pick(
        f"Find the smallest r from 1 to {TOP} for which the sum is {limit}",
        f"Look for the smallest r from 1 to {TOP} such that the sum is {limit}",
        f"Take the smallest r from 1 to {TOP} that makes the sum {limit}",
    )
    if_none = w.pick(f"If there is none, {otherwise}.", f"If no r will do, {otherwise}.")
    return Draft(
        statement=f"{intro(w)} All are positive. There is also an integer t. {count} {find} and print {asked}. {if_none}",
        input_spec="The first line contains n and t. The second line contains n integers.",
        output_spec="Print the answer on one line.",
        recall=f"Each x that is {words} counts as {measure}; find the smallest r with a sum {limit} and print {asked}.",
        plan=(
            "Read n, t and the list a.",
            f"Let p be 1 and q be {TOP} + 1.",
            "While p < q let r be (p + q) // 2.",
            f"If sum({value} for x in a if {keep}) {sign} t set q to r, else set p to r + 1.",
            f"If p > {TOP} print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            "n, t = map(int, input().split())",
            READ[1],
            f"p, q = 1, {TOP} + 1",
            "while p < q:",
            "    r = (p + q) // 2",
            f"    if sum({value} for x in a if {keep}) {sign} t:",
            "        q = r",
            "    else:",
            "        p = r + 1",
            f"if p > {TOP}:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=_workload,
    )


def _workload(random: Random, level: int) -> str:
    n = {0: random.randint(2, 5), 1: random.randint(1, 20), 2: random.choice([1, 1, 2, 40])}[level]
    high = random.choice([3, 12, 60, 400])
    a = [random.randint(1, high) for _ in range(n)]
    usual = [random.randint(1, 8), random.randint(1, 2 * n), random.randint(1, sum(a))]
    t = random.choice([*usual, 1, 10**5] if level == 2 else usual)
    return f"{n} {t}\n{' '.join(map(str, a))}\n"


PLACES = {
    "at_least": ("the smallest number at least x", "bisect_left(a, x)"),
    "greater": ("the smallest number greater than x", "bisect_right(a, x)"),
    "less": ("the largest number less than x", "bisect_left(a, x) - 1"),
    "at_most": ("the largest number at most x", "bisect_right(a, x) - 1"),
}


PLACE_VALUES = {
    "number": ("it", "a[i]"),
    "distance": ("its distance from x", "abs(a[i] - x)"),
    "sum": ("its sum with x", "a[i] + x"),
    "product": ("its product with x", "a[i] * x"),
}


def _closest(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    place, code = PLACES[str(c["place"])]
    value, result = PLACE_VALUES[str(c["value"])]
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    kept = w.pick(
        f"Keep only the numbers that are {words} and sort them.",
        f"Remove all numbers but those that are {words}; sort the rest.",
    )
    take = w.pick(
        f"There are q questions, each an integer x: find {place} and take {value}.",
        f"For each of q integers x look for {place} and take {value}.",
    )
    skip = w.pick("Skip x if there is none.", "If there is none, x gives nothing.")
    ask = w.pick(f"Print {asked}.", f"Output {asked}.", f"Of the results print {asked}.")
    return Draft(
        statement=f"{intro(w)} {kept} {take} {skip} {ask} If there is no result at all, {otherwise}.",
        input_spec="The first line contains n and q, the second line n integers, the third line q integers.",
        output_spec="Print the answer on one line.",
        recall=f"Among the numbers that are {words} find for each x {place}, take {value} and print {asked}.",
        plan=(
            "Read n, q, the list a and the list c.",
            f"Let a be x for each x in sorted(a) with {keep}.",
            f"For each x in c let i be {code}.",
            f"If 0 <= i < len(a) append {result} to b.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "from bisect import bisect_left, bisect_right",
            "n, q = map(int, input().split())",
            READ[1],
            "c = list(map(int, input().split()))",
            f"a = [x for x in sorted(a) if {keep}]",
            "b = []",
            "for x in c:",
            f"    i = {code}",
            "    if 0 <= i < len(a):",
            f"        b.append({result})",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_numbers_and_questions,
    )


def _numbers_and_questions(random: Random, level: int) -> str:
    n, q = {
        0: (random.randint(3, 6), random.randint(2, 3)),
        1: (random.randint(2, 30), random.randint(2, 10)),
        2: random.choice([(1, 1), (2, 2), (38, 20)]),
    }[level]
    low, high = random.choice([(-5, 8), (0, 12), (-20, 40), (-9, -1)])
    numbers = [[random.randint(low, high) for _ in range(size)] for size in (n, q)]
    return f"{n} {q}\n" + "\n".join(" ".join(map(str, row)) for row in numbers) + "\n"


FAMILIES = (
    Family(
        "answer_search",
        "Smallest Number That Will Do",
        "binary search on the answer: halve the range of r as long as it has two numbers",
        ("binary search",),
        1700,
        {
            "condition": NATURAL_CONDITIONS,
            "measure": tuple(MEASURES),
            "bound": tuple(BOUNDS),
            "found": tuple(FOUND),
            "empty": tuple(EMPTY),
            "k": (2, 3, 4, 5),
            "m": CONSTANT,
        },
        _answer_search,
    ),
    Family(
        "closest",
        "Next in Order",
        "bisection: find the place of each x in the sorted list and look at the number there",
        ("binary search", "sortings"),
        1500,
        {
            "condition": tuple(CONDITIONS),
            "place": tuple(PLACES),
            "value": tuple(PLACE_VALUES),
            "total": (
                "sum",
                "largest",
                "smallest",
                "descending",
                "distinct",
                "last",
                "first",
                "range",
            ),
            "empty": tuple(EMPTY),
            "k": (2, 3, 4, 5),
        },
        _closest,
    ),
)
