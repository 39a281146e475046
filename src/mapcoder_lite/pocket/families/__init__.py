"""All problem families, in an order that every problem set depends on.

Knows: which families there are.
Does not know: what is in them.
"""

from mapcoder_lite.pocket.families import (
    intervals,
    lists,
    numbers,
    order,
    scans,
    schemes,
    shapes,
    stacks,
    sweeps,
    turns,
)
from mapcoder_lite.pocket.family import Family

_NAMED = {
    family.name: family
    for room in (lists, scans, order, numbers, shapes, sweeps, stacks, intervals, schemes, turns)
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
        "stretch",
        "two_ends",
        "range_queries",
        "difference",
        "brackets",
        "next_greater",
        "reduce",
        "activities",
        "merge",
        "nails",
        "heap",
        "records",
        "circle",
        "rounds",
        "robot",
        "turns",
    )
)
"""The seeded problem sets draw from them by position: a new family goes to the end."""
