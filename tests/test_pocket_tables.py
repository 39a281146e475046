"""Gold programs of the table and matrix families against trying everything."""

from itertools import combinations, pairwise, product
from math import prod

import pytest

from pocket_reference import (
    changed,
    disagreements,
    holds,
    mistakes_no_plan_shows,
    nothing,
    numbers,
    totalled,
)

SIZES = {
    "one_two": (1, 2),
    "one_three": (1, 3),
    "two_three": (2, 3),
    "one_two_three": (1, 2, 3),
    "one_two_four": (1, 2, 4),
    "one_three_four": (1, 3, 4),
}


def best(goal, values):
    return {"largest": max, "richest": max, "most": max}.get(goal, min)(values)


def stairs(c, text):
    (n,), a = numbers(text)
    if n > 12:
        return None

    def climbs(at):
        if at == n:
            yield []
        for jump in SIZES[c["jumps"]]:
            if at + jump <= n and holds(c, a[at + jump - 1]):
                for rest in climbs(at + jump):
                    yield [a[at + jump - 1], *rest]

    found = list(climbs(0))
    if not found:
        return nothing(c)
    if c["goal"] in ("ways", "modulo"):
        return str(len(found) % c["m"] if c["goal"] == "modulo" else len(found))
    measure = len if c["goal"] in ("fewest", "most") else sum
    return str(best(c["goal"], [measure(climb) for climb in found]))


WORTHS = {
    "value": lambda x, y, m: y,
    "square": lambda x, y, m: y**2,
    "product": lambda x, y, m: y * x,
    "sum": lambda x, y, m: y + x,
    "more": lambda x, y, m: m + y,
}


def knapsack(c, text):
    (n, t), weights, values = numbers(text)
    if n > 3:
        return None
    most = [t // x if c["use"] == "many" else 1 for x in weights]
    totals = []
    for counts in product(
        *(range(q + 1 if holds(c, x) else 1) for q, x in zip(most, weights, strict=True))
    ):
        weight = sum(q * x for q, x in zip(counts, weights, strict=True))
        fits = {
            "exactly": weight == t,
            "at_most": 1 <= weight <= t,
            "half": t < 2 * weight <= 2 * t,
        }
        if fits[c["fill"]]:
            worths = (
                WORTHS[c["worth"]](x, y, c["m"]) for x, y in zip(weights, values, strict=True)
            )
            totals.append(sum(q * worth for q, worth in zip(counts, worths, strict=True)))
    return str(best(c["goal"], totals)) if totals else nothing(c)


def apart(c, text):
    (n,), a = numbers(text)
    if n > 11:
        return None
    allowed = [i for i in range(n) if holds(c, a[i])]
    sums = [
        sum(changed(c, a[i]) for i in chosen)
        for size in range(len(allowed) + 1)
        for chosen in combinations(allowed, size)
        if all(j - i >= c["gap"] for i, j in combinations(chosen, 2))
    ]
    result = best(c["goal"], sums)
    return str(result) if result else nothing(c)


STEPS = {
    "take": (0, 1),
    "signs": (1, -1),
    "drop": (0, -1),
    "twice": (1, 2),
    "any": (-1, 0, 1),
}


def reachable(c, text):
    (n, t), a = numbers(text)
    if n > 7:
        return None
    used = [x for x in a if holds(c, x)]
    totals = {
        sum(sign * x for sign, x in zip(signs, used, strict=True))
        for signs in product(STEPS[c["move"]], repeat=len(used))
    }
    tests = {
        "greater": lambda p: p > t,
        "at_least": lambda p: p >= t,
        "less": lambda p: p < t,
        "at_most": lambda p: p <= t,
        "multiple": lambda p: abs(p) % t == 0,
        "near": lambda p: t - c["m"] <= p <= t + c["m"],
    }
    return totalled(c, [p for p in totals if tests[c["test"]](p)])


def tilings(c, text):
    _, a = numbers(text)
    if max(a) > 14:
        return None
    colours = {"one": lambda s: 1, "many": lambda s: c["k"], "length": lambda s: s}
    colours["more"] = lambda s: s + c["k"]

    def covers(length):
        """The ends of the tiles of every cover, the left end of the row first."""
        if length == 0:
            yield [0]
        for size in SIZES[c["tiles"]]:
            if size <= length:
                for ends in covers(length - size):
                    yield [*ends, length]

    def is_allowed(ends):
        borders = {"none": [], "ends": ends[1:], "starts": ends[1:-1]}[c["rule"]]
        return all(border % c["gap"] for border in borders)

    def ways(length):
        return sum(
            prod(colours[c["colours"]](end - start) for start, end in pairwise(ends))
            for ends in covers(length)
            if is_allowed(ends)
        )

    return totalled({**c, "empty": "zero"}, [ways(length) % c["m"] for length in a])


MOVES = {
    "right_down": ((0, 1), (1, 0)),
    "diagonal": ((0, 1), (1, 0), (1, 1)),
    "right_slant": ((0, 1), (1, 1)),
    "down_slant": ((1, 0), (1, 1)),
    "far_right": ((0, 1), (0, 2), (1, 0)),
    "far_down": ((0, 1), (1, 0), (2, 0)),
}


def number_path(c, text):
    (h, w), *g = numbers(text)
    if h + w > 9:
        return None

    def walks(i, j):
        if (i, j) == (h - 1, w - 1):
            yield [g[i][j]]
        for down, right in MOVES[c["moves"]]:
            y, x = i + down, j + right
            if y < h and x < w and holds(c, g[y][x]):
                for rest in walks(y, x):
                    yield [g[i][j], *rest]

    found = list(walks(0, 0))
    if not found:
        return nothing(c)
    if c["goal"] in ("ways", "modulo"):
        return str(len(found) % c["m"] if c["goal"] == "modulo" else len(found))
    if c["goal"] == "fewest":
        return str(min(len(walk) - 1 for walk in found))
    return str(best(c["goal"], [sum(walk) for walk in found]))


FITS = {
    "equal": lambda x, y: x == y,
    "vowels": lambda x, y: x == y and x in {*"aeiou"},
    "consonants": lambda x, y: x == y and x not in {*"aeiou"},
    "before": lambda x, y: x == y and x in "abc",
    "after": lambda x, y: x == y and x not in "ab",
    "close": lambda x, y: ord(x) - ord(y) in (-1, 0, 1),
    "next": lambda x, y: ord(x) + 1 == ord(y),
    "different": lambda x, y: x > y or x < y,
}


def common_word(c, text):
    s, t = text.split()
    if max(len(s), len(t)) > 7:
        return None

    def choices(word, size):
        if c["kind"] == "letters":
            return combinations(range(len(word)), size)
        return [range(start, start + size) for start in range(len(word) - size + 1)]

    def worth(i):
        special = {"one": False, "vowel": s[i] in {*"aeiou"}, "first": s[i] == "a"}
        return i + 1 if c["worth"] == "place" else c["k"] if special[c["worth"]] else 1

    r = max(
        sum(map(worth, mine))
        for size in range(min(len(s), len(t)) + 1)
        for mine in choices(s, size)
        for other in choices(t, size)
        if all(FITS[c["fit"]](s[i], t[j]) for i, j in zip(mine, other, strict=True))
    )
    results = {"it": r, "modulo": r % c["m"], "left": len(s) - r, "both": len(t) + r}
    return str(results[c["result"]]) if r else nothing(c)


def values_of(name, values, m=0):
    ordered = sorted(values)
    return {
        "sum": sum(values),
        "largest": ordered[-1],
        "smallest": ordered[0],
        "range": ordered[-1] - ordered[0],
        "distinct": len({*values}),
        "ends": values[0] - values[-1],
        "corners": values[0] - values[-1],
        "greater": sum(value > m for value in values),
    }[name]


def matrix_lines(c, text):
    (h, w), *g = numbers(text)
    rows = [[g[i][j] for j in range(w)] for i in range(h)]
    columns = [[g[i][j] for i in range(h)] for j in range(w)]
    taken = columns if c["line"].endswith("columns") else rows
    if c["line"].startswith("odd"):
        taken = [line for number, line in enumerate(taken, 1) if number % 2 == 1]
    values = [values_of(c["value"], line, c["m"]) for line in taken]
    return totalled(c, [x for x in values if holds(c, x)])


BLOCKS = {
    "square": (2, 2),
    "wide": (1, 3),
    "tall": (3, 1),
    "two_three": (2, 3),
    "three_two": (3, 2),
    "pair": (1, 2),
    "post": (2, 1),
}


def submatrix(c, text):
    (h, w), *g = numbers(text)
    p, q = BLOCKS[c["block"]]
    corners = [(i, j) for i in range(h) for j in range(w) if i + p <= h and j + q <= w]
    blocks = [[g[i + k // q][j + k % q] for k in range(p * q)] for i, j in corners]
    return totalled(c, [values_of(c["value"], block) for block in blocks])


REFERENCES = {
    reference.__name__: reference
    for reference in (
        stairs,
        knapsack,
        apart,
        reachable,
        tilings,
        number_path,
        common_word,
        matrix_lines,
        submatrix,
    )
}


@pytest.mark.parametrize("name", REFERENCES)
def test_gold_agrees_with_trying_everything(name):
    assert disagreements(name, REFERENCES[name]) == []


@pytest.mark.parametrize("name", REFERENCES)
def test_every_wrong_program_has_a_wrong_plan(name):
    assert mistakes_no_plan_shows(name) == []
