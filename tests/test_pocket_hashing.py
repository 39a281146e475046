"""Gold programs of the halving and hashing families against plain search."""

import pytest

from pocket_reference import (
    disagreements,
    holds,
    mistakes_no_plan_shows,
    nothing,
    numbers,
    totalled,
)

MEASURES = {
    "made": lambda x, r: r // x,
    "hours": lambda x, r: -(-x // r),
    "pieces": lambda x, r: x // r,
    "cut": lambda x, r: x - r if x > r else 0,
    "filled": lambda x, r: r - x if r > x else 0,
    "capped": lambda x, r: r if r < x else x,
    "raised": lambda x, r: x if r < x else r,
    "starts": lambda x, r: -(-r // x),
}


def answer_search(c, text):
    (_, t), a = numbers(text)
    for r in range(1, 101):
        measured = sum(MEASURES[c["measure"]](x, r) for x in a if holds(c, x))
        is_small = c["measure"] in ("hours", "pieces", "cut")
        is_right = measured < t if is_small else measured > t
        if is_right or (c["bound"] == "weak" and measured == t):
            found = {"it": r, "square": r**2, "before": r - 1, "modulo": r % c["m"]}
            return str(found[c["found"]])
    return nothing(c)


def closest(c, text):
    _, a, questions = numbers(text)
    found = []
    for x in questions:
        sides = {
            "at_least": [y for y in a if y >= x],
            "greater": [y for y in a if y > x],
            "less": [y for y in a if y < x],
            "at_most": [y for y in a if y <= x],
        }
        fitting = [y for y in sides[c["place"]] if holds(c, y)]
        if fitting:
            y = (min if c["place"] in ("at_least", "greater") else max)(fitting)
            values = {"number": y, "distance": max(x - y, y - x), "sum": x + y, "product": x * y}
            found.append(values[c["value"]])
    return totalled(c, found)


def key_of(c, x):
    q = c["q"]
    return {
        "value": x,
        "absolute": max(x, -x),
        "digit": int(str(x)[-1]),
        "remainder": next(rest for rest in range(q) if (x - rest) % q == 0),
        "quotient": next(p for p in range(-500, 500) if p * q <= x < p * q + q),
        "square": x**2 % q,
        "length": len(str(x).lstrip("-")),
    }[c["key"]]


def most_frequent(c, text):
    _, a = numbers(text)
    keys = [key_of(c, x) for x in a if holds(c, x)]
    if not keys:
        return nothing(c)
    times = (max if c["often"] == "most" else min)(keys.count(key) for key in keys)
    ranked = [key for key in keys if keys.count(key) == times]
    r = {"smallest": min(ranked), "largest": max(ranked), "first": ranked[0]}[c["tie"]]
    return {"key": f"{r}", "both": f"{r} {times}", "sum": f"{r + times}"}[c["printed"]]


def seen_before(c, text):
    _, a = numbers(text)
    q, written = c["q"], []
    is_partner = {
        "equal": lambda x, y: y == x,
        "absolute": lambda x, y: y in (x, -x),
        "digit": lambda x, y: str(y)[-1] == str(x)[-1],
        "remainder": lambda x, y: (x - y) % q == 0,
        "sum": lambda x, y: x + y == q,
        "smaller": lambda x, y: y + q == x,
        "larger": lambda x, y: y - q == x,
        "double": lambda x, y: y == x + x,
        "negative": lambda x, y: x + y == 0,
    }[c["partner"]]
    for i, x in enumerate(a):
        earlier = [j for j in range(i) if is_partner(x, a[j])]
        if earlier:
            j = earlier[-1]
            values = {"number": x, "place": i + 1, "distance": i - j}
            values |= {"earlier": j + 1, "partner": a[j]}
            written.append(values[c["value"]])
    return totalled(c, written)


def group_by(c, text):
    _, a = numbers(text)
    found = []
    for key in {key_of(c, x) for x in a}:
        members = [x for x in a if key_of(c, x) == key]
        n, m = len(members), c["m"]
        sizes = {"at_least": n >= m, "at_most": n <= m, "exactly": n == m}
        sizes |= {"odd": n % 2 == 1, "even": n % 2 == 0}
        ordered = sorted(members)
        values = {"sum": sum(members), "largest": ordered[-1], "smallest": ordered[0], "size": n}
        values |= {"range": ordered[-1] - ordered[0], "first": members[0], "last": members[-1]}
        if sizes[c["size"]]:
            found.append(values[c["value"]])
    return totalled(c, found)


def accounts(c, text):
    entries = [(y, x) for y, x in numbers(text)[1:] if holds(c, x)]
    if not entries:
        return nothing(c)
    held = {}
    for account in sorted({y for y, _ in entries}):
        amounts = [x for y, x in entries if y == account]
        signs = [(-1) ** place for place in range(len(amounts))]
        held[account] = {
            "add": sum(amounts),
            "largest": max(amounts),
            "smallest": min(amounts),
            "last": amounts[-1],
            "first": amounts[0],
            "count": len(amounts),
            "turn": sum(sign * x for sign, x in zip(signs, amounts[::-1], strict=True)),
        }[c["update"]]
    rich = [y for y in held if held[y] == max(held.values())]
    poor = [y for y in held if held[y] == min(held.values())]
    printed = {
        "richest": [rich[0]],
        "richest_last": [rich[-1]],
        "poorest": [poor[0]],
        "accounts": list(held),
        "order": [y for _, y in sorted((amount, y) for y, amount in held.items())],
        "held": list(held.values()),
        "sum": [sum(held.values())],
        "most": [max(held.values())],
        "above": [sum(amount > c["m"] for amount in held.values())],
    }[c["goal"]]
    return " ".join(map(str, printed))


REFERENCES = {
    reference.__name__: reference
    for reference in (answer_search, closest, most_frequent, seen_before, group_by, accounts)
}


@pytest.mark.parametrize("name", REFERENCES)
def test_gold_agrees_with_plain_search(name):
    assert disagreements(name, REFERENCES[name]) == []


@pytest.mark.parametrize("name", REFERENCES)
def test_every_wrong_program_has_a_wrong_plan(name):
    assert mistakes_no_plan_shows(name) == []
