"""Options that several verbs share, the configuration they resolve to, and how a value is written.

Knows: -c, -s, --guard, --json and their help.
Does not know: what settings do.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.practice.guard import Guard

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
Guarded = Annotated[
    Guard,
    typer.Option(
        "--guard",
        help="Before a model helps with a contest's problem: say its rules, refuse, or neither.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def resolve(
    files: list[Path] | None, overrides: list[str] | None, under: "Config | None" = None
) -> "Config":
    """Return the configuration of a command; `under` stands in place of the defaults.

    Raises:
        ConfigError: a file or an override is wrong.
    """
    from mapcoder_lite import config

    return config.load(files or (), overrides or (), under)


def written(text: str) -> str:
    """Return a text as the value of -s that reads as this text: quoted only where it must be."""
    from mapcoder_lite import config
    from mapcoder_lite.errors import ConfigError

    try:
        is_plain = config.parse_override(f"key={text}") == {"key": text}
    except ConfigError:
        is_plain = False
    return text if is_plain and text.isprintable() else quoted(text)


def quoted(text: str) -> str:
    """Return a text as TOML quotes it, without control characters."""
    shown = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in shown)
