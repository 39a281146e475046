"""Families that fill a table from left to right: stairs, numbers apart, tilings.

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
    EMPTY,
    LIST_SPEC,
    READ,
    READ_STEP,
    Choices,
    Wording,
    change,
    condition,
    empty,
    integers,
    intro,
    total,
)

JUMPS = {
    "one_two": ("1 or 2", "(1, 2)"),
    "one_three": ("1 or 3", "(1, 3)"),
    "two_three": ("2 or 3", "(2, 3)"),
    "one_two_three": ("1, 2 or 3", "(1, 2, 3)"),
    "one_two_four": ("1, 2 or 4", "(1, 2, 4)"),
    "one_three_four": ("1, 3 or 4", "(1, 3, 4)"),
}


STAIR_GOALS = {
    "ways": ("in how many ways this can be done", "0", "1", "d[i] + d[i - s]", "d[n]"),
    "modulo": (
        "in how many ways this can be done, modulo {m}",
        "0",
        "1",
        "d[i] + d[i - s]",
        "d[n] % {m}",
    ),
    "fewest": ("the smallest number of jumps", "10 ** 9", "0", "min(d[i], d[i - s] + 1)", "d[n]"),
    "most": ("the largest number of jumps", "-10 ** 9", "0", "max(d[i], d[i - s] + 1)", "d[n]"),
    "cheapest": (
        "the smallest sum of the numbers that you stand on",
        "10 ** 9",
        "0",
        "min(d[i], d[i - s] + x)",
        "d[n]",
    ),
    "richest": (
        "the largest sum of the numbers that you stand on",
        "-10 ** 9",
        "0",
        "max(d[i], d[i - s] + x)",
        "d[n]",
    ),
}


def _stairs(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    jumps, sizes = JUMPS[str(c["jumps"])]
    asked, start, base, step, printed = (
        part.format(m=c["m"]) for part in STAIR_GOALS[str(c["goal"])]
    )
    otherwise, nothing = empty(c)
    test = "d[n] == 0" if start == "0" else "abs(d[n]) > 10 ** 6"
    climb = w.pick(
        f"You start below stair 1 and climb to stair n. Each jump goes up by {jumps} stairs.",
        f"From below stair 1 you go up to stair n in jumps of {jumps} stairs.",
    )
    rule = w.pick(
        f"You may stand only on numbers that are {words}.",
        f"Only stairs with numbers that are {words} may be used.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    if_none = w.pick(
        f"If stair n cannot be reached, {otherwise}.", f"If this is impossible, {otherwise}."
    )
    return Draft(
        statement=f"{w.pick('There are n stairs with a number on each.', 'Each of n stairs has a number.', 'Alice wrote a number on each of n stairs.')} {climb} {rule} {ask} {if_none}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Climb stairs in jumps of {jumps}, only on numbers that are {words}, and print {asked}.",
        plan=(
            READ_STEP,
            f"Let d be n + 1 times {start} and d[0] be {base}.",
            "For each i from 1 to n let x be a[i - 1].",
            f"For each s in {sizes} with s <= i and {keep} set d[i] to {step}.",
            f"If {test} print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            *READ,
            f"d = [{start}] * (n + 1)",
            f"d[0] = {base}",
            "for i in range(1, n + 1):",
            "    x = a[i - 1]",
            f"    for s in {sizes}:",
            f"        if s <= i and {keep}:",
            f"            d[i] = {step}",
            f"if {test}:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=_few_values,
    )


def _few_values(random: Random, level: int) -> str:
    """A list of few different values, so that conditions often hold for all that matters."""
    n = {0: random.randint(3, 6), 1: random.randint(2, 20), 2: random.choice([1, 1, 2, 3, 40])}[
        level
    ]
    values = [random.randint(-6, 12) for _ in range(random.choice([1, 2, 3, 5]))]
    return f"{n}\n{' '.join(str(random.choice(values)) for _ in range(n))}\n"


def _apart(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    changed, value = change(c)
    best, pick = {"largest": ("largest", "max"), "smallest": ("smallest", "min")}[str(c["goal"])]
    otherwise, nothing = empty(c)
    gap = c["gap"]
    choose = w.pick(
        f"Choose some numbers that are {words}, or none.",
        f"You may choose any numbers that are {words}.",
    )
    rule = w.pick(
        f"The positions of two chosen numbers must differ by at least {gap}.",
        f"Positions of chosen numbers differ by {gap} or more.",
    )
    after = f" Each chosen number is then {changed}." if changed else ""
    ask = w.pick(f"Print the {best} possible sum.", f"Find the {best} sum of the chosen numbers.")
    return Draft(
        statement=f"{intro(w)} {choose} {rule}{after} {ask} {w.pick('If it is 0,', 'If that sum is 0,')} {otherwise}.",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Choose numbers that are {words}, at least {gap} apart{f', each {changed},' if changed else ''} for the {best} sum.",
        plan=(
            READ_STEP,
            "Let d be n + 1 times 0.",
            "For each i from 1 to n let x be a[i - 1] and set d[i] to d[i - 1].",
            f"If {keep} set d[i] to {pick}(d[i], d[max(i - {gap}, 0)] + {value}).",
            f"If d[n] == 0 print {nothing}.",
            "Else print d[n].",
        ),
        program=lines(
            *READ,
            "d = [0] * (n + 1)",
            "for i in range(1, n + 1):",
            "    x = a[i - 1]",
            "    d[i] = d[i - 1]",
            f"    if {keep}:",
            f"        d[i] = {pick}(d[i], d[max(i - {gap}, 0)] + {value})",
            "if d[n] == 0:",
            f"    print({nothing})",
            "else:",
            "    print(d[n])",
        ),
        make_input=lambda random, level: (
            integers(random, level) if level == 1 else _few_values(random, level)
        ),
    )


TILE_COLOURS = {
    "one": ("All tiles of one length look the same.", "d[i - s]"),
    "many": ("Each tile comes in {k} colours.", "{k} * d[i - s]"),
    "length": ("A tile comes in as many colours as its length.", "s * d[i - s]"),
    "more": ("A tile of length s comes in s + {k} colours.", "(s + {k}) * d[i - s]"),
}


TILE_RULES = {
    "none": ("", "s <= i"),
    "ends": (
        "No tile may end at a distance from the left end divisible by {gap}.",
        "s <= i and i % {gap} != 0",
    ),
    "starts": (
        "No tile but the first may start at a distance from the left end divisible by {gap}.",
        "s == i or s < i and (i - s) % {gap} != 0",
    ),
}


def _tilings(c: Choices, w: Wording) -> Draft:
    sizes_named, sizes = JUMPS[str(c["tiles"])]
    colours, ways = (part.format(k=c["k"]) for part in TILE_COLOURS[str(c["colours"])])
    rule, test = (part.format(gap=c["gap"]) for part in TILE_RULES[str(c["rule"])])
    asked, printed = total(c)
    m = c["m"]
    cover = w.pick(
        f"Each row is covered with tiles of length {sizes_named}.",
        f"Tiles of length {sizes_named} must cover each row.",
    )
    value = w.pick(
        f"For each row take the number of ways to cover it, modulo {m}.",
        f"In how many ways can a row be covered? Take this number modulo {m} for each row.",
    )
    ask = w.pick(f"Of these numbers print {asked}.", f"Output {asked}.", f"Find {asked}.")
    return Draft(
        statement=f"{w.pick('There are n rows with given lengths.', 'You are given the lengths of n rows.', 'Bob has n rows with given lengths.')} {cover} {colours}{f' {rule}' if rule else ''} {value} {ask}",
        input_spec=w.pick(*LIST_SPEC) + " All are positive.",
        output_spec="Print the answer on one line.",
        recall=f"Count the ways to cover rows with tiles of length {sizes_named} modulo {m} and print {asked}. {colours}{f' {rule}' if rule else ''}",
        plan=(
            READ_STEP,
            "Let t be max(a), d be t + 1 times 0 and d[0] be 1.",
            f"For each i from 1 to t and each s in {sizes} with {test} add {ways} to d[i].",
            f"Let b be d[x] % {m} for each x in a.",
            f"Print {printed}.",
        ),
        program=lines(
            *READ,
            "t = max(a)",
            "d = [0] * (t + 1)",
            "d[0] = 1",
            "for i in range(1, t + 1):",
            f"    for s in {sizes}:",
            f"        if {test}:",
            f"            d[i] += {ways}",
            f"b = [d[x] % {m} for x in a]",
            f"print({printed})",
        ),
        make_input=_lengths,
    )


def _lengths(random: Random, level: int) -> str:
    n = {0: random.randint(2, 4), 1: random.randint(1, 8), 2: random.choice([1, 1, 2, 15])}[level]
    high = random.choice([4, 9, 25])
    return f"{n}\n{' '.join(str(random.randint(1, high)) for _ in range(n))}\n"


FAMILIES = (
    Family(
        "stairs",
        "Numbered Stairs",
        "dynamic programming: for every stair join the results of the stairs one jump below",
        ("dp",),
        1300,
        {
            "condition": tuple(CONDITIONS),
            "jumps": tuple(JUMPS),
            "goal": tuple(STAIR_GOALS),
            "empty": tuple(EMPTY),
            "k": (2, 3, 4, 5),
            "m": CONSTANT,
        },
        _stairs,
    ),
    Family(
        "apart",
        "Far Apart",
        "dynamic programming: for every prefix take its last number or leave it",
        ("dp",),
        1500,
        {
            "condition": tuple(CONDITIONS),
            "change": tuple(CHANGES),
            "goal": ("largest", "smallest"),
            "empty": tuple(EMPTY),
            "gap": (2, 3, 4),
            "k": (2, 3, 4, 5),
            "m": CONSTANT,
        },
        _apart,
    ),
    Family(
        "tilings",
        "Tiles",
        "recurrence: the last tile of a row leaves a shorter row",
        ("dp", "combinatorics"),
        1500,
        {
            "tiles": tuple(JUMPS),
            "colours": tuple(TILE_COLOURS),
            "rule": tuple(TILE_RULES),
            "total": ("sum", "largest", "smallest", "sorted", "last", "first", "distinct", "range"),
            "gap": (2, 3, 4, 5),
            "k": (2, 3, 4),
            "m": (7, 10, 97, 100, 1000),
        },
        _tilings,
    ),
)
