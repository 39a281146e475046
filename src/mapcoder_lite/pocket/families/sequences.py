"""Families about primes and sequences.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from random import Random

from mapcoder_lite.pocket.families.phrases import AMOUNTS, ANSWER, ask, if_none, kept
from mapcoder_lite.pocket.family import Draft, Family, lines, lines_unless_empty, steps_unless_empty
from mapcoder_lite.pocket.words import (
    CONSTANT,
    EMPTY,
    SOME_TOTALS,
    TOTALS,
    Choices,
    Wording,
    condition,
    empty,
    total,
)

SIEVES = {
    "primes": ("primes", "d[x] == 0"),
    "composites": ("integers that are not prime", "d[x] > 0"),
    "one": ("integers with exactly one prime divisor smaller than the integer", "d[x] == 1"),
    "two": ("integers with exactly two prime divisors smaller than the integer", "d[x] == 2"),
}
"""d[x] is the number of prime divisors of x that are smaller than x."""

SIEVE_TESTS = {
    "all": ("", "x >= l"),
    "remainder": ("leave remainder {m} when divided by {k}", "x >= l and x % {k} == {m}"),
    "digit": ("contain the digit {k}", 'x >= l and "{k}" in str(x)'),
    "digit_sum": (
        "have a digit sum divisible by {k}",
        "x >= l and sum(map(int, str(x))) % {k} == 0",
    ),
    "before": ("become prime when {k} is added", "x >= l and d[x + {k}] == 0"),
    "last": ("have a last digit greater than {m}", "x >= l and x % 10 > {m}"),
    "palindrome": ("are palindromes", "x >= l and str(x) == str(x)[::-1]"),
    "bits": ("have an even number of ones in binary", 'x >= l and bin(x).count("1") % 2 == 0'),
}


def _sieve(c: Choices, w: Wording) -> Draft:
    words, kind = SIEVES[str(c["kind"])]
    which, test = (part.format(k=c["k"], m=c["m"]) for part in SIEVE_TESTS[str(c["test"])])
    keep = f"{kind} and {test}"
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    only = f", but only those that {which}" if which else ""
    story = w.pick(
        "You are given two integers l and r.",
        "Alice chose two integers l and r.",
        "Bob wrote down two integers l and r.",
    )
    take = w.pick(
        f"Take all {words} from l to r{only}.",
        f"Consider the {words} between l and r, both included{only}.",
    )
    return Draft(
        statement=f"{story} {take} {ask(w, asked)} {if_none(w, otherwise)}",
        input_spec=w.pick(
            "One line with l and r, l is at least 2.",
            "The only line contains the integers l and r, l is at least 2.",
        ),
        output_spec=ANSWER,
        recall=f"With a sieve find the {words} from l to r{only}, and print {asked}.",
        plan=(
            "Read l and r and let d be r + 10 zeros.",
            "For x from 2 on if d[x] is 0 add 1 to d[y] for each y in range(2 * x, r + 10, x).",
            f"Let b be x for each x up to r with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "l, r = map(int, input().split())",
            "d = [0] * (r + 10)",
            "for x in range(2, r + 10):",
            "    if d[x] == 0:",
            "        for y in range(2 * x, r + 10, x):",
            "            d[y] += 1",
            f"b = [x for x in range(2, r + 1) if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_bounds,
    )


RECURRENCES = {
    "sum": ("the sum of the two before", "(p + q)"),
    "first": ("{k} times the one before plus the one before that", "({k} * q + p)"),
    "second": ("the one before plus {k} times the one before that", "(q + {k} * p)"),
    "product": ("the product of the two before plus {k}", "(p * q + {k})"),
    "square": ("the square of the one before plus the one before that", "(q * q + p)"),
    "position": ("the sum of the two before plus its position i", "(p + q + i)"),
    "difference": ("the absolute difference of the two before plus {k}", "(abs(p - q) + {k})"),
}


def _recurrence(c: Choices, w: Wording) -> Draft:
    words, code = (part.format(k=c["k"]) for part in RECURRENCES[str(c["rule"])])
    chosen, keep = condition({**c, "k": c["q"]})
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    start = w.pick(
        "A sequence has n numbers and starts with x and y.",
        "Alice writes n numbers. The first two are x and y.",
        "A machine prints n numbers, the first two are x and y.",
    )
    then = w.pick(
        f"Each later number is {words}, taken modulo t.",
        f"Every further number is the remainder modulo t of {words}.",
    )
    return Draft(
        statement=f"{start} Positions are counted from 0. {then} {kept(w, chosen)} {ask(w, asked)} {if_none(w, otherwise)}",
        input_spec="One line with n, x, y and t. n is at least 2.",
        output_spec=ANSWER,
        recall=f"Write a sequence in which each number is {words}, modulo t, keep the values that are {chosen} and print {asked}.",
        plan=(
            "Read n, p, q and t and let a be [p, q].",
            f"For i from 2 to n - 1 set p, q to q, {code} % t and append q to a.",
            f"Let b be x for each x in a with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "n, p, q, t = map(int, input().split())",
            "a = [p, q]",
            "for i in range(2, n):",
            f"    p, q = q, {code} % t",
            "    a.append(q)",
            f"b = [x for x in a if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_sequence,
    )


def _bounds(random: Random, level: int) -> str:
    low = random.randint(2, 20 if level == 0 else 150)
    width = {
        0: random.randint(8, 30),
        1: random.randint(10, 150),
        2: random.choice([0, 1, 3, 5, 300]),
    }[level]
    return f"{low} {low + width}\n"


def _sequence(random: Random, level: int) -> str:
    n = {0: random.randint(4, 8), 1: random.randint(3, 30), 2: random.choice([2, 2, 3, 40])}[level]
    high = random.choice([10, 30])
    t = random.randint(5, 50) if level < 2 else random.choice([1, 2, 3, 97])
    first = random.randint(0, high)
    second = first if level == 2 and random.random() < 0.4 else random.randint(0, high)
    return f"{n} {first} {second} {t}\n"


FAMILIES = (
    Family(
        "sieve",
        "Sieve",
        "sieve: strike out the multiples of each prime and count how often each number is struck",
        ("number theory", "sieve"),
        1300,
        {
            "kind": tuple(SIEVES),
            "test": tuple(SIEVE_TESTS),
            "total": SOME_TOTALS,
            "empty": tuple(EMPTY),
            "k": (3, 4, 5, 6, 7, 8),
            "m": (1, 2),
        },
        _sieve,
    ),
    Family(
        "recurrence",
        "Sequence",
        "recurrences: compute each number from the two before it, modulo t",
        ("math", "sequences"),
        1100,
        {
            "rule": tuple(RECURRENCES),
            "condition": AMOUNTS,
            "total": tuple(TOTALS),
            "empty": tuple(EMPTY),
            "k": CONSTANT,
            "q": CONSTANT,
        },
        _recurrence,
    ),
)
