"""Programs to be judged, from a file, a folder or JSON lines, each with its problem.

Knows: suffixes, rows of programs, how a row finds its problem and tests.
Does not know: how programs are judged, how verdicts are shown.
"""

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mapcoder_lite.data.load import load_problem
from mapcoder_lite.data.problem_json import parse_record, read_hidden_tests, read_problems
from mapcoder_lite.data.reading import lines_of, read_text
from mapcoder_lite.errors import InputError
from mapcoder_lite.judge.functions import refuse_faulty
from mapcoder_lite.judge.languages import TOOLCHAINS, language_of
from mapcoder_lite.problem import HiddenTests, Language, Problem, Record, Test

MAX_PROGRAM_BYTES = 1_000_000


class ProgramRow(Record):
    """A line of a JSON-lines file of programs."""

    id: str | None = None
    """Any name; by default the number of the line."""
    program: str
    language: Language = Language.PYTHON
    problem_id: str | None = None
    """Needed where there are several problems."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A program, and the tests that it must pass."""

    id: str
    program: str
    language: Language
    problem: Problem
    tests: tuple[Test, ...]
    has_hidden_tests: bool = False


@dataclass(frozen=True, slots=True)
class Programs:
    """What was found where programs were looked for."""

    rows: tuple[ProgramRow, ...]
    num_left_out: int = 0
    """Files of a folder whose suffix no language has."""


def read_entries(path: Path, problems: "Problems") -> tuple[Programs, tuple[Entry, ...]]:
    """Read all programs and find the problem of each, before any is judged.

    Raises:
        InputError: a file cannot be understood, or a program's problem is not there.
    """
    found = read_programs(path)
    return found, tuple(problems.entry(row, path) for row in found.rows)


def is_list(path: Path) -> bool:
    """Whether a file holds JSON lines, plain or gzipped."""
    return path.name.lower().endswith((".jsonl", ".jsonl.gz"))


def read_programs(path: Path) -> Programs:
    """Read a program, every program below a folder, or every row of a JSON-lines file.

    Raises:
        InputError: a file cannot be understood, or no program is there.
    """
    if path.is_dir():
        return _read_folder(path)
    _refuse_special(path)
    if is_list(path):
        return Programs(_read_rows(path))
    return Programs((_read_file(path, path.name),))


def read_program(path: Path) -> ProgramRow:
    """Read one program; its id is the name of its file.

    Raises:
        InputError: it is none, or in no language that is known.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder: expected one program")
    return _read_file(path, path.name)


def _read_file(path: Path, name: str) -> ProgramRow:
    language = language_of(path)
    num_bytes = _refuse_special(path)
    if num_bytes > MAX_PROGRAM_BYTES:
        raise InputError(
            f"{path} has {num_bytes:,} bytes: a program has at most {MAX_PROGRAM_BYTES:,}"
        )
    return ProgramRow(id=name, program=read_text(path, may_be_empty=True), language=language)


def _refuse_special(path: Path) -> int:
    """Return the size in bytes of a plain file; what is none may have no end, or never answer.

    Raises:
        InputError: it is none, or not there.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is no plain file: expected a program, a folder or JSON lines")
    return status.st_size


def _read_folder(folder: Path) -> Programs:
    known = {suffix for row in TOOLCHAINS.values() for suffix in row.suffixes}
    files = sorted(path for path in folder.rglob("*") if not path.is_dir())
    programs = [path for path in files if path.suffix.lower() in known]
    if not programs:
        raise InputError(f"{folder} holds no program: expected files ending in {_listed(known)}")
    rows = tuple(_read_file(path, path.relative_to(folder).as_posix()) for path in programs)
    return Programs(rows, len(files) - len(programs))


def _read_rows(path: Path) -> tuple[ProgramRow, ...]:
    rows: list[ProgramRow] = []
    for number, line in lines_of(path):
        row = parse_record(line, f"{path}, line {number}", ProgramRow)
        rows.append(row.model_copy(update={"id": row.id or f"line {number}"}))
    if not rows:
        raise InputError(f"{path} is empty: expected one program a line, as JSON")
    return tuple(rows)


@dataclass(frozen=True, slots=True)
class Problems:
    """One problem or several, and where their hidden tests are."""

    path: Path
    by_id: Mapping[str, Problem]
    hidden: Mapping[str, HiddenTests] | None
    """None = only the public tests are judged."""

    def entry(self, row: ProgramRow, source: Path) -> Entry:
        """Return a row with its problem and tests.

        Raises:
            InputError: its problem, or the problem's hidden tests, are not there, or no program
                in its language can be judged on them.
        """
        name = row.id or source.name
        where = f"{source}: {name}"
        problem = self._problem_of(row, where)
        tests = problem.public_tests
        if self.hidden is not None:
            if problem.id not in self.hidden:
                raise InputError(f"there are no hidden tests of problem {problem.id}")
            tests += self.hidden[problem.id].tests
        try:
            refuse_faulty(row.language, tests, problem.io, problem.checker)
        except InputError as error:
            raise InputError(
                f"{where} cannot be judged on problem {problem.id}: {error}"
            ) from error
        return Entry(name, row.program, row.language, problem, tests, self.hidden is not None)

    def _problem_of(self, row: ProgramRow, where: str) -> Problem:
        if row.problem_id is None and len(self.by_id) == 1:
            return next(iter(self.by_id.values()))
        if row.problem_id is None:
            raise InputError(
                f"{where} names no problem_id, and {self.path} holds {len(self.by_id)} problems"
            )
        if row.problem_id not in self.by_id:
            raise InputError(f"{where} is of problem {row.problem_id}, not in {self.path}")
        return self.by_id[row.problem_id]


def open_problems(path: Path, hidden: Path | None) -> Problems:
    """Read one problem, or problems.jsonl, and hidden tests if there are.

    Raises:
        InputError: a file cannot be understood.
    """
    found = read_problems(path) if is_list(path) else (load_problem(path),)
    tests = read_hidden_tests(hidden) if hidden is not None else None
    return Problems(path, {problem.id: problem for problem in found}, tests)


def _listed(names: Sequence[str] | set[str]) -> str:
    return " ".join(sorted(names))
