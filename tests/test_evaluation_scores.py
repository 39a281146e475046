"""Pass rates by tag, rating, window and number of samples; suspect answers; steadiness."""

from datetime import date
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_runs import AC, IE, SK, WA, made_run, problem_of
from mapcoder_lite.data.answers import has_unlisted_answers
from mapcoder_lite.errors import InputError, StoreError
from mapcoder_lite.evaluation.metrics import measure
from mapcoder_lite.evaluation.run_files import Window
from mapcoder_lite.evaluation.scores import Scores, scored
from mapcoder_lite.evaluation.standings import system_row
from mapcoder_lite.evaluation.systems import open_systems
from mapcoder_lite.problem import Checker, CheckerKind, HiddenTests, Problem, Test
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.statistics import pass_at, wilson
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Grade
from mapcoder_lite.verdict import Isolation, Judgement, Verdict


def tagged(n: int) -> Problem:
    tags, rating = (("dp",), 800) if n % 2 else (("dp", "graphs"), 1250)
    date = f"2024-0{n + 1}-15" if n != 4 else None
    facts = {"tags": tags, "difficulty": rating, "source": {"name": "cf", "date": date}}
    return problem_of(n, **facts)


def test_tags_and_ratings_have_rows_of_their_own(tmp_path: Path):
    metrics = measure(made_run(tmp_path / "r", [AC, WA, IE, AC, WA], problem=tagged, defective=1))
    dp, graphs = metrics.tags
    assert (dp.label, dp.num_problems, dp.passed.num_passed, dp.passed.num_total) == ("dp", 4, 2, 4)
    assert (dp.passed_sound.num_passed, dp.passed_sound.num_total) == (1, 3)
    assert (graphs.label, graphs.passed.num_passed, graphs.passed.num_total) == ("graphs", 1, 2)
    low, high = wilson(2, 4)
    assert (dp.passed.low, dp.passed.high) == (low, high)
    assert [(row.label, row.passed.num_total) for row in metrics.ratings] == [
        ("800-999", 2),
        ("1200-1399", 2),
    ]


@given(st.integers(1, 7), st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_pass(n: int, data: st.DataObject):
    words = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    k = data.draw(st.integers(1, n))
    draws = list(combinations(words, k))
    assert pass_at(k, n, sum(words)) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_more_than_there_is_is_refused():
    with pytest.raises(ValueError, match="pass@3 of 2 samples"):
        pass_at(3, 2, 1)


def test_several_samples_are_drawn_by_problem(tmp_path: Path):
    """Samples of a problem that agree say no more than one; the interval must not shrink."""
    endings = [[AC] * 4 if n < 6 else [WA] * 4 for n in range(20)]
    metrics = measure(made_run(tmp_path / "r", [[*of] for of in endings]))
    assert metrics.passed is not None and metrics.passed.low is not None
    assert (metrics.passed.num_passed, metrics.passed.num_total) == (24, 80)
    assert metrics.passed.low < wilson(24, 80).low - 0.04
    assert [row.k for row in metrics.pass_at_k] == [1, 2, 3, 4]
    assert {row.raw.mean for row in metrics.pass_at_k} == {0.3}
    assert metrics.pass_at_k[-1].raw.low == pytest.approx(wilson(6, 20).low)


def test_pass_at_k_leaves_problems_with_fewer_scored_samples_out(tmp_path: Path):
    metrics = measure(made_run(tmp_path / "r", [[AC, WA], [WA, IE], [WA, WA]], defective=1))
    one, two = metrics.pass_at_k
    assert (one.num_problems, one.raw.mean) == (3, pytest.approx(0.5 / 3))
    assert (two.num_problems, two.raw.mean, two.num_sound) == (2, 0.5, 1)
    assert two.sound is not None and two.sound.mean == 0


def test_costs_are_told_per_problem_and_per_solved_problem(tmp_path: Path):
    metrics = measure(made_run(tmp_path / "r", [[AC, AC], [WA, AC], [WA, WA], [WA, WA]]))
    assert metrics.num_problems_passed == 2
    assert (metrics.costs.calls, metrics.costs_a_problem.calls) == (3, 6)
    assert metrics.costs_a_pass is not None
    assert metrics.costs_a_pass.calls == 12
    assert metrics.costs_a_pass.seconds == 8.0
    assert measure(made_run(tmp_path / "s", [WA])).costs_a_pass is None


def test_costs_and_passes_are_of_the_same_attempts(tmp_path: Path):
    """p1 passes at its second, further attempt: what that took is counted, and so is the pass."""
    run = made_run(tmp_path / "r", [[AC, WA], [WA, AC], [WA, WA]])
    for name, lines in {"config.json": None, "trajectories.jsonl": 2, "grades.jsonl": 2}.items():
        text = (run / name).read_text()
        if lines is None:
            text = text.replace('"samples": 2', '"samples": 1')
        else:
            text = "".join(
                line
                for line in text.splitlines(keepends=True)
                if '"problem_id":"p1"' in line or '"sample":0' in line
            )
        (run / name).write_text(text)
    metrics = measure(run)
    assert metrics.passed is not None
    assert (metrics.passed.num_passed, metrics.num_extra) == (1, 1)
    assert metrics.num_problems_passed == 2
    assert metrics.costs_a_pass is not None and metrics.costs_a_pass.calls == 4 * 3 / 2
    (system,) = open_systems([str(run)])
    assert system_row(system).costs_a_pass == metrics.costs_a_pass


def test_a_window_leaves_out_what_came_out_elsewhen(tmp_path: Path):
    run = made_run(tmp_path / "r", [AC, WA, AC, SK, AC], problem=tagged)
    window = Window(date(2024, 2, 15), date(2024, 4, 30))
    metrics = measure(run, window=window)
    assert (metrics.num_problems, metrics.num_outside, metrics.num_undated) == (3, 1, 1)
    assert metrics.passed is not None
    assert (metrics.passed.num_passed, metrics.passed.num_total) == (1, 2)
    assert (metrics.since, metrics.until) == (window.since, window.until)
    assert metrics.num_errors == 1
    assert metrics.num_solved_units == 2
    assert measure(run, window=Window(until=date(2024, 1, 15))).num_problems == 1


def test_a_window_that_holds_nothing_is_refused_with_the_days_there_are(tmp_path: Path):
    run = made_run(tmp_path / "r", [AC, AC], problem=tagged)
    with pytest.raises(InputError, match="theirs are 2024-01-15 to 2024-02-15"):
        measure(run, window=Window(since=date(2025, 1, 1)))
    with pytest.raises(InputError, match="1 have no date, it has no dates"):
        measure(made_run(tmp_path / "s", [AC]), window=Window(since=date(2025, 1, 1)))


def test_a_day_that_is_none_is_named(tmp_path: Path):
    run = made_run(tmp_path / "r", [AC], problem=tagged)
    text = (run / "problems.jsonl").read_text()
    (run / "problems.jsonl").write_text(text.replace("2024-01-15", "last May"))
    with pytest.raises(StoreError, match="p0 came out on 'last May'"):
        measure(run, window=Window(since=date(2025, 1, 1)))


def open_ended(n: int) -> Problem:
    told = "If there are multiple answers, print any of them." if n < 2 else "Print the answer."
    return problem_of(n, output_spec=told)


def test_wrong_answers_to_open_questions_are_suspect(tmp_path: Path):
    metrics = measure(made_run(tmp_path / "r", [WA, AC, WA, None], problem=open_ended, defective=1))
    found = metrics.suspects
    assert found is not None
    assert (found.num_problems, found.num_units) == (2, 1)
    assert metrics.passed is not None and metrics.passed.num_passed == 1
    assert (found.passed.num_passed, found.passed.num_total) == (2, 4)
    assert (found.passed_sound.num_passed, found.passed_sound.num_total) == (1, 3)


@pytest.mark.parametrize(
    ("told", "is_open"),
    [
        ("If there are multiple possible answers, output any of them.", True),
        ("You can print the elements in any order.", True),
        ("Print any suitable array.", True),
        ("If there are several optimal\nways, choose any.", True),
        ("Multiple solutions are accepted.", True),
        ("In any case print -1.", False),
        ("Print the number of ways modulo 7. There are multiple test cases.", False),
        ("Many answers were given; print their sum.", False),
    ],
)
def test_statements_say_whether_several_answers_are_right(told: str, is_open: bool):
    problem = Problem(id="p", statement=f"Do it. {told}")
    hidden = HiddenTests(problem_id="p", tests=(Test(input="", outputs=("1",)),))
    assert has_unlisted_answers(problem, hidden) is is_open
    checker = Checker(kind=CheckerKind.CUSTOM, program="x")
    assert not has_unlisted_answers(problem.model_copy(update={"checker": checker}), hidden)


def test_several_listed_outputs_make_an_answer_open():
    hidden = HiddenTests(problem_id="p", tests=(Test(input="", outputs=("1", "2")),))
    assert has_unlisted_answers(Problem(id="p", statement="Do it."), hidden)


def judged(num_doubtful: int | None, num_flipped: int | None, sample: int) -> Grade:
    judgement = Judgement(
        verdict=Verdict.AC,
        num_run=3,
        num_total=3,
        num_passed=3,
        isolation=Isolation(tier="none"),
        num_doubtful=num_doubtful,
        num_flipped=num_flipped,
    )
    return Grade(problem_id="p", sample=sample, judgement=judgement)


def test_the_judge_is_as_steady_as_its_repeated_runs():
    rows = [(0, 0), (2, 1), (1, 0), (None, None)]
    grades = {Unit("p", n): judged(*row, n) for n, row in enumerate(rows)}
    flakes = Scores({"p": RunProblem(problem_id="p")}, scored(grades, 4), True).flakes()
    assert (flakes.num_doubtful, flakes.num_flipped, flakes.num_unrecorded) == (3, 1, 1)
    assert (flakes.units.num_passed, flakes.units.num_total) == (1, 3)
