"""A ladder as pictures: rates, unreadable replies, noise, forgetting.

Knows: bars, intervals, names of files.
Does not know: where numbers come from, how a picture is written.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mapcoder_lite.evaluation.forgetting import ForgottenRow
from mapcoder_lite.evaluation.ladder import Ladder
from mapcoder_lite.evaluation.readability import Readability
from mapcoder_lite.figures import colour, figure_of, write_figures
from mapcoder_lite.statistics import Rate


def write_plots(
    ladder: Ladder,
    readabilities: Mapping[str, Readability],
    forgotten: Sequence[ForgottenRow],
    folder: Path,
) -> tuple[Path, ...]:
    """Write every picture that there are numbers for, in every format; return the paths.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    drawn: dict[str, Callable[[], Any]] = {
        "ladder-rates": partial(_rates, ladder),
        "ladder-unreadable": partial(_unreadable, ladder),
    }
    if readabilities:
        drawn["ladder-noise"] = partial(_noise, readabilities)
    if forgotten:
        drawn["ladder-forgetting"] = partial(_forgetting, forgotten)
    return write_figures(drawn, folder)


def _rates(ladder: Ladder) -> Any:
    figure, axes = _lines(
        [row.name for row in ladder.rungs], {"passed": [row.common for row in ladder.rungs]}
    )
    axes.set_title(f"pass@1 on {ladder.num_common} common problems (95 % Wilson intervals)")
    axes.set_xlabel("passed, in per cent")
    return figure


def _unreadable(ladder: Ladder) -> Any:
    figure, axes = _lines(
        [row.name for row in ladder.rungs], {"any": [row.unreadable for row in ladder.rungs]}
    )
    axes.set_title("Problems with an unreadable reply (95 % Wilson intervals)")
    axes.set_xlabel("problems, in per cent")
    return figure


def _noise(readabilities: Mapping[str, Readability]) -> Any:
    kinds = list(dict.fromkeys(row.noise for r in readabilities.values() for row in r.rows))
    series = {
        name: [next((row.readable for row in r.rows if row.noise == kind), None) for kind in kinds]
        for name, r in readabilities.items()
    }
    figure, axes = _lines(kinds, series)
    axes.set_title("Retrieval replies that could be read, by noise of the statement")
    axes.set_xlabel("readable, in per cent (95 % intervals)")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _forgetting(forgotten: Sequence[ForgottenRow]) -> Any:
    rows = [row for row in forgotten if row.change.low != row.change.high]
    figure, axes = figure_of(8, 0.25 * len(rows) + 1.4)
    means = [row.change.mean for row in rows]
    reach = [0.0 if row.change.high is None else row.change.high - row.change.mean for row in rows]
    axes.errorbar(means, range(len(rows)), xerr=reach, fmt="o", color=colour(0), capsize=3)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8, linestyle=":")
    axes.set_xlabel("change of the loss on pre-training chats, nats a reply token (95 %)")
    axes.set_title("What the backbone forgot")
    return figure


def _lines(names: Sequence[str], series: Mapping[str, Sequence[Rate | None]]) -> tuple[Any, Any]:
    """A line a name, a mark with its interval a series; marks of one name stand side by side."""
    figure, axes = figure_of(8, 0.3 * len(names) + 1.4)
    for place, (label, rates) in enumerate(series.items()):
        shift = 0.16 * (place - (len(series) - 1) / 2)
        known = [
            (y + shift, rate, rate.share)
            for y, rate in enumerate(rates)
            if rate is not None and rate.share is not None
        ]
        below = [100 * max(0.0, share - (rate.low or 0.0)) for _, rate, share in known]
        above = [100 * max(0.0, _top(rate) - share) for _, rate, share in known]
        axes.errorbar(
            [100 * share for _, _, share in known],
            [y for y, _, _ in known],
            xerr=[below, above],
            fmt="o",
            capsize=3,
            color=colour(2 * place),
            label=label,
        )
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    return figure, axes


def _top(rate: Rate) -> float:
    return 1.0 if rate.high is None else rate.high
