"""A run directory opened for counting: its small records read, its trajectories streamed.

Knows: which files a run has, what is refused, the window of dates.
Does not know: what is counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from mapcoder_lite.errors import InputError, StoreError
from mapcoder_lite.examination import Examination, passed_examination
from mapcoder_lite.jsonl import read_lines, read_record
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.store import RunHeader, Unit, light_grades, units_in
from mapcoder_lite.trajectory import Grade, Trajectory
from mapcoder_lite.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Window:
    """Days of publication, both ends included; problems that came out elsewhen are left out."""

    since: date | None = None
    until: date | None = None

    def holds(self, day: date) -> bool:
        """Whether a day lies within."""
        return (self.since or day) <= day <= (self.until or day)

    @property
    def is_open(self) -> bool:
        """Whether it leaves nothing out."""
        return self.since is None and self.until is None


ALL_DAYS = Window()


@dataclass(frozen=True, slots=True)
class RunFiles:
    """A run directory's small records; trajectories are streamed."""

    path: Path
    header: RunHeader
    examination: Examination
    problems: Mapping[str, RunProblem]
    grades: Mapping[Unit, Grade]
    """Of units with a whole trajectory; the others are owed again, and their grades speak of
    programs that are gone. Without the single tests' results, which would fill the memory."""
    window: Window = ALL_DAYS
    outside: frozenset[str] = frozenset()
    """Problems that came out elsewhen; all that is here is of the others."""
    undated: frozenset[str] = frozenset()
    """Problems left out because their day is not known."""

    def trajectories(self) -> Iterator[Trajectory]:
        """Every trajectory, one at a time.

        Raises:
            StoreError: a line is damaged, or of a problem that the run does not have.
        """
        for trajectory in read_lines(self.path / "trajectories.jsonl", Trajectory):
            id = trajectory.problem_id
            if id in self.problems:
                yield trajectory
            elif id not in self.outside and id not in self.undated:
                raise StoreError(
                    f"{self.path}: trajectories.jsonl names {id}, which problems.jsonl does not"
                )

    @property
    def num_failed(self) -> int:
        """Attempts judged wrong, or without a program."""
        return sum(not (g.is_passed or is_internal(g)) for g in self.grades.values())

    @property
    def is_repair(self) -> bool:
        """Whether failures of another run were repaired, whose calls are not asked again."""
        return self.header.source is not None

    @property
    def is_graded(self) -> bool:
        """Whether the run was given hidden tests."""
        return any(p.num_hidden_tests is not None for p in self.problems.values())


def open_run(path: Path, window: Window = ALL_DAYS) -> RunFiles:
    """Read a run directory's small files.

    Raises:
        StoreError: it is no run directory, or a line is damaged.
        SandboxError: its judge failed the self-test, or was never examined.
        InputError: no problem of the run came out within the window.
    """
    header = read_record(path / "config.json", RunHeader)
    examination = passed_examination(path)
    problems = {p.problem_id: p for p in read_lines(path / "problems.jsonl", RunProblem)}
    grades = {Unit(g.problem_id, g.sample): g for g in light_grades(path)}
    strange = [unit.problem_id for unit in grades if unit.problem_id not in problems]
    if strange:
        raise StoreError(f"{path}: grades.jsonl names {strange[0]}, which problems.jsonl does not")
    solved = units_in(path / "trajectories.jsonl")
    kept = {unit: grade for unit, grade in grades.items() if unit in solved}
    run = RunFiles(path, header, examination, problems, kept)
    return run if window.is_open else _within(run, window)


def _within(run: RunFiles, window: Window) -> RunFiles:
    days = {id: _day(problem, run.path) for id, problem in run.problems.items()}
    kept = {id for id, day in days.items() if day is not None and window.holds(day)}
    undated = frozenset(id for id, day in days.items() if day is None)
    if not kept:
        known = [day for day in days.values() if day is not None]
        told = f"theirs are {min(known)} to {max(known)}" if known else "it has no dates"
        raise InputError(
            f"{run.path} has no problem that came out in these days; of its {len(days)} problems "
            f"{len(undated)} have no date, {told}"
        )
    return replace(
        run,
        problems={id: problem for id, problem in run.problems.items() if id in kept},
        grades={unit: grade for unit, grade in run.grades.items() if unit.problem_id in kept},
        window=window,
        outside=frozenset(days.keys() - kept - undated),
        undated=undated,
    )


def _day(problem: RunProblem, path: Path) -> date | None:
    if problem.date is None:
        return None
    try:
        return datetime.fromisoformat(problem.date).date()
    except ValueError as error:
        raise StoreError(
            f"{path}: problems.jsonl says that {problem.problem_id} came out on {problem.date!r}, "
            "which is no ISO 8601 day"
        ) from error


def is_internal(grade: Grade) -> bool:
    """Whether the judge failed, which says nothing of the program."""
    return grade.judgement is not None and grade.judgement.verdict is Verdict.IE
