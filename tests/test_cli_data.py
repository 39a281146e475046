"""`mapcoder data`: what it writes, what it says, how it ends."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from mapcoder_lite.cli import main
from mapcoder_lite.data.problem_json import read_hidden_tests, read_problems
from mapcoder_lite.data.sources import PLACES

ROW = {
    "id": 1,
    "question": "Echo.",
    "input_output": json.dumps({"inputs": ["1\n"], "outputs": ["1\n"]}),
    "difficulty": "interview",
}


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    stdout: str
    stderr: str


def mapcoder(capsys: pytest.CaptureFixture[str], *words: str | Path) -> Done:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
        raise SystemExit(0)
    said = capsys.readouterr()
    return Done(int(ended.value.code or 0), said.out, said.err)


def rows(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_rows_become_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = rows(
        tmp_path / "test.jsonl", json.dumps(ROW), json.dumps(ROW), json.dumps(ROW | {"id": 2})
    )
    done = mapcoder(capsys, "data", "apps", path, "--out", tmp_path / "data")
    assert done.code == 0
    problems, hidden = map(Path, done.stdout.split())
    assert [problem.id for problem in read_problems(problems)] == ["test/1", "test/2"]
    assert set(read_hidden_tests(hidden)) == {"test/1", "test/2"}
    assert "2 problems, 2 hidden tests" in done.stderr
    assert "1 rows repeat another and are dropped, of 1 problems: test/1" in done.stderr
    assert "2 problems have no samples" in done.stderr


def test_broken_rows_are_named_and_end_in_6(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = rows(tmp_path / "test.jsonl", "{", json.dumps(ROW), json.dumps(ROW | {"id": "x\x1b[2J"}))
    done = mapcoder(capsys, "data", "apps", path, "--out", tmp_path, "--json")
    assert done.code == 6
    said = json.loads(done.stdout)
    assert (said["num_rows"], said["num_problems"]) == (3, 1)
    assert [fault.partition(": ")[0] for fault in said["broken"]] == [
        f"{path}, line 1",
        f"{path}, line 3",
    ]
    assert "2 rows are broken and not written" in done.stderr
    assert "\x1b" not in done.stderr
    assert len(read_problems(tmp_path / "apps" / "problems.jsonl")) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("data", "nothing", "x.jsonl"), 2, "'nothing' is no source"),
        (("data", "apps", "nowhere.jsonl"), 6, "no such file"),
        (("data", "apps", "x.jsonl", "--since", "soon"), 2, "--since soon: expected a day"),
        (("data", "apps", "x.jsonl", "--limit", "0"), 2, "Invalid value"),
        (("data", "problem", "nowhere.md"), 6, "cannot read"),
        (("data", "problem", "x.md", "--limit", "1"), 2, "choose among many"),
    ],
)
def test_what_cannot_be_done_says_why(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    said: str,
):
    done = mapcoder(capsys, *words, "--out", tmp_path / "data")
    assert done.code == code
    assert said in done.stderr


def test_nothing_left_says_what_became_of_the_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = rows(tmp_path / "train.jsonl", json.dumps(ROW))
    done = mapcoder(capsys, "data", "apps", path, "--out", tmp_path, "--split", "test")
    assert done.code == 6
    assert "1 rows left out (split train)" in done.stderr
    done = mapcoder(capsys, "data", "apps", path, "--out", tmp_path, "--since", "2024-01-01")
    assert "1 rows left out (no date)" in done.stderr


def test_one_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "echo.md"
    path.write_text("# Echo\n\nSay it.\n\n## Example\n\nInput: 1\n\nOutput: 1\n")
    done = mapcoder(capsys, "data", "problem", path, "--out", tmp_path)
    assert done.code == 0
    assert done.stdout.split() == [str(tmp_path / "problem" / "echo" / "problems.jsonl")]
    assert "1 samples, 0 hidden tests" in done.stderr
    (tmp_path / "echo" / "oj").mkdir(parents=True)
    for name in ("sample.in", "sample.out", "other.in", "other.out"):
        (tmp_path / "echo" / "oj" / name).write_text("1")
    (tmp_path / "echo" / "oj" / "statement.md").write_text("Say it.")
    done = mapcoder(
        capsys, "data", "problem", tmp_path / "echo" / "oj", "--out", tmp_path, "--json"
    )
    said = json.loads(done.stdout)
    assert (said["num_samples"], said["num_tests"], len(said["files"])) == (1, 1, 2)


def test_help_says_where_each_is_obtained_and_its_licence(capsys: pytest.CaptureFixture[str]):
    done = mapcoder(capsys, "data", "--help")
    assert done.code == 0
    for name, place in PLACES.items():
        assert f"{name}: {place.what}" in done.stdout
        assert f"licence {place.licence}" in done.stdout
        assert all(f"from {where}" in done.stdout for where in place.where)
