"""All problem families, in an order that every problem set depends on.

Knows: which families there are.
Does not know: what is in them.
"""

from mapcoder_lite.pocket.families import (
    arithmetic,
    halving,
    hashing,
    intervals,
    layers,
    lists,
    matrices,
    networks,
    numbers,
    order,
    scans,
    schemes,
    sequences,
    shapes,
    stacks,
    subsets,
    sweeps,
    tables,
    texts,
    turns,
    wordlists,
)
from mapcoder_lite.pocket.family import Family

_ROOMS = (
    lists,
    scans,
    order,
    numbers,
    shapes,
    tables,
    subsets,
    matrices,
    halving,
    hashing,
    networks,
    layers,
    texts,
    wordlists,
    arithmetic,
    sequences,
    sweeps,
    stacks,
    intervals,
    schemes,
    turns,
)

FAMILIES: tuple[Family, ...] = tuple(family for room in _ROOMS for family in room.FAMILIES)
"""The seeded problem sets draw from them by position: a new family goes to the end."""
