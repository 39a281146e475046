"""LiveCodeBench's code generation, read into our records.

JSON lines or parquet of `code_generation_lite` (`test.jsonl` to `test6.jsonl`, one a release) or of
`code_generation`: `public_test_cases` is JSON text, a list of `input`, `output` and `testtype`
(`stdin` or `functional`); `private_test_cases` is the same, or that JSON text pickled, packed with
zlib and in base64, which is unpacked without running anything. Of a functional test each line of
the input is an argument in JSON; `metadata` is JSON text with `func_name`, a method of `Solution`.
`contest_date` opens the window that a model has not seen.

Sources: lcb_runner of LiveCodeBench/LiveCodeBench (benchmarks/code_generation.py: fields;
runner/parser.py: 6 s a test); users of the data set (packing: base64, zlib, pickled JSON text);
the card of livecodebench/code_generation_lite (licence "cc", which version is not said; columns,
files), arXiv 2403.07974.

Knows: the columns, both writings of tests, dates.
Does not know: platforms' rules, checkers (there are none).
"""

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from mapcoder_lite.data.packed import unpack
from mapcoder_lite.data.rows import (
    ForeignRow,
    Imported,
    LeftOut,
    Outcome,
    Row,
    checked,
    explain,
    outcomes,
    parse_json,
)
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import HiddenTests, Io, Limits, Problem, Source, Test

LICENCE = "cc (version not said)"
LIMITS = Limits(cpu_seconds=6.0, memory_bytes=1 << 30)
"""Its runner allows 6 s a test; the memory is ours."""


class _Case(ForeignRow):
    input: str
    output: str
    testtype: Literal["stdin", "functional"]


class _Row(ForeignRow):
    question_id: Annotated[str, Field(min_length=1)]
    question_title: str = ""
    question_content: Annotated[str, Field(min_length=1)]
    platform: str
    contest_date: str | datetime
    difficulty: str
    starter_code: str = ""
    public_test_cases: str
    private_test_cases: str
    metadata: str = "{}"


class _Metadata(ForeignRow):
    func_name: str | None = None


_CASES = TypeAdapter(list[_Case])


def read_livecodebench(path: Path) -> Iterator[Outcome]:
    """Read the problems of one release file, or of a folder of them.

    Raises:
        InputError: there is no such file.
    """
    return outcomes(path, _read, _Row)


def _read(row: Row) -> Imported | LeftOut:
    found = checked(row.fields, _Row)
    public = _cases(found.public_test_cases, "public_test_cases")
    private = _private(found.private_test_cases)
    if not private:
        return LeftOut(row.where, "no hidden tests")
    io = _io(found, {case.testtype for case in (*public, *private)})
    make = _printed if io.kind == "stdio" else _called
    problem = Problem(
        id=f"{found.platform}/{found.question_id}",
        title=found.question_title,
        statement=found.question_content,
        public_tests=tuple(map(make, public)),
        limits=LIMITS,
        io=io,
        tags=(found.platform, found.difficulty),
        source=Source(
            name="livecodebench",
            licence=LICENCE,
            date=_day(found.contest_date),
            split=row.split or "test",
        ),
    )
    hidden = tuple(map(make, private))
    return Imported(problem, HiddenTests(problem_id=problem.id, tests=hidden))


def _private(text: str) -> list[_Case]:
    if text.lstrip().startswith("["):
        return _cases(text, "private_test_cases")
    unpacked = unpack(text)
    name = "private_test_cases"
    return _cases(unpacked, name) if isinstance(unpacked, str) else _checked(unpacked, name)


def _cases(text: str, name: str) -> list[_Case]:
    return _checked(parse_json(text, name), name)


def _checked(value: object, name: str) -> list[_Case]:
    try:
        return _CASES.validate_python(value)
    except ValidationError as error:
        raise InputError(f"{name}: {explain(error)}") from error


def _io(row: _Row, kinds: set[str]) -> Io:
    if len(kinds) > 1:
        raise InputError("tests of two kinds, stdin and functional")
    if kinds == {"stdin"}:
        return Io()
    metadata: Any = parse_json(row.metadata, "metadata")
    name = checked(metadata, _Metadata).func_name
    if not name:
        raise InputError("metadata names no func_name, and the tests are functional")
    return Io(kind="function", entry_point=name, starter_code=row.starter_code or None)


def _printed(case: _Case) -> Test:
    return Test(input=case.input, outputs=(case.output,))


def _called(case: _Case) -> Test:
    """One argument a line; blank lines are none."""
    arguments = [parse_json(line, "an argument") for line in case.input.split("\n") if line.strip()]
    wanted = parse_json(case.output, "an answer")
    return Test(input=json.dumps(arguments), outputs=(json.dumps(wanted),))


def _day(moment: str | datetime) -> str:
    """Return the day of an ISO 8601 time, or of a time as parquet may have it."""
    try:
        return date.fromisoformat(str(moment)[:10]).isoformat()
    except ValueError as error:
        raise InputError(f"contest_date: {str(moment)!r} is no day") from error
