import gzip
import json
from pathlib import Path

import pytest

from mapcoder_lite.data.xcodeeval import ImportedProblems, read_xcodeeval
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Limits

SHARED = Path(__file__).parents[1].parent / "shared" / "data" / "xcodeeval" / "problems.jsonl.gz"
# The problems whose published hidden tests were cut; none was ever solved in a released run.
CUT = {
    "ad014bde", "19a0c05e", "ce8350be", "a40e78a7", "78d013b0", "4fb83b89",
    "d3c10d1b", "1f0e8bbd", "a2616b16", "87d869a0", "7419c426",
}  # fmt: skip
ROW = {
    "src_uid": "u1",
    "description": "Add.",
    "input_from": "standard input",
    "output_to": "standard output",
    "time_limit": "0.5 seconds",
    "memory_limit": "64 megabytes",
    "input_spec": "n",
    "output_spec": "m",
    "notes": None,
    "sample_inputs": ["1\r\n2"],
    "sample_outputs": ["3"],
    "tags": ["math"],
    "difficulty": None,
    "hidden_unit_tests": [{"input": "1\r\n2\r\n", "output": ["3", "3.0"]}],
}


def read(tmp_path: Path, **changes: object) -> ImportedProblems:
    path = tmp_path / "problems.jsonl"
    path.write_text(json.dumps(ROW | changes) + "\n")
    return read_xcodeeval(path)


def test_a_row_becomes_a_problem_and_apart_from_it_hidden_tests(tmp_path: Path):
    imported = read(tmp_path)
    problem, hidden = imported.problems[0], imported.hidden_tests[0]
    assert problem.limits == Limits(cpu_seconds=0.5, memory_bytes=64 * 2**20)
    assert problem.public_tests[0].input == "1\n2"
    assert hidden.tests[0].input == "1\n2\n"
    assert hidden.tests[0].outputs == ("3", "3.0")
    assert hidden.defect is None
    assert "3.0" not in problem.model_dump_json()


@pytest.mark.parametrize(
    ("text", "is_cut"),
    [
        ("1 " * 130 + "5...", True),
        ("1 " * 130 + "5....", False),
        ("..\n" * 100 + "...\n", False),
        ("dot...", False),
    ],
)
def test_cut_tests_are_told_by_their_content(tmp_path: Path, text: str, is_cut: bool):
    imported = read(tmp_path, hidden_unit_tests=[{"input": text, "output": ["1"]}])
    assert (imported.hidden_tests[0].defect is not None) is is_cut


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"time_limit": "soon"}, "limits 'soon'"),
        ({"time_limit": "7200 seconds"}, "limits out of range"),
        ({"description": ""}, "line 1: not an xCodeEval problem: description"),
        ({"input_from": "input.txt"}, "only standard input"),
        ({"sample_outputs": []}, "samples without"),
    ],
)
def test_what_is_not_understood_is_named(tmp_path: Path, changes: dict[str, object], words: str):
    with pytest.raises(InputError, match=words):
        read(tmp_path, **changes)


def test_broken_json_names_the_line(tmp_path: Path):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(ROW).encode() + b"\n{\n"))
    with pytest.raises(InputError, match="line 2: broken JSON"):
        read_xcodeeval(path)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_the_published_file():
    imported = read_xcodeeval(SHARED)
    assert len(imported.problems) == 106
    assert sum(len(hidden.tests) for hidden in imported.hidden_tests) == 5579
    tests = [test for hidden in imported.hidden_tests for test in hidden.tests]
    assert sum(len(test.outputs) > 1 for test in tests) == 589
    defective = {h.problem_id[:8] for h in imported.hidden_tests if h.defect is not None}
    assert defective == CUT
    assert all(problem.public_tests for problem in imported.problems)
    assert not any("\r" in test.input for test in tests)
    assert {p.limits.cpu_seconds for p in imported.problems} >= {0.4, 0.5, 1.5, 7.0}
