"""The xCodeEval validation problems as MapCoder ships them, read into our records.

Knows: the columns, their units, tests that were cut short at the source.
Does not know: programs, published results.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mapcoder_lite.data.reading import lines_of
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import (
    Checker,
    CheckerKind,
    HiddenTests,
    Limits,
    Problem,
    Source,
    Test,
)

# The platform that published the tests showed at most 255 or 511 characters and then "...".
_MIN_CUT_LENGTH = 258
_UNIT_BYTES = {"kilobytes": 2**10, "megabytes": 2**20, "gigabytes": 2**30}


@dataclass(frozen=True, slots=True)
class ImportedProblems:
    """Problems and, apart from them, their hidden tests, in the same order."""

    problems: tuple[Problem, ...]
    hidden_tests: tuple[HiddenTests, ...]


class _Row(BaseModel):
    """One line of the file; columns that we do not use are let pass."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    src_uid: Annotated[str, Field(min_length=1)]
    description: Annotated[str, Field(min_length=1)]
    input_from: str
    output_to: str
    time_limit: str
    memory_limit: str
    input_spec: str | None
    output_spec: str | None
    notes: str | None
    sample_inputs: list[str]
    sample_outputs: list[str]
    tags: list[str]
    difficulty: int | None
    hidden_unit_tests: "list[_HiddenTest]"


class _HiddenTest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    input: str
    output: list[str]


def read_xcodeeval(path: Path) -> ImportedProblems:
    """Read problems.jsonl, plain or gzipped.

    Raises:
        InputError: the file cannot be read or a line is not such a problem; names the line.
    """
    rows = [_row(line, f"{path}, line {number}") for number, line in lines_of(path)]
    if not rows:
        raise InputError(f"{path} is empty: expected xCodeEval problems, one JSON object a line")
    return ImportedProblems(
        tuple(_problem(row) for row in rows), tuple(_hidden_tests(row) for row in rows)
    )


def _row(line: str, where: str) -> _Row:
    try:
        return _Row.model_validate(json.loads(line))
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: broken JSON ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: not an xCodeEval problem: {field}: {first['msg']}") from error


def _problem(row: _Row) -> Problem:
    if (row.input_from, row.output_to) != ("standard input", "standard output"):
        raise InputError(f"{row.src_uid} reads {row.input_from}: only standard input is judged")
    if len(row.sample_inputs) != len(row.sample_outputs):
        raise InputError(f"{row.src_uid} has samples without their other half")
    samples = zip(row.sample_inputs, row.sample_outputs, strict=True)
    return Problem(
        id=row.src_uid,
        statement=row.description,
        input_spec=row.input_spec or "",
        output_spec=row.output_spec or "",
        notes=row.notes or "",
        public_tests=tuple(_test(given, [wanted]) for given, wanted in samples),
        limits=_limits(row),
        checker=Checker(kind=CheckerKind.EXECEVAL),
        tags=tuple(row.tags),
        difficulty=row.difficulty,
        source=Source(name="xcodeeval", licence="CC BY-NC 4.0", split="validation"),
    )


def _hidden_tests(row: _Row) -> HiddenTests:
    tests = tuple(_test(test.input, test.output) for test in row.hidden_unit_tests)
    return HiddenTests(
        problem_id=row.src_uid, tests=tests, defect=_find_defect(row.hidden_unit_tests)
    )


def _find_defect(tests: list[_HiddenTest]) -> str | None:
    """Say what is wrong with hidden tests that the source cut with "...", or None.

    A cut text is long and ends in exactly three dots without a line end. Dots may also be
    genuine: a grid of dots ends in a line end, the word "..." stands in short outputs.
    """
    num_inputs = sum(_is_cut(test.input) for test in tests)
    num_outputs = sum(any(map(_is_cut, test.output)) for test in tests)
    if num_inputs + num_outputs == 0:
        return None
    return f'{num_inputs} inputs and {num_outputs} outputs of {len(tests)} tests are cut with "..."'


def _is_cut(text: str) -> bool:
    return len(text) >= _MIN_CUT_LENGTH and text.endswith("...") and not text.endswith("....")


def _test(given: str, wanted: list[str]) -> Test:
    """Take carriage returns out, as ExecEval, the judge of the published results, does."""
    outputs = tuple(text.replace("\r", "") for text in wanted)
    return Test(input=given.replace("\r", ""), outputs=outputs)


def _limits(row: _Row) -> Limits:
    time = re.fullmatch(r"([\d.]+) seconds?", row.time_limit)
    memory = re.fullmatch(r"([\d.]+) (kilobytes|megabytes|gigabytes)", row.memory_limit)
    if time is None or memory is None:
        raise InputError(
            f"{row.src_uid}: limits {row.time_limit!r}, {row.memory_limit!r} are not understood: "
            'expected "2 seconds", "256 megabytes"'
        )
    memory_bytes = int(float(memory[1]) * _UNIT_BYTES[memory[2]])
    try:
        return Limits(cpu_seconds=float(time[1]), memory_bytes=memory_bytes)
    except ValidationError as error:
        raise InputError(
            f"{row.src_uid}: limits out of range: {error.errors()[0]['msg']}"
        ) from error
