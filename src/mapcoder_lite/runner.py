"""Solve many problems: every unit once, resumed where it stopped, graded on hidden tests.

Knows: units, which of them are owed, threads, what a failed unit means.
Does not know: how one problem is solved, engines, statistics.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

from mapcoder_lite.errors import InputError, MapCoderError, StoreError
from mapcoder_lite.judge.selftest import SelftestReport, refuse_untrusted, run_selftest
from mapcoder_lite.problem import HiddenTests, Language, Problem
from mapcoder_lite.store import RunDirectory, RunProblem, Unit
from mapcoder_lite.trajectory import Grade, StopReason, Trajectory, digest
from mapcoder_lite.verdict import Judge

SolveUnit = Callable[[Problem, int], Trajectory]
"""Attempts a problem; the number is the sample. Hidden tests have no way in."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a run does: these problems, so many samples of each, graded if tests are given."""

    problems: tuple[Problem, ...]
    hidden: Mapping[str, HiddenTests] | None = None
    """Hidden tests by problem id; None = nothing is graded."""
    num_samples: int = 1

    def __post_init__(self) -> None:
        """Refuse a problem that would go ungraded unnoticed."""
        if self.hidden is None:
            return
        missing = [problem.id for problem in self.problems if problem.id not in self.hidden]
        if missing:
            raise InputError(
                f"{len(missing)} of {len(self.problems)} problems have no hidden tests, first "
                f"{missing[0]}: give the hidden tests of these problems, or none to run ungraded"
            )

    @property
    def units(self) -> tuple[Unit, ...]:
        """Every unit, sample by sample, so that an early look covers all problems."""
        return tuple(
            Unit(problem.id, sample)
            for sample in range(self.num_samples)
            for problem in self.problems
        )

    @property
    def digest(self) -> str:
        """Changes with any problem or hidden test."""
        hidden = self.hidden or {}
        return digest(
            [
                [problem.model_dump(mode="json") for problem in self.problems],
                [hidden[p.id].model_dump(mode="json") for p in self.problems if p.id in hidden],
            ]
        )

    def facts(self) -> list[RunProblem]:
        """What the run directory keeps of each problem for its reports."""
        return [_facts(problem, (self.hidden or {}).get(problem.id)) for problem in self.problems]


@dataclass(frozen=True, slots=True)
class Owed:
    """What a run still has to do."""

    to_solve: tuple[Unit, ...]
    to_grade: tuple[Trajectory, ...]
    """Solved before, not graded."""

    @property
    def num_units(self) -> int:
        """Units that are owed anything."""
        return len(self.to_solve) + len(self.to_grade)


@dataclass(frozen=True, slots=True)
class Progress:
    """One unit that has just ended."""

    unit: Unit
    num_ended: int
    num_owed: int
    trajectory: Trajectory
    grade: Grade | None = None


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


class Executor(Protocol):
    """Carries out units, here or on other machines."""

    def run(self, work: Callable[[Unit], None], units: Sequence[Unit]) -> None:
        """Do the work for every unit; an exception of the work ends the run and is raised."""
        ...


@dataclass(frozen=True, slots=True)
class Threads:
    """Carries out units on threads of this process; engines and judges release the lock."""

    num_threads: int = 1

    def run(self, work: Callable[[Unit], None], units: Sequence[Unit]) -> None:
        """Do the work for every unit; units under way end before an exception is raised."""
        with ThreadPoolExecutor(self.num_threads, thread_name_prefix="unit") as pool:
            try:
                futures = [pool.submit(work, unit) for unit in units]
                ended = wait(futures, return_when=FIRST_EXCEPTION).done
                for future in ended:
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def owed(work: Work, directory: RunDirectory) -> Owed:
    """Compare what the run shall hold with what it holds."""
    solved = {_unit(t) for t in directory.trajectories.read()}
    graded = {_unit(g) for g in directory.grades.read()}
    units = work.units
    ungraded = (solved - graded).intersection(units) if work.hidden is not None else set[Unit]()
    return Owed(
        to_solve=tuple(unit for unit in units if unit not in solved),
        to_grade=tuple(t for t in directory.trajectories.read() if _unit(t) in ungraded),
    )


def run(
    work: Work,
    solve: SolveUnit,
    judge: Judge,
    directory: RunDirectory,
    *,
    executor: Executor | None = None,
    max_errors: int = 20,
    on_unit: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Do every unit that is owed; the same call again resumes.

    A unit that fails through the house's fault is written to errors.jsonl, counted, and owed
    again: it is never scored. After `max_errors` of them the run stops.

    Raises:
        StoreError: results cannot be written.
    """
    rest = owed(work, directory)
    directory.log(f"{len(work.units)} units, {rest.num_units} owed")
    if rest.num_units:
        directory.reopen()
    sitting = _Sitting(work, solve, judge, directory, rest, max_errors, on_unit)
    units = [_unit(t) for t in rest.to_grade] + list(rest.to_solve)
    (executor or Threads()).run(sitting.do, units)
    outcome = Outcome(
        num_units=len(work.units),
        num_done=len(work.units) - rest.num_units + sitting.num_ended - sitting.num_errors,
        num_errors=sitting.num_errors,
    )
    directory.log(f"{outcome.num_done} of {outcome.num_units} done, {outcome.num_errors} errors")
    if outcome.is_complete and not directory.is_finished:
        isolation = None if work.hidden is None else judge.isolation
        directory.finish(len(work.problems), work.num_samples, isolation)
    return outcome


def examine(judge: Judge, language: Language, directory: RunDirectory) -> SelftestReport:
    """Examine the judge on Python and the run's language, and record how it did.

    Call it before `run`: no accuracy is reported of a run whose judge failed or was not examined.

    Raises:
        SandboxError: it failed; recorded all the same.
    """
    languages = tuple(dict.fromkeys((Language.PYTHON, language)))
    report = run_selftest(judge, languages)
    wrong = [row.text for row in report.wrong_rows]
    directory.examined(judge.isolation, languages, len(report.rows), wrong)
    refuse_untrusted(report)
    return report


def grade(trajectory: Trajectory, problem: Problem, hidden: HiddenTests, judge: Judge) -> Grade:
    """Judge a trajectory's program on the hidden tests; without a program there is no judgement."""
    judgement = None
    if trajectory.program is not None:
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
    return Grade(problem_id=trajectory.problem_id, sample=trajectory.sample, judgement=judgement)


@dataclass(slots=True)
class _Sitting:
    """One process's share of a run: does units and counts them."""

    work: Work
    solve: SolveUnit
    judge: Judge
    directory: RunDirectory
    rest: Owed
    max_errors: int
    on_unit: Callable[[Progress], None] | None
    num_ended: int = 0
    num_errors: int = 0
    _problems: dict[str, Problem] = field(init=False)
    _solved: dict[Unit, Trajectory] = field(init=False)
    # protects the two counts and keeps the callback's calls apart
    _lock: Lock = field(init=False, default_factory=Lock)

    def __post_init__(self) -> None:
        self._problems = {problem.id: problem for problem in self.work.problems}
        self._solved = {_unit(t): t for t in self.rest.to_grade}

    def do(self, unit: Unit) -> None:
        """Solve and grade one unit; a fault of the house ends the unit, not the run."""
        if self.num_errors >= self.max_errors:
            return
        try:
            trajectory, grade = self._solve_and_grade(unit)
        except StoreError:
            raise  # nothing can be recorded any more
        except Exception as error:  # noqa: BLE001 - the single blanket handler of the house
            self._end(unit, self._record_error(unit, error), None)
        else:
            self._end(unit, trajectory, grade)

    def _solve_and_grade(self, unit: Unit) -> tuple[Trajectory, Grade | None]:
        problem = self._problems[unit.problem_id]
        trajectory = self._solved.get(unit)
        if trajectory is None:
            trajectory = self.solve(problem, unit.sample)
            if trajectory.stop is StopReason.ERROR:
                raise MapCoderError(trajectory.error or "the traversal failed and gave no reason")
            self.directory.trajectories.append(trajectory)
        if self.work.hidden is None:
            return trajectory, None
        graded = grade(trajectory, problem, self.work.hidden[problem.id], self.judge)
        self.directory.grades.append(graded)
        return trajectory, graded

    def _record_error(self, unit: Unit, error: Exception) -> Trajectory:
        cause = f"{type(error).__name__}: {error}"
        failed = Trajectory(
            problem_id=unit.problem_id, sample=unit.sample, stop=StopReason.ERROR, error=cause
        )
        self.directory.errors.append(failed)
        self.directory.log(f"{unit.problem_id} sample {unit.sample}: {cause}")
        return failed

    def _end(self, unit: Unit, trajectory: Trajectory, grade: Grade | None) -> None:
        with self._lock:
            self.num_ended += 1
            self.num_errors += trajectory.stop is StopReason.ERROR
            if self.on_unit is not None:
                progress = Progress(unit, self.num_ended, self.rest.num_units, trajectory, grade)
                self.on_unit(progress)


def _facts(problem: Problem, hidden: HiddenTests | None) -> RunProblem:
    return RunProblem(
        problem_id=problem.id,
        title=problem.title,
        tags=problem.tags,
        difficulty=problem.difficulty,
        num_public_tests=len(problem.public_tests),
        num_hidden_tests=len(hidden.tests) if hidden else None,
        defect=hidden.defect if hidden else None,
    )


def _unit(record: Trajectory | Grade) -> Unit:
    return Unit(record.problem_id, record.sample)
