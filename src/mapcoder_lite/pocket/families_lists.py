"""Families over a list of integers: filters, prefix sums, neighbours, runs, windows, order, counts.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from random import Random

from mapcoder_lite.pocket.family import Dimensions, Draft, Family, lines
from mapcoder_lite.pocket.words import (
    CHANGES,
    CONDITIONS,
    EMPTY,
    LIST_SPEC,
    TOTALS,
    Choices,
    Wording,
    change,
    condition,
    empty,
    integers,
    intro,
    total,
)

CONSTANT = tuple(range(2, 10))
READ = ("n = int(input())", "a = list(map(int, input().split()))")
READ_STEP = "Read n and the list a."
ONE_INTEGER = "Print one integer."


def _filter(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    changed, value = change(c)
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    kept = w.pick(
        f"Keep only the numbers that are {words}.", f"Consider the numbers that are {words}."
    )
    after = ""
    if changed:
        after = " " + w.pick(
            f"Each kept number is then {changed}.", f"After that every kept number is {changed}."
        )
    ask = w.pick(f"Print {asked}.", f"Output {asked}.", f"Find {asked}.")
    if_none = w.pick(f"If nothing is kept, {otherwise}.", f"If no number is kept, {otherwise}.")
    return Draft(
        statement=f"{intro(w)} {kept}{after} {ask} {if_none}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Keep the numbers that are {words}{f', each {changed}' if changed else ''} and print {asked}.",
        plan=(
            READ_STEP,
            f"Let b be {value} for each x in a with {keep}.",
            f"If b is empty print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            *READ,
            f"b = [{value} for x in a if {keep}]",
            "if not b:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=integers,
    )


def _two_conditions(c: Choices, w: Wording) -> Draft:
    first, keep_first = condition(c, "first")
    second, keep_second = condition({**c, "k": c["q"]}, "second")
    joint = str(c["joint"])
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    keep = f"{keep_first} {joint} {keep_second}"
    kept = w.pick(
        f"Look at the numbers that are {first} {joint} {second}.",
        f"Only the numbers that are {first} {joint} {second} matter.",
    )
    ask = w.pick(f"Print {asked}.", f"Output {asked}.", f"Find {asked}.")
    if_none = w.pick(f"If there are none, {otherwise}.", f"If no number is like that, {otherwise}.")
    return Draft(
        statement=f"{intro(w)} {kept} {ask} {if_none}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Take the numbers that are {first} {joint} {second} and print {asked}.",
        plan=(
            READ_STEP,
            f"Let b be x for each x in a with {keep}.",
            f"If b is empty print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            *READ,
            f"b = [x for x in a if {keep}]",
            "if not b:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=integers,
    )


PREFIX_GOALS = {
    "count": "how many running totals are {words}",
    "largest": "the largest running total",
    "smallest": "the smallest running total",
    "distinct": "how many different running totals there are",
}


def _prefix(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    changed, value = change(c)
    goal = str(c["goal"])
    asked = PREFIX_GOALS[goal].format(words=words)
    printed = {
        "count": f"len([x for x in b if {keep}])",
        "largest": "max(b)",
        "smallest": "min(b)",
        "distinct": "len(set(b))",
    }[goal]
    before = (
        w.pick(f"First every number is {changed}.", f"At the start each number is {changed}.") + " "
        if changed
        else ""
    )
    add = w.pick(
        "Then the numbers are added one by one from left to right.",
        "The numbers are summed up from left to right.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{intro(w)} {before}{add} After each number the sum so far is a running total. {ask}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec=ONE_INTEGER,
        recall=f"Add up the numbers{f', each {changed},' if changed else ''} and print {asked}.",
        plan=(
            READ_STEP,
            f"For each x in a add {value} to p and append p to b.",
            f"Print {printed}.",
        ),
        program=lines(
            *READ,
            "b = []",
            "p = 0",
            "for x in a:",
            f"    p += {value}",
            "    b.append(p)",
            f"print({printed})",
        ),
        make_input=integers,
    )


PAIR_VALUES = {
    "difference": ("the absolute difference", "abs(x - y)"),
    "sum": ("the sum", "x + y"),
    "product": ("the product", "x * y"),
    "larger": ("the larger one", "max(x, y)"),
    "smaller": ("the smaller one", "min(x, y)"),
}


def _neighbours(c: Choices, w: Wording) -> Draft:
    name, value = PAIR_VALUES[str(c["pair"])]
    asked, printed = total(c)
    take = w.pick(
        f"For every two neighbouring numbers take {name}.",
        f"Take {name} of each pair of neighbouring numbers.",
    )
    ask = w.pick(f"Of these values print {asked}.", f"Among the values you got, output {asked}.")
    return Draft(
        statement=f"{intro(w)} {take} {ask}",
        input_spec=w.pick(*LIST_SPEC) + " n is at least 2.",
        output_spec="Print the answer on one line.",
        recall=f"Take {name} of neighbouring numbers and print {asked}.",
        plan=(
            READ_STEP,
            f"Let b be {value} for each pair of neighbours x, y.",
            f"Print {printed}.",
        ),
        program=lines(*READ, f"b = [{value} for x, y in zip(a, a[1:])]", f"print({printed})"),
        make_input=lambda random, level: integers(random, level, at_least=2),
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
            f"If b is empty print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            *READ,
            f"b = [x for x in set(a) if {keep}]",
            "if not b:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=_repeating,
    )


def _repeating(random: Random, level: int) -> str:
    n = random.randint(4, 8) if level == 0 else random.randint(1, 30)
    high = (n + 1) // 2 if level < 2 else random.choice([1, 2, 30])
    return f"{n}\n{' '.join(str(random.randint(1, max(1, high))) for _ in range(n))}\n"


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
_ORDERED: Dimensions = {"total": tuple(TOTALS), "empty": tuple(EMPTY)}

FAMILIES = (
    Family(
        "filter",
        "Keep and Print",
        "filtering: keep the numbers that pass a test, change them and sum them up in one number",
        ("implementation",),
        800,
        {
            "condition": tuple(CONDITIONS),
            "change": tuple(CHANGES),
            **_ORDERED,
            "k": CONSTANT,
            "m": CONSTANT,
        },
        _filter,
    ),
    Family(
        "two_conditions",
        "Two Conditions",
        "filtering: join two tests with and / or and keep the numbers that pass",
        ("implementation", "logic"),
        900,
        {
            "first": tuple(CONDITIONS),
            "joint": ("and", "or"),
            "second": tuple(CONDITIONS),
            "total": ("sum", "largest", "smallest", "count", "sorted", "last"),
            "empty": tuple(EMPTY),
            "k": CONSTANT,
            "q": CONSTANT,
        },
        _two_conditions,
    ),
    Family(
        "prefix",
        "Running Totals",
        "prefix sums: keep a running sum and look at each of its values",
        ("prefix sums",),
        1000,
        {
            "condition": tuple(CONDITIONS),
            "change": tuple(CHANGES),
            "goal": tuple(PREFIX_GOALS),
            "k": CONSTANT,
            "m": CONSTANT,
        },
        _prefix,
    ),
    Family(
        "neighbours",
        "Neighbours",
        "adjacent pairs: walk over pairs of neighbours and collect a value of each",
        ("implementation", "pairs"),
        900,
        {"pair": tuple(PAIR_VALUES), "total": tuple(TOTALS)},
        _neighbours,
    ),
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
)
