"""Families about numbers themselves: intervals, digits, bits.

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
    LIST_SPEC,
    READ,
    READ_STEP,
    SOME_TOTALS,
    Choices,
    Wording,
    condition,
    empty,
    intro,
    total,
)

INTERVAL_TESTS = {
    "divisible": ("divisible by {k}", "x % {k} == 0"),
    "remainder": ("with remainder 1 when divided by {k}", "x % {k} == 1"),
    "digit": ("that contain the digit {k}", "str({k}) in str(x)"),
    "palindrome": ("that are palindromes", "str(x) == str(x)[::-1]"),
    "square": ("that are perfect squares", "int(x ** 0.5) ** 2 == x"),
    "prime": ("that are prime", "x > 1 and all(x % d for d in range(2, x))"),
    "digit_sum": ("whose digit sum is divisible by {k}", "sum(map(int, str(x))) % {k} == 0"),
    "even_digits": ("whose digit sum is even", "sum(map(int, str(x))) % 2 == 0"),
}


def _interval(c: Choices, w: Wording) -> Draft:
    words, keep = (part.format(k=c["k"]) for part in INTERVAL_TESTS[str(c["test"])])
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    take = w.pick(
        f"Take all integers from l to r {words}.",
        f"Consider the integers between l and r, both included, {words}.",
    )
    ask = w.pick(f"Print {asked}.", f"Output {asked}.", f"Find {asked}.")
    if_none = w.pick(
        f"If there are none, {otherwise}.", f"If no integer is like that, {otherwise}."
    )
    return Draft(
        statement=f"{w.pick('You are given two integers l and r.', 'Alice chose two integers l and r.', 'Bob wrote down two integers l and r.')} {take} {ask} {if_none}",
        input_spec=w.pick("One line with l and r.", "The only line contains the integers l and r."),
        output_spec="Print the answer on one line.",
        recall=f"Take the integers from l to r {words} and print {asked}.",
        plan=(
            "Read l and r.",
            f"Let b be x for each x from l to r with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "l, r = map(int, input().split())",
            f"b = [x for x in range(l, r + 1) if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_bounds,
    )


def _bounds(random: Random, level: int) -> str:
    low = random.randint(1, 20 if level == 0 else 200)
    width = {
        0: random.randint(4, 15),
        1: random.randint(3, 150),
        2: random.choice([0, 0, 1, 2, 400]),
    }[level]
    return f"{low} {low + width}\n"


def _digits(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    take = w.pick(
        f"Take its digits that are {words}.", f"Look at those of its digits that are {words}."
    )
    ask = w.pick(f"Print {asked}.", f"Output {asked}.", f"Find {asked}.")
    if_none = w.pick(f"If there are none, {otherwise}.", f"If no digit is like that, {otherwise}.")
    return Draft(
        statement=f"{w.pick('You are given a positive integer s.', 'Alice wrote a positive integer s.', 'A positive integer s is shown on a screen.')} {take} {ask} {if_none}",
        input_spec=w.pick("One line with the integer s.", "The only line contains s."),
        output_spec="Print the answer on one line.",
        recall=f"Take the digits of s that are {words} and print {asked}.",
        plan=(
            "Read s as text.",
            f"Let b be int(d) for each d in s, as x, with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "s = input().strip()",
            "a = [int(d) for d in s]",
            f"b = [x for x in a if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=lambda random, level: (
            f"{random.randint(*{0: (100, 99999), 1: (1, 10**9), 2: (1, 30)}[level])}\n"
        ),
    )


BIT_TESTS = {
    "even": ("an even number of ones", "v % 2 == 0"),
    "odd": ("an odd number of ones", "v % 2 != 0"),
    "exactly": ("exactly {m} ones", "v == {m}"),
    "at_least": ("at least {m} ones", "v >= {m}"),
    "at_most": ("at most {m} ones", "v <= {m}"),
}


def _bits(c: Choices, w: Wording) -> Draft:
    words, keep = (part.format(m=c["m"]) for part in BIT_TESTS[str(c["test"])])
    keep = keep.replace("v", 'bin(x).count("1")')
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    take = w.pick(
        f"Keep the numbers with {words} in binary.",
        f"Consider the numbers whose binary form has {words}.",
    )
    ask = w.pick(f"Print {asked}.", f"Output {asked}.", f"Find {asked}.")
    return Draft(
        statement=f"{intro(w)} None is negative. {take} {ask} {w.pick('If there are none,', 'If nothing is kept,')} {otherwise}.",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Keep the numbers with {words} in binary and print {asked}.",
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
        make_input=_natural,
    )


def _natural(random: Random, level: int) -> str:
    n = {0: random.randint(3, 6), 1: random.randint(1, 40), 2: random.choice([1, 1, 2])}[level]
    return (
        f"{n}\n{' '.join(str(random.randint(0, random.choice([3, 20, 300]))) for _ in range(n))}\n"
    )


FAMILIES = (
    Family(
        "interval",
        "From l to r",
        "brute force: try every integer of the interval and keep the right ones",
        ("brute force", "number theory"),
        1000,
        {"test": tuple(INTERVAL_TESTS), "total": SOME_TOTALS, "empty": tuple(EMPTY), "k": CONSTANT},
        _interval,
    ),
    Family(
        "digits",
        "Digits",
        "digits: read the number as text and look at each digit",
        ("math",),
        800,
        {
            "condition": ("even", "odd", "greater", "less", "at_least", "at_most", "divisible"),
            "total": SOME_TOTALS,
            "empty": tuple(EMPTY),
            "k": (2, 3, 4, 5, 6),
        },
        _digits,
    ),
    Family(
        "bits",
        "Ones",
        "bit counting: count the ones in the binary form",
        ("bitmasks",),
        1100,
        {"test": tuple(BIT_TESTS), "total": SOME_TOTALS, "empty": tuple(EMPTY), "m": (1, 2, 3)},
        _bits,
    ),
)
