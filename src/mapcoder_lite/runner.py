"""Solve many problems: every unit once, resumed where it stopped, graded on hidden tests.

Knows: units, which of them are owed, threads, what a failed unit means.
Does not know: how one problem is solved, engines, statistics.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from threading import Event, Lock
from typing import Protocol

from mapcoder_lite.errors import BudgetSpent, MapCoderError, StoreError
from mapcoder_lite.judge.selftest import SelftestReport, refuse_untrusted, run_selftest
from mapcoder_lite.problem import HiddenTests, Language, Problem
from mapcoder_lite.store import RunDirectory, Unit, light_grades
from mapcoder_lite.trajectory import Grade, StopReason, Trajectory, program_digest
from mapcoder_lite.verdict import Isolation, Judge
from mapcoder_lite.work import Work

FollowUp = Callable[[Sequence[Unit], Sequence[Grade]], Sequence[Unit]]
"""Shown all units done and their grades, names the units of the next round; none ends the run. It
must answer the same question the same way, since a resume asks it again from the start."""

SolveUnit = Callable[[Problem, int], Trajectory]
"""Attempts a problem; the number is the sample. Hidden tests have no way in."""


@dataclass(frozen=True, slots=True)
class Task:
    """One unit that is owed."""

    unit: Unit
    solved: Trajectory | None = None
    """Solved before; only its grade is owed."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a task."""

    unit: Unit
    trajectory: Trajectory | None = None
    """None: it could not be had, see `fault`."""
    grade: Grade | None = None
    fault: str | None = None
    """The house's fault; what is missing is owed again, and never scored."""


class Executor(Protocol):
    """Carries out tasks, here or on other machines."""

    def run(self, tasks: Sequence[Task], take: Callable[[Result], bool]) -> None:
        """Do every task and hand over each result as it comes, until `take` says False.

        Raises:
            StoreError: nothing can be recorded any more.
            BudgetSpent: the run's budget is used up.
        """
        ...


@dataclass(frozen=True, slots=True)
class Worker:
    """Does one task at a time, on any thread: solves its unit and grades it."""

    work: Work
    solve: SolveUnit
    judge: Judge
    _problems: dict[str, Problem] = field(init=False)

    def __post_init__(self) -> None:
        problems = {problem.id: problem for problem in self.work.problems}
        object.__setattr__(self, "_problems", problems)

    def do(self, task: Task) -> Result:
        """Solve and grade; a fault of the house ends the unit, not the run.

        Raises:
            StoreError: nothing can be recorded any more.
            BudgetSpent: the run's budget is used up.
        """
        trajectory = task.solved
        try:
            if trajectory is None:
                trajectory = self._solved(task.unit)
            return Result(task.unit, trajectory, self._graded(trajectory))
        except (StoreError, BudgetSpent):
            raise
        except Exception as error:  # noqa: BLE001 - the single blanket handler of the house
            return Result(task.unit, trajectory, fault=f"{type(error).__name__}: {error}")

    def _solved(self, unit: Unit) -> Trajectory:
        trajectory = self.solve(self._problems[unit.problem_id], unit.sample)
        if trajectory.stop is StopReason.ERROR:
            raise MapCoderError(trajectory.error or "the traversal failed and gave no reason")
        return trajectory

    def _graded(self, trajectory: Trajectory) -> Grade | None:
        if self.work.hidden is None:
            return None
        id = trajectory.problem_id
        return grade(trajectory, self._problems[id], self.work.hidden[id], self.judge)


@dataclass(frozen=True, slots=True)
class Threads:
    """Carries out tasks on threads of this process; engines and judges release the lock."""

    worker: Worker
    num_threads: int = 1

    def run(self, tasks: Sequence[Task], take: Callable[[Result], bool]) -> None:
        """Do every task; those under way end before an exception is raised."""
        is_over = Event()

        def do(task: Task) -> None:
            if is_over.is_set():
                return
            goes_on = False
            try:
                goes_on = take(self.worker.do(task))
            finally:
                if not goes_on:
                    is_over.set()

        with ThreadPoolExecutor(self.num_threads, thread_name_prefix="unit") as pool:
            try:
                futures = [pool.submit(do, task) for task in tasks]
                ended = wait(futures, return_when=FIRST_EXCEPTION).done
                for future in ended:
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


@dataclass(frozen=True, slots=True)
class Owed:
    """What a run still has to do."""

    to_solve: tuple[Unit, ...]
    to_grade: tuple[Trajectory, ...]
    """Solved before, not graded."""

    @property
    def tasks(self) -> list[Task]:
        """All of it, grades first."""
        solved = [Task(_unit(trajectory), trajectory) for trajectory in self.to_grade]
        return [*solved, *map(Task, self.to_solve)]


@dataclass(frozen=True, slots=True)
class Progress:
    """One unit that has just ended."""

    result: Result
    num_ended: int
    num_owed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    num_units: int
    num_done: int
    """Units in the run directory now, earlier sittings included."""
    num_errors: int
    """Units that failed in this sitting through the house's fault; they are owed again."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is owed."""
        return self.num_done == self.num_units


def owed(work: Work, directory: RunDirectory) -> Owed:
    """Compare what the run shall hold with what it holds."""
    solved = directory.solved_units()
    ungraded = set[Unit]()
    if work.hidden is not None:
        ungraded = (solved - directory.graded_units()).intersection(work.units)
    return Owed(
        to_solve=tuple(unit for unit in work.units if unit not in solved),
        to_grade=tuple(directory.trajectories_of(ungraded)) if ungraded else (),
    )


def with_rounds(work: Work, directory: RunDirectory, follow_up: FollowUp | None) -> Work:
    """Add every round that is known: those that earlier sittings finished, and the next one."""
    while not owed(work, directory).tasks:
        grown = _with_next_round(work, directory, follow_up)
        if grown is work:
            break
        work = grown
    return work


def run(
    work: Work,
    executor: Executor,
    directory: RunDirectory,
    *,
    isolation: Isolation | None = None,
    max_errors: int = 20,
    max_error_share: float | None = None,
    on_unit: Callable[[Progress], None] | None = None,
    follow_up: FollowUp | None = None,
) -> Outcome:
    """Do every unit that is owed; the same call again resumes.

    A unit that fails through the house's fault is written to errors.jsonl, counted, and owed
    again: it is never scored. After `max_errors` of them the run stops, or when they are more than
    `max_error_share` of those that ended, once 20 have. When all units are done, `follow_up` is
    shown them with their grades and may name more, until it names none.

    Raises:
        StoreError: results cannot be written.
        BudgetSpent: the run's budget is used up; what is done is kept.
    """
    num_errors = 0
    while True:
        bounds = _Bounds(max_errors - num_errors, max_error_share)
        sitting = _Sitting(directory, owed(work, directory).tasks, bounds, on_unit)
        directory.log(f"{len(work.units)} units, {len(sitting.tasks)} owed")
        if sitting.tasks:
            directory.reopen()
            try:
                executor.run(sitting.tasks, sitting.take)
            except BudgetSpent as error:
                directory.log(str(error))
                raise
        num_errors += sitting.num_errors
        num_done = len(work.units) - len(sitting.tasks) + sitting.num_ended - sitting.num_errors
        outcome = Outcome(len(work.units), num_done, num_errors)
        if not outcome.is_complete:
            break
        grown = _with_next_round(work, directory, follow_up)
        if grown is work:
            break
        work = grown
    directory.log(f"{outcome.num_done} of {outcome.num_units} done, {outcome.num_errors} errors")
    if outcome.is_complete and not directory.is_finished:
        directory.finish(len(work.problems), len(work.units), isolation)
    return outcome


def examine(judge: Judge, language: Language, directory: RunDirectory) -> SelftestReport:
    """Examine the judge on Python and the run's language, and record how it did.

    Call it before `run`: no accuracy is reported of a run whose judge failed or was not examined.

    Raises:
        SandboxError: it failed; recorded all the same.
        StoreError: the run holds grades of a judge of other rules.
    """
    directory.refuse_other_judge()
    languages = tuple(dict.fromkeys((Language.PYTHON, language)))
    report = run_selftest(judge, languages)
    wrong = [row.text for row in report.wrong_rows]
    directory.examined(judge.isolation, languages, len(report.rows), wrong)
    refuse_untrusted(report)
    return report


def grade(trajectory: Trajectory, problem: Problem, hidden: HiddenTests, judge: Judge) -> Grade:
    """Judge a trajectory's program on the hidden tests; without a program there is no judgement."""
    judgement = named = None
    if trajectory.program is not None:
        named = program_digest(trajectory.program)
        judgement = judge.judge(
            trajectory.program,
            trajectory.language,
            hidden.tests,
            limits=problem.limits,
            checker=problem.checker,
            io=problem.io,
            stop_early=True,
            show_tests=False,
        )
    return Grade(
        problem_id=trajectory.problem_id,
        sample=trajectory.sample,
        program_sha256=named,
        judgement=judgement,
    )


_LEAST_UNITS = 20
"""Ended units before a share of errors says something: the first ones may just be unlucky."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """How many units may fail through the house's fault."""

    max_errors: int
    max_share: float | None

    def allow(self, num_errors: int, num_ended: int) -> bool:
        """Whether to go on."""
        if num_errors >= self.max_errors:
            return False
        is_early = self.max_share is None or num_ended < _LEAST_UNITS
        return is_early or num_errors <= (self.max_share or 1.0) * num_ended


@dataclass(slots=True)
class _Sitting:
    """Records the results of the tasks that are owed, and counts them."""

    directory: RunDirectory
    tasks: Sequence[Task]
    bounds: _Bounds
    on_unit: Callable[[Progress], None] | None
    num_ended: int = 0
    num_errors: int = 0
    # protects the two counts and keeps the callback's calls apart
    _lock: Lock = field(init=False, default_factory=Lock)
    _before: frozenset[Unit] = field(init=False)

    def __post_init__(self) -> None:
        self._before = frozenset(task.unit for task in self.tasks if task.solved is not None)

    def take(self, result: Result) -> bool:
        """Record a result; whether to go on."""
        if result.trajectory is not None and result.unit not in self._before:
            self.directory.trajectories.append(result.trajectory)
        if result.grade is not None:
            self.directory.grades.append(result.grade)
        if result.fault is not None:
            self._record(result.unit, result.fault)
        with self._lock:
            self.num_ended += 1
            self.num_errors += result.fault is not None
            if self.on_unit is not None:
                self.on_unit(Progress(result, self.num_ended, len(self.tasks)))
            return self.bounds.allow(self.num_errors, self.num_ended)

    def _record(self, unit: Unit, fault: str) -> None:
        self.directory.errors.append(
            Trajectory(
                problem_id=unit.problem_id, sample=unit.sample, stop=StopReason.ERROR, error=fault
            )
        )
        self.directory.log(f"{unit.problem_id} sample {unit.sample}: {fault}")


def _with_next_round(work: Work, directory: RunDirectory, follow_up: FollowUp | None) -> Work:
    """The work with the units that follow; the same work when none do."""
    more = follow_up(work.units, _grades(work, directory)) if follow_up else ()
    return replace(work, units=(*work.units, *more)) if more else work


def _grades(work: Work, directory: RunDirectory) -> list[Grade]:
    """The grades of the work's units alone: a later round's must not change an earlier one's."""
    units = set(work.units)
    return [grade for grade in light_grades(directory.path) if _unit(grade) in units]


def _unit(record: Trajectory | Grade) -> Unit:
    return Unit(record.problem_id, record.sample)
