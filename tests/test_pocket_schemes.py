"""Families of intervals, greedy schemes and games: gold programs agree with plain references."""

from collections import deque
from itertools import combinations

import pytest

from mapcoder_lite.pocket.words import Choices
from pocket_reference import Answer, changed, disagreements, holds, totalled


def numbers(rows: list[list[str]]) -> list[list[int]]:
    return [[int(word) for word in row] for row in rows]


def activities(c: Choices, rows: list[list[str]]) -> Answer:
    pause = {"touch": 0, "apart": 1, "pause": int(c["k"])}[str(c["test"])]
    left = [tuple(row) for row in numbers(rows[1:])]
    chosen: list[tuple[int, ...]] = []
    while left:
        first = min(
            left,
            key=lambda pair: {
                "end": (pair[1], *pair),
                "start": (0, *pair),
                "shortest": (pair[1] - pair[0], *pair),
                "longest": (pair[0] - pair[1], *pair),
                "middle": ((pair[0] + pair[1]) / 2, *pair),
            }[str(c["key"])],
        )
        left.remove(first)
        if not chosen or first[0] - chosen[-1][1] >= pause:
            chosen.append(first)
    lengths = [end - start for start, end in chosen]
    return {
        "number": len(chosen),
        "sum": sum(lengths),
        "longest": max(lengths),
        "shortest": min(lengths),
        "starts": [start for start, _ in chosen],
        "ends": [end for _, end in chosen],
        "last": chosen[-1][1],
    }[str(c["goal"])]


def merge(c: Choices, rows: list[list[str]]) -> Answer:
    gap = {"touch": 0, "overlap": -1, "near": int(c["k"])}[str(c["test"])]
    segments = [tuple(row) for row in numbers(rows[1:])]

    def joined() -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        for one, two in combinations(segments, 2):
            if max(one[0], two[0]) - min(one[1], two[1]) <= gap:
                return one, two
        return None

    while pair := joined():
        for segment in pair:
            segments.remove(segment)
        segments.append((min(pair[0][0], pair[1][0]), max(pair[0][1], pair[1][1])))
    values = {
        "length": [end - start for start, end in sorted(segments)],
        "points": [len(range(start, end + 1)) for start, end in sorted(segments)],
        "start": [start for start, _ in sorted(segments)],
        "end": [end for _, end in sorted(segments)],
        "middle": [start + end for start, end in sorted(segments)],
    }
    return totalled({**c, "empty": "none"}, values[str(c["value"])])


def nails(c: Choices, rows: list[list[str]]) -> Answer:
    strips = [(start, end) for start, end in numbers(rows[1:]) if holds(c, end - start)]
    places: list[int] = []
    for start, end in sorted(strips, key=lambda strip: strip[1]):
        barred = {
            "inside": [place for place in places if place >= start],
            "strict": [place for place in places if place > start],
            "far": [place for place in places if place > start - int(c["m"])],
        }[str(c["test"])]
        if not barred:
            places.append(end)
    if c["goal"] == "distance" and places:
        return max(places) - min(places)
    return totalled(c, places, "goal")


def two_ends(c: Choices, rows: list[list[str]]) -> Answer:
    (_, t), a = numbers(rows)
    pairs: list[tuple[int, int]] = []
    while len(a) >= 2:
        x, y = min(a), max(a)
        meets = {
            "sum_at_most": not x + y > t,
            "sum_at_least": not x + y < t,
            "difference_at_most": not y - x > t,
            "difference_at_least": not y - x < t,
            "product_at_most": not x * y > t,
            "sum_even": not (x ^ y ^ t) & 1,
            "double": not y - t > x + x,
        }[str(c["test"])]
        if meets:
            pairs.append((x, y))
        for number in (x, y) if meets else (y if c["move"] == "larger" else x,):
            a.remove(number)
    goal = str(c["goal"])
    if goal in ("distances", "distance"):
        of = "sum" if goal == "distances" else "largest"
        return totalled({**c, "goal": of}, [y - x for x, y in pairs], "goal")
    return totalled(c, [x + y for x, y in pairs], "goal")


def heap(c: Choices, rows: list[list[str]]) -> Answer:
    a, k = numbers(rows)[1], int(c["k"])
    costs: list[int] = []
    while len(a) > 1:
        x, y, *a = sorted(a)
        price = {"sum": x + y, "product": x * y, "larger": max(x, y), "smaller": min(x, y)}
        costs.append(price.get(str(c["cost"]), abs(x - y)))
        remainder = (x + y) - (x + y) // k * k
        new = {"sum": x + y, "more": k + x + y, "difference": abs(x - y), "double": x + x}
        a.append(new.get(str(c["merged"]), remainder))
    return totalled({**c, "empty": "none"}, costs, "goal")


def records(c: Choices, rows: list[list[str]]) -> Answer:
    k, m = int(c["k"]), int(c["m"])
    players = [(i, x, y) for i, (x, y) in enumerate(numbers(rows[1:]), 1)]
    if c["tie"] in ("more", "less"):
        players.sort(key=lambda player: player[2], reverse=c["tie"] == "more")
    elif c["tie"] == "late":
        players.reverse()
    players.sort(
        key=lambda player: {
            "sum": player[1] + player[2],
            "wide": abs(player[1] - player[2]),
            "close": abs(player[1] - player[2]),
            "remainder": player[1] % k,
        }.get(str(c["key"]).rpartition("_")[2], player[1]),
        reverse=c["key"] in ("more", "larger_sum", "wide"),
    )
    order = [player[0] for player in players]
    return {
        "all": order,
        "first": order[0],
        "last": order[len(order) - 1],
        "some": [i for place, i in enumerate(order) if place < m],
        "place": next(place for place, i in enumerate(order, 1) if i == 1),
        "second": [i for place, i in enumerate(order) if place % 2 == 0],
    }[str(c["goal"])]


def rounds(c: Choices, rows: list[list[str]]) -> Answer:
    (n, q), left = numbers(rows)
    k, clock = int(c["k"]), 0
    done: dict[int, int] = {}
    queue = deque(range(n))
    while queue:
        job = queue.popleft()
        offers = {"fixed": q, "place": q + job, "half": min(q, -(-left[job] // 2))}
        for _ in range(min(left[job], offers[str(c["turn"])])):
            left[job] -= 1
            clock += k if c["cost"] == "double" else 1
        clock += {"one": 1, "more": k}.get(str(c["cost"]), 0)
        if not left[job]:
            done[job] = clock
        elif c["place"] == "second" and queue:
            queue.extendleft([job, queue.popleft()])
        else:
            queue.append(job)
    times = [done[job] for job in range(n)]
    return {
        "all": times,
        "sum": sum(times),
        "earliest": min(times),
        "front": done[0],
        "end": done[n - 1],
        "range": max(times) - min(times),
    }[str(c["goal"])]


def robot(c: Choices, rows: list[list[str]]) -> Answer:
    step, k = int(c["step"]), int(c["k"])
    x = y = 0
    noted: list[int] = []
    for sign in rows[0][0]:
        right, up = {"R": (step, 0), "L": (-1, 0), "U": (0, 1), "D": (0, -1)}[sign]
        x, y = x + right, y + up
        match c["wall"]:
            case "left" if x < -k:
                x = -k
            case "right" if x > k:
                x = k
            case "circle":
                x -= x // k * k
            case "mirror" if x < 0:
                x = -x
            case _:
                pass
        noted.append(
            {
                "x": x,
                "sum": x + y,
                "difference": x - y,
                "distance": max(x, -x) + max(y, -y),
                "product": x * y,
                "square": x**2 + y**2,
            }[str(c["value"])]
        )
    if c["goal"] == "zero":
        return sum(not value for value in noted)
    if c["goal"] == "first":
        return min(i for i, value in enumerate(noted, 1) if value == max(noted))
    return totalled(c, noted, "goal")


def turns(c: Choices, rows: list[list[str]]) -> Answer:
    row = numbers(rows)[1]
    scores = {"first": 0, "second": 0}
    for turn in range(len(row)):
        player = ("first", "second")[turn & 1]
        outer = sorted({0, len(row) - 1})
        place = {
            "left": 0,
            "right": len(row) - 1,
            "larger": max(outer, key=lambda i: row[i]),
            "smaller": min(outer, key=lambda i: row[i]),
            "largest": max(range(len(row)), key=lambda i: row[i]),
            "smallest": min(range(len(row)), key=lambda i: row[i]),
            "middle": len(row) - 1 - (len(row) - 1) // 2,
        }[str(c[player])]
        scores[player] += changed(c, row[place])
        row = [x for i, x in enumerate(row) if i != place]
    alice, bob = scores.values()
    return {
        "first": alice,
        "second": bob,
        "lead": alice - bob,
        "best": max(bob, alice),
        "worst": min(bob, alice),
        "winner": "YES" if bob < alice else "NO",
    }[str(c["goal"])]


REFERENCES = (activities, merge, nails, two_ends, heap, records, rounds, robot, turns)


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda function: function.__name__)
def test_gold_agrees_with_the_reference(reference):
    found = disagreements(reference.__name__, lambda c, text: reference(c, words(text)))
    assert found == []


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_wrong_reference_is_seen():
    assert disagreements("robot", lambda c, text: "NONE")
