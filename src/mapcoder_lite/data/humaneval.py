"""HumanEval and HumanEval+, read into our records.

Four forms, all with `task_id`, `prompt` and `entry_point`. OpenAI's `HumanEval.jsonl.gz` and the
hub's parquet: `test` defines `check(candidate)`. MapCoder's `HumanEvalWST.jsonl` adds `sample_io`,
assertions out of the docstring; where that is absent, the docstring's doctests are the samples.
HumanEval-ET adds `test_case_list`, assertions that decide in place of `test`. EvalPlus's hub form
has the same columns, its `test` compares with numpy. EvalPlus's own `HumanEvalPlus.jsonl` has
`base_input`, `plus_input` and `atol` and no `test`: answers are those of `canonical_solution`,
floats within `atol` (1e-6 if 0) or 1e-7 of the answer, as EvalPlus compares; `find_zero`
(HumanEval/32), where many answers are right, is given its own rule there and is left out here.

Sources: openai/human-eval (MIT); evalplus/data/humaneval.py of evalplus/evalplus and the card of
evalplus/humanevalplus (Apache-2.0; columns); MapCoder's data/HumanEval.

Knows: the columns, which of them decide.
Does not know: how test code is run.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any  # arguments of calls

from pydantic import Field

from mapcoder_lite.data.asserts import asserted, asserted_all, compared_with, samples_of
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
from mapcoder_lite.problem import HiddenTests, Io, Limits, Problem, Source, Test

LIMITS = Limits(cpu_seconds=5.0, memory_bytes=2 << 30)
"""MapCoder's harness waits 5 s; it limits no memory."""
MANY_ANSWERS = "HumanEval/32"


ET_DEFECTS = frozenset(f"HumanEval/{number}" for number in (2, 38, 39, 44, 50, 53, 151))
"""Of HumanEval-ET: problems whose own reference program fails the tests, by our judge: names that
are nowhere defined (38, 44, 50, 53, 151), a float by `==` (2), a search too long for it (39)."""


class _Row(ForeignRow):
    task_id: Annotated[str, Field(min_length=1)]
    prompt: Annotated[str, Field(min_length=1)]
    entry_point: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
    canonical_solution: str | None = None
    test: str | None = None
    sample_io: list[str] | None = None
    test_case_list: list[str] | None = None
    base_input: list[list[Any]] | None = None
    plus_input: list[list[Any]] | None = None
    atol: float = 0.0


def read_humaneval(path: Path) -> Iterator[Outcome]:
    """Read problems of any of the forms.

    Raises:
        InputError: there is no such file.
    """
    return outcomes(path, _read, _Row)


def _read(row: Row) -> Imported | LeftOut:
    found = checked(row.fields, _Row)
    is_plus = found.base_input is not None
    if is_plus and found.task_id == MANY_ANSWERS:
        return LeftOut(row.where, "many answers are right, and only one is known")
    given = found.sample_io
    told = samples_of(found.prompt, found.entry_point)
    samples = told if given is None else asserted_all(given)
    problem = Problem(
        id=found.task_id,
        title=found.entry_point,
        statement=found.prompt,
        public_tests=samples,
        limits=LIMITS,
        io=Io(kind="asserts", entry_point=found.entry_point, starter_code=found.prompt),
        source=Source(
            name="humaneval", licence="Apache-2.0" if is_plus else "MIT", split=row.split or "test"
        ),
    )
    is_faulty = bool(found.test_case_list) and found.task_id in ET_DEFECTS
    hidden = HiddenTests(
        problem_id=problem.id,
        tests=_hidden(found),
        defect="the reference program fails these tests" if is_faulty else None,
    )
    return Imported(problem, hidden, len(given or samples) - len(samples))


def _hidden(row: _Row) -> tuple[Test, ...]:
    if row.test_case_list:
        return tuple(map(asserted, row.test_case_list))
    if row.test:
        return (asserted(row.test),)
    if row.base_input is None or row.canonical_solution is None:
        raise InputError("neither test nor base_input with canonical_solution: nothing to judge by")
    definitions = row.prompt + row.canonical_solution
    asked = [inputs for inputs in (row.base_input, row.plus_input) if inputs]
    return tuple(compared_with(definitions, row.entry_point, some, row.atol) for some in asked)
