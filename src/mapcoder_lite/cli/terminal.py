"""What a person sees on the terminal: results on stdout, progress on stderr, text as text.

Knows: streams, colours, when text is shielded.
Does not know: what is shown, which characters could command a terminal.
"""

import logging
import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import typer

from mapcoder_lite.tables import one_line, visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress, TaskID

_moving: list["Console"] = []
"""The console that draws a moving line just now; other lines must go through it."""


def result(text: str) -> None:
    """Print a result; only a terminal is shielded from control characters."""
    typer.echo(visible(text) if _is_terminal(sys.stdout) else text)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], whole: str | None = None) -> None:
    """Print a table as a result: drawn on a terminal, aligned columns elsewhere.

    On a narrow terminal cells go on in further lines, those of the column `whole` last of all.
    """
    from mapcoder_lite.config import wants_plain_output

    cells = [[one_line(" ".join(cell.split())) for cell in row] for row in (columns, *rows)]
    if _is_terminal(sys.stdout) and not wants_plain_output():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        drawn = Table()
        for name in cells[0]:
            drawn.add_column(name, overflow="fold", no_wrap=name == whole)
        for row in cells[1:]:
            drawn.add_row(*(Text(cell) for cell in row))
        Console().print(drawn)
        return
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo(line.rstrip())


def say(text: str, colour: str | None = None) -> None:
    """Print a line of progress; colour only where it is wanted."""
    shown = visible(text)
    console = next(reversed(_moving), None)  # another thread may end the moving line meanwhile
    if console is not None:
        from rich.text import Text

        console.print(Text(shown, style=colour or ""), soft_wrap=True, highlight=False)
        return
    if colour is not None and is_lively():
        shown = typer.style(shown, fg=colour)
    typer.echo(shown, err=True)


@contextmanager
def telling(
    record: Callable[[str], None] | None = None, *, level: int = logging.WARNING
) -> Generator[None]:
    """Show every warning that the package logs, such as a retry, as a line, and record it."""
    logger = logging.getLogger(__name__.partition(".")[0])
    teller = _Teller(record, level)
    was_propagating, logger.propagate = logger.propagate, False
    old_level = logger.level
    logger.setLevel(level)
    logger.addHandler(teller)
    try:
        yield
    finally:
        logger.removeHandler(teller)
        logger.setLevel(old_level)
        logger.propagate = was_propagating


class _Teller(logging.Handler):
    """Says what is logged, one line a record, as text that commands no terminal."""

    def __init__(self, record: Callable[[str], None] | None, level: int) -> None:
        super().__init__(level)
        self._record = record

    def emit(self, record: logging.LogRecord) -> None:
        """Say one record."""
        line = one_line(" ".join(record.getMessage().split()))
        say(line, "yellow" if record.levelno >= logging.WARNING else None)
        if self._record is not None:
            self._record(line)


def is_interactive() -> bool:
    """Whether a person can be asked: questions go to stderr, answers come from stdin."""
    return _is_terminal(sys.stdin) and _is_terminal(sys.stderr)


def ask(question: str) -> str | None:
    """Ask a person for one line; None at the end of the input."""
    typer.echo(visible(question), err=True, nl=False)
    line = sys.stdin.readline()
    return line.rstrip("\r\n") if line else None


def is_lively() -> bool:
    """Whether progress goes to a terminal that takes colours and moving lines."""
    from mapcoder_lite.config import wants_plain_output

    return _is_terminal(sys.stderr) and not wants_plain_output()


@contextmanager
def waiting(text: str) -> Generator[None]:
    """Show that something is under way, on a lively terminal alone."""
    if not is_lively():
        yield
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    _moving.append(console)
    try:
        with console.status(Text(text)):
            yield
    finally:
        _moving.pop()


@contextmanager
def moving(draw: "Callable[[], RenderableType]") -> Generator[None]:
    """Show a view that is drawn anew all the time, on a lively terminal; its end stays."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    _moving.append(console)
    try:
        with Live(
            get_renderable=draw,
            console=console,
            refresh_per_second=8,
            redirect_stdout=False,  # results go where they belong
            redirect_stderr=False,
        ):
            yield
    finally:
        _moving.pop()


class Bars:
    """Moving bars on a lively terminal; elsewhere nothing, lines are said as they come."""

    def __init__(self, progress: "Progress | None") -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def move(self, name: str, done: int, total: int, note: str = "") -> None:
        """Draw one bar as far as it has come."""
        if self._progress is None:
            return
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(visible(name), total=total, note="")
        task = self._tasks[name]
        self._progress.update(task, completed=done)
        if note:
            self._progress.update(task, note=visible(note))


@contextmanager
def bars() -> Generator[Bars]:
    """Show how far several things have come."""
    if not is_lively():
        yield Bars(None)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    _moving.append(console)
    try:
        with Progress(*columns, console=console) as progress:
            yield Bars(progress)
    finally:
        _moving.pop()


def fill_closed_streams() -> None:
    """Open nothing's device in place of a standard stream that the caller closed.

    Otherwise the next file or socket would get its number, and be taken for the stream.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        os.set_inheritable(descriptor, True)
        descriptor = os.dup(descriptor)
    os.close(descriptor)


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is one; there is none where the caller closed it."""
    return stream is not None and stream.isatty()
