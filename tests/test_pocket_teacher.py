"""The scripted teacher: sees prompts only, errs at its rates, is read by the agents' parsers."""

from itertools import islice

import pytest

from mapcoder_lite import pipeline
from mapcoder_lite.agents import parse, prompt
from mapcoder_lite.errors import EngineError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.problems import puzzles
from mapcoder_lite.pocket.teacher import MUST_BE, MistakeRates, TeacherEngine
from mapcoder_lite.problem import Problem
from mapcoder_lite.trajectory import CallKind, Message, Request, StopReason
from mapcoder_lite.traversals.attempt import Dials

NEVER = MistakeRates(0, 0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def judge():
    with SandboxJudge(2) as judge:
        yield judge


def solve_all(rates: MistakeRates, judge, count=18):
    known = list(islice(puzzles("train", 9), count))
    teacher = TeacherEngine(known, rates)
    dials = Dials(k=2, t=2)
    return [pipeline.solve(puzzle.problem, teacher, judge, dials) for puzzle in known]


def test_without_mistakes_every_family_is_solved_at_once(judge):
    for trajectory in solve_all(NEVER, judge):
        assert trajectory.stop is StopReason.SOLVED
        assert len(trajectory.calls) == 1 + 2 + 2 + 1
        assert not any(call.failure for call in trajectory.calls)


def test_each_kind_of_mistake_shows_on_the_trajectory(judge):
    broken = solve_all(MistakeRates(0, 1, 0, 0, 0, 0, 0), judge, count=4)
    assert all(trajectory.stop is StopReason.NO_RECALL for trajectory in broken)
    wrong_program = solve_all(MistakeRates(0, 0, 0, 0, 1, 0, 0), judge)
    mended = [t for t in wrong_program if any(c.kind is CallKind.DEBUGGING for c in t.calls)]
    assert mended
    assert all(t.stop is StopReason.SOLVED for t in mended)
    idle = solve_all(MistakeRates(0, 0, 1, 0, 0, 1, 0), judge)
    assert any(trajectory.stop is StopReason.EXHAUSTED for trajectory in idle)


def test_equal_questions_get_equal_answers_and_attempts_differ():
    known = list(islice(puzzles("train", 9), 3))
    teacher = TeacherEngine(known)
    asked = [
        Request(messages=prompt.retrieval(known[0].problem, 3), attempt=attempt)
        for attempt in (0, 0, 1, 2)
    ]
    texts = [completion.text for completion in teacher.complete(asked)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1


def test_a_stubborn_teacher_errs_alike_in_every_attempt_and_heeds_what_it_is_told():
    known = list(islice(puzzles("train", 9), 18))
    rates = MistakeRates(0.4, 0, 0.4, 0, 0, 0, 0)
    teacher = TeacherEngine(known, rates, is_stubborn=True)
    assert teacher.identity != TeacherEngine(known, rates).identity
    algorithms = [
        {parse.recall(teacher.complete([asked])[0]).algorithm for asked in attempts(puzzle.problem)}
        for puzzle in known
    ]
    assert all(len(named) == 1 for named in algorithms)
    wrong = [p for p, named in zip(known, algorithms, strict=True) if named != {p.family.algorithm}]
    assert 0 < len(wrong) < len(known)
    right = 0
    for puzzle in wrong:
        told = prompt.guidance([f"The algorithm {MUST_BE}{puzzle.family.algorithm}"])
        again = attempts(puzzle.problem)[0].model_copy(update={"guidance": told})
        named = parse.recall(teacher.complete([again])[0]).algorithm
        right += named == puzzle.family.algorithm
    assert right > len(wrong) / 2


def attempts(problem: Problem) -> list[Request]:
    return [Request(messages=prompt.retrieval(problem, 3), attempt=attempt) for attempt in range(4)]


def test_an_unknown_problem_is_refused_with_a_remedy():
    teacher = TeacherEngine(islice(puzzles("train", 9), 2))
    foreign = Problem(id="x", statement="Print 1.", input_spec="None.")
    with pytest.raises(EngineError, match="knows only the problems"):
        teacher.complete([Request(messages=prompt.retrieval(foreign, 3))])
    with pytest.raises(EngineError, match="shows another one"):
        teacher.complete([Request(messages=(Message(role="user", content="hello"),))])
