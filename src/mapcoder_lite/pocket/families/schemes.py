"""Families of greedy schemes and of order: pairing from both ends, heaps, several keys.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from random import Random

from mapcoder_lite.pocket.families.sweeps import READ_TARGET, TARGET_SPEC
from mapcoder_lite.pocket.family import (
    Draft,
    Family,
    lines,
    lines_unless_empty,
    steps_unless_empty,
)
from mapcoder_lite.pocket.words import (
    CONSTANT,
    EMPTY,
    LIST_SPEC,
    READ,
    READ_STEP,
    Choices,
    Wording,
    empty,
    intro,
)

END_TESTS = {
    "sum_at_most": ("x + y is at most t", "x + y <= t"),
    "sum_at_least": ("x + y is at least t", "x + y >= t"),
    "difference_at_most": ("y - x is at most t", "y - x <= t"),
    "difference_at_least": ("y - x is at least t", "y - x >= t"),
    "product_at_most": ("x * y is at most t", "x * y <= t"),
    "sum_even": ("x + y + t is even", "(x + y + t) % 2 == 0"),
    "double": ("y is at most 2 * x + t", "y <= 2 * x + t"),
}

END_GOALS = {
    "number": ("the number of pairs", "{pair}", "len(b)"),
    "sum": ("the sum of all numbers in pairs", "{pair}", "sum(b)"),
    "largest": ("the largest sum of a pair", "{pair}", "max(b)"),
    "smallest": ("the smallest sum of a pair", "{pair}", "min(b)"),
    "distances": ("the sum of the differences y - x of all pairs", "y - x", "sum(b)"),
    "distance": ("the largest difference y - x of a pair", "y - x", "max(b)"),
    "all": ("the sums of the pairs in the order in which they are removed", "{pair}", "*b"),
}

END_MOVES = {"larger": ("y", "j -= 1"), "smaller": ("x", "i += 1")}


def _two_ends(c: Choices, w: Wording) -> Draft:
    words, test = END_TESTS[str(c["test"])]
    asked, value, printed = (part.format(pair="x + y") for part in END_GOALS[str(c["goal"])])
    alone, move = END_MOVES[str(c["move"])]
    otherwise, nothing = empty(c)
    rule = w.pick(
        f"While two numbers are left, look at the smallest x and the largest y. If {words}, both are removed as a pair, else only {alone} is removed.",
        f"As long as at least two numbers are left, let x be the smallest and y the largest. If {words}, remove them as a pair, otherwise remove only {alone}.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    if_none = w.pick(f"If there is no pair, {otherwise}.", f"If no pair was removed, {otherwise}.")
    return Draft(
        statement=f"{intro(w)} There is also an integer t. {rule} {ask} {if_none}",
        input_spec=w.pick(*TARGET_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Remove the smallest x and the largest y as a pair if {words}, else only {alone}, and print {asked}.",
        plan=(
            "Read n, t and the sorted list a.",
            "While i < j let x be a[i] and y be a[j].",
            f"If {test} append {value} to b and move both i and j.",
            f"Else do {move}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            READ_TARGET[0],
            "a = sorted(map(int, input().split()))",
            "b = []",
            "i, j = 0, n - 1",
            "while i < j:",
            "    x, y = a[i], a[j]",
            f"    if {test}:",
            f"        b.append({value})",
            "        i, j = i + 1, j - 1",
            "    else:",
            f"        {move}",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=lambda random, level: _with_bound(random, level, str(c["test"])),
    )


def _with_bound(random: Random, level: int, test: str) -> str:
    n = {0: random.randint(5, 8), 1: random.randint(3, 25), 2: random.choice([1, 2, 3, 40])}[level]
    high = random.choice([6, 15, 30])
    values = [random.randint(-2, high) for _ in range(n)]
    bound = random.randint(high // 2, 3 * high // 2)
    if test in ("difference_at_most", "difference_at_least", "double"):
        bound = random.randint(1, high // 2 + 2)
    if test == "product_at_most":
        bound = random.randint(high, high * high // 2)
    return f"{n} {bound}\n{' '.join(map(str, values))}\n"


MERGED = {
    "sum": ("x + y", "x + y"),
    "more": ("x + y + {k}", "x + y + {k}"),
    "difference": ("y - x", "y - x"),
    "double": ("2 * x", "2 * x"),
    "remainder": ("the remainder of x + y divided by {k}", "(x + y) % {k}"),
}

MERGE_COSTS = {
    "sum": ("x + y", "x + y"),
    "product": ("x * y", "x * y"),
    "larger": ("y", "y"),
    "smaller": ("x", "x"),
    "difference": ("y - x", "y - x"),
}

MERGE_GOALS = {
    "sum": ("the sum of all costs", "sum(b)"),
    "largest": ("the largest cost", "max(b)"),
    "last": ("the cost of the last step", "b[-1]"),
    "distinct": ("how many different costs there are", "len(set(b))"),
    "all": ("the costs in order", "*b"),
}


def _heap(c: Choices, w: Wording) -> Draft:
    merged, new = (part.format(k=c["k"]) for part in MERGED[str(c["merged"])])
    named, cost = MERGE_COSTS[str(c["cost"])]
    asked, printed = MERGE_GOALS[str(c["goal"])]
    rule = w.pick(
        f"While there are two numbers or more, the two smallest, x and y with x <= y, are replaced by {merged}.",
        f"Until one number is left, take the two smallest, x and y with x <= y, away and put {merged} in their place.",
    )
    price = w.pick(f"Such a step costs {named}.", f"The cost of a step is {named}.")
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{intro(w)} {rule} {price} {ask}",
        input_spec=w.pick(*LIST_SPEC) + " n is at least 2.",
        output_spec="Print the answer on one line.",
        recall=f"Replace the two smallest x and y by {merged} at cost {named} and print {asked}.",
        plan=(
            READ_STEP,
            "Turn a into a heap. While len(a) > 1 pop x and pop y.",
            f"Append {cost} to b.",
            f"Push {new} to a.",
            f"Print {printed}.",
        ),
        program=lines(
            "from heapq import heapify, heappop, heappush",
            *READ,
            "heapify(a)",
            "b = []",
            "while len(a) > 1:",
            "    x = heappop(a)",
            "    y = heappop(a)",
            f"    b.append({cost})",
            f"    heappush(a, {new})",
            f"print({printed})",
        ),
        make_input=_piles,
    )


def _piles(random: Random, level: int) -> str:
    n = {0: random.randint(4, 6), 1: random.randint(3, 15), 2: random.choice([2, 3, 20])}[level]
    low, high = random.choice([(1, 9), (1, 30), (-5, 9), (3, 5)])
    return f"{n}\n{' '.join(str(random.randint(low, high)) for _ in range(n))}\n"


RECORD_KEYS = {
    "more": ("with larger x first", "-x"),
    "less": ("with smaller x first", "x"),
    "larger_sum": ("with larger sum x + y first", "-x - y"),
    "smaller_sum": ("with smaller sum x + y first", "x + y"),
    "wide": ("with larger absolute difference of x and y first", "-abs(x - y)"),
    "close": ("with smaller absolute difference of x and y first", "abs(x - y)"),
    "remainder": ("with smaller remainder of x divided by {k} first", "x % {k}"),
}

RECORD_TIES = {
    "more": ("those with larger y first", "-y"),
    "less": ("those with smaller y first", "y"),
    "early": ("those with smaller number first", "i"),
    "late": ("those with larger number first", "-i"),
}

RECORD_GOALS = {
    "all": ("the numbers of all players in this order", "*b"),
    "first": ("the number of the first player", "b[0]"),
    "last": ("the number of the last player", "b[-1]"),
    "some": ("the numbers of the first {m} players, or of all if there are fewer", "*b[:{m}]"),
    "place": ("at which place, counted from 1, player 1 stands", "b.index(1) + 1"),
    "second": ("the numbers of every second player, from the first on", "*b[::2]"),
}


def _records(c: Choices, w: Wording) -> Draft:
    order, key = (part.format(k=c["k"]) for part in RECORD_KEYS[str(c["key"])])
    ties, tie = RECORD_TIES[str(c["tie"])]
    asked, printed = (part.format(m=c["m"]) for part in RECORD_GOALS[str(c["goal"])])
    story = w.pick(
        "There are n players, numbered from 1, with points x and y.",
        "In a contest n players, numbered from 1, got points x and y.",
        "Alice has a list of n players, numbered from 1, each with points x and y.",
    )
    rule = w.pick(
        f"Sort them {order}; of equal ones {ties}; if still equal, by number.",
        f"They are ordered {order}, and among equal ones {ties}. What is left equal stays in order of number.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{story} {rule} {ask}",
        input_spec=w.pick(
            "The first line contains n. Then follow n lines with x and y.",
            "The first line has the integer n, each of the next n lines has x and y.",
        ),
        output_spec="Print the answer on one line.",
        recall=f"Sort players {order}, of equal ones {ties}, and print {asked}.",
        plan=(
            f"Read n and for each i from 1 to n read x, y and append ({key}, {tie}, i) to a.",
            "Let b be i for each entry of sorted(a).",
            f"Print {printed}.",
        ),
        program=lines(
            READ[0],
            "a = []",
            "for i in range(1, n + 1):",
            "    x, y = map(int, input().split())",
            f"    a.append(({key}, {tie}, i))",
            "b = [i for _, _, i in sorted(a)]",
            f"print({printed})",
        ),
        make_input=_players,
    )


def _players(random: Random, level: int) -> str:
    n = {0: random.randint(4, 6), 1: random.randint(4, 20), 2: random.choice([1, 2, 3, 25])}[level]
    high = random.choice([2, 3, 9])
    rows = [f"{random.randint(0, high)} {random.randint(0, high)}" for _ in range(n)]
    return f"{n}\n" + "\n".join(rows) + "\n"


FAMILIES = (
    Family(
        "two_ends",
        "Smallest and Largest",
        "two pointers: sort the list and move from both ends towards the middle",
        ("two pointers", "greedy", "sortings"),
        1300,
        {
            "test": tuple(END_TESTS),
            "move": tuple(END_MOVES),
            "goal": tuple(END_GOALS),
            "empty": tuple(EMPTY),
        },
        _two_ends,
    ),
    Family(
        "heap",
        "The Two Smallest",
        "heap: take the two smallest numbers again and again and put a new one back",
        ("greedy", "data structures", "heaps"),
        1500,
        {
            "merged": tuple(MERGED),
            "cost": tuple(MERGE_COSTS),
            "goal": tuple(MERGE_GOALS),
            "k": CONSTANT,
        },
        _heap,
    ),
    Family(
        "records",
        "Players",
        "sorting by keys: sort by the first key, equal ones by the second",
        ("sortings",),
        1100,
        {
            "key": tuple(RECORD_KEYS),
            "tie": tuple(RECORD_TIES),
            "goal": tuple(RECORD_GOALS),
            "k": (2, 3, 4),
            "m": (2, 3, 4),
        },
        _records,
    ),
)
