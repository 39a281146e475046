"""Families that play something step by step: jobs in a queue, robots, two players.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from random import Random

from mapcoder_lite.pocket.families.stacks import Q_SPEC, READ_Q
from mapcoder_lite.pocket.family import (
    Draft,
    Family,
    lines,
)
from mapcoder_lite.pocket.words import (
    CHANGES,
    CONSTANT,
    LIST_SPEC,
    READ,
    READ_STEP,
    Choices,
    Wording,
    change,
)

ROUND_TURNS = {
    "fixed": ("min(q, r)", "min(q, a[i])"),
    "place": ("min(q + i, r)", "min(q + i, a[i])"),
    "half": ("min(q, half of r rounded up)", "min(q, (a[i] + 1) // 2)"),
}

ROUND_COSTS = {
    "none": ("A change of jobs takes no time.", "s"),
    "one": ("Each turn takes 1 second more.", "s + 1"),
    "more": ("Each turn takes {k} seconds more.", "s + {k}"),
    "double": ("Each second of work takes {k} seconds of time.", "{k} * s"),
}

ROUND_PLACES = {
    "back": ("to the back of the queue", "c.append(i)"),
    "second": ("behind the next job", "c.insert(1, i)"),
}

ROUND_GOALS = {
    "all": ("for each job the time when it is done", "*b"),
    "sum": ("the sum of the times when jobs are done", "sum(b)"),
    "earliest": ("the earliest time when a job is done", "min(b)"),
    "front": ("the time when job 0 is done", "b[0]"),
    "end": ("the time when job n - 1 is done", "b[-1]"),
    "range": ("the time between the first and the last job done", "max(b) - min(b)"),
}


def _rounds(c: Choices, w: Wording) -> Draft:
    amount, turn = ROUND_TURNS[str(c["turn"])]
    more, cost = (part.format(k=c["k"]) for part in ROUND_COSTS[str(c["cost"])])
    where, back = ROUND_PLACES[str(c["place"])]
    asked, printed = ROUND_GOALS[str(c["goal"])]
    story = w.pick(
        "A computer has n jobs in a queue, numbered from 0; each needs some seconds of work.",
        "There are n jobs in a queue with numbers 0 to n - 1 and their seconds of work.",
        "Bob has n jobs in a queue, numbered from 0, and knows the seconds of work of each.",
    )
    rule = w.pick(
        f"The first job i with r seconds left gets {amount} seconds of work.",
        f"In each turn job i at the front, with r seconds left, is given {amount} seconds.",
    )
    again = w.pick(f"If it is not done it goes {where}.", f"An unfinished job returns {where}.")
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{story} {rule} {again} {more} {ask}",
        input_spec=w.pick(*Q_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Jobs i in a queue get {amount} seconds a turn and go {where}. {more} Print {asked}.",
        plan=(
            "Read n, q and the list a; let c be the queue of jobs.",
            f"While c is not empty let i be c.pop(0) and s be {turn}.",
            f"Do t += {cost} and a[i] -= s.",
            f"If a[i] > 0 do {back}, else set b[i] to t.",
            f"Print {printed}.",
        ),
        program=lines(
            *READ_Q,
            "b = [0] * n",
            "c = list(range(n))",
            "t = 0",
            "while c:",
            "    i = c.pop(0)",
            f"    s = {turn}",
            f"    t += {cost}",
            "    a[i] -= s",
            "    if a[i] > 0:",
            f"        {back}",
            "    else:",
            "        b[i] = t",
            f"print({printed})",
        ),
        make_input=_jobs,
    )


def _jobs(random: Random, level: int) -> str:
    n = {0: random.randint(3, 5), 1: random.randint(2, 12), 2: random.choice([1, 2, 3, 20])}[level]
    high = random.choice([4, 9, 20])
    values = [random.randint(1, high) for _ in range(n)]
    return f"{n} {random.randint(1, 4 if level == 0 else 7)}\n{' '.join(map(str, values))}\n"


ROBOT_WALLS = {
    "none": ("", "x"),
    "left": ("It never gets below x = -{k}: there it stays.", "max(x, -{k})"),
    "right": ("It never gets above x = {k}: there it stays.", "min(x, {k})"),
    "circle": ("Then x is replaced by its remainder when divided by {k}.", "x % {k}"),
    "mirror": ("When x gets negative its sign changes.", "abs(x)"),
}

ROBOT_VALUES = {
    "x": ("x", "x"),
    "sum": ("x + y", "x + y"),
    "difference": ("x - y", "x - y"),
    "distance": ("its distance |x| + |y|", "abs(x) + abs(y)"),
    "product": ("x * y", "x * y"),
    "square": ("x * x + y * y", "x * x + y * y"),
}

ROBOT_GOALS = {
    "largest": ("the largest of these values", "max(b)"),
    "smallest": ("the smallest of these values", "min(b)"),
    "last": ("the last of these values", "b[-1]"),
    "sum": ("the sum of these values", "sum(b)"),
    "distinct": ("how many different values there are", "len(set(b))"),
    "zero": ("how many of these values are 0", "b.count(0)"),
    "first": (
        "after how many commands the largest of these values was there for the first time",
        "b.index(max(b)) + 1",
    ),
}


def _robot(c: Choices, w: Wording) -> Draft:
    told, wall = (part.format(k=c["k"]) for part in ROBOT_WALLS[str(c["wall"])])
    named, value = ROBOT_VALUES[str(c["value"])]
    asked, printed = ROBOT_GOALS[str(c["goal"])]
    story = w.pick("A robot starts at x = 0, y = 0.", "At the start a robot has x = 0 and y = 0.")
    moves = w.pick(
        f"It obeys a text s of commands: R adds {c['step']} to x, L takes 1 from x, U adds 1 to y, D takes 1 from y.",
        f"Each sign of s moves it: with R x grows by {c['step']}, with L x falls by 1, with U y grows by 1, with D y falls by 1.",
    )
    after = w.pick(f"After each command note {named}.", f"Write down {named} after every command.")
    ask = w.pick(f"Print {asked}.", f"Find {asked}.", f"Output {asked}.")
    return Draft(
        statement=" ".join(part for part in (story, moves, told, after, ask) if part),
        input_spec=w.pick("One line with s.", "The only line contains s."),
        output_spec="Print one integer.",
        recall=f"A robot moves by R (adds {c['step']} to x), L, U and D; note {named} after each command and print {asked}. {told}".strip(),
        plan=(
            "Read s and let x and y be 0.",
            f'For each d in s add {c["step"]} * (d == "R") - (d == "L") to x.',
            'Add (d == "U") - (d == "D") to y.',
            (f"Set x to {wall} and append" if told else "Append") + f" {value} to b.",
            f"Print {printed}.",
        ),
        program=lines(
            "s = input().strip()",
            "x, y = 0, 0",
            "b = []",
            "for d in s:",
            f'    x += {c["step"]} * (d == "R") - (d == "L")',
            '    y += (d == "U") - (d == "D")',
            *((f"    x = {wall}",) if told else ()),
            f"    b.append({value})",
            f"print({printed})",
        ),
        make_input=_commands,
    )


def _commands(random: Random, level: int) -> str:
    n = {0: random.randint(5, 9), 1: random.randint(3, 40), 2: random.choice([2, 3, 50])}[level]
    signs = random.choice(["LRUD", "LRUD", "LLUD", "RRUD", "LLLRDU", "LLLD", "RUUD"])
    return "".join(random.choice(signs) for _ in range(n)) + "\n"


TURN_RULES = {
    "left": ("the leftmost card", "0"),
    "right": ("the rightmost card", "-1"),
    "larger": (
        "the larger one of the two outer cards, the left one if they are equal",
        "0 if a[0] >= a[-1] else -1",
    ),
    "smaller": (
        "the smaller one of the two outer cards, the left one if they are equal",
        "0 if a[0] <= a[-1] else -1",
    ),
    "largest": ("the first of the largest cards", "a.index(max(a))"),
    "smallest": ("the first of the smallest cards", "a.index(min(a))"),
    "middle": ("the middle card, the right one of two", "len(a) // 2"),
}

TURN_GOALS = {
    "first": ("Alice's score", "b[0]"),
    "second": ("Bob's score", "b[1]"),
    "lead": ("Alice's score minus Bob's score", "b[0] - b[1]"),
    "best": ("the larger of the two scores", "max(b)"),
    "worst": ("the smaller of the two scores", "min(b)"),
    "winner": (
        "YES if Alice's score is larger than Bob's, else NO",
        '"YES" if b[0] > b[1] else "NO"',
    ),
}


def _turns(c: Choices, w: Wording) -> Draft:
    first, take_first = TURN_RULES[str(c["first"])]
    second, take_second = TURN_RULES[str(c["second"])]
    changed, value = change(c)
    asked, printed = TURN_GOALS[str(c["goal"])]
    story = w.pick(
        "There are n cards with numbers in a row.",
        "On a table lie n cards with numbers in a row.",
        "A row of n cards with numbers is given.",
    )
    play = w.pick(
        "Alice and Bob take cards in turn, Alice first, until none is left.",
        "Alice begins, then she and Bob take one card each in turn until all are gone.",
    )
    rules = w.pick(
        f"Alice always takes {first}; Bob takes {second}.",
        f"In her turn Alice takes {first}. In his turn Bob takes {second}.",
    )
    score = w.pick(
        "A score is the sum of the numbers taken", "A player's score is the sum of taken numbers"
    )
    each = f", each {changed}" if changed else ""
    ask = w.pick(f"Print {asked}.", f"Output {asked}.")
    return Draft(
        statement=f"{story} {play} {rules} {score}{each}. {ask}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Alice takes {first}, Bob {second}, in turn; scores are sums of numbers{each}; print {asked}.",
        plan=(
            READ_STEP,
            f"While a is not empty: if t is 0 let i be {take_first}.",
            f"Else let i be {take_second}.",
            f"Let x be a.pop(i), add {value} to b[t] and set t to 1 - t.",
            f"Print {printed}.",
        ),
        program=lines(
            *READ,
            "b = [0, 0]",
            "t = 0",
            "while a:",
            "    if t == 0:",
            f"        i = {take_first}",
            "    else:",
            f"        i = {take_second}",
            "    x = a.pop(i)",
            f"    b[t] += {value}",
            "    t = 1 - t",
            f"print({printed})",
        ),
        make_input=_row,
    )


def _row(random: Random, level: int) -> str:
    n = {0: random.randint(4, 7), 1: random.randint(2, 25), 2: random.choice([1, 2, 3, 4, 40])}[
        level
    ]
    low, high = random.choice([(1, 9), (-9, 9), (-9, -1), (1, 30), (-30, 30)])
    return f"{n}\n{' '.join(str(random.randint(low, high)) for _ in range(n))}\n"


FAMILIES = (
    Family(
        "rounds",
        "Jobs in a Queue",
        "round robin: the first job works for one turn and goes back to the queue",
        ("queues", "simulation"),
        1300,
        {
            "turn": tuple(ROUND_TURNS),
            "cost": tuple(ROUND_COSTS),
            "place": tuple(ROUND_PLACES),
            "goal": tuple(ROUND_GOALS),
            "k": CONSTANT,
        },
        _rounds,
    ),
    Family(
        "robot",
        "The Robot",
        "simulation of a walk: obey each command and note the place",
        ("simulation", "implementation"),
        900,
        {
            "wall": tuple(ROBOT_WALLS),
            "value": tuple(ROBOT_VALUES),
            "goal": tuple(ROBOT_GOALS),
            "step": (1, 2, 3),
            "k": (2, 3, 4, 5),
        },
        _robot,
    ),
    Family(
        "turns",
        "Alice and Bob",
        "simulation of a game: two players take cards in turn, each by a rule",
        ("simulation", "games"),
        1000,
        {
            "first": tuple(TURN_RULES),
            "second": tuple(TURN_RULES),
            "change": tuple(CHANGES),
            "goal": tuple(TURN_GOALS),
            "m": CONSTANT,
        },
        _turns,
    ),
)
