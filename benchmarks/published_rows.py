"""The published programs and verdicts, as rows of one table: which tests decided, under which rule.

A row is judged in one way. Its `is_score` says that the score of its runs comes from it,
`is_counted` that its verdicts are expected to agree with the published ones; where the published
way was another, `nearer` names the row that is a step closer, and what is another there.

Knows: the files' fields, what the published harnesses ran.
Does not know: how programs are judged, published scores.
"""

import ast
import builtins
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mapcoder_lite.data.apps import read_apps
from mapcoder_lite.data.humaneval import LIMITS as FUNCTION_LIMITS
from mapcoder_lite.data.humaneval import read_humaneval
from mapcoder_lite.data.mbpp import read_mbpp
from mapcoder_lite.data.rows import Imported, Outcome
from mapcoder_lite.data.xcodeeval import read_xcodeeval
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Checker, CheckerKind, HiddenTests, Io, Language, Limits, Test

EXECEVAL = Checker(kind=CheckerKind.EXECEVAL)
TYPING = "from typing import *\n"
"""What the published harness puts before a function's program that lacks it."""

TYPED = "typed outputs"
"""The defect of tests whose outputs are no strings: the published judge cannot compare them."""

APPS, XCODEEVAL, MBPP = "APPS", "xCodeEval", "MBPP"
HUMANEVAL, HUMANEVAL_ET = "HumanEval", "HumanEval-ET"

MBPP_WITHOUT_SAMPLE = (
    "mbpp_277_dict_filter",
    "mbpp_297_flatten_list",
    "mbpp_391_convert_list_dictionary",
)
"""Whose published tests are all those of the file."""

Found = TypeVar("Found")

FIELDS = ("run", "problem", "program", "is_solved")
"""Of a line of programs.jsonl.gz; `language` and `api_calls` may be absent."""

LANGUAGES = {
    "Python3": Language.PYTHON,
    "C": Language.C,
    "C++": Language.CPP,
    "C#": Language.CSHARP,
    "Go": Language.GO,
    "PHP": Language.PHP,
    "Ruby": Language.RUBY,
    "Rust": Language.RUST,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One published program, what it is tested with, and the published verdict."""

    index: int
    run: str
    problem: str
    program: str
    tests: tuple[Test, ...]
    is_solved: bool | None
    """None: what the run scored is published, not on which problems."""
    defect: str | None = None
    num_calls: int | None = None
    """Asked of the model for this problem; None: not recorded."""


@dataclass(frozen=True, slots=True)
class Row:
    """Programs in one language, tested in one way."""

    name: str
    benchmark: str
    language: Language
    entries: tuple[Entry, ...]
    is_score: bool = True
    is_counted: bool = True
    nearer: tuple[str, str] | None = None
    """A row nearer to the published runs, and the class of what only agrees there."""
    checker: Checker = Checker()
    limits: Limits = Limits()
    entry_points: dict[str, str] | None = None

    def io_of(self, entry: Entry) -> Io:
        """Return how an entry is tested."""
        if self.entry_points is None:
            return Io()
        return Io(kind="asserts", entry_point=self.entry_points[entry.problem])


@dataclass(frozen=True, slots=True)
class Function:
    """A function's name, and the code that tests it."""

    entry_point: str
    test: str


def all_rows(data: Path) -> tuple[Row, ...]:
    """Read every row of the table.

    Raises:
        InputError: a file is not there, or a row of it is not understood.
    """
    names = (
        *(f"{name}/programs.jsonl.gz" for name in ("xcodeeval", "apps", "humaneval", "mbpp")),
        *("xcodeeval/problems.jsonl.gz", "apps/selected150.jsonl.gz", "mbpp/mbpp-py.jsonl.gz"),
        *("humaneval/HumanEvalWST.jsonl.gz", "humaneval/HumanEvalET.jsonl.gz"),
    )
    missing = [name for name in names if not (data / name).is_file()]
    if missing:
        raise InputError(
            f"{data} lacks {', '.join(missing)}: docs/evaluation.md says where they come from"
        )
    return (
        *xcodeeval_rows(data / "xcodeeval"),
        *apps_rows(data / "apps"),
        *humaneval_rows(data / "humaneval"),
        *mbpp_rows(data / "mbpp"),
    )


def xcodeeval_rows(folder: Path) -> Iterator[Row]:
    """One row a language: all hidden tests under the published rule, faults included."""
    hidden = hidden_tests(read_xcodeeval(folder / "problems.jsonl.gz"))
    programs = numbered(folder / "programs.jsonl.gz")
    for name, language in LANGUAGES.items():
        entries = tuple(
            entry_of(i, row, known(hidden, row).tests, known(hidden, row).defect)
            for i, row in programs
            if row.get("language") == name
        )
        if entries:
            yield Row(f"xcodeeval:{name}", XCODEEVAL, language, entries, checker=EXECEVAL)


def apps_rows(folder: Path) -> Iterator[Row]:
    """Rows whose outputs are strings; and typed ones, which no published program could pass."""
    hidden = hidden_tests(read_apps(folder / "selected150.jsonl.gz"))
    strings: list[Entry] = []
    others: list[Entry] = []
    for index, row in numbered(folder / "programs.jsonl.gz"):
        tests = known(hidden, row)
        if tests.defect is None:
            strings.append(entry_of(index, row, tests.tests))
        else:
            others.append(entry_of(index, row, tests.tests, TYPED))
    one = Row("apps:strings", APPS, Language.PYTHON, tuple(strings), checker=EXECEVAL)
    yield one
    yield replace(one, name="apps:typed", entries=tuple(others), is_counted=False)


def humaneval_rows(folder: Path) -> Iterator[Row]:
    """The field `test` decides: `check` of the entry point; and ET's assertions, all in one run."""
    programs = numbered(folder / "programs.jsonl.gz")
    problems = functions(read_humaneval(folder / "HumanEvalWST.jsonl.gz"))
    yield function_row("humaneval", HUMANEVAL, problems, programs)
    extended = functions(read_humaneval(folder / "HumanEvalET.jsonl.gz"))
    unknown = [(index, row | {"is_solved": None}) for index, row in programs]
    row = function_row("humaneval:et", HUMANEVAL_ET, extended, unknown)
    yield replace(row, is_counted=False)


def mbpp_rows(folder: Path) -> Iterator[Row]:
    """Three rows, each nearer to the published runs; the first scores, the last must agree.

    `file`: the tests of the file. `published`: without its first assertion, which was the sample.
    `shared`: all programs of a run in one namespace, where the function `sum` of problem 126 was
    everybody's `sum`.
    """
    problems = functions(read_mbpp(folder / "mbpp-py.jsonl.gz"))
    programs = numbered(folder / "programs.jsonl.gz")
    row = function_row("mbpp:file", MBPP, problems, programs)
    yield replace(row, is_counted=False, nearer=("mbpp:published", "the sample decides too"))
    published = problems | {
        name: replace(found, test=without_first_assertion(found.test))
        for name, found in problems.items()
        if name not in MBPP_WITHOUT_SAMPLE
    }
    row = function_row("mbpp:published", MBPP, published, programs)
    nearer = ("mbpp:shared", "a namespace of its own")
    yield replace(row, is_score=False, is_counted=False, nearer=nearer)
    left = {row["run"]: row["program"] for _, row in programs if replaces_builtin(row["program"])}
    shared = [
        (index, row | {"program": f"{left.get(row['run'], '')}\n{row['program']}"})
        for index, row in programs
    ]
    yield replace(function_row("mbpp:shared", MBPP, published, shared), is_score=False)


def function_row(
    name: str,
    benchmark: str,
    problems: dict[str, Function],
    programs: list[tuple[int, dict[str, Any]]],
) -> Row:
    entries: list[Entry] = []
    for index, row in programs:
        text = row["program"]
        program = text if TYPING.strip() in text else TYPING + text
        test = Test(input=known(problems, row).test, outputs=("",))
        entries.append(entry_of(index, row | {"program": program}, (test,)))
    points = {problem: found.entry_point for problem, found in problems.items()}
    return Row(
        name,
        benchmark,
        Language.PYTHON,
        tuple(entries),
        limits=FUNCTION_LIMITS,
        entry_points=points,
    )


def without_first_assertion(code: str) -> str:
    tree = ast.parse(code)
    check = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    first = next(node for node in check.body if isinstance(node, ast.Assert))
    check.body.remove(first)
    return ast.unparse(tree)


def replaces_builtin(program: str) -> bool:
    """Whether a program defines a function that has the name of a builtin."""
    try:
        tree = ast.parse(program)
    except SyntaxError:
        return False
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return any(hasattr(builtins, name) for name in functions)


def entry_of(
    index: int, row: dict[str, Any], tests: tuple[Test, ...], defect: str | None = None
) -> Entry:
    return Entry(
        index=index,
        run=row["run"],
        problem=str(row["problem"]),
        program=row["program"],
        tests=tests,
        is_solved=row["is_solved"],
        defect=defect,
        num_calls=row.get("api_calls"),
    )


def known(problems: dict[str, Found], row: dict[str, Any]) -> Found:
    """Return what is known of a program's problem.

    Raises:
        InputError: the problem is not in its file.
    """
    name = str(row["problem"])
    if name not in problems:
        raise InputError(f"{row['run']} has a program of problem {name}, which is in no file here")
    return problems[name]


def hidden_tests(outcomes: Iterator[Outcome]) -> dict[str, HiddenTests]:
    """Return the hidden tests of a file, by problem."""
    return {one.problem.id: one.hidden for one in whole(outcomes)}


def functions(outcomes: Iterator[Outcome]) -> dict[str, Function]:
    """Return what a file tests and by which code, by problem."""
    return {
        one.problem.id: Function(
            one.problem.io.entry_point or "", "\n".join(test.input for test in one.hidden.tests)
        )
        for one in whole(outcomes)
    }


def whole(outcomes: Iterator[Outcome]) -> Iterator[Imported]:
    """Yield the problems of a file that must have no other rows."""
    for outcome in outcomes:
        if not isinstance(outcome, Imported):
            raise InputError(f"{outcome.where}: {outcome.reason}")
        yield outcome


def numbered(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return the programs of a file with their places.

    Raises:
        InputError: it is damaged, or a line is no program.
    """
    programs: list[tuple[int, dict[str, Any]]] = []
    try:
        with gzip.open(path, "rt", encoding="utf-8") as text:
            programs.extend(enumerate(map(json.loads, text)))
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path} is damaged or no gzipped JSON lines: {error}") from error
    for index, row in programs:
        if missing := [name for name in FIELDS if name not in row]:
            raise InputError(f"{path}, line {index + 1}: no {', '.join(missing)}")
    return programs
