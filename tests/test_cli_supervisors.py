"""`mapcoder supervisors` on a real scripted run: one command, its files, its refusals."""

import json
import shutil
from pathlib import Path

import pytest

from mapcoder_lite.attribution import Attribution
from mapcoder_lite.calls import StoredCall
from mapcoder_lite.curation.accuracy import SupervisorTable
from mapcoder_lite.curation.label import Label
from mapcoder_lite.evaluation.forecast import Range
from mapcoder_lite.evaluation.forecast_supervisors import SupervisorsForecast
from mapcoder_lite.example import Correction
from mapcoder_lite.jsonl import read_lines, read_record, write_lines
from scripted_runs import known_puzzles
from test_cli_main import Done, mapcoder

STUDENT = """
[engine]
kind = "teacher"
mistakes = 2.0
[traversal]
k = 1
t = 1
[run]
problems = "problems.jsonl"
hidden_tests = "hidden_tests.jsonl"
"""
SUPERVISOR = "[supervisor]\nkind = 'supervisor'\nmistakes = {mistakes}\n"
INJECTION = ["--faults", "scripted", "--faults-per-call", "2", "--replays", "1"]
BOTH = ["-c", "sure.toml", "--also", "other.toml"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    known = known_puzzles(10)
    write_lines(folder / "problems.jsonl", [puzzle.problem for puzzle in known])
    write_lines(folder / "hidden_tests.jsonl", [puzzle.hidden for puzzle in known])
    (folder / "student.toml").write_text(STUDENT)
    (folder / "sure.toml").write_text(SUPERVISOR.format(mistakes=0))
    (folder / "other.toml").write_text(SUPERVISOR.format(mistakes=4))
    (folder / "random.toml").write_text(SUPERVISOR.format(mistakes=0))
    (folder / "teacher.toml").write_text("[engine]\nkind = 'teacher'\nmistakes = 0.0\n")
    assert mapcoder(folder, "run", "-c", "student.toml", "--name", "student").code == 0
    return folder


@pytest.fixture(scope="module")
def injected(world: Path) -> Done:
    return measure(world)


def measure(world: Path, *words: str) -> Done:
    return mapcoder(world, "supervisors", "runs/student", *BOTH, *INJECTION, *words)


def test_one_command_measures_and_writes_all_files(world: Path, injected: Done):
    assert injected.code == 0, injected.stderr
    folder = world / "runs" / "student-injection"
    table = read_record(folder / "supervisors.json", SupervisorTable)
    names = [score.supervisor for score in table.scores]
    assert names == ["supervisor", "other", "always coder", "majority", "random"]
    assert table.injections is not None
    assert table.num_failures == len(list(read_lines(folder / "labels.jsonl", Label))) > 0
    assert table.scores[0].unusable.num_passed == 0
    assert table.scores[0].hit.num_passed >= table.scores[1].hit.num_passed
    assert table.alpha is not None
    said = list(read_lines(folder / "other" / "corrections.jsonl", Correction))
    assert len(said) == table.num_failures
    assert sum(c.blame is None for c in said) == table.scores[1].unusable.num_passed
    assert len(list((folder / "who-and-when").glob("*.json"))) == table.num_failures
    assert (folder / "supervisors.md").read_text() == injected.stdout
    assert "| supervisor " in injected.stdout


def test_the_same_command_again_asks_and_judges_nothing(world: Path, injected: Done):
    folder = world / "runs" / "student-injection"
    before = {p: p.stat().st_size for p in folder.glob("*/*.jsonl")}
    again = measure(world, "--json")
    assert again.code == 0
    assert SupervisorTable.model_validate_json(again.stdout) == read_record(
        folder / "supervisors.json", SupervisorTable
    )
    assert {p: p.stat().st_size for p in folder.glob("*/*.jsonl")} == before


def test_replay_attributes_every_failure(world: Path):
    words = ["--truth", "replay", "--teacher", "teacher.toml", "--replays", "4"]
    done = mapcoder(world, "supervisors", "runs/student", "-c", "sure.toml", *words)
    folder = world / "runs" / "student-replay"
    found = list(read_lines(folder / "attributions.jsonl", Attribution))
    assert found
    assert all(a.is_partial and len(a.values) == 8 for a in found)
    assert list(read_lines(folder / "truth" / "calls.jsonl", StoredCall))
    labels = list(read_lines(folder / "labels.jsonl", Label))
    # Where luck explains every failure, that is said, and no table is made up.
    assert done.code == (0 if labels else 6)
    if labels:
        assert json.loads((folder / "supervisors.json").read_text())["truth"] == "replay"
    else:
        assert "none is measured" in done.stderr


def foreseen(world: Path, *words: str) -> SupervisorsForecast:
    done = mapcoder(world, "supervisors", "runs/student", "--dry-run", "--json", *words)
    assert done.code == 0, done.stderr
    return SupervisorsForecast.model_validate_json(done.stdout)


def test_a_dry_run_bounds_every_stage_of_injection(world: Path, injected: Done):
    found = foreseen(world, *BOTH, *INJECTION, "--name", "dry")
    assert not (world / "runs" / "dry").exists()
    names = ["truth", "resampling", "supervisor", "other", "always coder", "majority", "random"]
    assert [stage.stage for stage in found.stages] == names
    assert_bounds(world / "runs" / "student-injection", found)
    table = read_record(world / "runs" / "student-injection" / "supervisors.json", SupervisorTable)
    assert table.injections is not None
    num = sum(of.num_injected for of in table.injections.roles.values())
    assert found.stages[0].units == Range(low=num, high=2 * num)
    assert found.dollars is None and found.hours is None


def test_a_dry_run_takes_off_the_stages_that_are_done(world: Path, injected: Done, tmp_path: Path):
    assert foreseen(world, *BOTH, *INJECTION).calls == Range(low=0, high=0)
    half = world / "runs" / "half"
    shutil.copytree(world / "runs" / "student-injection", half)
    for stage in ("majority", "other"):
        shutil.rmtree(half / stage)
    found = foreseen(world, *BOTH, *INJECTION, "--name", "half")
    num = len(list(read_lines(half / "labels.jsonl", Label)))
    owed = {stage.stage: stage.units for stage in found.stages if stage.units.high}
    assert owed == dict.fromkeys(["other", "majority"], Range(low=num, high=num))
    text = mapcoder(
        world, "supervisors", "runs/student", *BOTH, *INJECTION, "--name", "half", "--dry-run"
    ).stdout
    assert f"majority, {num} units" in text


def test_a_dry_run_bounds_replays_whose_sets_share_their_draws(world: Path):
    words = ["--truth", "replay", "--teacher", "teacher.toml", "--replays", "4"]
    found = foreseen(world, "-c", "sure.toml", *words, "--name", "dry-replay")
    mapcoder(world, "supervisors", "runs/student", "-c", "sure.toml", *words)
    attributions = list(
        read_lines(world / "runs" / "student-replay" / "attributions.jsonl", Attribution)
    )
    assert found.stages[0].units.high == len(attributions) * 8 * 4
    assert_bounds(world / "runs" / "student-replay", found)
    done = foreseen(world, "-c", "sure.toml", *words)
    assert done.stages[0].calls == Range(low=0, high=0)


def assert_bounds(folder: Path, found: SupervisorsForecast) -> None:
    for stage in found.stages:
        calls = folder / stage.stage.replace(" ", "-") / "calls.jsonl"
        if calls.exists():
            # Second asks, which unreadable replies of k = t = 1 lead to, are not counted.
            first = [c for c in read_lines(calls, StoredCall) if c.request.attempt % 2 == 0]
            assert stage.calls.low <= len(first) <= stage.calls.high, stage


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["runs/nowhere", "-c", "sure.toml"], 6, "is this a run directory?"),
        (["runs/student"], 2, "no supervisor to measure"),
        (["runs/student", "--also", "student.toml"], 2, "has no [supervisor]"),
        (["runs/student", "--also", "random.toml"], 2, "another folder is named random"),
        (["runs/student", "-c", "sure.toml", "--truth", "replay"], 2, "needs a teacher"),
        (
            ["runs/student", "-c", "sure.toml", "--truth", "replay", "--replays", "3"],
            2,
            "--replays 3 can convince of nothing",
        ),
        (["runs/student", "-c", "sure.toml", "-s", "traversal.k=2"], 2, "traversal would differ"),
        (["runs/student", "-c", "sure.toml", "-s", "run.limit=3"], 6, "have changed"),
        (["runs/student", "-c", "sure.toml", "-s", "engine.mistakes=1"], 6, "was made by"),
    ],
)
def test_what_cannot_be_measured_is_refused(world: Path, words: list[str], code: int, said: str):
    done = mapcoder(world, "supervisors", *words)
    assert done.code == code, done.stderr
    assert said in done.stderr.strip().split("\n")[-1]
    assert done.stdout == ""


def test_a_run_without_hidden_tests_is_refused(world: Path):
    config = json.loads((world / "runs" / "student" / "config.json").read_text())
    config["config"]["run"]["hidden_tests"] = None
    blind = world / "runs" / "blind"
    blind.mkdir()
    (blind / "config.json").write_text(json.dumps(config))
    done = mapcoder(world, "supervisors", "runs/blind", "-c", "sure.toml")
    assert done.code == 6
    assert "has no hidden tests" in done.stderr


def test_a_budget_is_refused_since_it_would_not_be_counted(world: Path):
    done = measure(world, "--name", "bounded", "-s", "budget.calls=10")
    assert done.code == 2
    assert "budget.* is not counted" in done.stderr
    assert not (world / "runs" / "bounded").exists()
