"""The command line: one table of verbs, one place where errors end.

Heavy imports stand inside the verbs, so that `mapcoder --help` loads none of them.

Knows: verbs, exit codes.
Does not know: what a verb does; that is one file a verb or verb group.
"""

import sys
from collections.abc import Callable, Sequence

import typer

from mapcoder_lite.cli import (
    attribute,
    audit,
    backends,
    card,
    compare,
    data,
    dataset,
    debug,
    demo,
    doctor,
    export,
    grade,
    hint,
    judge,
    listen,
    mcp,
    merge,
    plans,
    pocket,
    preferences,
    publish,
    repair,
    report,
    run,
    serve,
    serve_cmd,
    solve,
    stress,
    supervisors,
    terminal,
    train,
    verify,
)
from mapcoder_lite.errors import MapCoderError

VERBS: tuple[Callable[..., None], ...] = (
    solve.solve,
    judge.judge,
    hint.hint,
    debug.debug,
    stress.stress,
    listen.listen,
    run.run,
    grade.grade,
    repair.repair,
    report.report,
    compare.compare,
    verify.verify,
    attribute.attribute,
    export.export,
    plans.plans,
    supervisors.supervisors,
    dataset.dataset,
    preferences.preferences,
    audit.audit,
    train.train,
    card.card,
    merge.merge,
    publish.publish,
    demo.demo,
    serve.serve,
    mcp.mcp,
    backends.backends,
    doctor.doctor,
    data.data,
)
"""Every verb is named after its function; its help is the docstring."""

GROUPS: tuple[tuple[str, typer.Typer], ...] = (
    ("pocket", pocket.app),
    ("serve-cmd", serve_cmd.app),
)
"""Verbs that have verbs of their own."""


def build() -> typer.Typer:
    """Return the application with all verbs."""
    app = typer.Typer(
        name="mapcoder",
        help="Four agents on one small model solve contest problems; a judge says the truth.",
        no_args_is_help=True,
        rich_markup_mode=None,  # rich would cost a third of the start-up time
        pretty_exceptions_enable=False,
    )
    for verb in VERBS:
        app.command(no_args_is_help=False)(verb)
    for name, group in GROUPS:
        app.add_typer(group, name=name)
    return app


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line; an error of the house ends in one line and its exit code."""
    terminal.fill_closed_streams()
    try:
        build()(None if words is None else list(words), prog_name="mapcoder")
    except MapCoderError as error:
        line = terminal.one_line(" ".join(str(error).split("\n")))
        typer.echo(f"mapcoder: {line}", err=True)
        sys.exit(error.exit_code)
