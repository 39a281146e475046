"""Families about towns and roads: groups, distances, best ways.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from itertools import pairwise
from random import Random

from mapcoder_lite.pocket.families.phrases import AMOUNTS, ANSWER, SET_TOTALS, ask
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
    Choices,
    Wording,
    condition,
    empty,
    total,
)

READ_SIZES = "n, m = map(int, input().split())"
READ_SIZES_FROM = "n, m, s = map(int, input().split())"


def _country(w: Wording) -> str:
    return w.pick(
        "There are n towns and m roads.",
        "A country has n towns and m roads.",
        "Alice drew a map of n towns and m roads.",
    )


def _components(c: Choices, w: Wording) -> Draft:
    road, is_open = condition(c, "open")
    words, keep = condition({**c, "k": c["q"]}, "size")
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    groups = w.pick(
        "Towns form a group if open roads lead from one to the other.",
        "Towns that open roads connect, also through other towns, are a group.",
    )
    none_left = w.pick(f"If there are none, {otherwise}.", f"If nothing is kept, {otherwise}.")
    return Draft(
        statement=f"{_country(w)} A road joins towns u and v and has length x. It is open if x is {road}. {groups} Take the number of towns of each group and keep the numbers that are {words}. {ask(w, asked)} {none_left}",
        input_spec="The first line contains n and m. Then follow m lines, each with u, v and x.",
        output_spec=ANSWER,
        recall=f"Join towns by roads whose length is {road}, keep the group sizes that are {words} and print {asked}.",
        plan=(
            "Read n and m, let p be list(range(n + 1)) and find(v) follow p to the root of v.",
            f"For each road u, v, x if {is_open} set p[find(u)] to find(v).",
            "Let c be find(v) for each v from 1 to n.",
            f"Let b be x for each x in map(c.count, set(c)) with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            READ_SIZES,
            "p = list(range(n + 1))",
            "def find(v):",
            "    while p[v] != v:",
            "        v = p[v]",
            "    return v",
            "for i in range(m):",
            "    u, v, x = map(int, input().split())",
            f"    if {is_open}:",
            "        p[find(u)] = find(v)",
            "c = [find(v) for v in range(1, n + 1)]",
            f"b = [x for x in map(c.count, set(c)) if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_lengths,
    )


WAYS = {
    "both": ("Roads may be used in both directions.", ("uv", "vu")),
    "forward": ("Each road leads only from u to v.", ("uv",)),
    "backward": ("Each road leads only from v to u.", ("vu",)),
}
"""Name to (words, the directions of a road u, v)."""

DISTANCE_TESTS = {
    "even": ("even", "d[v] % 2 == 0"),
    "odd": ("odd", "d[v] % 2 != 0"),
    "exactly": ("exactly {k}", "d[v] == {k}"),
    "at_least": ("at least {k}", "d[v] >= {k}"),
    "at_most": ("at most {k}", "d[v] <= {k}"),
}

DISTANCE_VALUES = {"distance": ("their distances", "d[v]"), "town": ("their numbers", "v")}


def _distances(c: Choices, w: Wording) -> Draft:
    rule, ways = WAYS[str(c["way"])]
    words, keep = (part.format(k=c["k"]) for part in DISTANCE_TESTS[str(c["test"])])
    taken, value = DISTANCE_VALUES[str(c["value"])]
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    joined = " and ".join(f"{j} to g[{i}]" for i, j in ways)
    reach = w.pick(
        f"Consider the towns other than s that can be reached from s and whose distance is {words}.",
        f"Look at the towns other than s that can be reached from s by a distance that is {words}.",
    )
    none_left = w.pick(f"If there are none, {otherwise}.", f"If no town is like that, {otherwise}.")
    return Draft(
        statement=f"{_country(w)} A road joins towns u and v. {rule} The distance of a town is the smallest number of roads on a way from town s to it. {reach} Take {taken}. {ask(w, asked)} {none_left}",
        input_spec="The first line contains n, m and s. Then follow m lines, each with u and v.",
        output_spec=ANSWER,
        recall=f"Find the distances from s, take {taken} where the distance is {words} and print {asked}. {rule}",
        plan=(
            f"Read n, m, s and for each road u, v append {joined}.",
            "Let d be {s: 0} and q be [s].",
            "For each u in q and v in g[u] if v is not in d set d[v] to d[u] + 1 and append v to q.",
            f"Let b be {value} for each v in q[1:] with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            READ_SIZES_FROM,
            "g = [[] for v in range(n + 1)]",
            "for i in range(m):",
            "    u, v = map(int, input().split())",
            *(f"    g[{i}].append({j})" for i, j in ways),
            "d = {s: 0}",
            "q = [s]",
            "for u in q:",
            "    for v in g[u]:",
            "        if v not in d:",
            "            d[v] = d[u] + 1",
            "            q.append(v)",
            f"b = [{value} for v in q[1:] if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_plain_from,
    )


ROAD_RULES = {
    "shortest": (
        "the length of the shortest way from s to it",
        "10 ** 9",
        "0",
        "min({v}, {u} + x)",
    ),
    "toll": (
        "the cost of the cheapest way from s to it, if each road costs its length plus {m}",
        "10 ** 9",
        "0",
        "min({v}, {u} + x + {m})",
    ),
    "squares": (
        "the cost of the cheapest way from s to it, if each road costs its length squared",
        "10 ** 9",
        "0",
        "min({v}, {u} + x * x)",
    ),
    "fewest": (
        "the smallest number of roads on a way from s to it",
        "10 ** 9",
        "0",
        "min({v}, {u} + 1)",
    ),
    "easiest": (
        "the smallest possible length of the longest road on a way from s to it",
        "10 ** 9",
        "0",
        "min({v}, max({u}, x))",
    ),
    "widest": (
        "the largest possible length of the shortest road on a way from s to it",
        "0",
        "10 ** 9",
        "max({v}, min({u}, x))",
    ),
}


def _roads(c: Choices, w: Wording) -> Draft:
    rule, ways = WAYS[str(c["way"])]
    road, is_open = condition(c, "open")
    words, start, first, step = ROAD_RULES[str(c["rule"])]
    words = words.format(m=c["m"])
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    sets = [(f"d[{j}]", step.format(u=f"d[{i}]", v=f"d[{j}]", m=c["m"])) for i, j in ways]
    set_to = " and ".join(f"{place} to {value}" for place, value in sets)
    take = w.pick(
        f"For each town other than s that can be reached from s take {words}.",
        f"Each town other than s that can be reached from s has a value: {words}.",
    )
    none_left = w.pick(
        f"If there is no such town, {otherwise}.", f"If there are none, {otherwise}."
    )
    return Draft(
        statement=f"{_country(w)} A road joins towns u and v and has length x. It is open if x is {road}. {rule} {take} Of these values print {asked}. {none_left} {w.pick('Closed roads are never used.', 'Only open roads count.')}",
        input_spec="The first line contains n, m and s. Then follow m lines, each with u, v and x.",
        output_spec=ANSWER,
        recall=f"On roads whose length is {road} find for each town {words} and print {asked}. {rule}",
        plan=(
            "Read n, m, s and the list e of roads u, v, x.",
            f"Let d be n + 1 times {start} and d[s] be {first}.",
            f"n times for each road u, v, x in e if {is_open} set {set_to}.",
            "Let b be x for each x in d[1:] with 0 < x < 10 ** 9.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            READ_SIZES_FROM,
            "e = [list(map(int, input().split())) for i in range(m)]",
            f"d = [{start}] * (n + 1)",
            f"d[s] = {first}",
            "for i in range(n):",
            "    for u, v, x in e:",
            f"        if {is_open}:",
            *(f"            {place} = {value}" for place, value in sets),
            "b = [x for x in d[1:] if 0 < x < 10 ** 9]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_lengths_from,
    )


Graph = tuple[int, list[tuple[int, int, int]]]
"""Number of towns and the roads u, v, x, no two between the same towns."""


def _graph(random: Random, level: int) -> Graph:
    if level == 2:
        return _edge_case(random)
    n = random.randint(4, 6) if level == 0 else random.randint(3, 15)
    every = [(u, v) for v in range(1, n + 1) for u in range(1, v)]
    chosen = random.sample(every, min(len(every), random.randint(n - 2, n + n // 2)))
    return n, _with_lengths(random, chosen, random.choice([4, 12]))


def _edge_case(random: Random) -> Graph:
    """No roads, blocks of one size with roads of one length, a star, a row, or all roads."""
    kind = random.choice(["none", "blocks", "blocks", "row", "star", "all", "same"])
    n = random.randint(1, 9) if kind == "none" else random.randint(2, 12)
    towns = random.sample(range(1, n + 1), n)
    size = random.randint(2, 5) if kind == "blocks" else n
    pairs = {
        "none": [],
        "star": [(towns[0], v) for v in towns[1:]],
        "all": [(u, v) for v in towns for u in towns if u < v and n < 9],
    }.get(kind, [pair for i, pair in enumerate(pairwise(towns), 1) if i % size])
    high = random.randint(1, 12)
    return n, _with_lengths(random, pairs, high, low=1 if kind in ("row", "all") else high)


def _with_lengths(
    random: Random, pairs: list[tuple[int, int]], high: int, *, low: int = 1
) -> list[tuple[int, int, int]]:
    turned = [random.sample(pair, 2) for pair in pairs]
    return [(u, v, random.randint(low, high)) for u, v in turned]


def _told(n: int, roads: list[tuple[int, ...]], *more: int) -> str:
    rows = [(n, len(roads), *more), *roads]
    return "\n".join(" ".join(map(str, row)) for row in rows) + "\n"


def _lengths(random: Random, level: int) -> str:
    n, roads = _graph(random, level)
    return _told(n, [*roads])


def _lengths_from(random: Random, level: int) -> str:
    n, roads = _graph(random, level)
    return _told(n, [*roads], _start(random, n, roads))


def _plain_from(random: Random, level: int) -> str:
    n, roads = _graph(random, level)
    return _told(n, [(u, v) for u, v, _ in roads], _start(random, n, roads))


def _start(random: Random, n: int, roads: list[tuple[int, int, int]]) -> int:
    """A town, more often one with many roads."""
    return random.choice([*range(1, n + 1), *(u for u, _, _ in roads), *(v for _, v, _ in roads)])


FAMILIES = (
    Family(
        "components",
        "Groups of Towns",
        "union-find: join the groups of the two ends of each road and count the towns of each group",
        ("graphs", "union find"),
        1500,
        {
            "open": AMOUNTS,
            "size": AMOUNTS,
            "total": SET_TOTALS,
            "empty": tuple(EMPTY),
            "k": CONSTANT,
            "q": (2, 3, 4),
        },
        _components,
    ),
    Family(
        "distances",
        "How Far",
        "breadth-first search: visit towns in the order of their distance by means of a queue",
        ("graphs", "bfs"),
        1500,
        {
            "way": tuple(WAYS),
            "test": tuple(DISTANCE_TESTS),
            "value": tuple(DISTANCE_VALUES),
            "total": SET_TOTALS,
            "empty": tuple(EMPTY),
            "k": (1, 2, 3),
        },
        _distances,
    ),
    Family(
        "roads",
        "Best Ways",
        "shortest paths: improve the value of each road's end n times, as Bellman and Ford do",
        ("graphs", "shortest paths"),
        1700,
        {
            "way": tuple(WAYS),
            "rule": tuple(ROAD_RULES),
            "open": AMOUNTS,
            "total": SET_TOTALS,
            "empty": tuple(EMPTY),
            "k": CONSTANT,
            "m": CONSTANT,
        },
        _roads,
    ),
)
