"""All problem families, in an order that every problem set depends on.

Knows: which families there are.
Does not know: what is in them.
"""

from mapcoder_lite.pocket.families import (
    arithmetic,
    layers,
    lists,
    networks,
    numbers,
    order,
    scans,
    sequences,
    shapes,
    texts,
    wordlists,
)
from mapcoder_lite.pocket.family import Family

_NAMED = {
    family.name: family
    for room in (
        lists,
        scans,
        order,
        numbers,
        shapes,
        networks,
        layers,
        texts,
        wordlists,
        arithmetic,
        sequences,
    )
    for family in room.FAMILIES
}

FAMILIES: tuple[Family, ...] = tuple(
    _NAMED[name]
    for name in (
        "filter",
        "two_conditions",
        "prefix",
        "neighbours",
        "runs",
        "window",
        "sorting",
        "counting",
        "interval",
        "digits",
        "letters",
        "pairs",
        "coins",
        "grid",
        "bits",
        "subsequence",
        "segment",
        "search",
        "components",
        "distances",
        "roads",
        "levels",
        "tree",
        "islands",
        "palindromes",
        "squeeze",
        "cipher",
        "anagrams",
        "folds",
        "divisors",
        "sieve",
        "recurrence",
        "masks",
    )
)
"""The seeded problem sets draw from them by position: a new family goes to the end."""
