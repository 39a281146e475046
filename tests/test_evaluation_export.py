import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from made_runs import made_run, problem_of
from mapcoder_lite.errors import ConfigError, SandboxError, StoreError
from mapcoder_lite.evaluation.export_evalplus import export_evalplus
from mapcoder_lite.evaluation.export_inspect import export_inspect
from mapcoder_lite.jsonl import read_lines, write_lines
from mapcoder_lite.problem import Language
from mapcoder_lite.trajectory import Trajectory
from mapcoder_lite.verdict import Verdict
from page_run import FIRST_PROGRAM, LAST_PROGRAM, written_run
from test_cli_main import mapcoder

AC, WA, IE = Verdict.AC, Verdict.WA, Verdict.IE
needs_inspect = pytest.mark.skipif(
    importlib.util.find_spec("inspect_ai") is None, reason="inspect_ai is not installed"
)


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def renamed(run: Path, old: str, new: str) -> None:
    for name in ("problems.jsonl", "trajectories.jsonl", "grades.jsonl"):
        text = (run / name).read_text(encoding="utf-8")
        (run / name).write_text(text.replace(f'"{old}"', f'"{new}"'), encoding="utf-8")


def test_evalplus_gets_whole_programs_and_its_own_names(tmp_path: Path):
    run = written_run(tmp_path / "r", [AC, None, WA], samples=2)
    renamed(run, "p0", "HumanEval/0")
    renamed(run, "p2", "mbpp/2")
    done = export_evalplus(run, tmp_path / "samples.jsonl")
    assert (done.num_samples, done.num_empty, done.num_owed, done.num_extra) == (6, 2, 0, 0)
    assert [set(line) for line in lines(tmp_path / "samples.jsonl")] == [
        {"task_id", "solution"}
    ] * 6
    told = [(line["task_id"], line["solution"]) for line in lines(tmp_path / "samples.jsonl")[::2]]
    assert told == [("HumanEval/0", LAST_PROGRAM), ("p1", ""), ("Mbpp/2", LAST_PROGRAM)]


def test_further_attempts_are_left_out_and_owed_ones_said(tmp_path: Path):
    """A pass rate over attempts made where passes lacked would be that of the hard problems."""
    run = written_run(tmp_path / "r", [AC, WA, WA])
    kept = list(read_lines(run / "trajectories.jsonl", Trajectory))
    write_lines(
        run / "trajectories.jsonl", [kept[0], kept[1], kept[1].model_copy(update={"sample": 1})]
    )
    done = export_evalplus(run, tmp_path / "samples.jsonl")
    assert (done.num_samples, done.num_owed, done.num_extra) == (2, 1, 1)


def test_evalplus_runs_python_alone(tmp_path: Path):
    run = written_run(tmp_path / "r", [AC])
    kept = list(read_lines(run / "trajectories.jsonl", Trajectory))
    write_lines(
        run / "trajectories.jsonl",
        [one.model_copy(update={"language": Language.CPP}) for one in kept],
    )
    with pytest.raises(StoreError, match="a program is in cpp"):
        export_evalplus(run, tmp_path / "samples.jsonl")
    assert not (tmp_path / "samples.jsonl").exists()


def test_an_empty_run_is_refused(tmp_path: Path):
    with pytest.raises(StoreError, match="no attempt yet"):
        export_evalplus(written_run(tmp_path / "r", []), tmp_path / "samples.jsonl")


def test_the_command_says_what_is_missing(tmp_path: Path):
    run = written_run(tmp_path / "r", [AC, None, WA])
    kept = list(read_lines(run / "trajectories.jsonl", Trajectory))
    write_lines(run / "trajectories.jsonl", kept[:2])
    done = mapcoder(tmp_path, "export", "r", "--format", "evalplus", "--out", "samples.jsonl")
    assert done.code == 0, done.stderr
    assert "2 samples" in done.stderr and "1 of them are empty" in done.stderr
    assert "1 attempts are owed" in done.stderr
    done = mapcoder(tmp_path, "export", "nowhere", "--format", "evalplus", "--out", "s.jsonl")
    assert (done.code, "is this a run directory?" in done.stderr) == (6, True)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What Inspect itself reads out of an exported log."""
    from inspect_ai.log import read_eval_log

    folder = tmp_path_factory.mktemp("inspect")
    run = written_run(folder / "r", [AC, WA, None, IE], samples=2)
    assert export_inspect(run, folder / "r.eval") == 8
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["r.eval"]
    return read_eval_log(str(folder / "r.eval"))


@needs_inspect
def test_inspect_reads_scores_as_the_report_gives_them(log: Any):
    (score,) = log.results.scores
    assert score.metrics["accuracy"].value == pytest.approx(2 / 6)
    assert (score.scored_samples, score.unscored_samples) == (6, 2)
    values = {(s.id, s.epoch): s.scores and s.scores["hidden_tests"].value for s in log.samples}
    assert [values[f"p{n}", 1] for n in range(4)] == ["C", "I", "I", None]
    explained = {s.id: s.scores and s.scores["hidden_tests"].explanation for s in log.samples}
    assert explained["p1"] == "WA, 2 of 3 tests" and explained["p2"] == "no program"
    assert (log.eval.model, log.eval.config.epochs, log.status) == ("double", 2, "cancelled")


@needs_inspect
def test_what_the_report_does_not_score_has_no_score(tmp_path: Path):
    """Further attempts where passes lacked: Inspect's own mean is the report's pass@1."""
    from inspect_ai.log import read_eval_log, recompute_metrics

    run = written_run(tmp_path / "r", [AC, WA, AC], samples=3)
    config = (run / "config.json").read_text()
    (run / "config.json").write_text(config.replace('"samples": 3', '"samples": 1'))
    export_inspect(run, tmp_path / "r.json")
    log = read_eval_log(str(tmp_path / "r.json"))
    assert log.samples is not None and log.results is not None
    (told,) = log.results.scores
    scored = [(sample.id, sample.epoch) for sample in log.samples if sample.scores]
    assert scored == [("p0", 1), ("p1", 1), ("p2", 1)]
    assert (told.scored_samples, told.unscored_samples) == (3, 6)
    assert told.metrics["accuracy"].value == pytest.approx(2 / 3)
    recompute_metrics(log)
    (again,) = log.results.scores
    assert again.metrics["accuracy"].value == told.metrics["accuracy"].value


@needs_inspect
def test_inspect_reads_every_step(log: Any):
    sample = next(s for s in log.samples if (s.id, s.epoch) == ("p1", 2))
    models = [event for event in sample.events if event.event == "model"]
    assert [event.role for event in models] == [
        "retrieval",
        *["planning"] * 4,
        "coding",
        "debugging",
    ]
    assert models[0].output.completion == "reply of retrieval\n\nto p1"
    assert [message.role for message in models[0].input] == ["system", "user"]
    usage = models[0].output.usage
    assert (usage.input_tokens, usage.input_tokens_cache_read, usage.total_tokens) == (60, 40, 110)
    trials = [event.data for event in sample.events if event.event == "info"]
    assert [(t["verdict"], t["program"]) for t in trials] == [
        ("WA", FIRST_PROGRAM),
        ("AC", LAST_PROGRAM),
    ]
    assert sample.output.completion == LAST_PROGRAM
    assert sample.metadata["tags"] == ["graphs", "all"]
    unread = next(s for s in log.samples if s.id == "p2")
    assert unread.events[0].metadata["format_failure"]["kind"] == "no_root"


@needs_inspect
def test_an_id_that_a_log_cannot_hold_is_written_otherwise(tmp_path: Path):
    logs: Any = pytest.importorskip("inspect_ai.log")
    run = made_run(tmp_path / "r", [AC, WA], problem=lambda n: problem_of(n, id=f"a\0{n}"))
    file = tmp_path / "r.eval"
    assert export_inspect(run, file) == 2
    found = logs.read_eval_log(str(file))
    assert sorted(sample.id for sample in found.samples) == ["a\u24000", "a\u24001"]


def test_a_log_of_another_name_is_refused(tmp_path: Path):
    run = written_run(tmp_path / "r", [AC])
    with pytest.raises(ConfigError, match=r"ends in \.eval or \.json"):
        export_inspect(run, tmp_path / "log.txt")


@needs_inspect
def test_no_scores_of_a_judge_that_failed_its_self_test(tmp_path: Path):
    run = written_run(tmp_path / "r", [AC], is_trusted=False)
    with pytest.raises(SandboxError, match="failed its self-test"):
        export_inspect(run, tmp_path / "log.eval")
    assert not (tmp_path / "log.eval").exists()
