"""The real files of the benchmarks, where they are present: every row is understood and counted."""

from collections import Counter
from pathlib import Path

import pytest

from mapcoder_lite.data.importing import READERS, Wanted, import_problems
from mapcoder_lite.data.rows import Imported
from mapcoder_lite.judge.functions import refuse_faulty
from mapcoder_lite.problem import CheckerKind, Language

SHARED = Path(__file__).parents[1].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")


@pytest.mark.parametrize(
    ("source", "file", "counts"),
    [
        # problems, hidden tests, without samples, samples no Python, defective, repeated rows
        ("xcodeeval", "xcodeeval/problems.jsonl.gz", (106, 5579, 0, 0, 11, 0)),
        ("apps", "apps/selected150.jsonl.gz", (128, 1602, 12, 0, 60, 22)),
        ("codecontests", "codecontests/test73.jsonl.gz", (73, 14961, 0, 0, 1, 0)),
        ("humaneval", "humaneval/HumanEvalWST.jsonl.gz", (164, 164, 3, 10, 0, 0)),
        ("humaneval", "humaneval/HumanEvalET.jsonl.gz", (164, 17628, 95, 0, 7, 0)),
        ("mbpp", "mbpp/mbpp-py.jsonl.gz", (397, 397, 1, 1, 0, 0)),
        ("mbpp", "mbpp/MBPP.jsonl.gz", (974, 2922, 0, 0, 0, 0)),
    ],
)
def test_the_real_files(tmp_path: Path, source: str, file: str, counts: tuple[int, ...]):
    tally = import_problems(READERS[source](SHARED / file), tmp_path, Wanted())
    assert tally.broken == []
    assert tally.left_out == {}
    num_bad = sum(tally.bad_samples.values())
    found = (tally.num_problems, tally.num_tests, tally.num_without_samples, num_bad)
    assert (*found, len(tally.defects), tally.repeated.total()) == counts


def test_the_real_rows_of_apps():
    rows = list(READERS["apps"](SHARED / "apps" / "selected150.jsonl.gz"))
    found = [row for row in rows if isinstance(row, Imported)]
    assert len(found) == 150
    assert sum(row.hidden.defect is not None for row in found) == 74
    assert sum(not row.problem.public_tests for row in found) == 13
    times = Counter(Counter(row.problem.id for row in found).values())
    assert times == {1: 107, 2: 20, 3: 1}
    assert {row.problem.checker.kind for row in found} == {CheckerKind.EXECEVAL}


def test_the_real_samples_of_xcodeeval_are_hidden_tests_too():
    rows = list(READERS["xcodeeval"](SHARED / "xcodeeval" / "problems.jsonl.gz"))
    found = [row for row in rows if isinstance(row, Imported)]
    samples = [{test.input.strip() for test in row.problem.public_tests} for row in found]
    hidden = [{test.input.strip() for test in row.hidden.tests} for row in found]
    assert all(public <= secret for public, secret in zip(samples, hidden, strict=True))


@pytest.mark.parametrize(
    ("source", "file"),
    [("humaneval", "humaneval/HumanEvalWST.jsonl.gz"), ("mbpp", "mbpp/MBPP.jsonl.gz")],
)
def test_the_real_function_tasks_can_be_asked(source: str, file: str):
    found = [row for row in READERS[source](SHARED / file) if isinstance(row, Imported)]
    for row in found:
        tests = (*row.problem.public_tests, *row.hidden.tests)
        refuse_faulty(Language.PYTHON, tests, row.problem.io, row.problem.checker)
        name = row.problem.io.entry_point
        assert name and (name in tests[0].input or "candidate" in tests[0].input)
