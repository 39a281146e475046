"""`mapcoder pocket`: the miniature world's problem sets and backbone, made anew.

Knows: where they are written.
Does not know: how problems are made or how a backbone is trained.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mapcoder_lite.cli import terminal

app = typer.Typer(
    help="Make the pocket world: problem sets and backbone.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Set(StrEnum):
    """The problem sets."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@app.command()
def problems(
    which: Annotated[Set, typer.Argument(metavar="SET", help="train, validation or test.")],
    out: Annotated[Path, typer.Option("--out", help="Folder that gets pocket-SET/.")] = Path(
        "data"
    ),
) -> None:
    """Write a problem set: problems.jsonl and hidden_tests.jsonl.

    Example: mapcoder pocket problems test
    """
    from mapcoder_lite.pocket.world import write_problem_set

    folder = out / f"pocket-{which.value}"
    terminal.say(f"{write_problem_set(which.value, folder)} problems")
    terminal.result(f"{folder / 'problems.jsonl'}\n{folder / 'hidden_tests.jsonl'}")


@app.command()
def backbone(
    out: Annotated[Path, typer.Argument(help="Folder of the backbone and its checkpoints.")],
    tokens: Annotated[
        int | None, typer.Option("--tokens", help="Length of the training; default the recipe's.")
    ] = None,
) -> None:
    """Train the backbone from scratch; the same command goes on from the last checkpoint.

    Example: mapcoder pocket backbone runs/pocket-backbone
    """
    import logging
    from dataclasses import replace

    from mapcoder_lite.pocket.backbone import Recipe, train

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    recipe = Recipe() if tokens is None else replace(Recipe(), num_tokens=tokens)
    terminal.say(f"{recipe}; progress in {out / 'log.jsonl'}")
    train(recipe, out)
    terminal.result(str(out))


@app.command()
def pack(
    backbone: Annotated[Path, typer.Argument(help="Folder of the trained backbone.")],
    adapters: Annotated[Path, typer.Argument(help="Folder of the four adapters.")],
) -> None:
    """Put backbone and adapters into the package, where `solve` and `demo` find them.

    Example: mapcoder pocket pack runs/pocket-backbone adapters/pocket
    """
    from mapcoder_lite.pocket.world import WEIGHTS, pack_weights

    num_bytes = pack_weights(backbone, adapters)
    terminal.say(f"{num_bytes / 1e6:.1f} MB")
    terminal.result(str(WEIGHTS))
