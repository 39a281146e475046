"""Verdicts of another version of the judge are told apart from those of today."""

from pathlib import Path

import pytest

from mapcoder_lite.errors import SandboxError, StoreError
from mapcoder_lite.evaluation.metrics import measure
from mapcoder_lite.evaluation.report import run_report
from mapcoder_lite.examination import (
    Examination,
    examination_of,
    passed_examination,
    trusted_examination,
)
from mapcoder_lite.jsonl import read_record, write_record
from mapcoder_lite.problem import Language
from mapcoder_lite.runner import examine, run
from mapcoder_lite.store import Manifest
from mapcoder_lite.verdict import JUDGE_VERSION, Isolation
from test_runner import EQUAL, name_it, opened, threads, work

NONE = Isolation(tier="none")


def make_run(path: Path, judge_version: int = JUDGE_VERSION) -> Path:
    """A complete, graded run whose judge was of that version."""
    todo = work()
    with opened(path, todo) as directory:
        write_record(path / "selftest.json", of_version(judge_version))
        run(todo, threads(todo, name_it, EQUAL), directory, isolation=NONE)
    return path


def of_version(number: int, wrong: tuple[str, ...] = ()) -> Examination:
    found = examination_of(NONE, (Language.PYTHON,), 1, wrong)
    return found.model_copy(update={"judge_version": number})


def test_every_run_records_the_version_of_its_judge(tmp_path: Path):
    make_run(tmp_path)
    assert trusted_examination(tmp_path).judge_version == JUDGE_VERSION
    assert read_record(tmp_path / "manifest.json", Manifest).judge_version == JUDGE_VERSION
    ungraded = work()
    with opened(tmp_path / "ungraded", ungraded) as directory:
        run(ungraded, threads(ungraded, name_it, EQUAL), directory)
    assert read_record(tmp_path / "ungraded" / "manifest.json", Manifest).judge_version == 0


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (JUDGE_VERSION + 1, f"graded by version {JUDGE_VERSION + 1} of the judge"),
        (0, "graded before the judge's version was recorded"),
    ],
)
def test_another_version_is_not_built_on_and_the_remedy_is_named(
    tmp_path: Path, version: int, words: str
):
    make_run(tmp_path, version)
    with pytest.raises(StoreError, match=words) as refused:
        trusted_examination(tmp_path)
    assert f"this is version {JUDGE_VERSION}" in str(refused.value)
    assert f"`mapcoder grade {tmp_path}` judges its programs again" in str(refused.value)
    assert passed_examination(tmp_path).judge_version == version


def test_a_record_from_before_the_versions_is_read(tmp_path: Path):
    make_run(tmp_path)
    old = of_version(0).model_dump_json(exclude={"judge_version"})
    (tmp_path / "selftest.json").write_text(old)
    assert passed_examination(tmp_path).judge_version == 0


def test_a_failed_judge_is_trusted_in_no_version(tmp_path: Path):
    make_run(tmp_path)
    write_record(tmp_path / "selftest.json", of_version(JUDGE_VERSION + 1, ("sum: AC",)))
    for look in (trusted_examination, passed_examination):
        with pytest.raises(SandboxError, match="failed its self-test"):
            look(tmp_path)


def test_a_run_that_holds_grades_goes_on_only_under_the_same_version(tmp_path: Path):
    make_run(tmp_path, JUDGE_VERSION + 1)
    with (
        opened(tmp_path, work()) as directory,
        pytest.raises(StoreError, match="mapcoder grade"),
    ):
        examine(EQUAL, Language.PYTHON, directory)
    assert read_record(tmp_path / "selftest.json", Examination) == of_version(
        JUDGE_VERSION + 1
    ).model_copy(update={"examined": passed_examination(tmp_path).examined})
    (tmp_path / "grades.jsonl").write_text("")
    with opened(tmp_path, work()) as directory:
        directory.refuse_other_judge()
        assert list(directory.grades.read()) == []


def test_a_report_says_that_the_judge_was_another(tmp_path: Path):
    old, new = make_run(tmp_path / "old", JUDGE_VERSION + 1), make_run(tmp_path / "new")
    text = run_report(measure(old))
    assert f"judged by version {JUDGE_VERSION + 1} of the judge, not by today's" in text
    assert "`mapcoder grade RUN`" in text
    assert "not by today's" not in run_report(measure(new))
