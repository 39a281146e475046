"""`mapcoder report`: what is printed, saved, written; what it refuses, and in which words."""

import json
from pathlib import Path

import pytest

from made_runs import AC, WA, made_run, problem_of
from mapcoder_lite.agents import parse
from mapcoder_lite.evaluation.metrics import Metrics, measure
from mapcoder_lite.evaluation.report import run_blocks, run_report
from mapcoder_lite.problem import Problem
from mapcoder_lite.tables import Table, markdown, text
from test_cli_main import Done, mapcoder
from test_evaluation_scores import open_ended, tagged


def report(*words: Path | str) -> Done:
    return mapcoder(Path.cwd(), "report", *map(str, words))


def test_one_run_is_reported_in_full_and_saved(tmp_path: Path):
    run = made_run(tmp_path / "r", [[AC, WA], [WA, WA], [AC, AC]], problem=tagged, defective=1)
    done = report(run)
    assert done.code == 0
    for words in ("pass@1, sound subset", "pass@2, hidden tests", "by tag", "a solved problem"):
        assert words in done.stdout
    assert "judge near its limits: not recorded in 6 units" in done.stdout
    saved = Metrics.model_validate_json((run / "metrics.json").read_bytes())
    assert saved == measure(run, confidence=parse.confidence)
    assert json.loads(report(run, "--json").stdout)["passed"]["num_passed"] == 3


def test_suspect_answers_are_told_with_what_they_would_change(tmp_path: Path):
    shown = run_report(measure(made_run(tmp_path / "r", [WA, AC, WA, AC], problem=open_ended)))
    assert "suspect: 1 wrong answers" in shown
    assert "pass@1 were 75.0 %" in shown


def test_a_window_is_said_and_not_saved(tmp_path: Path):
    run = made_run(tmp_path / "r", [AC, WA, AC, AC, AC], problem=tagged)
    done = report(run, "--since", "2024-02-01", "--until", "2024-03-31")
    assert (
        "problems that came out from 2024-02-01 to 2024-03-31; left out: 2 others, 1 without"
        in (done.stdout)
    )
    assert not (run / "metrics.json").exists()
    assert report(run, "--since", "2024-02-01", "--until", "2024-01-01").code == 2
    assert report(run, "--since", "soon").code == 2
    assert report(run, "--since", "2030-01-01").code == 6


def test_several_runs_make_a_table_with_tests(tmp_path: Path):
    names = [made_run(tmp_path / f"r{n}", [AC] * n + [WA] * (7 - n)) for n in (0, 6, 7)]
    done = report(*names, "--markdown", tmp_path / "page.md")
    assert f"against {names[0]}" in done.stdout
    assert "p, Holm" in done.stdout
    assert "gain: share of attempts" in (tmp_path / "page.md").read_text()
    found = json.loads(report(*names, "--against", names[2], "--json").stdout)
    assert found["against"] == str(names[2])
    assert [test["duel"]["raw"]["num_lost"] for test in found["tests"]] == [7, 1]
    assert not any((name / "metrics.json").exists() for name in names)
    done = report(*names, "--against", "other")
    assert (done.code, "is none of the runs" in done.stderr) == (2, True)


def test_a_page_ends_its_tables_with_lines(tmp_path: Path):
    blocks = run_blocks(measure(made_run(tmp_path / "r", [AC, WA])))
    page = markdown("r", blocks)
    assert page.startswith("# r\n\n* run r")
    assert "\n\n## pass rates\n\n|  | passed |" in page
    assert page.endswith("* ends: solved 1, exhausted 1\n")
    shown = text([Table("t", ("a", "b"), (("x", "1"),), ("note",)), "last"])
    assert shown == "t\na  b\nx  1\nnote\n\nlast"


def test_a_torn_last_line_is_owed_and_said(tmp_path: Path):
    run = made_run(tmp_path / "r", [AC, WA, AC])
    lines = run / "trajectories.jsonl"
    whole = lines.read_bytes()
    lines.write_bytes(whole[:-40])
    done = report(run)
    torn = len(whole[:-40]) - whole[:-1].rfind(b"\n") - 1
    assert done.code == 0
    assert f"owed again: trajectories.jsonl {torn} bytes" in done.stdout
    assert "incomplete: 1 units are owed" in done.stdout
    assert "pass@1, hidden tests       1   2" in done.stdout


@pytest.mark.parametrize("name", ["trajectories.jsonl", "grades.jsonl", "calls.jsonl"])
def test_a_damaged_line_in_the_middle_stops_with_file_and_line(name: str, tmp_path: Path):
    run = made_run(tmp_path / "r", [AC, WA, AC])
    lines = (run / name).read_bytes().split(b"\n")
    lines[1] = lines[1][:20]
    (run / name).write_bytes(b"\n".join(lines))
    done = report(run)
    assert (done.code, done.stdout) == (6, "")
    assert f"{name}, line 2: not a" in done.stderr


def test_a_run_of_another_version_is_refused(tmp_path: Path):
    run = made_run(tmp_path / "r", [AC])
    config = run / "config.json"
    config.write_text(config.read_text().replace('"schema_version": 1', '"schema_version": 9', 1))
    done = report(run)
    assert (done.code, "schema_version: Input should be 1" in done.stderr) == (6, True)


def test_records_of_strange_problems_are_refused(tmp_path: Path):
    for name in ("grades.jsonl", "trajectories.jsonl"):
        run = made_run(tmp_path / name, [AC, WA])
        text = (run / name).read_text()
        (run / name).write_text(text.replace('"p1"', '"p9"'))
        done = report(run)
        assert (done.code, f"{name} names p9" in done.stderr) == (6, True)


def test_folders_that_are_no_runs_are_refused(tmp_path: Path):
    for path in (tmp_path, tmp_path / "nothing", Path(__file__)):
        done = report(path)
        assert done.code == 6
        assert "is this a run directory?" in done.stderr


def test_the_same_run_twice_is_refused(tmp_path: Path):
    run = made_run(tmp_path / "r", [AC])
    done = report(run, run)
    assert (done.code, "is given twice" in done.stderr) == (2, True)


def test_a_rating_below_zero_is_no_rating(tmp_path: Path):
    """Some archives write -1 for a rating that they do not know."""

    def rated(n: int) -> Problem:
        return problem_of(n, difficulty=(-1, 800)[n % 2])

    done = report(made_run(tmp_path / "r", [AC, WA, AC], problem=rated))
    assert done.code == 0, done.stderr
    rows = [line.split()[:3] for line in done.stdout.splitlines()]
    assert ["800-999", "0", "1"] in rows and ["unrated", "2", "2"] in rows
