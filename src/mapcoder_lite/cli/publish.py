"""`mapcoder publish`: adapters or a data set to the hub, or what would go there.

Knows: what is shown before, what is refused.
Does not know: how files are inspected or uploaded.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.publication.inspection import Inspection


def publish(
    folder: Annotated[
        Path, typer.Argument(metavar="ADAPTERS_OR_DATASET", help="A folder of either.")
    ],
    repo: Annotated[str | None, typer.Option("--repo", help="OWNER/NAME on the hub.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be uploaded; nothing is sent.")
    ] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", help="A source whose problems you may pass on; repeatable."),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="A new repository is public; default private.")
    ] = False,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", help="Another hub's address.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Upload adapters or a data set with its card; the key is read from HF_TOKEN.

    Exit code 6 = something speaks against it, and nothing was sent.

    Example: mapcoder publish adapters/first --dry-run
    """
    from mapcoder_lite.config import hub_token
    from mapcoder_lite.errors import ConfigError, InputError
    from mapcoder_lite.publication.inspection import check_allowed, inspect

    if not dry_run and repo is None:
        raise ConfigError("publish needs --repo OWNER/NAME; --dry-run shows what would be sent")
    token = hub_token()
    check_allowed(folder, allow or ())
    found = inspect(folder, allow or (), token)
    _show(found, json=json)
    if found.refusals:
        raise InputError(
            f"{len(found.refusals)} things speak against publishing {folder}; nothing was sent"
        )
    if dry_run:
        return
    assert repo is not None
    _send(folder, found, repo, token, endpoint, is_private=not public)


def _send(
    folder: Path,
    found: "Inspection",
    repo: str,
    token: str | None,
    endpoint: str | None,
    *,
    is_private: bool,
) -> None:
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.publication.hub import upload

    if token is None:
        raise ConfigError("publish needs a key that may write to the hub: export HF_TOKEN")
    names = [file.name for file in found.files]
    address = upload(
        folder, names, repo, found.kind, token, endpoint=endpoint, is_private=is_private
    )
    terminal.say(f"published {address}")


def _show(found: "Inspection", *, json: bool) -> None:
    if json:
        from json import dumps

        fields = {
            "kind": found.kind,
            "files": [
                {"name": f.name, "bytes": f.num_bytes, "sha256": f.sha256} for f in found.files
            ],
            "left_out": list(found.left_out),
            "refusals": list(found.refusals),
            "card": found.card,
        }
        terminal.result(dumps(fields, indent=2))
        return
    rows = [(file.name, f"{file.num_bytes:,}", file.sha256[:16]) for file in found.files]
    whole = sum(file.num_bytes for file in found.files)
    terminal.table(("file", "bytes", "sha256"), [*rows, (found.kind, f"{whole:,}", "")], "file")
    for name in found.left_out:
        terminal.say(f"left out: {name}")
    terminal.result(f"\n{found.card or 'no card'}")
    for refusal in found.refusals:
        terminal.say(f"refused: {refusal}", "red")
