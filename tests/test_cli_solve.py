"""`mapcoder solve` where it may not go on: a contest's problem, a budget that is spent."""

import json
from itertools import islice
from pathlib import Path

import pytest

from mapcoder_lite.pocket.problems import Puzzle
from mapcoder_lite.pocket.world import problem_set
from mapcoder_lite.problem import Source
from test_cli_main import Done, mapcoder

CONTEST = Source(name="c", url="https://atcoder.jp/contests/abc380/tasks/abc380_a")
TEACHER = ("engine.kind=teacher", "engine.mistakes=0", "judge.workers=1", "judge.speed_factor=1")
PRICE = "engine.price={prompt = 1.0, completion = 2.0}"


@pytest.fixture(scope="module")
def puzzle() -> Puzzle:
    return next(islice(problem_set("test"), 1))


@pytest.fixture
def folder(tmp_path: Path, puzzle: Puzzle) -> Path:
    problem = puzzle.problem.model_copy(update={"source": CONTEST})
    (tmp_path / "p.json").write_text(problem.model_dump_json())
    return tmp_path


def solve(folder: Path, *words: str, settings: tuple[str, ...] = TEACHER) -> Done:
    chosen = [word for setting in settings for word in ("-s", setting)]
    return mapcoder(folder, "solve", "p.json", *words, *chosen)


def test_a_blocking_guard_asks_no_model(folder: Path):
    done = solve(folder, "--guard", "block", settings=("engine.kind=openai",))
    assert (done.code, done.stdout) == (8, "")
    assert "no model was asked" in done.stderr


def test_a_warning_guard_says_the_rule(folder: Path):
    nobody = ("engine.base_url=http://127.0.0.1:9/v1", "engine.model=m")
    done = solve(folder, settings=("engine.kind=openai", *nobody))
    assert done.code == 3  # it went on to ask
    assert "generative AI is banned" in done.stderr


def test_a_solve_says_what_its_answers_cost(tmp_path: Path, puzzle: Puzzle):
    (tmp_path / "p.json").write_text(puzzle.problem.model_dump_json())
    done = solve(tmp_path, "--jsonl", settings=(*TEACHER, PRICE))
    assert done.code == 0, done.stderr
    totals = json.loads(done.stdout.splitlines()[-1])["totals"]
    cost = (totals["prompt_tokens"] + 2 * totals["completion_tokens"]) / 1e6
    assert totals["usd"] == pytest.approx(cost) and cost > 0


def test_a_spent_budget_ends_it_with_the_best_attempt(tmp_path: Path):
    puzzle = next(islice(problem_set("test"), 3, None))
    (tmp_path / "p.json").write_text(puzzle.problem.model_dump_json())
    clumsy = ("engine.kind=teacher", "engine.mistakes=1", *TEACHER[2:], "traversal.k=1")
    spent = solve(tmp_path, settings=(*clumsy, "budget.calls=4"))
    assert spent.code == 7
    assert "budget.calls=4: 4 are spent" in spent.stderr
    assert "print" in spent.stdout  # recall, plan, confidence, code; there was none to debug it
    none = solve(tmp_path, settings=(*clumsy, "budget.calls=1"))
    assert (none.code, none.stdout) == (7, "")
    told = solve(tmp_path, "--jsonl", settings=(*clumsy, "budget.calls=4"))
    end = json.loads(told.stdout.splitlines()[-1])
    assert (end["status"], end["exit_code"], end["program"]) == ("failed", 7, spent.stdout[:-1])


def test_a_budget_that_cannot_be_kept_is_refused_first(folder: Path):
    done = solve(folder, settings=("engine.kind=openai", "budget.dollars=1"))
    assert (done.code, "price of every engine" in done.stderr) == (2, True)
