"""The ladder's numbers against the same numbers counted by hand from the files of real runs."""

import json
from math import comb
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.errors import StoreError
from mapcoder_lite.evaluation.forgetting import ChatLosses, forgotten
from mapcoder_lite.evaluation.ladder import Ladder, Rung, read_ladder
from mapcoder_lite.evaluation.ladder_page import ladder_page
from mapcoder_lite.evaluation.ladder_plots import write_plots
from mapcoder_lite.evaluation.readability import Readability, noise_rows
from mapcoder_lite.jsonl import read_record
from mapcoder_lite.pocket.noise import Noise, Reading
from mapcoder_lite.pocket.teacher import MistakeRates
from mapcoder_lite.statistics import clustered_mean, wilson
from pocket_run import known_puzzles, teacher_run

MANY = MistakeRates(0.3, 0.5, 0.5, 0.3, 0.8, 0.3, 0.3)
FEW = MistakeRates(0.0, 0.1, 0.1, 0.1, 0.2, 0.1, 0.1)
RUNGS = (
    Rung("untuned", "many mistakes"),
    Rung("four", "few mistakes", against=("untuned",), recipe="seeds"),
    Rung("other", "few other mistakes", against=("untuned", "four", "gone"), recipe="seeds"),
    Rung("gone", "was never run", against=("four",)),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three finished runs; the last has fewer problems."""
    home = tmp_path_factory.mktemp("ladder")
    known = known_puzzles(16)
    teacher_run(home / "other", known[:12], rates=MistakeRates(0, 0.2, 0, 0, 0.3, 0, 0))
    teacher_run(home / "untuned", known, rates=MANY)
    teacher_run(home / "four", known, rates=FEW)
    return home


@pytest.fixture(scope="module")
def found(folder: Path) -> Ladder:
    return read_ladder(RUNGS, folder)


def passed(run: Path) -> dict[str, bool]:
    """Whether each grade's verdict is AC, read without our code."""
    lines = [json.loads(line) for line in (run / "grades.jsonl").read_text().splitlines()]
    return {g["problem_id"]: (g["judgement"] or {}).get("verdict") == "AC" for g in lines}


def calls(run: Path) -> list[dict]:
    lines = [json.loads(line) for line in (run / "trajectories.jsonl").read_text().splitlines()]
    return [
        {**step, "problem": line["problem_id"]}
        for line in lines
        for step in line["steps"]
        if step["step"] == "call"
    ]


def exact(gained: int, lost: int) -> float:
    """The exact McNemar test: twice the smaller tail of a fair coin."""
    number = gained + lost
    tail = sum(comb(number, n) for n in range(min(gained, lost) + 1)) / 2**number
    return min(1.0, 2 * tail)


def by_holm(ps: list[float]) -> list[float]:
    corrected, worst = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        worst = max(worst, min(1.0, (len(ps) - rank) * ps[place]))
        corrected[place] = worst
    return corrected


def test_the_rates_are_those_of_the_grades(folder, found):
    common = set.intersection(*(set(passed(folder / r.name)) for r in RUNGS[:3]))
    assert found.num_common == len(common) == 12
    for row in found.rungs:
        grades = passed(folder / row.name)
        assert (row.passed.num_passed, row.passed.num_total) == (sum(grades.values()), len(grades))
        assert (row.passed.low, row.passed.high) == wilson(sum(grades.values()), len(grades))
        assert row.common.num_passed == sum(grades[id] for id in common)
    assert 0 < found.rungs[0].passed.num_passed < found.rungs[1].passed.num_passed


def test_the_tests_are_those_of_the_grades(folder, found):
    assert [(t.rung, t.against) for t in found.tests] == [
        ("four", "untuned"),
        ("other", "untuned"),
        ("other", "four"),
    ]
    for test in found.tests:
        one, other = passed(folder / test.rung), passed(folder / test.against)
        shared = one.keys() & other.keys()
        gained = sum(one[id] and not other[id] for id in shared)
        lost = sum(other[id] and not one[id] for id in shared)
        assert (test.num_common, test.num_gained, test.num_lost) == (len(shared), gained, lost)
        assert test.p == pytest.approx(exact(gained, lost))
    (seeds,) = found.repeated
    ps = [*(test.p for test in found.tests), seeds.p]
    corrected = [*(test.p_corrected for test in found.tests), seeds.p_corrected]
    assert corrected == pytest.approx(by_holm(ps))


def test_the_seeds_are_counted_together_on_the_common_problems(folder, found):
    (seeds,) = found.repeated
    one, other = passed(folder / "four"), passed(folder / "other")
    counts = [sum(run[id] for id in other) for run in (one, other)]
    assert (seeds.rungs, seeds.against) == (("four", "other"), "untuned")
    assert (seeds.passed.num_passed, seeds.passed.num_total) == (sum(counts), 24)
    assert (seeds.lowest, seeds.highest) == (min(counts) / 12, max(counts) / 12)


def test_failures_and_costs_are_those_of_the_calls(folder, found):
    for row in found.rungs:
        seen = calls(folder / row.name)
        failed = [call for call in seen if call["failure"] is not None]
        assert row.unreadable.num_passed == len({call["problem"] for call in failed})
        assert sum(r.num_failures for r in row.roles.values()) == len(failed)
        assert sum(n for r in row.roles.values() for n in r.kinds.values()) == len(failed)
        assert row.costs.calls * row.unreadable.num_total == pytest.approx(len(seen))
        assert row.costs_a_pass is not None
        assert row.costs_a_pass.calls == pytest.approx(len(seen) / row.passed.num_passed)
    assert found.rungs[0].unreadable.num_passed


def test_what_is_missing_is_named_and_not_made_up(folder, found, tmp_path):
    assert found.missing == {"gone": "not begun"}
    assert [row.name for row in found.rungs] == ["untuned", "four", "other"]
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "config.json").write_text("{}")
    with pytest.raises(StoreError, match="no finished rung"):
        read_ladder(RUNGS, tmp_path)


def test_runs_of_other_problems_are_refused(folder, tmp_path):
    (tmp_path / "untuned").symlink_to(folder / "untuned")
    teacher_run(tmp_path / "more" / "four", known_puzzles(2, seed=12), rates=FEW)
    (tmp_path / "four").symlink_to(tmp_path / "more" / "four")
    with pytest.raises(StoreError, match="share no graded problem"):
        read_ladder(RUNGS, tmp_path)


def test_one_id_with_two_meanings_is_refused(folder, tmp_path):
    (tmp_path / "untuned").symlink_to(folder / "untuned")
    teacher_run(tmp_path / "four", known_puzzles(3), rates=FEW)
    lines = (tmp_path / "four" / "problems.jsonl").read_text()
    (tmp_path / "four" / "problems.jsonl").write_text(
        lines.replace('"num_hidden_tests":', '"num_hidden_tests":1')
    )
    with pytest.raises(StoreError, match="different problems by pocket-"):
        read_ladder(RUNGS, tmp_path)


def test_the_page_says_it_all_and_the_pictures_are_drawn(found, tmp_path):
    row = noise_rows([Reading("p", Noise.TYPOS, 1, None), Reading("p", Noise.TYPOS, 2, "no_root")])
    noisy = Readability(run="n", engine="e", adapters="4 LoRA", num_problems=1, rows=row)
    losses = forgotten([line("", 1.0), line("main/coding", 1.5)])
    plots = write_plots(found, {"noise-four": noisy}, losses, tmp_path)
    names = [path.name for path in plots]
    page = ladder_page(found, {"noise-four": noisy}, losses, names)
    assert {path.suffix for path in plots} == {".png", ".svg"}
    assert len(plots) == 8
    assert all(path.stat().st_size for path in plots)
    for text in (*names, "| gone | not begun |", "no_root 1", "main/coding", "+0.5000"):
        assert text in page
    for one in found.rungs:
        share = 100 * one.passed.num_passed / one.passed.num_total
        assert f"| {one.passed.num_passed} | {one.passed.num_total} | {share:.1f} % |" in page
    assert "Forgetting" not in ladder_page(found, {}, ())


def test_the_record_survives_being_stored(found, tmp_path):
    (tmp_path / "ladder.json").write_text(found.model_dump_json())
    assert read_record(tmp_path / "ladder.json", Ladder) == found


def line(name: str, loss: float, **changes: object) -> ChatLosses:
    fields = {
        "name": name,
        "model_digest": name,
        "backbone_digest": "b",
        "seed": 1,
        "losses": (2 * loss, 4 * loss),
        "tokens": (2, 4),
    }
    return ChatLosses.model_validate(fields | changes)


def test_forgetting_is_set_against_the_bare_backbone():
    bare, tuned = forgotten([line("", 1.0), line("a", 2.0), line("a", 1.25)])
    assert (bare.loss, bare.change.mean) == (1.0, 0.0)
    assert (tuned.loss, tuned.change.mean) == (1.25, 0.25)
    with pytest.raises(StoreError, match="other chats"):
        forgotten([line("", 1.0), line("a", 1.0, tokens=(3, 3))])
    with pytest.raises(StoreError, match="bare backbone"):
        forgotten([line("a", 1.0)])


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 9)), min_size=2, max_size=20),
    st.floats(-3, 3),
)
def test_the_mean_of_clusters_moves_with_its_units(clusters, shift):
    mean = clustered_mean(clusters)
    moved = clustered_mean([(part + shift * number, number) for part, number in clusters])
    assert mean.low <= mean.mean <= mean.high
    assert moved.mean == pytest.approx(mean.mean + shift, abs=1e-6)
    assert moved.high - moved.low == pytest.approx(mean.high - mean.low, abs=1e-6)
