"""The statement that a received problem lacks: from a file, the terminal or the clipboard.

Knows: who is asked, how a paste ends, where the text is kept.
Does not know: how statements are read.
"""

import sys
from pathlib import Path

from mapcoder_lite.cli import clipboard, terminal
from mapcoder_lite.data.reading import MAX_STATEMENT_BYTES
from mapcoder_lite.data.wording import SUFFIXES, read_wording
from mapcoder_lite.errors import InputError
from mapcoder_lite.jsonl import write_text

TERMINAL_LINE_BYTES = 4095
"""Linux hands no longer line from a terminal to a program; the rest of it is dropped."""
END = "."
"""Alone on a line, it ends what is pasted; so does the end of the input."""


def obtain(path: Path, given: str | None) -> bool:
    """Have the statement of a received problem beside its file; return whether it is there.

    A text that cannot be understood is kept all the same, to be mended in its file.

    Raises:
        OSError: it could not be written.
    """
    beside = [path.with_suffix(suffix) for suffix in SUFFIXES]
    known = next((place for place in beside if place.exists()), None)
    if given is None and known is not None:
        terminal.say(f"statement  {known.name}, there already")
        return _is_read(known)
    text = given if given is not None else _asked(beside[0])
    if not (text and text.strip()):
        terminal.say(f"statement  none yet: put the problem's text into {beside[0]}", "yellow")
        return False
    text = text.encode("utf-8", "replace").decode("utf-8")  # a terminal may hand over anything
    write_text(beside[0], text if text.endswith("\n") else text + "\n")
    return _is_read(beside[0])


def _is_read(place: Path) -> bool:
    try:
        read_wording(place)
    except InputError as error:
        terminal.say(f"{error}; the text is kept there: mend it", "red")
        return False
    return True


def _asked(place: Path) -> str | None:
    """Ask a person for the text; None where nobody can be asked, or has none."""
    if not terminal.is_interactive():
        return None
    command = clipboard.tool()
    by_clipboard = ", c = from the clipboard" if command else ""
    terminal.say(
        f"the extension sends no statement: paste it, and {END!r} on a line of its own to end it"
        f"{by_clipboard}, Enter = later, in {place.name}"
    )
    try:
        first = terminal.ask("> ")
        if not first:
            return None
        if command and first.strip() == "c":
            return clipboard.pasted(command)
        return pasted(first)
    except UnicodeDecodeError as error:
        terminal.say(f"what was pasted is not UTF-8 ({error.reason})", "red")
        return None


def pasted(first: str) -> str:
    """Return what is pasted from its first line to its end, as far as a statement may be long."""
    lines = [first]
    num_characters = len(first)
    while lines[-1].strip() != END and num_characters < MAX_STATEMENT_BYTES:
        line = sys.stdin.readline()
        if not line:
            break
        lines.append(line.rstrip("\r\n"))
        num_characters += len(line)
    if lines[-1].strip() == END:
        lines.pop()
    if any(len(line.encode("utf-8", "replace")) >= TERMINAL_LINE_BYTES for line in lines):
        terminal.say(
            "a line is as long as a terminal lets one be, so its end may be missing: take the "
            "clipboard or the file for this statement",
            "yellow",
        )
    return "\n".join(lines)
