"""Families that look up: most frequent keys, things seen before, groups, accounts.

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
    LIST_SPEC,
    READ,
    READ_STEP,
    TOTALS,
    Choices,
    Wording,
    condition,
    empty,
    intro,
    total,
)

KEYS = {
    "value": ("value", "x"),
    "absolute": ("absolute value", "abs(x)"),
    "digit": ("last digit", "abs(x) % 10"),
    "remainder": ("remainder from 0 to {q} - 1 when divided by {q}", "x % {q}"),
    "quotient": ("quotient when divided by {q}, rounded down", "x // {q}"),
    "square": ("remainder of x * x when divided by {q}", "x * x % {q}"),
    "length": ("number of digits", "len(str(abs(x)))"),
}


def _key(c: Choices) -> tuple[str, str]:
    words, code = KEYS[str(c["key"])]
    return words.format(q=c["q"]), code.format(q=c["q"])


OFTEN = {"most": ("most often", "d[y]"), "least": ("least often", "-d[y]")}
TIES = {
    "smallest": ("the smallest of equal ones", "-y"),
    "largest": ("the largest of equal ones", "y"),
    "first": ("of equal ones that which appears first", "0"),
}


RANKED = {
    "key": ("Print it.", "r"),
    "both": ("Print it and how often it appears.", "r, d[r]"),
    "sum": ("Print its sum with the number of times it appears.", "r + d[r]"),
}


def _most_frequent(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    key, code = _key(c)
    often, times = OFTEN[str(c["often"])]
    tie, order = TIES[str(c["tie"])]
    best = f"the key that appears {often}, {tie}"
    ranked = f"max(d, key=lambda y: ({times}, {order}))"
    ask, printed = RANKED[str(c["printed"])]
    otherwise, nothing = empty(c)
    kept = w.pick(
        f"Only numbers that are {words} count.", f"Look only at the numbers that are {words}."
    )
    told = w.pick(f"The key of a number x is its {key}.", f"As key of each x take its {key}.")
    find = w.pick(f"Find {best}.", f"Among the keys of these numbers find {best}.")
    if_none = w.pick(f"If no number counts, {otherwise}.", f"If there is no key, {otherwise}.")
    return Draft(
        statement=f"{intro(w)} {kept} {told} {find} {ask} {if_none}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Take the {key} of each number that is {words}. Find {best}. {ask}",
        plan=(
            READ_STEP,
            "Let d be an empty dict.",
            f"For each x in a with {keep} let y be {code} and set d[y] to d.get(y, 0) + 1.",
            f"If d is empty print {nothing}.",
            f"Else let r be {ranked} and print {printed}.",
        ),
        program=lines(
            *READ,
            "d = {}",
            "for x in a:",
            f"    if {keep}:",
            f"        y = {code}",
            "        d[y] = d.get(y, 0) + 1",
            "if not d:",
            f"    print({nothing})",
            "else:",
            f"    r = {ranked}",
            f"    print({printed})",
        ),
        make_input=_repeated,
    )


def _repeated(random: Random, level: int) -> str:
    """A list in which values, last digits and remainders come back."""
    n = {0: random.randint(4, 8), 1: random.randint(3, 25), 2: random.choice([1, 2, 3, 40])}[level]
    low, high = random.choice([(-4, 8), (0, 9), (-9, -1), (1, 40), (3, 3), (-30, 120)])
    values = [random.randint(low, high) for _ in range(random.choice([3, 6, 20]))]
    return f"{n}\n{' '.join(str(random.choice(values)) for _ in range(n))}\n"


PARTNERS = {
    "equal": ("an equal number", "x", "x"),
    "absolute": ("a number of the same absolute value", "abs(x)", "abs(x)"),
    "digit": ("a number with the same last digit", "abs(x) % 10", "abs(x) % 10"),
    "remainder": ("a number that differs from x by a multiple of {q}", "x % {q}", "x % {q}"),
    "sum": ("a number that makes the sum {q} with x", "{q} - x", "x"),
    "smaller": ("a number that is smaller by {q}", "x - {q}", "x"),
    "larger": ("a number that is larger by {q}", "x + {q}", "x"),
    "double": ("the double of x", "2 * x", "x"),
    "negative": ("the number -x", "-x", "x"),
}


SEEN_VALUES = {
    "number": ("x", "x"),
    "place": ("the position of x (from 1 on)", "i + 1"),
    "distance": ("the distance between the two positions", "i - d[y]"),
    "earlier": ("the position (from 1 on) of the earlier number", "d[y] + 1"),
    "partner": ("the earlier number", "a[d[y]]"),
}


def _seen_before(c: Choices, w: Wording) -> Draft:
    partner, look, store = (part.format(q=c["q"]) for part in PARTNERS[str(c["partner"])])
    value, code = SEEN_VALUES[str(c["value"])]
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    event = w.pick(
        f"Whenever somewhere before a number x there is {partner}, take the latest such number and write down {value} for x.",
        f"For each number x look for {partner} at an earlier position, the latest if there are several, and if it exists write down {value}.",
    )
    ask = w.pick(
        f"Of all you wrote down print {asked}.",
        f"Of the values written down output {asked}.",
        f"Find {asked}, in the order of writing.",
    )
    if_none = w.pick(
        f"If nothing is written down, {otherwise}.", f"If this never happens, {otherwise}."
    )
    return Draft(
        statement=f"{intro(w)} {event} {ask} {if_none}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"For each x with {partner} before it write down {value} and print {asked}.",
        plan=(
            READ_STEP,
            f"For each i let x be a[i] and y be {look}.",
            f"If y in d append {code} to b.",
            f"Set d[{store}] to i.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            *READ,
            "b = []",
            "d = {}",
            "for i in range(n):",
            "    x = a[i]",
            f"    y = {look}",
            "    if y in d:",
            f"        b.append({code})",
            f"    d[{store}] = i",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_repeated,
    )


SIZES = {
    "at_least": ("with at least {m} members", "len(r) >= {m}"),
    "at_most": ("with at most {m} members", "len(r) <= {m}"),
    "exactly": ("with exactly {m} members", "len(r) == {m}"),
    "odd": ("with an odd number of members", "len(r) % 2 != 0"),
    "even": ("with an even number of members", "len(r) % 2 == 0"),
}


GROUP_VALUES = {
    "sum": ("the sum of its members", "sum(r)"),
    "largest": ("its largest member", "max(r)"),
    "smallest": ("its smallest member", "min(r)"),
    "range": ("its largest minus its smallest member", "max(r) - min(r)"),
    "size": ("how many members it has", "len(r)"),
    "first": ("the member that comes first in the list", "r[0]"),
    "last": ("the member that comes last in the list", "r[-1]"),
}


GROUP_TOTALS = ("sum", "largest", "smallest", "range", "sorted", "descending", "distinct")


def _group_by(c: Choices, w: Wording) -> Draft:
    key, code = _key(c)
    size, keep = (part.format(m=c["m"]) for part in SIZES[str(c["size"])])
    value, summed = GROUP_VALUES[str(c["value"])]
    asked, printed = total(c)
    otherwise, nothing = empty(c)
    told = w.pick(
        f"Numbers belong to one group if they have the same {key}.",
        f"Put numbers with the same {key} into one group.",
    )
    take = w.pick(
        f"For each group {size} take {value}.", f"Each group {size} gives one result: {value}."
    )
    ask = w.pick(f"Of these results print {asked}.", f"Output {asked}.", f"Find {asked}.")
    if_none = w.pick(f"If there are none, {otherwise}.", f"If no group is like that, {otherwise}.")
    return Draft(
        statement=f"{intro(w)} {told} {take} {ask} {if_none}",
        input_spec=w.pick(*LIST_SPEC),
        output_spec="Print the answer on one line.",
        recall=f"Group numbers by their {key}; for each group {size} take {value} and print {asked}.",
        plan=(
            READ_STEP,
            "Let d be an empty dict.",
            f"Append each x in a to d[y], a list, where y is {code}.",
            f"Let b be {summed} for each r in d.values() with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            *READ,
            "d = {}",
            "for x in a:",
            f"    y = {code}",
            "    d.setdefault(y, []).append(x)",
            f"b = [{summed} for r in d.values() if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_repeated,
    )


UPDATES = {
    "add": ("adds the amount x to account y, which starts at 0", "d.get(y, 0) + x"),
    "largest": ("puts into account y the largest amount x so far", "max(d.get(y, x), x)"),
    "smallest": ("puts into account y the smallest amount x so far", "min(d.get(y, x), x)"),
    "last": ("replaces what account y holds by x", "x"),
    "first": ("puts x into account y if y had no entry before", "d.get(y, x)"),
    "count": ("adds 1 to account y, which starts at 0, whatever x is", "d.get(y, 0) + 1"),
    "turn": ("negates what account y holds, at first 0, then adds x", "x - d.get(y, 0)"),
}


ACCOUNT_GOALS = {
    "richest": (
        "the account that holds most, the smallest y of equal ones",
        "max(d, key=lambda y: (d[y], -y))",
    ),
    "richest_last": (
        "the account that holds most, the largest y of equal ones",
        "max(d, key=lambda y: (d[y], y))",
    ),
    "poorest": (
        "the account that holds least, the smallest y of equal ones",
        "min(d, key=lambda y: (d[y], y))",
    ),
    "accounts": ("all accounts in increasing order of y", "*sorted(d)"),
    "order": (
        "all accounts by what they hold, the smallest first, equal ones by y",
        "*sorted(d, key=lambda y: (d[y], y))",
    ),
    "held": ("what the accounts hold, in increasing order of y", "*[d[y] for y in sorted(d)]"),
    "sum": ("the sum of what the accounts hold", "sum(d.values())"),
    "most": ("the largest amount that an account holds", "max(d.values())"),
    "above": ("how many accounts hold more than {m}", "len([y for y in d if d[y] > {m}])"),
}


def _accounts(c: Choices, w: Wording) -> Draft:
    words, keep = condition(c)
    update, code = UPDATES[str(c["update"])]
    asked, printed = (part.format(m=c["m"]) for part in ACCOUNT_GOALS[str(c["goal"])])
    otherwise, nothing = empty(c)
    entry = w.pick(f"Each entry {update}.", f"An entry {update}.")
    kept = w.pick(
        f"Ignore entries unless x is {words}.", f"Only entries with an x that is {words} count."
    )
    ask = w.pick(f"Print {asked}.", f"In the end print {asked}.", f"Output {asked}.")
    if_none = w.pick(f"If no entry counts, {otherwise}.", f"If no account is used, {otherwise}.")
    return Draft(
        statement=f"{w.pick('A book has n entries, each an account y and an amount x.', 'There are n entries with an account y and an amount x each.', 'Bob reads n entries, each with an account y and an amount x.')} {kept} {entry} {ask} {if_none}",
        input_spec="The first line contains n. Then follow n lines with y and x each.",
        output_spec="Print the answer on one line.",
        recall=f"Each entry with an x that is {words} {update}. Print {asked}.",
        plan=(
            "Read n and let d be an empty dict.",
            "Read y and x of each of the n entries.",
            f"If {keep} set d[y] to {code}.",
            f"If d is empty print {nothing}.",
            f"Else print {printed}.",
        ),
        program=lines(
            READ[0],
            "d = {}",
            "for _ in range(n):",
            "    y, x = map(int, input().split())",
            f"    if {keep}:",
            f"        d[y] = {code}",
            "if not d:",
            f"    print({nothing})",
            "else:",
            f"    print({printed})",
        ),
        make_input=_entries,
    )


def _entries(random: Random, level: int) -> str:
    n = {0: random.randint(3, 6), 1: random.randint(2, 20), 2: random.choice([1, 1, 2, 30])}[level]
    accounts = random.choice([2, 4, 9])
    low, high = random.choice([(-6, 12), (1, 9), (-9, -1), (0, 4), (-20, 40)])
    rows = [f"{random.randint(1, accounts)} {random.randint(low, high)}" for _ in range(n)]
    return f"{n}\n" + "\n".join(rows) + "\n"


FAMILIES = (
    Family(
        "most_frequent",
        "Most Frequent Key",
        "counting in a dict: count each key and find the best one, ties by a second key",
        ("hashing",),
        1200,
        {
            "condition": tuple(CONDITIONS),
            "key": tuple(KEYS),
            "often": tuple(OFTEN),
            "tie": tuple(TIES),
            "printed": tuple(RANKED),
            "empty": tuple(EMPTY),
            "k": (2, 3, 4, 5),
            "q": (3, 4, 5, 7),
        },
        _most_frequent,
    ),
    Family(
        "seen_before",
        "Seen Before",
        "dict of positions: look up whether the partner of each number came before",
        ("hashing", "pairs"),
        1300,
        {
            "partner": tuple(PARTNERS),
            "value": tuple(SEEN_VALUES),
            "total": tuple(name for name in TOTALS if name != "count"),
            "empty": tuple(EMPTY),
            "q": (2, 3, 4, 5, 6),
        },
        _seen_before,
    ),
    Family(
        "group_by",
        "Groups by Key",
        "grouping: a dict from each key to the list of its members",
        ("hashing", "implementation"),
        1400,
        {
            "key": tuple(key for key in KEYS if key != "value"),
            "size": tuple(SIZES),
            "value": tuple(GROUP_VALUES),
            "total": GROUP_TOTALS,
            "empty": tuple(EMPTY),
            "q": (3, 4, 5, 7),
            "m": (2, 3),
        },
        _group_by,
    ),
    Family(
        "accounts",
        "Accounts",
        "dict of results: bring the result of one key up to date at each entry",
        ("hashing", "simulation"),
        1200,
        {
            "condition": tuple(CONDITIONS),
            "update": tuple(UPDATES),
            "goal": tuple(ACCOUNT_GOALS),
            "empty": tuple(EMPTY),
            "k": (2, 3, 4, 5),
            "m": CONSTANT,
        },
        _accounts,
    ),
)
