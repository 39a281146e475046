"""All problem families, in an order that every problem set depends on.

Knows: which families there are.
Does not know: what is in them.
"""

from mapcoder_lite.pocket.families import (
    halving,
    hashing,
    lists,
    matrices,
    numbers,
    order,
    scans,
    shapes,
    subsets,
    tables,
)
from mapcoder_lite.pocket.family import Family

_NAMED = {
    family.name: family
    for room in (lists, scans, order, numbers, shapes, tables, subsets, matrices, halving, hashing)
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
        "stairs",
        "knapsack",
        "apart",
        "reachable",
        "tilings",
        "number_path",
        "common_word",
        "matrix_lines",
        "submatrix",
        "answer_search",
        "closest",
        "most_frequent",
        "seen_before",
        "group_by",
        "accounts",
    )
)
"""The seeded problem sets draw from them by position: a new family goes to the end."""
