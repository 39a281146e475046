"""`mapcoder merge`: an adapter and its backbone into one model.

Knows: which folders are meant.
Does not know: how adapters are merged.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mapcoder_lite.cli import options, terminal


def merge(
    adapters: Annotated[
        Path, typer.Argument(metavar="ADAPTERS", help="The folder that `train` wrote.")
    ],
    role: Annotated[str, typer.Option("--role", help="Whose adapter.")],
    out: Annotated[Path, typer.Option("--out", help="A new folder for the whole model.")],
    backbone: Annotated[
        Path | None, typer.Option("--backbone", help="Its folder; default that of the training.")
    ] = None,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"],
        typer.Option("--dtype", help="Of the saved weights; merged in float32."),
    ] = "bfloat16",
    json: options.Json = False,
) -> None:
    """Merge one role's adapter into the backbone: a model folder for servers without adapters.

    Example: mapcoder merge adapters/first --role coding --out models/first-coding
    """
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.trajectory import Role

    if role not in set(Role):
        raise ConfigError(f"no such role: {role}; there are {', '.join(Role)}")
    try:
        from mapcoder_lite.training import merge as merging
    except ImportError as error:
        raise ConfigError(
            f"merging needs {error.name}: pip install 'mapcoder-lite[local]'"
        ) from error
    home = backbone or _trained_on(adapters / role)
    record = merging.merge(home, adapters / role, out, dtype)
    if json:
        terminal.result(record.model_dump_json(indent=2))
        return
    terminal.say(
        f"largest difference of a logit from the adapter's, in deviations: {record.difference:.1e} "
        f"in float32, {record.rounded_difference:.1e} as saved in {dtype}"
    )
    terminal.result(str(out))


def _trained_on(adapter: Path) -> Path:
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.jsonl import read_record
    from mapcoder_lite.training.records import TrainingClaim

    begun = adapter / "settings.json"
    named = read_record(begun, TrainingClaim).settings.backbone if begun.is_file() else None
    if named is None or not Path(named).is_dir():
        raise ConfigError(
            f"where the backbone of {adapter} lies is not known, or it is gone: name its folder "
            "with --backbone"
        )
    return Path(named)
