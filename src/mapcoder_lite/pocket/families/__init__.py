"""All problem families, in an order that every problem set depends on.

Knows: which families there are.
Does not know: what is in them.
"""

from mapcoder_lite.pocket.families import lists, numbers, order, scans, shapes
from mapcoder_lite.pocket.family import Family

_NAMED = {
    family.name: family
    for room in (lists, scans, order, numbers, shapes)
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
    )
)
"""The seeded problem sets draw from them by position: a new family goes to the end."""
