import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

import pytest

from mapcoder_lite import config
from mapcoder_lite.errors import BudgetSpent, InputError, SandboxError, StoreError
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.problem import Checker, HiddenTests, Io, Language, Limits, Problem, Test
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.runner import (
    Executor,
    Outcome,
    Progress,
    Result,
    SolveUnit,
    Task,
    Threads,
    Worker,
    owed,
    run,
)
from mapcoder_lite.store import Manifest, RunDirectory, RunHeader, Unit
from mapcoder_lite.trajectory import Grade, StopReason, Trajectory
from mapcoder_lite.verdict import Isolation, Judgement, Verdict
from mapcoder_lite.work import Work, samples_of

STDIO = Io()


class FunctionJudge:
    """A judge whose word is a function of the program and the first expected output."""

    def __init__(self, says: Callable[[str, str], Verdict]):
        self._says = says

    @property
    def isolation(self) -> Isolation:
        return Isolation(tier="none")

    def judge(
        self,
        program: str,
        language: Language,
        tests: Sequence[Test],
        *,
        limits: Limits,
        checker: Checker,
        io: Io = STDIO,
        stop_early: bool = False,
        show_tests: bool = True,
    ) -> Judgement:
        assert not show_tests, "a hidden test must never be shown"
        verdict = self._says(program, tests[0].outputs[0])
        passed = len(tests) if verdict is Verdict.AC else 0
        return Judgement(
            verdict=verdict,
            num_run=len(tests),
            num_total=len(tests),
            num_passed=passed,
            isolation=self.isolation,
        )

    def close(self) -> None:
        pass


EQUAL = FunctionJudge(lambda program, wanted: Verdict.AC if program == wanted else Verdict.WA)


def work(num_problems: int = 3, num_samples: int = 1) -> Work:
    problems = tuple(Problem(id=f"p{n}", statement="Say your name.") for n in range(num_problems))
    hidden = {
        p.id: HiddenTests(problem_id=p.id, tests=(Test(input="", outputs=(p.id,)),))
        for p in problems
    }
    return samples_of(problems, hidden, num_samples)


def threads(todo: Work, solve: SolveUnit, judge: FunctionJudge, num_threads: int = 1) -> Executor:
    return Threads(Worker(todo, solve, judge), num_threads)


def opened(path: Path, todo: Work) -> RunDirectory:
    settings = config.load()
    header = RunHeader(
        config=settings,
        config_digest=settings.digest,
        problems_digest=todo.digest,
        engine_identity="double",
        version="0",
    )
    return RunDirectory(path, header, todo.facts())


def name_it(problem: Problem, sample: int) -> Trajectory:
    """Right on the first sample, wrong on others, no program for p2."""
    program = None if problem.id == "p2" else problem.id + "?" * sample
    return Trajectory(
        problem_id=problem.id, sample=sample, program=program, stop=StopReason.UNTESTED
    )


def grades(path: Path) -> dict[Unit, Grade]:
    return {Unit(g.problem_id, g.sample): g for g in read_lines(path / "grades.jsonl", Grade)}


def test_every_unit_is_solved_and_graded_once(tmp_path: Path):
    todo, seen = work(3, 2), list[Progress]()
    with opened(tmp_path, todo) as directory:
        outcome = run(todo, threads(todo, name_it, EQUAL, 3), directory, on_unit=seen.append)
    assert outcome == Outcome(num_units=6, num_done=6, num_errors=0)
    found = grades(tmp_path)
    assert set(found) == set(todo.units)
    assert found[Unit("p0", 0)].is_passed
    assert not found[Unit("p0", 1)].is_passed
    assert found[Unit("p2", 0)].judgement is None
    assert sorted(p.num_ended for p in seen) == [1, 2, 3, 4, 5, 6]
    manifest = Manifest.model_validate_json((tmp_path / "manifest.json").read_bytes())
    assert (manifest.num_problems, manifest.num_units) == (3, 6)


def test_a_second_call_does_nothing_again(tmp_path: Path):
    todo, asked = work(), list[str]()

    def counted(problem: Problem, sample: int) -> Trajectory:
        asked.append(problem.id)
        return name_it(problem, sample)

    for _ in range(2):
        with opened(tmp_path, todo) as directory:
            run(todo, threads(todo, counted, EQUAL), directory)
    assert Counter(asked) == {"p0": 1, "p1": 1, "p2": 1}


def test_a_failed_unit_is_counted_said_and_owed_again_never_scored(tmp_path: Path):
    todo, is_down = work(), [True]

    def shaky(problem: Problem, sample: int) -> Trajectory:
        if is_down[0] and problem.id == "p1":
            raise ValueError("a bug of ours")
        return name_it(problem, sample)

    with opened(tmp_path, todo) as directory:
        outcome = run(todo, threads(todo, shaky, EQUAL), directory)
        assert outcome == Outcome(num_units=3, num_done=2, num_errors=1)
        assert not outcome.is_complete
    assert not (tmp_path / "manifest.json").exists()
    failed = list(read_lines(tmp_path / "errors.jsonl", Trajectory))
    assert [(t.problem_id, t.stop, t.error) for t in failed] == [
        ("p1", StopReason.ERROR, "ValueError: a bug of ours")
    ]
    assert Unit("p1", 0) not in grades(tmp_path)
    assert "p1 sample 0: ValueError: a bug of ours" in (tmp_path / "log.txt").read_text()
    is_down[0] = False
    with opened(tmp_path, todo) as directory:
        assert owed(todo, directory).to_solve == (Unit("p1", 0),)
        assert run(todo, threads(todo, shaky, EQUAL), directory).is_complete
    assert (tmp_path / "manifest.json").exists()


def test_a_judge_that_broke_owes_the_grade_but_not_the_solution(tmp_path: Path):
    todo, solved = work(), list[str]()

    def counted(problem: Problem, sample: int) -> Trajectory:
        solved.append(problem.id)
        return name_it(problem, sample)

    def broken(program: str, wanted: str) -> Verdict:
        raise SandboxError("no isolation")

    with opened(tmp_path, todo) as directory:
        outcome = run(todo, threads(todo, counted, FunctionJudge(broken)), directory)
    assert outcome.num_errors == 2  # p2 holds no program, so nothing is judged
    with opened(tmp_path, todo) as directory:
        assert run(todo, threads(todo, counted, EQUAL), directory).is_complete
    assert Counter(solved) == {"p0": 1, "p1": 1, "p2": 1}
    assert grades(tmp_path)[Unit("p0", 0)].is_passed


def test_a_trajectory_that_ended_in_an_error_is_owed_too(tmp_path: Path):
    todo = work(1)

    def failed(problem: Problem, sample: int) -> Trajectory:
        return Trajectory(problem_id=problem.id, stop=StopReason.ERROR, error="server gone")

    with opened(tmp_path, todo) as directory:
        assert run(todo, threads(todo, failed, EQUAL), directory).num_errors == 1
        assert list(directory.trajectories.read()) == []


def test_too_many_errors_end_the_run(tmp_path: Path):
    todo = work(30)

    def broken(problem: Problem, sample: int) -> Trajectory:
        raise OSError("the machine is gone")

    with opened(tmp_path, todo) as directory:
        outcome = run(todo, threads(todo, broken, EQUAL), directory, max_errors=4)
    assert (outcome.num_errors, outcome.num_done) == (4, 0)


def test_results_that_cannot_be_written_end_the_run(tmp_path: Path):
    todo = work(3)

    def full_disk(problem: Problem, sample: int) -> Trajectory:
        raise StoreError("disk full")

    with opened(tmp_path, todo) as directory, pytest.raises(StoreError, match="disk full"):
        run(todo, threads(todo, full_disk, EQUAL, 2), directory)


def test_without_hidden_tests_nothing_is_graded(tmp_path: Path):
    todo = samples_of(work().problems)
    with opened(tmp_path, todo) as directory:
        assert run(todo, threads(todo, name_it, EQUAL), directory).is_complete
    assert grades(tmp_path) == {}
    facts = list(read_lines(tmp_path / "problems.jsonl", RunProblem))
    assert [f.num_hidden_tests for f in facts] == [None, None, None]


def test_missing_hidden_tests_are_refused_at_once():
    complete = work()
    assert complete.hidden is not None
    with pytest.raises(InputError, match="1 of 3 problems have no hidden tests, first p2"):
        samples_of(complete.problems, {k: v for k, v in complete.hidden.items() if k != "p2"})


def test_the_digest_follows_problems_and_hidden_tests():
    todo = work()
    assert todo.hidden is not None
    other = {k: v.model_copy(update={"defect": "cut"}) for k, v in todo.hidden.items()}
    assert todo.digest == work().digest
    ungraded, defective = samples_of(todo.problems), samples_of(todo.problems, other)
    assert len({todo.digest, ungraded.digest, defective.digest}) == 3


def test_threads_do_every_task_and_raise_what_the_work_raises():
    todo, taken, lock = work(7), list[Result](), Lock()

    def take(result: Result) -> bool:
        with lock:
            taken.append(result)
        return True

    threads(todo, name_it, EQUAL, 3).run([*map(Task, todo.units)], take)
    assert sorted(result.unit for result in taken) == list(todo.units)

    def full(problem: Problem, sample: int) -> Trajectory:
        raise StoreError("full")

    with pytest.raises(StoreError, match="full"):
        threads(todo, full, EQUAL, 3).run([Task(todo.units[0])], take)


def test_no_further_task_begins_once_the_results_are_refused():
    todo, taken = work(30), list[Result]()

    def take(result: Result) -> bool:
        taken.append(result)
        return len(taken) < 4

    threads(todo, name_it, EQUAL).run([*map(Task, todo.units)], take)
    assert len(taken) == 4


def test_a_spent_budget_ends_the_run_and_keeps_what_is_done(tmp_path: Path):
    todo = work(5)

    def until_spent(problem: Problem, sample: int) -> Trajectory:
        if problem.id == "p3":
            raise BudgetSpent("nothing is left")
        return name_it(problem, sample)

    with opened(tmp_path, todo) as directory, pytest.raises(BudgetSpent):
        run(todo, threads(todo, until_spent, EQUAL), directory)
    with opened(tmp_path, todo) as directory:
        assert owed(todo, directory).to_solve == (Unit("p3", 0), Unit("p4", 0))
        assert list(directory.errors.read()) == []


def test_units_that_follow_are_done_and_a_resume_finds_the_same(tmp_path: Path):
    todo, shown = work(3), list[tuple[int, int]]()

    def again_for_the_failed(units: Sequence[Unit], grades: Sequence[Grade]) -> list[Unit]:
        shown.append((len(units), len(grades)))
        passed = {g.problem_id for g in grades if g.is_passed}
        later = {(problem, sample + 1) for problem, sample in units if problem not in passed}
        return sorted(Unit(*unit) for unit in later - set(units) if unit[1] < 3)

    def right_on_the_second(problem: Problem, sample: int) -> Trajectory:
        found = name_it(problem, 1 - sample) if problem.id == "p1" else name_it(problem, sample)
        return found.model_copy(update={"sample": sample})

    for _ in range(2):
        with opened(tmp_path, todo) as directory:
            executor = threads(todo, right_on_the_second, EQUAL)
            outcome = run(todo, executor, directory, follow_up=again_for_the_failed)
        assert outcome == Outcome(num_units=6, num_done=6, num_errors=0)
    assert shown == [(3, 3), (5, 5), (6, 6)] * 2
    assert set(grades(tmp_path)) == {*todo.units, Unit("p1", 1), Unit("p2", 1), Unit("p2", 2)}
    manifest = Manifest.model_validate_json((tmp_path / "manifest.json").read_bytes())
    assert manifest.num_units == 6


KILLED = """
import sys, time, os
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_runner import FunctionJudge, opened, threads, work, read_lines
from mapcoder_lite.runner import run
from mapcoder_lite.trajectory import Completion, Message, Request, StopReason, Trajectory
from mapcoder_lite.verdict import Verdict

path = Path({path!r})
asked = os.open(path.parent / "asked", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def complete(request):
    os.write(asked, (request.key + "\\n").encode())
    time.sleep(0.004)
    return Completion(text=request.messages[0].content, finish_reason="stop")

def judged(program, wanted):
    time.sleep(0.01)
    return Verdict.AC if program == wanted else Verdict.WA

todo = work(30, 2)
with opened(path, todo) as directory:
    def solve(problem, sample):
        for step in range(3):
            message = Message(role="user", content=f"{{problem.id}} step {{step}} " + "x" * 3000)
            request = Request(messages=(message,), attempt=sample)
            if directory.calls.get(request.key) is None:
                directory.calls.put(request.key, request, complete(request))
        unit = {{'problem_id': problem.id, 'sample': sample, 'program': problem.id}}
        return Trajectory(**unit, stop=StopReason.UNTESTED)
    run(todo, threads(todo, solve, FunctionJudge(judged), 4), directory)
"""


def _stored_keys(path: Path) -> list[str]:
    """Keys of whole lines, read without our own reader."""
    text = path.read_bytes() if path.exists() else b""
    return [line.split(b'"key":"')[1][:64].decode() for line in text.split(b"\n")[:-1]]


def _asked(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_killed_again_and_again_no_unit_is_lost_and_none_is_done_twice(tmp_path: Path):
    path, chance = tmp_path / "run", random.Random(os.getpid())
    script = KILLED.format(tests=str(Path(__file__).parent), path=str(path))
    command = [sys.executable, "-c", script]
    num_kills = 0
    for _ in range(4):
        before = len(_asked(tmp_path / "asked"))
        process = subprocess.Popen(command)
        goal = before + chance.randint(1, 40)
        while process.poll() is None and len(_asked(tmp_path / "asked")) < goal:
            time.sleep(0.003)
        time.sleep(chance.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        num_kills += process.wait() == -signal.SIGKILL
        durable, asked_then = set(_stored_keys(path / "calls.jsonl")), _asked(tmp_path / "asked")
        assert durable <= set(asked_then)
        (tmp_path / f"durable{num_kills}").write_text(f"{len(asked_then)} {' '.join(durable)}")
    assert num_kills >= 2, "the run ended before it could be killed"
    subprocess.run(command, check=True, timeout=60)

    todo = work(30, 2)
    solved = Counter(
        Unit(t.problem_id, t.sample) for t in read_lines(path / "trajectories.jsonl", Trajectory)
    )
    graded = Counter(Unit(g.problem_id, g.sample) for g in read_lines(path / "grades.jsonl", Grade))
    assert solved == graded == Counter(todo.units)
    assert all(grade.is_passed for grade in grades(path).values())
    assert (path / "manifest.json").exists()
    keys = _stored_keys(path / "calls.jsonl")
    assert len(keys) == len(set(keys)) == 3 * len(todo.units)
    asked = _asked(tmp_path / "asked")
    for note in tmp_path.glob("durable*"):
        num_asked, *durable = note.read_text().split()
        assert set(durable).isdisjoint(asked[int(num_asked) :]), "a stored call was asked again"
    # Only calls under way at a kill, one a thread, may be asked a second time.
    assert len(asked) - len(set(asked)) <= 4 * num_kills
