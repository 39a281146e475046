"""`mapcoder report`: what a run says, or what several say side by side.

Knows: one system or several, which file is written.
Does not know: how numbers are made.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mapcoder_lite.evaluation.run_files import RunFiles, Window
    from mapcoder_lite.evaluation.standings import Standings
    from mapcoder_lite.evaluation.systems import System
    from mapcoder_lite.problem import Record
    from mapcoder_lite.tables import Block

Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Only problems that came out on this day or later."),
]
Until = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Only problems that came out on this day or earlier."),
]
Html = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write one page with plots and every trajectory, too; needs no network.",
    ),
]
Markdown = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the report as a Markdown page, too.")
]


def report(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="Runs; RUN+RUN are the seeds of one system."),
    ],
    against: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Which of several is compared with; else the first."),
    ] = None,
    since: Since = None,
    until: Until = None,
    markdown: Markdown = None,
    html: Html = None,
    json: options.Json = False,
) -> None:
    """Report pass rates with intervals, costs and failures; of several runs, a table with tests.

    A report of one run is saved as its metrics.json, unless it is of some days only; `mapcoder
    verify` computes it again. Exit code 5 = a run's judge failed its self-test or was never
    examined: nothing is reported.

    Example: mapcoder report runs/untuned runs/tuned-1+runs/tuned-2 --markdown report.md
    """
    from mapcoder_lite.evaluation.systems import open_systems

    window = window_of(since, until)
    systems = open_systems(runs, window)
    standings = None
    if len(systems) == 1 and len(systems[0].runs) == 1:
        record, blocks = _one(systems[0], is_saved=window.is_open)
    else:
        record, blocks = standings, _ = _several(systems, against)
    if html is not None:
        write_html(systems, html, standings)
    show(record, blocks, "Report", markdown, json=json)


def write_html(systems: "Sequence[System]", page: Path, standings: "Standings | None") -> None:
    """Write the runs of systems as one self-contained page."""
    from mapcoder_lite.agents import parse
    from mapcoder_lite.evaluation.page.writing import write_page

    with terminal.waiting("the page is being written"):
        runs = [run for system in systems for run in system.runs]
        write_page(runs, page, parse.confidence, standings)
    terminal.say(f"written: {page}; open it in a browser")


def window_of(since: datetime | None, until: datetime | None) -> "Window":
    """Return the days that are asked for.

    Raises:
        ConfigError: the last one is before the first.
    """
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.evaluation.run_files import Window

    if since is not None and until is not None and until < since:
        raise ConfigError(f"--until {until.date()} is before --since {since.date()}")
    return Window(since.date() if since else None, until.date() if until else None)


def show(
    record: "Record", blocks: "Sequence[Block]", title: str, page: Path | None, *, json: bool
) -> None:
    """Print a report as text or JSON, and write it as a page if one is wanted."""
    from mapcoder_lite.jsonl import write_text
    from mapcoder_lite.tables import markdown, text

    if page is not None:
        write_text(page, markdown(title, blocks))
        terminal.say(f"written: {page}")
    terminal.result(record.model_dump_json(indent=2) if json else text(blocks))


def _one(system: "System", *, is_saved: bool) -> "tuple[Record, list[Block]]":
    from mapcoder_lite.agents import parse
    from mapcoder_lite.evaluation.findings_tables import findings_tables
    from mapcoder_lite.evaluation.metrics import measure_opened
    from mapcoder_lite.evaluation.report import run_blocks
    from mapcoder_lite.jsonl import write_record
    from mapcoder_lite.statistics import has_statistics

    (run,) = system.runs
    metrics = measure_opened(run, has_intervals=has_statistics(), confidence=parse.confidence)
    if is_saved:
        write_record(run.path / "metrics.json", metrics)
    if not has_statistics():
        terminal.say(
            "intervals need statsmodels: pip install 'mapcoder-lite[evaluation]'", "yellow"
        )
    findings = findings_tables(metrics.failures, metrics.calibration)
    return metrics, [*run_blocks(metrics), *findings, *_attribution(run)]


def _attribution(run: "RunFiles") -> "Iterator[Block]":
    """What `mapcoder attribute` found of the whole run as it is now, if it did."""
    from mapcoder_lite.evaluation.attribution import AttributionTable, is_current
    from mapcoder_lite.evaluation.attribution_tables import attribution_summary
    from mapcoder_lite.jsonl import read_record

    file = run.path / "attribution.json"
    if not file.exists() or not run.window.is_open:
        return
    table = read_record(file, AttributionTable)
    if not is_current(table, run):
        yield "attribution.json speaks of attempts that were solved or judged anew since"
        return
    yield f"attribution, {table.teacher} as the teacher"
    yield from attribution_summary(table)


def _several(systems: "Sequence[System]", against: str | None) -> "tuple[Standings, list[Block]]":
    from mapcoder_lite.evaluation.compare_report import standings_blocks
    from mapcoder_lite.evaluation.standings import standings
    from mapcoder_lite.evaluation.systems import place_of

    place = place_of(against, systems) if against is not None else 0
    found = standings(systems, place)
    return found, standings_blocks(found)
