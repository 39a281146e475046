"""The statement of a problem whose file has none: a text beside it, under a known name.

Knows: where such a text is looked for.
Does not know: how statements are read.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from mapcoder_lite.data.reading import MAX_STATEMENT_BYTES, read_text
from mapcoder_lite.data.statement import parse_statement
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Problem

SUFFIXES = (".md", ".txt")
STEM_IN_FOLDER = "statement"


@dataclass(frozen=True, slots=True)
class Wording:
    """What a statement says, its samples left out: the tests of the problem's own file count."""

    statement: str
    input_spec: str
    output_spec: str
    notes: str

    def put_on(self, problem: Problem) -> Problem:
        """Return the problem with this statement."""
        changes = {
            "statement": self.statement,
            "input_spec": self.input_spec,
            "output_spec": self.output_spec,
            "notes": self.notes,
        }
        return problem.model_copy(update=changes)


def wording_beside(path: Path) -> Wording:
    """Read the statement beside a file (same name, .md or .txt) or in a folder (statement.md).

    Raises:
        InputError: there is none, or it cannot be understood.
    """
    stem = path / STEM_IN_FOLDER if path.is_dir() else path.with_suffix("")
    places = [stem.with_name(stem.name + suffix) for suffix in SUFFIXES]
    for place in places:
        if place.is_file():
            return read_wording(place)
    raise InputError(
        f"{path} holds tests but no statement: copy the problem's text into {places[0]}"
    )


def read_wording(path: Path) -> Wording:
    """Read a statement.

    Raises:
        InputError: the file cannot be understood.
    """
    text = read_text(path, max_bytes=MAX_STATEMENT_BYTES)
    try:
        found = parse_statement(text, "statement")
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return Wording(found.statement, found.input_spec, found.output_spec, found.notes)


def identifier(name: str) -> str:
    """Return a name as an id: letters, digits, dots, dashes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "problem"
