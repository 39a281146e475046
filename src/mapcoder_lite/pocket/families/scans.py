"""Families that scan a list: groups, blocks, best sums and subsequences.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from random import Random

from mapcoder_lite.pocket.family import Draft, Family, lines
from mapcoder_lite.pocket.words import (
    CHANGES,
    CONDITIONS,
    CONSTANT,
    EMPTY,
    LIST_SPEC,
    ONE_INTEGER,
    READ,
    READ_STEP,
    Choices,
    Wording,
    change,
    condition,
    empty,
    integers,
    intro,
)

RUN_GOALS = {
    "longest": ("the length of the longest group", "max(b)", "r += 1"),
    "number": ("the number of groups", "len([x for x in b if x])", "r += 1"),
    "shortest": ("the length of the shortest group", "min([x for x in b if x])", "r += 1"),
}


def _runs(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    asked, printed, step = RUN_GOALS[str(c["goal"])]
    otherwise, nothing = empty(c)
    group = w.pick(
        f"A group is a block of consecutive numbers that are all {words} and that cannot be made longer.",
        f"Consecutive numbers that are all {words} form a group, as long as possible.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    if_none = w.pick(f"If there is no group, {otherwise}.", f"If no group exists, {otherwise}.")
    return Draft(
        statement=f"{intro(w)} {group} {ask} {if_none}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Find {asked} of consecutive numbers that are {words}.",
        plan=(
            READ_STEP,
            f"For each x in a if {keep} do r += 1, else append r to b and set r to 0.",
            "Append the last r to b.",
            f"If max(b) is 0 print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            *READ,
            "b = []",
            "r = 0",
            "for x in a:",
            f"    if {keep}:",
            f"        {step}",
            "    else:",
            "        b.append(r)",
            "        r = 0",
            "b.append(r)",
            "if max(b) == 0:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=integers,
    )


def _window(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    size = c["size"]
    goal = str(c["goal"])
    asked = {
        "largest": "the largest sum",
        "smallest": "the smallest sum",
        "count": f"how many sums are {words}",
        "range": "the difference between the largest and the smallest sum",
    }[goal]
    printed = {
        "largest": "max(b)",
        "smallest": "min(b)",
        "count": f"len([x for x in b if {keep}])",
        "range": "max(b) - min(b)",
    }[goal]
    take = w.pick(
        f"For every {size} consecutive numbers take their sum.",
        f"Take the sum of each block of {size} consecutive numbers.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{intro(w)} {take} {ask}",
        input_spec=w.pick(*LIST_SPEC) + f" n is at least {size}.",
        output_spec=ONE_INTEGER,
        recall=f"Take the sums of {size} consecutive numbers and print {asked}.",
        plan=(
            READ_STEP,
            f"Let b be sum(a[i:i + {size}]) for each i from 0 to n - {size}.",
            f"Print {printed}.",
        ),
        program=lines(
            *READ, f"b = [sum(a[i:i + {size}]) for i in range(n - {size} + 1)]", f"print({printed})"
        ),
        make_input=lambda random, level: integers(random, level, at_least=int(size)),
    )


def _segment(c: Choices, w: Wording) -> Draft:
    changed, value = change(c)
    best, pick = {"largest": ("largest", "max"), "smallest": ("smallest", "min")}[str(c["goal"])]
    before = (
        w.pick(f"First every number is {changed}.", f"At the start each number is {changed}.") + " "
        if changed
        else ""
    )
    may_be_empty = c["none"] == "allowed"
    rule = "It may be empty with sum 0." if may_be_empty else "It must hold at least one number."
    ask = w.pick(
        f"Print the {best} sum of a block of consecutive numbers.",
        f"Find the {best} sum of consecutive numbers.",
    )
    start = "0" if may_be_empty else f"{'-' if pick == 'max' else ''}10 ** 9"
    return Draft(
        statement=f"{intro(w)} {before}{ask} {rule}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec=ONE_INTEGER,
        recall=f"Find the {best} sum of consecutive numbers{f', each {changed}' if changed else ''}. {rule}",
        plan=(
            READ_STEP,
            f"Let p be 0 and r be {start}.",
            f"For each x in a set p to {pick}(p, 0) + {value} and r to {pick}(r, p).",
            "Print r.",
        ),
        program=lines(
            *READ,
            "p = 0",
            f"r = {start}",
            "for x in a:",
            f"    p = {pick}(p, 0) + {value}",
            f"    r = {pick}(r, p)",
            "print(r)",
        ),
        make_input=integers,
    )


SUBSEQUENCES = {
    "increasing": ("increasing", "a[j] < a[i]"),
    "decreasing": ("decreasing", "a[j] > a[i]"),
    "not_decreasing": ("not decreasing", "a[j] <= a[i]"),
    "not_increasing": ("not increasing", "a[j] >= a[i]"),
    "divisors": ("such that each number is divisible by the one before", "a[i] % a[j] == 0"),
    "close": ("such that neighbours differ by at most {m}", "abs(a[i] - a[j]) <= {m}"),
}


SUBSEQUENCE_GOALS = {"length": ("length", "1"), "sum": ("sum", "a[i]")}


def _subsequence(c: Choices, w: Wording) -> Draft:
    words, follows = (part.format(m=c["m"]) for part in SUBSEQUENCES[str(c["order"])])
    asked, weight = SUBSEQUENCE_GOALS[str(c["goal"])]
    cross = w.pick("You may cross out numbers.", "Some numbers may be removed.")
    ask = w.pick(
        f"Print the largest {asked} of what is left",
        f"Find the largest possible {asked} of the rest",
    )
    return Draft(
        statement=f"{intro(w)} All are positive. {cross} {ask} if it must be {words}.",
        input_spec=w.pick(*LIST_SPEC),
        output_spec=ONE_INTEGER,
        recall=f"Find the largest {asked} of a subsequence that is {words}.",
        plan=(
            READ_STEP,
            f"For each i set d[i] to {weight}.",
            f"For each j < i with {follows} set d[i] to max(d[i], d[j] + {weight}).",
            "Print max(d).",
        ),
        program=lines(
            *READ,
            "d = []",
            "for i in range(n):",
            f"    d.append({weight})",
            "    for j in range(i):",
            f"        if {follows}:",
            f"            d[i] = max(d[i], d[j] + {weight})",
            "print(max(d))",
        ),
        make_input=_positive,
    )


def _positive(random: Random, level: int) -> str:
    n = {0: random.randint(4, 7), 1: random.randint(1, 25), 2: random.choice([1, 1, 2, 40])}[level]
    return (
        f"{n}\n{' '.join(str(random.randint(1, random.choice([3, 12, 50]))) for _ in range(n))}\n"
    )


FAMILIES = (
    Family(
        "runs",
        "Groups",
        "scanning: count the length of the current group and close it when the test fails",
        ("two pointers",),
        1200,
        {
            "condition": tuple(CONDITIONS),
            "goal": tuple(RUN_GOALS),
            "empty": tuple(EMPTY),
            "k": CONSTANT,
        },
        _runs,
    ),
    Family(
        "window",
        "Blocks",
        "sliding window: look at the sum of each block of fixed length",
        ("sliding window",),
        1100,
        {
            "condition": tuple(CONDITIONS),
            "goal": ("largest", "smallest", "count", "range"),
            "size": (2, 3, 4, 5),
            "k": CONSTANT,
        },
        _window,
    ),
    Family(
        "segment",
        "Best Block",
        "dynamic programming: the best block that ends at each position",
        ("dp", "greedy"),
        1400,
        {
            "change": tuple(CHANGES),
            "goal": ("largest", "smallest"),
            "none": ("allowed", "forbidden"),
            "m": CONSTANT,
        },
        _segment,
    ),
    Family(
        "subsequence",
        "Cross Out",
        "dynamic programming: the best subsequence that ends at each position",
        ("dp", "sequences"),
        1600,
        {"order": tuple(SUBSEQUENCES), "goal": tuple(SUBSEQUENCE_GOALS), "m": (1, 2, 3, 4)},
        _subsequence,
    ),
)
