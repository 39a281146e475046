"""Families about intervals: choosing, joining and stabbing them.

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
    CONSTANT,
    EMPTY,
    READ,
    Choices,
    Wording,
    condition,
    empty,
    total,
)

READ_ENDS = "    l, r = map(int, input().split())"

ENDS_SPEC = (
    "The first line contains n. Then follow n lines with l and r.",
    "The first line has the integer n, each of the next n lines has l and r.",
)

ACTIVITY_KEYS = {
    "end": ("by end", "r"),
    "start": ("by start", "l"),
    "shortest": ("from the shortest to the longest", "r - l"),
    "longest": ("from the longest to the shortest", "l - r"),
    "middle": ("by the middle", "l + r"),
}

ACTIVITY_TESTS = {
    "touch": ("starts when the last chosen one ends or later", "l >= t"),
    "apart": ("starts after the last chosen one ends", "l > t"),
    "pause": ("starts at least {k} minutes after the last chosen one ends", "l >= t + {k}"),
}

ACTIVITY_GOALS = {
    "number": ("how many activities she chooses", "r", "len(b)"),
    "sum": ("the total length of the chosen ones", "r - l", "sum(b)"),
    "longest": ("the length of the longest chosen one", "r - l", "max(b)"),
    "shortest": ("the length of the shortest chosen one", "r - l", "min(b)"),
    "starts": ("the starts of the chosen ones in order", "l", "*b"),
    "ends": ("the ends of the chosen ones in order", "r", "*b"),
    "last": ("the end of the last chosen one", "r", "b[-1]"),
}


def _activities(c: Choices, w: Wording) -> Draft:
    order, key = ACTIVITY_KEYS[str(c["key"])]
    words, test = (part.format(k=c["k"]) for part in ACTIVITY_TESTS[str(c["test"])])
    asked, value, printed = ACTIVITY_GOALS[str(c["goal"])]
    story = w.pick(
        "There are n activities from minute l to minute r.",
        "Alice knows n activities, each from minute l to minute r.",
        "A plan lists n activities with start l and end r.",
    )
    rule = w.pick(
        f"Alice looks at them {order}, equal ones by start, then by end. She chooses the first, and then each one that {words}.",
        f"They are sorted {order}, ties by start, then by end. Alice takes the first one and after that every one that {words}.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{story} {rule} {ask}",
        input_spec=w.pick(*ENDS_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Look at activities {order}, choose each one that {words}, and print {asked}.",
        plan=(
            f"Read n and append ({key}, l, r) to a for each activity.",
            "Sort a and let t be -100.",
            f"For each l, r in order if {test} append {value} to b and set t to r.",
            f"Print {printed}.",
        ),
        program=lines(
            READ[0],
            "a = []",
            "for _ in range(n):",
            READ_ENDS,
            f"    a.append(({key}, l, r))",
            "b = []",
            "t = -100",
            "for _, l, r in sorted(a):",
            f"    if {test}:",
            f"        b.append({value})",
            "        t = r",
            f"print({printed})",
        ),
        make_input=_ends,
    )


def _ends(random: Random, level: int) -> str:
    """Input of n and n intervals within 0 to 60; level 2 has few, equal, nested or far ones."""
    n = {0: random.randint(4, 6), 1: random.randint(3, 20), 2: random.choice([1, 1, 2, 3, 30])}[
        level
    ]
    high = {0: 15, 1: random.choice([12, 30, 60]), 2: random.choice([4, 20, 60])}[level]
    length = random.choice([2, 3, 6, 12])
    rows = [
        (left, left + random.randint(1, length))
        for left in (random.randint(0, high) for _ in range(n))
    ]
    return f"{n}\n" + "\n".join(f"{left} {right}" for left, right in rows) + "\n"


MERGE_TESTS = {
    "touch": ("if they have a common point", "l <= b[-1][1]"),
    "overlap": ("if they have more than one common point", "l < b[-1][1]"),
    "near": ("if the gap between them is at most {k}", "l <= b[-1][1] + {k}"),
}

MERGE_VALUES = {
    "length": ("the length r - l of each joined segment", "r - l"),
    "points": ("the number of integers in each joined segment", "r - l + 1"),
    "start": ("the left end of each joined segment", "l"),
    "end": ("the right end of each joined segment", "r"),
    "middle": ("the sum of both ends of each joined segment", "l + r"),
}

MERGE_TOTALS = (
    "sum",
    "largest",
    "smallest",
    "range",
    "sorted",
    "descending",
    "distinct",
    "two_largest",
)


def _merge(c: Choices, w: Wording) -> Draft:
    words, test = (part.format(k=c["k"]) for part in MERGE_TESTS[str(c["test"])])
    named, value = MERGE_VALUES[str(c["value"])]
    asked, printed = total(c)
    story = w.pick(
        "There are n segments on a line, each from l to r.",
        "You are given n segments from l to r on a line.",
        "Bob painted n segments of a line, each from l to r.",
    )
    rule = w.pick(
        f"Two segments are joined to one {words}, again and again.",
        f"As long as possible two segments become one {words}.",
    )
    ask = w.pick(
        f"Take {named} and print {asked}.",
        f"Look at {named} and output {asked}.",
    )
    printed = printed.replace("b", "c")
    return Draft(
        statement=f"{story} {rule} {ask}",
        input_spec=w.pick(*ENDS_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Join segments {words}, take {named} and print {asked}.",
        plan=(
            "Read n and the list a of pairs l, r.",
            f"For each l, r in sorted(a) if b is not empty and {test} set b[-1][1] to max(b[-1][1], r).",
            "Else append [l, r] to b.",
            f"Let c be {value} for each l, r in b.",
            f"Print {printed}.",
        ),
        program=lines(
            READ[0],
            "a = [list(map(int, input().split())) for _ in range(n)]",
            "b = []",
            "for l, r in sorted(a):",
            f"    if b and {test}:",
            "        b[-1][1] = max(b[-1][1], r)",
            "    else:",
            "        b.append([l, r])",
            f"c = [{value} for l, r in b]",
            f"print({printed})",
        ),
        make_input=_ends,
    )


NAIL_CONDITIONS = (
    "even",
    "odd",
    "divisible",
    "not_divisible",
    "greater",
    "less",
    "at_least",
    "at_most",
)

NAIL_TESTS = {
    "inside": ("no nail at its left end or to the right of it", "l > b[-1]"),
    "strict": ("no nail to the right of its left end", "l >= b[-1]"),
    "far": ("no nail to the right of l - {m}, where l is its left end", "l - {m} >= b[-1]"),
}

NAIL_GOALS = {
    "number": ("the number of nails", "len(b)"),
    "all": ("the places of all nails in order", "*b"),
    "sum": ("the sum of the places of all nails", "sum(b)"),
    "distance": ("the distance between the first and the last nail", "b[-1] - b[0]"),
}


def _nails(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    told, test = (part.format(m=c["m"]) for part in NAIL_TESTS[str(c["test"])])
    asked, printed = NAIL_GOALS[str(c["goal"])]
    otherwise, nothing = empty(c)
    story = w.pick(
        "On a wall hang n strips, each from l to r.",
        "There are n strips on a wall, each from l to r.",
        "Bob hung n strips on a wall, each from l to r.",
    )
    only = w.pick(
        f"Only those whose length r - l is {words} count.",
        f"Strips count only if their length r - l is {words}.",
    )
    rule = w.pick(
        f"Go through these by right end. If there is {told}, put a nail at the right end of the strip.",
        f"In the order of their right ends each such strip gets a nail at its right end if there is {told}.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{story} {only} {rule} {ask} If no strip counts, {otherwise}.",
        input_spec=w.pick(*ENDS_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"By right end, put nails at strips whose length is {words} if there is {told}; print {asked}.",
        plan=(
            f"Read n and for each l, r let x be r - l and if {keep} append (r, l) to a.",
            f"For each r, l in sorted(a) if b is empty or {test} append r to b.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            READ[0],
            "a = []",
            "for _ in range(n):",
            READ_ENDS,
            "    x = r - l",
            f"    if {keep}:",
            "        a.append((r, l))",
            "b = []",
            "for r, l in sorted(a):",
            f"    if not b or {test}:",
            "        b.append(r)",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_ends,
    )


FAMILIES = (
    Family(
        "activities",
        "Activities",
        "greedy choice: sort the activities and take each one that fits after the last one taken",
        ("greedy", "intervals", "sortings"),
        1300,
        {
            "key": tuple(ACTIVITY_KEYS),
            "test": tuple(ACTIVITY_TESTS),
            "goal": tuple(ACTIVITY_GOALS),
            "k": CONSTANT,
        },
        _activities,
    ),
    Family(
        "merge",
        "Joined Segments",
        "merging intervals: sort the segments and make the last one longer or begin a new one",
        ("intervals", "sortings"),
        1400,
        {
            "test": tuple(MERGE_TESTS),
            "value": tuple(MERGE_VALUES),
            "total": MERGE_TOTALS,
            "k": (2, 3, 4),
        },
        _merge,
    ),
    Family(
        "nails",
        "Strips and Nails",
        "stabbing intervals: sort by right end and put a point where none holds the interval yet",
        ("greedy", "intervals"),
        1500,
        {
            "condition": NAIL_CONDITIONS,
            "test": tuple(NAIL_TESTS),
            "goal": tuple(NAIL_GOALS),
            "empty": tuple(EMPTY),
            "k": (2, 3, 4, 5),
            "m": (1, 2, 3, 4),
        },
        _nails,
    ),
)
