"""A saved report is computed again from its records; what does not agree is named."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from made_runs import AC, JUDGE, WA, made_run
from mapcoder_lite.agents import parse
from mapcoder_lite.calls import StoredCall
from mapcoder_lite.curation.counterfactual import attributions
from mapcoder_lite.engine.replay import stored_key
from mapcoder_lite.errors import StoreError
from mapcoder_lite.evaluation.metrics import Metrics, measure
from mapcoder_lite.evaluation.verification import Verification, compared, verify
from mapcoder_lite.jsonl import read_lines, write_lines, write_record
from mapcoder_lite.pocket.problems import puzzles
from mapcoder_lite.problem import Language
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.trajectory import Call, CallKind, Completion, Grade, Trajectory, Trial
from mapcoder_lite.verdict import Judgement, TestResult
from pocket_run import resealed, teacher_run
from test_cli_main import mapcoder


def reported(path: Path) -> Path:
    """A run with a saved report."""
    run = made_run(path, [AC, AC, WA, None])
    write_record(run / "metrics.json", measure(run, confidence=parse.confidence))
    return run


def verified(run: Path) -> Verification:
    return verify(run, parse.confidence, attributions)


def changed(  # pyright: ignore
    path: Path, change: Callable[[dict], object], number: int | None = 0
) -> None:
    """Change one line of a file, or all of it, as if it had been written so."""
    if number is None:
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))
        return
    lines = path.read_text().split("\n")
    record = json.loads(lines[number])
    change(record)
    lines[number] = json.dumps(record, separators=(",", ":"))
    path.write_text("\n".join(lines))


def test_a_report_that_matches_is_said_to(tmp_path: Path):
    found = verified(reported(tmp_path / "r"))
    assert found.is_sound
    assert (found.num_calls, found.num_grades, found.num_unnamed) == (12, 4, 0)
    assert found.num_values > 60
    assert Verification.model_validate_json(found.model_dump_json()) == found


def test_every_number_that_differs_is_told_with_both_values(tmp_path: Path):
    run = reported(tmp_path / "r")
    saved = json.loads((run / "metrics.json").read_text())
    saved["passed"]["num_passed"] = 3
    saved["tags"] = []
    saved["costs"]["seconds"] *= 1 + 1e-12
    (run / "metrics.json").write_text(json.dumps(saved))
    found = verified(run)
    rows = {row.key: (row.saved, row.computed) for row in found.differing}
    assert rows["passed.num_passed"] == ("3", "2")
    assert rows["tags[0].label"] == ("absent", '"untagged"')
    assert all(key.split(".")[0] in ("passed", "tags[0]") for key in rows)
    assert not found.is_sound and not found.faults


def test_no_two_records_that_differ_are_called_equal(tmp_path: Path):
    metrics = measure(reported(tmp_path / "r"))
    differing, number = compared(metrics, metrics)
    assert not differing
    other = metrics.model_copy(update={"num_errors": 5, "verdicts": {"AC": 2}})
    differing, _ = compared(metrics, other)
    assert {row.key for row in differing} == {
        *("num_errors", "verdicts.WA", "verdicts.no program"),
    }
    assert number > 60


FAULTS = [
    ("trajectories.jsonl", lambda t: t.update(program="WA"), "of another program"),
    ("trajectories.jsonl", lambda t: t.update(program=None), "no program, and a judgement"),
    (
        "trajectories.jsonl",
        lambda t: t["steps"][1]["completion"].update(text="y"),
        "call 1 (plan) has another completion",
    ),
    (
        "trajectories.jsonl",
        lambda t: t["steps"][0]["request"].update(attempt=8),
        "call 0 (retrieval) is not in calls.jsonl",
    ),
    (
        "calls.jsonl",
        lambda c: c.update(key="0"),
        "line 1: the key is not that of its request",
    ),
    ("grades.jsonl", lambda g: g["judgement"].update(num_passed=0), "verdict AC with 0 of 1"),
    ("grades.jsonl", lambda g: g["judgement"].update(num_total=5), "judged on 5 tests; the"),
    ("grades.jsonl", lambda g: g["judgement"].update(language="go"), "judged as go, written in"),
    ("grades.jsonl", lambda g: g.update(sample=3), "sample 3 has a grade and no trajectory"),
    ("grades.jsonl", lambda g: g.update(problem_id="p1"), "p1 sample 0 has more than one grade"),
    ("trajectories.jsonl", lambda t: t.update(problem_id="p1"), "more than one trajectory"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    run = reported(tmp_path_factory.mktemp("whole") / "r")
    return {path.name: path.read_bytes() for path in run.iterdir()}


@pytest.mark.parametrize(("name", "change", "said"), FAULTS, ids=[row[2] for row in FAULTS])
def test_records_that_do_not_agree_are_named(name, change, said, whole, tmp_path: Path):
    for file, content in whole.items():
        (tmp_path / file).write_bytes(content)
    changed(tmp_path / name, change)
    found = verified(tmp_path)
    assert any(said in fault for fault in found.faults), found.faults
    assert any(f"{name} is not the file" in fault for fault in found.faults)
    resealed(tmp_path)
    assert not any("is not the file" in fault for fault in verified(tmp_path).faults)


TRIALS = [
    (lambda t: t["judgement"].update(verdict="WA"), "verdict WA with 1 of 1 tests passed"),
    (lambda t: t["judgement"].update(num_total=7), "judged on 7 tests; the problem has 1"),
    (lambda t: t["judgement"].update(language="go"), "judged as go, written in python"),
    (lambda t: t.update(program="print(7)"), "no reply before it holds its program"),
    (
        lambda t: t["judgement"].update(
            verdict="WA",
            num_passed=0,
            results=[{"verdict": "WA"}],
            first_failure={"index": 0, "verdict": "WA"},
        ),
        "ended as solved, with no trial that passed all public tests",
    ),
    (
        lambda t: t["judgement"]["results"][0].update(verdict="WA"),
        "1 tests passed, and 0 results say so",
    ),
]


@pytest.mark.parametrize(("change", "said"), TRIALS, ids=[row[1] for row in TRIALS])
def test_trials_that_do_not_agree_are_named_without_a_seal(change, said, solved, tmp_path: Path):
    for file, content in solved.items():
        (tmp_path / file).write_bytes(content)
    assert not verified(tmp_path).faults

    def change_trial(trajectory: dict) -> None:  # pyright: ignore
        change(next(step for step in trajectory["steps"] if step["step"] == "trial"))

    changed(tmp_path / "trajectories.jsonl", change_trial)
    found = verified(tmp_path)
    assert any(said in fault for fault in found.faults), found.faults


GRADES = [
    (lambda g: g["judgement"].update(verdict="WA", num_passed=0), "0 tests passed, and 1 results"),
    (lambda g: g["judgement"]["results"][0].update(verdict="TLE"), "its results make it TLE"),
    (lambda g: g["judgement"]["results"].append({"verdict": "AC"}), "1 tests run, and 2 results"),
    (
        lambda g: g["judgement"].update(first_failure={"index": 0, "verdict": "MLE"}),
        "verdict AC, and the first failure is MLE",
    ),
]


@pytest.mark.parametrize(("change", "said"), GRADES, ids=[row[1] for row in GRADES])
def test_flipped_verdicts_are_named_without_a_seal(change, said, solved, tmp_path: Path):
    for file, content in solved.items():
        (tmp_path / file).write_bytes(content)
    changed(tmp_path / "grades.jsonl", change)
    found = verified(tmp_path)
    assert any(said in fault for fault in found.faults), found.faults


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A run, not sealed, of one attempt whose program is tried, passes, and is graded."""
    run = made_run(tmp_path_factory.mktemp("solved") / "r", [AC])
    judged = Judgement(
        verdict=AC,
        num_run=1,
        num_total=1,
        num_passed=1,
        results=(TestResult(verdict=AC),),
        isolation=JUDGE.isolation,
    )
    (made,) = read_lines(run / "trajectories.jsonl", Trajectory)
    completion = Completion(text="So:\n```python\n  AC\n```", finish_reason="stop")
    request = made.calls[0].request.model_copy(update={"attempt": 100})
    asked = Call(kind=CallKind.CODING, request=request, completion=completion)
    trial = Trial(program="AC", language=Language.PYTHON, judgement=judged, plan_index=None)
    steps = (*made.steps, asked, trial)
    write_lines(run / "trajectories.jsonl", [made.model_copy(update={"steps": steps})])
    with (run / "calls.jsonl").open("a") as calls:
        stored = StoredCall(
            key=stored_key("oracle", request), request=request, completion=completion
        )
        calls.write(stored.model_dump_json() + "\n")
    (grade,) = read_lines(run / "grades.jsonl", Grade)
    write_lines(run / "grades.jsonl", [grade.model_copy(update={"judgement": judged})])
    (problem,) = read_lines(run / "problems.jsonl", RunProblem)
    write_lines(run / "problems.jsonl", [problem.model_copy(update={"num_public_tests": 1})])
    (run / "manifest.json").unlink()
    write_record(run / "metrics.json", measure(run, confidence=parse.confidence))
    return {path.name: path.read_bytes() for path in run.iterdir()}


def test_a_call_that_is_stored_twice_is_named(solved: dict[str, bytes], tmp_path: Path):
    for file, content in solved.items():
        (tmp_path / file).write_bytes(content)
    with (tmp_path / "calls.jsonl").open("ab") as calls:
        calls.write(solved["calls.jsonl"].splitlines(keepends=True)[1])
    assert verified(tmp_path).faults == ("calls.jsonl, line 5: the key stands in line 2 already",)


def test_a_run_without_a_manifest_is_said_to_be_unsealed(tmp_path: Path):
    run = reported(tmp_path / "r")
    done = mapcoder(tmp_path, "verify", "r")
    assert (done.code, "not sealed" in done.stdout) == (0, False)
    (run / "manifest.json").unlink()
    done = mapcoder(tmp_path, "verify", "r")
    assert (done.code, "not sealed: without manifest.json" in done.stdout) == (9, True)
    found = json.loads(mapcoder(tmp_path, "verify", "r", "--json").stdout)
    assert found["verification"]["is_sealed"] is False
    changed(run / "metrics.json", lambda m: m.update(num_errors=7), number=None)
    assert mapcoder(tmp_path, "verify", "r").code == 1


def test_a_run_may_be_called_otherwise_or_be_where_one_stands(tmp_path: Path):
    run = reported(tmp_path / "r")
    assert mapcoder(run, "verify", ".").code == 0
    moved = run.rename(tmp_path / "moved")
    found = verified(moved)
    assert found.is_sound and found.run == "moved"
    assert measure(moved).run == "moved"
    assert mapcoder(moved, "report", ".").code == 0
    assert json.loads((moved / "metrics.json").read_text())["run"] == "moved"


def test_older_grades_that_name_no_program_are_counted(tmp_path: Path):
    run = reported(tmp_path / "r")
    changed(run / "grades.jsonl", lambda grade: grade.pop("program_sha256"))
    found = verified(resealed(run))
    assert found.num_unnamed == 1 and found.is_sound


def test_settings_that_were_changed_afterwards_are_noticed(tmp_path: Path):
    run = reported(tmp_path / "r")
    text = (run / "config.json").read_text()
    (run / "config.json").write_text(text.replace('"k": 3', '"k": 4'))
    assert "config.json: its settings do not have the digest" in verified(run).faults[0]


def test_what_config_json_says_beside_its_settings_is_sealed_too(tmp_path: Path):
    run = reported(tmp_path / "r")
    changed(run / "config.json", lambda header: header.update(prompts_digest="0"), number=None)
    found = verified(run)
    assert found.differing == ()
    assert found.faults == ("config.json is not the one that manifest.json was written for",)
    changed(run / "manifest.json", lambda manifest: manifest.pop("header_digest"), number=None)
    assert verified(run).is_sound  # a run older than this digest


def test_a_run_that_is_older_than_a_setting_is_not_blamed_for_it(tmp_path: Path):
    run = reported(tmp_path / "r")
    saved = json.loads((run / "config.json").read_text())
    del saved["config"]["repair"]
    saved["config_digest"] = "of the settings that there were"
    (run / "config.json").write_text(json.dumps(saved))
    assert verified(run).faults == ("manifest.json is of other settings than config.json",)


def test_what_holds_no_report_or_an_older_one_is_told_how_to_get_one(tmp_path: Path):
    run = reported(tmp_path / "r")
    saved = (run / "metrics.json").read_text()
    (run / "metrics.json").write_text(saved.replace('"schema_version": 3', '"schema_version": 2'))
    with pytest.raises(StoreError, match="is of version 2, and this is version 3: `mapcoder rep"):
        verified(run)
    (run / "metrics.json").write_text("[1]")
    with pytest.raises(StoreError, match="is damaged"):
        verified(run)
    (run / "metrics.json").unlink()
    with pytest.raises(StoreError, match="holds no saved report"):
        verified(run)
    with pytest.raises(StoreError, match="is this a run directory"):
        verified(tmp_path)


def test_a_report_without_intervals_is_verified_without(tmp_path: Path):
    run = reported(tmp_path / "r")
    write_record(
        run / "metrics.json", measure(run, has_intervals=False, confidence=parse.confidence)
    )
    assert verified(run).is_sound


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the true pipeline, judged in the sandbox, its problems beside it."""
    known = list(islice(puzzles("train", 5), 3))
    return teacher_run(tmp_path_factory.mktemp("real") / "run", known)


def test_the_verb_reports_and_verifies_and_judges_again(real: Path):
    done = mapcoder(real.parent, "verify", "run")
    assert (done.code, "mapcoder report run" in done.stderr) == (6, True)
    assert mapcoder(real.parent, "report", "run").code == 0
    Metrics.model_validate_json((real / "metrics.json").read_bytes())
    done = mapcoder(real.parent, "verify", "run", "--rejudge", "--json")
    # the teacher of these runs is asked without a store: its calls are not in calls.jsonl
    found = json.loads(done.stdout)
    assert done.code == 1
    assert all("is not in calls.jsonl" in fault for fault in found["verification"]["faults"])
    assert found["verification"]["differing"] == []
    assert found["rejudged"]["changes"] == []
    assert found["rejudged"]["num_graded"] == 3
    assert "to the byte" in found["problems"]


def test_other_verdicts_of_today_are_listed(real: Path, tmp_path: Path):
    for file in real.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    changed(tmp_path / "grades.jsonl", lambda grade: grade["judgement"].update(verdict="MLE"))
    mapcoder(tmp_path, "report", ".")
    before = (tmp_path / "grades.jsonl").read_bytes()
    done = mapcoder(tmp_path, "verify", ".", "--rejudge")
    assert done.code == 1
    assert "3 programs judged again, 1 verdicts differ" in done.stdout
    assert "saved MLE, now " in done.stdout
    assert (tmp_path / "grades.jsonl").read_bytes() == before


def test_problems_that_changed_are_a_mismatch(real: Path, tmp_path: Path):
    mapcoder(real.parent, "report", "run")
    hidden = real.parent / "hidden_tests.jsonl"
    saved = hidden.read_bytes()
    try:
        hidden.write_bytes(saved.replace(b'"input":"', b'"input":"7', 1))
        assert "have changed since" in mapcoder(real.parent, "verify", "run").stdout
        hidden.unlink()
        assert "not all at hand" in mapcoder(real.parent, "verify", "run").stdout
    finally:
        hidden.write_bytes(saved)
