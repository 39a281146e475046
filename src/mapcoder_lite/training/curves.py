"""The losses of a training as a picture beside the adapter.

Knows: lines of metrics.jsonl, axes, files.
Does not know: how adapters are trained.
"""

import logging
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mapcoder_lite.training.artefacts import read_metrics
from mapcoder_lite.trajectory import Role

log = logging.getLogger(__name__)

FORMATS = ("png", "svg")
_STYLE: Mapping[str, object] = {
    "svg.hashsalt": "mapcoder",  # the same losses give the same file
    "svg.fonttype": "path",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def draw_curves(role: Role, folder: Path) -> tuple[Path, ...]:
    """Draw metrics.jsonl of a role into loss.png and loss.svg; return their paths."""
    if find_spec("matplotlib") is None:
        log.warning("no loss curves: pip install 'mapcoder-lite[train]' brings matplotlib")
        return ()
    matplotlib: Any = import_module("matplotlib")
    written: list[Path] = []
    with matplotlib.rc_context(dict(_STYLE)):
        figure = _drawn(role, folder)
        for ending in FORMATS:
            path = folder / f"loss.{ending}"
            date = {"Date": None} if ending == "svg" else None
            figure.savefig(path, dpi=150, metadata=date)
            written.append(path)
    return tuple(written)


def _drawn(role: Role, folder: Path) -> Any:
    lines = read_metrics(folder / "metrics.jsonl")
    figure = import_module("matplotlib.figure").Figure(figsize=(7, 4))
    axes = figure.subplots()
    trained = [(line.step, line.loss) for line in lines if line.loss is not None]
    looked = [(line.step, line.validation_loss) for line in lines if line.validation_loss]
    for points, form, colour, label in (
        (trained, "-", "#33415c", "rows trained on"),
        (looked, "o--", "#c8553d", "validation rows"),
    ):
        if points:
            axes.plot(*zip(*points, strict=True), form, color=colour, label=label, markersize=4)
    if all(loss > 0 for _, loss in (*trained, *looked)):
        axes.set_yscale("log")
    axes.set_xlabel("steps")
    axes.set_ylabel("loss of a reply's token, in nats")
    axes.set_title(f"{role.value}: loss while training")
    axes.legend()
    return figure
