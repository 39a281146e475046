"""xCodeEval's program synthesis, read into our records.

Two forms. `prog_syn_val.jsonl`, as MapCoder ships it: a problem a line with `hidden_unit_tests`, a
list or JSON text. And the data set's own: `problem_descriptions.jsonl` (the same columns, or with
`prob_desc_` before them as its loader writes them) and, apart, `unittest_db.json`, which maps a
problem's `src_uid` to its tests; it is looked for beside the file and in the two folders above.
Training problems have no unit tests.

Sources: the card and loader of NTU-NLP-sg/xCodeEval (CC BY-NC 4.0; columns, file names, training
data without unit tests), arXiv 2303.03004; MapCoder's data/xCodeEval/prog_syn_val.jsonl. Not
checked: that `created_at` counts seconds since 1970; which split a problem of
problem_descriptions.jsonl belongs to, so that those have none.

Knows: the columns, their units.
Does not know: programs, published results.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mapcoder_lite.data.cut import find_cuts
from mapcoder_lite.data.rows import (
    ForeignRow,
    Imported,
    LeftOut,
    Outcome,
    Row,
    checked,
    explain,
    files_of,
    outcomes,
)
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

UNIT_TESTS = "unittest_db.json"
PREFIX = "prob_desc_"
LICENCE = "CC BY-NC 4.0"

_UNIT_BYTES = {"kilobytes": 2**10, "megabytes": 2**20, "gigabytes": 2**30}


class _HiddenTest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    input: str
    output: Annotated[list[str], Field(min_length=1)]


class _Row(ForeignRow):
    src_uid: Annotated[str, Field(min_length=1)]
    description: Annotated[str, Field(min_length=1)]
    input_from: str
    output_to: str
    time_limit: str
    memory_limit: str
    input_spec: str | None = None
    output_spec: str | None = None
    notes: str | None = None
    sample_inputs: list[str] | str
    sample_outputs: list[str] | str
    tags: tuple[str, ...] = ()
    difficulty: int | None = None
    created_at: int | str | None = None
    hidden_unit_tests: list[_HiddenTest] | str | None = None


class _Prefixed(ForeignRow):
    """The columns by their other names, so that parquet files are asked for them too."""

    prob_desc_description: str
    prob_desc_input_from: str
    prob_desc_output_to: str
    prob_desc_time_limit: str
    prob_desc_memory_limit: str
    prob_desc_input_spec: str
    prob_desc_output_spec: str
    prob_desc_notes: str
    prob_desc_sample_inputs: str
    prob_desc_sample_outputs: str
    prob_desc_created_at: str


_TESTS = TypeAdapter(list[_HiddenTest])
_SAMPLES = TypeAdapter(list[str])


def read_xcodeeval(path: Path) -> Iterator[Outcome]:
    """Read problems of either form; of a folder every file but the unit tests.

    Raises:
        InputError: there is no such file, or the unit tests cannot be read.
    """
    known: dict[Path, dict[str, Any]] = {}
    for file in files_of(path):
        if file.name != UNIT_TESTS:
            beside = _unit_tests_beside(file)
            if beside is not None and beside not in known:
                known[beside] = _load(beside)
            unit_tests = {} if beside is None else known[beside]
            yield from outcomes(file, partial(_read, unit_tests), _Row, _Prefixed)


def _unit_tests_beside(file: Path) -> Path | None:
    folders = file.absolute().parents[:3]
    found = (folder / UNIT_TESTS for folder in folders)
    return next((place for place in found if place.is_file()), None)


def _load(file: Path) -> dict[str, Any]:
    try:
        loaded: object = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise InputError(f"{file}: expected an object from src_uid to tests")
    return cast(dict[str, Any], loaded)


def _read(unit_tests: Mapping[str, Any], row: Row) -> Imported | LeftOut:
    fields = {name.removeprefix(PREFIX): value for name, value in row.fields.items()}
    found = checked(fields, _Row)
    own = found.hidden_unit_tests
    tests = _hidden(own if own is not None else unit_tests.get(found.src_uid))
    if not tests:
        return LeftOut(row.where, "no hidden tests")
    # MapCoder's file with the tests inside holds the validation problems
    split = row.split or ("validation" if own is not None else None)
    return Imported(_problem(found, split), _hidden_tests(found.src_uid, tests))


def _hidden(tests: object) -> list[_HiddenTest]:
    try:
        if isinstance(tests, str):
            return _TESTS.validate_json(tests) if tests.strip() else []
        return _TESTS.validate_python(tests or [])
    except ValidationError as error:
        raise InputError(f"unit tests: {explain(error)}") from error


def _samples(value: list[str] | str, name: str) -> list[str]:
    try:
        return _SAMPLES.validate_json(value) if isinstance(value, str) else value
    except ValidationError as error:
        raise InputError(f"{name}: {explain(error)}") from error


def _problem(row: _Row, split: str | None) -> Problem:
    if (row.input_from, row.output_to) != ("standard input", "standard output"):
        raise InputError(f"{row.src_uid} reads {row.input_from}: only standard input is judged")
    inputs = _samples(row.sample_inputs, "sample_inputs")
    outputs = _samples(row.sample_outputs, "sample_outputs")
    if len(inputs) != len(outputs):
        raise InputError(f"{row.src_uid} has samples without their other half")
    return Problem(
        id=row.src_uid,
        statement=row.description,
        input_spec=row.input_spec or "",
        output_spec=row.output_spec or "",
        notes=row.notes or "",
        public_tests=tuple(map(_test, inputs, ([output] for output in outputs))),
        limits=_limits(row),
        checker=Checker(kind=CheckerKind.EXECEVAL),
        tags=tuple(row.tags),
        difficulty=row.difficulty,
        source=Source(name="xcodeeval", licence=LICENCE, split=split, date=_date(row.created_at)),
    )


def _date(created: int | str | None) -> str | None:
    try:
        return None if created is None else f"{datetime.fromtimestamp(int(created), UTC):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(f"created_at: {created!r} are no seconds since 1970") from error


def _hidden_tests(src_uid: str, tests: list[_HiddenTest]) -> HiddenTests:
    kept = tuple(_test(test.input, test.output) for test in tests)
    defect = find_cuts([(test.input, test.output) for test in tests])
    return HiddenTests(problem_id=src_uid, tests=kept, defect=defect)


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
