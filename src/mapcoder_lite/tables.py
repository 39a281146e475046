"""Lines and tables as a terminal, a log and a Markdown page show them.

Knows: columns, how text of models is kept from being markup.
Does not know: where numbers come from, streams.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|&~$])")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, cells, and what a reader must know of them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


Block = str | Table
"""A line, or a table."""


def text(blocks: Iterable[Block]) -> str:
    """Return blocks as text that reads well on a terminal and in a log."""
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, str):
            lines.append(block)
        else:
            lines += ["", block.title, *aligned([block.columns, *block.rows]), *block.notes, ""]
    merged = "\n".join(lines).strip("\n")
    return re.sub(r"\n{3,}", "\n\n", merged)


def markdown(title: str, blocks: Iterable[Block]) -> str:
    """Return blocks as a page; no text in them can be markup."""
    parts = [f"# {escaped(title)}"]
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, str):
            lines.append(f"* {escaped(block)}")
            continue
        if lines:
            parts.append("\n".join(lines))
        lines = []
        parts.append(section(block))
    return "\n\n".join([*parts, "\n".join(lines)]).rstrip("\n") + "\n"


def section(table: Table) -> str:
    """Return a table with its heading and notes as Markdown."""
    head = " | ".join(map(escaped, table.columns))
    rule = " | ".join("---" for _ in table.columns)
    rows = [f"| {' | '.join(map(escaped, row))} |" for row in table.rows]
    notes = "\n".join(f"{escaped(note)}  " for note in table.notes)
    body = "\n".join([f"| {head} |", f"| {rule} |", *rows])
    return "\n\n".join(part for part in (f"## {escaped(table.title)}", body, notes) if part)


def escaped(text: str) -> str:
    """Return a text on one line in which Markdown and HTML see nothing but text."""
    return (
        _MARKUP.sub(r"\\\1", _UNSEEN.sub(" ", text)).replace("\\<", "&lt;").replace("\\&", "&amp;")
    )


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Align the first column left, the others right."""
    cells = [[" ".join(_UNSEEN.sub(" ", cell).split()) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
