"""The published programs and verdicts, as rows of one table: which tests decided, under which rule.

Knows: the files' fields, what the published harnesses ran.
Does not know: how programs are judged.
"""

import ast
import builtins
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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

MBPP_WITHOUT_SAMPLE = (
    "mbpp_277_dict_filter",
    "mbpp_297_flatten_list",
    "mbpp_391_convert_list_dictionary",
)
"""Whose published tests are all those of the file."""

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
    """One published program, what it was tested with, and the published verdict."""

    index: int
    run: str
    problem: str
    program: str
    tests: tuple[Test, ...]
    is_solved: bool
    defect: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table; the target is a share of agreeing verdicts."""

    name: str
    language: Language
    entries: tuple[Entry, ...]
    target: float | None
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


def all_rows(data: Path) -> Iterator[Row]:
    """Read every row of the table."""
    yield from xcodeeval_rows(data / "xcodeeval")
    yield from apps_rows(data / "apps")
    yield humaneval_row(data / "humaneval")
    yield from mbpp_rows(data / "mbpp")


def xcodeeval_rows(folder: Path) -> Iterator[Row]:
    """One row a language: all hidden tests under the published rule, faults included."""
    hidden = hidden_tests(read_xcodeeval(folder / "problems.jsonl.gz"))
    programs = list(enumerate(lines(folder / "programs.jsonl.gz")))
    for name, language in LANGUAGES.items():
        entries = [
            entry_of(i, row, hidden[row["problem"]].tests, hidden[row["problem"]].defect)
            for i, row in programs
            if row["language"] == name
        ]
        target = 0.998 if language is Language.PYTHON else 0.97
        yield Row(f"xcodeeval:{name}", language, tuple(entries), target, EXECEVAL)


def apps_rows(folder: Path) -> Iterator[Row]:
    """Rows whose outputs are strings; and typed ones, which no published program could pass."""
    hidden = hidden_tests(read_apps(folder / "selected150.jsonl.gz"))
    strings: list[Entry] = []
    others: list[Entry] = []
    for index, row in enumerate(lines(folder / "programs.jsonl.gz")):
        tests = hidden[str(row["problem"])]
        if tests.defect is None:
            strings.append(entry_of(index, row, tests.tests))
        else:
            others.append(entry_of(index, row, tests.tests, TYPED))
    yield Row("apps:strings", Language.PYTHON, tuple(strings), 0.99, EXECEVAL)
    yield Row("apps:typed", Language.PYTHON, tuple(others), None, EXECEVAL)


def humaneval_row(folder: Path) -> Row:
    """The field `test` of each problem decides: `check` of the entry point."""
    problems = functions(read_humaneval(folder / "HumanEvalWST.jsonl.gz"))
    programs = enumerate(lines(folder / "programs.jsonl.gz"))
    return function_row("humaneval", problems, list(programs))


def mbpp_rows(folder: Path) -> Iterator[Row]:
    """Three rows, each nearer to the published runs, of which the last has the target.

    `file`: the tests of the file. `published`: without its first assertion, which was the sample.
    `shared`: all programs of a run in one namespace, where the function `sum` of problem 126 was
    everybody's `sum`.
    """
    problems = functions(read_mbpp(folder / "mbpp-py.jsonl.gz"))
    programs = list(enumerate(lines(folder / "programs.jsonl.gz")))
    yield function_row("mbpp:file", problems, programs, None)
    published = {
        name: replace(found, test=without_first_assertion(found.test))
        for name, found in problems.items()
        if name not in MBPP_WITHOUT_SAMPLE
    }
    yield function_row("mbpp:published", problems | published, programs, None)
    left = {row["run"]: row["program"] for _, row in programs if replaces_builtin(row["program"])}
    shared = [
        (index, row | {"program": f"{left.get(row['run'], '')}\n{row['program']}"})
        for index, row in programs
    ]
    yield function_row("mbpp:shared", problems | published, shared)


def function_row(
    name: str,
    problems: dict[str, Function],
    programs: list[tuple[int, dict[str, Any]]],
    target: float | None = 0.99,
) -> Row:
    entries: list[Entry] = []
    for index, row in programs:
        text = row["program"]
        program = text if TYPING.strip() in text else TYPING + text
        test = Test(input=problems[row["problem"]].test, outputs=("",))
        entries.append(entry_of(index, row | {"program": program}, (test,)))
    points = {problem: found.entry_point for problem, found in problems.items()}
    return Row(
        name, Language.PYTHON, tuple(entries), target, limits=FUNCTION_LIMITS, entry_points=points
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
    problem = str(row["problem"])
    return Entry(index, row["run"], problem, row["program"], tests, row["is_solved"], defect)


def hidden_tests(outcomes: Iterator[Outcome]) -> dict[str, HiddenTests]:
    """Return the hidden tests of a file, by problem."""
    return {one.problem.id: one.hidden for one in whole(outcomes)}


def functions(outcomes: Iterator[Outcome]) -> dict[str, Function]:
    """Return what a file tests and by which code, by problem."""
    return {
        one.problem.id: Function(one.problem.io.entry_point or "", one.hidden.tests[0].input)
        for one in whole(outcomes)
    }


def whole(outcomes: Iterator[Outcome]) -> Iterator[Imported]:
    """Yield the problems of a file that must have no other rows."""
    for outcome in outcomes:
        if not isinstance(outcome, Imported):
            raise InputError(f"{outcome.where}: {outcome.reason}")
        yield outcome


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as text:
        for line in text:
            yield json.loads(line)
