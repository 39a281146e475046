"""Pictures by matplotlib in one manner: style, colours, formats, files.

Knows: how every picture looks, how it is written.
Does not know: what is drawn.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mapcoder_lite.errors import ConfigError

FORMATS = ("png", "svg")
_COLOURS = ("#33415c", "#7d8597", "#2a9d8f", "#e9a23b", "#c8553d", "#8d5a97")
_STYLE: Mapping[str, object] = {
    "text.parse_math": False,  # a dollar sign in a name is no formula
    "svg.hashsalt": "mapcoder",  # the same numbers give the same file
    "svg.fonttype": "path",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}

Draw = Callable[[], Any]
"""Draws one figure; Any: of matplotlib, which types are loose."""


def can_plot() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def write_figures(drawn: Mapping[str, Draw], folder: Path) -> tuple[Path, ...]:
    """Draw each figure and write it in every format as `folder/<name>.<format>`.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    if not can_plot():
        raise ConfigError("plots need matplotlib: pip install 'mapcoder-lite[evaluation]'")
    matplotlib: Any = import_module("matplotlib")
    written: list[Path] = []
    with matplotlib.rc_context(dict(_STYLE)):
        for name, draw in drawn.items():
            figure = draw()
            for ending in FORMATS:
                path = folder / f"{name}.{ending}"
                date = {"Date": None} if ending == "svg" else None
                figure.savefig(path, dpi=150, metadata=date)
                written.append(path)
    return tuple(written)


def figure_of(width: float, height: float) -> tuple[Any, Any]:
    """Return a figure of so many inches, and its axes."""
    figure = import_module("matplotlib.figure").Figure(figsize=(width, height))
    return figure, figure.subplots()


def colour(place: int) -> str:
    """Return the colour of the n-th thing; they come round again."""
    return _COLOURS[place % len(_COLOURS)]
