"""One problem from any file or folder, the format chosen by what it holds.

Knows: how formats look from outside.
Does not know: how each is read; that is one importer a file.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast  # a file as JSON

from mapcoder_lite.data.companion import is_companion, read_companion
from mapcoder_lite.data.folders import Loaded, is_oj, read_oj
from mapcoder_lite.data.kattis import is_package, read_package
from mapcoder_lite.data.problem_json import parse_problem
from mapcoder_lite.data.reading import MAX_STATEMENT_BYTES, read_text
from mapcoder_lite.data.statement import parse_statement
from mapcoder_lite.data.wording import identifier, wording_beside
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Problem

PASTED = "pasted"
"""Id of a statement that no file names."""

FOLDERS = (
    "a Kattis or ICPC package (problem.yaml), or tests as oj writes them (test/*.in and *.out)"
)


def load_problem(path: Path) -> Problem:
    """Read a problem from a statement, problem.json, Companion, CPH, an oj folder or a package.

    A problem without public tests is no error; the caller must say so.

    Raises:
        InputError: it cannot be understood; one line says why and what was expected.
    """
    return load_with_tests(path).problem


def parse_problem_text(text: str) -> Problem:
    """Read a pasted problem: a statement or problem.json.

    Raises:
        InputError: it cannot be understood; one line says why and what was expected.
    """
    if not text.lstrip().startswith(("{", "[")):
        return parse_statement(text, PASTED)
    fields = _fields(text)
    if fields is not None and is_companion(fields):
        raise InputError(
            "Competitive Companion's JSON holds samples but no statement: paste the statement"
        )
    return parse_problem(text, PASTED)


def load_with_tests(path: Path) -> Loaded:
    """Read a problem as `load_problem` does, with the hidden tests of a folder that has some.

    Raises:
        InputError: it cannot be understood; one line says why and what was expected.
    """
    if path.is_dir():
        return _load_folder(path)
    text = read_text(path, max_bytes=MAX_STATEMENT_BYTES)
    if not text.lstrip().startswith(("{", "[")):
        return Loaded(_named(path, lambda: parse_statement(text, identifier(path.stem))))
    fields = _fields(text)
    if fields is not None and is_companion(fields):
        return Loaded(_named(path, lambda: read_companion(fields, wording_beside(path))))
    _refuse_lists(text, path)
    return Loaded(parse_problem(text, str(path)))


def _load_folder(folder: Path) -> Loaded:
    if is_package(folder):
        return read_package(folder)
    if is_oj(folder):
        return read_oj(folder, wording_beside(folder))
    raise InputError(f"{folder} is a folder, but neither {FOLDERS}")


def _named(path: Path, read: Callable[[], Problem]) -> Problem:
    """Say in every message which file it is about."""
    try:
        return read()
    except InputError as error:
        if str(path) in str(error):
            raise
        raise InputError(f"{path}: {error}") from error


def _fields(text: str) -> dict[str, Any] | None:
    """Return an object's fields; what is no object is explained by the reader of problem.json."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None


def _refuse_lists(text: str, path: Path) -> None:
    """Several problems are a run, not a problem."""
    num_objects = sum(1 for line in text.splitlines() if line.startswith('{"'))
    if text.lstrip().startswith("[") or num_objects > 1:
        raise InputError(
            f"{path} holds a list: expected one problem; "
            f"several are run by `mapcoder run -s run.problems={path}`"
        )
