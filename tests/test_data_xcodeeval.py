import json
from pathlib import Path
from typing import Any

import pytest

from mapcoder_lite.data.rows import Broken, Imported, LeftOut, Outcome
from mapcoder_lite.data.xcodeeval import read_xcodeeval
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Limits

SHARED = Path(__file__).parents[1].parent / "shared" / "data" / "xcodeeval" / "problems.jsonl.gz"
# The problems whose published hidden tests were cut; none was ever solved in a released run.
CUT = {
    "ad014bde", "19a0c05e", "ce8350be", "a40e78a7", "78d013b0", "4fb83b89",
    "d3c10d1b", "1f0e8bbd", "a2616b16", "87d869a0", "7419c426",
}  # fmt: skip
ROW: dict[str, object] = {
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


def found(path: Path) -> list[Imported]:
    return [one for one in read_xcodeeval(path) if isinstance(one, Imported)]


def read(tmp_path: Path, **changes: object) -> Outcome:
    path = tmp_path / "prog_syn_val.jsonl"
    path.write_text(json.dumps(ROW | changes) + "\n")
    (outcome,) = read_xcodeeval(path)
    return outcome


def imported(tmp_path: Path, **changes: object) -> Imported:
    outcome = read(tmp_path, **changes)
    assert isinstance(outcome, Imported), outcome
    return outcome


def test_a_row_becomes_a_problem_and_apart_from_it_hidden_tests(tmp_path: Path):
    one = imported(tmp_path)
    problem, hidden = one.problem, one.hidden
    assert problem.limits == Limits(cpu_seconds=0.5, memory_bytes=64 * 2**20)
    assert problem.public_tests[0].input == "1\n2"
    assert problem.source.split == "validation"
    assert hidden.tests[0].input == "1\n2\n"
    assert hidden.tests[0].outputs == ("3", "3.0")
    assert hidden.defect is None
    assert "3.0" not in problem.model_dump_json()


def test_tests_may_be_json_text(tmp_path: Path):
    text = json.dumps(ROW["hidden_unit_tests"])
    assert imported(tmp_path, hidden_unit_tests=text) == imported(tmp_path)


@pytest.mark.parametrize("prefix", ["", "prob_desc_"])
def test_descriptions_find_their_tests_in_the_file_beside_or_above(tmp_path: Path, prefix: str):
    texts = {key: value for key, value in ROW.items() if key != "hidden_unit_tests"}
    own = ("src_uid", "tags", "difficulty")
    row = {key if key in own else prefix + key: value for key, value in texts.items()}
    row |= {f"{prefix}created_at": "1577836800", f"{prefix}sample_inputs": '["1 2"]'}
    folder = tmp_path / "program_synthesis" / "test"
    folder.mkdir(parents=True)
    lines = [json.dumps(row), json.dumps(row | {"src_uid": "of the training split"})]
    (folder / "prog_syn_test.jsonl").write_text("\n".join(lines))
    (tmp_path / "unittest_db.json").write_text(json.dumps({"u1": ROW["hidden_unit_tests"]}))
    one, without = read_xcodeeval(folder)
    assert isinstance(one, Imported)
    assert one.problem.source.date == "2020-01-01"
    assert one.problem.source.split == "test"
    assert one.problem.public_tests[0].input == "1 2"
    assert one.hidden.tests[0].outputs == ("3", "3.0")
    assert without == LeftOut(f"{folder / 'prog_syn_test.jsonl'}, line 2", "no hidden tests")


def test_damaged_unit_tests_are_a_fault_of_the_whole(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text(json.dumps(ROW))
    (tmp_path / "unittest_db.json").write_text("{")
    with pytest.raises(InputError, match=r"unittest_db\.json is not JSON"):
        list(read_xcodeeval(tmp_path))


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
    one = imported(tmp_path, hidden_unit_tests=[{"input": text, "output": ["1"]}])
    assert (one.hidden.defect is not None) is is_cut


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"time_limit": "soon"}, "limits 'soon'"),
    ({"time_limit": "7200 seconds"}, "limits out of range"),
    ({"description": ""}, "description: String should have"),
    ({"input_from": "input.txt"}, "only standard input"),
    ({"sample_outputs": []}, "samples without"),
    ({"sample_outputs": "3"}, "sample_outputs: Input should be a valid array"),
    ({"created_at": "yesterday"}, "created_at: 'yesterday'"),
    ({"hidden_unit_tests": "[{"}, "unit tests: Invalid JSON"),
    ({"hidden_unit_tests": [{"input": "", "output": []}]}, "hidden_unit_tests"),
]


@pytest.mark.parametrize(("changes", "words"), FAULTS)
def test_what_is_not_understood_is_named(tmp_path: Path, changes: dict[str, Any], words: str):
    outcome = read(tmp_path, **changes)
    assert isinstance(outcome, Broken)
    assert outcome.where.endswith("prog_syn_val.jsonl, line 1")
    assert words in outcome.reason


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_the_published_file():
    rows = found(SHARED)
    assert len(rows) == 106
    tests = [test for row in rows for test in row.hidden.tests]
    assert len(tests) == 5579
    assert sum(len(test.outputs) > 1 for test in tests) == 589
    assert {row.problem.id[:8] for row in rows if row.hidden.defect} == CUT
    assert all(row.problem.public_tests for row in rows)
    assert not any("\r" in test.input for test in tests)
    assert {row.problem.limits.cpu_seconds for row in rows} >= {0.4, 0.5, 1.5, 7.0}
    assert {row.problem.source.split for row in rows} == {"validation"}
