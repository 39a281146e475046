"""`mapcoder run` with wanted passes: rounds through the real teacher, pipeline, judge and store."""

from collections import Counter
from itertools import islice
from pathlib import Path

from mapcoder_lite.jsonl import read_lines, read_record, write_lines
from mapcoder_lite.pocket.problems import puzzles
from mapcoder_lite.store import Manifest
from mapcoder_lite.trajectory import Grade
from test_cli_main import Done, mapcoder

SETTINGS = (
    "engine.kind=teacher",
    "judge.workers=1",
    "judge.speed_factor=1",
    "traversal.k=1",
    "traversal.t=0",
    "run.problems=problems.jsonl",
    "run.hidden_tests=hidden_tests.jsonl",
    "run.wanted_passes=1",
    "run.max_samples=6",
)


def run(folder: Path, *more: str) -> Done:
    words = [word for setting in (*SETTINGS, *more) for word in ("-s", setting)]
    return mapcoder(folder, "run", "--name", "r", *words)


def test_problems_that_lack_a_pass_get_further_samples_and_a_second_call_none(tmp_path: Path):
    chosen = list(islice(puzzles("train", 1), 7))
    write_lines(tmp_path / "problems.jsonl", [puzzle.problem for puzzle in chosen])
    write_lines(tmp_path / "hidden_tests.jsonl", [puzzle.hidden for puzzle in chosen])
    done = run(tmp_path)
    assert done.code == 0, done.stderr
    assert "further samples where passes lacked" in done.stdout
    grades = list(read_lines(tmp_path / "runs" / "r" / "grades.jsonl", Grade))
    attempts = Counter(grade.problem_id for grade in grades)
    failed_first = {grade.problem_id for grade in grades if grade.sample == 0} - {
        grade.problem_id for grade in grades if grade.sample == 0 and grade.is_passed
    }
    assert failed_first
    assert {id for id, number in attempts.items() if number > 1} == failed_first
    passed = {grade.problem_id for grade in grades if grade.is_passed}
    assert all(attempts[id] == 6 for id in attempts.keys() - passed)
    manifest = read_record(tmp_path / "runs" / "r" / "manifest.json", Manifest)
    assert manifest.num_units == len(grades) > 7

    before = (tmp_path / "runs" / "r" / "grades.jsonl").read_bytes()
    again = run(tmp_path)
    assert again.code == 0, again.stderr
    assert "self-test" not in again.stderr
    assert (tmp_path / "runs" / "r" / "grades.jsonl").read_bytes() == before
    assert read_record(tmp_path / "runs" / "r" / "manifest.json", Manifest) == manifest


def test_passes_cannot_be_wanted_where_nothing_is_graded(tmp_path: Path):
    write_lines(tmp_path / "problems.jsonl", [next(puzzles("train", 1)).problem])
    words = [word for setting in SETTINGS if "hidden" not in setting for word in ("-s", setting)]
    done = mapcoder(tmp_path, "run", *words)
    assert done.code == 2
    assert "run.wanted_passes=1 needs run.hidden_tests" in done.stderr
    assert not (tmp_path / "runs").exists()
