"""Families about stacks and queues: brackets, nearest greater numbers, piles, packs of cards.

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
    CHANGES,
    CONSTANT,
    EMPTY,
    LIST_SPEC,
    READ,
    READ_STEP,
    Choices,
    Wording,
    change,
    condition,
    empty,
    intro,
    total,
)

BRACKETS = {"round": "()", "square": "[]", "curly": "{}"}

BRACKET_VALUES = {
    "length": (
        "the number of signs from the opening to the closing bracket, both included",
        "i - j + 1",
    ),
    "inside": ("the number of signs between the two brackets", "i - j - 1"),
    "open": ("the position, counted from 1, of the opening bracket", "j + 1"),
    "close": ("the position, counted from 1, of the closing bracket", "i + 1"),
    "depth": (
        "how many opening brackets were free just before it was closed, its own included",
        "len(c) + 1",
    ),
}

BRACKET_TOTALS = ("sum", "largest", "smallest", "distinct", "sorted", "descending", "two_largest")

BRACKET_CONDITIONS = ("divisible", "not_divisible", "greater", "less", "at_least", "at_most")
"""No parity: a matched pair always has an even length."""


def _brackets(c: Choices, w: Wording) -> Draft:
    opening, closing = BRACKETS[str(c["bracket"])]
    named, value = BRACKET_VALUES[str(c["value"])]
    words, keep = condition(c)
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    given = w.pick(
        f"You are given a text s of the signs {opening} and {closing}.",
        f"A text s has only the signs {opening} and {closing}.",
        f"Alice typed a text s of brackets {opening} and {closing}.",
    )
    match = w.pick(
        f"Each {closing} is matched with the last {opening} before it that is still free, if there is one.",
        f"A {closing} closes the nearest free {opening} on its left, or nothing if there is none.",
    )
    take = w.pick(f"For each matched pair take {named}.", f"The value of a pair is {named}.")
    ask = w.pick(
        f"Of the values that are {words} print {asked}.",
        f"Look at the values that are {words} and output {asked}.",
    )
    return Draft(
        statement=f"{given} {match} {take} {ask} If there are none, {otherwise}.",
        input_spec=w.pick("One line with s.", "The only line contains s."),
        output_spec="Print the answer on one line.",
        recall=f"Match the brackets {opening} and {closing}, for each pair take {named}, keep the values that are {words} and print {asked}.",
        plan=(
            "Read s and keep a stack c of open positions.",
            f'For each i if s[i] is "{opening}" append i to c.',
            f"Else if c is not empty let j be c.pop() and x be {value}.",
            f"If {keep} append x to b.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "s = input().strip()",
            "b = []",
            "c = []",
            "for i in range(len(s)):",
            f'    if s[i] == "{opening}":',
            "        c.append(i)",
            "    elif c:",
            "        j = c.pop()",
            f"        x = {value}",
            f"        if {keep}:",
            "            b.append(x)",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=lambda random, level: _bracket_text(random, level, opening, closing),
    )


def _bracket_text(random: Random, level: int, opening: str, closing: str) -> str:
    n = {0: random.randint(10, 14), 1: random.randint(4, 40), 2: random.choice([2, 3, 5, 50])}[
        level
    ]
    share = random.choice([0.5, 0.6, 0.4])
    if level == 2 and random.random() < 0.2:
        return random.choice([closing * n + opening, opening * n]) + "\n"
    return "".join(opening if random.random() < share else closing for _ in range(n)) + "\n"


NEXT_SIDES = {
    "left": ("left", "before", "a"),
    "right": ("right", "after", "a[::-1]"),
}

NEXT_RELATIONS = {
    "greater": ("greater than x", "c[-1] <= x"),
    "at_least": ("at least x", "c[-1] < x"),
    "less": ("less than x", "c[-1] >= x"),
    "at_most": ("at most x", "c[-1] > x"),
}

NEXT_VALUES = {
    "itself": ("y", "c[-1]"),
    "difference": ("the absolute difference of x and y", "abs(c[-1] - x)"),
    "sum": ("x + y", "c[-1] + x"),
    "product": ("x * y", "c[-1] * x"),
}

NEXT_TOTALS = (
    "sum",
    "largest",
    "smallest",
    "range",
    "distinct",
    "sorted",
    "descending",
    "two_largest",
)


def _next_greater(c: Choices, w: Wording) -> Draft:
    side, place, source = NEXT_SIDES[str(c["side"])]
    words, test = NEXT_RELATIONS[str(c["relation"])]
    named, value = NEXT_VALUES[str(c["value"])]
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    look = w.pick(
        f"For each number x let y be the nearest number on its {side} that is {words}, if there is one.",
        f"Each number x looks for the first number y {place} it that is {words}, going {side}; some find none.",
    )
    take = w.pick(f"Where y exists take {named}.", f"Collect {named} for each x that has a y.")
    ask = w.pick(f"Of these values print {asked}.", f"Among the values you got, output {asked}.")
    return Draft(
        statement=f"{intro(w)} {look} {take} {ask} If there are none, {otherwise}.",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"For each x find the nearest y on its {side} that is {words}, take {named} and print {asked}.",
        plan=(
            READ_STEP,
            f"Keep a stack c. For each x in {source}, while c is not empty and {test}, pop c.",
            f"If c is not empty append {value} to b.",
            "Then append x to c.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            *READ,
            "b = []",
            "c = []",
            f"for x in {source}:",
            f"    while c and {test}:",
            "        c.pop()",
            "    if c:",
            f"        b.append({value})",
            "    c.append(x)",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_repeating,
    )


def _repeating(random: Random, level: int) -> str:
    n = {0: random.randint(5, 8), 1: random.randint(2, 30), 2: random.choice([1, 1, 2, 3, 6, 50])}[
        level
    ]
    low, high = random.choice([(-4, 6), (0, 9), (-30, 30), (1, 3)])
    values = [random.randint(low, high) for _ in range(n)]
    order = random.choice(["any", "up", "down", "equal"]) if level == 2 else "any"
    if order == "equal":
        values = values[:1] * n
    elif order != "any":
        values.sort(reverse=order == "down")
    return f"{n}\n{' '.join(map(str, values))}\n"


REDUCE_TESTS = {
    "equal": ("y is equal to x", "c[-1] == x"),
    "less": ("y is less than x", "c[-1] < x"),
    "greater": ("y is greater than x", "c[-1] > x"),
    "sum_even": ("x + y is even", "(c[-1] + x) % 2 == 0"),
    "sum_odd": ("x + y is odd", "(c[-1] + x) % 2 != 0"),
    "divisible": ("x + y is divisible by {k}", "(c[-1] + x) % {k} == 0"),
    "close": ("x and y differ by at most {k}", "abs(c[-1] - x) <= {k}"),
    "far": ("x and y differ by more than {k}", "abs(c[-1] - x) > {k}"),
}

REDUCE_ACTIONS = {
    "cancel": ("both vanish", "c.pop()"),
    "sum": ("y is replaced by x + y", "c[-1] += x"),
    "difference": ("y is replaced by y - x", "c[-1] -= x"),
    "replace": ("y is replaced by x", "c[-1] = x"),
    "double": ("y is doubled and x vanishes", "c[-1] *= 2"),
}


def _reduce(c: Choices, w: Wording) -> Draft:
    words, test = (part.format(k=c["k"]) for part in REDUCE_TESTS[str(c["test"])])
    told, action = REDUCE_ACTIONS[str(c["action"])]
    changed, value = change(c)
    rule = w.pick(
        f"They are put on a pile one by one. If the pile is not empty, let y be its top: if {words}, {told}. Otherwise x is put on top.",
        f"Each number x in turn comes to a pile with top y. If there is a top and {words}, {told}; else x becomes the new top.",
    )
    each = f", each {changed}" if changed else ""
    ask = w.pick(
        f"Print the sum of the numbers on the pile at the end{each}.",
        f"Find the sum of what lies on the pile in the end{each}.",
    )
    return Draft(
        statement=f"{intro(w)} {rule} {ask} The sum of no numbers is 0.",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print one integer.",
        recall=f"Put numbers x on a pile with top y; if {words}, {told}; print the sum of the pile{each}.",
        plan=(
            READ_STEP,
            f"Keep a stack c. For each x in a if c is not empty and {test} do {action}.",
            "Else append x to c.",
            f"Print the sum of {value} for each x in c.",
        ),
        program=lines(
            *READ,
            "c = []",
            "for x in a:",
            f"    if c and {test}:",
            f"        {action}",
            "    else:",
            "        c.append(x)",
            f"print(sum([{value} for x in c]))",
        ),
        make_input=_repeating,
    )


READ_Q = ("n, q = map(int, input().split())", READ[1])

Q_SPEC = (
    "The first line contains n and q. The second line contains n positive integers.",
    "The first line has the integers n and q, the second line has n positive integers.",
)

CIRCLE_STEPS = {
    "fixed": ("q times", "q"),
    "growing": ("q + r times, where r cards were removed so far", "q + len(b)"),
    "front": ("as often as the front card says", "a[0]"),
    "half": ("half as often as there are cards, rounded down", "len(a) // 2"),
}

CIRCLE_MOVES = {
    "forward": ("the front card goes to the back", "a.append(a.pop(0))"),
    "backward": ("the last card goes to the front", "a.insert(0, a.pop())"),
    "second": ("the second card goes to the back", "a.append(a.pop(1))"),
}

CIRCLE_ENDS = {"front": ("front", "a.pop(0)"), "back": ("last", "a.pop()")}

CIRCLE_GOALS = {
    "order": ("the removed cards in order", "*b"),
    "removed": ("the sum of the removed cards", "sum(b)"),
    "last": ("the card that is removed last", "b[-1]"),
    "peak": ("the largest removed card", "max(b)"),
    "left": ("the cards that are left, from front to back", "*a"),
    "sum": ("the sum of the cards that are left", "sum(a)"),
}


def _circle(c: Choices, w: Wording) -> Draft:
    times, count = CIRCLE_STEPS[str(c["step"])]
    told, move = CIRCLE_MOVES[str(c["move"])]
    end, take = CIRCLE_ENDS[str(c["end"])]
    asked, printed = CIRCLE_GOALS[str(c["goal"])]
    kept = "1 card is left" if c["m"] == 1 else f"{c['m']} cards are left"
    story = w.pick(
        "There are n cards with numbers in a row, the first is at the front.",
        "Alice holds n cards with numbers, the first is at the front.",
        "A pack has n cards with numbers, from front to back.",
    )
    rule = w.pick(
        f"Until only {kept}: {told} {times}, then the {end} card is removed.",
        f"Repeat until {kept}: {told} {times}; after that remove the {end} card.",
    )
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{story} There is also an integer q. {rule} {ask}",
        input_spec=w.pick(*Q_SPEC) + f" n is greater than {c['m']}.",
        output_spec="Print the answer on one line.",
        recall=f"Until {kept}, {told} {times}, then the {end} card is removed; print {asked}.",
        plan=(
            "Read n, q and the list a.",
            f"While len(a) > {c['m']} repeat {count} times {move}.",
            f"Then append {take} to b.",
            f"Print {printed}.",
        ),
        program=lines(
            *READ_Q,
            "b = []",
            f"while len(a) > {c['m']}:",
            f"    for _ in range({count}):",
            f"        {move}",
            f"    b.append({take})",
            f"print({printed})",
        ),
        make_input=lambda random, level: _cards(random, level, int(c["m"]) + 1),
    )


def _cards(random: Random, level: int, at_least: int) -> str:
    n = {0: random.randint(1, 4), 1: random.randint(1, 15), 2: random.choice([0, 0, 1, 25])}[level]
    n += at_least
    high = random.choice([3, 9, 20])
    values = [random.randint(1, high) for _ in range(n)]
    return f"{n} {random.randint(1, 4 if level == 0 else 9)}\n{' '.join(map(str, values))}\n"


FAMILIES = (
    Family(
        "brackets",
        "Brackets",
        "stack of brackets: keep the open positions and take the last one at each closing bracket",
        ("data structures", "strings", "stacks"),
        1200,
        {
            "bracket": tuple(BRACKETS),
            "value": tuple(BRACKET_VALUES),
            "condition": BRACKET_CONDITIONS,
            "total": BRACKET_TOTALS,
            "empty": tuple(EMPTY),
            "k": (3, 4, 5),
        },
        _brackets,
    ),
    Family(
        "next_greater",
        "Nearest Neighbour",
        "monotone stack: pop what can no longer be an answer, then the top is the nearest one",
        ("data structures", "stacks"),
        1500,
        {
            "side": tuple(NEXT_SIDES),
            "relation": tuple(NEXT_RELATIONS),
            "value": tuple(NEXT_VALUES),
            "total": NEXT_TOTALS,
            "empty": tuple(EMPTY),
        },
        _next_greater,
    ),
    Family(
        "reduce",
        "The Pile",
        "stack with a rule: compare each number with the top and merge it or put it on top",
        ("stacks", "implementation"),
        1200,
        {
            "test": tuple(REDUCE_TESTS),
            "action": tuple(REDUCE_ACTIONS),
            "change": tuple(CHANGES),
            "k": (2, 3, 4, 5),
            "m": CONSTANT,
        },
        _reduce,
    ),
    Family(
        "circle",
        "The Pack",
        "queue: move cards from one end to the other and remove one at a time",
        ("queues", "simulation"),
        1200,
        {
            "step": tuple(CIRCLE_STEPS),
            "move": tuple(CIRCLE_MOVES),
            "end": tuple(CIRCLE_ENDS),
            "goal": tuple(CIRCLE_GOALS),
            "m": (1, 2, 3),
        },
        _circle,
    ),
)
