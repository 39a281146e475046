"""Families about tables of numbers: ways through them, rows and columns, blocks.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from random import Random

from mapcoder_lite.pocket.family import (
    Draft,
    Family,
    lines,
    lines_unless_empty,
    steps_unless_empty,
)
from mapcoder_lite.pocket.words import (
    CONDITIONS,
    CONSTANT,
    EMPTY,
    TOTALS,
    Choices,
    Wording,
    condition,
    empty,
    total,
)

READ_TABLE = (
    "h, w = map(int, input().split())",
    "g = [list(map(int, input().split())) for _ in range(h)]",
)


READ_TABLE_STEP = "Read h, w and the table g."


TABLE_SPEC = (
    "The first line contains h and w. Then follow h lines with w integers each.",
    "The first line has h and w, each of the next h lines has w integers.",
)


def _table_intro(w: Wording) -> str:
    return w.pick(
        "You are given a table of numbers with h rows and w columns.",
        "Alice filled a table of h rows and w columns with integers.",
        "A field of h rows and w columns has an integer in each cell.",
    )


MOVES = {
    "right_down": ("right or down by one cell", "(0, 1), (1, 0)"),
    "diagonal": ("right, down, or down and right by one cell", "(0, 1), (1, 0), (1, 1)"),
    "right_slant": ("right, or down and right by one cell", "(0, 1), (1, 1)"),
    "down_slant": ("down, or down and right by one cell", "(1, 0), (1, 1)"),
    "far_right": ("down by one cell or right by one or two cells", "(0, 1), (0, 2), (1, 0)"),
    "far_down": ("right by one cell or down by one or two cells", "(0, 1), (1, 0), (2, 0)"),
}


WALK_GOALS = {
    "ways": ("how many ways there are", "0", "1", "d[i][j] + d[i - p][j - q]", "d[-1][-1]"),
    "modulo": (
        "how many ways there are, modulo {m}",
        "0",
        "1",
        "d[i][j] + d[i - p][j - q]",
        "d[-1][-1] % {m}",
    ),
    "cheapest": (
        "the smallest sum of the numbers on the way",
        "10 ** 9",
        "g[0][0]",
        "min(d[i][j], d[i - p][j - q] + x)",
        "d[-1][-1]",
    ),
    "richest": (
        "the largest sum of the numbers on the way",
        "-10 ** 9",
        "g[0][0]",
        "max(d[i][j], d[i - p][j - q] + x)",
        "d[-1][-1]",
    ),
    "fewest": (
        "the smallest number of moves",
        "10 ** 9",
        "0",
        "min(d[i][j], d[i - p][j - q] + 1)",
        "d[-1][-1]",
    ),
}


def _number_path(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    moves, steps = MOVES[str(c["moves"])]
    asked, start, base, step, printed = (
        part.format(m=c["m"]) for part in WALK_GOALS[str(c["goal"])]
    )
    otherwise, nothing = empty(c)
    test = "d[-1][-1] == 0" if start == "0" else "abs(d[-1][-1]) > 10 ** 6"
    go = w.pick(
        f"You go from the top left cell to the bottom right cell. A move goes {moves}.",
        f"A way leads from the top left to the bottom right cell; each move goes {moves}.",
    )
    rule = w.pick(
        f"Each cell you move to must hold a number that is {words}.",
        f"You may move only to numbers that are {words}.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{_table_intro(w)} {go} {rule} {ask} {w.pick('If there is no way,', 'If no way exists,')} {otherwise}.",
        input_spec=w.pick(*TABLE_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Walk over a table with moves {moves}, only to numbers that are {words}, and print {asked}.",
        plan=(
            READ_TABLE_STEP,
            f"Let d be h rows of w times {start} and d[0][0] be {base}.",
            "For each i from 0 to h - 1 and each j from 0 to w - 1 let x be g[i][j].",
            f"For each p, q in {steps} with i >= p and j >= q and {keep} set d[i][j] to {step}.",
            f"If {test} print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            *READ_TABLE,
            f"d = [[{start}] * w for _ in range(h)]",
            f"d[0][0] = {base}",
            "for i in range(h):",
            "    for j in range(w):",
            "        x = g[i][j]",
            f"        for p, q in {steps}:",
            f"            if i >= p and j >= q and {keep}:",
            f"                d[i][j] = {step}",
            f"if {test}:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=_few_numbers_table,
    )


def _few_numbers_table(random: Random, level: int) -> str:
    """A table of few different numbers, so that conditions often hold for whole ways."""
    values = [random.randint(-6, 12) for _ in range(random.choice([1, 2, 3]))]
    return _rows(random, level, values)


def _table(random: Random, level: int) -> str:
    low, high = random.choice([(-9, 15), (0, 9), (-9, -1), (1, 3), (-30, 60)])
    return _rows(random, level, list(range(low, high + 1)))


def _rows(random: Random, level: int, values: list[int]) -> str:
    most = {0: 3, 1: 7, 2: random.choice([1, 2, 4])}[level]
    h, width = random.randint(min(2, most), most), random.randint(min(2, most), most)
    rows = [" ".join(str(random.choice(values)) for _ in range(width)) for _ in range(h)]
    return f"{h} {width}\n" + "\n".join(rows) + "\n"


TABLE_LINES = {
    "rows": ("row", "g"),
    "columns": ("column", "zip(*g)"),
    "odd_rows": ("odd-numbered row (1, 3, ...)", "g[::2]"),
    "odd_columns": ("odd-numbered column (1, 3, ...)", "[*zip(*g)][::2]"),
}


LINE_VALUES = {
    "sum": ("the sum", "sum(r)"),
    "largest": ("the largest number", "max(r)"),
    "smallest": ("the smallest number", "min(r)"),
    "range": ("the largest minus the smallest number", "max(r) - min(r)"),
    "distinct": ("the number of different values", "len(set(r))"),
    "ends": ("the first minus the last number", "r[0] - r[-1]"),
    "greater": ("the number of values greater than {m}", "len([y for y in r if y > {m}])"),
}


def _matrix_lines(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    line, source = TABLE_LINES[str(c["line"])]
    value, code = (part.format(m=c["m"]) for part in LINE_VALUES[str(c["value"])])
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    take = w.pick(f"For each {line} take {value} in it.", f"Take {value} of each {line} in turn.")
    kept = w.pick(f"Keep those values that are {words}.", f"Only results that are {words} matter.")
    ask = w.pick(f"Print {asked}.", f"Output {asked}.", f"Find {asked}.")
    if_none = w.pick(f"If there are none, {otherwise}.", f"If nothing is left, {otherwise}.")
    return Draft(
        statement=f"{_table_intro(w)} {take} {kept} {ask} {if_none}",
        input_spec=w.pick(*TABLE_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"For each {line} of a table take {value}; of those that are {words} print {asked}.",
        plan=(
            READ_TABLE_STEP,
            f"Let b be {code} for each r in {source}.",
            f"Keep in b each x with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            *READ_TABLE,
            f"b = [{code} for r in {source}]",
            f"b = [x for x in b if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_table,
    )


BLOCKS = {
    "square": (2, 2),
    "wide": (1, 3),
    "tall": (3, 1),
    "two_three": (2, 3),
    "three_two": (3, 2),
    "pair": (1, 2),
    "post": (2, 1),
}


BLOCK_VALUES = {
    "sum": ("the sum of its numbers", "sum(y)"),
    "largest": ("its largest number", "max(y)"),
    "smallest": ("its smallest number", "min(y)"),
    "range": ("its largest minus its smallest number", "max(y) - min(y)"),
    "distinct": ("how many different values it has", "len(set(y))"),
    "corners": ("its top left minus its bottom right number", "y[0] - y[-1]"),
}


def _submatrix(c: Choices, w: Wording) -> Draft:
    p, q = BLOCKS[str(c["block"])]
    value, code = BLOCK_VALUES[str(c["value"])]
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    size = f"{p} row{'s' if p > 1 else ''} and {q} column{'s' if q > 1 else ''}"
    take = w.pick(
        f"For each block of {size} take {value}.",
        f"Every block of {size} gives one result: {value}.",
    )
    ask = w.pick(
        f"Of these results print {asked}.", f"Output {asked}.", f"Of all results find {asked}."
    )
    if_none = w.pick(f"If there is no such block, {otherwise}.", f"If no block fits, {otherwise}.")
    order = "Blocks go row by row, from left to right."
    return Draft(
        statement=f"{_table_intro(w)} {take} {order} {ask} {if_none}",
        input_spec=w.pick(*TABLE_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"For each block of {size} in a table take {value} and print {asked}.",
        plan=(
            READ_TABLE_STEP,
            f"For each i from 0 to h - {p} and each j from 0 to w - {q} let y be x for each r in g[i:i + {p}] and x in r[j:j + {q}].",
            f"Append {code} to b.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            *READ_TABLE,
            "b = []",
            f"for i in range(h - {p} + 1):",
            f"    for j in range(w - {q} + 1):",
            f"        y = [x for r in g[i:i + {p}] for x in r[j:j + {q}]]",
            f"        b.append({code})",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_table,
    )


FAMILIES = (
    Family(
        "number_path",
        "Way over Numbers",
        "dynamic programming on a table: join in each cell the results of the cells before it",
        ("dp", "grids"),
        1600,
        {
            "condition": tuple(CONDITIONS),
            "moves": tuple(MOVES),
            "goal": tuple(WALK_GOALS),
            "empty": tuple(EMPTY),
            "k": (2, 3, 4, 5),
            "m": CONSTANT,
        },
        _number_path,
    ),
    Family(
        "matrix_lines",
        "Table",
        "tables: sum up each row or column, then sum up the results",
        ("matrices",),
        1000,
        {
            "condition": tuple(CONDITIONS),
            "line": tuple(TABLE_LINES),
            "value": tuple(LINE_VALUES),
            "total": tuple(TOTALS),
            "empty": tuple(EMPTY),
            "k": CONSTANT,
            "m": (0, 2, 4),
        },
        _matrix_lines,
    ),
    Family(
        "submatrix",
        "Blocks of a Table",
        "submatrices: look at every block of fixed height and width",
        ("matrices", "brute force"),
        1300,
        {
            "block": tuple(BLOCKS),
            "value": tuple(BLOCK_VALUES),
            "total": tuple(name for name in TOTALS if name != "count"),
            "empty": tuple(EMPTY),
        },
        _submatrix,
    ),
)
