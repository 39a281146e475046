"""Families over numbers, strings, pairs, coins, grids, bits, commands and subsequences.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from random import Random

from mapcoder_lite.pocket.families_lists import CONSTANT, ONE_INTEGER, READ, READ_STEP
from mapcoder_lite.pocket.family import Draft, Family, lines
from mapcoder_lite.pocket.words import (
    CHANGES,
    EMPTY,
    LIST_SPEC,
    Choices,
    Wording,
    change,
    condition,
    empty,
    integers,
    intro,
    total,
)

INTERVAL_TESTS = {
    "divisible": ("divisible by {k}", "x % {k} == 0"),
    "remainder": ("with remainder 1 when divided by {k}", "x % {k} == 1"),
    "digit": ("that contain the digit {k}", "str({k}) in str(x)"),
    "palindrome": ("that are palindromes", "str(x) == str(x)[::-1]"),
    "square": ("that are perfect squares", "int(x ** 0.5) ** 2 == x"),
    "prime": ("that are prime", "x > 1 and all(x % d for d in range(2, x))"),
    "digit_sum": ("whose digit sum is divisible by {k}", "sum(map(int, str(x))) % {k} == 0"),
    "even_digits": ("whose digit sum is even", "sum(map(int, str(x))) % 2 == 0"),
}


def _interval(c: Choices, w: Wording) -> Draft:
    words, keep = (part.format(k=c["k"]) for part in INTERVAL_TESTS[str(c["test"])])
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    take = w.pick(
        f"Take all integers from l to r {words}.",
        f"Consider the integers between l and r, both included, {words}.",
    )
    ask = w.pick(f"Print {asked}.", f"Output {asked}.", f"Find {asked}.")
    if_none = w.pick(
        f"If there are none, {otherwise}.", f"If no integer is like that, {otherwise}."
    )
    return Draft(
        statement=f"{w.pick('You are given two integers l and r.', 'Alice chose two integers l and r.', 'Bob wrote down two integers l and r.')} {take} {ask} {if_none}",
        input_spec=w.pick("One line with l and r.", "The only line contains the integers l and r."),
        output_spec="Print the answer on one line.",
        recall=f"Take the integers from l to r {words} and print {asked}.",
        plan=(
            "Read l and r.",
            f"Let b be x for each x from l to r with {keep}.",
            f"If b is empty print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            "l, r = map(int, input().split())",
            f"b = [x for x in range(l, r + 1) if {keep}]",
            "if not b:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=_bounds,
    )


def _bounds(random: Random, level: int) -> str:
    low = random.randint(1, 20 if level == 0 else 200)
    width = {
        0: random.randint(4, 15),
        1: random.randint(3, 150),
        2: random.choice([0, 0, 1, 2, 400]),
    }[level]
    return f"{low} {low + width}\n"


def _digits(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    take = w.pick(
        f"Take its digits that are {words}.", f"Look at those of its digits that are {words}."
    )
    ask = w.pick(f"Print {asked}.", f"Output {asked}.", f"Find {asked}.")
    if_none = w.pick(f"If there are none, {otherwise}.", f"If no digit is like that, {otherwise}.")
    return Draft(
        statement=f"{w.pick('You are given a positive integer s.', 'Alice wrote a positive integer s.', 'A positive integer s is shown on a screen.')} {take} {ask} {if_none}",
        input_spec=w.pick("One line with the integer s.", "The only line contains s."),
        output_spec="Print the answer on one line.",
        recall=f"Take the digits of s that are {words} and print {asked}.",
        plan=(
            "Read s as text.",
            f"Let b be int(d) for each d in s, as x, with {keep}.",
            f"If b is empty print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            "s = input().strip()",
            "a = [int(d) for d in s]",
            f"b = [x for x in a if {keep}]",
            "if not b:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=lambda random, level: (
            f"{random.randint(*{0: (100, 99999), 1: (1, 10**9), 2: (1, 30)}[level])}\n"
        ),
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
            f"If b is empty print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            "s = input().strip()",
            f"b = [x for x in s if {keep}]",
            "if not b:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
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
            f"If b is empty print {nothing}.",
            f"Else print {printed}.",
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
            "if not b:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
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


BIT_TESTS = {
    "even": ("an even number of ones", "v % 2 == 0"),
    "odd": ("an odd number of ones", "v % 2 != 0"),
    "exactly": ("exactly {m} ones", "v == {m}"),
    "at_least": ("at least {m} ones", "v >= {m}"),
    "at_most": ("at most {m} ones", "v <= {m}"),
}


def _bits(c: Choices, w: Wording) -> Draft:
    words, keep = (part.format(m=c["m"]) for part in BIT_TESTS[str(c["test"])])
    keep = keep.replace("v", 'bin(x).count("1")')
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    take = w.pick(
        f"Keep the numbers with {words} in binary.",
        f"Consider the numbers whose binary form has {words}.",
    )
    ask = w.pick(f"Print {asked}.", f"Output {asked}.", f"Find {asked}.")
    return Draft(
        statement=f"{intro(w)} None is negative. {take} {ask} {w.pick('If there are none,', 'If nothing is kept,')} {otherwise}.",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Keep the numbers with {words} in binary and print {asked}.",
        plan=(
            READ_STEP,
            f"Let b be x for each x in a with {keep}.",
            f"If b is empty print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            *READ,
            f"b = [x for x in a if {keep}]",
            "if not b:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=_natural,
    )


def _natural(random: Random, level: int) -> str:
    n = {0: random.randint(3, 6), 1: random.randint(1, 40), 2: random.choice([1, 1, 2])}[level]
    return (
        f"{n}\n{' '.join(str(random.randint(0, random.choice([3, 20, 300]))) for _ in range(n))}\n"
    )


SUBSEQUENCES = {
    "increasing": ("increasing", "a[j] < a[i]"),
    "decreasing": ("decreasing", "a[j] > a[i]"),
    "not_decreasing": ("not decreasing", "a[j] <= a[i]"),
    "not_increasing": ("not increasing", "a[j] >= a[i]"),
    "divisors": ("such that each number is divisible by the one before", "a[i] % a[j] == 0"),
    "close": ("such that neighbours differ by at most {m}", "abs(a[i] - a[j]) <= {m}"),
}
SUBSEQUENCE_GOALS = {"length": ("length", "1"), "sum": ("sum", "a[i]")}


def _subsequence(c: Choices, w: Wording) -> Draft:
    words, follows = (part.format(m=c["m"]) for part in SUBSEQUENCES[str(c["order"])])
    asked, weight = SUBSEQUENCE_GOALS[str(c["goal"])]
    cross = w.pick("You may cross out numbers.", "Some numbers may be removed.")
    ask = w.pick(
        f"Print the largest {asked} of what is left",
        f"Find the largest possible {asked} of the rest",
    )
    return Draft(
        statement=f"{intro(w)} All are positive. {cross} {ask} if it must be {words}.",
        input_spec=w.pick(*LIST_SPEC),
        output_spec=ONE_INTEGER,
        recall=f"Find the largest {asked} of a subsequence that is {words}.",
        plan=(
            READ_STEP,
            f"For each i set d[i] to {weight}.",
            f"For each j < i with {follows} set d[i] to max(d[i], d[j] + {weight}).",
            "Print max(d).",
        ),
        program=lines(
            *READ,
            "d = []",
            "for i in range(n):",
            f"    d.append({weight})",
            "    for j in range(i):",
            f"        if {follows}:",
            f"            d[i] = max(d[i], d[j] + {weight})",
            "print(max(d))",
        ),
        make_input=_positive,
    )


def _positive(random: Random, level: int) -> str:
    n = {0: random.randint(4, 7), 1: random.randint(1, 25), 2: random.choice([1, 1, 2, 40])}[level]
    return (
        f"{n}\n{' '.join(str(random.randint(1, random.choice([3, 12, 50]))) for _ in range(n))}\n"
    )


def _segment(c: Choices, w: Wording) -> Draft:
    changed, value = change(c)
    best, pick = {"largest": ("largest", "max"), "smallest": ("smallest", "min")}[str(c["goal"])]
    before = (
        w.pick(f"First every number is {changed}.", f"At the start each number is {changed}.") + " "
        if changed
        else ""
    )
    may_be_empty = c["none"] == "allowed"
    rule = "It may be empty with sum 0." if may_be_empty else "It must hold at least one number."
    ask = w.pick(
        f"Print the {best} sum of a block of consecutive numbers.",
        f"Find the {best} sum of consecutive numbers.",
    )
    start = "0" if may_be_empty else f"{'-' if pick == 'max' else ''}10 ** 9"
    return Draft(
        statement=f"{intro(w)} {before}{ask} {rule}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec=ONE_INTEGER,
        recall=f"Find the {best} sum of consecutive numbers{f', each {changed}' if changed else ''}. {rule}",
        plan=(
            READ_STEP,
            f"Let p be 0 and r be {start}.",
            f"For each x in a set p to {pick}(p, 0) + {value} and r to {pick}(r, p).",
            "Print r.",
        ),
        program=lines(
            *READ,
            "p = 0",
            f"r = {start}",
            "for x in a:",
            f"    p = {pick}(p, 0) + {value}",
            f"    r = {pick}(r, p)",
            "print(r)",
        ),
        make_input=integers,
    )


SEARCHES = {
    "less": ("less than x", "bisect_left(a, x)"),
    "at_most": ("at most x", "bisect_right(a, x)"),
    "greater": ("greater than x", "n - bisect_right(a, x)"),
    "at_least": ("at least x", "n - bisect_left(a, x)"),
    "equal": ("equal to x", "bisect_right(a, x) - bisect_left(a, x)"),
}
SEARCH_GOALS = {
    "all": ("Print the answers in order.", "*b"),
    "sum": ("Print the sum of the answers.", "sum(b)"),
    "largest": ("Print the largest answer.", "max(b)"),
    "smallest": ("Print the smallest answer.", "min(b)"),
    "zero": ("Print how many answers are 0.", "b.count(0)"),
}


def _search(c: Choices, w: Wording) -> Draft:
    words, code = SEARCHES[str(c["relation"])]
    asked, printed = SEARCH_GOALS[str(c["goal"])]
    return Draft(
        statement=f"{intro(w)} There are q questions, each an integer x. {w.pick(f'The answer is how many of the n integers are {words}.', f'For each x count the integers that are {words}.')} {asked}",
        input_spec="The first line contains n and q, the second line n integers, the third line q integers.",
        output_spec="Print the answer on one line.",
        recall=f"For each question x count the integers {words}. {asked}",
        plan=(
            "Read n, q, the list a and the list c.",
            "Sort a.",
            f"Let b be {code} for each x in c.",
            f"Print {printed}.",
        ),
        program=lines(
            "from bisect import bisect_left, bisect_right",
            "n, q = map(int, input().split())",
            "a = sorted(map(int, input().split()))",
            "c = list(map(int, input().split()))",
            f"b = [{code} for x in c]",
            f"print({printed})",
        ),
        make_input=_questions,
    )


def _questions(random: Random, level: int) -> str:
    n, q = {
        0: (random.randint(3, 5), random.randint(2, 3)),
        1: (random.randint(1, 30), random.randint(1, 10)),
        2: (1, 1),
    }[level]
    high = random.choice([4, 12, 40])
    numbers = [[random.randint(-2, high) for _ in range(size)] for size in (n, q)]
    return f"{n} {q}\n" + "\n".join(" ".join(map(str, row)) for row in numbers) + "\n"


SOME_TOTALS = ("sum", "largest", "smallest", "count", "sorted", "last")

FAMILIES = (
    Family(
        "interval",
        "From l to r",
        "brute force: try every integer of the interval and keep the right ones",
        ("brute force", "number theory"),
        1000,
        {"test": tuple(INTERVAL_TESTS), "total": SOME_TOTALS, "empty": tuple(EMPTY), "k": CONSTANT},
        _interval,
    ),
    Family(
        "digits",
        "Digits",
        "digits: read the number as text and look at each digit",
        ("math",),
        800,
        {
            "condition": ("even", "odd", "greater", "less", "at_least", "at_most", "divisible"),
            "total": SOME_TOTALS,
            "empty": tuple(EMPTY),
            "k": (2, 3, 4, 5, 6),
        },
        _digits,
    ),
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
    Family(
        "bits",
        "Ones",
        "bit counting: count the ones in the binary form",
        ("bitmasks",),
        1100,
        {"test": tuple(BIT_TESTS), "total": SOME_TOTALS, "empty": tuple(EMPTY), "m": (1, 2, 3)},
        _bits,
    ),
    Family(
        "subsequence",
        "Cross Out",
        "dynamic programming: the best subsequence that ends at each position",
        ("dp", "sequences"),
        1600,
        {"order": tuple(SUBSEQUENCES), "goal": tuple(SUBSEQUENCE_GOALS), "m": (1, 2, 3, 4)},
        _subsequence,
    ),
    Family(
        "segment",
        "Best Block",
        "dynamic programming: the best block that ends at each position",
        ("dp", "greedy"),
        1400,
        {
            "change": tuple(CHANGES),
            "goal": ("largest", "smallest"),
            "none": ("allowed", "forbidden"),
            "m": CONSTANT,
        },
        _segment,
    ),
    Family(
        "search",
        "Questions",
        "binary search: sort the list and find each position by bisection",
        ("binary search",),
        1300,
        {"relation": tuple(SEARCHES), "goal": tuple(SEARCH_GOALS)},
        _search,
    ),
)
