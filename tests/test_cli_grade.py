import json
from pathlib import Path

import pytest

from mapcoder_lite import config
from mapcoder_lite.examination import passed_examination
from mapcoder_lite.jsonl import read_record, write_lines
from mapcoder_lite.problem import HiddenTests, Problem, Test
from mapcoder_lite.regrade import Regrading
from mapcoder_lite.runner import run
from mapcoder_lite.store import RunDirectory, RunHeader
from mapcoder_lite.trajectory import StopReason, Trajectory
from mapcoder_lite.verdict import JUDGE_VERSION
from mapcoder_lite.work import samples_of
from test_cli_main import Done, mapcoder
from test_regrade import BROKEN
from test_runner import threads

GOOD = "print(sum(map(int, input().split())))\n"
BAD = "print(7)\n"
FILES = ("problems.jsonl", "hidden_tests.jsonl")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Two problems, and a run of them in which a broken judge called every program wrong."""
    problems = [Problem(id=id, statement="Add.") for id in ("good\x1b[31m", "bad")]
    test = Test(input="5 6", outputs=("11",))
    write_lines(tmp_path / FILES[0], problems)
    write_lines(
        tmp_path / FILES[1], [HiddenTests(problem_id=p.id, tests=(test,)) for p in problems]
    )
    make_run(
        tmp_path, *(f"run.{key}={FILES[n]}" for n, key in enumerate(("problems", "hidden_tests")))
    )
    return tmp_path


def make_run(folder: Path, *settings: str) -> None:
    from mapcoder_lite.data.problem_json import read_hidden_tests, read_problems

    chosen = config.load([], ["judge.workers=1", "judge.speed_factor=1", *settings])
    hidden = read_hidden_tests(folder / FILES[1]) if chosen.run.hidden_tests else None
    todo = samples_of(read_problems(folder / FILES[0])[: chosen.run.limit], hidden)
    header = RunHeader(
        config=chosen,
        config_digest=chosen.digest,
        problems_digest=todo.digest,
        engine_identity="double",
        version="0",
    )

    def solve(problem: Problem, sample: int) -> Trajectory:
        program = BAD if problem.id == "bad" else GOOD
        return Trajectory(problem_id=problem.id, program=program, stop=StopReason.UNTESTED)

    with RunDirectory(folder / "r", header, todo.facts()) as directory:
        run(todo, threads(todo, solve, BROKEN), directory, isolation=BROKEN.isolation)


def grade(folder: Path, *words: str) -> Done:
    return mapcoder(folder, "grade", "r", *words)


def test_the_programs_of_a_run_are_judged_again_without_a_model(world: Path):
    done = grade(world)
    assert done.code == 0, done.stderr
    assert "2 programs judged again, 1 verdicts changed" in done.stdout
    assert "WA -> AC: 1" in done.stdout
    assert "self-test" in done.stderr
    assert passed_examination(world / "r").judge_version == JUDGE_VERSION
    assert "\x1b" not in done.stdout
    report = mapcoder(world, "report", "r")
    assert report.code == 0, report.stderr
    assert "50.0 %" in report.stdout


def test_settings_of_the_judge_alone_may_be_given(world: Path):
    done = grade(world, "--json", "-s", "judge.speed_factor=3")
    assert len(json.loads(done.stdout)["changes"]) == 1
    assert read_record(world / "r" / "regraded.json", Regrading).judge.speed_factor == 3
    refused = grade(world, "-s", "traversal.k=1")
    assert refused.code == 2
    assert "traversal.k is not of the judge" in refused.stderr
    assert grade(world, "-s", "judge.tiers=auto").code == 2


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_gone_or_changed_are_refused(world: Path, name: str):
    before = (world / "r" / "grades.jsonl").read_bytes()
    text = (world / name).read_text()
    (world / name).write_text(text.replace("Add.", "Subtract.").replace('"11"', '"12"'))
    changed = grade(world)
    assert changed.code == 6
    assert "have changed since: bring back the files" in changed.stderr
    (world / name).write_text(text.split("\n")[0] + "\n")
    short = grade(world)
    assert short.code == 6
    assert "lack bad" in short.stderr
    (world / name).unlink()
    gone = grade(world)
    assert gone.code == 6
    assert name in gone.stderr
    assert (world / "r" / "grades.jsonl").read_bytes() == before
    assert not (world / "r" / "regrade").exists()


def test_more_problems_in_the_files_are_no_change(world: Path):
    for name, kind in zip(FILES, (Problem, HiddenTests), strict=True):
        lines = (world / name).read_text().replace('"bad"', '"new"').split("\n")
        assert kind.model_validate_json(lines[1])
        with (world / name).open("a") as file:
            file.write(lines[1] + "\n")
    assert grade(world).code == 0


def test_a_run_without_hidden_tests_is_refused(tmp_path: Path):
    write_lines(tmp_path / FILES[0], [Problem(id="good", statement="Add.")])
    make_run(tmp_path, f"run.problems={FILES[0]}")
    done = grade(tmp_path)
    assert done.code == 6
    assert "was not graded: its settings name no hidden tests" in done.stderr
    assert mapcoder(tmp_path, "grade", "nowhere").code == 6
