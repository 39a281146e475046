"""Families that choose the best part: knapsacks, reachable totals, common parts of two words.

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
    NATURAL_CONDITIONS,
    READ,
    Choices,
    Wording,
    condition,
    empty,
    intro,
    total,
)

ITEM_WORTHS = {
    "value": ("its value", "y"),
    "square": ("its value squared", "y * y"),
    "product": ("its weight times its value", "x * y"),
    "sum": ("its weight plus its value", "x + y"),
    "more": ("its value increased by {m}", "y + {m}"),
}


ITEM_USES = {
    "many": ("Each item may be taken as often as you like.", "x to t", "range(x, t + 1)"),
    "once": ("Each item may be taken at most once.", "t down to x", "range(t, x - 1, -1)"),
}


FILLS = {
    "exactly": ("exactly t", "d[t]"),
    "at_most": ("at least 1 and at most t", "{pick}(d[1:])"),
    "half": ("more than half of t and at most t", "{pick}(d[t // 2 + 1:])"),
}


def _knapsack(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    worth, value = (part.format(m=c["m"]) for part in ITEM_WORTHS[str(c["worth"])])
    rule, direction, loop = ITEM_USES[str(c["use"])]
    best, pick = {"largest": ("largest", "max"), "smallest": ("smallest", "min")}[str(c["goal"])]
    weight, result = (part.format(pick=pick) for part in FILLS[str(c["fill"])])
    otherwise, nothing = empty(c)
    start = f"{'-' if pick == 'max' else ''}10 ** 9"
    take = w.pick(
        f"Take items whose weight is {words} with a total weight of {weight}.",
        f"Pick items with a total weight of {weight}; each weight must be {words}.",
    )
    counts = w.pick(f"An item is worth {worth}.", f"The worth of an item is {worth}.")
    ask = w.pick(
        f"Print the {best} total worth.",
        f"Find the {best} total worth.",
        f"Output the {best} total worth.",
    )
    if_none = w.pick(f"If there is no way, {otherwise}.", f"If this is impossible, {otherwise}.")
    return Draft(
        statement=f"{w.pick('There are n items with weights and values.', 'Each of n items has a weight and a value.', 'A shop has n items with weights and values.')} {take} {rule} {counts} {ask} {if_none}",
        input_spec="The first line contains n and t, the second line n weights, the third line n values.",
        output_spec="Print the answer on one line.",
        recall=f"Take items whose weight is {words}, each worth {worth}, with a total weight of {weight}, for the {best} worth. {rule}",
        plan=(
            "Read n, t, the list a and the list b.",
            f"Let d be t + 1 times {start} and d[0] be 0.",
            f"For each x, y in zip(a, b) with {keep} and each s from {direction} set d[s] to {pick}(d[s], d[s - x] + {value}).",
            f"Let r be {result}.",
            f"If abs(r) > 10 ** 6 print {nothing}.",
            "Else print r.",
        ),
        program=lines(
            "n, t = map(int, input().split())",
            READ[1],
            "b = list(map(int, input().split()))",
            f"d = [{start}] * (t + 1)",
            "d[0] = 0",
            "for x, y in zip(a, b):",
            f"    if {keep}:",
            f"        for s in {loop}:",
            f"            d[s] = {pick}(d[s], d[s - x] + {value})",
            f"r = {result}",
            "if abs(r) > 10 ** 6:",
            f"    print({nothing})",
            "else:",
            "    print(r)",
        ),
        make_input=_items,
    )


def _items(random: Random, level: int) -> str:
    n = {0: random.randint(2, 4), 1: random.randint(2, 9), 2: random.choice([1, 1, 2, 12])}[level]
    heaviest = random.choice([6, 12])
    weights = [random.randint(1, heaviest) for _ in range(n)]
    values = [random.randint(1, random.choice([3, 20])) for _ in range(n)]
    t = random.choice([sum(random.sample(weights, random.randint(1, n))), random.randint(1, 40)])
    return f"{n} {t}\n{' '.join(map(str, weights))}\n{' '.join(map(str, values))}\n"


TOTAL_MOVES = {
    "take": ("may be added or left out", "d | {p + x for p in d}"),
    "signs": ("is added or subtracted", "{p + x for p in d} | {p - x for p in d}"),
    "drop": ("may be subtracted or left out", "d | {p - x for p in d}"),
    "twice": ("is added once or twice", "{p + x for p in d} | {p + 2 * x for p in d}"),
    "any": (
        "may be added, subtracted or left out",
        "d | {p + x for p in d} | {p - x for p in d}",
    ),
}


TOTAL_TESTS = {
    "greater": ("greater than t", "p > t"),
    "at_least": ("at least t", "p >= t"),
    "less": ("less than t", "p < t"),
    "at_most": ("at most t", "p <= t"),
    "multiple": ("divisible by t", "p % t == 0"),
    "near": ("different from t by at most {m}", "abs(p - t) <= {m}"),
}


def _reachable(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    may, move = TOTAL_MOVES[str(c["move"])]
    fits, test = (part.format(m=c["m"]) for part in TOTAL_TESTS[str(c["test"])])
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    start = w.pick("The total starts at 0.", "Start with the total 0.")
    add = w.pick(
        f"Each number that is {words} {may}.", f"A number {may} if it is {words}, the others never."
    )
    take = w.pick(
        f"Consider the different totals you can reach that are {fits}.",
        f"Look at all different final totals that are {fits}.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{intro(w)} There is also a positive integer t. {start} {add} {take} {ask} If there are none, {otherwise}.",
        input_spec="The first line contains n and t. The second line contains n integers.",
        output_spec="Print the answer on one line.",
        recall=f"Each number that is {words} {may}; of the totals that are {fits} print {asked}.",
        plan=(
            "Read n, t and the list a.",
            "Let d be {0}.",
            f"For each x in a with {keep} set d to {move}.",
            f"Let b be p for each p in d with {test}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "n, t = map(int, input().split())",
            READ[1],
            "d = {0}",
            "for x in a:",
            f"    if {keep}:",
            f"        d = {move}",
            f"b = [p for p in d if {test}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_total_target,
    )


def _total_target(random: Random, level: int) -> str:
    n = {0: random.randint(2, 4), 1: random.randint(2, 9), 2: random.choice([1, 1, 2, 10])}[level]
    low, high = random.choice([(-6, 12), (1, 12), (1, 30), (2, 5), (-9, -1)])
    t = random.choice([random.randint(1, 5), random.randint(1, 25)])
    return f"{n} {t}\n{' '.join(str(random.randint(low, high)) for _ in range(n))}\n"


FITS = {
    "equal": ("equal", "x == y"),
    "vowels": ("equal vowels", 'x == y and x in "aeiou"'),
    "consonants": ("equal consonants", 'x == y and x not in "aeiou"'),
    "before": ("equal and before d in the alphabet", 'x == y and x < "d"'),
    "after": ("equal and after b in the alphabet", 'x == y and x > "b"'),
    "close": ("equal or neighbours in the alphabet", "abs(ord(x) - ord(y)) <= 1"),
    "next": ("such that the second follows the first in the alphabet", "ord(y) - ord(x) == 1"),
    "different": ("different", "x != y"),
}


FIT_WORTHS = {
    "one": ("1", "1"),
    "vowel": ("{k} if its letter of s is a vowel and 1 if not", '({k} if x in "aeiou" else 1)'),
    "first": ("{k} if its letter of s is an a and 1 if not", '({k} if x == "a" else 1)'),
    "place": ("the position, counted from 1, of its letter in s", "i + 1"),
}


FIT_KINDS = {
    "letters": (
        "Cross out letters of both words until the rest of s and of t are equally long and fit letter by letter.",
        "max(d[i][j + 1], d[i + 1][j])",
        "d[-1][-1]",
    ),
    "blocks": (
        "Take a block of consecutive letters from each word, both equally long, so that they fit letter by letter.",
        "0",
        "max(map(max, d))",
    ),
}


FIT_RESULTS = {
    "it": ("r", "r"),
    "modulo": ("r modulo {m}", "r % {m}"),
    "left": ("the length of s minus r", "len(s) - r"),
    "both": ("the length of t plus r", "len(t) + r"),
}


def _common_word(c: Choices, w: Wording) -> Draft:
    fit, match = FITS[str(c["fit"])]
    counts, worth = (part.format(k=c["k"]) for part in FIT_WORTHS[str(c["worth"])])
    take, before, result = FIT_KINDS[str(c["kind"])]
    asked, printed = (part.format(m=c["m"]) for part in FIT_RESULTS[str(c["result"])])
    otherwise, nothing = empty(c)
    told = w.pick(
        f"A letter of s and a letter of t fit if they are {fit}.",
        f"Two letters, the first from s and the second from t, fit if they are {fit}.",
    )
    ask = w.pick(
        f"A fitting pair is worth {counts}. Let r be the largest possible total worth.",
        f"Each pair that fits is worth {counts}. The largest total worth is r.",
    )
    say = w.pick(f"Print {asked}", f"Output {asked}", f"Find {asked}")
    return Draft(
        statement=f"{w.pick('You are given two words s and t.', 'Alice wrote the words s and t.', 'There are two words s and t.')} {told} {take} {ask} {say}, but if r is 0, {otherwise}.",
        input_spec=w.pick(
            "The first line contains s, the second line t.", "Two lines: the word s, the word t."
        ),
        output_spec="Print the answer on one line.",
        recall=f"{take} Letters fit if they are {fit}, a pair is worth {counts}. Print {asked}.",
        plan=(
            "Read s and t.",
            "Let d be len(s) + 1 rows of len(t) + 1 times 0.",
            f"For each i, x in s and each j, y in t set d[i + 1][j + 1] to {before}.",
            f"If {match} set d[i + 1][j + 1] to max(d[i + 1][j + 1], d[i][j] + {worth}).",
            f"Let r be {result}.",
            f"If r == 0 print {nothing}, else print {printed}.",
        ),
        program=lines(
            "s = input().strip()",
            "t = input().strip()",
            "d = [[0] * (len(t) + 1) for _ in range(len(s) + 1)]",
            "for i, x in enumerate(s):",
            "    for j, y in enumerate(t):",
            f"        d[i + 1][j + 1] = {before}",
            f"        if {match}:",
            f"            d[i + 1][j + 1] = max(d[i + 1][j + 1], d[i][j] + {worth})",
            f"r = {result}",
            "if r == 0:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=_two_words,
    )


def _two_words(random: Random, level: int) -> str:
    most = {0: 6, 1: 12, 2: random.choice([1, 2, 20])}[level]
    letters = random.choice(["abcdef", "abe", "abcde", "aeiou", "ab", "bcd"])
    words = [
        "".join(random.choice(letters) for _ in range(random.randint(min(3, most), most)))
        for _ in range(2)
    ]
    return "\n".join(words) + "\n"


FAMILIES = (
    Family(
        "knapsack",
        "Knapsack",
        "knapsack: for every weight keep the best worth of the items so far",
        ("dp", "knapsack"),
        1700,
        {
            "condition": NATURAL_CONDITIONS,
            "worth": tuple(ITEM_WORTHS),
            "use": tuple(ITEM_USES),
            "fill": tuple(FILLS),
            "goal": ("largest", "smallest"),
            "empty": tuple(EMPTY),
            "k": (2, 3, 4, 5),
            "m": CONSTANT,
        },
        _knapsack,
    ),
    Family(
        "reachable",
        "Reachable Totals",
        "subset sums: keep the set of all totals that can be reached so far",
        ("dp", "subset sums"),
        1600,
        {
            "condition": tuple(CONDITIONS),
            "move": tuple(TOTAL_MOVES),
            "test": tuple(TOTAL_TESTS),
            "total": ("sum", "largest", "smallest", "count", "range", "two_largest"),
            "empty": tuple(EMPTY),
            "k": (2, 3, 4, 5),
            "m": CONSTANT,
        },
        _reachable,
    ),
    Family(
        "common_word",
        "Two Words",
        "dynamic programming on two words: the best result of every two prefixes",
        ("dp", "strings"),
        1900,
        {
            "fit": tuple(FITS),
            "worth": tuple(FIT_WORTHS),
            "kind": tuple(FIT_KINDS),
            "result": tuple(FIT_RESULTS),
            "empty": tuple(EMPTY),
            "k": (2, 3, 4),
            "m": (2, 3, 5),
        },
        _common_word,
    ),
)
