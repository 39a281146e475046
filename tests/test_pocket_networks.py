"""Gold programs about graphs, trees and grids against references that work another way."""

from itertools import chain, product

import pytest

from mapcoder_lite.pocket.families import layers, networks
from mapcoder_lite.pocket.words import Choices
from pocket_reference import Answer, disagreements, holds, integers, kept, nothing, totalled

FAMILIES = {family.name: family for family in (*networks.FAMILIES, *layers.FAMILIES)}


def components(c: Choices, rows: list[str]) -> Answer:
    (n, _), *roads = [integers(row) for row in rows if row]
    joined = [(u, v) for u, v, x in roads if holds(c, x, condition="open")]
    group = dict(zip(range(1, n + 1), range(1, n + 1), strict=True))
    for _ in range(n):
        for u, v in joined:
            group[u] = group[v] = min(group[u], group[v])
    sizes = [list(group.values()).count(name) for name in dict.fromkeys(group.values())]
    return totalled(c, kept(c, sizes, condition="size", k="q"))


def directed(c: Choices, roads: list[list[int]]) -> list[tuple[int, int, int]]:
    """Steps that may be taken, with lengths (1 where roads have none)."""
    ahead = [(road[0], road[1], road[2] if len(road) > 2 else 1) for road in roads]
    back = [(v, u, x) for u, v, x in ahead]
    return {"both": ahead + back, "forward": ahead, "backward": back}[str(c["way"])]


def reached(steps: list[tuple[int, int, int]], start: int) -> set[int]:
    found = {start}
    while more := {v for u, v, _ in steps if u in found} - found:
        found |= more
    return found


def distances(c: Choices, rows: list[str]) -> Answer:
    (n, _, s), *roads = [integers(row) for row in rows if row]
    far = 10**6
    table = {(u, v): 0 if u == v else far for u, v in product(range(1, n + 1), repeat=2)}
    for u, v, _ in directed(c, roads):
        table[u, v] = 1
    for k, u, v in product(range(1, n + 1), repeat=3):
        table[u, v] = min(table[u, v], table[u, k] + table[k, v])
    k = int(c["k"])
    test = {
        "even": lambda x: not x & 1,
        "odd": lambda x: bool(x & 1),
        "exactly": lambda x: x == k,
        "at_least": lambda x: x >= k,
        "at_most": lambda x: x <= k,
    }[str(c["test"])]
    towns = [v for v in range(1, n + 1) if v != s and table[s, v] < far and test(table[s, v])]
    values = towns if c["value"] == "town" else [table[s, v] for v in towns]
    return totalled(c, values)


def roads(c: Choices, rows: list[str]) -> Answer:
    (_, _, s), *told = [integers(row) for row in rows if row]
    steps = [step for step in directed(c, told) if holds(c, step[2], condition="open")]
    towns = sorted(reached(steps, s) - {s})
    return totalled(c, [best_way(c, steps, s, town) for town in towns])


def best_way(c: Choices, steps: list[tuple[int, int, int]], s: int, town: int) -> int:
    lengths = sorted({x for _, _, x in steps})
    if c["rule"] == "easiest":
        fits = (y for y in lengths if town in reached([t for t in steps if t[2] <= y], s))
        return next(fits)
    if c["rule"] == "widest":
        fits = (y for y in lengths[::-1] if town in reached([t for t in steps if t[2] >= y], s))
        return next(fits)
    price = {
        "shortest": lambda x: x,
        "toll": lambda x: x + int(c["m"]),
        "squares": lambda x: x**2,
        "fewest": lambda x: 1,
    }[str(c["rule"])]
    done: dict[int, int] = {}
    waiting = {s: 0}
    while waiting:  # the nearest town first, as Dijkstra does
        near = min(waiting, key=lambda v: waiting[v])
        done[near] = waiting.pop(near)
        for u, v, x in steps:
            if u == near and v not in done:
                waiting[v] = min(waiting.get(v, 10**9), done[near] + price(x))
    return done[town]


def levels(c: Choices, rows: list[str]) -> Answer:
    (n, _), *rules = [integers(row) for row in rows if row]
    before = {v: [u for u, w in rules if w == v] for v in range(1, n + 1)}
    chains = {v: [[v]] for v in range(1, n + 1)}
    for v in range(1, n + 1):
        for path in chains[v]:  # grows: every chain that ends with v, backwards
            for u in before[path[-1]]:
                if u in path:
                    return nothing(c)
                chains[v].append([*path, u])
    value = {
        "level": lambda found: max(map(len, found)),
        "days": lambda found: max(map(sum, found)),
        "chains": len,
        "smallest": lambda found: min(map(min, found)),
        "largest": lambda found: max(map(max, found)),
    }[str(c["rule"])]
    values = [value(chains[v]) for v in range(1, n + 1)]
    if c["goal"] in ("all", "highest"):
        return values if c["goal"] == "all" else [max(values)]
    return totalled(c, values, "goal")


def tree(c: Choices, rows: list[str]) -> Answer:
    n = int(rows[0])
    up = dict(enumerate(integers(rows[1]), 2))

    def way(v: int) -> list[int]:
        return [v, *way(up[v])] if v > 1 else [1]

    below = {v: [u for u in range(1, n + 1) if v in way(u)] for v in range(1, n + 1)}
    value = {
        "depth": lambda v: len(way(v)) - 1,
        "path": lambda v: sum(way(v)),
        "children": lambda v: sum(1 for u in up if up[u] == v),
        "size": lambda v: len(below[v]),
        "weight": lambda v: sum(below[v]),
        "height": lambda v: max(len(way(u)) for u in below[v]) - len(way(v)),
    }[str(c["rule"])]
    return totalled(c, kept(c, [value(v) for v in range(2, n + 1)]))


def islands(c: Choices, rows: list[str]) -> Answer:
    height, width = integers(rows[0])
    sign = {"hash": "#", "dot": "."}[str(c["sign"])]
    cells = [p for p in product(range(height), range(width)) if rows[1 + p[0]][p[1]] == sign]
    near = {
        "sides": lambda down, right: down + right == 1,
        "corners": lambda down, right: down == right == 1,
        "all": lambda down, right: max(down, right) == 1,
        "row": lambda down, right: (down, right) == (0, 1),
        "column": lambda down, right: (down, right) == (1, 0),
        "knight": lambda down, right: {down, right} == {1, 2},
    }[str(c["near"])]
    groups: list[list[tuple[int, int]]] = []
    for i, j in cells:
        met = [g for g in groups if any(near(abs(i - k), abs(j - m)) for k, m in g)]
        groups = [g for g in groups if g not in met] + [[(i, j), *chain(*met)]]
    value = {
        "cells": len,
        "rows": lambda group: len({i for i, _ in group}),
        "columns": lambda group: len({j for _, j in group}),
    }[str(c["value"])]
    return totalled(c, kept(c, [value(group) for group in groups]))


REFERENCES = {
    "components": components,
    "distances": distances,
    "roads": roads,
    "levels": levels,
    "tree": tree,
    "islands": islands,
}


def test_every_family_has_a_reference():
    assert REFERENCES.keys() == FAMILIES.keys()


@pytest.mark.parametrize("name", FAMILIES)
def test_gold_agrees_with_the_reference(name):
    reference = REFERENCES[name]
    assert disagreements(name, lambda c, text: reference(c, text.split("\n"))) == []
