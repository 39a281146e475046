"""A repair that is killed again and again ends as one left alone, and asks nothing twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mapcoder_lite import pipeline, runner
from mapcoder_lite.curation.supervisor import ModelSupervisor
from mapcoder_lite.engine.replay import StoredEngine
from mapcoder_lite.example import Correction
from mapcoder_lite.jsonl import read_lines, write_lines
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.supervisor import ErrorRates, SupervisorEngine
from mapcoder_lite.pocket.teacher import TeacherEngine
from mapcoder_lite.runner import grade
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Completion, Engine, Grade, Request, Sampling, Trajectory, Watch
from mapcoder_lite.work import Work
from test_curation_repair import DIALS, HIDDEN, KNOWN, PUZZLES, WEAK, opened, repairer

NUM_THREADS = 3
REPAIR = """
import sys
sys.path.insert(0, {tests!r})
from test_curation_repair_killed import Path, carry_out
carry_out(Path({folder!r}), 0.005)
"""


class Noted:
    """An engine that writes down every request that reaches it, and takes its time."""

    def __init__(self, inner: Engine, file: Path, seconds: float):
        self._inner = inner
        self._seconds = seconds
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @property
    def identity(self) -> str:
        return self._inner.identity

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        for request in requests:
            os.write(self._file, json.dumps([request.key, request.guidance]).encode() + b"\n")
        time.sleep(self._seconds)
        return self._inner.complete(requests, watch)

    def close(self) -> None:
        os.close(self._file)


def carry_out(folder: Path, seconds: float) -> None:
    """Repair the failed attempts of a folder into its `repaired`, or go on with that."""
    failed = {
        Unit(t.problem_id, t.sample): t for t in read_lines(folder / "failed.jsonl", Trajectory)
    }
    problems = tuple(PUZZLES[unit.problem_id].problem for unit in failed)
    work = Work(problems, HIDDEN, tuple(failed))
    engines = [
        Noted(inner, folder / "asked", seconds)
        for inner in (SupervisorEngine(KNOWN, ErrorRates(0.3, 0.2)), TeacherEngine(KNOWN, WEAK))
    ]
    with SandboxJudge(2) as judge, opened(folder / "repaired", work) as directory:
        who, live = (StoredEngine(engine, directory.calls) for engine in engines)
        assert directory.corrections is not None
        again = repairer(
            failed,
            judge,
            ModelSupervisor(who, Sampling()),
            live,
            record=directory.corrections.append,
        )
        threads = runner.Threads(runner.Worker(work, again.solve, judge), NUM_THREADS)
        assert runner.run(work, threads, directory).is_complete


def write_failures(folder: Path) -> None:
    teacher = TeacherEngine(KNOWN, WEAK)
    with SandboxJudge(2) as judge:
        attempts = [pipeline.solve(p.problem, teacher, judge, DIALS) for p in KNOWN]
        failed = [
            t
            for p, t in zip(KNOWN, attempts, strict=True)
            if not grade(t, p.problem, p.hidden, judge).is_passed
        ]
    folder.mkdir()
    write_lines(folder / "failed.jsonl", failed)


def asked_in(folder: Path) -> list[str]:
    file = folder / "asked"
    return file.read_text().splitlines() if file.exists() else []


def results(folder: Path) -> tuple[object, ...]:
    """What a repair says, without times and the order in which units ended."""
    path = folder / "repaired"
    said = [
        [c.completion.text for c in t.calls] + [t.problem_id, t.program, t.stop]
        for t in read_lines(path / "trajectories.jsonl", Trajectory)
    ]
    grades = [(g.problem_id, g.is_passed) for g in read_lines(path / "grades.jsonl", Grade)]
    corrections = [c.model_dump_json() for c in read_lines(path / "corrections.jsonl", Correction)]
    return sorted(map(json.dumps, said)), sorted(grades), sorted(corrections)


def test_killed_again_and_again_it_ends_as_if_left_alone(tmp_path: Path):
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    write_failures(alone)
    killed.mkdir()
    (killed / "failed.jsonl").write_bytes((alone / "failed.jsonl").read_bytes())
    carry_out(alone, 0.0)
    num_calls = len(asked_in(alone))

    chance = random.Random(os.getpid())
    tests = str(Path(__file__).parent)
    command = [sys.executable, "-c", REPAIR.format(tests=tests, folder=str(killed))]
    num_kills = 0
    for _ in range(3):
        goal = len(asked_in(killed)) + chance.randint(1, num_calls // 4)
        process = subprocess.Popen(command)
        while process.poll() is None and len(asked_in(killed)) < goal:
            time.sleep(0.003)
        time.sleep(chance.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        num_kills += process.wait() == -signal.SIGKILL
    assert num_kills >= 2, "the repair ended before it could be killed"
    subprocess.run(command, check=True, timeout=60)

    assert results(killed) == results(alone)
    asked = asked_in(killed)
    assert set(asked) == set(asked_in(alone))
    assert len(asked_in(alone)) == len(set(asked_in(alone))), "something was asked twice"
    # Only what was under way at a kill, a batch of k a thread, may be asked a second time.
    twice = sum(count - 1 for count in Counter(asked).values())
    assert twice <= DIALS.k * NUM_THREADS * num_kills
