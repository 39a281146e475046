"""`mapcoder card`: the card of adapters or of a data set.

Knows: where cards lie, what only a person can say.
Does not know: what a card says.
"""

from pathlib import Path
from typing import Annotated

import typer

from mapcoder_lite.cli import terminal


def card(
    folder: Annotated[
        Path, typer.Argument(metavar="ADAPTERS_OR_DATASET", help="A folder of either.")
    ],
    licence: Annotated[
        str, typer.Option("--licence", help="Yours, by the hub's short name, as apache-2.0.")
    ],
    title: Annotated[str | None, typer.Option("--title", help="Default the folder's name.")] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", help="Its name on the hub, as Qwen/Qwen2.5-7B.")
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option("--run", help="A graded run with these adapters, or without; repeatable."),
    ] = None,
    citation: Annotated[
        Path | None, typer.Option("--citation", help="A file with your BibTeX entry.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print it, write nothing.")] = False,
) -> None:
    """Write README.md of adapters or of a data set, from its manifest and from runs.

    Example: mapcoder card adapters/first --licence apache-2.0 --run runs/untuned --run runs/first
    """
    from mapcoder_lite.evaluation.metrics import measure
    from mapcoder_lite.jsonl import write_text
    from mapcoder_lite.publication import cards
    from mapcoder_lite.statistics import has_statistics

    words = cards.Words(
        licence=licence,
        title=title or folder.resolve().name,
        backbone=backbone,
        citation=None if citation is None else _read(citation),
    )
    runs = [measure(path, has_intervals=has_statistics()) for path in run or ()]
    text = cards.card(folder, words, runs)
    if show:
        terminal.result(text)
        return
    write_text(folder / "README.md", text)
    terminal.result(str(folder / "README.md"))


def _read(path: Path) -> str:
    from mapcoder_lite.errors import InputError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}; --citation takes a BibTeX file") from error
