"""The nouns of a contest problem, said by every room.

Knows: problems, their public tests, limits and checker; hidden tests as another type.
Does not know: files, programs, models, verdicts.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA_VERSION = 1


class Record(BaseModel):
    """A frozen record that refuses unknown fields, in memory and on disk."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Language(StrEnum):
    """Languages that a program may be written in."""

    PYTHON = "python"
    C = "c"
    CPP = "cpp"
    JAVA = "java"
    JAVASCRIPT = "javascript"
    GO = "go"
    RUST = "rust"
    RUBY = "ruby"
    PHP = "php"
    CSHARP = "csharp"
    KOTLIN = "kotlin"


class CheckerKind(StrEnum):
    """How a program's output is compared with an accepted one."""

    TOKENS = "tokens"
    EXACT = "exact"
    LINES = "lines"
    FLOATS = "floats"
    SORTED = "sorted"
    UNORDERED = "unordered"
    CUSTOM = "custom"
    EXECEVAL = "execeval"


Tolerance = Annotated[float, Field(ge=0, allow_inf_nan=False)]


READ_BY: dict[str, tuple[CheckerKind, ...]] = {
    "absolute_tolerance": (CheckerKind.TOKENS, CheckerKind.FLOATS),
    "relative_tolerance": (CheckerKind.TOKENS, CheckerKind.FLOATS),
    "ignore_case": (
        CheckerKind.TOKENS,
        CheckerKind.FLOATS,
        CheckerKind.LINES,
        CheckerKind.SORTED,
        CheckerKind.UNORDERED,
    ),
    "program": (CheckerKind.CUSTOM,),
    "language": (CheckerKind.CUSTOM,),
    "protocol": (CheckerKind.CUSTOM,),
}
"""Which kinds of checker look at which setting."""


class Checker(Record):
    """A comparison rule; the default splits on white space and compares tokens.

    A setting that its kind would not look at is refused.
    """

    kind: CheckerKind = CheckerKind.TOKENS
    absolute_tolerance: Tolerance | None = None
    relative_tolerance: Tolerance | None = None
    ignore_case: bool = False
    """Compare yes/no/true/false without regard to case."""
    program: str | None = None
    """Source of a custom checker."""
    language: Language = Language.PYTHON
    """What a custom checker is written in."""
    protocol: Literal["testlib", "kattis"] | None = None

    @model_validator(mode="after")
    def _refuse_ignored(self) -> Self:
        names = [
            name
            for name, kinds in READ_BY.items()
            if self.kind not in kinds
            and getattr(self, name) != type(self).model_fields[name].default
        ]
        if names:
            raise ValueError(f"checker {self.kind.value!r} does not look at {', '.join(names)}")
        return self


class Limits(Record):
    """What one run of a program may use: at most an hour, 1 TiB and 1 GiB."""

    cpu_seconds: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 2.0
    memory_bytes: Annotated[int, Field(gt=0, le=2**40)] = 256 * 2**20
    output_bytes: Annotated[int, Field(gt=0, le=2**30)] = 16 * 2**20


class Io(Record):
    """Whether a program reads standard input or defines a function, and how it is then tested.

    `function`: a test's input is a JSON array of positional arguments, its outputs are JSON values.
    `asserts`: a test's input is Python that calls the entry point, or defines `check(candidate)`,
    and raises when the answer is wrong; its outputs say nothing.
    """

    kind: Literal["stdio", "function", "asserts"] = "stdio"
    entry_point: str | None = None
    starter_code: str | None = None


class Source(Record):
    """Where a problem comes from and what may be done with it."""

    name: str
    url: str | None = None
    licence: str | None = None
    date: str | None = None
    """ISO 8601 day of publication."""
    split: str | None = None


class Test(Record):
    """One input and its accepted outputs; any one of them is right."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    input: str
    outputs: Annotated[tuple[str, ...], Field(min_length=1)]


class Problem(Record):
    """A contest problem as its solver may see it: public tests only."""

    schema_version: Literal[1] = SCHEMA_VERSION
    id: Annotated[str, Field(min_length=1)]
    title: str = ""
    statement: Annotated[str, Field(min_length=1)]
    input_spec: str = ""
    output_spec: str = ""
    notes: str = ""
    public_tests: tuple[Test, ...] = ()
    limits: Limits = Limits()
    io: Io = Io()
    checker: Checker = Checker()
    tags: tuple[str, ...] = ()
    difficulty: int | None = None
    source: Source = Source(name="unknown")


class HiddenTests(Record):
    """The tests that decide a grade; no solver accepts this type."""

    schema_version: Literal[1] = SCHEMA_VERSION
    problem_id: Annotated[str, Field(min_length=1)]
    tests: Annotated[tuple[Test, ...], Field(min_length=1)]
    defect: str | None = None
    """A known fault, such as inputs cut short; scores on the sound subset leave the problem out."""
