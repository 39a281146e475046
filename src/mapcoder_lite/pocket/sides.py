"""How often a preference stands on the wrong side by the generator's ground truth.

The outcome of an attempt is only a hint at which of its replies were good: a right recall fails
with a wrong program, a wrong plan passes with a coder that ignored it. In pocket it is known.

Knows: the truth of steps, pairs, labelled replies.
Does not know: how truth is found, files, how outcomes make preferences.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum

from mapcoder_lite.example import Labelled, Pair
from mapcoder_lite.pocket.truth import Truth
from mapcoder_lite.problem import Record
from mapcoder_lite.trajectory import CallKind

Truths = Mapping[tuple[str, str, int, int], Truth]
"""Of readable replies by their place; one that is missing could not be read."""


class Side(StrEnum):
    """What the ground truth says of a preference."""

    RIGHT = "right"
    """Of a pair: the chosen reply is right and the rejected wrong or unreadable."""
    SWAPPED = "swapped"
    """Of a pair: the rejected reply is the right one. Of a label: it is the other one."""
    EQUAL = "equal"
    """Both replies of a pair are right, or both wrong."""
    UNKNOWN = "unknown"


class SideCount(Record):
    """Preferences of one kind, by side."""

    kind: CallKind
    form: str
    """pairs or labels."""
    ground: str
    """What the rejection, or the label, rests on."""
    num_rows: int
    num_swapped: int
    num_equal: int
    num_unknown: int


def side_of_pair(pair: Pair, truths: Truths) -> Side:
    """Return the side of a pair; an unreadable reply is worse than any that can be read."""
    if pair.rejected_from.place not in truths:
        return Side.RIGHT
    chosen, rejected = (
        _is_fine(truths[origin.place]) for origin in (pair.chosen_from, pair.rejected_from)
    )
    if chosen is None or rejected is None:
        return Side.UNKNOWN
    if chosen is rejected:
        return Side.EQUAL
    return Side.RIGHT if chosen else Side.SWAPPED


def side_of_label(row: Labelled, truths: Truths) -> Side:
    """Return the side of a label."""
    if row.provenance.place not in truths:
        return Side.RIGHT
    is_fine = _is_fine(truths[row.provenance.place])
    if is_fine is None:
        return Side.UNKNOWN
    return Side.RIGHT if is_fine is row.label else Side.SWAPPED


def counted(
    pairs: Iterable[Pair], labels: Iterable[Labelled], truths: Truths
) -> tuple[SideCount, ...]:
    """Count the sides of all preferences, by form, kind and ground."""
    sides: defaultdict[tuple[CallKind, str, str], Counter[Side]] = defaultdict(Counter)
    for pair in pairs:
        group = pair.kind, "pairs", pair.rejected_from.kept_by
        sides[group][side_of_pair(pair, truths)] += 1
    for row in labels:
        group = row.kind, "labels", row.provenance.kept_by
        sides[group][side_of_label(row, truths)] += 1
    order = list(CallKind)
    return tuple(
        SideCount(
            kind=kind,
            form=form,
            ground=ground,
            num_rows=found.total(),
            num_swapped=found[Side.SWAPPED],
            num_equal=found[Side.EQUAL],
            num_unknown=found[Side.UNKNOWN],
        )
        for (kind, form, ground), found in sorted(
            sides.items(), key=lambda group: (group[0][1], order.index(group[0][0]))
        )
    )


def _is_fine(truth: Truth) -> bool | None:
    if truth is Truth.UNKNOWN:
        return None
    return truth is not Truth.WRONG
