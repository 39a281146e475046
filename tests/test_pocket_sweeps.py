"""Families of sweeps, stacks and queues: gold programs agree with slow and plain references."""

import pytest

from mapcoder_lite.pocket.words import Choices
from pocket_reference import Answer, changed, disagreements, holds, totalled

BLOCKS = {
    "absolute": lambda block, k: sum(abs(x) for x in block),
    "square": lambda block, k: sum(x**2 for x in block),
    "spread": lambda block, k: max(abs(x - y) for x in block for y in block),
    "distinct": lambda block, k: len(dict.fromkeys(block)),
    "repeated": lambda block, k: sum(x in block[:i] for i, x in enumerate(block)),
    "peak": lambda block, k: max(abs(x) for x in block),
    "even": lambda block, k: sum(not x & 1 for x in block),
    "odd": lambda block, k: sum(x & 1 for x in block),
    "positive": lambda block, k: sum(x >= 1 for x in block),
    "negative": lambda block, k: sum(x <= -1 for x in block),
    "divisible": lambda block, k: sum(x == x // k * k for x in block),
}


def stretch(c: Choices, rows: list[list[str]]) -> Answer:
    (n, t), a = map(int, rows[0]), list(map(int, rows[1]))
    value = BLOCKS[str(c["measure"])]
    good = [(i, j) for j in range(n) for i in range(j + 1) if value(a[i : j + 1], int(c["k"])) <= t]
    longest = [max([e - s + 1 for s, e in good if e == j], default=0) for j in range(n)]
    return {
        "longest": max([e - s + 1 for s, e in good], default=0),
        "number": len(good),
        "lengths": len(dict.fromkeys(longest)),
        "end": 1 + min(j for j in range(n) if longest[j] == max(longest)),
        "all": longest,
        "last": longest[n - 1],
        "single": sum(x == 1 for x in longest),
    }[str(c["goal"])]


def answered(c: Choices, b: list[int]) -> Answer:
    if c["goal"] == "best":
        return 1 + min(i for i, x in enumerate(b) if x == max(b))
    return totalled({"total": c["goal"]}, b)


def range_queries(c: Choices, rows: list[list[str]]) -> Answer:
    a = list(map(int, rows[1]))
    b: list[int] = []
    for left, right in rows[2:]:
        kept = [x for x in a[int(left) - 1 : int(right)] if holds(c, x)]
        powers = {"count": 0, "sum": 1, "square": 2}
        b.append(sum(x ** powers[str(c["value"])] for x in kept))
    return answered(c, b)


def difference(c: Choices, rows: list[list[str]]) -> Answer:
    b = [0] * int(rows[0][0])
    for left, right, x in rows[1:]:
        for place in range(int(left), int(right) + (c["end"] == "range")):
            b[place - 1] += changed(c, int(x))
    signs = {"positive": (1,), "negative": (-1,), "zero": (0,)}
    if c["goal"] in signs:
        return sum((x > 0) - (x < 0) in signs[str(c["goal"])] for x in b)
    return sum(not x & 1 for x in b) if c["goal"] == "even" else answered(c, b)


def brackets(c: Choices, rows: list[list[str]]) -> Answer:
    text = rows[0][0]
    opening = {"round": "(", "square": "[", "curly": "{"}[str(c["bracket"])]
    free = [sign == opening for sign in text]
    b: list[int] = []
    for i, sign in enumerate(text):
        before = [j for j in range(i) if free[j]]
        if sign != opening and before:
            j = max(before)
            free[j] = False
            b.append(
                {
                    "length": len(text[j : i + 1]),
                    "inside": len(text[j + 1 : i]),
                    "open": j + 1,
                    "close": i + 1,
                    "depth": len(before),
                }[str(c["value"])]
            )
    return totalled(c, [x for x in b if holds(c, x)])


def next_greater(c: Choices, rows: list[list[str]]) -> Answer:
    a = list(map(int, rows[1]))
    b: list[int] = []
    for i, x in enumerate(a):
        near = a[i + 1 :] if c["side"] == "right" else list(reversed(a[:i]))
        fits = {
            "greater": [y for y in near if y > x],
            "at_least": [y for y in near if y >= x],
            "less": [y for y in near if y < x],
            "at_most": [y for y in near if y <= x],
        }[str(c["relation"])]
        for y in fits[:1]:
            values = {"itself": y, "difference": abs(x - y), "sum": x + y, "product": x * y}
            b.append(values[str(c["value"])])
    return totalled(c, b)


def reduce(c: Choices, rows: list[list[str]]) -> Answer:
    pile: tuple[int, ...] = ()
    k = int(c["k"])
    for x in map(int, rows[1]):
        y = pile[-1] if pile else 0
        meets = {
            "equal": x == y,
            "less": y < x,
            "greater": y > x,
            "sum_even": x % 2 == y % 2,
            "sum_odd": x % 2 != y % 2,
            "divisible": (x + y) // k * k == x + y,
            "close": -k <= x - y <= k,
            "far": not -k <= x - y <= k,
        }[str(c["test"])]
        if not pile or not meets:
            pile = (*pile, x)
            continue
        tops = {"cancel": (), "sum": (x + y,), "difference": (y - x,), "replace": (x,)}
        pile = pile[:-1] + tops.get(str(c["action"]), (y + y,))
    return sum(changed(c, x) for x in pile)


def circle(c: Choices, rows: list[list[str]]) -> Answer:
    q, a = int(rows[0][1]), list(map(int, rows[1]))
    out: list[int] = []
    while len(a) > int(c["m"]):
        counts = {"fixed": q, "growing": q + len(out), "front": a[0], "half": len(a) // 2}
        for _ in range(counts[str(c["step"])]):
            a = {
                "forward": a[1:] + a[:1],
                "backward": a[-1:] + a[:-1],
                "second": a[:1] + a[2:] + a[1:2],
            }[str(c["move"])]
        out.append(a[0] if c["end"] == "front" else a[-1])
        a = a[1:] if c["end"] == "front" else a[:-1]
    return {
        "order": out,
        "removed": sum(out),
        "last": out[-1],
        "peak": max(out),
        "left": a,
        "sum": sum(a),
    }[str(c["goal"])]


REFERENCES = (stretch, range_queries, difference, brackets, next_greater, reduce, circle)


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda function: function.__name__)
def test_gold_agrees_with_the_reference(reference):
    found = disagreements(reference.__name__, lambda c, text: reference(c, words(text)))
    assert found == []


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_wrong_reference_is_seen():
    assert disagreements("circle", lambda c, text: "NONE")
