"""Families that keep, change and sum up the numbers of a list.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from mapcoder_lite.pocket.family import (
    Dimensions,
    Draft,
    Family,
    lines,
    lines_unless_empty,
    steps_unless_empty,
)
from mapcoder_lite.pocket.words import (
    CHANGES,
    CONDITIONS,
    CONSTANT,
    EMPTY,
    LIST_SPEC,
    ONE_INTEGER,
    READ,
    READ_STEP,
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
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            *READ,
            f"b = [{value} for x in a if {keep}]",
            *lines_unless_empty(nothing, printed),
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
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            *READ,
            f"b = [x for x in a if {keep}]",
            *lines_unless_empty(nothing, printed),
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
)
