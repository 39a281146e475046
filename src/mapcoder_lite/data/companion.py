"""Competitive Companion's JSON and CPH's .prob files: samples and limits, but no statement.

Both are one object with `name`, `url`, `interactive`, `memoryLimit` in MiB, `timeLimit` in
milliseconds and `tests` of `input` and `output`; Companion adds `input` and `output`, each with a
`type`, CPH an `id` per test and `srcPath`.

Sources: the README of jmerle/competitive-companion ("The format"); src/types.ts of agrawal-d/cph.

Knows: both forms, read; CPH's, written, and its place.
Does not know: where the statement is.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any  # the file as JSON

from pydantic import Field

from mapcoder_lite.data.rows import ForeignRow, checked
from mapcoder_lite.data.wording import Wording, identifier
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Limits, Problem, Source, Test

MEBIBYTE = 1 << 20


class _Stream(ForeignRow):
    type: str


class _Case(ForeignRow):
    input: str
    output: str


class _File(ForeignRow):
    name: Annotated[str, Field(min_length=1)]
    group: str = ""
    url: str = ""
    interactive: bool = False
    memory_mebibytes: Annotated[float, Field(gt=0, alias="memoryLimit", le=1 << 20)]
    time_milliseconds: Annotated[float, Field(gt=0, alias="timeLimit", le=3_600_000)]
    input: _Stream = _Stream(type="stdin")
    output: _Stream = _Stream(type="stdout")
    tests: list[_Case]


def is_companion(fields: dict[str, Any]) -> bool:
    """Whether an object is of one of the two forms."""
    return {"name", "tests", "timeLimit", "memoryLimit"} <= fields.keys()


def read_companion(fields: dict[str, Any], wording: Wording) -> Problem:
    """Return a problem of either form with a statement from elsewhere.

    Raises:
        InputError: a field is wrong, or the problem is interactive or uses files.
    """
    return wording.put_on(parse_companion(fields))


def parse_companion(fields: dict[str, Any]) -> Problem:
    """Return a problem of either form; the statement, which it lacks, is its name.

    Raises:
        InputError: a field is wrong, or the problem is interactive or uses files.
    """
    found = checked(fields, _File)
    if found.interactive:
        raise InputError("an interactive problem: only problems with fixed inputs can be judged")
    if (found.input.type, found.output.type) != ("stdin", "stdout"):
        raise InputError(
            f"it reads {found.input.type} and writes {found.output.type}: "
            "only standard input and output are judged"
        )
    return Problem(
        id=identifier(found.name),
        title=found.name,
        statement=found.name,
        public_tests=tuple(Test(input=t.input, outputs=(t.output,)) for t in found.tests),
        limits=Limits(
            cpu_seconds=found.time_milliseconds / 1000,
            memory_bytes=round(found.memory_mebibytes * MEBIBYTE),
        ),
        source=Source(name="competitive-companion", url=found.url or None),
    )


def cph_path(program: Path) -> Path:
    """Return where CPH looks for a program's .prob file, by its whole path.

    The name begins with a dot, as its older versions want it and the newer ones read it too.

    Source: src/parser.ts of agrawal-d/cph.
    """
    digest = hashlib.md5(str(program).encode(), usedforsecurity=False).hexdigest()
    return program.parent / ".cph" / f".{program.name}_{digest}.prob"


def cph_text(problem: Problem, program: Path) -> str:
    """Return the .prob file that shows a problem's samples beside a program in the editor.

    Of several accepted outputs the first is shown: CPH knows one.

    Raises:
        InputError: the problem's programs do not read standard input.
    """
    if problem.io.kind != "stdio":
        raise InputError("CPH runs programs that read standard input, and this defines a function")
    tests = [
        {"id": number, "input": test.input, "output": test.outputs[0]}
        for number, test in enumerate(problem.public_tests, start=1)
    ]
    fields = {
        "name": problem.title or problem.id,
        "url": problem.source.url or str(program),
        "interactive": False,
        "memoryLimit": problem.limits.memory_bytes / MEBIBYTE,
        "timeLimit": problem.limits.cpu_seconds * 1000,
        "group": problem.source.name,
        "tests": tests,
        "srcPath": str(program),
        "local": problem.source.url is None,
    }
    return json.dumps(fields, indent=2) + "\n"
