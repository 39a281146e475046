"""Gold programs about words against references that work another way."""

from collections import Counter
from itertools import combinations
from string import ascii_lowercase

import pytest

from mapcoder_lite.pocket.families import texts, wordlists
from mapcoder_lite.pocket.words import Choices
from pocket_reference import Answer, disagreements, nothing

FAMILIES = {family.name: family for family in (*texts.FAMILIES, *wordlists.FAMILIES)}
VOWELS = set("aeiou")


def palindromes(c: Choices, rows: list[str]) -> Answer:
    word, k, letter = rows[0], int(c["k"]), str(c["c"])
    blocks = [word[i:j] for i, j in combinations(range(len(word) + 1), 2)]
    alike = {
        "same": lambda x, y: x == y,
        "kind": lambda x, y: (x in VOWELS) is (y in VOWELS),
        "close": lambda x, y: (
            abs(ascii_lowercase.index(x) - ascii_lowercase.index(y)) <= int(c["m"])
        ),
    }[str(c["mirror"])]
    lengths = {"any": (0, 1), "odd": (1,), "even": (0,)}[str(c["centre"])]
    passes = {
        "longer": lambda x: len(x) > k,
        "shorter": lambda x: 2 <= len(x) <= k,
        "vowel": lambda x: x[0] in VOWELS,
        "consonant": lambda x: x[-1] not in VOWELS,
        "contains": lambda x: letter in x,
        "without": lambda x: len(x) >= 2 and letter not in x,
    }[str(c["test"])]
    found = [
        x for x in blocks if len(x) % 2 in lengths and all(map(alike, x, reversed(x))) and passes(x)
    ]
    if not found:
        return nothing(c)
    sizes = sorted(len(x) for x in found)
    return [
        {
            "count": len(found),
            "distinct": len(Counter(found)),
            "longest": sizes[-1],
            "shortest": sizes[0],
            "total": sum(sizes),
            "first": sorted(found)[0],
            "last": sorted(found)[-1],
        }[str(c["goal"])]
    ]


def squeeze(c: Choices, rows: list[str]) -> Answer:
    word, k = rows[0], int(c["k"])
    joins = {
        "same": lambda old, new: old == new,
        "kind": lambda old, new: (old in VOWELS) is (new in VOWELS),
        "up": lambda old, new: old <= new,
        "down": lambda old, new: old >= new,
    }[str(c["joint"])]
    cuts = [i for i in range(1, len(word)) if not joins(word[i - 1], word[i])]
    pieces = [word[i:j] for i, j in zip([0, *cuts], [*cuts, len(word)], strict=True)]
    passes = {
        "longer": lambda x: len(x) > k,
        "shorter": lambda x: len(x) <= k,
        "odd": lambda x: len(x) % 2 == 1,
        "even": lambda x: len(x) % 2 == 0,
        "vowel": lambda x: x[0] in VOWELS,
        "consonant": lambda x: x[0] not in VOWELS,
    }[str(c["test"])]
    form = {
        "counted": lambda x: f"{x[0]}{len(x)}",
        "numbered": lambda x: f"{len(x)}{x[-1]}",
        "letter": lambda x: x[:1],
        "ends": lambda x: x[:1] + x[-1:],
        "whole": lambda x: x,
        "lengths": lambda x: f"{len(x)}",
    }[str(c["form"])]
    written = [form(x) for x in pieces if passes(x)]
    if not written:
        return nothing(c)
    if c["goal"] == "sorted":
        return [*sorted(written)]
    if c["goal"] == "different":
        return [len(Counter(written))]
    backwards = c["goal"] == "reversed"
    glue = "-" if c["goal"] == "dashes" else ""
    return [glue.join(reversed(written) if backwards else written)]


def cipher(c: Choices, rows: list[str]) -> Answer:
    word, k, letter = rows[0], int(c["k"]), str(c["c"])
    passes = {
        "vowel": lambda i, x: x in VOWELS,
        "consonant": lambda i, x: x not in VOWELS,
        "before": lambda i, x: x < letter,
        "after": lambda i, x: x > letter,
        "even": lambda i, x: i % 2 == 0,
        "odd": lambda i, x: i % 2 == 1,
        "repeated": lambda i, x: Counter(word)[x] > 1,
    }[str(c["test"])]
    steps = {
        "later": lambda i, place: k,
        "earlier": lambda i, place: -k,
        "mirror": lambda i, place: 25 - 2 * place,
        "position": lambda i, place: i,
        "back": lambda i, place: -i,
        "twice": lambda i, place: place,
        "length": lambda i, place: len(word),
    }[str(c["shift"])]
    other = {
        "same": lambda x: x,
        "upper": str.upper,
        "dash": lambda x: "-",
        "twice": lambda x: x * 2,
        "gone": lambda x: "",
    }[str(c["other"])]
    round_and_round = ascii_lowercase * 8
    new = ""
    for i, x in enumerate(word):
        place = ascii_lowercase.index(x)
        new += round_and_round[78 + place + steps(i, place)] if passes(i, x) else other(x)
    return [
        {
            "text": f"({new})",
            "reversed": f"({''.join(reversed(new))})",
            "sorted": f"({''.join(sorted(new))})",
            "letters": len(Counter(new)),
            "vowels": Counter(new)["a"] + Counter(new)["e"],
        }[str(c["goal"])]
    ]


def anagrams(c: Choices, rows: list[str]) -> Answer:
    words, k = rows[1].split(), int(c["k"])
    assert len(words) == int(rows[0])
    alike = {
        "letters": lambda x, y: Counter(x) == Counter(y),
        "set": lambda x, y: set(x) == set(y),
        "ends": lambda x, y: (x[0], x[-1]) == (y[0], y[-1]),
        "first": lambda x, y: y.startswith(x[0]),
        "length": lambda x, y: len(x) == len(y),
        "turned": lambda x, y: y in (x, "".join(reversed(x))),
        "consonants": lambda x, y: (
            [z for z in x if z not in VOWELS] == [z for z in y if z not in VOWELS]
        ),
    }[str(c["key"])]
    passes = {
        "one": lambda size: size == 1,
        "more": lambda size: size >= 2,
        "exactly": lambda size: size == k,
        "at_least": lambda size: size >= k,
        "odd": lambda size: size % 2 == 1,
        "even": lambda size: size % 2 == 0,
    }[str(c["test"])]
    groups: list[list[str]] = []
    for word in words:
        fitting = next((group for group in groups if alike(group[0], word)), None)
        if fitting is None:
            groups.append([word])
        else:
            fitting.append(word)
    found = [group for group in groups if passes(len(group))]
    if not found:
        return nothing(c)
    return {
        "count": [len(found)],
        "words": [sum(len(group) for group in found)],
        "largest": [max(len(group) for group in found)],
        "first": [group[0] for group in found],
        "last": [group[-1] for group in found],
        "smallest": [sorted(group)[0] for group in found],
        "sorted": sorted(word for group in found for word in group),
        "whole": [*found[-1]],
    }[str(c["goal"])]


REFERENCES = {
    "palindromes": palindromes,
    "squeeze": squeeze,
    "cipher": cipher,
    "anagrams": anagrams,
}


def test_every_family_has_a_reference():
    assert REFERENCES.keys() == FAMILIES.keys()


@pytest.mark.parametrize("name", FAMILIES)
def test_gold_agrees_with_the_reference(name):
    reference = REFERENCES[name]
    assert disagreements(name, lambda c, text: reference(c, text.split("\n"))) == []
