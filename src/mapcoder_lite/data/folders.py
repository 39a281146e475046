"""Tests that lie in folders, an input and an output a file: of online-judge-tools, of packages.

online-judge-tools writes `test/sample-1.in` and `.out`; where some names begin so, the others,
such as system tests, are hidden.

Sources: subcommand/download.py of online-judge-tools/oj (`test/`, `%b.%e`, `in` and `out`).

Knows: pairs of files, names of samples.
Does not know: packages' other files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mapcoder_lite.data.wording import Wording, identifier
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import HiddenTests, Problem, Source, Test

MAX_TESTS_BYTES = 1 << 29


@dataclass(frozen=True, slots=True)
class Loaded:
    """One problem, and its hidden tests where its file has some."""

    problem: Problem
    hidden: HiddenTests | None = None


def loaded(problem: Problem, hidden: Sequence[Test]) -> Loaded:
    """Put hidden tests, if there are any, beside their problem."""
    if not hidden:
        return Loaded(problem)
    return Loaded(problem, HiddenTests(problem_id=problem.id, tests=tuple(hidden)))


def is_oj(folder: Path) -> bool:
    """Whether a folder holds tests as online-judge-tools writes them."""
    return any(_home(folder).glob("*.in"))


def read_oj(folder: Path, wording: Wording) -> Loaded:
    """Return the problem of a folder.

    Raises:
        InputError: an input lacks its output, or a file cannot be read.
    """
    home = _home(folder)
    inputs = sorted(home.glob("*.in"))
    public = [path for path in inputs if path.name.lower().startswith("sample")] or inputs
    hidden = [path for path in inputs if path not in public]
    problem = Problem(
        id=identifier(folder.resolve().name),
        statement=wording.statement,
        public_tests=tests_of(public, ".out", folder),
        source=Source(name="oj"),
    )
    return loaded(wording.put_on(problem), tests_of(hidden, ".out", folder))


def tests_of(inputs: Sequence[Path], suffix: str, root: Path) -> tuple[Test, ...]:
    """Pair inputs with the outputs beside them.

    Raises:
        InputError: an output is missing, a file lies outside the root, is not UTF-8, or all are
            too large together.
    """
    num_bytes = 0
    tests: list[Test] = []
    for path in inputs:
        answer = path.with_suffix(suffix)
        if not answer.is_file():
            raise InputError(f"{path} has no {answer.name} beside it")
        num_bytes += path.stat().st_size + answer.stat().st_size
        if num_bytes > MAX_TESTS_BYTES:
            raise InputError(f"the tests of {root} have more than {MAX_TESTS_BYTES:,} bytes")
        tests.append(Test(input=text_of(path, root), outputs=(text_of(answer, root),)))
    return tuple(tests)


def text_of(path: Path, root: Path) -> str:
    """Return a file's text as it is.

    Raises:
        InputError: it lies outside the root, through a link, or is not UTF-8.
    """
    if not path.resolve().is_relative_to(root.resolve()):
        raise InputError(f"{path} leads out of {root}")
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _home(folder: Path) -> Path:
    return folder / "test" if (folder / "test").is_dir() else folder
