"""Options that several verbs share, and the configuration they resolve to.

Knows: -c, -s, --json and their help.
Does not know: what settings do.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mapcoder_lite.config import Config

Files = Annotated[
    list[Path] | None,
    typer.Option("-c", "--config", help="A TOML file over the defaults; may be repeated."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("-s", "--set", help="section.key=value over all files; may be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def resolve(files: list[Path] | None, overrides: list[str] | None) -> "Config":
    """Return the configuration of a command.

    Raises:
        ConfigError: a file or an override is wrong.
    """
    from mapcoder_lite import config

    return config.load(files or (), overrides or ())
