"""`mapcoder dataset` and `mapcoder train`: runs into rows, rows into adapters.

Knows: where data sets and adapters go.
Does not know: which steps earn a row, how adapters are trained.
"""

from pathlib import Path
from typing import Annotated

import typer

from mapcoder_lite.cli import options, terminal


def dataset(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Graded run directories.")],
    name: Annotated[str, typer.Option("--name", help="Name of the data set.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of all data sets.")] = Path("datasets"),
    keep_failed: Annotated[
        bool, typer.Option("--keep-failed", help="Without the pass filter, to measure its worth.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Make training rows of the trajectories whose program passed all hidden tests.

    Example: mapcoder dataset runs/teacher --name first
    """
    from mapcoder_lite.curation.examples import write_dataset

    manifest = write_dataset(runs, out / name, keep_failed=keep_failed)
    if json:
        terminal.result(manifest.model_dump_json(indent=2))
        return
    terminal.say(
        f"{manifest.num_trajectories} trajectories, {manifest.num_passed} passed; of their "
        f"{manifest.num_steps} calls {manifest.num_kept} are kept, {manifest.num_rows} without "
        "duplicates"
    )
    rows = [f"{kind.value:12}{count:8}" for kind, count in manifest.num_rows_by_kind.items()]
    terminal.result("\n".join([*rows, str(out / name)]))


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
