"""Preferences: which replies are good or bad, which make a pair, how often truth says otherwise."""

import shutil
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from mapcoder_lite.agents.prompt import GUIDANCE
from mapcoder_lite.curation.decontamination import Flagged
from mapcoder_lite.curation.examples import write_dataset
from mapcoder_lite.curation.outcomes import Ground
from mapcoder_lite.curation.preferences import (
    PreferenceManifest,
    open_preferences,
    write_preferences,
)
from mapcoder_lite.curation.steps import steps_that_count
from mapcoder_lite.errors import InputError, SandboxError, StoreError
from mapcoder_lite.example import Example, Labelled, Pair
from mapcoder_lite.jsonl import read_lines, read_record, write_lines
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.sides import Side, counted, side_of_label, side_of_pair
from mapcoder_lite.pocket.truth import Truth, by_judge, truths
from mapcoder_lite.pocket.world import problem_set
from mapcoder_lite.problem import Problem
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.settings import DatasetConfig
from mapcoder_lite.trajectory import CallKind, Grade, Role, Trajectory
from mapcoder_lite.verdict import Verdict
from pocket_run import known_puzzles, resealed, teacher_run
from test_cli_main import mapcoder

EXACT = DatasetConfig(near_duplicate=1.0, max_rows_per_problem=None)
NUM_PUZZLES, NUM_SAMPLES = 36, 4


@pytest.fixture(scope="module")
def run_path(tmp_path_factory) -> Path:
    """A real, graded run of a teacher that errs often, several samples a puzzle."""
    path = tmp_path_factory.mktemp("runs") / "teacher"
    return teacher_run(path, known_puzzles(NUM_PUZZLES), samples=NUM_SAMPLES)


@pytest.fixture(scope="module")
def made(run_path, tmp_path_factory) -> tuple[PreferenceManifest, list[Pair], list[Labelled]]:
    folder = tmp_path_factory.mktemp("dataset") / "preferences"
    manifest = write_preferences([run_path], folder, EXACT)
    return manifest, *open_preferences(folder, manifest.runs)


@pytest.fixture(scope="module")
def attempts(run_path) -> dict[tuple[str, int], tuple[Trajectory, bool]]:
    passed = {
        (grade.problem_id, grade.sample): grade.is_passed
        for grade in read_lines(run_path / "grades.jsonl", Grade)
    }
    return {
        (one.problem_id, one.sample): (one, passed[one.problem_id, one.sample])
        for one in read_lines(run_path / "trajectories.jsonl", Trajectory)
    }


def copied(run_path, to):
    return shutil.copytree(run_path, to)


def test_a_pair_is_two_replies_to_one_prompt_the_chosen_one_on_a_passing_path(made, attempts):
    manifest, pairs, _ = made
    assert len(pairs) == manifest.num_pairs == sum(manifest.num_pairs_by_ground.values()) > 20
    for pair in pairs:
        chosen, rejected = (
            attempts[origin.problem_id, origin.sample][0].steps[origin.call_index]
            for origin in (pair.chosen_from, pair.rejected_from)
        )
        assert chosen.request.messages == rejected.request.messages == pair.prompt
        assert chosen.kind is rejected.kind is pair.kind
        assert pair.chosen[0].content == chosen.completion.text
        assert pair.rejected[0].content == rejected.completion.text
        assert pair.chosen != pair.rejected
        origin = pair.chosen_from
        trajectory, has_passed = attempts[origin.problem_id, origin.sample]
        assert has_passed
        assert origin.call_index in steps_that_count(trajectory)
        assert pair.tokens.rejected == rejected.completion.usage.completion_tokens


def trial_of(trajectory, call):
    return next(
        t for t in trajectory.trials if (t.plan_index, t.round) == (call.plan_index, call.round)
    )


def test_every_label_rests_on_what_its_ground_says(made, attempts):
    seen = Counter[Ground]()
    for row in made[2]:
        origin, ground = row.provenance, Ground(row.provenance.kept_by)
        trajectory, has_passed = attempts[origin.problem_id, origin.sample]
        call = trajectory.steps[origin.call_index]
        seen[ground] += 1
        assert row.label is (ground is Ground.PASSED)
        assert (call.failure is not None) is (ground is Ground.UNREADABLE)
        match ground:
            case Ground.PASSED:
                assert has_passed
            case Ground.PUBLIC:
                assert not trial_of(trajectory, call).judgement.is_accepted
            case Ground.HIDDEN:
                trial = trial_of(trajectory, call)
                assert trial.judgement.is_accepted
                assert trial.program == trajectory.program
                assert not has_passed
            case Ground.ATTEMPT:
                assert call.kind is CallKind.RETRIEVAL
                assert not has_passed
                assert trajectory.program
            case Ground.SPENT:
                tried = [t for t in trajectory.trials if t.plan_index == call.plan_index]
                assert tried
                assert not any(t.judgement.is_accepted for t in tried)
            case Ground.UNREADABLE | Ground.CORRECTED:
                pass
    assert {Ground.PASSED, Ground.UNREADABLE, Ground.PUBLIC, Ground.HIDDEN, Ground.ATTEMPT} <= (
        seen.keys()
    )


def test_a_reply_has_one_label_and_is_on_one_side(made):
    _, pairs, labels = made
    told = Counter((row.kind, row.prompt, row.completion) for row in labels)
    assert set(told.values()) == {1}
    good = {(row.kind, row.prompt, row.completion) for row in labels if row.label}
    assert good.issuperset((pair.kind, pair.prompt, pair.chosen) for pair in pairs)
    assert good.isdisjoint((pair.kind, pair.prompt, pair.rejected) for pair in pairs)


def test_what_speaks_against_a_reply_only_beside_a_better_one_has_the_better_one(made):
    better = {(row.kind, row.prompt) for row in made[2] if row.label}
    relative = [row for row in made[2] if Ground(row.provenance.kept_by).is_relative]
    assert relative
    assert all((row.kind, row.prompt) in better for row in relative)
    assert all(
        row.label or row.kind is not CallKind.CONFIDENCE or unreadable(row) for row in made[2]
    )


def unreadable(row: Labelled) -> bool:
    return row.provenance.kept_by == Ground.UNREADABLE


def test_good_replies_to_a_prompt_take_turns_with_its_bad_ones(made):
    _, pairs, labels = made
    good = Counter((row.kind, row.prompt) for row in labels if row.label)
    groups: defaultdict[object, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.kind, pair.prompt].append(pair)
    assert any(len(group) > 1 and good[key] > 1 for key, group in groups.items())
    for key, group in groups.items():
        assert len({pair.rejected for pair in group}) == len(group)
        assert len({pair.chosen for pair in group}) == min(len(group), good[key])


def test_the_ground_truth_agrees_at_a_stated_rate(made, attempts):
    """docs/design.md states the rates on a larger run; programs are certain, recalls are not."""
    _, pairs, labels = made
    puzzles = {puzzle.problem.id: puzzle for puzzle in known_puzzles(NUM_PUZZLES)}
    known: dict[tuple[str, str, int, int], Truth] = {}
    with SandboxJudge(1) as judge:
        passes = by_judge(judge)
        for (id, sample), (trajectory, _) in attempts.items():
            for step in truths(trajectory, puzzles[id], passes):
                known["teacher", id, sample, step.position] = step.truth
    sides = Counter(side_of_pair(pair, known) for pair in pairs)
    assert sides[Side.SWAPPED] <= 0.03 * len(pairs)
    grounds = [(pair.role, Ground(pair.rejected_from.kept_by)) for pair in pairs]
    recalled = [
        side_of_pair(pair, known)
        for pair, ground in zip(pairs, grounds, strict=True)
        if ground == (Role.RETRIEVAL, Ground.ATTEMPT)
    ]
    # An attempt may fail for all sorts of reasons, here mostly for its plans; every other ground
    # speaks of the reply itself, and is always right.
    assert len(pairs) - len(recalled) > 20
    assert sides[Side.RIGHT] == len(pairs) - len(recalled) + recalled.count(Side.RIGHT)
    programs = {CallKind.CODING, CallKind.DEBUGGING}
    written = [row for row in labels if row.kind in programs]
    assert len(written) > 50
    assert sum(side_of_label(row, known) is not Side.RIGHT for row in written) <= 1
    counts = counted(pairs, labels, known)
    assert sum(count.num_rows for count in counts) == len(pairs) + len(labels)
    assert (
        sum(count.num_swapped for count in counts if count.form == "pairs") == (sides[Side.SWAPPED])
    )


def test_no_problem_and_role_has_more_than_its_share(run_path, tmp_path):
    settings = DatasetConfig(near_duplicate=1.0, max_rows_per_problem=2)
    manifest = write_preferences([run_path], tmp_path / "preferences", settings)
    pairs, labels = open_preferences(tmp_path / "preferences", manifest.runs)
    of_pairs = Counter((pair.rejected_from.problem_id, pair.role) for pair in pairs)
    of_labels = Counter((row.provenance.problem_id, row.role, row.label) for row in labels)
    assert max(of_pairs.values()) == max(of_labels.values()) == 2


def test_near_copies_leave_good_and_bad_ones_apart(run_path, tmp_path, made):
    manifest = write_preferences([run_path], tmp_path / "preferences", DatasetConfig())
    assert manifest.num_unlike < manifest.num_distinct == made[0].num_distinct
    pairs, _ = open_preferences(tmp_path / "preferences", manifest.runs)
    words = [(set(p.chosen[0].content.split()), set(p.rejected[0].content.split())) for p in pairs]
    assert any(len(a & b) >= 0.8 * len(a | b) for a, b in words), "a bug of one word is taught"


def test_the_same_problems_are_set_aside_as_of_a_data_set(run_path, tmp_path):
    settings = DatasetConfig(validation_share=0.3)
    write_dataset([run_path], tmp_path / "first", settings)
    manifest = write_preferences([run_path], tmp_path / "first" / "preferences", settings)
    sides = [
        {
            row.provenance.problem_id
            for role in Role
            for row in read_lines(tmp_path / "first" / part / f"{role}.jsonl", kind)
        }
        for part, kind in (
            ("", Example),
            ("validation", Example),
            ("preferences/labels", Labelled),
            ("preferences/labels/validation", Labelled),
        )
    ]
    assert all(sides)
    assert not (sides[0] | sides[2]) & (sides[1] | sides[3])
    assert manifest.num_validation["labels"] > 0
    with pytest.raises(StoreError, match="holds preferences, which is no file of a data set"):
        write_dataset([run_path], tmp_path / "first", settings)


def test_attempts_that_prove_nothing_say_nothing(run_path, tmp_path, made):
    other = copied(run_path, tmp_path / "doubtful")
    problems = list(read_lines(other / "problems.jsonl", RunProblem))
    cut = [p.model_copy(update={"defect": "inputs cut short"}) for p in problems[:5]]
    write_lines(other / "problems.jsonl", [*cut, *problems[5:]])
    grades = list(read_lines(other / "grades.jsonl", Grade))
    broken = next(g for g in grades if g.judgement and g.problem_id == problems[9].problem_id)
    judgement = broken.judgement.model_copy(update={"verdict": Verdict.IE})
    mended = broken.model_copy(update={"judgement": judgement})
    write_lines(other / "grades.jsonl", [mended if g is broken else g for g in grades])
    manifest = write_preferences([resealed(other)], tmp_path / "preferences", EXACT)
    assert manifest.num_defective == 5 * NUM_SAMPLES
    assert manifest.num_unjudged == 1
    _, labels = open_preferences(tmp_path / "preferences", manifest.runs)
    origins = {(row.provenance.problem_id, row.provenance.sample) for row in labels}
    assert not {p.problem_id for p in cut} & {id for id, _ in origins}
    assert (broken.problem_id, broken.sample) not in origins


def test_problems_and_replies_of_an_evaluation_set_leave(run_path, tmp_path, made):
    known = list(read_lines(run_path.with_name("problems.jsonl"), Problem))
    write_lines(tmp_path / "evaluation.jsonl", known[:4])
    against = {"against": (str(tmp_path / "evaluation.jsonl"),), "max_containment": 0.99}
    settings = EXACT.model_copy(update={**against, "max_similarity": 0.99})
    manifest = write_preferences([run_path], tmp_path / "preferences", settings)
    pairs, labels = open_preferences(tmp_path / "preferences", manifest.runs)
    left = {pair.chosen_from.problem_id for pair in pairs}
    left |= {row.provenance.problem_id for row in labels}
    assert not left & {problem.id for problem in known[:4]}
    assert manifest.num_clean < manifest.num_unlike
    assert manifest.contamination is not None
    assert list(read_lines(tmp_path / "preferences" / "flagged.jsonl", Flagged))


def test_the_same_runs_make_the_same_bytes_and_replace_the_old(run_path, tmp_path):
    for name in ("one", "two", "two"):
        write_preferences([run_path], tmp_path / name, DatasetConfig())
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.json*")]
    assert len(files) == 17
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_what_cannot_be_believed_is_refused(run_path, tmp_path):
    with pytest.raises(InputError, match="not a complete run"):
        write_preferences([tmp_path], tmp_path / "rows", EXACT)
    other = copied(run_path, tmp_path / "unexamined")
    (other / "selftest.json").unlink()
    with pytest.raises(SandboxError, match="self-test"):
        write_preferences([other], tmp_path / "rows", EXACT)
    assert not (tmp_path / "rows").exists()
    with pytest.raises(StoreError, match="holds no preferences, so it is not replaced"):
        write_preferences([run_path], other, EXACT)
    assert (other / "trajectories.jsonl").exists()


def test_preferences_of_other_runs_or_with_other_rows_are_not_opened(run_path, tmp_path):
    manifest = write_preferences([run_path], tmp_path / "rows", EXACT)
    with pytest.raises(InputError, match="as they were then"):
        open_preferences(tmp_path / "rows", {"teacher": "another state"})
    write_lines(tmp_path / "rows" / "pairs" / "coding.jsonl", [])
    with pytest.raises(StoreError, match="does not hold the rows"):
        open_preferences(tmp_path / "rows", manifest.runs)


STUDENT = [
    "engine.kind=teacher", "engine.mistakes=3", "traversal.k=2", "traversal.t=1",
    "run.problems=problems.jsonl", "run.hidden_tests=hidden_tests.jsonl",
    "judge.workers=1", "judge.speed_factor=1.0",
]  # fmt: skip
SUPERVISOR = str(Path(__file__).parents[1] / "configs" / "pocket-repair.toml")


def test_a_corrected_reply_is_preferred_to_the_students_own(tmp_path):
    chosen = [puzzle for _, puzzle in zip(range(24), problem_set("train"), strict=False)]
    write_lines(tmp_path / "problems.jsonl", [puzzle.problem for puzzle in chosen])
    write_lines(tmp_path / "hidden_tests.jsonl", [puzzle.hidden for puzzle in chosen])
    settings = [word for text in STUDENT for word in ("-s", text)]
    for words in (
        ["run", "--name", "student", *settings],
        ["repair", "runs/student", "--name", "repaired", "-c", SUPERVISOR],
        ["preferences", "runs/student", "runs/repaired", "--name", "first", "--json"],
    ):
        done = mapcoder(tmp_path, *words)
        assert done.code == 0, done.stderr
    manifest = PreferenceManifest.model_validate_json(done.stdout)
    folder = tmp_path / "datasets" / "first" / "preferences"
    assert read_record(folder / "manifest.json", PreferenceManifest) == manifest
    pairs, _ = open_preferences(folder, manifest.runs)
    guided = [pair for pair in pairs if pair.chosen_from.is_guided]
    assert len(guided) == manifest.num_guided > 5
    assert {pair.role for pair in guided} >= {Role.PLANNING, Role.CODING}
    assert any(pair.rejected_from.kept_by == Ground.CORRECTED for pair in guided)
    for pair in guided:
        assert pair.chosen_from.run == "repaired"
        assert pair.chosen_from.problem_id == pair.rejected_from.problem_id
        assert all(GUIDANCE not in message.content for message in pair.prompt)
    told = mapcoder(tmp_path, "pocket", "sides", "runs/student", "runs/repaired", "datasets/first")
    assert told.code == 0, told.stderr
    assert "wrong side" in told.stdout
