"""Hard problems get the attempts they need, easy ones no more, and what is kept is less biased."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite import config
from mapcoder_lite.curation.resampling import (
    TARGET_CHANCE,
    WEIGHT_OF_STRATUM,
    Score,
    follow_up,
    next_units,
    num_attempts,
)
from mapcoder_lite.errors import ConfigError
from mapcoder_lite.problem import Problem
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.runner import run, with_rounds
from mapcoder_lite.settings import RunConfig
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Grade, StopReason, Trajectory
from mapcoder_lite.verdict import Isolation, Judgement, Verdict
from test_runner import EQUAL, grades, opened, threads, work

PASS_RATES = {"sorting": 0.9, "graphs": 0.5, "geometry": 0.12}
"""Of the synthetic world: the chance that an attempt at a problem of the tag passes."""


def graded(id: str, sample: int, verdict: Verdict | None) -> Grade:
    judgement = None
    if verdict is not None:
        judgement = Judgement(
            verdict=verdict, num_run=1, num_total=1, num_passed=0, isolation=Isolation(tier="none")
        )
    return Grade(problem_id=id, sample=sample, judgement=judgement)


def wanted(passes: int = 1, *, samples: int = 1, most: int = 16) -> RunConfig:
    return RunConfig(hidden_tests="h", samples=samples, wanted_passes=passes, max_samples=most)


def synthetic(number: int = 300) -> list[RunProblem]:
    tags = list(PASS_RATES)
    return [
        RunProblem(problem_id=f"p{n}", tags=(tags[n % 3],), difficulty=800 + 400 * (n % 3))
        for n in range(number)
    ]


def drawn(problem: RunProblem, sample: int) -> Grade:
    is_passed = Random(f"{problem.problem_id}/{sample}").random() < PASS_RATES[problem.tags[0]]
    return graded(problem.problem_id, sample, Verdict.AC if is_passed else Verdict.WA)


def all_rounds(settings: RunConfig, problems: Sequence[RunProblem]) -> tuple[list[Grade], int]:
    """Every grade of a run of these problems, and the number of rounds."""
    by_id = {problem.problem_id: problem for problem in problems}
    units = [Unit(id, sample) for sample in range(settings.samples) for id in by_id]
    more, num_rounds = units, 0
    while more:
        num_rounds += 1
        found = [drawn(by_id[unit.problem_id], unit.sample) for unit in units]
        more = next_units(settings, problems, units, found)
        units = [*units, *more]
    return [drawn(by_id[unit.problem_id], unit.sample) for unit in units], num_rounds


def distance(kept: Counter[str], whole: Counter[str]) -> float:
    """Jensen-Shannon distance, base 2."""
    total = 0.0
    for tag in whole:
        p, q = kept[tag] / kept.total(), whole[tag] / whole.total()
        middle = (p + q) / 2
        total += sum(share * math.log2(share / middle) for share in (p, q) if share) / 2
    return math.sqrt(total)


def tags_of_passed(problems: Sequence[RunProblem], found: Sequence[Grade]) -> Counter[str]:
    passed = {grade.problem_id for grade in found if grade.is_passed}
    return Counter(p.tags[0] for p in problems if p.problem_id in passed)


def test_the_kept_problems_come_closer_to_the_problem_set():
    problems = synthetic()
    found, num_rounds = all_rounds(wanted(), problems)
    first = [grade for grade in found if grade.sample == 0]
    whole = Counter(problem.tags[0] for problem in problems)
    before, after = (tags_of_passed(problems, part) for part in (first, found))
    assert distance(before, whole) > 0.25
    assert distance(after, whole) < 0.06
    assert before["geometry"] < 0.2 * whole["geometry"]
    assert after["geometry"] > 0.8 * whole["geometry"]
    attempts = Counter(grade.problem_id for grade in found)
    a_problem = {
        tag: sum(attempts[p.problem_id] for p in problems if p.tags == (tag,)) / whole[tag]
        for tag in whole
    }
    assert a_problem["sorting"] < a_problem["graphs"] < a_problem["geometry"]
    assert a_problem["sorting"] < 1.6
    assert num_rounds <= 6
    assert max(attempts.values()) <= 16


def test_several_passes_are_brought_and_few_attempts_are_in_vain():
    problems = synthetic()
    found, _ = all_rounds(wanted(3, samples=2, most=40), problems)
    passes = Counter(grade.problem_id for grade in found if grade.is_passed)
    assert sum(passes[p.problem_id] >= 3 for p in problems) > 0.93 * len(problems)
    easy = [p.problem_id for p in problems if p.tags == ("sorting",)]
    assert sum(passes[id] for id in easy) < 5 * len(easy)


def chance_of_enough(num_lacking: int, number: int, a: float, b: float) -> float:
    """The beta-binomial law by its formula: C(n, k) B(k + a, n - k + b) / B(a, b), k enough."""

    def log_beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    return sum(
        math.comb(number, k) * math.exp(log_beta(k + a, number - k + b) - log_beta(a, b))
        for k in range(num_lacking, number + 1)
    )


@given(
    num_lacking=st.integers(1, 4),
    num_passed=st.integers(0, 3),
    num_failed=st.integers(0, 10),
    rate=st.floats(0.02, 0.98),
)
def test_the_number_of_attempts_is_the_least_that_is_enough(
    num_lacking: int, num_passed: int, num_failed: int, rate: float
):
    score = Score(num_passed, num_passed + num_failed)
    number = num_attempts(num_lacking, score, rate, at_most=60)
    a = WEIGHT_OF_STRATUM * rate + num_passed
    b = WEIGHT_OF_STRATUM * (1 - rate) + num_failed
    assert num_lacking <= number <= 60
    if number < 60:
        assert chance_of_enough(num_lacking, number, a, b) >= TARGET_CHANCE - 1e-9
    assert chance_of_enough(num_lacking, number - 1, a, b) < TARGET_CHANCE + 1e-9


def test_harder_kinds_and_more_failures_ask_for_more():
    easy, hard = (num_attempts(1, Score(0, 1), rate, at_most=99) for rate in (0.9, 0.2))
    assert easy < hard < num_attempts(1, Score(0, 8), 0.2, at_most=99)
    assert num_attempts(1, Score(0, 16), 0.5, at_most=0) == 0
    assert num_attempts(1, Score(0, 1), 0.01, at_most=5) == 5


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[RunProblem], list[Unit], list[Grade]]:
    problems, units, found = list[RunProblem](), list[Unit](), list[Grade]()
    verdicts = st.sampled_from([Verdict.AC, Verdict.WA, Verdict.IE, None])
    for n in range(draw(st.integers(1, 8))):
        problem = RunProblem(
            problem_id=f"p{n}",
            tags=tuple(draw(st.lists(st.sampled_from("abc"), max_size=2))),
            difficulty=draw(st.sampled_from([None, 800, 1100])),
            defect=draw(st.sampled_from([None, None, "cut"])),
        )
        problems.append(problem)
        for sample in range(draw(st.integers(1, 4))):
            units.append(Unit(problem.problem_id, sample))
            found.append(graded(problem.problem_id, sample, draw(verdicts)))
    return problems, units, found


@settings(max_examples=60)
@given(question=questions(), passes=st.integers(1, 3), seed=st.integers(0, 9))
def test_whoever_lacks_passes_and_is_sound_gets_new_units_up_to_the_cap(
    question: tuple[list[RunProblem], list[Unit], list[Grade]], passes: int, seed: int
):
    problems, units, found = question
    policy = wanted(passes, most=6)
    more = next_units(policy, problems, units, found)
    assert len(set(more)) == len(more)
    assert set(more).isdisjoint(units)
    for problem in problems:
        id = problem.problem_id
        sound = [g for g in found if g.problem_id == id and (not g.judgement or not is_ie(g))]
        num_passed = sum(grade.is_passed for grade in sound)
        got = sorted(unit.sample for unit in more if unit.problem_id == id)
        used = sum(unit.problem_id == id for unit in units)
        lacks = bool(sound) and problem.defect is None and num_passed < passes
        assert bool(got) == lacks
        assert got == list(range(used, used + len(got)))
        assert used + len(got) <= 6
    Random(seed).shuffle(units)
    Random(seed).shuffle(found)
    assert next_units(policy, problems, units, found) == more


def is_ie(grade: Grade) -> bool:
    return grade.judgement is not None and grade.judgement.verdict is Verdict.IE


def test_a_judge_that_failed_makes_no_kind_look_hard():
    problems = [RunProblem(problem_id=f"p{n}", tags=("a",)) for n in range(9)]
    units = [Unit(problem.problem_id, 0) for problem in problems]

    def asked(others: Verdict, defect: str | None = None) -> list[Unit]:
        found = [graded("p0", 0, Verdict.WA)]
        found += [graded(f"p{n}", 0, others) for n in range(1, 9)]
        marked = [p.model_copy(update={"defect": defect}) for p in problems[1:]]
        return next_units(wanted(most=99), [problems[0], *marked], units, found)

    of_p0 = [sum(u.problem_id == "p0" for u in asked(v)) for v in (Verdict.IE, Verdict.WA)]
    assert of_p0[0] < of_p0[1]
    assert asked(Verdict.WA, "cut") == asked(Verdict.IE)


def test_rates_are_those_of_the_first_attempts_alone():
    problems = synthetic(30)
    first = [drawn(problem, 0) for problem in problems]
    units = [Unit(problem.problem_id, 0) for problem in problems]
    failing = next(g.problem_id for g in first if not g.is_passed)
    late = [graded("p0", sample, Verdict.WA) for sample in range(1, 12)]
    before, after = (
        [unit for unit in next_units(wanted(), problems, us, gs) if unit.problem_id == failing]
        for us, gs in (
            (units, first),
            ([*units, *(Unit("p0", g.sample) for g in late)], [*first, *late]),
        )
    )
    assert failing != "p0"
    assert before == after


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (RunConfig(wanted_passes=1), "run.wanted_passes=1 needs run.hidden_tests"),
        (wanted(samples=4, most=3), "run.max_samples=3 is less than run.samples=4"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: RunConfig, words: str):
    with pytest.raises(ConfigError, match=words):
        follow_up(settings, ())


def test_off_by_default():
    assert config.load().run.wanted_passes == 0
    assert follow_up(RunConfig(), synthetic()) is None


def test_a_run_makes_its_rounds_and_a_resume_finds_them(tmp_path: Path):
    todo = work(6)
    more = follow_up(wanted(2, most=9), todo.facts())
    solved: list[Unit] = []

    def solve(problem: Problem, sample: int) -> Trajectory:
        solved.append(Unit(problem.id, sample))
        if len(solved) == 14:
            raise OSError("gone for once")
        is_right = Random(f"{problem.id}/{sample}").random() < 0.5
        return Trajectory(
            problem_id=problem.id,
            sample=sample,
            program=problem.id if is_right else "?",
            stop=StopReason.UNTESTED,
        )

    with opened(tmp_path, todo) as directory:
        assert with_rounds(todo, directory, more) == todo
        outcome = run(todo, threads(todo, solve, EQUAL), directory, follow_up=more)
    assert (outcome.num_errors, outcome.is_complete) == (1, False)
    with opened(tmp_path, todo) as directory:
        grown = with_rounds(todo, directory, more)
        assert len(grown.units) == outcome.num_units > 6
        done = run(grown, threads(todo, solve, EQUAL, 3), directory, follow_up=more)
        assert done.is_complete
    found = grades(tmp_path)
    assert Counter(solved).total() == len(found) + 1
    passes = Counter(unit.problem_id for unit, grade in found.items() if grade.is_passed)
    assert all(passes[p.id] >= 2 or Unit(p.id, 8) in found for p in todo.problems)
    with opened(tmp_path, todo) as directory:
        assert set(with_rounds(todo, directory, more).units) == set(found)
        assert run(todo, threads(todo, solve, EQUAL), directory, follow_up=more) == done
