from pathlib import Path

import pytest

from made_runs import AC, IE, SK, WA, made_run
from mapcoder_lite.errors import StoreError
from mapcoder_lite.evaluation.compare import first_samples
from mapcoder_lite.evaluation.metrics import Metrics, measure
from mapcoder_lite.evaluation.report import run_report
from mapcoder_lite.evaluation.standings import system_row
from mapcoder_lite.evaluation.systems import open_systems
from mapcoder_lite.statistics import mcnemar, wilson
from mapcoder_lite.trajectory import Role


def test_internal_errors_and_failed_units_are_never_wrong(tmp_path: Path):
    metrics = measure(made_run(tmp_path / "r", [AC, WA, IE, SK, None, AC]))
    assert metrics.passed is not None
    assert (metrics.passed.num_passed, metrics.passed.num_total) == (2, 4)
    assert (metrics.num_units, metrics.num_solved_units) == (6, 5)
    assert (metrics.num_errors, metrics.num_internal, metrics.num_ungraded) == (1, 1, 0)
    assert metrics.verdicts == {"AC": 2, "WA": 1, "IE": 1, "no program": 1}
    assert metrics.stops == {"exhausted": 3, "solved": 2}


def test_the_sound_subset_leaves_defective_problems_out(tmp_path: Path):
    metrics = measure(made_run(tmp_path / "r", [WA, WA, AC, AC], defective=2))
    assert metrics.passed is not None and metrics.passed_sound is not None
    assert metrics.passed.share == 0.5
    assert (metrics.passed_sound.num_passed, metrics.passed_sound.num_total) == (2, 2)
    assert metrics.num_defective == 2


def test_further_samples_cost_but_are_no_part_of_pass_at_1(tmp_path: Path):
    """The one problem that failed gets two more attempts, which pass; each costs three calls."""
    path = made_run(tmp_path / "r", [AC, WA, AC])
    for name in ("trajectories.jsonl", "grades.jsonl"):
        failed, passed = (path / name).read_text().split("\n")[1:3]
        more = passed.replace('"p2"', '"p1"')
        extra = [more.replace('"sample":0', f'"sample":{n}') for n in (1, 2)]
        assert failed != extra[0] != extra[1]
        with (path / name).open("a") as file:
            file.write("\n".join(extra) + "\n")
    metrics = measure(path)
    assert metrics.passed is not None and metrics.passed_sound is not None
    assert (metrics.passed.num_passed, metrics.passed.num_total) == (2, 3)
    assert metrics.passed.low is not None
    assert metrics.passed_sound == metrics.passed
    assert (metrics.public.num_passed, metrics.public.num_total) == (2, 3)
    assert (metrics.num_extra, metrics.num_units, metrics.num_solved_units) == (2, 5, 5)
    assert metrics.verdicts == {"AC": 4, "WA": 1}
    assert metrics.roles[Role.PLANNING].num_calls == 10
    text = run_report(metrics)
    assert "3 problems x 1 samples = 3 units, 3 worked through" in text
    assert "further samples where passes lacked: 2 units" in text
    assert "incomplete" not in text
    assert "further samples" not in run_report(measure(made_run(tmp_path / "s", [AC])))


def test_a_grade_whose_trajectory_is_gone_counts_nowhere(tmp_path: Path):
    """Torn off or taken out, the attempt is owed again; what it printed once is no result."""
    run = made_run(tmp_path / "r", [AC, AC, WA, AC])
    path = run / "trajectories.jsonl"
    _, second, third, fourth = path.read_text().splitlines()
    path.write_text(f"{second}\n{third}\n{fourth[:50]}")
    metrics = measure(run)
    assert metrics.passed is not None
    assert (metrics.passed.num_passed, metrics.passed.num_total) == (1, 2)
    assert metrics.verdicts == {"AC": 1, "WA": 1}
    (system,) = open_systems([str(run)])
    row = system_row(system)
    assert row.passed == metrics.passed == system.scores().rate()
    assert first_samples(system.runs[0]) == {"p1": True, "p2": False}


def test_costs_and_format_failures_a_role(tmp_path: Path):
    metrics = measure(made_run(tmp_path / "r", [AC, None]))
    assert metrics.costs.calls == 3
    assert (metrics.costs.prompt_tokens, metrics.costs.completion_tokens) == (30, 12)
    assert metrics.costs.seconds == 2.0
    retrieval, planning = metrics.roles[Role.RETRIEVAL], metrics.roles[Role.PLANNING]
    assert (retrieval.num_calls, retrieval.num_failures, retrieval.kinds) == (2, 1, {"no_root": 1})
    assert (planning.num_calls, planning.kinds) == (4, {"bad_confidence": 2})
    assert metrics.roles[Role.DEBUGGING].num_calls == 0


def test_wilson_and_mcnemar_against_textbook_values():
    # Newcombe 1998, table I, method 3: 81 of 263
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 0) == (0.0, 1.0)
    # exact two-sided binomial: 2 * (1 + 10 + 45) / 2**10
    assert mcnemar(2, 8) == pytest.approx(2 * 56 / 1024)
    assert mcnemar(0, 0) == 1.0


def test_a_report_says_what_is_left_out(tmp_path: Path):
    metrics = measure(made_run(tmp_path / "r", [AC, WA, IE, SK], defective=1))
    text = run_report(metrics)
    assert "4 problems x 1 samples = 4 units, 3 worked through" in text
    assert "roles: adapters not recorded (the run is older)" in text
    assert "incomplete: 1 units are owed" in text
    assert "errors of the house, not scored: 1 units" in text
    assert "internal errors of the judge, not scored: 1 grades" in text
    assert "50.0 %" in text
    assert "bad_confidence 3" in text
    assert Metrics.model_validate_json(metrics.model_dump_json()) == metrics


def test_without_intervals_shares_still_stand(tmp_path: Path):
    metrics = measure(made_run(tmp_path / "r", [AC, WA]), has_intervals=False)
    assert metrics.passed is not None
    assert metrics.passed.low is None
    assert "50.0 %" in run_report(metrics)


def test_a_folder_that_is_no_run_is_named(tmp_path: Path):
    with pytest.raises(StoreError, match="is this a run directory"):
        measure(tmp_path)
