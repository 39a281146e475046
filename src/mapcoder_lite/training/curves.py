"""The losses of a training as a picture beside the adapter.

Knows: lines of metrics.jsonl, axes.
Does not know: how adapters are trained, how pictures look and are written.
"""

import logging
from pathlib import Path
from typing import Any

from mapcoder_lite.figures import can_plot, colour, figure_of, write_figures
from mapcoder_lite.training.artefacts import read_metrics
from mapcoder_lite.trajectory import Role

log = logging.getLogger(__name__)


def draw_curves(role: Role, folder: Path) -> tuple[Path, ...]:
    """Draw metrics.jsonl of a role into loss.png and loss.svg; return their paths."""
    if not can_plot():
        log.warning("no loss curves: pip install 'mapcoder-lite[train]' brings matplotlib")
        return ()
    return write_figures({"loss": lambda: _drawn(role, folder)}, folder)


def _drawn(role: Role, folder: Path) -> Any:
    lines = read_metrics(folder / "metrics.jsonl")
    figure, axes = figure_of(7, 4)
    trained = [(line.step, line.loss) for line in lines if line.loss is not None]
    looked = [(line.step, line.validation_loss) for line in lines if line.validation_loss]
    for points, form, place, label in (
        (trained, "-", 0, "rows trained on"),
        (looked, "o--", 4, "validation rows"),
    ):
        if points:
            axes.plot(
                *zip(*points, strict=True), form, color=colour(place), label=label, markersize=4
            )
    if all(loss > 0 for _, loss in (*trained, *looked)):
        axes.set_yscale("log")
    axes.set_xlabel("steps")
    axes.set_ylabel("loss of a reply's token, in nats")
    axes.set_title(f"{role.value}: loss while training")
    axes.legend()
    return figure
