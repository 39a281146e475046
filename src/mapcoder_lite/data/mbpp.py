"""MBPP and MBPP+, read into our records.

Four forms. Google's `mbpp.jsonl` (974 problems, three assertions each, `test_setup_code`) and the
hub's parquet of it; the verified `sanitized-mbpp.json` (`prompt`, `test_imports`); MBPP+ of the
hub (`test` is code with all its inputs); and MBPP typed by MultiPL-E as MapCoder ships it
(`mbpp-py.jsonl`: `test` defines `check(candidate)`, `sample_io`). All assertions decide; the first
is public, for it alone says how the function is called. The splits of Google's file go by task_id,
as its paper has them: 1-10 prompt, 11-510 test, 511-600 validation, 601-974 train.

EvalPlus's own `MbppPlus.jsonl` is refused: its inputs are JSON, and which lists of them were tuples
or sets is known only to that package.

Sources: the card of google-research-datasets/mbpp (CC BY 4.0; columns, sizes of splits), arXiv
2108.07732; the card of evalplus/mbppplus (Apache-2.0; columns) and evalplus/data/mbpp.py (tuples);
MapCoder's data/MBPPEval/mbpp-py.jsonl.

Knows: the columns, which of them decide, the splits.
Does not know: how test code is run.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from mapcoder_lite.data.asserts import asserted, asserted_all, called_by, functions_of
from mapcoder_lite.data.humaneval import LIMITS
from mapcoder_lite.data.rows import ForeignRow, Imported, Outcome, Row, checked, outcomes
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import HiddenTests, Io, Problem, Source, Test

LICENCE = "CC BY 4.0"
SPLITS = (
    (range(1, 11), "prompt"),
    (range(11, 511), "test"),
    (range(511, 601), "validation"),
    (range(601, 975), "train"),
)


class _Row(ForeignRow):
    task_id: int
    text: str | None = None
    prompt: str | None = None
    code: str
    test_list: Annotated[list[str], Field(min_length=1)]
    test_setup_code: str = ""
    test_imports: tuple[str, ...] = ()
    test: str | None = None


class _TypedRow(ForeignRow):
    name: Annotated[str, Field(min_length=1)]
    prompt: Annotated[str, Field(min_length=1)]
    entry_point: Annotated[str, Field(min_length=1)]
    test: Annotated[str, Field(min_length=1)]
    sample_io: tuple[str, ...] = ()


class _OwnPlusRow(ForeignRow):
    base_input: Any = None


def read_mbpp(path: Path) -> Iterator[Outcome]:
    """Read problems of any of the forms.

    Raises:
        InputError: there is no such file.
    """
    return outcomes(path, _read, _Row, _TypedRow, _OwnPlusRow)


def _read(row: Row) -> Imported:
    if "base_input" in row.fields:
        raise InputError(
            "EvalPlus's own MbppPlus form, whose inputs have lost their types: "
            "take evalplus/mbppplus of the hub (test.jsonl or parquet)"
        )
    if "entry_point" in row.fields:
        return _typed(checked(row.fields, _TypedRow))
    found = checked(row.fields, _Row)
    text = found.text or found.prompt
    if not text:
        raise InputError("text: Field required (or prompt)")
    setup = "\n".join(filter(None, (found.test_setup_code.strip(), *found.test_imports)))
    tests = tuple(asserted(f"{setup}\n{line}" if setup else line) for line in found.test_list)
    hidden = (asserted(found.test),) if found.test else tests
    return _imported(
        Problem(
            id=f"mbpp/{found.task_id}",
            statement=text,
            public_tests=tests[:1],
            limits=LIMITS,
            io=Io(kind="asserts", entry_point=_entry_point(found)),
            source=Source(
                name="mbpp",
                licence="Apache-2.0" if found.test else LICENCE,
                split=_split(found.task_id),
            ),
        ),
        hidden,
    )


def _typed(row: _TypedRow) -> Imported:
    number = row.name.split("_")[1] if row.name.startswith("mbpp_") else ""
    samples = asserted_all(row.sample_io)
    return _imported(
        Problem(
            id=row.name,
            title=row.entry_point,
            statement=row.prompt,
            public_tests=samples,
            limits=LIMITS,
            io=Io(kind="asserts", entry_point=row.entry_point, starter_code=row.prompt),
            source=Source(
                name="mbpp",
                licence=LICENCE,
                split=_split(int(number)) if number.isdecimal() else None,
            ),
        ),
        (asserted(row.test),),
        len(row.sample_io) - len(samples),
    )


def _imported(problem: Problem, tests: tuple[Test, ...], num_bad_samples: int = 0) -> Imported:
    hidden = HiddenTests(problem_id=problem.id, tests=tests)
    return Imported(problem, hidden, num_bad_samples)


def _entry_point(row: _Row) -> str:
    """Return the function of the reference program that the assertions call."""
    names = functions_of(row.code)
    found = (called_by(line, names) for line in row.test_list)
    name = next((name for name in found if name), None)
    if name is None:
        raise InputError("the assertions call no function of the reference program")
    return name


def _split(task_id: int) -> str | None:
    return next((name for ids, name in SPLITS if task_id in ids), None)
