"""Rows: only what the final program rests on, only from passing trajectories."""

import shutil
from collections import Counter

import pytest

from mapcoder_lite.agents import parse
from mapcoder_lite.curation.examples import DatasetManifest, write_dataset
from mapcoder_lite.curation.flagged import Flagged
from mapcoder_lite.curation.steps import steps_that_count
from mapcoder_lite.errors import InputError, SandboxError, StoreError
from mapcoder_lite.example import Blame, Correction, Example
from mapcoder_lite.jsonl import read_lines, read_record, write_lines, write_record
from mapcoder_lite.pocket.world import WEIGHTS
from mapcoder_lite.problem import Problem
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.settings import DatasetConfig, RunConfig
from mapcoder_lite.store import RunHeader
from mapcoder_lite.training.rows import encoded, end_tokens
from mapcoder_lite.trajectory import (
    Call,
    CallKind,
    Completion,
    FormatFailure,
    Grade,
    Role,
    Trajectory,
)
from pocket_run import known_puzzles, resealed, teacher_run


@pytest.fixture(scope="module")
def run_path(tmp_path_factory):
    """A real, graded run of the teacher over a few puzzles."""
    return teacher_run(tmp_path_factory.mktemp("runs") / "teacher", known_puzzles(36))


EXACT = DatasetConfig(near_duplicate=1.0, max_rows_per_problem=None)
"""Only equal rows are left out."""


def rows_of(folder):
    names = [f"{part}{role}.jsonl" for role in Role for part in ("", "validation/")]
    return [row for name in names for row in read_lines(folder / name, Example)]


def copied(run_path, to, *but):
    """Copy a run's files, some left out."""
    return shutil.copytree(run_path, to, ignore=shutil.ignore_patterns(*but))


def test_every_row_comes_from_a_passing_trajectory_and_its_final_path(run_path, tmp_path):
    manifest = write_dataset([run_path], tmp_path / "rows", EXACT)
    passed = {g.problem_id for g in read_lines(run_path / "grades.jsonl", Grade) if g.is_passed}
    trajectories = {
        t.problem_id: t for t in read_lines(run_path / "trajectories.jsonl", Trajectory)
    }
    rows = rows_of(tmp_path / "rows")
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
    strict = write_dataset([run_path], tmp_path / "strict", EXACT)
    all_of_them = EXACT.model_copy(update={"keep": "all"})
    loose = write_dataset([run_path], tmp_path / "loose", all_of_them)
    assert loose.num_kept > strict.num_kept
    words = Counter(row.provenance.kept_by for row in rows_of(tmp_path / "loose"))
    assert set(words) == {"passed all hidden tests", "no filter"}
    assert (strict.settings.keep, strict.num_failed) == ("passing", 0)
    assert (loose.settings.keep, loose.num_failed) == ("all", words["no filter"])
    assert read_record(tmp_path / "loose" / "manifest.json", DatasetManifest) == loose


def test_equal_rows_are_kept_once(run_path, tmp_path):
    other = copied(run_path, tmp_path / "other")
    once = write_dataset([run_path], tmp_path / "once", EXACT)
    twice = write_dataset([run_path, other], tmp_path / "twice", EXACT)
    assert twice.num_kept == 2 * once.num_kept
    assert twice.num_rows == once.num_rows
    assert {row.provenance.run for row in rows_of(tmp_path / "twice")} == {"teacher"}


def test_the_stages_lose_rows_one_after_another(run_path, tmp_path):
    settings = DatasetConfig(near_duplicate=0.9, max_rows_per_problem=1)
    manifest = write_dataset([run_path], tmp_path / "rows", settings)
    assert manifest.num_steps > manifest.num_kept >= manifest.num_distinct > manifest.num_unlike
    assert manifest.num_unlike == manifest.num_clean > manifest.num_rows
    rows = rows_of(tmp_path / "rows")
    assert len(rows) == manifest.num_rows == sum(manifest.num_rows_by_kind.values())
    most = Counter((row.provenance.problem_id, row.role) for row in rows)
    assert set(most.values()) == {1}
    assert all(after == 1 for _, after in manifest.most_rows_per_problem.values())


def test_no_problem_is_trained_and_validated_on(run_path, tmp_path):
    write_dataset([run_path], tmp_path / "rows", DatasetConfig(validation_share=0.3))
    sides = [
        {
            row.provenance.problem_id
            for role in Role
            for row in read_lines(folder / f"{role}.jsonl", Example)
        }
        for folder in (tmp_path / "rows", tmp_path / "rows" / "validation")
    ]
    assert all(sides)
    assert not sides[0] & sides[1]


def test_the_same_runs_make_the_same_bytes_and_replace_the_old(run_path, tmp_path):
    for name in ("one", "two", "two"):
        write_dataset([run_path], tmp_path / name, DatasetConfig())
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.json*")]
    assert len(files) == 9
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_the_order_in_which_attempts_ended_changes_no_row(run_path, tmp_path):
    other = copied(run_path, tmp_path / "teacher")
    lines = list(read_lines(other / "trajectories.jsonl", Trajectory))
    write_lines(other / "trajectories.jsonl", reversed(lines))
    resealed(other)
    settings = DatasetConfig(near_duplicate=0.9, max_rows_per_problem=2)
    for run, name in ((run_path, "one"), (other, "two")):
        write_dataset([run], tmp_path / name, settings)
    assert rows_of(tmp_path / "one") == rows_of(tmp_path / "two")


def test_a_folder_that_is_no_data_set_is_left_alone(run_path, tmp_path):
    run = copied(run_path, tmp_path / "precious")
    (tmp_path / "first.new").mkdir()
    with pytest.raises(StoreError, match="no data set"):
        write_dataset([run_path], run, EXACT)
    with pytest.raises(StoreError, match="no data set"):
        write_dataset([run_path], run / "config.json", EXACT)
    assert (run / "trajectories.jsonl").exists()
    write_dataset([run_path], tmp_path / "first", EXACT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "first.new", "precious"]


def test_tokens_are_counted_by_who_answered_or_by_the_tokenizer_that_is_named(run_path, tmp_path):
    settings = EXACT.model_copy(update={"tokenizer": str(WEIGHTS / "pocket-backbone")})
    by_teacher = write_dataset([run_path], tmp_path / "said", EXACT)
    by_student = write_dataset([run_path], tmp_path / "measured", settings)
    assert by_teacher.counted_by == ("pocket-teacher",)
    assert by_student.counted_by == ("pocket-backbone",)
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(WEIGHTS / "pocket-backbone")
    rows = rows_of(tmp_path / "measured")
    ends = end_tokens(tokenizer, WEIGHTS / "pocket-backbone")
    for row in rows[::7]:
        trained = encoded(row, tokenizer, ends)
        assert row.tokens.prompt == trained.num_prompt
        assert row.tokens.prompt + row.tokens.completion == trained.num_rendered
    longest = max(row.tokens.prompt + row.tokens.completion for row in rows)
    assert longest == max(count.longest for count in by_student.tokens.values())


def test_problems_of_an_evaluation_set_and_replies_that_recall_one_leave(run_path, tmp_path):
    clean = write_dataset([run_path], tmp_path / "all", EXACT)
    rows = rows_of(tmp_path / "all")
    known = {p.id: p for p in read_lines(run_path.with_name("problems.jsonl"), Problem)}
    copy = known[rows[0].provenance.problem_id]
    recalled = rows[-1].completion[0].content
    evaluation = [
        copy.model_copy(update={"id": "eval-1", "statement": copy.statement.upper() + " !!!"}),
        Problem(id="eval-2", statement=recalled),
    ]
    write_lines(tmp_path / "evaluation.jsonl", evaluation)
    settings = EXACT.model_copy(
        update={"against": (str(tmp_path / "evaluation.jsonl"),), "max_containment": 0.95}
    )
    manifest = write_dataset([run_path], tmp_path / "clean", settings)
    flagged = list(read_lines(tmp_path / "clean" / "flagged.jsonl", Flagged))
    assert manifest.contamination is not None
    assert manifest.num_clean < clean.num_clean
    assert copy.id in {one.problem_id for one in flagged if one.reply is None}
    assert any(one.match.problem_id == "eval-2" for one in flagged if one.reply is not None)
    left = rows_of(tmp_path / "clean")
    assert copy.id not in {row.provenance.problem_id for row in left}
    assert recalled not in {row.completion[0].content for row in left}
    counts = [c.problems_by_containment for c in manifest.contamination.curve]
    assert counts == sorted(counts, reverse=True)
    reported = write_dataset(
        [run_path], tmp_path / "kept", settings.model_copy(update={"drop_overlap": False})
    )
    assert reported.num_rows == clean.num_rows
    assert list(read_lines(tmp_path / "kept" / "flagged.jsonl", Flagged)) == flagged


def test_problems_that_were_changed_since_the_run_are_not_compared(run_path, tmp_path):
    run = copied(run_path, tmp_path / "teacher")
    changed = tmp_path / "problems.jsonl"
    known = list(read_lines(run_path.with_name("problems.jsonl"), Problem))
    write_lines(changed, [p.model_copy(update={"statement": "Another one."}) for p in known])
    header = read_record(run / "config.json", RunHeader)
    config = header.config.model_copy(update={"run": RunConfig(problems=str(changed))})
    write_record(run / "config.json", header.model_copy(update={"config": config}))
    settings = DatasetConfig(against=(str(changed),))
    with pytest.raises(InputError, match="no longer those that the agents were shown"):
        write_dataset([run], tmp_path / "rows", settings)


def test_a_plan_that_was_asked_for_with_a_recalled_evaluation_problem_leaves(run_path, tmp_path):
    write_dataset([run_path], tmp_path / "all", EXACT)
    rows = rows_of(tmp_path / "all")
    recalls = {
        row.provenance.problem_id: parse.recall(
            Completion(text=row.completion[0].content, finish_reason="stop")
        )
        for row in rows
        if row.kind is CallKind.RETRIEVAL
    }
    shown, recalled = next(
        (row.prompt[-1].content, exemplar.description)
        for row in rows
        if row.kind is CallKind.PLAN
        for exemplar in recalls[row.provenance.problem_id].exemplars
        if exemplar.description in row.prompt[-1].content
    )
    write_lines(tmp_path / "evaluation.jsonl", [Problem(id="eval", statement=recalled)])
    against = {"against": (str(tmp_path / "evaluation.jsonl"),), "max_containment": 1.0}
    write_dataset([run_path], tmp_path / "clean", EXACT.model_copy(update=against))
    left = {row.prompt[-1].content for row in rows_of(tmp_path / "clean")}
    assert left
    assert shown not in left


def test_an_evaluation_set_that_is_the_training_set_leaves_nothing(run_path, tmp_path):
    settings = DatasetConfig(against=(str(run_path.with_name("problems.jsonl")),))
    with pytest.raises(InputError, match="overlap with an evaluation set"):
        write_dataset([run_path], tmp_path / "rows", settings)
    assert not (tmp_path / "rows").exists()


def test_runs_that_cannot_be_believed_are_refused(run_path, tmp_path):
    with pytest.raises(InputError, match="not a complete run"):
        write_dataset([tmp_path], tmp_path / "rows", EXACT)
    with pytest.raises(InputError, match="not graded"):
        write_dataset(
            [copied(run_path, tmp_path / "ungraded", "grades.jsonl")], tmp_path / "rows", EXACT
        )
    with pytest.raises(SandboxError, match="self-test"):
        write_dataset(
            [copied(run_path, tmp_path / "unexamined", "selftest.json")], tmp_path / "rows", EXACT
        )
    with pytest.raises(InputError, match="2 runs are called teacher"):
        write_dataset([run_path, copied(run_path, tmp_path / "teacher")], tmp_path / "rows", EXACT)
    with pytest.raises(InputError, match="nowhere"):
        write_dataset([run_path], tmp_path / "rows", DatasetConfig(against=("nowhere.jsonl",)))
    assert not (tmp_path / "rows").exists()


def test_verdicts_that_were_changed_after_the_run_are_not_believed(run_path, tmp_path):
    other = copied(run_path, tmp_path / "changed")
    grades = list(read_lines(other / "grades.jsonl", Grade))
    passed = next(grade.judgement for grade in grades if grade.is_passed)
    changed = [grade.model_copy(update={"judgement": passed}) for grade in grades]
    write_lines(other / "grades.jsonl", changed)
    with pytest.raises(StoreError, match=r"grades.jsonl is not the file that the run's manifest"):
        write_dataset([other], tmp_path / "rows", EXACT)


def test_a_data_set_that_a_kill_left_under_its_other_name_comes_back(run_path, tmp_path):
    write_dataset([run_path], tmp_path / "rows", EXACT)
    whole = rows_of(tmp_path / "rows")
    (tmp_path / "rows").rename(tmp_path / ".rows.old")
    with pytest.raises(InputError, match="nowhere"):
        write_dataset([run_path], tmp_path / "rows", DatasetConfig(against=("nowhere.jsonl",)))
    assert rows_of(tmp_path / "rows") == whole
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]


def test_a_strange_file_in_a_data_set_is_not_removed_with_it(run_path, tmp_path):
    write_dataset([run_path], tmp_path / "rows", EXACT)
    (tmp_path / "rows" / "audit.json").write_text("{}")
    write_dataset([run_path], tmp_path / "rows", EXACT)
    (tmp_path / "rows" / "NOTES.md").write_text("mine")
    with pytest.raises(StoreError, match=r"holds NOTES.md, which is no file of a data set"):
        write_dataset([run_path], tmp_path / "rows", EXACT)
    assert (tmp_path / "rows" / "NOTES.md").read_text() == "mine"


def test_problems_with_defective_tests_teach_nothing(run_path, tmp_path):
    other = copied(run_path, tmp_path / "defective")
    problems = list(read_lines(other / "problems.jsonl", RunProblem))
    cut = [p.model_copy(update={"defect": "inputs cut short"}) for p in problems[:10]]
    write_lines(other / "problems.jsonl", [*cut, *problems[10:]])
    resealed(other)
    manifest = write_dataset([other], tmp_path / "rows", EXACT)
    assert manifest.num_defective == 10
    left = {row.provenance.problem_id for row in rows_of(tmp_path / "rows")}
    assert not left & {p.problem_id for p in cut}


def test_rows_of_a_repaired_run_say_which_round_and_which_reply_was_guided(run_path, tmp_path):
    other = copied(run_path, tmp_path / "repaired")
    plain = write_dataset([other], tmp_path / "plain", EXACT)
    first = rows_of(tmp_path / "plain")[0].provenance
    facts = {"problem_id": first.problem_id, "sample": 0, "supervisor": "s"}
    blame = Blame(call_index=0, role=Role.RETRIEVAL, reason="r", feedback="f")
    write_lines(
        other / "corrections.jsonl",
        [
            Correction(**facts, round=1, blame=blame, guided=(99,)),
            Correction(**facts, round=2, blame=blame, is_changed=True, guided=(99,)),
            Correction(**facts, round=3, blame=blame, guided=(99, first.call_index)),
            Correction(**facts, round=4, failure=FormatFailure(kind="no_root", detail="d")),
        ],
    )
    assert write_dataset([other], tmp_path / "rows", EXACT).num_rows == plain.num_rows
    rows = [row.provenance for row in rows_of(tmp_path / "rows")]
    mended = [origin for origin in rows if origin.problem_id == first.problem_id]
    assert {origin.round for origin in mended} == {2}
    assert [o.call_index for o in mended if o.is_guided] == [first.call_index]
    assert {origin.round for origin in rows if origin not in mended} == {0}
