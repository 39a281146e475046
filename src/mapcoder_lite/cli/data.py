"""`mapcoder data`: foreign files into problems and, apart from them, hidden tests.

Knows: where imported files go, how what became of the rows is said.
Does not know: foreign formats.
"""

import sys
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal
from mapcoder_lite.data.sources import PLACES

if TYPE_CHECKING:
    from mapcoder_lite.data.importing import Tally, Wanted

MAX_SHOWN = 10
"""Names of a kind that are shown; --json names all."""
ONE = "problem"


def data(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=", ".join(PLACES))],
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A file or a folder, fetched by you.")
    ],
    split: Annotated[
        str | None, typer.Option("--split", help="Only train, validation, test or prompt.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only problems of this day or later: 2024-08-01.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="Only problems of this day or earlier.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only the first problems.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder that gets SOURCE/.")] = Path("data"),
    json: options.Json = False,
) -> None:
    """Import problems: data/SOURCE/problems.jsonl and, apart, hidden_tests.jsonl.

    One problem goes to data/problem/ID/. Nothing is fetched. Rows that are broken are named, the
    others written, and the exit code is 6.

    Example: mapcoder data xcodeeval prog_syn_val.jsonl
    """
    folder = out / source
    if source == ONE:
        _refuse_choice(split, since, until, limit)
        _import_one(path, folder, json)
        return
    from mapcoder_lite.data.importing import READERS, Wanted, import_problems
    from mapcoder_lite.errors import ConfigError

    if source not in READERS:
        raise ConfigError(f"{source!r} is no source: {', '.join(PLACES)}")
    wanted = Wanted(split, _day(since, "--since"), _day(until, "--until"), limit)
    tally = import_problems(READERS[source](path), folder, wanted)
    files = [str(folder / "problems.jsonl"), str(folder / "hidden_tests.jsonl")]
    _say(tally, wanted)
    _conclude(tally, files, json)


def _places() -> str:
    """Return where each source is obtained, as lines that the help leaves as they are."""
    return "\n".join(
        "\n".join(
            [
                "\b",
                f"{name}: {place.what}",
                *(f"  from {where}" for where in place.where),
                f"  licence {place.licence}\n",
            ]
        )
        for name, place in PLACES.items()
    )


data.__doc__ = f"{cleandoc(data.__doc__ or '')}\n\n{_places()}"


def _day(text: str | None, name: str) -> str | None:
    """Return a day as ISO 8601 writes it."""
    from datetime import date

    from mapcoder_lite.errors import ConfigError

    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ConfigError(f"{name} {text}: expected a day such as 2024-08-01") from error


def _refuse_choice(*options: object) -> None:
    """One problem is taken whole."""
    from mapcoder_lite.errors import ConfigError

    if any(option is not None for option in options):
        raise ConfigError("--split, --since, --until, --limit choose among many: leave them out")


def _import_one(path: Path, out: Path, json: bool) -> None:
    """Write one problem, and hidden tests if its folder has some."""
    from json import dumps

    from mapcoder_lite.data.load import load_with_tests
    from mapcoder_lite.jsonl import write_lines

    found = load_with_tests(path)
    folder = out / found.problem.id
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / "problems.jsonl"]
    write_lines(files[0], [found.problem])
    num_tests = len(found.hidden.tests) if found.hidden else 0
    if found.hidden:
        files.append(folder / "hidden_tests.jsonl")
        write_lines(files[1], [found.hidden])
    names = [str(file) for file in files]
    terminal.say(f"{len(found.problem.public_tests)} samples, {num_tests} hidden tests")
    counts = {"num_samples": len(found.problem.public_tests), "num_tests": num_tests}
    terminal.result(dumps({**counts, "files": names}) if json else "\n".join(names))


def _say(tally: "Tally", wanted: "Wanted") -> None:
    terminal.say(f"{tally.num_problems} problems, {tally.num_tests} hidden tests")
    if tally.repeated:
        num_rows = sum(tally.repeated.values())
        terminal.say(
            f"{num_rows} rows repeat another and are dropped, of {len(tally.repeated)} problems: "
            + _some(list(tally.repeated))
        )
    if tally.num_without_samples:
        terminal.say(f"{tally.num_without_samples} problems have no samples", "yellow")
    if tally.bad_samples:
        terminal.say(
            f"{sum(tally.bad_samples.values())} samples are no Python and left out, of "
            f"{len(tally.bad_samples)} problems: {_some(list(tally.bad_samples))}",
            "yellow",
        )
    if tally.defects:
        terminal.say(
            f"{len(tally.defects)} problems have defective hidden tests; reports give a score on "
            f"the other {tally.num_sound} too: {_some(list(tally.defects))}"
        )
    for reason, number in tally.left_out.most_common():
        terminal.say(f"{number} rows left out: {reason}", "yellow")
    for fault in tally.broken[:MAX_SHOWN]:
        terminal.say(f"broken: {fault.where}: {fault.reason}", "red")
    if wanted.limit == tally.num_problems:
        terminal.say(f"stopped after {wanted.limit} problems, as asked")


def _conclude(tally: "Tally", files: list[str], json: bool) -> None:
    """Print the result; broken rows end in 6, as any input that is not understood."""
    from json import dumps

    if json:
        terminal.result(
            dumps(
                {
                    "num_rows": tally.num_rows,
                    "num_problems": tally.num_problems,
                    "num_tests": tally.num_tests,
                    "num_without_samples": tally.num_without_samples,
                    "bad_samples": tally.bad_samples,
                    "defective": tally.defects,
                    "repeated": tally.repeated,
                    "left_out": tally.left_out,
                    "broken": [f"{fault.where}: {fault.reason}" for fault in tally.broken],
                    "files": files,
                }
            )
        )
    else:
        terminal.result("\n".join(files))
    if tally.broken:
        from mapcoder_lite.errors import InputError

        terminal.say(f"{len(tally.broken)} rows are broken and not written", "red")
        sys.exit(InputError.exit_code)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    return ", ".join(name[:24] for name in names[:MAX_SHOWN]) + more
