"""`mapcoder judge`: the verdicts of one program or of many.

Knows: which programs are judged at once, what the exit code says.
Does not know: where programs come from, how they are run, how verdicts are shown.
"""

import sys
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from mapcoder_lite.cli import options, terminal
from mapcoder_lite.cli.stopping import Stopped, stoppable

if TYPE_CHECKING:
    from mapcoder_lite.cli.programs import Entry
    from mapcoder_lite.verdict import Judge, Judgement, Verdict

    class Cancellable(Judge, Protocol):
        """A judge whose runs can be ended at once."""

        def cancel(self) -> None:
            """End them."""
            ...


Hidden = Annotated[
    Path | None, typer.Option("--hidden", help="Hidden tests, judged after the samples.")
]
ShowHidden = Annotated[
    bool,
    typer.Option(
        "--show-hidden",
        help="Show inputs, outputs and reasons with --hidden too; by default only verdicts.",
    ),
]


@dataclass(frozen=True, slots=True)
class Manner:
    """How programs are judged."""

    stop_early: bool = False
    show_hidden: bool = False
    """Whether a judgement may show hidden tests, and the samples judged along with them."""


def judge(
    programs: Annotated[
        Path,
        typer.Argument(metavar="PROGRAMS", help="A program, a folder of them, or JSON lines."),
    ],
    problem: Annotated[
        Path,
        typer.Argument(
            metavar="PROBLEM",
            help="Statement (Markdown, text), problem.json, Companion, CPH, oj or Kattis, or "
            "problems.jsonl for JSON lines that name their problem_id.",
        ),
    ],
    hidden: Hidden = None,
    show_hidden: ShowHidden = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, help="Programs judged at once; by default one a core."),
    ] = None,
    stop_early: Annotated[
        bool, typer.Option("--stop-early", help="End each program at its first failure.")
    ] = False,
    config: options.Files = None,
    overrides: options.Overrides = None,
    json: options.Json = False,
) -> None:
    """Judge programs on a problem's tests: a verdict for each test of one, a line for each of many.

    A row of JSON lines is {"id", "program", "language", "problem_id"}; only the program is needed.
    With --json: one document for a program, JSON lines in the order of the input for many.
    With --hidden nothing of the tests is shown, samples included, unless --show-hidden says so.

    Exit code 0 = all accepted, 1 = some not, 5 = the judge failed on some (IE, never counted as
    wrong), 6 = an input is not understood, 130 = stopped by Ctrl-C.

    Example: mapcoder judge solution.py problem.md
    """
    from mapcoder_lite.cli import engines
    from mapcoder_lite.cli.programs import is_list, open_problems, read_entries

    wanted = [*(overrides or []), *([f"judge.workers={jobs}"] if jobs else [])]
    settings = options.resolve(config, wanted)
    found, entries = read_entries(programs, open_problems(problem, hidden))
    if found.num_left_out:
        terminal.say(f"{found.num_left_out} files are left out: no language has their suffix")
    if not all(entry.tests for entry in entries):
        terminal.say("no tests: neither samples in the statement nor --hidden", "yellow")
    seen: list[Verdict] = []
    try:
        with stoppable(), engines.opened_judge(settings) as opened:
            manner = Manner(stop_early, show_hidden)
            with closing(in_order(opened, entries, settings.judge.workers, manner)) as judged:
                if programs.is_dir() or is_list(programs):
                    _show_many(judged, [entry.id for entry in entries], json, seen)
                else:
                    _show_one(judged, json, seen)
    except Stopped as stop:
        terminal.say(f"stopped by {stop.name}: {_how_far(seen, len(entries))}")
        sys.exit(stop.exit_code)
    sys.exit(exit_code(seen))


def in_order(
    judge: "Cancellable",
    entries: "Sequence[Entry]",
    num_threads: int | None,
    manner: Manner = Manner(),
) -> "Generator[tuple[Entry, Judgement]]":
    """Judge programs at once and yield them in their order, each as soon as it may be.

    Whoever closes it before its end, or stops it by a signal, cancels the judge.
    """
    from mapcoder_lite.judge.pool import num_cores

    threads = ThreadPoolExecutor(num_threads or num_cores(), thread_name_prefix="judged")
    is_done = False
    try:
        futures = [threads.submit(judgement_of, judge, entry, manner) for entry in entries]
        for entry, future in zip(entries, futures, strict=True):
            yield entry, future.result()
        is_done = True
    finally:
        if not is_done:
            judge.cancel()
        threads.shutdown(cancel_futures=True)


def judgement_of(judge: "Judge", entry: "Entry", manner: Manner) -> "Judgement":
    """Judge one program; what cannot be judged is IE and does not keep the judge from the others.

    That is a fault of the judge, or one of the problem that only judging finds, as a checker that
    does not compile.
    """
    from mapcoder_lite.errors import InputError, SandboxError
    from mapcoder_lite.verdict import FirstFailure, Judgement, Verdict

    try:
        return judge.judge(
            entry.program,
            entry.language,
            entry.tests,
            limits=entry.problem.limits,
            checker=entry.problem.checker,
            io=entry.problem.io,
            stop_early=manner.stop_early,
            show_tests=manner.show_hidden or not entry.has_hidden_tests,
        )
    except (InputError, SandboxError) as error:
        return Judgement(
            verdict=Verdict.IE,
            num_run=0,
            num_total=len(entry.tests),
            num_passed=0,
            first_failure=FirstFailure(index=0, verdict=Verdict.IE, reason=str(error)),
            isolation=judge.isolation,
            checker=entry.problem.checker.kind.value,
        )


def exit_code(verdicts: "Iterable[Verdict]") -> int:
    """Return 0 when all are accepted, 5 when the judge failed on any, else 1."""
    from mapcoder_lite.verdict import Verdict

    seen = set(verdicts)
    if Verdict.IE in seen:
        return 5
    return 0 if seen == {Verdict.AC} else 1


def _show_one(
    judged: "Iterable[tuple[Entry, Judgement]]", json: bool, seen: "list[Verdict]"
) -> None:
    from mapcoder_lite.cli import verdicts

    ((_, judgement),) = judged
    seen.append(judgement.verdict)
    terminal.result(judgement.model_dump_json(indent=2) if json else verdicts.details(judgement))


def _show_many(
    judged: "Iterable[tuple[Entry, Judgement]]",
    names: Sequence[str],
    json: bool,
    seen: "list[Verdict]",
) -> None:
    """Show each as it comes; the summary is part of the table, and beside the JSON lines."""
    from mapcoder_lite.cli import verdicts

    width = max(len(verdicts.plain(name)) for name in names)
    if not json:
        terminal.result(verdicts.head(width))
    for entry, judgement in judged:
        seen.append(judgement.verdict)
        row = verdicts.json_line if json else verdicts.row
        terminal.result(row(entry, judgement, width))
    summary = verdicts.summary(Counter(seen))
    if json:
        terminal.say(summary)
    else:
        terminal.result(summary)


def _how_far(seen: "Sequence[Verdict]", num_programs: int) -> str:
    from mapcoder_lite.cli import verdicts

    if not seen:
        return f"none of {num_programs} programs was judged"
    return f"the first {len(seen)} of {num_programs} were judged: {verdicts.summary(Counter(seen))}"
