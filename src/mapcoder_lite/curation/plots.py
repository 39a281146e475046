"""An audit as pictures: the funnel, tags by stage, passing by rating, algorithms named.

Knows: bars, intervals, names of files.
Does not know: where numbers come from, how a picture is written.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from mapcoder_lite.curation.audit import Audit, LabelBias
from mapcoder_lite.curation.funnel import Stage
from mapcoder_lite.curation.odds import PassOdds
from mapcoder_lite.figures import colour, figure_of, write_figures
from mapcoder_lite.run_problem import band_order

NUM_TAGS = 24
"""The most frequent tags are drawn; the table has all."""
MAX_LABEL_LENGTH = 40
_MARKS = ("o", "s", "D", "^", "v")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
Draw = Callable[[Audit], Any]
"""Draws one figure; Any: of matplotlib, which types are loose."""


def write_plots(audit: Audit, folder: Path) -> tuple[Path, ...]:
    """Write every picture in every format; return the paths.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    return write_figures(
        {f"audit-{name}": partial(draw, audit) for name, draw in _DRAWN.items()}, folder
    )


def _funnel(audit: Audit) -> Any:
    stages = audit.funnel.stages
    figure, axes = figure_of(8.5, 0.38 * len(stages) + 1.2)
    whole = {_counted_in(stage): stage.count for stage in reversed(stages)}
    groups = list(dict.fromkeys(map(_counted_in, stages)))
    for group in groups:
        own = [(y, stage) for y, stage in enumerate(stages) if _counted_in(stage) == group]
        lengths = [100 * stage.count / (whole[group] or 1) for _, stage in own]
        bars = axes.barh([y for y, _ in own], lengths, color=colour(groups.index(group)))
        axes.bar_label(bars, [f" {stage.count:,} {stage.unit}" for _, stage in own])
    axes.set_yticks(range(len(stages)), [_shown(stage.name) for stage in stages])
    axes.invert_yaxis()
    axes.set_xlim(0, 125)
    axes.set_xticks(range(0, 101, 20))
    axes.set_xlabel("per cent of the first stage of the same colour")
    axes.set_title("From problems to rows")
    return figure


def _counted_in(stage: Stage) -> str:
    """The unit; a row is a call that was kept."""
    return "calls" if stage.unit == "rows" else stage.unit


def _tags(audit: Audit) -> Any:
    bias = audit.tags
    first = bias.stages[0].shares
    tags = sorted(first, key=lambda tag: (-first[tag], tag))[:NUM_TAGS]
    dropped = len(first) - len(tags)
    title = f"Tags by stage ({dropped} rarer ones left out)" if dropped else "Tags by stage"
    return _stage_dots(bias, tags, title)


def _ratings(audit: Audit) -> Any:
    odds = sorted(audit.ratings.odds, key=lambda odds: band_order(odds.label))
    figure, axes = figure_of(8, 4)
    _with_intervals(axes, odds)
    axes.set_title("Problems passed at the first attempt, by rating (95 % Wilson intervals)")
    return figure


def _algorithms(audit: Audit) -> Any:
    recalls = audit.recalls
    figure = import_module("matplotlib.figure").Figure(figsize=(10, 4.6))
    left, right = figure.subplots(1, 2)
    top = recalls.algorithms.top
    bars = left.barh(range(len(top)), list(top.values()), color=colour(0))
    left.bar_label(bars, padding=2)
    left.set_yticks(range(len(top)), [_shown(name) for name in top])
    left.invert_yaxis()
    left.margins(x=0.12)
    left.set_xlabel("replies")
    left.set_title(f"Algorithms named most ({recalls.algorithms.num_distinct} in all)")
    tags = sorted(recalls.by_tag, key=lambda tag: -recalls.by_tag[tag].num_named)[:NUM_TAGS]
    effective = [recalls.by_tag[tag].effective for tag in tags]
    right.barh(range(len(tags)), effective, color=colour(2))
    right.set_yticks(range(len(tags)), [_shown(tag) for tag in tags])
    right.invert_yaxis()
    right.axvline(1, color="black", linewidth=0.8, linestyle=":")
    right.set_xlim(0)
    right.set_xlabel("effective number of algorithms (1 = always the same)")
    right.set_title("How varied, by the problem's tag")
    return figure


_DRAWN: Mapping[str, Draw] = {
    "funnel": _funnel,
    "tags": _tags,
    "ratings": _ratings,
    "algorithms": _algorithms,
}


def _stage_dots(bias: LabelBias, labels: Sequence[str], title: str) -> Any:
    """A line a label, a mark a stage: marks apart are a shift."""
    figure, axes = figure_of(8, 0.3 * len(labels) + 1.6)
    for place, stage in enumerate(bias.stages):
        shares = [100 * stage.shares.get(label, 0.0) for label in labels]
        ys = [row + 0.12 * (place - (len(bias.stages) - 1) / 2) for row in range(len(labels))]
        name = f"{stage.stage} ({stage.num_units:,})"
        mark = _MARKS[place % len(_MARKS)]
        axes.plot(shares, ys, mark, color=colour(place), label=name, markersize=5)
    axes.set_yticks(range(len(labels)), [_shown(label) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlim(0)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    axes.set_xlabel("share of the stage, in per cent")
    axes.set_title(title)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _with_intervals(axes: Any, odds: Sequence[PassOdds]) -> None:
    shares = [100 * (o.first.share or 0.0) for o in odds]
    below = [max(0.0, s - 100 * (o.first.low or 0.0)) for o, s in zip(odds, shares, strict=True)]
    above = [max(0.0, 100 * (o.first.high or 1.0) - s) for o, s in zip(odds, shares, strict=True)]
    axes.errorbar(
        range(len(odds)), shares, yerr=[below, above], fmt="o", color=colour(0), capsize=4
    )
    names = [f"{_shown(o.label)}\nn = {o.first.num_total:,}" for o in odds]
    axes.set_xticks(range(len(odds)), names)
    axes.set_xlim(-0.5, len(odds) - 0.5)
    axes.set_ylim(0, 100)
    axes.set_ylabel("passed, in per cent")


def _shown(text: str) -> str:
    """A name on one line, shortened with a mark."""
    line = _UNSEEN.sub(" ", text)
    return line if len(line) <= MAX_LABEL_LENGTH else f"{line[: MAX_LABEL_LENGTH - 1]}…"
