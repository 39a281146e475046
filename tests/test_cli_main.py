"""The command line itself: start-up, exit codes, verbs that need no model."""

import io
import json
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from mapcoder_lite.cli import VERBS, build, main, terminal
from mapcoder_lite.tables import Table, markdown
from mapcoder_lite.tables import text as tables_text

SOURCE = str(Path(__file__).parents[1] / "src")
SHARED = Path(__file__).parents[1].parent / "shared" / "data" / "xcodeeval" / "problems.jsonl.gz"
STATEMENT = "Add.\n\n## Example\n### Input\n```\n1 2\n```\n### Output\n```\n3\n```\n"
ONE_WORKER = ("-s", "judge.workers=1")


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


def mapcoder(folder: Path, *words: str) -> Done:
    """Run a command in a folder, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        chdir(folder),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main(words)
    code = ended.value.code
    return Done(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())


def test_help_names_every_verb_with_an_example():
    runner = CliRunner()
    done = runner.invoke(build(), ["--help"])
    assert done.exit_code == 0
    for verb in VERBS:
        assert verb.__name__ in done.stdout
        text = runner.invoke(build(), [verb.__name__, "--help"]).stdout
        assert f"Example: mapcoder {verb.__name__}" in text


def test_it_runs_as_a_program_of_its_own(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "mapcoder_lite", "solve", "nowhere.md"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 6
    assert done.stderr == "mapcoder: cannot read nowhere.md: No such file or directory\n"
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["solve", "nowhere.md"], 6, "cannot read nowhere.md"),
        (["solve", "binary.md"], 6, "is binary"),
        (["judge", "add.py", "empty.md"], 6, "is empty"),
        (["judge", "add.txt", "add.md"], 6, "no language has the suffix '.txt'"),
        (["data", "xcodeeval", "add.md"], 6, "expected a file ending in .jsonl"),
        (["run"], 2, "run.problems is not set"),
        (["run", "-s", "traversal.kk=1"], 2, "did you mean traversal.k?"),
        (["run", "-c", "nowhere.toml"], 2, "cannot read nowhere.toml"),
        (["report", "nowhere"], 6, "is this a run directory?"),
        (["report", "a", "a"], 2, "a is given twice"),
    ],
)
def test_an_error_is_one_line_with_its_exit_code(
    tmp_path: Path, words: list[str], code: int, said: str
):
    (tmp_path / "binary.md").write_bytes(b"\x00\x01")
    (tmp_path / "empty.md").write_text("")
    (tmp_path / "add.md").write_text(STATEMENT)
    (tmp_path / "add.py").write_text("print(3)\n")
    (tmp_path / "add.txt").write_text("print(3)\n")
    done = mapcoder(tmp_path, *words)
    assert done.code == code, done.stderr
    lines = done.stderr.strip().split("\n")
    assert said in lines[-1]
    assert lines[-1].startswith("mapcoder: ")
    assert len(lines) == 1
    assert done.stdout == ""


def test_an_unknown_verb_is_a_usage_error(tmp_path: Path):
    assert mapcoder(tmp_path, "dance").code == 2


def test_judge_gives_a_verdict_a_test(tmp_path: Path):
    (tmp_path / "add.md").write_text(STATEMENT)
    (tmp_path / "add.py").write_text("print(sum(map(int, input().split())))\n")
    (tmp_path / "three.py").write_text("print(3)\n")
    hidden = {"problem_id": "add", "tests": [{"input": "2 2", "outputs": ["4"]}]}
    (tmp_path / "hidden.json").write_text(json.dumps(hidden))
    done = mapcoder(tmp_path, "judge", "add.py", "add.md", "--hidden", "hidden.json", *ONE_WORKER)
    assert done.code == 0, done.stderr
    assert "AC  2 of 2 tests passed" in done.stdout
    done = mapcoder(
        tmp_path, "judge", "three.py", "add.md", "--hidden", "hidden.json", "--json", *ONE_WORKER
    )
    assert done.code == 1, done.stderr
    judgement = json.loads(done.stdout)
    assert [run["verdict"] for run in judgement["results"]] == ["AC", "WA"]


def test_no_tests_is_said_and_is_no_pass(tmp_path: Path):
    (tmp_path / "add.md").write_text("Add two numbers.")
    (tmp_path / "add.py").write_text("print(3)\n")
    done = mapcoder(tmp_path, "judge", "add.py", "add.md", *ONE_WORKER)
    assert done.code == 1
    assert "no tests" in done.stderr
    assert "SK" in done.stdout


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_data_xcodeeval_writes_problems_and_hidden_tests_apart(tmp_path: Path):
    done = mapcoder(tmp_path, "data", "xcodeeval", str(SHARED), "--json")
    assert done.code == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["num_problems"], said["num_tests"], len(said["defective"])) == (106, 5579, 11)
    lines = (tmp_path / "data/xcodeeval/problems.jsonl").read_text().splitlines()
    assert len(lines) == 106
    assert all("hidden" not in json.loads(line) for line in lines)


def test_control_characters_become_pictures():
    assert terminal.visible("a\x1b[2Jb\r\x07\x9bc\td\n") == "a␛[2Jb␍␇\\x9bc\td\n"
    assert terminal.one_line("a\tb\nc\u2028d") == "a␉b␊c\\u2028d"


def test_marks_that_turn_text_around_are_told_by_their_numbers():
    """A name that reads from right to left could show another verdict than it has."""
    turned = "ok\u202eCA \u2066x\u2069\u200f\u061c"
    told = "ok\\u202eCA \\u2066x\\u2069\\u200f\\u061c"
    assert terminal.visible(turned) == told
    unseen = "a\u200bb\u200d\ufeff\u2060\xad\U000e0041"
    assert terminal.visible(unseen) == "a\\u200bb\\u200d\\ufeff\\u2060\\xad\\U000e0041"
    assert markdown(turned, [turned]) == f"# {told}\n\n* {told}\n".replace("\\", "\\\\")


@given(st.text())
def test_a_foreign_text_stays_in_its_line(text: str):
    assert len(terminal.one_line(text).splitlines()) <= 1
    assert len(tables_text([text, Table(text, (text,), ((text,),), (text,))]).splitlines()) <= 7
