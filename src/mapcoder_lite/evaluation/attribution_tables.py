"""An attribution as lines and tables.

Knows: words, columns, which caveats are said beside which number.
Does not know: where numbers come from, terminals, markup.
"""

from collections.abc import Iterator

from mapcoder_lite.evaluation.attribution import AttributionTable
from mapcoder_lite.statistics import Mean, Rate
from mapcoder_lite.tables import Block, Table
from mapcoder_lite.trajectory import Role

FEW = 30
"""Below so many problems intervals of means are too narrow."""
NUM_TAGS = 20
"""The most frequent tags are shown; the record has all."""


def attribution_blocks(table: AttributionTable) -> list[Block]:
    """Say all that the table holds, what it rests on first."""
    tags = [_tags(table)] if table.tags else []
    return [*attribution_summary(table), _sets(table), *tags]


def attribution_summary(table: AttributionTable) -> list[Block]:
    """Say what the table rests on, and what it says of each role."""
    return [*_ground(table), _roles(table)]


def _ground(table: AttributionTable) -> Iterator[str]:
    yield (
        f"{table.num_failures} of {table.num_failed} failures of {table.run}, of "
        f"{table.num_problems} problems, were made again with {len(table.sets)} sets of roles "
        f"answered by the teacher, {table.num_replays} times each, with fresh draws"
    )
    yield (
        f"drawn again, nobody replaced: {_rate(table.sets[0].passed)} replays pass; that is taken "
        "off everywhere, for what chance mends is no role's fault"
    )
    yield (
        f"some role mends alone {table.num_alone}; only several together {table.num_together}; "
        f"put down to luck {table.num_by_luck}; nothing credibly mends {table.num_unmended}"
    )
    if table.num_failures < table.num_failed:
        left = table.num_failed - table.num_failures
        yield f"{left} failures are left out: the judge failed on all replays of some set"


def _roles(table: AttributionTable) -> Table:
    share = "share of v(all) - v(nobody)" if table.is_partial else "Shapley share"
    rows = [
        (
            of.role.value,
            _mean(of.share),
            *map(_rate, (of.top, of.alone, of.mender, of.needed)),
        )
        for of in table.roles
    ]
    return Table(
        "Which role mends the failures",
        ("role", share, "greatest share", "mends alone", "put down to it", "in a minimal set"),
        tuple(rows),
        tuple(_caveats(table)),
    )


def _caveats(table: AttributionTable) -> Iterator[str]:
    if table.is_partial:
        yield (
            "shares are the gains along the pipeline's order, one of 24 orders, which credit the "
            "earliest role that mends: Shapley's need --all-sets"
        )
    if table.num_problems < FEW:
        yield f"fewer than {FEW} problems: the intervals of means are too narrow"


def _sets(table: AttributionTable) -> Table:
    return Table(
        "By set of roles that the teacher answers for",
        ("roles", "replays that pass", "more than nobody", "credibly mends", "minimal set"),
        tuple(
            (
                ", ".join(of.roles) or "nobody",
                _rate(of.passed),
                *((_mean(of.uplift), _rate(of.mended), _rate(of.minimal)) if of.roles else "---"),
            )
            for of in table.sets
        ),
    )


def _tags(table: AttributionTable) -> Table:
    shown = table.tags[:NUM_TAGS]
    return Table(
        f"Shares by tag, the {len(shown)} most frequent of {len(table.tags)}, in per cent",
        ("tag", "failures", "nobody", "all", *(role.value for role in Role)),
        tuple(
            (
                of.tag,
                str(of.num_failures),
                f"{100 * of.resampled:.0f}",
                f"{100 * of.everybody:.0f}",
                *(f"{100 * of.shares[role].mean:+.0f}" for role in Role),
            )
            for of in shown
        ),
    )


def _mean(mean: Mean) -> str:
    if mean.low is None or mean.high is None:
        return f"{100 * mean.mean:.1f} %"
    return f"{100 * mean.mean:.1f} % ({100 * mean.low:.0f} .. {100 * mean.high:.0f})"


def _rate(rate: Rate) -> str:
    if rate.share is None or rate.low is None or rate.high is None:
        return "-"
    low, high = 100 * rate.low, 100 * rate.high
    return f"{rate.num_passed}, {100 * rate.share:.1f} % ({low:.0f} .. {high:.0f})"
