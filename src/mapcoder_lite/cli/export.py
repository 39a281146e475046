"""`mapcoder export`: a run in the file formats of other harnesses.

Knows: names of formats, what is said of what was left out.
Does not know: the formats.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mapcoder_lite.cli import terminal


class Format(StrEnum):
    """Whose file is written."""

    EVALPLUS = "evalplus"
    INSPECT = "inspect"


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    format: Annotated[
        Format,
        typer.Option(
            "--format",
            help="evalplus: samples.jsonl; inspect: a log of inspect_ai, .eval or .json.",
        ),
    ],
) -> None:
    """Write a run for another harness: EvalPlus's samples.jsonl or a log of Inspect.

    Exit code 5 = Inspect's log would hold scores, and the run's judge failed its self-test.

    Example: mapcoder export runs/adapters --format evalplus --out samples.jsonl
    """
    if format is Format.EVALPLUS:
        _evalplus(run, out)
    else:
        from mapcoder_lite.evaluation.export_inspect import export_inspect

        with terminal.waiting("the log is being written"):
            num_samples = export_inspect(run, out)
        reader = "`inspect view` shows them"
        if out.suffix != ".eval":
            reader = "`inspect_ai.log.read_eval_log` reads them; `inspect view` wants .eval"
        terminal.say(f"wrote {out}: {num_samples} samples; {reader}")


def _evalplus(run: Path, out: Path) -> None:
    from mapcoder_lite.evaluation.export_evalplus import export_evalplus

    done = export_evalplus(run, out)
    terminal.say(f"wrote {out}: {done.num_samples} samples; `evalplus.evaluate --samples` reads it")
    if done.num_empty:
        terminal.say(f"{done.num_empty} of them are empty: the attempt ended without a program")
    if done.num_extra:
        terminal.say(f"left out: {done.num_extra} further attempts, made where passes lacked")
    if done.num_owed:
        terminal.say(
            f"{done.num_owed} attempts are owed: EvalPlus refuses a file that lacks a task; the "
            "same `mapcoder run` command goes on with them",
            "yellow",
        )
