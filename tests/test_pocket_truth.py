"""Ground truth of steps: hand-made right and wrong ones, and a real run of the teacher."""

import pytest

from mapcoder_lite.agents import parse
from mapcoder_lite.curation.examples import write_dataset
from mapcoder_lite.errors import InputError, SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.corpus import wrong_draft
from mapcoder_lite.pocket.family import numbered
from mapcoder_lite.pocket.problems import FAMILIES
from mapcoder_lite.pocket.truth import Tallies, Truth, by_judge, known_puzzles, truths
from mapcoder_lite.problem import Language
from mapcoder_lite.settings import DatasetConfig
from mapcoder_lite.trajectory import (
    Call,
    CallKind,
    Completion,
    Exemplar,
    Message,
    Recall,
    Request,
    StopReason,
    Trajectory,
)
from mapcoder_lite.verdict import Isolation, Judgement, Verdict
from pocket_run import known_puzzles as some_puzzles
from pocket_run import teacher_run
from test_cli_main import mapcoder

PUZZLE = some_puzzles(1)[0]
QUICK = ("-s", "judge.workers=1", "-s", "judge.speed_factor=1")
RIGHT, WRONG, HARMLESS, UNKNOWN = Truth


def call(kind: CallKind, text: str, plan_index: int | None = None) -> Call:
    request = Request(messages=(Message(role="user", content="?"),))
    completion = Completion(text=text, finish_reason="stop")
    return Call(kind=kind, request=request, completion=completion, plan_index=plan_index)


def words_on(*calls: Call, good: tuple[str, ...] = ()) -> list[Truth]:
    """The truth of calls when only the generator's own and the `good` programs pass."""
    trajectory = Trajectory(problem_id=PUZZLE.problem.id, steps=calls, stop=StopReason.SOLVED)

    def passes(puzzle, program, language):
        return program in (puzzle.draft.program, *good)

    return [step.truth for step in truths(trajectory, PUZZLE, passes)]


def recall(algorithm: str) -> Call:
    exemplars = (Exemplar(description="d", planning="p"),)
    text = parse.render_recall(Recall(exemplars=exemplars, algorithm=algorithm))
    return call(CallKind.RETRIEVAL, text)


def confidence(number: int, plan_index: int) -> Call:
    return call(CallKind.CONFIDENCE, parse.render_confidence(number, "because"), plan_index)


def wrong():
    from random import Random

    random = Random(1)
    return next(
        draft for draft in iter(lambda: wrong_draft(PUZZLE, random), None)
        if numbered(draft.plan) != numbered(PUZZLE.draft.plan)
    )  # fmt: skip


def test_a_recall_is_right_with_the_algorithm_of_its_family():
    other = next(f.algorithm for f in FAMILIES if f.algorithm != PUZZLE.family.algorithm)
    assert words_on(recall(PUZZLE.family.algorithm), recall(other), recall("magic: try")) == [
        RIGHT,
        WRONG,
        UNKNOWN,
    ]


def test_a_plan_is_judged_by_the_draft_that_it_belongs_to():
    draft = wrong()
    plans = (
        call(CallKind.PLAN, numbered(PUZZLE.draft.plan), 0),
        call(CallKind.PLAN, numbered(draft.plan), 1),
        call(CallKind.PLAN, "1. Think.\n2. Print.", 2),
    )
    assert words_on(*plans) == [RIGHT, WRONG, UNKNOWN]
    assert words_on(*plans, good=(draft.program,)) == [RIGHT, HARMLESS, UNKNOWN]


def test_a_confidence_is_judged_by_its_plan():
    calls = (
        call(CallKind.PLAN, numbered(PUZZLE.draft.plan), 0),
        call(CallKind.PLAN, numbered(wrong().plan), 1),
        confidence(90, 0),
        confidence(10, 0),
        confidence(90, 1),
        confidence(10, 1),
        confidence(10, 2),
    )
    assert words_on(*calls)[2:] == [RIGHT, WRONG, WRONG, RIGHT, UNKNOWN]


def test_programs_are_judged_by_what_they_do():
    right, bad = PUZZLE.draft, wrong()
    calls = (
        call(CallKind.CODING, parse.render_program(right.program, Language.PYTHON)),
        call(CallKind.CODING, parse.render_program(bad.program, Language.PYTHON)),
        call(CallKind.DEBUGGING, parse.render_debugging("1. x", bad.program, Language.PYTHON)),
    )
    assert words_on(*calls) == [RIGHT, WRONG, WRONG]


class Broken:
    isolation = Isolation(tier="none")

    def judge(self, program, language, tests, **_):
        return Judgement(
            verdict=Verdict.IE, num_run=0, num_total=1, num_passed=0, isolation=self.isolation
        )

    def close(self) -> None: ...


def test_a_judge_that_cannot_judge_never_says_wrong():
    passes = by_judge(Broken())
    assert passes(PUZZLE, PUZZLE.draft.program, Language.PYTHON)
    with pytest.raises(SandboxError, match="says nothing of the program"):
        passes(PUZZLE, "print(1)", Language.PYTHON)


def test_the_real_judge_is_asked_of_programs_that_are_not_the_generators():
    with SandboxJudge(1) as judge:
        passes = by_judge(judge)
        assert not passes(PUZZLE, "print('nonsense')", Language.PYTHON)
        assert passes(PUZZLE, f"# the same\n{PUZZLE.draft.program}", Language.PYTHON)


def test_problems_of_elsewhere_have_no_truth():
    assert known_puzzles([PUZZLE.problem.id], iter([PUZZLE])) == {PUZZLE.problem.id: PUZZLE}
    assert known_puzzles([], iter([PUZZLE])) == {}
    with pytest.raises(InputError, match="1 of 2 problems are not of pocket's sets, first other"):
        known_puzzles([PUZZLE.problem.id, "other"], iter([PUZZLE]))


def test_counts_by_kind():
    tallies = Tallies()
    trajectory = Trajectory(
        problem_id=PUZZLE.problem.id,
        steps=(recall(PUZZLE.family.algorithm), recall("magic: try")),
        stop=StopReason.SOLVED,
    )
    tallies.add(truths(trajectory, PUZZLE, lambda *_: True))
    rows = {row.kind: row for row in tallies.rows()}
    assert list(rows) == list(CallKind)
    recalls = rows[CallKind.RETRIEVAL]
    assert (recalls.num_steps, recalls.num_wrong, recalls.num_unknown) == (2, 0, 1)
    assert rows[CallKind.PLAN].share_wrong is None


def test_the_verb_refuses_problems_of_another_seed(tmp_path):
    run = teacher_run(tmp_path / "data" / "teacher", some_puzzles(4, seed=5))
    write_dataset([run], tmp_path / "rows", DatasetConfig())
    done = mapcoder(tmp_path, "pocket", "truth", str(run), str(tmp_path / "rows"), *QUICK)
    assert done.code == 6
    assert "not of pocket's sets" in done.stderr


def test_the_verb_counts_wrong_steps_of_a_real_run(tmp_path):
    run = teacher_run(tmp_path / "data" / "teacher", some_puzzles(12, seed=1))
    write_dataset([run], tmp_path / "rows", DatasetConfig())
    done = mapcoder(tmp_path, "pocket", "truth", str(run), str(tmp_path / "rows"), *QUICK)
    assert done.code == 0, done.stderr
    table = [line.split() for line in done.stdout.splitlines()]
    coding = [row for row in table if row[:1] == ["coding"]]
    assert len(coding) == 2
    assert coding[1][2] == "0"  # no program that fails is a row
