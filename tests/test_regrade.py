import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mapcoder_lite import regrade
from mapcoder_lite.errors import InputError, SandboxError, StoreError
from mapcoder_lite.examination import examination_of, passed_examination
from mapcoder_lite.jsonl import file_digest, read_lines, read_record, write_record
from mapcoder_lite.problem import Language
from mapcoder_lite.regrade import Change, Regrading
from mapcoder_lite.runner import Executor, owed, run
from mapcoder_lite.settings import JudgeConfig
from mapcoder_lite.store import Manifest, Unit
from mapcoder_lite.trajectory import Grade
from mapcoder_lite.verdict import JUDGE_VERSION, Isolation, Verdict
from mapcoder_lite.work import Work
from test_runner import EQUAL, FunctionJudge, grades, name_it, opened, threads, work

NONE = Isolation(tier="none")
BROKEN = FunctionJudge(lambda program, wanted: Verdict.WA)
SETTINGS = JudgeConfig()


def make_run(path: Path, todo: Work, judge: FunctionJudge = BROKEN) -> Path:
    """A complete run, graded by a judge of an older version."""
    with opened(path, todo) as directory:
        old = examination_of(NONE, (Language.PYTHON,), 1, ())
        write_record(path / "selftest.json", old.model_copy(update={"judge_version": 0}))
        run(todo, threads(todo, name_it, judge), directory, isolation=NONE)
    (path / "metrics.json").write_text("{}")
    return path


def examined(sitting: regrade.Regrade) -> None:
    """As `examine` does, of a judge that passed."""
    passed = examination_of(NONE, (Language.PYTHON,), 3, ())
    write_record(sitting.folder / "selftest.json", passed)


def judge_again(path: Path, executor: Executor, settings: JudgeConfig = SETTINGS) -> Regrading:
    with regrade.opened(path, settings) as sitting:
        if not sitting.is_decided:
            examined(sitting)
            sitting.run(sitting.owed(), executor, 20)
            assert sitting.owed() == []
        return sitting.conclude()


def test_grades_are_replaced_and_what_changed_is_listed(tmp_path: Path):
    todo = work(3, 2)
    make_run(tmp_path, todo)
    before = read_record(tmp_path / "manifest.json", Manifest)
    done = judge_again(tmp_path, threads(todo, name_it, EQUAL, 2))
    assert done == read_record(tmp_path / "regraded.json", Regrading)
    assert (done.judge_version, done.old_version, done.num_graded) == (JUDGE_VERSION, 0, 6)
    assert done.changes == tuple(
        Change(problem_id=id, sample=0, old="WA", new="AC") for id in ("p0", "p1")
    )
    assert {unit for unit, grade in grades(tmp_path).items() if grade.is_passed} == {
        Unit("p0", 0),
        Unit("p1", 0),
    }
    assert passed_examination(tmp_path).judge_version == JUDGE_VERSION
    after = read_record(tmp_path / "manifest.json", Manifest)
    digests = {**before.digests, "grades.jsonl": file_digest(tmp_path / "grades.jsonl")}
    assert digests != before.digests
    assert after == before.model_copy(update={"judge_version": JUDGE_VERSION, "digests": digests})
    assert not (tmp_path / "regrade").exists()
    assert not (tmp_path / "metrics.json").exists()
    assert "judged again: 6 units, 2 changed" in (tmp_path / "log.txt").read_text()


def test_a_second_time_nothing_changes(tmp_path: Path):
    todo = work()
    make_run(tmp_path, todo)
    judge_again(tmp_path, threads(todo, name_it, EQUAL))
    assert judge_again(tmp_path, threads(todo, name_it, EQUAL)).changes == ()


def test_an_incomplete_run_is_judged_as_far_as_it_goes_and_goes_on(tmp_path: Path):
    todo = work()
    make_run(tmp_path, todo)
    (tmp_path / "manifest.json").unlink()
    for name, kept in (("trajectories.jsonl", 2), ("grades.jsonl", 1)):
        lines = (tmp_path / name).read_bytes().splitlines(keepends=True)
        (tmp_path / name).write_bytes(b"".join(lines[:kept]) + b'{"problem_id": "p')
    done = judge_again(tmp_path, threads(todo, name_it, EQUAL))
    assert [(c.problem_id, c.old, c.new) for c in done.changes] == [
        ("p0", "WA", "AC"),
        ("p1", "not graded", "AC"),
    ]
    assert not (tmp_path / "manifest.json").exists()
    with opened(tmp_path, todo) as directory:
        directory.refuse_other_judge()
        assert owed(todo, directory).to_solve == (Unit("p2", 0),)


def test_what_could_not_be_judged_stays_owed_and_the_old_grades_stand(tmp_path: Path):
    todo = work()
    make_run(tmp_path, todo)
    before = (tmp_path / "grades.jsonl").read_bytes()

    def only_p0(program: str, wanted: str) -> Verdict:
        if wanted != "p0":
            raise SandboxError("no isolation")
        return Verdict.AC

    with regrade.opened(tmp_path, SETTINGS) as sitting:
        examined(sitting)
        tasks = sitting.owed()
        assert sitting.run(tasks, threads(todo, name_it, FunctionJudge(only_p0)), 20) == 1
        assert [task.unit for task in sitting.owed()] == [Unit("p1", 0)]
    assert (tmp_path / "grades.jsonl").read_bytes() == before
    assert "p1 sample 0, judged again: SandboxError" in (tmp_path / "log.txt").read_text()
    asked: list[str] = []

    def counted(program: str, wanted: str) -> Verdict:
        asked.append(wanted)
        return Verdict.AC

    judge_again(tmp_path, threads(todo, name_it, FunctionJudge(counted)))
    assert asked == ["p1"]
    assert grades(tmp_path)[Unit("p0", 0)].is_passed


def test_another_judge_begins_anew_and_more_workers_do_not(tmp_path: Path):
    todo = work()
    make_run(tmp_path, todo)
    for settings, num_owed in (
        (SETTINGS, 3),
        (JudgeConfig(workers=7), 0),
        (JudgeConfig(tier="landlock"), 3),
    ):
        with regrade.opened(tmp_path, settings) as sitting:
            assert len(sitting.owed()) == num_owed
            examined(sitting)
            sitting.run(sitting.owed(), threads(todo, name_it, EQUAL), 20)


def test_a_run_is_not_judged_again_while_it_is_written(tmp_path: Path):
    todo = work()
    make_run(tmp_path, todo)
    with (
        opened(tmp_path, todo) as directory,
        pytest.raises(StoreError, match="written by another process"),
        regrade.opened(tmp_path, SETTINGS),
    ):
        raise AssertionError(directory)


def test_without_a_trajectory_there_is_nothing_to_judge(tmp_path: Path):
    todo = work()
    opened(tmp_path, todo).close()
    with (
        regrade.opened(tmp_path, SETTINGS) as sitting,
        pytest.raises(InputError, match="holds no trajectory"),
    ):
        sitting.owed()


@pytest.mark.parametrize("num_replaced", [0, 1, 2])
def test_killed_between_two_files_the_same_command_concludes(tmp_path: Path, num_replaced: int):
    todo = work()
    make_run(tmp_path, todo)
    old_grades = grades(tmp_path)
    with regrade.opened(tmp_path, SETTINGS) as sitting:
        examined(sitting)
        sitting.run(sitting.owed(), threads(todo, name_it, EQUAL), 20)
        twin = tmp_path / "twin"
        twin.mkdir()
        for name in regrade.REPLACED:
            shutil.copy(sitting.folder / name, twin / name)
        decision = sitting.conclude()
        # as it was after the decision and the first files that were replaced
        sitting.folder.mkdir()
        begun = regrade.Beginning(judge=SETTINGS, judge_version=JUDGE_VERSION)
        write_record(sitting.folder / "begun.json", begun)
        write_record(sitting.folder / "regraded.json", decision)
        for name in regrade.REPLACED[num_replaced:]:
            (twin / name).rename(sitting.folder / name)
        if num_replaced == 0:
            (tmp_path / "grades.jsonl").write_bytes(b"")
    done = judge_again(tmp_path, threads(todo, name_it, BROKEN))
    assert done == decision
    assert grades(tmp_path).keys() == old_grades.keys()
    assert grades(tmp_path)[Unit("p0", 0)].is_passed
    assert passed_examination(tmp_path).judge_version == JUDGE_VERSION
    manifest = read_record(tmp_path / "manifest.json", Manifest)
    assert manifest.digests["grades.jsonl"] == file_digest(tmp_path / "grades.jsonl")


KILLED = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_regrade import judge_again
from test_runner import FunctionJudge, name_it, threads, work
from mapcoder_lite.verdict import Verdict

path = Path({path!r})
judged = os.open(path.parent / "judged", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def says(program, wanted):
    os.write(judged, (wanted + "\\n").encode())
    time.sleep(0.01)
    return Verdict.AC if program == wanted else Verdict.WA

todo = work(60, 2)
judge_again(path, threads(todo, name_it, FunctionJudge(says), 3))
"""


def test_killed_again_and_again_it_ends_as_if_undisturbed(tmp_path: Path):
    todo, path, chance = work(60, 2), tmp_path / "run", random.Random(os.getpid())
    make_run(path, todo)
    old = (path / "grades.jsonl").read_bytes()
    script = KILLED.format(tests=str(Path(__file__).parent), path=str(path))
    command, log = [sys.executable, "-c", script], tmp_path / "judged"
    num_kills = 0
    for _ in range(4):
        before = log.stat().st_size if log.exists() else 0
        process = subprocess.Popen(command)
        goal = before + 3 * chance.randint(1, 25)
        while process.poll() is None and (not log.exists() or log.stat().st_size < goal):
            time.sleep(0.003)
        time.sleep(chance.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        num_kills += process.wait() == -signal.SIGKILL
        if not (path / "regraded.json").exists():
            assert (path / "grades.jsonl").read_bytes() == old
            assert passed_examination(path).judge_version == 0
    assert num_kills >= 2, "it ended before it could be killed"
    subprocess.run(command, check=True, timeout=60)

    found = Counter(
        Unit(grade.problem_id, grade.sample) for grade in read_lines(path / "grades.jsonl", Grade)
    )
    assert found == Counter(todo.units)
    assert sum(grade.is_passed for grade in grades(path).values()) == 59
    assert len(read_record(path / "regraded.json", Regrading).changes) == 59
    judged = log.read_text().split()
    # only those under way at a kill, one a thread, are judged a second time
    assert len(judged) - 119 <= 3 * num_kills
    assert not (path / "regrade").exists()
