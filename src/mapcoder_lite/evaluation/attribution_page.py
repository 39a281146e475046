"""An attribution as Markdown that also reads well on a terminal.

Knows: words, columns, which caveats are said beside which number.
Does not know: where numbers come from, terminals.
"""

import re
from collections.abc import Iterator, Sequence

from mapcoder_lite.evaluation.attribution import AttributionTable
from mapcoder_lite.statistics import Mean, Rate
from mapcoder_lite.trajectory import Role

FEW = 30
"""Below so many problems intervals of means are too narrow."""
NUM_TAGS = 20
"""The most frequent tags are shown; the record has all."""
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|&~$])")


def attribution_page(table: AttributionTable) -> str:
    """Say all that the table holds, what it rests on first."""
    parts = [
        [f"# Which role mends the failures of {table.run}?"],
        list(_ground(table)),
        ["By role"],
        _grid(_roles(table)),
        ["By set of roles that the teacher answers for"],
        _grid(_sets(table)),
        *_tags(table),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _ground(table: AttributionTable) -> Iterator[str]:
    yield (
        f"{table.num_failures} of {table.num_failed} failures, of {table.num_problems} problems, "
        f"were made again with {len(table.sets)} sets of roles answered by the teacher, "
        f"{table.num_replays} times each, with fresh draws."
    )
    yield (
        f"Drawn again, nobody replaced: {_share(table.sets[0].passed)} pass. That is taken off "
        "everywhere: what chance mends is no role's fault."
    )
    yield (
        f"Some role mends alone {table.num_alone}; only several together {table.num_together}; "
        f"put down to luck {table.num_by_luck}; nothing credibly mends {table.num_unmended}."
    )
    if table.is_partial:
        yield (
            "Shares are the gains along the pipeline's order, one of 24 orders, which credit the "
            "earliest role that mends: Shapley's need --all-sets."
        )
    if table.num_failures < table.num_failed:
        left = table.num_failed - table.num_failures
        yield f"{left} failures are left out: the judge failed on all replays of some set."
    if table.num_problems < FEW:
        yield f"Fewer than {FEW} problems: the intervals of means are too narrow."


def _roles(table: AttributionTable) -> list[Sequence[str]]:
    share = "share of v(all) - v(nobody)" if table.is_partial else "Shapley share"
    head = ("role", share, "greatest share", "mends alone", "put down to it", "in a minimal set")
    rows = [
        (
            of.role.value,
            _mean(of.share),
            _share(of.top),
            _share(of.alone),
            _share(of.mender),
            _share(of.needed),
        )
        for of in table.roles
    ]
    return [head, *rows]


def _sets(table: AttributionTable) -> list[Sequence[str]]:
    head = ("roles", "replays that pass", "more than nobody", "credibly mends", "minimal set")
    return [
        head,
        *(
            (
                ", ".join(of.roles) or "nobody",
                _share(of.passed),
                _mean(of.uplift) if of.roles else "-",
                _share(of.mended) if of.roles else "-",
                _share(of.minimal) if of.roles else "-",
            )
            for of in table.sets
        ),
    ]


def _tags(table: AttributionTable) -> Iterator[list[str]]:
    if not table.tags:
        return
    yield [f"Shares by tag, the {min(NUM_TAGS, len(table.tags))} most frequent"]
    head = ("tag", "failures", "nobody", "all", *(role.value for role in Role))
    rows = [
        (
            _MARKUP.sub(r"\\\1", " ".join(of.tag.split())),
            str(of.num_failures),
            f"{100 * of.resampled:.0f} %",
            f"{100 * of.everybody:.0f} %",
            *(f"{100 * of.shares[role].mean:+.0f}" for role in Role),
        )
        for of in table.tags[:NUM_TAGS]
    ]
    yield _grid([head, *rows])


def _mean(mean: Mean) -> str:
    if mean.low is None or mean.high is None:
        return f"{100 * mean.mean:.1f} %"
    return f"{100 * mean.mean:.1f} % ({100 * mean.low:.0f}..{100 * mean.high:.0f})"


def _share(rate: Rate) -> str:
    if rate.share is None or rate.low is None or rate.high is None:
        return "-"
    return (
        f"{rate.num_passed}, {100 * rate.share:.1f} % ({100 * rate.low:.0f}..{100 * rate.high:.0f})"
    )


def _grid(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
