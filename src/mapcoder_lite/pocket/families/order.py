"""Families about order and number: sorting, counting, searching.

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
    EMPTY,
    LIST_SPEC,
    READ,
    READ_STEP,
    Choices,
    Wording,
    empty,
    integers,
    intro,
    total,
)

SORT_KEYS = {
    "increasing": ("in increasing order", "sorted(a)"),
    "decreasing": ("in decreasing order", "sorted(a)[::-1]"),
    "absolute": ("by absolute value, equal ones by value", "sorted(a, key=lambda x: (abs(x), x))"),
    "digit": (
        "by the last digit, equal ones by value",
        "sorted(a, key=lambda x: (abs(x) % 10, x))",
    ),
    "parity": (
        "with the even ones first, each half in increasing order",
        "sorted(a, key=lambda x: (x % 2, x))",
    ),
}


SORT_GOALS = {
    "all": ("all of them", "*b"),
    "first": ("the first {k} of them, or all if there are fewer", "*b[:{k}]"),
    "last": ("the last {k} of them, or all if there are fewer", "*b[-{k}:]"),
    "second": ("every second one, from the first on", "*b[::2]"),
    "middle": ("the middle one, the left one of two", "b[(n - 1) // 2]"),
}


def _sorting(c: Choices, w: Wording) -> Draft:
    order, code = SORT_KEYS[str(c["order"])]
    asked, printed = (part.format(k=c["k"]) for part in SORT_GOALS[str(c["goal"])])
    sort = w.pick(
        f"Sort the numbers {order}.",
        f"The numbers are put {order}."
        if order.startswith("in")
        else f"The numbers are sorted {order}.",
    )
    ask = w.pick(f"Print {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{intro(w)} {sort} {ask}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Sort the numbers {order} and print {asked}.",
        plan=(READ_STEP, f"Let b be {code}.", f"Print {printed}."),
        program=lines(*READ, f"b = {code}", f"print({printed})"),
        make_input=integers,
    )


FREQUENCIES = {
    "exactly": ("exactly {m} times", "a.count(x) == {m}"),
    "at_least": ("at least {m} times", "a.count(x) >= {m}"),
    "less": ("fewer than {m} times", "a.count(x) < {m}"),
    "once": ("exactly once", "a.count(x) == 1"),
    "repeated": ("more than once", "a.count(x) > 1"),
}


UNORDERED_TOTALS = (
    "sum",
    "largest",
    "smallest",
    "count",
    "range",
    "sorted",
    "descending",
    "two_largest",
)


def _counting(c: Choices, w: Wording) -> Draft:
    words, keep = (part.format(m=c["m"]) for part in FREQUENCIES[str(c["frequency"])])
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    take = w.pick(
        f"Take the different values that appear {words}.",
        f"Some values appear {words}; take each of them one time.",
    )
    ask = w.pick(f"Print {asked}.", f"Output {asked}.", f"Find {asked}.")
    if_none = w.pick(f"If there are none, {otherwise}.", f"If there is no such value, {otherwise}.")
    return Draft(
        statement=f"{intro(w)} {take} {ask} {if_none}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Take the values that appear {words} and print {asked}.",
        plan=(
            READ_STEP,
            f"Let b be x for each x in set(a) with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            *READ,
            f"b = [x for x in set(a) if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_repeating,
    )


def _repeating(random: Random, level: int) -> str:
    n = random.randint(4, 8) if level == 0 else random.randint(1, 30)
    high = (n + 1) // 2 if level < 2 else random.choice([1, 2, 30])
    return f"{n}\n{' '.join(str(random.randint(1, max(1, high))) for _ in range(n))}\n"


SEARCHES = {
    "less": ("less than x", "bisect_left(a, x)"),
    "at_most": ("at most x", "bisect_right(a, x)"),
    "greater": ("greater than x", "n - bisect_right(a, x)"),
    "at_least": ("at least x", "n - bisect_left(a, x)"),
    "equal": ("equal to x", "bisect_right(a, x) - bisect_left(a, x)"),
}


SEARCH_GOALS = {
    "all": ("Print the answers in order.", "*b"),
    "sum": ("Print the sum of the answers.", "sum(b)"),
    "largest": ("Print the largest answer.", "max(b)"),
    "smallest": ("Print the smallest answer.", "min(b)"),
    "zero": ("Print how many answers are 0.", "b.count(0)"),
}


def _search(c: Choices, w: Wording) -> Draft:
    words, code = SEARCHES[str(c["relation"])]
    asked, printed = SEARCH_GOALS[str(c["goal"])]
    return Draft(
        statement=f"{intro(w)} There are q questions, each an integer x. {w.pick(f'The answer is how many of the n integers are {words}.', f'For each x count the integers that are {words}.')} {asked}",
        input_spec="The first line contains n and q, the second line n integers, the third line q integers.",
        output_spec="Print the answer on one line.",
        recall=f"For each question x count the integers {words}. {asked}",
        plan=(
            "Read n, q, the list a and the list c.",
            "Sort a.",
            f"Let b be {code} for each x in c.",
            f"Print {printed}.",
        ),
        program=lines(
            "from bisect import bisect_left, bisect_right",
            "n, q = map(int, input().split())",
            "a = sorted(map(int, input().split()))",
            "c = list(map(int, input().split()))",
            f"b = [{code} for x in c]",
            f"print({printed})",
        ),
        make_input=_questions,
    )


def _questions(random: Random, level: int) -> str:
    n, q = {
        0: (random.randint(3, 5), random.randint(2, 3)),
        1: (random.randint(1, 30), random.randint(1, 10)),
        2: (1, 1),
    }[level]
    high = random.choice([4, 12, 40])
    numbers = [[random.randint(-2, high) for _ in range(size)] for size in (n, q)]
    return f"{n} {q}\n" + "\n".join(" ".join(map(str, row)) for row in numbers) + "\n"


FAMILIES = (
    Family(
        "sorting",
        "In Order",
        "sorting: sort by a key and print a part of the order",
        ("sortings",),
        900,
        {"order": tuple(SORT_KEYS), "goal": tuple(SORT_GOALS), "k": (2, 3, 4)},
        _sorting,
    ),
    Family(
        "counting",
        "How Often",
        "counting: count how often each value appears and keep some values",
        ("hashing",),
        1000,
        {
            "frequency": tuple(FREQUENCIES),
            "total": UNORDERED_TOTALS,
            "empty": tuple(EMPTY),
            "m": (2, 3),
        },
        _counting,
    ),
    Family(
        "search",
        "Questions",
        "binary search: sort the list and find each position by bisection",
        ("binary search",),
        1300,
        {"relation": tuple(SEARCHES), "goal": tuple(SEARCH_GOALS)},
        _search,
    ),
)
