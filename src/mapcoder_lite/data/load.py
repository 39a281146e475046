"""One problem from any file, the format chosen by what the file holds.

Knows: how formats look from outside.
Does not know: how each is read; that is one importer a file.
"""

import re
from pathlib import Path

from mapcoder_lite.data.problem_json import parse_problem
from mapcoder_lite.data.reading import MAX_STATEMENT_BYTES, read_text
from mapcoder_lite.data.statement import parse_statement
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Problem


def load_problem(path: Path) -> Problem:
    """Read a problem from a statement (Markdown or text) or from problem.json.

    A problem without public tests is no error; the caller must say so.

    Raises:
        InputError: the file cannot be understood; one line says why and what was expected.
    """
    text = read_text(path, max_bytes=MAX_STATEMENT_BYTES)
    if text.lstrip().startswith(("{", "[")):
        _refuse_lists(text, path)
        return parse_problem(text, str(path))
    try:
        return parse_statement(text, _identifier(path))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _refuse_lists(text: str, path: Path) -> None:
    """Several problems are a run, not a problem."""
    num_objects = sum(1 for line in text.splitlines() if line.startswith('{"'))
    if text.lstrip().startswith("[") or num_objects > 1:
        raise InputError(
            f"{path} holds a list: expected one problem; "
            f"several are run by `mapcoder run -s run.problems={path}`"
        )


def _identifier(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-") or "problem"
