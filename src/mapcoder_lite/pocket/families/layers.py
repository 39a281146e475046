"""Families that go on layer by layer: tasks with rules, trees, maps.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from random import Random

from mapcoder_lite.pocket.families.phrases import AMOUNTS, ANSWER, SET_TOTALS, ask, kept
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
    TOTALS,
    Choices,
    Wording,
    condition,
    empty,
    total,
)

TASK_RULES = {
    "level": (
        "the number of tasks in the longest chain that ends with it",
        "[1] * (n + 1)",
        "max(t[v], t[u] + 1)",
    ),
    "days": (
        "the first day on which it can be finished, if task v takes v days and starts after day 0",
        "list(range(n + 1))",
        "max(t[v], t[u] + v)",
    ),
    "chains": (
        "the number of chains of one or more tasks that end with it",
        "[1] * (n + 1)",
        "t[v] + t[u]",
    ),
    "smallest": (
        "the smallest number of a task in a chain that ends with it",
        "list(range(n + 1))",
        "min(t[v], t[u])",
    ),
    "largest": (
        "the largest number of a task in a chain that ends with it",
        "list(range(n + 1))",
        "max(t[v], t[u])",
    ),
}

TASK_TOTALS = {
    "all": ("these values for task 1 to n", "*t[1:]"),
    "sum": ("the sum of these values", "sum(t[1:])"),
    "highest": ("the largest of these values", "max(t[1:])"),
    "distinct": ("how many different values there are", "len(set(t[1:]))"),
    "range": (
        "the difference between the largest and the smallest value",
        "max(t[1:]) - min(t[1:])",
    ),
    "sorted": ("these values in increasing order", "*sorted(t[1:])"),
    "last": ("the value of task n", "t[n]"),
    "first": ("the value of task 1", "t[1]"),
}


def _levels(c: Choices, w: Wording) -> Draft:
    words, start, step = TASK_RULES[str(c["rule"])]
    asked, printed = TASK_TOTALS[str(c["goal"])]
    otherwise, nothing = empty(c)
    rules = w.pick("There are n tasks and m rules.", "A project has n tasks and m rules.")
    must = w.pick(
        "A rule u v says that task u must be finished before task v.",
        "A rule u v means that task v may start only after task u.",
    )
    take = w.pick(f"For each task take {words}.", f"The value of a task is {words}.")
    none_left = w.pick(
        f"If the rules contradict each other, {otherwise}.",
        f"If the tasks cannot all be done, {otherwise}.",
    )
    return Draft(
        statement=f"{rules} {must} In a chain each task has a rule with the next one. {take} {ask(w, asked)} {none_left}",
        input_spec="The first line contains n and m. Then follow m different lines, each with u and v.",
        output_spec=ANSWER,
        recall=f"Go through tasks in the order of their rules. For each take {words}. Print {asked}.",
        plan=(
            "Read n, m and the list e of rules u, v, let c be all v and d[v] be c.count(v).",
            f"Let t be {start} and q be each v from 1 to n with d[v] == 0.",
            f"For each u in q and each rule u, v set t[v] to {step} and subtract 1 from d[v].",
            "If d[v] is 0 append v to q.",
            f"If len(q) < n print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            "n, m = map(int, input().split())",
            "e = [list(map(int, input().split())) for i in range(m)]",
            "c = [v for u, v in e]",
            "d = [c.count(v) for v in range(n + 1)]",
            f"t = {start}",
            "q = [v for v in range(1, n + 1) if d[v] == 0]",
            "for u in q:",
            "    for x, v in e:",
            "        if x == u:",
            f"            t[v] = {step}",
            "            d[v] -= 1",
            "            if d[v] == 0:",
            "                q.append(v)",
            "if len(q) < n:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=_tasks,
    )


TREE_RULES = {
    "depth": (
        "the number of edges from node 1 to it",
        "[0] * (n + 1)",
        "2 to n",
        "d[v] = d[p[v]] + 1",
    ),
    "path": (
        "the sum of the node numbers on the way from node 1 to it, both included",
        "list(range(n + 1))",
        "2 to n",
        "d[v] += d[p[v]]",
    ),
    "children": ("the number of its children", "[0] * (n + 1)", "2 to n", "d[p[v]] += 1"),
    "size": (
        "the number of nodes in its subtree, itself included",
        "[1] * (n + 1)",
        "n down to 2",
        "d[p[v]] += d[v]",
    ),
    "weight": (
        "the sum of the node numbers in its subtree, itself included",
        "list(range(n + 1))",
        "n down to 2",
        "d[p[v]] += d[v]",
    ),
    "height": (
        "the number of edges from it to the deepest node of its subtree",
        "[0] * (n + 1)",
        "n down to 2",
        "d[p[v]] = max(d[p[v]], d[v] + 1)",
    ),
}

TREE_LOOPS = {"2 to n": "range(2, n + 1)", "n down to 2": "range(n, 1, -1)"}


def _tree(c: Choices, w: Wording) -> Draft:
    value, start, order, step = TREE_RULES[str(c["rule"])]
    words, keep = condition(c)
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    story = w.pick(
        "A tree has n nodes and root 1.", "You are given a tree of n nodes. Node 1 is the root."
    )
    take = w.pick(f"For each node from 2 to n take {value}.", f"Write for node 2 to n {value}.")
    none_left = w.pick(f"If there are none, {otherwise}.", f"If nothing is kept, {otherwise}.")
    return Draft(
        statement=f"{story} The parent of each other node has a smaller number. {take} {kept(w, words)} {ask(w, asked)} {none_left}",
        input_spec="The first line contains n. The second line contains the parents of nodes 2 to n, it is empty if n is 1.",
        output_spec=ANSWER,
        recall=f"In a tree take for each node from 2 on {value}, keep the values that are {words} and print {asked}.",
        plan=(
            "Read n and let p be the parents with p[0] = p[1] = 0.",
            f"Let d be {start}.",
            f"For v from {order} do {step}.",
            f"Let b be x for each x in d[2:] with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "n = int(input())",
            "p = [0, 0] + list(map(int, input().split()))",
            f"d = {start}",
            f"for v in {TREE_LOOPS[order]}:",
            f"    {step}",
            f"b = [x for x in d[2:] if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_parents,
    )


SIGNS = {"hash": ("#", "#"), "dot": ("dots", ".")}

CLOSE = {
    "sides": ("share a side", "[(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]"),
    "corners": ("touch only by a corner", "[(i + s, j + t) for s in (-1, 1) for t in (-1, 1)]"),
    "all": (
        "share a side or a corner",
        "[(i + s, j + t) for s in (-1, 0, 1) for t in (-1, 0, 1)]",
    ),
    "row": ("share a side and are in the same row", "[(i, j - 1), (i, j + 1)]"),
    "column": ("share a side and are in the same column", "[(i - 1, j), (i + 1, j)]"),
    "knight": (
        "are a knight's move apart",
        "[(i + s, j + t) for s in (-2, -1, 1, 2) for t in (-2, -1, 1, 2) if abs(s * t) == 2]",
    ),
}

AREAS = {
    "cells": ("the number of its cells", "len(q)"),
    "rows": ("the number of rows that it has cells in", "len({i for i, j in q})"),
    "columns": ("the number of columns that it has cells in", "len({j for i, j in q})"),
}


def _islands(c: Choices, w: Wording) -> Draft:
    named, sign = SIGNS[str(c["sign"])]
    near, cells = CLOSE[str(c["near"])]
    value, code = AREAS[str(c["value"])]
    words, keep = condition(c)
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    story = w.pick(
        "A map has h rows and w columns.",
        "You are given a grid of h rows and w columns.",
        "Alice drew a grid of h rows and w columns.",
    )
    take = w.pick(f"For each island take {value}.", f"The value of an island is {value}.")
    return Draft(
        statement=f"{story} Each cell is # or a dot. Two cells with {named} belong to the same island if they {near}, also over other cells with {named}. {take} {kept(w, words)} {ask(w, asked)} If there are none, {otherwise}.",
        input_spec="The first line contains h and w. Then follow h lines with w signs each.",
        output_spec=ANSWER,
        recall=f"Find the islands of {named} whose cells {near}, take {value}, keep those that are {words} and print {asked}.",
        plan=(
            f'Read h, w, the grid g and let c be the set of (i, j) with g[i][j] == "{sign}".',
            "While c is not empty let q be [c.pop()].",
            f"For each i, j in q and r in {cells} if r is in c move r from c to q.",
            f"Let x be {code} and if {keep} append x to b.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "h, w = map(int, input().split())",
            "g = [input() for i in range(h)]",
            f'c = {{(i, j) for i in range(h) for j in range(w) if g[i][j] == "{sign}"}}',
            "b = []",
            "while c:",
            "    q = [c.pop()]",
            "    for i, j in q:",
            f"        for r in {cells}:",
            "            if r in c:",
            "                c.remove(r)",
            "                q.append(r)",
            f"    x = {code}",
            f"    if {keep}:",
            "        b.append(x)",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_map,
    )


def _tasks(random: Random, level: int) -> str:
    n = {0: random.randint(3, 5), 1: random.randint(2, 12), 2: random.choice([1, 2, 3, 6, 9])}[
        level
    ]
    order = random.sample(range(1, n + 1), n)
    every = [(u, v) for i, v in enumerate(order) for u in order[:i]]
    num_rules = random.randint(n // 2, n + n // 2)
    if level == 2:
        num_rules = random.choice([0, 1, n - 1, len(every)])
    rules = random.sample(every, min(len(every), num_rules))
    if rules and random.random() < (0.25, 0.25, 0.4)[level]:
        u, v = random.choice(rules)
        rules.append((v, u))
    rows = [(n, len(rules)), *rules]
    return "\n".join(" ".join(map(str, row)) for row in rows) + "\n"


def _parents(random: Random, level: int) -> str:
    large = random.randint(6, 40)
    n = {
        0: random.randint(5, 8),
        1: random.randint(3, 25),
        2: random.choice([1, 1, large, large, large]),
    }[level]
    kind = random.choice(["any", "star", "path", "halves"]) if level == 2 else "any"
    up = {"any": n, "star": n, "path": 1, "halves": n}[kind]
    parents = [
        {"star": 1, "halves": v // 2}.get(kind, random.randint(max(1, v - up), v - 1))
        for v in range(2, n + 1)
    ]
    return f"{n}\n{' '.join(map(str, parents))}\n"


def _map(random: Random, level: int) -> str:
    high = {0: 4, 1: 7, 2: random.choice([1, 3, 8])}[level]
    h, width = random.randint(min(2, high), high), random.randint(min(2, high), high)
    if level == 2:
        h, width = random.choice(
            [(h, width), (1, random.randint(1, 12)), (random.randint(1, 12), 1)]
        )
    signs = random.choice(["#", ".", "#.", "##.", "#.."] if level == 2 else ["#.", "##.", "#.."])
    rows = ["".join(random.choice(signs) for _ in range(width)) for _ in range(h)]
    return f"{h} {width}\n" + "\n".join(rows) + "\n"


FAMILIES = (
    Family(
        "levels",
        "Tasks and Rules",
        "topological order: do a task when no rule forbids it any more and pass its value on",
        ("graphs", "topological sort"),
        1700,
        {"rule": tuple(TASK_RULES), "goal": tuple(TASK_TOTALS), "empty": tuple(EMPTY)},
        _levels,
    ),
    Family(
        "tree",
        "Parents",
        "trees: go down from the root or up from the leaves and pass each node's value on",
        ("trees",),
        1400,
        {
            "rule": tuple(TREE_RULES),
            "condition": AMOUNTS,
            "total": tuple(TOTALS),
            "empty": tuple(EMPTY),
            "k": CONSTANT,
        },
        _tree,
    ),
    Family(
        "islands",
        "Islands",
        "flood fill: start at any cell left and take all cells that are connected with it",
        ("grids", "flood fill"),
        1600,
        {
            "sign": tuple(SIGNS),
            "near": tuple(CLOSE),
            "value": tuple(AREAS),
            "condition": AMOUNTS,
            "total": SET_TOTALS,
            "empty": tuple(EMPTY),
            "k": (2, 3, 4, 5),
        },
        _islands,
    ),
)
