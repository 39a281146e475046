"""`mapcoder pocket ladder`, `noise` and `forgetting`: the paper's experiments in miniature.

Knows: what is read from where, which files are written.
Does not know: which rungs there are, how numbers are made.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, sitting, terminal

if TYPE_CHECKING:
    from mapcoder_lite.config import Config
    from mapcoder_lite.evaluation.forgetting import ChatLosses, ForgottenRow
    from mapcoder_lite.evaluation.ladder import Ladder
    from mapcoder_lite.evaluation.readability import Readability
    from mapcoder_lite.pocket.noise import Reading
    from mapcoder_lite.trajectory import Engine
    from mapcoder_lite.work import Work


def ladder(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the rungs' runs.")],
    commands: Annotated[
        bool, typer.Option("--commands", help="Print the commands that make it, and do nothing.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Test problems of a rung (--commands).")
    ] = 400,
    ends: Annotated[
        int | None,
        typer.Option("--ends", min=1, help="Those of the two ends; default all (--commands)."),
    ] = None,
    epochs: Annotated[
        float | None,
        typer.Option("--epochs", help="Of every training; default as shipped (--commands)."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Put the finished rungs into one table with intervals and paired tests; name the missing ones.

    Writes ladder.md, ladder.json and the pictures into FOLDER.

    Example: mapcoder pocket ladder runs/ladder
    """
    from mapcoder_lite.pocket import ladder as rungs

    if commands:
        terminal.result("\n".join(rungs.commands(folder, limit, ends, epochs)))
        return
    from mapcoder_lite.evaluation.ladder_page import rate_cells

    readabilities = _readabilities(folder, list(rungs.NOISY))
    forgotten = _forgotten(folder)
    beside = {name: "not finished" for name in rungs.NOISY if name not in readabilities}
    beside |= {} if forgotten else {"forgetting": "not begun"}
    found = _read(folder)
    found = found.model_copy(update={"missing": found.missing | beside})
    _write(found, readabilities, forgotten, folder)
    if json:
        terminal.result(found.model_dump_json(indent=2))
    else:
        head, *rows = rate_cells(found)
        terminal.table(head, rows)
        terminal.result(str(folder / "ladder.md"))
    for name, why in found.missing.items():
        terminal.say(f"missing: {name}, {why}", "yellow")


def _read(folder: Path) -> "Ladder":
    from mapcoder_lite.evaluation.ladder import Rung, read_ladder
    from mapcoder_lite.pocket import ladder as rungs

    wanted = [
        Rung(
            name=rung.name,
            words=rung.words,
            against=rung.against,
            recipe=rung.recipe,
            num_parameters=rungs.num_parameters(rung),
            num_rows=rungs.num_rows(rung),
        )
        for rung in rungs.RUNGS
    ]
    return read_ladder(wanted, folder)


def noise(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the run.")],
    config: options.Files = None,
    overrides: options.Overrides = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of all runs.")] = Path("runs"),
) -> None:
    """Ask the retrieval agent alone about noisy statements, and count the replies that can be read.

    The same command goes on where it stopped; the result stands in readability.json.

    Example: mapcoder pocket noise noisy -c configs/ladder-run.toml -s run.limit=100
    """
    from mapcoder_lite.cli import budget, engines, preflight
    from mapcoder_lite.cli.run import work_of
    from mapcoder_lite.engine.prices import prices_of
    from mapcoder_lite.evaluation.readability import Readability, noise_rows
    from mapcoder_lite.jsonl import write_record
    from mapcoder_lite.store import RunDirectory

    settings = options.resolve(config, overrides)
    work, path = work_of(settings), out / name
    ready = preflight.prepare(settings, work.problems)
    with (
        engines.opened_engine(ready.settings, work.problems) as engine,
        RunDirectory(path, sitting.header(settings, work, engine), work.facts()) as directory,
    ):
        directory.name_adapters(ready.badge)
        (stored,) = budget.stored([engine], settings, prices_of(settings), directory)
        rows = noise_rows(_readings(settings, work, stored))
        found = Readability(
            run=name,
            engine=engine.identity,
            adapters=ready.badge,
            num_problems=len(work.problems),
            rows=rows,
        )
    write_record(path / "readability.json", found)
    for row in rows:
        counts = f"{row.readable.num_passed:5} of {row.readable.num_total}"
        terminal.result(f"{row.noise:12}{counts} readable")
    terminal.result(str(path / "readability.json"))


def forgetting(
    backbone: Annotated[Path, typer.Argument(metavar="BACKBONE", help="Folder of the backbone.")],
    trained: Annotated[
        list[Path],
        typer.Argument(metavar="ADAPTERS...", help="Folders of adapters or models by role."),
    ],
    num_chats: Annotated[
        int, typer.Option("--chats", min=2, help="Chats of the pre-training mix.")
    ] = 400,
    out: Annotated[Path, typer.Option("--out", help="Folder of forgetting.jsonl.")] = Path("runs"),
) -> None:
    """Measure what training for the roles cost the backbone on chats of its own pre-training mix.

    Each model is a line of forgetting.jsonl; one that was measured before is not measured again.

    Example: mapcoder pocket forgetting runs/pocket-backbone adapters/pocket
    """
    from mapcoder_lite.evaluation.forgetting import ChatLosses
    from mapcoder_lite.jsonl import JsonLines
    from mapcoder_lite.pocket.forgetting import model_digest

    models = {"": backbone, **_models(trained)}
    digests = {name: model_digest(backbone, folder) for name, folder in models.items()}
    out.mkdir(parents=True, exist_ok=True)
    lines = JsonLines(out / "forgetting.jsonl", ChatLosses)
    known = {(line.name, line.model_digest, len(line.tokens)) for line in lines.read()}
    for name, folder in models.items():
        if (name, digests[name], num_chats) not in known:
            terminal.say(f"{name or 'the bare backbone'}: {num_chats} chats")
            lines.append(_measured(name, digests[name], backbone, folder, num_chats))
    lines.close()
    for row in _forgotten(out):
        terminal.result(f"{row.name:32}{row.loss:9.4f}{row.change.mean:+9.4f}")
    terminal.result(str(lines.path))


def _measured(name: str, digest: str, backbone: Path, folder: Path, num_chats: int) -> "ChatLosses":
    from mapcoder_lite.engine.folders import backbone_digest
    from mapcoder_lite.evaluation.forgetting import ChatLosses
    from mapcoder_lite.pocket.forgetting import SEED, chat_losses

    losses, tokens = zip(*chat_losses(backbone, folder, num_chats), strict=True)
    return ChatLosses(
        name=name,
        model_digest=digest,
        backbone_digest=backbone_digest(backbone),
        seed=SEED,
        losses=losses,
        tokens=tokens,
    )


def _readings(settings: "Config", work: "Work", engine: "Engine") -> "Iterator[Reading]":
    from mapcoder_lite.agents.question import Manner
    from mapcoder_lite.pocket.noise import readings

    dials = settings.traversal
    manner = Manner(engine, dials.sampling, dials.retry_temperature, 0, dials.structured)
    for number, problem in enumerate(work.problems, 1):
        found = list(readings(problem, manner, dials.k))
        num_readable = sum(reading.failure is None for reading in found)
        counts = f"{num_readable} of {len(found)} readable"
        terminal.say(f"[{number}/{len(work.problems)}] {problem.id}: {counts}")
        yield from found


def _models(trained: list[Path]) -> dict[str, Path]:
    """The folders of single adapters and models, named as `main/coding`.

    Raises:
        InputError: a folder has none, or two are of one name.
    """
    from mapcoder_lite.errors import InputError
    from mapcoder_lite.trajectory import Role

    models: dict[str, Path] = {}
    for folder in trained:
        roles = [role for role in Role if (folder / role.value).is_dir()]
        if not roles:
            raise InputError(f"{folder} has no folder of a role: make it with `mapcoder train`")
        for role in roles:
            name = f"{folder.name}/{role.value}"
            if name in models:
                raise InputError(f"two folders are called {folder.name}: rename one of them")
            models[name] = folder / role.value
    return models


def _readabilities(folder: Path, names: list[str]) -> "dict[str, Readability]":
    from mapcoder_lite.evaluation.readability import Readability
    from mapcoder_lite.jsonl import read_record

    paths = {name: folder / name / "readability.json" for name in names}
    return {n: read_record(path, Readability) for n, path in paths.items() if path.is_file()}


def _forgotten(folder: Path) -> "tuple[ForgottenRow, ...]":
    from mapcoder_lite.evaluation.forgetting import ChatLosses, forgotten
    from mapcoder_lite.jsonl import read_lines

    path = folder / "forgetting.jsonl"
    return forgotten(list(read_lines(path, ChatLosses))) if path.is_file() else ()


def _write(
    found: "Ladder",
    readabilities: "dict[str, Readability]",
    forgotten: "tuple[ForgottenRow, ...]",
    folder: Path,
) -> None:
    from mapcoder_lite.evaluation.ladder_page import ladder_page
    from mapcoder_lite.evaluation.ladder_plots import write_plots
    from mapcoder_lite.figures import can_plot
    from mapcoder_lite.jsonl import write_record, write_text

    plots: list[str] = []
    if can_plot():
        written = write_plots(found, readabilities, forgotten, folder)
        plots = [path.name for path in written if path.suffix == ".png"]
    else:
        terminal.say("plots need matplotlib: pip install 'mapcoder-lite[evaluation]'", "yellow")
    write_text(folder / "ladder.md", ladder_page(found, readabilities, forgotten, plots))
    write_record(folder / "ladder.json", found)
