"""Lines and tables as a terminal, a log and a Markdown page show them.

Knows: columns, how text of others is kept from being markup, a line of ours, or a command.
Does not know: where numbers come from, streams.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|&~$])")
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
"""Control characters, ends of lines, marks that turn the direction of the text around them, and
what has no width, in which other text could hide."""


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
            lines.append(one_line(block))
        else:
            notes = map(one_line, block.notes)
            rows = aligned([block.columns, *block.rows])
            lines += ["", one_line(block.title), *rows, *notes, ""]
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
    return _MARKUP.sub(r"\\\1", _cell(text)).replace("\\<", "&lt;").replace("\\&", "&amp;")


def visible(text: str) -> str:
    """Return a text of others as lines that command no terminal and hide nothing."""
    return "\n".join("\t".join(map(one_line, line.split("\t"))) for line in text.split("\n"))


def one_line(text: str) -> str:
    """Return a text of others that stays in the line in which it is shown.

    What would end the line, move the cursor, turn the direction of text or not be seen becomes a
    picture or the number of its character.
    """
    return _UNSEEN.sub(_picture, text)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures of Unicode
    if code == 0x7F:
        return "\u2421"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _cell(text: str) -> str:
    """A text that goes on in the same cell where it had another line."""
    return one_line(" ".join(text.split()))


def aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Align the first column left, the others right."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
