"""Rows: only what the final program rests on, only from passing trajectories."""

from itertools import islice

import pytest

from mapcoder_lite import pipeline, runner
from mapcoder_lite.config import Config
from mapcoder_lite.curation.examples import DatasetManifest, steps_that_count, write_dataset
from mapcoder_lite.errors import InputError
from mapcoder_lite.example import Example
from mapcoder_lite.jsonl import read_lines, read_record
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.problems import puzzles
from mapcoder_lite.pocket.teacher import MistakeRates, TeacherEngine
from mapcoder_lite.store import RunDirectory, RunHeader
from mapcoder_lite.trajectory import Call, CallKind, Grade, Role, Trajectory
from mapcoder_lite.work import samples_of

RATES = MistakeRates(0.1, 0.1, 0.3, 0.3, 0.5, 0.2, 0.2)
"""Many mistakes, so that every kind of step is dropped somewhere."""


@pytest.fixture(scope="module")
def run_path(tmp_path_factory):
    """A real, graded run of the teacher over a few puzzles."""
    path = tmp_path_factory.mktemp("runs") / "teacher"
    known = list(islice(puzzles("train", 11), 36))
    teacher = TeacherEngine(known, RATES)
    work = samples_of(
        tuple(puzzle.problem for puzzle in known),
        {puzzle.problem.id: puzzle.hidden for puzzle in known},
        1,
    )
    config = Config()
    header = RunHeader(
        config=config,
        config_digest=config.digest,
        problems_digest=work.digest,
        engine_identity=teacher.identity,
        version="test",
    )
    dials = pipeline.Dials(k=2, t=2)
    with SandboxJudge(2) as judge, RunDirectory(path, header, work.facts()) as directory:
        worker = runner.Worker(
            work,
            lambda problem, sample: pipeline.solve(problem, teacher, judge, dials, sample=sample),
            judge,
        )
        runner.run(work, runner.Threads(worker, 2), directory, max_errors=1)
    return path


def rows_of(folder):
    return [row for role in Role for row in read_lines(folder / f"{role}.jsonl", Example)]


def test_every_row_comes_from_a_passing_trajectory_and_its_final_path(run_path, tmp_path):
    manifest = write_dataset([run_path], tmp_path)
    passed = {g.problem_id for g in read_lines(run_path / "grades.jsonl", Grade) if g.is_passed}
    trajectories = {
        t.problem_id: t for t in read_lines(run_path / "trajectories.jsonl", Trajectory)
    }
    rows = rows_of(tmp_path)
    assert 0 < len(passed) < len(trajectories) == manifest.num_trajectories
    assert {row.provenance.problem_id for row in rows} <= passed
    for row in rows:
        step = trajectories[row.provenance.problem_id].steps[row.provenance.call_index]
        assert isinstance(step, Call)
        assert row.prompt == step.request.messages
        assert row.completion[0].content == step.completion.text
        assert row.kind is step.kind
        assert row.role is step.role
        assert step.failure is None
    assert manifest.num_rows == len(rows) <= manifest.num_kept < manifest.num_steps


def test_failed_programs_and_patches_that_did_not_mend_are_not_taught(run_path):
    seen_mended = 0
    for trajectory in read_lines(run_path / "trajectories.jsonl", Trajectory):
        calls = [trajectory.steps[position] for position in steps_that_count(trajectory)]
        writers = [c for c in calls if c.kind in (CallKind.CODING, CallKind.DEBUGGING)]
        assert len(writers) <= 1
        if writers and writers[0].kind is CallKind.DEBUGGING:
            seen_mended += 1
            assert trajectory.program in writers[0].completion.text
    assert seen_mended


def test_a_dropped_plan_is_not_taught(run_path):
    dropped = 0
    for trajectory in read_lines(run_path / "trajectories.jsonl", Trajectory):
        kept = {trajectory.steps[p] for p in steps_that_count(trajectory)}
        plans = [call for call in kept if call.kind is CallKind.PLAN]
        assert len(plans) <= 1
        dropped += sum(c.kind is CallKind.PLAN and c not in kept for c in trajectory.calls)
    assert dropped


def test_without_the_filter_failed_trajectories_come_too_and_say_so(run_path, tmp_path):
    strict = write_dataset([run_path], tmp_path / "strict")
    loose = write_dataset([run_path], tmp_path / "loose", keep_failed=True)
    assert loose.num_kept > strict.num_kept
    assert {row.provenance.kept_by for row in rows_of(tmp_path / "loose")} == {"no filter"}
    assert read_record(tmp_path / "loose" / "manifest.json", DatasetManifest) == loose


def test_duplicates_are_left_out(run_path, tmp_path):
    once = write_dataset([run_path], tmp_path / "once")
    twice = write_dataset([run_path, run_path], tmp_path / "twice")
    assert twice.num_kept == 2 * once.num_kept
    assert twice.num_rows == once.num_rows


def test_an_unfinished_or_ungraded_run_is_refused(run_path, tmp_path):
    with pytest.raises(InputError, match="not a complete run"):
        write_dataset([tmp_path], tmp_path / "rows")
    (tmp_path / "manifest.json").write_text((run_path / "manifest.json").read_text())
    with pytest.raises(InputError, match="not graded"):
        write_dataset([tmp_path], tmp_path / "rows")
