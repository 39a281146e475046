"""`mapcoder train`: rows into adapters.

Knows: where adapters go.
Does not know: how adapters are trained.
"""

from pathlib import Path
from typing import Annotated

import typer

from mapcoder_lite.cli import options, terminal


def train(
    rows: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of a data set.")],
    name: Annotated[str, typer.Option("--name", help="Name of the adapters.")],
    config: options.Files = None,
    overrides: options.Overrides = None,
    role: Annotated[
        list[str] | None, typer.Option("--role", help="Only this role; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of all adapters.")] = Path("adapters"),
) -> None:
    """Train a LoRA adapter for each role; the same command goes on where it stopped.

    Example: mapcoder train datasets/first --name first -s train.backbone=models/backbone
    """
    import logging

    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.trajectory import Role

    unknown = set(role or ()) - set(Role)
    if unknown:
        raise ConfigError(
            f"no such role: {', '.join(sorted(unknown))}; there are {', '.join(Role)}"
        )
    try:
        from mapcoder_lite.training import train as training
    except ImportError as error:
        raise ConfigError(
            f"training needs {error.name}: pip install 'mapcoder-lite[train]'"
        ) from error
    settings = options.resolve(config, overrides)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    training.train(settings.train, rows, out / name, tuple(map(Role, role or Role)))
    terminal.result(str(out / name))
