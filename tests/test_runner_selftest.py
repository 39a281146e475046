"""No accuracy is printed from a run whose judge failed its self-test, or was never examined."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.evaluation.metrics import measure
from mapcoder_lite.evaluation.report import run_report
from mapcoder_lite.evaluation.systems import open_systems
from mapcoder_lite.examination import Examination
from mapcoder_lite.jsonl import read_record
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import Language
from mapcoder_lite.runner import examine, run
from mapcoder_lite.verdict import Judgement, Verdict
from test_cli_main import Done, mapcoder
from test_runner import EQUAL, name_it, opened, threads, work


@pytest.fixture(scope="module")
def judge() -> Iterator[SandboxJudge]:
    try:
        made = SandboxJudge(1)
    except SandboxError as error:
        pytest.skip(str(error))
    with made:
        yield made


class Gullible:
    """A judge whose checker accepts everything that ends well."""

    def __init__(self, judge: SandboxJudge):
        self._judge = judge
        self.isolation = judge.isolation

    def judge(self, program: str, *rest: object, **how: object) -> Judgement:
        judgement = self._judge.judge(program, *rest, **how)  # type: ignore[arg-type]
        if judgement.verdict is not Verdict.WA:
            return judgement
        return judgement.model_copy(update={"verdict": Verdict.AC, "first_failure": None})

    def close(self) -> None:
        self._judge.close()


def make_run(path: Path, judge: SandboxJudge | Gullible | None) -> None:
    """A complete, graded run, its judge examined unless there is none."""
    todo = work()
    with opened(path, todo) as directory:
        if judge is not None:
            examine(judge, Language.PYTHON, directory)
        assert run(todo, threads(todo, name_it, EQUAL), directory).is_complete


def report(path: Path, *words: str) -> Done:
    return mapcoder(path.parent, "report", path.name, *words)


def test_a_sound_judge_is_recorded_and_its_run_reported(tmp_path: Path, judge: SandboxJudge):
    make_run(tmp_path / "run", judge)
    examination = read_record(tmp_path / "run" / "selftest.json", Examination)
    assert examination.is_trusted
    assert examination.languages == (Language.PYTHON,)
    assert examination.isolation == judge.isolation
    assert "self-test" in (tmp_path / "run" / "log.txt").read_text()
    metrics = measure(tmp_path / "run")
    assert metrics.examination == examination
    number = examination.num_verdicts
    assert f"(python): {number} of {number} verdicts right" in run_report(metrics)
    done = report(tmp_path / "run")
    assert done.code == 0, done.stderr
    assert "pass@1" in done.stdout


def test_a_broken_judge_stops_the_run_and_nothing_is_reported(tmp_path: Path, judge: SandboxJudge):
    path = tmp_path / "run"
    with pytest.raises(SandboxError, match=r"failed its self-test.*wrong sum: AC, expected WA"):
        make_run(path, Gullible(judge))
    examination = read_record(path / "selftest.json", Examination)
    assert len(examination.wrong) >= 4
    assert "python wrong sum: AC, expected WA" in examination.wrong
    # even when somebody graded in spite of it
    todo = work()
    with opened(path, todo) as directory:
        assert not directory.is_judge_trusted
        run(todo, threads(todo, name_it, EQUAL), directory)
    for words in ((), ("--json",)):
        done = report(path, *words)
        assert (done.code, done.stdout) == (5, "")
        assert "wrong sum: AC, expected WA" in done.stderr


def test_a_run_whose_judge_is_unknown_is_not_reported(tmp_path: Path, judge: SandboxJudge):
    make_run(tmp_path / "old", None)
    done = report(tmp_path / "old")
    assert (done.code, done.stdout) == (5, "")
    assert "no selftest.json" in done.stderr
    assert "the same `mapcoder run` command examines the judge" in done.stderr
    make_run(tmp_path / "new", judge)
    with pytest.raises(SandboxError, match="old does not say"):
        open_systems([str(tmp_path / "new"), str(tmp_path / "old")])


def test_an_older_run_is_mended_by_examining_its_judge(tmp_path: Path, judge: SandboxJudge):
    make_run(tmp_path / "run", None)
    before = (tmp_path / "run" / "grades.jsonl").read_bytes()
    make_run(tmp_path / "run", judge)
    assert (tmp_path / "run" / "grades.jsonl").read_bytes() == before
    assert report(tmp_path / "run").code == 0


def test_a_language_that_cannot_be_judged_stops_a_run_in_it(tmp_path: Path):
    with SandboxJudge(1) as closed:
        pass
    with (
        opened(tmp_path / "run", work()) as directory,
        pytest.raises(SandboxError, match="closed"),
    ):
        examine(closed, Language.CPP, directory)
    examination = read_record(tmp_path / "run" / "selftest.json", Examination)
    assert examination.languages == (Language.PYTHON, Language.CPP)
    assert not examination.is_trusted
