"""`mapcoder attribute` on a real run of a stubborn scripted student: files, resume, refusals."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mapcoder_lite.attribution import Attribution
from mapcoder_lite.calls import StoredCall
from mapcoder_lite.evaluation.attribution import AttributionTable
from mapcoder_lite.evaluation.forecast_supervisors import SupervisorsForecast
from mapcoder_lite.jsonl import file_digest, read_lines, read_record, write_lines
from mapcoder_lite.store import units_in
from mapcoder_lite.trajectory import Role
from scripted_runs import known_puzzles
from test_cli_main import SOURCE, Done, mapcoder

STUDENT = """
[engine]
kind = "teacher"
mistakes = 2.0
stubborn = true
[traversal]
k = 1
t = 1
[run]
problems = "problems.jsonl"
hidden_tests = "hidden_tests.jsonl"
[judge]
workers = 2
"""
WORDS = ("attribute", "runs/student", "--teacher", "teacher.toml", "--replays", "4")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    known = known_puzzles(4)
    write_lines(folder / "problems.jsonl", [puzzle.problem for puzzle in known])
    write_lines(folder / "hidden_tests.jsonl", [puzzle.hidden for puzzle in known])
    (folder / "student.toml").write_text(STUDENT)
    (folder / "cold.toml").write_text("[engine]\nkind = 'pocket'\n")
    (folder / "teacher.toml").write_text("[engine]\nkind = 'teacher'\nmistakes = 0.0\n")
    assert mapcoder(folder, "run", "-c", "student.toml", "--name", "student").code == 0
    return folder


@pytest.fixture(scope="module")
def done(world: Path) -> Done:
    return mapcoder(world, *WORDS)


def table_of(world: Path, name: str = "attribution") -> AttributionTable:
    return read_record(world / "runs" / "student" / f"{name}.json", AttributionTable)


def test_one_command_says_which_role_mends_what(world: Path, done: Done):
    assert done.code == 0, done.stderr
    table = table_of(world)
    assert (table.lattice, table.is_partial, table.num_replays) == ("cheap", True, 4)
    assert table.num_failures == table.num_failed > 0
    ends = (table.num_alone, table.num_together, table.num_by_luck, table.num_unmended)
    assert sum(ends) == table.num_failures
    # Who never errs mends everything; who repeats its mistakes never mends its own.
    assert table.sets[0].passed.num_passed == 0
    assert table.sets[-1].passed.share == 1.0
    assert table.sets[-1].roles == tuple(Role)
    assert sum(role.share.mean for role in table.roles) == pytest.approx(1.0)
    assert sum(role.mender.num_passed for role in table.roles) == table.num_alone
    found = list(
        read_lines(world / "runs" / "student" / "attribution" / "attributions.jsonl", Attribution)
    )
    assert len(found) == table.num_failures
    assert "failures of student, of " in done.stdout
    assert "one of 24 orders" in done.stdout


def test_the_same_command_again_asks_and_judges_nothing(world: Path, done: Done):
    folder = world / "runs" / "student" / "attribution"
    before = {p: p.stat().st_size for p in folder.glob("truth/*.jsonl")}
    again = mapcoder(world, *WORDS, "--json")
    assert AttributionTable.model_validate_json(again.stdout) == table_of(world)
    assert {p: p.stat().st_size for p in folder.glob("truth/*.jsonl")} == before


def test_the_run_itself_stays_as_it_was(world: Path, done: Done):
    assert mapcoder(world, "report", "runs/student").code == 0
    assert mapcoder(world, "supervisors", "runs/student", "--dry-run").code == 2  # no supervisor


def test_what_the_report_shows_of_it_is_counted_again(world: Path, done: Done):
    run = world / "runs" / "student"
    shown = mapcoder(world, "report", "runs/student", "--markdown", "report.md")
    for place in (shown.stdout, (world / "report.md").read_text()):
        assert "attribution, pocket-teacher/" in place
        assert "Which role mends the failures" in place
    sound = mapcoder(world, "verify", "runs/student")
    assert sound.code == 0
    assert "counted again from the replays' grades, 0 differ" in sound.stdout
    told, graded = (run / "attribution.json").read_text(), run / "attribution/truth/grades.jsonl"
    grades, lines = graded.read_text(), run / "attribution" / "attributions.jsonl"
    kept = lines.read_text()
    try:
        (run / "attribution.json").write_text(
            told.replace(file_digest(run / "trajectories.jsonl"), "0")
        )
        old = mapcoder(world, "report", "runs/student")
        assert "speaks of attempts that were solved or judged anew since" in old.stdout
        fewer = json.loads(told) | {"num_failed": 1}  # as if verdicts had changed since
        (run / "attribution.json").write_text(json.dumps(fewer))
        rejudged = mapcoder(world, "report", "runs/student")
        assert "speaks of attempts that were solved or judged anew since" in rejudged.stdout
        table = json.loads(told)
        table["roles"][2]["share"]["mean"] += 0.25
        (run / "attribution.json").write_text(json.dumps(table))
        painted = mapcoder(world, "verify", "runs/student")
        assert painted.code == 1
        assert "1 differ\n  roles[2].share.mean: saved " in painted.stdout
        (run / "attribution.json").write_text(told)
        first = kept.splitlines()[0]
        lines.write_text(kept.replace(first, first.replace('"sample":0', '"sample":1', 1)))
        bent = mapcoder(world, "verify", "runs/student")
        assert (bent.code, "attributions.jsonl is not what" in bent.stdout) == (1, True)
        graded.write_text("".join(grades.splitlines(keepends=True)[1:]))
        cut = mapcoder(world, "verify", "runs/student")
        assert "attribution/truth: grades.jsonl is not the file" in cut.stdout
        graded.unlink()
        gone = mapcoder(world, "verify", "runs/student")
        assert (gone.code, "grades.jsonl is gone, of which" in gone.stderr) == (6, True)
    finally:
        (run / "attribution.json").write_text(told)
        graded.write_text(grades)
        lines.write_text(kept)


def test_out_of_budget_and_killed_it_goes_on_and_says_the_same(world: Path, done: Done):
    """A budget that is spent, then SIGKILL in the midst of the replays: nothing is done twice."""
    bounded = mapcoder(world, *WORDS, "--name", "killed", "-s", "budget.calls=4")
    assert bounded.code == 7, bounded.stderr
    assert "the same command goes on" in bounded.stderr
    calls = world / "runs" / "student" / "killed" / "truth" / "calls.jsonl"
    assert 0 < len(list(read_lines(calls, StoredCall))) <= 4
    command = [sys.executable, "-m", "mapcoder_lite", *WORDS, "--name", "killed"]
    killed = world / "runs" / "student" / "killed" / "truth" / "trajectories.jsonl"
    with subprocess.Popen(
        command, cwd=world, env={**os.environ, "PYTHONPATH": SOURCE}, stderr=subprocess.DEVNULL
    ) as process:
        stood = len(units_in(killed))
        while process.poll() is None and len(units_in(killed)) < stood + 3:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    owed = table_of(world).num_failures * 8 * 4
    assert stood + 3 <= len(units_in(killed)) < owed
    assert mapcoder(world, *WORDS, "--name", "killed").code == 0
    assert table_of(world, "killed") == table_of(world)
    lines = killed.read_text().splitlines()
    assert len(lines) == len(units_in(killed)) == owed


def test_a_dry_run_bounds_the_calls_and_writes_nothing(world: Path, done: Done):
    foreseen = mapcoder(world, *WORDS, "--name", "dry", "--dry-run", "--json")
    found = SupervisorsForecast.model_validate_json(foreseen.stdout)
    assert not (world / "runs" / "student" / "dry").exists()
    (stage,) = found.stages
    assert stage.units.high == table_of(world).num_failures * 8 * 4
    calls = world / "runs" / "student" / "attribution" / "truth" / "calls.jsonl"
    # Second asks, which unreadable replies lead to, are not counted.
    first = [c for c in read_lines(calls, StoredCall) if c.request.attempt % 2 == 0]
    assert stage.calls.low <= len(first) <= stage.calls.high
    text = mapcoder(world, *WORDS, "--dry-run").stdout
    assert "calls of the student a round" not in text
    assert "truth, 0 units" in text


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["runs/nowhere", "--teacher", "teacher.toml"], 6, "is this a run directory?"),
        (["runs/student", "--teacher", "nowhere.toml"], 2, "cannot read nowhere.toml"),
        (["runs/student", "--teacher", "teacher.toml", "--replays", "3"], 2, "convince of nothing"),
        (
            ["runs/student", "--teacher", "teacher.toml", "--all-sets", "--replays", "4"],
            2,
            "with the full lattice",
        ),
        (
            ["runs/student", "--teacher", "teacher.toml", "-s", "traversal.k=2"],
            2,
            "traversal would differ",
        ),
        (["runs/student", "--teacher", "cold.toml", "-s", "run.limit=3"], 6, "have changed"),
        (
            ["runs/student", "--teacher", "teacher.toml", "-s", "engine.mistakes=1"],
            6,
            "was made by",
        ),
        (
            [
                *("runs/student", "--teacher", "teacher.toml", "--name", "other"),
                *("-s", "budget.dollars=1"),
                *("-s", "engine.price={prompt=1.0, completion=1.0}"),
            ],
            2,
            "different prices",
        ),
    ],
)
def test_what_cannot_be_attributed_is_refused(world: Path, words: list[str], code: int, said: str):
    refused = mapcoder(world, "attribute", *words)
    assert refused.code == code, refused.stderr
    assert said in refused.stderr.strip().split("\n")[-1]
    assert refused.stdout == ""


def test_another_teacher_needs_another_name(world: Path, done: Done):
    (world / "worse.toml").write_text("[engine]\nkind = 'teacher'\nmistakes = 0.5\n")
    refused = mapcoder(world, "attribute", "runs/student", "--teacher", "worse.toml")
    assert refused.code == 6
    assert "another --name" in refused.stderr


def test_the_record_names_the_state_of_the_run_that_it_speaks_of(world: Path, done: Done):
    table = table_of(world)
    assert table.trajectories == file_digest(world / "runs" / "student" / "trajectories.jsonl")
    assert json.loads((world / "runs" / "student" / "attribution.json").read_text())["run"] == (
        "student"
    )
