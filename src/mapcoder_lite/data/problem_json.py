"""Our own files: a problem or a list of problems, and hidden tests beside them.

Knows: problem.json, problems.jsonl, hidden_tests.jsonl.
Does not know: foreign formats.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from mapcoder_lite.data.reading import lines_of, read_text
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import HiddenTests, Problem, Record

RecordT = TypeVar("RecordT", bound=Record)


def parse_problem(text: str, where: str) -> Problem:
    """Read one problem from JSON.

    Raises:
        InputError: it is not JSON, or not a problem; names the field.
    """
    return parse_record(text, where, Problem)


def parse_record(text: str, where: str, kind: type[RecordT]) -> RecordT:
    """Read one record from JSON.

    Raises:
        InputError: it is not JSON, or not such a record; names the field.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise InputError(f"{where}: {_explain(error, kind)}") from error


def read_problems(path: Path) -> tuple[Problem, ...]:
    """Read problems.jsonl, plain or gzipped.

    Raises:
        InputError: the file cannot be read, a line is not a problem, or an id comes twice.
    """
    problems = _read_records(path, Problem)
    _refuse_twice((problem.id for problem in problems), path)
    return problems


def read_hidden_tests(path: Path) -> dict[str, HiddenTests]:
    """Read hidden tests, one problem's a line (or one JSON object), by problem id.

    Raises:
        InputError: the file cannot be read, a line is not hidden tests, or an id comes twice.
    """
    hidden = _read_records(path, HiddenTests)
    _refuse_twice((tests.problem_id for tests in hidden), path)
    return {tests.problem_id: tests for tests in hidden}


def _read_records(path: Path, kind: type[RecordT]) -> tuple[RecordT, ...]:
    if path.suffix == ".json":
        return (parse_record(read_text(path), str(path), kind),)
    records = tuple(
        parse_record(line, f"{path}, line {number}", kind) for number, line in lines_of(path)
    )
    if not records:
        raise InputError(f"{path} is empty: expected one {kind.__name__} a line, as JSON")
    return records


def _refuse_twice(ids: Iterable[str], path: Path) -> None:
    seen: set[str] = set()
    for problem_id in ids:
        if problem_id in seen:
            raise InputError(f"{path}: problem {problem_id} is there twice; keep one of them")
        seen.add(problem_id)


def _explain(error: ValidationError, kind: type[Record]) -> str:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return f"broken JSON ({first['msg'].removeprefix('Invalid JSON: ')})"
    field = ".".join(str(part) for part in first["loc"]) or "the whole"
    return f"not a {kind.__name__}: {field}: {first['msg']}"
