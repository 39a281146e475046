"""Systems paired by problem: tests, seeds, what is left out, mixed or refused."""

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_runs import AC, IE, SK, WA, made_run, problem_of
from mapcoder_lite.errors import ConfigError, StoreError
from mapcoder_lite.evaluation.compare import Pairs, gains_of
from mapcoder_lite.evaluation.compare_report import (
    MAX_NAMES,
    comparison_blocks,
    few,
    standings_blocks,
)
from mapcoder_lite.evaluation.metrics import measure
from mapcoder_lite.evaluation.report import run_blocks
from mapcoder_lite.evaluation.standings import (
    Comparison,
    Standings,
    comparison,
    standings,
)
from mapcoder_lite.evaluation.systems import open_systems
from mapcoder_lite.problem import Problem
from mapcoder_lite.statistics import holm, mcnemar, resampled_gain, sign_flip, wilson
from mapcoder_lite.tables import markdown, text
from test_cli_main import mapcoder


def compared(*names: Path | str) -> Comparison:
    first, second = open_systems([str(name) for name in names])
    return comparison(first, second)


def standing(names: list[str], against: int = 0) -> Standings:
    return standings(open_systems(names), against)


def said(found: Comparison) -> str:
    return text(comparison_blocks(found))


def rated(n: int) -> Problem:
    return problem_of(n, tags=("dp",) if n < 3 else ("graphs",), difficulty=800 + 200 * (n % 2))


def test_two_runs_are_paired_by_problem(tmp_path: Path):
    first = made_run(tmp_path / "a", [AC, AC, WA, WA, IE, AC], defective=1)
    second = made_run(tmp_path / "b", [AC, WA, AC, None, AC, SK], defective=1)
    found = compared(first, second)
    duel = found.duel
    assert duel.raw.pairs == Pairs(
        num_both=1, num_only_first=1, num_only_second=1, num_neither=1, p=1.0
    )
    assert duel.sound is not None and duel.sound.num_problems == 3
    assert (duel.num_left_out, duel.num_unlike) == (2, 0)
    assert (found.gained, found.lost) == (("p2",), ("p1",))
    assert (duel.raw.first, duel.raw.second, duel.raw.gain.mean) == (0.5, 0.5, 0)
    assert not found.is_regression
    shown = said(found)
    assert "the 4 problems that both have graded are compared; left out: 2" in shown
    assert "gained, passed by B more than by A: 1 - p2" in shown
    assert "no significant difference (p 1)" in shown
    assert "B: incomplete: 1 units are owed" in shown
    assert Comparison.model_validate_json(found.model_dump_json()) == found


def test_a_regression_is_a_significant_loss(tmp_path: Path):
    good = made_run(tmp_path / "good", [AC] * 8)
    bad = made_run(tmp_path / "bad", [WA] * 6 + [AC] * 2)
    worse, better = compared(good, bad), compared(bad, good)
    assert worse.duel.raw.p == mcnemar(6, 0) < 0.05
    assert worse.is_regression and not better.is_regression
    assert "B is significantly worse" in said(worse)
    assert "B is significantly better" in said(better)
    low, high = worse.duel.raw.gain.low, worse.duel.raw.gain.high
    assert low is not None and high is not None
    assert low < -0.75 < high < 0


def test_labels_are_tested_and_corrected(tmp_path: Path):
    first = made_run(tmp_path / "a", [WA] * 6, problem=rated)
    second = made_run(tmp_path / "b", [AC, AC, AC, WA, WA, AC], problem=rated)
    found = compared(first, second)
    dp, graphs = found.tags
    assert (dp.label, dp.difference.num_gained, dp.difference.p) == ("dp", 3, mcnemar(0, 3))
    assert [dp.p_holm, graphs.p_holm] == holm([dp.difference.p, graphs.difference.p])
    assert [row.label for row in found.ratings] == ["800-999", "1000-1199"]
    assert "by rating" in said(found)


def test_several_attempts_are_compared_by_shares(tmp_path: Path):
    """Two attempts against three; p comes from the problems' differences, in sixths."""
    first = made_run(tmp_path / "a", [[AC, WA], [AC, AC], [WA, WA], [WA, WA]])
    second = made_run(tmp_path / "b", [[AC, AC, AC], [AC, WA, IE], [AC, WA, WA], [WA] * 3])
    raw = compared(first, second).duel.raw
    assert raw.pairs is None
    assert (raw.num_gained, raw.num_lost) == (2, 1)
    assert raw.gain.mean == pytest.approx((1 / 2 - 1 / 2 + 1 / 3) / 4)
    assert raw.p == sign_flip([3, -3, 2])
    assert "2 against 3 attempts a problem" in said(compared(first, second))


def test_equal_gains_are_equal_however_they_come_about():
    """2/3 less 1/3 and 1 less 2/3 differ as floats; a bootstrap of them would have no width."""
    rows = [
        ([True, False, False], [True, True, False]),
        ([True, True, False], [True, True, True]),
        ([False] * 6, [True, True] + [False] * 4),
    ]
    gains, unit = gains_of(rows)
    assert (gains, unit) == ([1, 1, 1], 3)
    gain = resampled_gain(gains, unit)
    assert (gain.mean, gain.low, gain.high) == (pytest.approx(1 / 3), *wilson(1 / 3 * 3, 3))


words = st.lists(st.booleans(), min_size=1, max_size=9)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=9))
def test_gains_are_the_differences_of_shares(rows: list[tuple[list[bool], list[bool]]]):
    gains, unit = gains_of(rows)
    assert [Fraction(gain, unit) for gain in gains] == [
        Fraction(sum(b), len(b)) - Fraction(sum(a), len(a)) for a, b in rows
    ]


def test_seeds_are_pooled_by_problem(tmp_path: Path):
    base = made_run(tmp_path / "base", [WA, WA, WA, AC])
    one = made_run(tmp_path / "one", [AC, AC, WA, AC])
    two = made_run(tmp_path / "two", [AC, WA, WA, AC], overrides=["traversal.seed=1"])
    found = standing([str(base), f"{one}+{two}"])
    pooled = found.systems[1]
    assert (pooled.runs, pooled.num_attempts) == (("one", "two"), 2)
    assert (pooled.passed.num_passed, pooled.passed.num_total) == (5, 8)
    assert (pooled.lowest, pooled.highest) == (0.5, 0.75)
    assert [row.k for row in pooled.pass_at_k] == [1, 2]
    assert (pooled.costs_a_problem.calls, pooled.num_done) == (3, 8)
    (test,) = found.tests
    assert test.duel.raw.p == sign_flip([2, 1])
    shown = text(standings_blocks(found))
    assert "50.0 % .. 75.0 %" in shown
    assert "differ in more than the seed" not in shown


def test_seeds_that_differ_in_more_are_said(tmp_path: Path):
    one = made_run(tmp_path / "one", [AC, WA])
    two = made_run(tmp_path / "two", [AC, WA, AC], overrides=["traversal.k=9"])
    (system,) = open_systems([f"{one}+{two}"])
    assert system.seed_differences() == ("traversal.k", "the problems")
    line = "runs differ in more than the seed: traversal.k, the problems"
    other = made_run(tmp_path / "other", [WA, WA])
    assert line in said(compared(f"{one}+{two}", other))
    alone = text(standings_blocks(standing([f"{one}+{two}"])))
    assert line in alone
    assert "against" not in alone


def test_every_run_of_a_system_is_looked_at(tmp_path: Path):
    """The second seed differs in what the first does not: prompts, judge, sandbox, a setting."""
    one = made_run(tmp_path / "one", [AC, WA])
    two = made_run(tmp_path / "two", [AC, WA], overrides=["traversal.seed=1", "traversal.t=0"])
    examined, config = two / "selftest.json", two / "config.json"
    judged = examined.read_text().replace('"judge_version": 1', '"judge_version": 0')
    examined.write_text(judged.replace('"tier": "none"', '"tier": "landlock"'))
    config.write_text(config.read_text().replace('"prompts_digest": null', '"prompts_digest": "x"'))
    other = made_run(tmp_path / "other", [WA, WA])
    found = compared(f"{one}+{two}", other)
    assert found.first.seed_differences == (
        *("traversal.t", "prompts", "the judge's version", "the sandbox"),
    )
    assert {s.key: (s.first, s.second) for s in found.duel.settings} == {
        "traversal.t": ("5 and 0", "5"),
        "prompts": ("- and x", "-"),
    }
    shown = said(found)
    assert "judged by different versions" in shown
    assert "kept programs in differently: none and landlock" in shown
    one_seed = {s.key for s in compared(two, other).duel.settings}
    assert one_seed == {"traversal.seed", "traversal.t", "prompts"}


def test_seeds_of_two_problems_under_one_id_are_refused(tmp_path: Path):
    def renamed(n: int) -> Problem:
        return problem_of(n, title="Another" if n == 1 else "")

    one = made_run(tmp_path / "one", [AC, AC])
    two = made_run(tmp_path / "two", [AC, WA], problem=renamed)
    with pytest.raises(StoreError, match="no seeds of one system: p1 is another problem"):
        open_systems([f"{one}+{two}"])
    assert len(open_systems([str(one), str(two)])) == 2


def test_what_is_owed_or_says_nothing_is_said_of_each(tmp_path: Path):
    first = made_run(tmp_path / "a", [AC, WA, IE, SK, AC, AC])
    second = made_run(tmp_path / "b", [AC, WA, WA, WA, WA, AC])
    torn = second / "grades.jsonl"
    torn.write_bytes(torn.read_bytes()[:-20])
    found = compared(first, second)
    for shown, a, b in (
        (said(found), "A", "B"),
        (text(standings_blocks(standing([str(first), str(second)]))), str(first), str(second)),
    ):
        assert f"{a}: incomplete: 1 units are owed" in shown
        assert f"{a}: errors of the house, not scored: 1 units" in shown
        assert f"{a}: internal errors of the judge, not scored: 1 grades" in shown
        assert f"{b}: torn last lines, as a kill leaves them" in shown
        assert f"{b}: not graded yet: 1 units" in shown
        assert f"{b}: incomplete" not in shown


def test_every_system_is_tested_against_one_of_them(tmp_path: Path):
    names = [str(made_run(tmp_path / f"r{n}", [AC] * n + [WA] * (7 - n))) for n in (0, 6, 7)]
    found = standing(names)
    assert [test.duel.second for test in found.tests] == names[1:]
    ps = [mcnemar(0, 6), mcnemar(0, 7)]
    assert [test.duel.raw.p for test in found.tests] == ps
    assert [test.p_holm for test in found.tests] == holm(ps)
    assert [test.p_holm_sound for test in found.tests] == [None, None]
    last = standing(names, against=2)
    assert [test.duel.raw.gain.mean for test in last.tests] == [-1, pytest.approx(-1 / 7)]


def test_few_of_many_problems_are_named():
    shown = few("gained", [f"p{n}" for n in range(MAX_NAMES + 5)])
    assert shown.startswith(f"gained: {MAX_NAMES + 5} - p0, p1")
    assert shown.endswith(f"p{MAX_NAMES - 1} and 5 more (--json names all)")


def test_sound_problems_are_tested_apart(tmp_path: Path):
    names = [
        str(made_run(tmp_path / name, of, defective=2))
        for name, of in {"a": [AC, AC, WA, WA], "b": [WA, WA, AC, AC]}.items()
    ]
    (test,) = standing(names).tests
    assert test.duel.raw.gain.mean == 0
    assert test.duel.sound is not None and test.duel.sound.gain.mean == 1
    assert test.p_holm_sound == mcnemar(0, 2)


def test_two_weighings_of_unequal_numbers_of_attempts_are_said(tmp_path: Path):
    first = made_run(tmp_path / "a", [[AC, WA], [WA, WA], [AC, IE]])
    second = made_run(tmp_path / "b", [[AC, WA], [WA, WA], [AC, AC]])
    shown = said(compared(first, second))
    assert shown.count("problems have unequal numbers of scored attempts") == 1
    assert "A: problems have" in shown and "as pass@k and paired gains do, 50.0 %" in shown
    assert "weighing problems alike" in text(run_blocks(measure(first)))


def test_sound_problems_stand_apart_by_tag_and_in_pass_at_k(tmp_path: Path):
    first, second = (
        made_run(tmp_path / name, of, problem=rated, defective=2)
        for name, of in {
            "a": [[AC, WA], [AC, WA], [WA, WA], [WA, WA]],
            "b": [[WA, WA], [WA, WA], [WA, AC], [AC, AC]],
        }.items()
    )
    found = compared(first, second)
    dp, graphs = found.tags
    assert (dp.label, dp.difference.gain.mean) == ("dp", pytest.approx(-1 / 6))
    assert dp.sound is not None and dp.sound.num_problems == 1
    assert (dp.sound.gain.mean, graphs.sound) == (0.5, graphs.difference)
    assert dp.p_holm_sound == 1
    shown = said(found)
    assert "sound, pass@2" in shown
    assert re.search(r"pass@2 +sound, pass@2\n.*50\.0 % .* 0\.0 % ", shown)
    undefective = compared(*(made_run(tmp_path / n, [AC, WA], problem=rated) for n in ("c", "d")))
    assert [row.sound for row in undefective.tags] == [None]
    assert "  sound  " in shown and "  sound  " not in said(undefective)


def test_mixed_settings_are_said(tmp_path: Path):
    first = made_run(tmp_path / "a", [AC, WA])
    second = made_run(tmp_path / "b", [AC, WA], overrides=["traversal.k=9", "traversal.t=0"])
    found = compared(first, second)
    assert {s.key: (s.first, s.second) for s in found.duel.settings} == {
        "traversal.k": ("3", "9"),
        "traversal.t": ("5", "0"),
    }
    assert "traversal.k: A 3, B 9" in said(found)
    assert "settings: the same in both" in said(compared(first, made_run(tmp_path / "c", [AC, AC])))


def test_verdicts_of_other_rules_are_said(tmp_path: Path):
    first, second = (made_run(tmp_path / name, [AC, WA]) for name in "ab")
    saved = second / "selftest.json"
    saved.write_text(saved.read_text().replace('"judge_version": 1', '"judge_version": 0'))
    assert "judged by different versions" in said(compared(first, second))
    assert "different versions" not in said(compared(first, made_run(tmp_path / "c", [AC])))


def test_runs_without_common_problems_cannot_be_paired(tmp_path: Path):
    first = made_run(tmp_path / "a", [AC, SK])
    second = made_run(tmp_path / "b", [SK, AC])
    with pytest.raises(StoreError, match="share no graded problem"):
        compared(first, second)


def test_one_id_of_two_problems_is_not_paired(tmp_path: Path):
    def renamed(n: int) -> Problem:
        return problem_of(n, title="Another" if n == 0 else "")

    first = made_run(tmp_path / "a", [AC, AC, AC])
    second = made_run(tmp_path / "b", [WA, WA], problem=renamed)
    duel = compared(first, second).duel
    assert (duel.raw.num_problems, duel.num_unlike, duel.num_left_out) == (1, 1, 1)
    shown = said(compared(first, second))
    assert "left out: 1 ids that mean two problems" in shown
    assert "the runs were not given the same problems and tests" in shown


def test_the_same_run_twice_is_refused(tmp_path: Path):
    run = made_run(tmp_path / "a", [AC])
    with pytest.raises(ConfigError, match="given twice"):
        open_systems([str(run), str(tmp_path / "." / "a")])
    with pytest.raises(ConfigError, match="given twice"):
        open_systems([f"{run}+{run}"])


def test_a_run_that_was_not_graded_is_refused(tmp_path: Path):
    run = made_run(tmp_path / "a", [AC])
    facts = run / "problems.jsonl"
    facts.write_text(facts.read_text().replace('"num_hidden_tests":1', '"num_hidden_tests":null'))
    with pytest.raises(StoreError, match="was not graded"):
        standing([str(run), str(made_run(tmp_path / "b", [AC]))])


def test_a_plus_may_be_part_of_a_name(tmp_path: Path):
    run = made_run(tmp_path / "c++", [AC])
    assert open_systems([str(run)])[0].runs[0].path == run


def test_names_of_problems_are_text_on_the_page(tmp_path: Path):
    def hostile(n: int) -> Problem:
        return problem_of(n, tags=("<script>alert(1)</script>|*x*\x1b[2J",))

    first = made_run(tmp_path / "a", [AC], problem=hostile)
    second = made_run(tmp_path / "b", [WA], problem=hostile)
    page = markdown("A", comparison_blocks(compared(first, second)))
    assert "<script>" not in page and "|*x*" not in page and "\x1b" not in page
    assert "&lt;script\\>" in page


def test_a_name_forges_no_line(tmp_path: Path):
    def forged(n: int) -> Problem:
        return problem_of(
            n, id=f"p{n}\nB is significantly worse than A (p 0)\u202e", tags=("a\nb",)
        )

    for name, verdict in {"a": WA, "b": AC}.items():
        run = made_run(tmp_path / name, [verdict] * 2, problem=forged)
        assert mapcoder(tmp_path, "report", name, "--markdown", f"{name}.md").code == 0
        assert mapcoder(tmp_path, "verify", name).code == 0
        grades = run / "grades.jsonl"
        grades.write_text(grades.read_text().replace('"num_passed":1', '"num_passed":0'))
    page = tmp_path / "page.md"
    shown = mapcoder(tmp_path, "compare", "a", "b", "--markdown", "page.md").stdout
    told = [shown, page.read_text(), mapcoder(tmp_path, "verify", "b").stdout]
    for page_text in (*told, (tmp_path / "b.md").read_text()):
        assert not any(line.lstrip(" *").startswith("B is sig") for line in page_text.splitlines())
        assert "\u202e" not in page_text
    assert "p0␊B is significantly worse than A (p 0)\\u202e" in shown
    assert "p0␊B is significantly worse" in told[2]


def test_the_verb_compares_and_fails_on_a_regression(tmp_path: Path):
    good = str(made_run(tmp_path / "good", [AC] * 8))
    bad = str(made_run(tmp_path / "bad", [WA] * 6 + [AC] * 2))
    page = tmp_path / "page.md"
    done = mapcoder(tmp_path, "compare", good, bad, "--json", "--markdown", str(page))
    assert done.code == 0
    assert json.loads(done.stdout)["duel"]["raw"]["num_lost"] == 6
    assert "| A | 8 | 1 | 8 | 8 |" in page.read_text()
    done = mapcoder(tmp_path, "compare", good, bad, "--fail-on-regression")
    assert done.code == 1 and "significantly worse" in done.stdout
    assert mapcoder(tmp_path, "compare", bad, good, "--fail-on-regression").code == 0
    assert mapcoder(tmp_path, "compare", good, good).code == 2
    assert mapcoder(tmp_path, "compare", good, str(tmp_path)).code == 6
