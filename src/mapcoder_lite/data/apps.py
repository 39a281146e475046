"""APPS, read into our records.

Two forms. The data set's `train.jsonl` and `test.jsonl`: `input_output` is JSON text with `inputs`,
`outputs` and, where a function is called, `fn_name`; it is empty for some problems. No tests are
public. And MapCoder's `selected150.jsonl`: 150 rows of the training split, of which 22 repeat
another; programs read standard input, and 74 rows (60 problems) have outputs that are no strings,
which the published judge could not compare. These accept what Python or JSON would print, and
carry the defect, so that a score on the sound subset leaves them out.

Sources: the card of codeparrot/apps (MIT; columns, how input_output is read), arXiv 2105.09938;
MapCoder's data/APPS/selected150.jsonl; what is said of its rows was counted on that file.

Knows: the columns, calls and standard input, typed outputs.
Does not know: solutions, which are not read.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, cast  # outputs are any JSON

from pydantic import Field

from mapcoder_lite.data.rows import (
    ForeignRow,
    Imported,
    LeftOut,
    Outcome,
    Row,
    checked,
    outcomes,
    parse_json,
)
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Checker, CheckerKind, HiddenTests, Io, Problem, Source, Test

LICENCE = "MIT"
NO_TESTS = "no hidden tests"


class _Row(ForeignRow):
    problem_id: int | None = None
    id: int | None = None
    """What JSON lines call it."""
    question: Annotated[str, Field(min_length=1)]
    input_output: str | None = None
    difficulty: str | None = None
    url: str | None = None
    starter_code: str | None = None


class _Tests(ForeignRow):
    inputs: list[Any]
    outputs: list[Any]
    fn_name: str | None = None


class _Io(ForeignRow):
    input: str
    output: Annotated[list[Any], Field(min_length=1)]


class _MapCoderRow(ForeignRow):
    id: int
    description: Annotated[str, Field(min_length=1)]
    difficulty: str
    sample_io: list[_Io]
    test_list: list[_Io]


def read_apps(path: Path) -> Iterator[Outcome]:
    """Read problems of either form.

    Raises:
        InputError: there is no such file.
    """
    return outcomes(path, _read, _Row, _MapCoderRow)


def _read(row: Row) -> Imported | LeftOut:
    if "test_list" in row.fields:
        return _shipped(row)
    found = checked(row.fields, _Row)
    number = found.problem_id if found.problem_id is not None else found.id
    if number is None:
        raise InputError("problem_id: Field required")
    if not (found.input_output or "").strip():
        return LeftOut(row.where, NO_TESTS)
    given = checked(_object(parse_json(found.input_output or "", "input_output")), _Tests)
    if len(given.inputs) != len(given.outputs):
        raise InputError(f"{len(given.inputs)} inputs but {len(given.outputs)} outputs")
    if not given.inputs:
        return LeftOut(row.where, NO_TESTS)
    pairs = zip(given.inputs, given.outputs, strict=True)
    make = _printed if given.fn_name is None else _called
    hidden = tuple(make(asked, wanted) for asked, wanted in pairs)
    problem = Problem(
        id=f"{row.split or 'apps'}/{number}",
        statement=found.question,
        io=_io(given.fn_name, found.starter_code),
        tags=(found.difficulty,) if found.difficulty else (),
        source=Source(name="apps", url=found.url or None, licence=LICENCE, split=row.split),
    )
    return Imported(problem, HiddenTests(problem_id=problem.id, tests=hidden))


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError("input_output: expected an object")
    return cast(dict[str, Any], value)


def _io(entry_point: str | None, starter_code: str | None) -> Io:
    if entry_point is None:
        return Io()
    return Io(kind="function", entry_point=entry_point, starter_code=starter_code or None)


def _called(arguments: object, wanted: object) -> Test:
    """A list holds the arguments; a list of one value holds the answer, as the data set has it."""
    if not isinstance(arguments, list):
        raise InputError("the input of a call is not a list of arguments")
    answers = [wanted]
    if isinstance(wanted, list) and len(cast(list[object], wanted)) == 1:
        answers.insert(0, cast(list[object], wanted)[0])
    return Test(input=json.dumps(arguments), outputs=tuple(map(json.dumps, answers)))


def _printed(asked: object, wanted: object) -> Test:
    """Some texts are lists of lines."""
    return Test(input=_text(asked), outputs=(_text(wanted),))


def _text(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, cast(list[object], value)))
    if isinstance(value, str):
        return value
    raise InputError(f"a test of standard input is a {type(value).__name__}, no text")


def _shipped(row: Row) -> Imported | LeftOut:
    found = checked(row.fields, _MapCoderRow)
    if not found.test_list:
        return LeftOut(row.where, NO_TESTS)
    problem = Problem(
        id=str(found.id),
        statement=found.description,
        public_tests=tuple(map(_typed, found.sample_io)),
        checker=Checker(kind=CheckerKind.EXECEVAL),
        tags=(found.difficulty,),
        source=Source(name="apps", licence=LICENCE, split="train"),
    )
    hidden = tuple(map(_typed, found.test_list))
    defect = _find_defect(found.test_list)
    return Imported(problem, HiddenTests(problem_id=problem.id, tests=hidden, defect=defect))


def _find_defect(tests: list[_Io]) -> str | None:
    num_typed = sum(any(not isinstance(value, str) for value in test.output) for test in tests)
    if num_typed == 0:
        return None
    return f"typed outputs: those of {num_typed} of {len(tests)} tests are no strings"


def _typed(test: _Io) -> Test:
    """Accept a typed output as Python or as JSON would print it."""
    texts = (text for value in test.output for text in _ways_to_print(value))
    return Test(input=test.input, outputs=tuple(dict.fromkeys(texts)))


def _ways_to_print(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else (str(value), json.dumps(value))
