"""`mapcoder audit`: what runs lost on the way to rows, whom the loss favours, do the rows hold.

Knows: where the audit's files go, which finding ends in which exit code.
Does not know: how anything is counted, judged or drawn.
"""

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.config import Config
    from mapcoder_lite.curation.audit import Audit
    from mapcoder_lite.curation.rejudging import Rejudged


def audit(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Runs behind the rows.")],
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of the data set.")],
    student: Annotated[
        Path | None, typer.Option("--student", help="A run of the student trained on the rows.")
    ] = None,
    rejudge: Annotated[
        bool, typer.Option("--rejudge", help="Judge the programs behind the rows from scratch.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the audit; by default the data set's.")
    ] = None,
    config: options.Files = None,
    overrides: options.Overrides = None,
    json: options.Json = False,
) -> None:
    """Count what is left from problems to rows, and say whom the pass filter favours.

    Writes audit.json, audit.md and plots. Exit code 1 = a program behind the rows did not pass
    again, 5 = a judge cannot be trusted, 6 = the data set was not made from these runs.

    Example: mapcoder audit runs/teacher datasets/first --rejudge
    """
    from mapcoder_lite.curation import audit as auditing

    found = auditing.audit(runs, dataset, student=student)
    if rejudge:
        rejudged = _rejudged(options.resolve(config, overrides), runs, dataset)
        found = found.model_copy(update={"rejudged": rejudged})
    folder = out or dataset
    _write(found, folder)
    if json:
        terminal.result(found.model_dump_json(indent=2))
    else:
        _show(found)
    terminal.say(f"{folder / 'audit.json'}, audit.md")
    _end(found.rejudged)


def _rejudged(settings: "Config", runs: list[Path], dataset: Path) -> "Rejudged":
    """Judge again, with a judge that kept nothing and has just passed its self-test."""
    from mapcoder_lite.cli import engines
    from mapcoder_lite.curation.rejudging import languages_of, rejudge
    from mapcoder_lite.judge.pool import num_cores
    from mapcoder_lite.judge.selftest import refuse_untrusted, run_selftest

    with (
        tempfile.TemporaryDirectory(prefix="mapcoder-") as cache,
        engines.opened_judge(settings, cache=Path(cache)) as judge,
    ):
        refuse_untrusted(run_selftest(judge, languages_of(runs)))
        with terminal.waiting("programs are being judged again"):
            return rejudge(runs, dataset, judge, num_threads=settings.judge.workers or num_cores())


def _write(found: "Audit", folder: Path) -> None:
    from mapcoder_lite.curation.audit_tables import markdown
    from mapcoder_lite.curation.plots import write_plots
    from mapcoder_lite.figures import can_plot
    from mapcoder_lite.jsonl import write_record, write_text

    folder.mkdir(parents=True, exist_ok=True)
    plots: list[str] = []
    if can_plot():
        plots = [path.name for path in write_plots(found, folder) if path.suffix == ".png"]
    else:
        terminal.say("plots need matplotlib: pip install 'mapcoder-lite[evaluation]'", "yellow")
    write_text(folder / "audit.md", markdown(found, plots))
    write_record(folder / "audit.json", found)


def _show(found: "Audit") -> None:
    from mapcoder_lite.curation.audit_tables import tables

    for table in tables(found):
        terminal.result(table.title)
        terminal.table(table.columns, table.rows)
        terminal.result("\n".join([*table.notes, ""]))


def _end(rejudged: "Rejudged | None") -> None:
    if rejudged is None:
        return
    terminal.say(
        f"judged again: {rejudged.num_passed} of {rejudged.num_trajectories} programs passed, "
        f"{rejudged.num_rows_failed} of {rejudged.num_rows} rows do not hold",
        "red" if rejudged.failed else "green",
    )
    if rejudged.failed:
        sys.exit(1)
    if rejudged.unjudged:
        terminal.say(f"{len(rejudged.unjudged)} could not be judged (IE)", "yellow")
        sys.exit(5)
