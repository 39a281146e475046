"""The audit of a real run of the scripted teacher, and what it refuses."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from mapcoder_lite.curation.audit import Audit, audit
from mapcoder_lite.curation.audit_tables import markdown, tables
from mapcoder_lite.curation.evidence import first_attempts, open_runs
from mapcoder_lite.curation.examples import write_dataset
from mapcoder_lite.curation.plots import write_plots
from mapcoder_lite.curation.rejudging import rejudge
from mapcoder_lite.errors import InputError, SandboxError, StoreError
from mapcoder_lite.example import Blame, Correction
from mapcoder_lite.jsonl import read_lines, read_record, write_lines
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.teacher import MistakeRates
from mapcoder_lite.run_problem import RunProblem, band_of
from mapcoder_lite.settings import DatasetConfig
from mapcoder_lite.tables import escaped
from mapcoder_lite.trajectory import Grade, Role, Trajectory
from mapcoder_lite.verdict import Isolation, Judgement, Verdict
from pocket_run import known_puzzles, resealed, teacher_run
from test_cli_main import mapcoder

QUICK = ("-s", "judge.workers=2", "-s", "judge.speed_factor=1")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """runs/teacher with two samples a problem, runs/student, and datasets/first."""
    home = tmp_path_factory.mktemp("home")
    run = teacher_run(home / "data" / "teacher", known_puzzles(16), samples=2)
    teacher_run(home / "other" / "student", known_puzzles(6, seed=12), rates=MistakeRates())
    write_dataset([run], home / "first", DatasetConfig())
    return home


@pytest.fixture(scope="module")
def found(home):
    return audit([home / "data" / "teacher"], home / "first", student=home / "other" / "student")


def stage_counts(found: Audit) -> dict[str, int]:
    return {stage.name: stage.count for stage in found.funnel.stages}


def test_who_passed_defective_tests_passed_nothing(home, tmp_path):
    run = Path(shutil.copytree(home / "data" / "teacher", tmp_path / "teacher"))
    problems = list(read_lines(run / "problems.jsonl", RunProblem))
    cut = [p.model_copy(update={"defect": "cut short"}) for p in problems[:8]]
    write_lines(run / "problems.jsonl", [*cut, *problems[8:]])
    resealed(run)
    manifest = write_dataset([run], tmp_path / "rows", DatasetConfig())
    counts = stage_counts(audit([run], tmp_path / "rows"))
    assert manifest.num_defective == 16
    assert counts["judged on hidden tests"] == counts["attempts"] - manifest.num_defective
    assert counts["passed all hidden tests"] == manifest.num_passed
    assert counts["calls of attempts that passed"] == manifest.num_steps


def test_the_funnel_counts_what_the_files_hold(home, found):
    run = home / "data" / "teacher"
    trajectories = list(read_lines(run / "trajectories.jsonl", Trajectory))
    passed = {
        (g.problem_id, g.sample) for g in read_lines(run / "grades.jsonl", Grade) if g.is_passed
    }
    counts = stage_counts(found)
    assert (counts["problems"], counts["attempts"]) == (16, len(trajectories)) == (16, 32)
    assert 0 < counts["passed all hidden tests"] == len(passed) < 32
    assert counts["calls"] == sum(len(t.calls) for t in trajectories)
    assert counts["calls of attempts that passed"] == sum(
        len(t.calls) for t in trajectories if (t.problem_id, t.sample) in passed
    )
    sides = (home / "first", home / "first" / "validation")
    lines = [(side / f"{role}.jsonl").read_text().count("\n") for side in sides for role in Role]
    assert counts["rows"] == sum(lines) <= counts["calls that the final programs rest on"]


def test_parts_of_a_stage_add_up(found):
    for stage in found.funnel.stages:
        for by, parts in stage.parts.items():
            if by not in ("judge failed", "unreadable"):
                assert sum(parts.values()) == stage.count, (stage.name, by)


def test_every_stage_is_spread_over_tags_and_ratings(found):
    for bias in (found.tags, found.ratings):
        assert [s.stage for s in bias.stages] == [
            "problems",
            "attempts",
            "passed",
            "rows",
            "student",
        ]
        assert bias.stages[0].shift is None
        for stage in bias.stages:
            assert sum(stage.shares.values()) == pytest.approx(1)
        for stage in bias.stages[1:]:
            assert stage.shift is not None
            assert 0 <= stage.shift.distance <= 1
            assert 0 < stage.shift.p <= 1
        assert bias.stages[1].shift.distance == pytest.approx(0, abs=1e-6)
        assert bias.student is not None
        assert sum(bias.student.shares.values()) == pytest.approx(1)


def test_odds_take_each_problem_once_by_its_first_attempt(home, found):
    (run,) = open_runs([home / "data" / "teacher"])
    first = first_attempts([run])
    grades = {(g.problem_id, g.sample): g for g in read_lines(run.path / "grades.jsonl", Grade)}
    assert first == {id: grades[id, 0].is_passed for id in run.problems}
    bands = found.ratings.odds
    assert sum(odds.first.num_total for odds in bands) == 16
    assert sum(odds.first.num_passed for odds in bands) == sum(first.values())
    assert all(odds.ever.num_passed >= odds.first.num_passed for odds in found.tags.odds)
    assert all(odds.p <= odds.p_holm <= 1 for odds in (*bands, *found.tags.odds))


@pytest.mark.parametrize(
    ("difficulty", "band"),
    [(800, "800-999"), (999, "800-999"), (1000, "1000-1199"), (0, "0-199"), (None, "unrated")],
)
def test_bands_are_200_wide(difficulty, band):
    assert band_of(RunProblem(problem_id="p", difficulty=difficulty)) == (band,)


def test_corrections_are_a_part_of_the_funnel(home, tmp_path):
    run = tmp_path / "teacher"
    shutil.copytree(home / "data" / "teacher", run)
    blame = Blame(call_index=0, role=Role.CODING, reason="wrong", feedback="do better")
    rounds = [
        Correction(problem_id="p", round=1, supervisor="s", blame=blame, is_changed=True),
        Correction(problem_id="p", round=2, supervisor="s", blame=blame, is_changed=True,
                   is_passed=True),
        Correction(problem_id="q", round=1, supervisor="s"),
    ]  # fmt: skip
    write_lines(run / "corrections.jsonl", rounds)
    found = audit([run], home / "first")
    counts = stage_counts(found)
    assert counts["asked the supervisor"] == 3
    assert counts["blamed a role"] == counts["answered otherwise"] == 2
    assert counts["passed by correction"] == 1
    passed = next(s for s in found.funnel.stages if s.name == "passed all hidden tests")
    assert passed.parts["way"] == {"repaired": passed.count}


def test_the_page_holds_every_table_and_text_of_models_is_text(found):
    page = markdown(found, ["audit-funnel.png"])
    assert page.count("\n## ") == len(tables(found))
    assert "![audit-funnel.png](audit-funnel.png)" in page
    hostile = "<img src=x>|a*b*\n# [x](y) `z` \x1b[31m"
    assert escaped(hostile).count("\n") == 0
    for mark in ("<", "\x1b"):
        assert mark not in escaped(hostile)
    top = found.recalls.algorithms.model_copy(update={"top": {hostile: 3}})
    recalls = found.recalls.model_copy(update={"algorithms": top})
    assert "<img" not in markdown(found.model_copy(update={"recalls": recalls}))


def test_plots_are_written_whatever_names_hold(found, tmp_path):
    top = found.recalls.algorithms.model_copy(update={"top": {"$x_{": 3, "a" * 99: 1, "\x07": 1}})
    recalls = found.recalls.model_copy(update={"algorithms": top})
    paths = write_plots(found.model_copy(update={"recalls": recalls}), tmp_path)
    assert len(paths) == 8
    assert all(path.stat().st_size > 1000 for path in paths)


def test_rows_are_judged_again_from_scratch(home):
    with SandboxJudge(2) as judge:
        found = rejudge([home / "data" / "teacher"], home / "first", judge, num_threads=2)
    assert found.num_trajectories == found.num_passed > 0
    assert not found.failed
    assert not found.unjudged


class Says:
    """A judge with one word for every program."""

    isolation = Isolation(tier="none")

    def __init__(self, verdict: Verdict):
        self.verdict = verdict

    def judge(self, program, language, tests, **_):
        return Judgement(
            verdict=self.verdict, num_run=1, num_total=1, num_passed=0, isolation=self.isolation
        )

    def close(self) -> None: ...


@pytest.mark.parametrize("verdict", [Verdict.WA, Verdict.IE])
def test_what_does_not_pass_again_is_listed_with_its_rows(home, verdict):
    found = rejudge([home / "data" / "teacher"], home / "first", Says(verdict))
    listed, empty = (found.failed, found.unjudged)[:: -1 if verdict is Verdict.IE else 1]
    assert found.num_passed == 0
    assert len(listed) == found.num_trajectories
    assert not empty
    assert sum(e.num_rows for e in listed) == found.num_rows
    assert {e.verdict for e in listed} == {verdict}


def test_changed_tests_do_not_judge_again(home, tmp_path):
    shutil.copytree(home, tmp_path / "home")
    run = tmp_path / "home" / "data" / "teacher"
    config = json.loads((run / "config.json").read_text())
    config["config"]["run"]["limit"] = 3
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="is not what"):
        rejudge([run], tmp_path / "home" / "first", Says(Verdict.AC))


def test_a_data_set_of_other_runs_is_refused(home, tmp_path):
    teacher, student = home / "data" / "teacher", home / "other" / "student"
    with pytest.raises(InputError, match="not from"):
        audit([student], home / "first")
    with pytest.raises(InputError, match="not from"):
        audit([teacher, student], home / "first")
    shutil.copytree(student, tmp_path / "teacher")
    with pytest.raises(InputError, match="another state"):
        audit([tmp_path / "teacher"], home / "first")
    with pytest.raises(InputError, match="two runs are named"):
        audit([teacher, tmp_path / "teacher"], home / "first")


@pytest.mark.parametrize("name", ["trajectories.jsonl", "grades.jsonl"])
def test_a_changed_run_is_refused(home, tmp_path, name):
    run = tmp_path / "teacher"
    shutil.copytree(home / "data" / "teacher", run)
    lines = (run / name).read_text().splitlines(keepends=True)
    (run / name).write_text("".join(lines[:-1]))
    with pytest.raises(StoreError, match="not the file"):
        audit([run], home / "first")


def test_a_run_that_is_incomplete_or_not_trusted_is_refused(home, tmp_path):
    run = tmp_path / "teacher"
    shutil.copytree(home / "data" / "teacher", run)
    (run / "selftest.json").unlink()
    with pytest.raises(SandboxError, match="self-test"):
        audit([run], home / "first")
    (run / "manifest.json").unlink()
    with pytest.raises(InputError, match="not a complete run"):
        audit([run], home / "first")
    with pytest.raises(StoreError, match="cannot read"):
        audit([tmp_path / "none"], home / "first")


def test_changed_or_missing_rows_are_refused(home, tmp_path):
    rows = tmp_path / "first"
    shutil.copytree(home / "first", rows)
    lines = (rows / "planning.jsonl").read_text().splitlines(keepends=True)
    (rows / "planning.jsonl").write_text("".join(lines[1:]))
    with pytest.raises(StoreError, match="does not hold the rows"):
        audit([home / "data" / "teacher"], rows)
    with pytest.raises(StoreError, match="cannot read"):
        audit([home / "data" / "teacher"], tmp_path)


def test_the_verb_writes_files_and_prints_tables_or_json(home, tmp_path):
    words = ("audit", str(home / "data" / "teacher"), str(home / "first"), "--out", str(tmp_path))
    done = mapcoder(tmp_path, *words)
    assert done.code == 0, done.stderr
    assert "Funnel" in done.stdout
    found = read_record(tmp_path / "audit.json", Audit)
    assert found.rejudged is None
    assert (tmp_path / "audit.md").read_text().startswith("# Audit of first")
    shown = mapcoder(tmp_path, *words, "--json")
    assert Audit.model_validate_json(shown.stdout) == found


def test_rows_that_do_not_pass_again_end_in_exit_code_1(home, tmp_path):
    rows = write_dataset([home / "data" / "teacher"], tmp_path / "loose", DatasetConfig(keep="all"))
    words = (
        "audit",
        str(home / "data" / "teacher"),
        str(tmp_path / "loose"),
        "--rejudge",
        "--json",
    )
    done = mapcoder(tmp_path, *words, *QUICK)
    assert done.code == 1
    found = Audit.model_validate_json(done.stdout).rejudged
    assert found is not None
    assert Counter(e.verdict for e in found.failed).total() == len(found.failed) > 0
    assert found.num_trajectories < rows.num_trajectories + 1
    assert 0 < found.num_rows_failed < found.num_rows
