"""The published numbers: paired tests, and the real files where they are present."""

import sys
from dataclasses import replace
from importlib import import_module
from math import comb
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import Language
from mapcoder_lite.verdict import Isolation, Judgement, Verdict
from source_tree import ROOT

sys.path.append(str(ROOT / "benchmarks"))
agreement = import_module("published_agreement")
figures = import_module("published_figures")
rows = import_module("published_rows")
scores = import_module("published_scores")
tables = import_module("published_tables")

SHARED = ROOT.parent / "shared" / "data"
real = pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")


def made(solved: list[tuple[bool, bool]], name: str = "A") -> Any:
    """A run that solved these as published and here, a problem each."""
    pairs = [
        agreement.Pair(
            rows.Entry(place, name, str(place), "", (), published),
            Judgement(
                verdict=Verdict.AC if ours else Verdict.WA,
                num_run=1,
                num_total=1,
                num_passed=int(ours),
                isolation=Isolation(tier="none"),
            ),
        )
        for place, (published, ours) in enumerate(solved)
    ]
    return scores.Run(name, "xCodeEval", Language.PYTHON, tuple(pairs))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40))
def test_pairs_are_tested_exactly(found: list[tuple[bool, bool]]):
    side = scores.side([(str(place), *words) for place, words in enumerate(found)])
    assert side.num_second - side.num_first == side.num_only_second - side.num_only_first
    few = min(side.num_only_first, side.num_only_second)
    differing = side.num_only_first + side.num_only_second
    tail = sum(comb(differing, number) for number in range(few + 1)) / 2**differing
    assert side.p == pytest.approx(min(1.0, 2 * tail))


def test_a_conclusion_that_our_verdicts_do_not_bear_falls():
    worse = made([(False, True)] * 10)
    better = made([(True, True)] * 10, "B")
    (one,) = scores.comparisons([worse, better])
    assert (one.published.conclusion, one.ours.conclusion) == (
        "second better",
        "no difference shown",
    )
    assert not one.stands
    assert (one.published.gain, one.ours.gain) == (None, 0)
    (turned,) = scores.comparisons([better, worse])
    assert turned == one


def test_rows_that_repeat_a_problem_are_no_trials_of_their_own():
    alone = scores.side([(str(place), False, True) for place in range(6)])
    repeated = scores.side([(str(place // 2), False, True) for place in range(6)])
    assert (alone.num_only_second, repeated.num_only_second) == (6, 6)
    assert (alone.p, repeated.p) == (2 / 2**6, 2 / 2**3)


@pytest.fixture(scope="module")
def real_rows() -> Any:
    return rows.all_rows(SHARED)


@real
def test_the_files_bear_the_printed_scores_and_costs(real_rows: Any):
    runs = scores.runs_of(
        [agreement.JudgedRow(row, tuple(map(believed, row.entries))) for row in real_rows]
    )
    told = {(run.name, run.benchmark): run for run in runs}
    assert set(figures.PRINTED) <= set(told)
    for (name, benchmark), share in figures.PRINTED.items():
        solved = scores.num_published(told[name, benchmark].pairs)
        if benchmark != "HumanEval-ET":
            assert round(100 * solved / len(told[name, benchmark].pairs), 1) == share
    lines = "\n".join(tables.calls(runs))
    assert "106 | 13.54 | 13.54 | 57 (40, 40) | 57 (40) | 29 (0, 0) | 29 (0) |" in lines
    assert "150 | 18.83 | 18.83 | 41 (22, 22) | 41 (22) | 90 (2, 2) | 90 (2) |" in lines
    assert "164 | 14.85 | 14.85 | 137 (133, 133) | 137 (133) | 14 (8, 8) | 14 (8) |" in lines
    sizes = {
        benchmark: {over: len(pairs) for over, pairs in run.over().items()}
        for (_, benchmark), run in told.items()
    }
    assert sizes["xCodeEval"] == {"all rows": 106, "sound subset": 95}
    assert sizes["APPS"] == {"all rows": 150, "each problem once": 128, "sound subset": 68}


def believed(entry: Any) -> Any:
    """The published verdict taken for ours."""
    verdict = Verdict.AC if entry.is_solved else Verdict.WA
    judgement = Judgement(
        verdict=verdict, num_run=1, num_total=1, num_passed=0, isolation=Isolation(tier="none")
    )
    return agreement.Pair(entry, judgement)


class Unexamined:
    """The real judge without a folder; what it says here is no score."""

    def __init__(self, judge: SandboxJudge) -> None:
        self._judge = judge

    def on(self, questions: Any, what: str) -> list[Judgement]:
        return [
            self._judge.judge(
                one.program,
                one.language,
                one.tests,
                limits=one.limits,
                checker=one.checker,
                io=one.io,
                stop_early=True,
            )
            for one in questions
        ]


@real
def test_a_slice_of_the_real_programs_agrees(real_rows: Any):
    wanted = {"humaneval": 10, "mbpp:shared": 10, "apps:strings": 4, "xcodeeval:Python3": 4}
    found = [
        replace(row, entries=quickest(row.entries)[: wanted[row.name]])
        for row in real_rows
        if row.name in wanted
    ]
    try:
        judge = SandboxJudge(1)
    except SandboxError as error:
        pytest.skip(str(error))
    with judge:
        judged = agreement.judged_rows(Unexamined(judge), found)
    assert tables.counted(judged) == (28, 28)
    assert [one.disagreements for one in judged] == [()] * 4


def quickest(entries: Any) -> list[Any]:
    """Programs that have few tests to pass."""
    return sorted((one for one in entries if one.is_solved), key=lambda one: len(one.tests))
