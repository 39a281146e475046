"""The pocket generator: reproducible, split by composition and wording, tests that bite."""

import hashlib
from itertools import islice
from random import Random

import pytest

from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.problems import FAMILIES, Puzzle, puzzles, split_of
from mapcoder_lite.pocket.words import Wording
from mapcoder_lite.pocket.world import SIZES, problem_set, write_problem_set
from mapcoder_lite.problem import Language, Limits
from mapcoder_lite.verdict import Verdict


@pytest.fixture(scope="module")
def judge():
    with SandboxJudge(2) as judge:
        yield judge


def one_of_each_family(split="test", seed=3) -> list[Puzzle]:
    return list(islice(puzzles(split, seed), len(FAMILIES)))


def test_there_are_enough_families_and_tags():
    assert len(FAMILIES) >= 60
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    assert len({tag for family in FAMILIES for tag in family.tags}) >= 12


def test_the_same_seed_gives_the_same_problems():
    first, again = one_of_each_family(), one_of_each_family()
    assert [p.problem for p in first] == [p.problem for p in again]
    assert [p.hidden for p in first] == [p.hidden for p in again]
    assert [p.problem.id for p in one_of_each_family(seed=4)] != [p.problem.id for p in first]


def test_no_test_composition_or_statement_is_trained_on():
    train = list(islice(puzzles("train", 1), 300))
    test = list(islice(puzzles("test", 1), 200))
    compositions = [{p.family.composition(p.choices) for p in side} for side in (train, test)]
    assert not compositions[0] & compositions[1]
    assert not {p.problem.statement for p in train} & {p.problem.statement for p in test}
    assert {split_of(name) for name in compositions[1]} == {"test"}


def test_a_family_that_has_no_new_problem_ends_the_stream():
    grid = tuple(family for family in FAMILIES if family.name == "sorting")
    found = list(puzzles("validation", 0, families=grid))
    statements = [puzzle.problem.statement for puzzle in found]
    assert 0 < len(statements) == len(set(statements))


def test_hidden_tests_hold_edge_cases_and_stay_apart():
    for puzzle in one_of_each_family():
        assert len(puzzle.problem.public_tests) == 2
        assert 15 <= len(puzzle.hidden.tests) <= 20
        assert "hidden" not in puzzle.problem.model_dump_json()


@pytest.mark.parametrize("position", range(len(FAMILIES)), ids=[f.name for f in FAMILIES])
def test_gold_passes_and_some_single_mistake_is_rejected(position, judge):
    family = FAMILIES[position]
    puzzle = next(puzzles("test", 5, families=(family,)))

    def verdict(program: str) -> Verdict:
        return judge.judge(
            program,
            Language.PYTHON,
            puzzle.hidden.tests,
            limits=Limits(),
            checker=puzzle.problem.checker,
            stop_early=True,
        ).verdict

    assert verdict(puzzle.draft.program) is Verdict.AC
    mistakes = list(family.mistakes(puzzle.choices))
    Random(0).shuffle(mistakes)
    wrong = (family.write(choices, Wording(Random(0))).program for choices in mistakes)
    assert any(verdict(program) is not Verdict.AC for program in wrong)


def test_a_set_is_written_as_any_other_data(tmp_path):
    from mapcoder_lite.data.problem_json import read_hidden_tests, read_problems

    assert write_problem_set("validation", tmp_path) == SIZES["validation"]
    problems = read_problems(tmp_path / "problems.jsonl")
    hidden = read_hidden_tests(tmp_path / "hidden_tests.jsonl")
    assert [problem.id for problem in problems] == list(hidden)


def test_the_training_set_is_large_and_its_first_problems_stay_the_same():
    found = list(problem_set("train"))
    assert len(found) == SIZES["train"] >= 3000
    assert len({puzzle.problem.statement for puzzle in found}) == len(found)
    assert len({puzzle.problem.id for puzzle in found}) == len(found)
    # those that the packaged adapters learned from, in their order
    first = "\n".join(puzzle.problem.id for puzzle in found[:2000])
    assert hashlib.sha256(first.encode()).hexdigest().startswith("1408a63422623111")
