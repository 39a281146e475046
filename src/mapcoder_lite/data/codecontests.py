"""CodeContests, read into our records.

Two forms. The hub's, parquet or JSON lines: `public_tests`, `private_tests` and `generated_tests`,
each an object of lists or a list of objects, `time_limit` as seconds and nanos, `cf_rating` where 0
means none. And MapCoder's conversion of the test split: `sample_io`, `test_list`, limits null.

Of the outputs that a problem accepts only one is here, and there are no checkers: a right program
may be judged wrong. Texts may be cut: of MapCoder's 73 problems 1586_D has 19 such outputs.
`difficulty` of either form is a class (1 easy .. 6 external, from 7 = A on the letter of the
contest), no rating; the rating is `cf_rating`. Problems have no dates.

Sources: contest_problem.proto of google-deepmind/code_contests; the card of deepmind/code_contests
(CC BY 4.0). Copies of the hub's form number the sites without a gap, ATCODER = 5, AIZU = 6, where
the proto has 6 and 7: here the hub's numbers. MapCoder's file was seen with 73 of its 165 rows.

Knows: the columns, their units, what 0 and empty mean in them.
Does not know: solutions, which are not read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from mapcoder_lite.data.cut import find_cuts
from mapcoder_lite.data.rows import (
    ForeignRow,
    Imported,
    LeftOut,
    Outcome,
    Row,
    checked,
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

LICENCE = "CC BY 4.0"
SITES = ("unknown", "codechef", "codeforces", "hackerearth", "codejam", "atcoder", "aizu")
CODEFORCES = 2
CLASSES = ("", "easy", "medium", "hard", "harder", "hardest")
"""Of `difficulty`; what follows are letters of a contest."""
DEFAULTS = Limits()


class _Pairs(ForeignRow):
    input: tuple[str, ...] = ()
    output: tuple[str, ...] = ()


class _Pair(ForeignRow):
    input: str
    output: str


class _Duration(ForeignRow):
    seconds: int | None = None
    nanos: int | None = None


class _Row(ForeignRow):
    name: Annotated[str, Field(min_length=1)]
    description: Annotated[str, Field(min_length=1)]
    public_tests: _Pairs | tuple[_Pair, ...] = ()
    private_tests: _Pairs | tuple[_Pair, ...] = ()
    generated_tests: _Pairs | tuple[_Pair, ...] = ()
    source: int = 0
    difficulty: int = 0
    cf_contest_id: int | None = None
    cf_index: str | None = None
    cf_rating: int | None = None
    cf_tags: list[str] | None = None
    time_limit: _Duration | None = None
    memory_limit_bytes: int | None = None
    input_file: str | None = None
    output_file: str | None = None


class _Io(ForeignRow):
    input: str
    output: Annotated[list[str], Field(min_length=1)]


class _MapCoderRow(ForeignRow):
    name: Annotated[str, Field(min_length=1)]
    description: Annotated[str, Field(min_length=1)]
    tags: tuple[str, ...] = ()
    id: int
    sample_io: list[_Io]
    test_list: list[_Io]


def read_codecontests(path: Path) -> Iterator[Outcome]:
    """Read problems of either form.

    Raises:
        InputError: there is no such file.
    """
    return outcomes(path, _read, _Row, _MapCoderRow)


def _read(row: Row) -> Imported | LeftOut:
    # parquet files are asked for the columns of both forms and give those that they have
    if "test_list" in row.fields:
        return _shipped(row)
    found = checked(row.fields, _Row)
    if found.input_file or found.output_file:
        return LeftOut(row.where, "reads or writes a file")
    hidden = (*_tests(found.private_tests), *_tests(found.generated_tests))
    if not hidden:
        return LeftOut(row.where, "no hidden tests")
    problem = Problem(
        id=_id(found),
        title=found.name,
        statement=found.description,
        public_tests=_tests(found.public_tests),
        limits=_limits(found),
        tags=tuple(tag for tag in (*(found.cf_tags or ()), _class(found)) if tag),
        difficulty=found.cf_rating or None,
        source=Source(name="codecontests", url=_url(found), licence=LICENCE, split=row.split),
    )
    return Imported(problem, _hidden(problem.id, hidden))


def _shipped(row: Row) -> Imported | LeftOut:
    found = checked(row.fields, _MapCoderRow)
    if not found.test_list:
        return LeftOut(row.where, "no hidden tests")
    problem = Problem(
        id=found.name,
        title=found.name,
        statement=found.description,
        public_tests=tuple(map(_accepted, found.sample_io)),
        checker=Checker(kind=CheckerKind.EXECEVAL),
        tags=tuple(found.tags),
        source=Source(name="codecontests", licence=LICENCE, split="test"),
    )
    return Imported(problem, _hidden(problem.id, tuple(map(_accepted, found.test_list))))


def _hidden(name: str, tests: tuple[Test, ...]) -> HiddenTests:
    defect = find_cuts([(test.input, test.outputs) for test in tests])
    return HiddenTests(problem_id=name, tests=tests, defect=defect)


def _accepted(pair: _Io) -> Test:
    return Test(input=pair.input, outputs=tuple(pair.output))


def _tests(given: _Pairs | tuple[_Pair, ...]) -> tuple[Test, ...]:
    if isinstance(given, tuple):
        return tuple(Test(input=pair.input, outputs=(pair.output,)) for pair in given)
    if len(given.input) != len(given.output):
        raise InputError(f"{len(given.input)} inputs but {len(given.output)} outputs of tests")
    pairs = zip(given.input, given.output, strict=True)
    return tuple(Test(input=text, outputs=(wanted,)) for text, wanted in pairs)


def _id(row: _Row) -> str:
    """Names may agree between sites, says the proto; Codeforces' own begin with the contest."""
    return row.name if row.source == CODEFORCES else f"{_site(row)}: {row.name}"


def _site(row: _Row) -> str:
    return SITES[row.source] if 0 <= row.source < len(SITES) else f"site {row.source}"


def _class(row: _Row) -> str:
    return CLASSES[row.difficulty] if 0 <= row.difficulty < len(CLASSES) else ""


def _url(row: _Row) -> str | None:
    if row.source != CODEFORCES or not row.cf_contest_id or not row.cf_index:
        return None
    return f"https://codeforces.com/contest/{row.cf_contest_id}/problem/{row.cf_index}"


def _limits(row: _Row) -> Limits:
    given = row.time_limit or _Duration()
    seconds = (given.seconds or 0) + (given.nanos or 0) / 1e9
    return Limits(
        cpu_seconds=seconds or DEFAULTS.cpu_seconds,
        memory_bytes=row.memory_limit_bytes or DEFAULTS.memory_bytes,
    )
