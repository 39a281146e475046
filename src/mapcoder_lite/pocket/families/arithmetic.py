"""Families of number theory and bits: folds, divisors, masks.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from random import Random

from mapcoder_lite.pocket.families.phrases import AMOUNTS, ANSWER, ask, if_none, kept
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
    TOTALS,
    Choices,
    Wording,
    condition,
    empty,
    intro,
    total,
)

FOLDS = {
    "gcd": ("the greatest common divisor", "0", "gcd(p, x)"),
    "lcm": ("the least common multiple", "1", "lcm(p, x)"),
    "xor": ("the bitwise xor", "0", "p ^ x"),
    "or": ("the bitwise or", "0", "p | x"),
    "and": ("the bitwise and", "-1", "p & x"),
    "product": ("the remainder, when divided by {m}, of the product", "1", "p * x % {m}"),
}

FOLD_SIDES = {
    "left": ("up to it, itself included,", "a"),
    "right": ("from it on, itself included,", "a[::-1]"),
}


def _folds(c: Choices, w: Wording) -> Draft:
    words, start, step = (part.format(m=c["m"]) for part in FOLDS[str(c["fold"])])
    side, source = FOLD_SIDES[str(c["side"])]
    chosen, keep = condition(c)
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    take = w.pick(
        f"For each position take {words} of all numbers {side} as its value.",
        f"The value of a position is {words} of all numbers {side} in the list.",
    )
    way = "left to right" if c["side"] == "left" else "right to left"
    return Draft(
        statement=f"{intro(w)} All are positive. {take} The values are taken from {way}. {kept(w, chosen)} {ask(w, asked)} {if_none(w, otherwise)}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec=ANSWER,
        recall=f"Go from {way}, take {words} of the numbers so far, keep the values that are {chosen} and print {asked}.",
        plan=(
            READ_STEP,
            f"Let p be {start}.",
            f"For each x in {source} set p to {step} and append p to c.",
            f"Let b be x for each x in c with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "from math import gcd, lcm",
            *READ,
            "c = []",
            f"p = {start}",
            f"for x in {source}:",
            f"    p = {step}",
            "    c.append(p)",
            f"b = [x for x in c if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_positive,
    )


DIVISOR_TESTS = {
    "all": ("its divisors", "x % y == 0"),
    "proper": ("its divisors smaller than itself", "x % y == 0 and y < x"),
    "odd": ("its odd divisors", "x % y == 0 and y % 2 != 0"),
    "even": ("its even divisors", "x % y == 0 and y % 2 == 0"),
    "greater": ("its divisors greater than {m}", "x % y == 0 and y > {m}"),
    "less": ("its divisors less than {m}", "x % y == 0 and y < {m}"),
    "coprime": (
        "the numbers from 1 to itself that have no common divisor greater than 1 with it",
        "gcd(x, y) == 1",
    ),
}

DIVISOR_VALUES = {
    "number": ("the number of them", "len(d)"),
    "sum": ("their sum", "sum(d)"),
    "largest": ("the largest of them, 0 if there is none", "max(d, default=0)"),
}


def _divisors(c: Choices, w: Wording) -> Draft:
    words, test = (part.format(m=c["m"]) for part in DIVISOR_TESTS[str(c["test"])])
    taken, value = DIVISOR_VALUES[str(c["value"])]
    chosen, keep = condition(c)
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    take = w.pick(f"For each number look at {words}.", f"Consider for each number {words}.")
    return Draft(
        statement=f"{intro(w)} All are positive. {take} The value of a number is {taken}. {kept(w, chosen)} {ask(w, asked)} {if_none(w, otherwise)}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec=ANSWER,
        recall=f"For each number look at {words}, take {taken}, keep the values that are {chosen} and print {asked}.",
        plan=(
            READ_STEP,
            f"For each x in a let d be y for each y from 1 to x with {test}.",
            f"Append {value} to c.",
            f"Let b be x for each x in c with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "from math import gcd",
            *READ,
            "c = []",
            "for x in a:",
            f"    d = [y for y in range(1, x + 1) if {test}]",
            f"    c.append({value})",
            f"b = [x for x in c if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_positive,
    )


MASKS = {
    "and": ("its bitwise and with {m}", "x & {m}"),
    "or": ("its bitwise or with {m}", "x | {m}"),
    "xor": ("its bitwise xor with {m}", "x ^ {m}"),
    "lowest": ("the value of its lowest one bit, 0 for 0", "x & -x"),
    "cleared": ("the number without its lowest one bit", "x & (x - 1)"),
    "length": ("the number of its binary digits, 0 for 0", "x.bit_length()"),
    "halved": ("the number shifted right by one bit", "x >> 1"),
    "gray": ("the bitwise xor with itself shifted right by one bit", "x ^ x >> 1"),
    "reversed": (
        "the number whose binary digits are its own in reverse order",
        "int(bin(x)[:1:-1], 2)",
    ),
    "zeros": ("the number of zeros in its binary form, 1 for 0", 'bin(x)[2:].count("0")'),
}


def _masks(c: Choices, w: Wording) -> Draft:
    words, code = (part.format(m=c["m"]) for part in MASKS[str(c["mask"])])
    chosen, keep = condition(c)
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    take = w.pick(f"Replace each number by {words}.", f"The value of a number is {words}.")
    then = w.pick(
        f"Keep the new values that are {chosen}.", f"Only the new values that are {chosen} count."
    )
    return Draft(
        statement=f"{intro(w)} None is negative. {take} {then} {ask(w, asked)} {if_none(w, otherwise)}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec=ANSWER,
        recall=f"Replace each number by {words}, keep those that are {chosen} and print {asked}.",
        plan=(
            READ_STEP,
            f"Let c be {code} for each x in a.",
            f"Let b be x for each x in c with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            *READ,
            f"c = [{code} for x in a]",
            f"b = [x for x in c if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_natural,
    )


def _positive(random: Random, level: int) -> str:
    return _row(random, level, 1)


def _natural(random: Random, level: int) -> str:
    return _row(random, level, 0)


def _row(random: Random, level: int, low: int) -> str:
    """Few numbers, many, or edge cases: one number, equal ones, multiples of one number."""
    n = {0: random.randint(3, 6), 1: random.randint(1, 20), 2: random.choice([1, 1, 2, 5])}[level]
    high, step = random.choice([8, 20, 40]), 1
    if level == 2:
        high, step = random.choice([(1, 1), (4, 1), (9, 1), (40, 1), (6, 6), (8, 8), (12, 5)])
    values = [step * random.randint(low, high) for _ in range(n)]
    if level == 2 and random.random() < 0.4:
        values = [values[0]] * n
    return f"{n}\n{' '.join(map(str, values))}\n"


FAMILIES = (
    Family(
        "folds",
        "So Far",
        "folding: keep the gcd, lcm or bits of all numbers so far and look at each value",
        ("number theory", "bitmasks"),
        1200,
        {
            "fold": tuple(FOLDS),
            "side": tuple(FOLD_SIDES),
            "condition": AMOUNTS,
            "total": tuple(TOTALS),
            "empty": tuple(EMPTY),
            "k": CONSTANT,
            "m": (5, 7, 9, 10),
        },
        _folds,
    ),
    Family(
        "divisors",
        "Divisors",
        "divisors: try every number up to x and keep those that divide it",
        ("number theory", "math"),
        1100,
        {
            "test": tuple(DIVISOR_TESTS),
            "value": tuple(DIVISOR_VALUES),
            "condition": AMOUNTS,
            "total": SOME_TOTALS,
            "empty": tuple(EMPTY),
            "k": CONSTANT,
            "m": (2, 3, 4, 5),
        },
        _divisors,
    ),
    Family(
        "masks",
        "Bits of Numbers",
        "bit operations: change the bits of each number and keep some of the results",
        ("bitmasks",),
        1000,
        {
            "mask": tuple(MASKS),
            "condition": AMOUNTS,
            "total": tuple(TOTALS),
            "empty": tuple(EMPTY),
            "k": CONSTANT,
            "m": tuple(range(1, 8)),
        },
        _masks,
    ),
)
