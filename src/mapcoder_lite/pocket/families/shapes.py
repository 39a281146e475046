"""Families about words, pairs, coins and grids.

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
    EMPTY,
    ONE_INTEGER,
    READ,
    Choices,
    Wording,
    empty,
    intro,
)

LETTER_TESTS = {
    "vowel": ("vowels", 'x in "aeiou"'),
    "consonant": ("consonants", 'x not in "aeiou"'),
    "before": ("letters before {c}", 'x < "{c}"'),
    "after": ("letters after {c}", 'x > "{c}"'),
    "not": ("letters other than {c}", 'x != "{c}"'),
    "repeated": ("letters that appear more than once", "s.count(x) > 1"),
    "once": ("letters that appear exactly once", "s.count(x) == 1"),
}


LETTER_GOALS = {
    "text": ("them in their order as one word", '"".join(b)'),
    "reversed": ("them in reverse order as one word", '"".join(b)[::-1]'),
    "sorted": ("them in alphabetical order as one word", '"".join(sorted(b))'),
    "upper": ("them as one word in upper case", '"".join(b).upper()'),
    "count": ("how many there are", "len(b)"),
    "distinct": ("how many different letters there are among them", "len(set(b))"),
    "largest": ("the last of them in the alphabet", "max(b)"),
    "smallest": ("the first of them in the alphabet", "min(b)"),
}


def _letters(c: Choices, w: Wording) -> Draft:
    words, keep = (part.format(c=c["c"]) for part in LETTER_TESTS[str(c["test"])])
    asked, printed = LETTER_GOALS[str(c["goal"])]
    otherwise, nothing = empty(c)
    take = w.pick(f"Keep only its {words}.", f"Consider only the {words} of the word.")
    ask = w.pick(f"Print {asked}.", f"Output {asked}.")
    if_none = w.pick(f"If nothing is kept, {otherwise}.", f"If no letter is kept, {otherwise}.")
    return Draft(
        statement=f"{w.pick('You are given a word s of lowercase letters.', 'Alice wrote a word s of lowercase letters.', 'A word s of lowercase letters is given.')} {take} {ask} {if_none}",
        input_spec=w.pick("One line with the word s.", "The only line contains s."),
        output_spec="Print the answer on one line.",
        recall=f"Keep the {words} of a word and print {asked}.",
        plan=(
            "Read s.",
            f"Let b be x for each x in s with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "s = input().strip()",
            f"b = [x for x in s if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_word,
    )


def _word(random: Random, level: int) -> str:
    n = {0: random.randint(4, 8), 1: random.randint(1, 30), 2: random.choice([1, 2, 50])}[level]
    letters = random.choice(["abcdefghijklmnopqrstuvwxyz", "abcde", "aeiou", "bcdfg", "ab"])
    return "".join(random.choice(letters) for _ in range(n)) + "\n"


PAIR_TESTS = {
    "sum_equal": ("whose sum is equal to t", "x + y == t"),
    "sum_less": ("whose sum is less than t", "x + y < t"),
    "sum_greater": ("whose sum is greater than t", "x + y > t"),
    "difference_equal": ("whose absolute difference is equal to t", "abs(x - y) == t"),
    "difference_less": ("whose absolute difference is less than t", "abs(x - y) < t"),
    "product_greater": ("whose product is greater than t", "x * y > t"),
    "product_less": ("whose product is less than t", "x * y < t"),
}


PAIR_GOALS = {
    "count": ("how many such pairs there are", "1", "len(b)"),
    "largest_sum": ("the largest sum of such a pair", "x + y", "max(b)"),
    "smallest_sum": ("the smallest sum of such a pair", "x + y", "min(b)"),
    "largest_product": ("the largest product of such a pair", "x * y", "max(b)"),
    "smallest_product": ("the smallest product of such a pair", "x * y", "min(b)"),
}


def _pairs(c: Choices, w: Wording) -> Draft:
    words, keep = PAIR_TESTS[str(c["test"])]
    asked, value, printed = PAIR_GOALS[str(c["goal"])]
    otherwise, nothing = empty(c)
    take = w.pick(
        f"Consider all pairs of numbers at different positions {words}.",
        f"Look at the pairs of numbers at two different positions {words}.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    if_none = w.pick(
        f"If there is no such pair, {otherwise}.", f"If no pair is like that, {otherwise}."
    )
    return Draft(
        statement=f"{intro(w)} There is also an integer t. {take} {ask} {if_none}",
        input_spec="The first line contains n and t. The second line contains n integers.",
        output_spec="Print the answer on one line.",
        recall=f"Look at the pairs {words} and print {asked}.",
        plan=(
            "Read n, t and the list a.",
            "For each i and each j < i let x be a[i] and y be a[j].",
            f"If {keep} append {value} to b.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "n, t = map(int, input().split())",
            READ[1],
            "b = []",
            "for i in range(n):",
            "    for j in range(i):",
            "        x, y = a[i], a[j]",
            f"        if {keep}:",
            f"            b.append({value})",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_with_target,
    )


def _with_target(random: Random, level: int) -> str:
    n = {0: random.randint(3, 6), 1: random.randint(2, 25), 2: random.choice([1, 2, 3, 40])}[level]
    high = random.choice([5, 10, 20])
    values = [random.randint(-high // 2, high) for _ in range(n)]
    return f"{n} {random.randint(0, high)}\n{' '.join(map(str, values))}\n"


COIN_GOALS = {
    "fewest": (
        "the smallest number of coins with sum exactly t",
        "10 ** 9",
        "min(d[s], d[s - x] + 1)",
        "0",
    ),
    "ways": (
        "in how many ways coins with sum exactly t can be chosen, without regard to order",
        "0",
        "d[s] + d[s - x]",
        "1",
    ),
    "most": (
        "the largest number of coins with sum exactly t",
        "-10 ** 9",
        "max(d[s], d[s - x] + 1)",
        "0",
    ),
}


COIN_USES = {
    "many": ("Each value may be used as often as you like.", "x to t", "range(x, t + 1)"),
    "once": ("Each coin may be used at most once.", "t down to x", "range(t, x - 1, -1)"),
}


def _coins(c: Choices, w: Wording) -> Draft:
    asked, start, step, base = COIN_GOALS[str(c["goal"])]
    rule, direction, loop = COIN_USES[str(c["use"])]
    otherwise, nothing = empty(c)
    tail = f"If the sum t cannot be made, {otherwise}."
    test = "d[t] == 0" if c["goal"] == "ways" else "abs(d[t]) > 10 ** 6"
    return Draft(
        statement=f"{w.pick('There are n coins with given values.', 'You have n coins with given values.', 'Alice has n coins with given values.')} {rule} {w.pick('Print', 'Find', 'Output')} {asked}. {tail}",
        input_spec="The first line contains n and t. The second line contains n positive integers.",
        output_spec=ONE_INTEGER,
        recall=f"Given coins, find {asked}. {rule}",
        plan=(
            "Read n, t and the list a.",
            f"Let d be t + 1 times {start} and d[0] be {base}.",
            f"For each x in a and each s from {direction} set d[s] to {step}.",
            f"If {test} print {nothing}.",
            "Else print d[t].",
        ),
        program=lines(
            "n, t = map(int, input().split())",
            READ[1],
            f"d = [{start}] * (t + 1)",
            f"d[0] = {base}",
            "for x in a:",
            f"    for s in {loop}:",
            f"        d[s] = {step}",
            f"if {test}:",
            f"    print({nothing})",
            "else:",
            "    print(d[t])",
        ),
        make_input=_purse,
    )


def _purse(random: Random, level: int) -> str:
    n = {0: random.randint(2, 4), 1: random.randint(1, 8), 2: random.choice([1, 1, 2, 12])}[level]
    values = random.sample(range(1, 16), n)
    return f"{n} {random.randint(1, 12 if level == 0 else 60)}\n{' '.join(map(str, values))}\n"


GRID_LINES = {"rows": ("row", "g"), "columns": ("column", "zip(*g)")}


GRID_GOALS = {
    "largest": ("the largest number of {s} in a {line}", "max(b)"),
    "smallest": ("the smallest number of {s} in a {line}", "min(b)"),
    "at_least": ("how many {line}s have at least {k} times {s}", "len([x for x in b if x >= {k}])"),
    "exactly": ("how many {line}s have exactly {k} times {s}", "len([x for x in b if x == {k}])"),
    "none": ("how many {line}s have no {s}", "b.count(0)"),
    "best": (
        "the number of the first {line}, counted from 1, with the most {s}",
        "b.index(max(b)) + 1",
    ),
    "all": ("for every {line} the number of {s} in it", "*b"),
}


def _grid(c: Choices, w: Wording) -> Draft:
    line, source = GRID_LINES[str(c["line"])]
    sign = {"hash": "#", "dot": "."}[str(c["sign"])]
    named = {"hash": "#", "dot": "dots"}[str(c["sign"])]
    asked, printed = (
        part.format(s=named, line=line, k=c["k"]) for part in GRID_GOALS[str(c["goal"])]
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{w.pick('You are given a grid of h rows and w columns.', 'A map has h rows and w columns.', 'Alice drew a grid of h rows and w columns.')} Each cell is # or a dot. {ask}",
        input_spec="The first line contains h and w. Then follow h lines with w signs each.",
        output_spec="Print the answer on one line.",
        recall=f"In a grid find {asked}.",
        plan=(
            "Read h, w and the grid g.",
            f'Let b be the count of "{sign}" for each line of {source}.',
            f"Print {printed}.",
        ),
        program=lines(
            "h, w = map(int, input().split())",
            "g = [input() for _ in range(h)]",
            f'b = [x.count("{sign}") for x in {source}]',
            f"print({printed})",
        ),
        make_input=_cells,
    )


def _cells(random: Random, level: int) -> str:
    high = {0: 4, 1: 8, 2: random.choice([1, 2, 12])}[level]
    h, width = random.randint(min(2, high), high), random.randint(min(2, high), high)
    signs = random.choice(["#.", "#..", "##.", "#" if level == 2 else "#."])
    rows = ["".join(random.choice(signs) for _ in range(width)) for _ in range(h)]
    return f"{h} {width}\n" + "\n".join(rows) + "\n"


FAMILIES = (
    Family(
        "letters",
        "Letters",
        "strings: keep the letters that pass a test and join them",
        ("strings",),
        900,
        {
            "test": tuple(LETTER_TESTS),
            "goal": tuple(LETTER_GOALS),
            "empty": tuple(EMPTY),
            "c": tuple("cdegkmpt"),
        },
        _letters,
    ),
    Family(
        "pairs",
        "Pairs",
        "brute force: look at every pair of positions",
        ("brute force", "pairs"),
        1100,
        {"test": tuple(PAIR_TESTS), "goal": tuple(PAIR_GOALS), "empty": tuple(EMPTY)},
        _pairs,
    ),
    Family(
        "coins",
        "Coins",
        "dynamic programming: for every sum keep the best result of the coins so far",
        ("dp",),
        1500,
        {"goal": tuple(COIN_GOALS), "use": tuple(COIN_USES), "empty": tuple(EMPTY)},
        _coins,
    ),
    Family(
        "grid",
        "Rows and Columns",
        "grids: count the signs in each row or column",
        ("grids",),
        1000,
        {
            "line": tuple(GRID_LINES),
            "sign": ("hash", "dot"),
            "goal": tuple(GRID_GOALS),
            "k": (1, 2, 3),
        },
        _grid,
    ),
)
