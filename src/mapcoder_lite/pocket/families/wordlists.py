"""Families about lists of words: groups of words that are alike.

Knows: how each of them is told, planned, programmed and fed.
Does not know: how problems are split or judged.
"""

from random import Random

from mapcoder_lite.pocket.families.phrases import ANSWER, ask, if_none
from mapcoder_lite.pocket.family import Draft, Family, lines, lines_unless_empty, steps_unless_empty
from mapcoder_lite.pocket.words import EMPTY, Choices, Wording, empty

KEYS = {
    "letters": ("consist of the same letters, each as often", '"".join(sorted(x))'),
    "set": ("have the same set of letters", '"".join(sorted(set(x)))'),
    "ends": ("have the same first and the same last letter", "x[0] + x[-1]"),
    "first": ("have the same first letter", "x[0]"),
    "length": ("have the same length", "len(x)"),
    "turned": ("are the same or the reverse of each other", "min(x, x[::-1])"),
    "consonants": (
        "have the same consonants in the same order",
        '"".join(y for y in x if y not in "aeiou")',
    ),
}

GROUP_TESTS = {
    "one": ("of exactly one word", "len(x) == 1"),
    "more": ("of more than one word", "len(x) > 1"),
    "exactly": ("of exactly {k} words", "len(x) == {k}"),
    "at_least": ("of at least {k} words", "len(x) >= {k}"),
    "odd": ("with an odd number of words", "len(x) % 2 != 0"),
    "even": ("with an even number of words", "len(x) % 2 == 0"),
}

GROUP_GOALS = {
    "count": ("how many there are", "len(b)"),
    "words": ("how many words they have together", "sum(map(len, b))"),
    "largest": ("the number of words in the largest of them", "max(map(len, b))"),
    "first": ("the first word of each in the order of the input", "*[x[0] for x in b]"),
    "last": ("the last word of each in the order of the input", "*[x[-1] for x in b]"),
    "smallest": ("the alphabetically first word of each", "*[min(x) for x in b]"),
    "sorted": ("all their words in alphabetical order", "*sorted(sum(b, []))"),
    "whole": ("all words of the last of them", "*b[-1]"),
}


def _anagrams(c: Choices, w: Wording) -> Draft:
    alike, key = KEYS[str(c["key"])]
    words, keep = (part.format(k=c["k"]) for part in GROUP_TESTS[str(c["test"])])
    asked, printed = GROUP_GOALS[str(c["goal"])]
    otherwise, nothing = empty(c)
    story = w.pick("You are given n words.", "Alice wrote n words on cards.", "A list has n words.")
    rule = w.pick(
        f"Two words are in the same group if they {alike}.",
        f"Words that {alike} form a group.",
    )
    take = w.pick(f"Consider the groups {words}.", f"Keep only the groups {words}.")
    return Draft(
        statement=f"{story} {rule} Groups are in the order of their first words. {take} {ask(w, asked)} {if_none(w, otherwise)}",
        input_spec="The first line contains n. The second line contains n words of lowercase letters.",
        output_spec=ANSWER,
        recall=f"Group words that {alike}, keep the groups {words} and print {asked}.",
        plan=(
            "Read n and the list a of words.",
            f"For each x in a let t be {key} and append x to d[t].",
            f"Let b be x for each x in d.values() with {keep}.",
            *steps_unless_empty(nothing, printed),
        ),
        program=lines(
            "n = int(input())",
            "a = input().split()",
            "d = {}",
            "for x in a:",
            f"    t = {key}",
            "    d[t] = d.get(t, []) + [x]",
            f"b = [x for x in d.values() if {keep}]",
            *lines_unless_empty(nothing, printed),
        ),
        make_input=_cards,
    )


def _cards(random: Random, level: int) -> str:
    """Words, among them rearranged and reversed ones and copies."""
    n = {0: random.randint(4, 6), 1: random.randint(2, 16), 2: random.choice([1, 1, 2, 8])}[level]
    among = random.choice(["ab", "aeb", "abcde", "abcdefghijklmno"])
    words = ["".join(random.choices(among, k=random.randint(1, 4)))]
    while len(words) < n:
        old = random.choice(words)
        shuffled = "".join(random.sample(old, len(old)))
        new = "".join(random.choices(among, k=random.randint(1, 5)))
        grown = old[0] + random.choice(among) + old[1:]
        words.append(random.choice([old, old[::-1], shuffled, new, new, grown]))
    if level == 2 and random.random() < 0.4:
        words = [words[0]] * n
    return f"{n}\n{' '.join(words)}\n"


FAMILIES = (
    Family(
        "anagrams",
        "Word Groups",
        "grouping: put words with the same key into the same group of a dictionary",
        ("strings", "hashing"),
        1400,
        {
            "key": tuple(KEYS),
            "test": tuple(GROUP_TESTS),
            "goal": tuple(GROUP_GOALS),
            "empty": tuple(EMPTY),
            "k": (2, 3),
        },
        _anagrams,
    ),
)
