"""The scripted supervisor blames by ground truth; the teacher heeds what is to the point."""

from itertools import islice

import pytest

from mapcoder_lite import pipeline
from mapcoder_lite.agents import prompt
from mapcoder_lite.curation.supervisor import ModelSupervisor
from mapcoder_lite.errors import EngineError
from mapcoder_lite.example import Blame
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.families import FAMILIES
from mapcoder_lite.pocket.family import numbered
from mapcoder_lite.pocket.problems import puzzles
from mapcoder_lite.pocket.supervisor import ErrorRates, SupervisorEngine, culprit, wrong_steps
from mapcoder_lite.pocket.teacher import MUST_BE, MistakeRates, TeacherEngine
from mapcoder_lite.problem import Language
from mapcoder_lite.runner import grade
from mapcoder_lite.trajectory import Call, CallKind, FormatFailure, Message, Request, Role, Sampling
from mapcoder_lite.traversals.attempt import Dials

KNOWN = list(islice(puzzles("train", 9), len(FAMILIES)))
NEVER = MistakeRates(0, 0, 0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def judge():
    with SandboxJudge(2) as judge:
        yield judge


def attempts(rates: MistakeRates, judge: SandboxJudge):
    """Every puzzle with a whole attempt at it, and whether it passed."""
    teacher = TeacherEngine(KNOWN, rates)
    for puzzle in KNOWN:
        found = pipeline.solve(puzzle.problem, teacher, judge, Dials(k=2, t=1))
        yield puzzle, found, grade(found, puzzle.problem, puzzle.hidden, judge).is_passed


def kinds(trajectory, places):
    steps = [trajectory.steps[place] for place in places]
    assert all(isinstance(step, Call) for step in steps)
    return {step.kind for step in steps}


def test_where_nobody_errs_nothing_is_wrong(judge):
    for puzzle, trajectory, is_passed in attempts(NEVER, judge):
        assert is_passed
        assert wrong_steps(puzzle, trajectory) == []
        assert culprit(puzzle, trajectory) is None


@pytest.mark.parametrize(
    ("rates", "kind"),
    [
        (MistakeRates(1, 0, 0, 0, 0, 0, 0, 1), CallKind.RETRIEVAL),
        (MistakeRates(0, 0, 1, 0, 0, 1, 0, 0), CallKind.PLAN),
        (MistakeRates(0, 0, 0, 0, 1, 0, 1, 0), CallKind.CODING),
        (MistakeRates(0, 1, 0, 0, 0, 0, 0, 0), CallKind.RETRIEVAL),
    ],
)
def test_the_role_that_errs_is_the_culprit(rates: MistakeRates, kind: CallKind, judge):
    failures = [(p, t) for p, t, is_passed in attempts(rates, judge) if not is_passed]
    assert failures
    for puzzle, trajectory in failures:
        place = culprit(puzzle, trajectory)
        assert place is not None
        assert place in wrong_steps(puzzle, trajectory)
        assert kinds(trajectory, [place]) == {kind}


def test_a_misjudged_plan_and_a_patch_that_does_not_mend_are_wrong_steps(judge):
    misjudged = [
        kinds(t, wrong_steps(p, t))
        for p, t, _ in attempts(MistakeRates(0, 0, 0, 1, 0, 0, 0), judge)
    ]
    assert misjudged == [{CallKind.CONFIDENCE}] * len(KNOWN)
    patched = [
        kinds(t, wrong_steps(p, t))
        for p, t, _ in attempts(MistakeRates(0, 0, 0, 0, 1, 0, 1), judge)
    ]
    assert {CallKind.CODING, CallKind.DEBUGGING} in patched


def test_without_errors_the_supervisor_reads_the_culprit_from_its_prompt(judge):
    always = ModelSupervisor(SupervisorEngine(KNOWN, ErrorRates(0, 0)), Sampling())
    seen = set[Role]()
    for puzzle, trajectory, is_passed in attempts(MistakeRates().times(3), judge):
        if is_passed:
            continue
        blame = always.blame(puzzle.problem, trajectory, 1)
        assert isinstance(blame, Blame)
        assert blame.call_index == culprit(puzzle, trajectory)
        assert MUST_BE in blame.feedback
        seen.add(blame.role)
    assert {Role.RETRIEVAL, Role.PLANNING, Role.CODING} <= seen


def test_it_errs_at_its_rates(judge):
    failures = [(p, t) for p, t, ok in attempts(MistakeRates().times(3), judge) if not ok]
    useless = ModelSupervisor(SupervisorEngine(KNOWN, ErrorRates(0, 1)), Sampling())
    astray = ModelSupervisor(SupervisorEngine(KNOWN, ErrorRates(1, 0)), Sampling())
    for puzzle, trajectory in failures:
        assert isinstance(useless.blame(puzzle.problem, trajectory, 1), FormatFailure)
        blame = astray.blame(puzzle.problem, trajectory, 1)
        assert isinstance(blame, Blame)
        guilty = trajectory.steps[culprit(puzzle, trajectory)]
        is_alone = {call.role for call in trajectory.calls} == {guilty.role}
        assert is_alone or blame.role is not guilty.role
    assert ErrorRates().times(100) == ErrorRates(1, 1)
    assert SupervisorEngine(KNOWN).identity != SupervisorEngine(KNOWN, ErrorRates(1, 0)).identity


def test_foreign_and_empty_questions():
    with pytest.raises(EngineError, match="shows another one"):
        SupervisorEngine(KNOWN).complete(
            [Request(messages=(Message(role="user", content="Who did it?"),))]
        )
    bare = prompt.supervisor(KNOWN[0].problem, [], "Nothing happened.")
    said = SupervisorEngine(KNOWN).complete([Request(messages=bare)])
    assert said[0].text == "There is nothing to judge."


def wrong_plans(guidance: str | None, *, in_the_messages: bool = False) -> int:
    """How many of 18 plans are wrong of a teacher that always errs."""
    teacher = TeacherEngine(KNOWN, MistakeRates(0, 0, 1, 0, 0, 0, 0))
    count = 0
    for puzzle in KNOWN:
        example = prompt.plan(puzzle.problem, puzzle.family.algorithm, EXEMPLAR)
        told = None if guidance is None else guidance.replace("STEP", puzzle.draft.plan[1])
        request = Request(messages=example, adapter="planning", guidance=told)
        if in_the_messages:
            request = Request(messages=request.messages_sent, adapter="planning")
        text = teacher.complete([request])[0].text
        count += text != numbered(puzzle.draft.plan)
    return count


EXEMPLAR = prompt.Exemplar(description="A similar one.", planning="1. Do it.")
EXACT = prompt.guidance([f"Step 2 is wrong, it {MUST_BE}STEP"])


def test_the_teacher_heeds_what_is_to_the_point_and_nothing_else():
    alone = wrong_plans(None)  # a mistake in a constant that no step names is none
    assert alone > 14
    assert wrong_plans(prompt.guidance(["Something is wrong with this reply."])) > 14
    assert wrong_plans(EXACT) < alone / 3
    assert wrong_plans(EXACT, in_the_messages=True) < alone / 3


def test_guidance_changes_the_draw_and_not_what_is_read():
    puzzle = KNOWN[0]
    teacher = TeacherEngine(KNOWN, MistakeRates(0, 0, 0, 0, 1, 0, 0))
    plan = "\n".join(f"{n}. {step}" for n, step in enumerate(puzzle.draft.plan, 1))
    question = prompt.coding(puzzle.problem, puzzle.family.algorithm, plan, Language.PYTHON)
    vague = [prompt.guidance([f"Think again, {n}."]) for n in range(12)]
    asked = [Request(messages=question, guidance=text) for text in (None, None, *vague)]
    texts = [completion.text for completion in teacher.complete(asked)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 2
