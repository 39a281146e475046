"""Gold programs about numbers and bits against references that work another way."""

from math import gcd, lcm, prod

import pytest

from mapcoder_lite.pocket.families import arithmetic, sequences
from mapcoder_lite.pocket.words import Choices
from pocket_reference import Answer, disagreements, integers, kept, totalled

FAMILIES = {family.name: family for family in (*arithmetic.FAMILIES, *sequences.FAMILIES)}
BITS = range(10)


def folds(c: Choices, rows: list[str]) -> Answer:
    a = integers(rows[1])
    assert len(a) == int(rows[0])
    parts = [a[:i] for i in range(1, len(a) + 1)]
    if c["side"] == "right":
        parts = [a[i:] for i in reversed(range(len(a)))]
    fold = {
        "gcd": lambda part: gcd(*part),
        "lcm": lambda part: lcm(*part),
        "xor": lambda part: sum(2**i for i in BITS if sum(x >> i & 1 for x in part) % 2),
        "or": lambda part: sum(2**i for i in BITS if any(x >> i & 1 for x in part)),
        "and": lambda part: sum(2**i for i in BITS if all(x >> i & 1 for x in part)),
        "product": lambda part: prod(part) % int(c["m"]),
    }[str(c["fold"])]
    return totalled(c, kept(c, [fold(part) for part in parts]))


def divisors(c: Choices, rows: list[str]) -> Answer:
    m = int(c["m"])

    def chosen(x: int) -> list[int]:
        every = [y for y in range(1, x + 1) if x // y * y == x]
        return {
            "all": every,
            "proper": every[:-1],
            "odd": [y for y in every if y % 2 == 1],
            "even": [y for y in every if y % 2 == 0],
            "greater": [y for y in every if y > m],
            "less": [y for y in every if y < m],
            "coprime": [y for y in range(1, x + 1) if not any(y % z == 0 for z in every if z > 1)],
        }[str(c["test"])]

    value = {"number": len, "sum": sum, "largest": lambda found: max([0, *found])}[str(c["value"])]
    return totalled(c, kept(c, [value(chosen(x)) for x in integers(rows[1])]))


def masks(c: Choices, rows: list[str]) -> Answer:
    m = int(c["m"])

    def by_bits(test) -> int:
        return sum(2**i for i in BITS if test(i))

    def value(x: int) -> int:
        digits = f"{x:b}"
        ones = [i for i in BITS if x // 2**i % 2]
        wanted = {
            "and": lambda: by_bits(lambda i: x // 2**i % 2 and m // 2**i % 2),
            "or": lambda: by_bits(lambda i: x // 2**i % 2 or m // 2**i % 2),
            "xor": lambda: by_bits(lambda i: x // 2**i % 2 != m // 2**i % 2),
            "lowest": lambda: 2 ** ones[0] if ones else 0,
            "cleared": lambda: sum(2**i for i in ones[1:]),
            "length": lambda: ones[-1] + 1 if ones else 0,
            "halved": lambda: x // 2,
            "gray": lambda: by_bits(lambda i: x // 2**i % 2 != x // 2 ** (i + 1) % 2),
            "reversed": lambda: sum(2**i for i, digit in enumerate(digits) if digit == "1"),
            "zeros": lambda: len(digits) - len(ones),
        }
        return wanted[str(c["mask"])]()

    return totalled(c, kept(c, [value(x) for x in integers(rows[1])]))


def prime_divisors(x: int) -> set[int]:
    found: set[int] = set()
    y = 2
    while x > 1:
        if x % y:
            y += 1
        else:
            found.add(y)
            x //= y
    return found


def sieve(c: Choices, rows: list[str]) -> Answer:
    low, high = integers(rows[0])
    k, m = int(c["k"]), int(c["m"])

    def is_prime(x: int) -> bool:
        return prime_divisors(x) == {x}

    kind = {
        "primes": is_prime,
        "composites": lambda x: not is_prime(x),
        "one": lambda x: len(prime_divisors(x) - {x}) == 1,
        "two": lambda x: len(prime_divisors(x) - {x}) == 2,
    }[str(c["kind"])]
    test = {
        "all": lambda x: True,
        "remainder": lambda x: (x - m) % k == 0,
        "digit": lambda x: k in map(int, str(x)),
        "digit_sum": lambda x: (x // 100 + x // 10 % 10 + x % 10) % k == 0,
        "before": lambda x: is_prime(x + k),
        "last": lambda x: int(str(x)[-1]) > m,
        "palindrome": lambda x: list(str(x)) == list(reversed(str(x))),
        "bits": lambda x: x.bit_count() % 2 == 0,
    }[str(c["test"])]
    return totalled(c, [x for x in range(low, high + 1) if kind(x) and test(x)])


def recurrence(c: Choices, rows: list[str]) -> Answer:
    n, first, second, t = integers(rows[0])
    k = int(c["k"])
    following = {
        "sum": lambda a, i: a[i - 1] + a[i - 2],
        "first": lambda a, i: k * a[i - 1] + a[i - 2],
        "second": lambda a, i: a[i - 1] + k * a[i - 2],
        "product": lambda a, i: a[i - 1] * a[i - 2] + k,
        "square": lambda a, i: a[i - 1] ** 2 + a[i - 2],
        "position": lambda a, i: a[i - 1] + a[i - 2] + i,
        "difference": lambda a, i: max(a[i - 2 : i]) - min(a[i - 2 : i]) + k,
    }[str(c["rule"])]
    a = [first, second]
    while len(a) < n:
        value = following(a, len(a))
        a.append(value - value // t * t)
    return totalled(c, kept(c, a, k="q"))


REFERENCES = {
    "folds": folds,
    "divisors": divisors,
    "masks": masks,
    "sieve": sieve,
    "recurrence": recurrence,
}


def test_every_family_has_a_reference():
    assert REFERENCES.keys() == FAMILIES.keys()


@pytest.mark.parametrize("name", FAMILIES)
def test_gold_agrees_with_the_reference(name):
    reference = REFERENCES[name]
    assert disagreements(name, lambda c, text: reference(c, text.split("\n"))) == []
