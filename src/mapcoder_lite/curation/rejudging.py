"""Judge the programs behind the rows once more, from scratch.

Knows: which trajectories the rows come from, the tests of a run's own configuration.
Does not know: how the judge is opened, what becomes of rows that fail.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mapcoder_lite.curation.evidence import AuditedRun, Dataset, open_dataset, open_runs
from mapcoder_lite.data.problem_json import read_hidden_tests, read_problems
from mapcoder_lite.errors import InputError
from mapcoder_lite.jsonl import read_record
from mapcoder_lite.problem import HiddenTests, Language, Problem, Record
from mapcoder_lite.runner import grade
from mapcoder_lite.store import RunHeader, Unit
from mapcoder_lite.trajectory import Grade, Trajectory
from mapcoder_lite.verdict import Isolation, Judge, Verdict
from mapcoder_lite.work import Work, samples_of


class RejudgedTrajectory(Record):
    """A trajectory whose program did not pass again."""

    run: str
    problem_id: str
    sample: int
    verdict: Verdict | None
    """None: the trajectory holds no program."""
    num_rows: int
    """Rows that rest on it."""


class Rejudged(Record):
    """What became of every kept trajectory's program in a fresh judge."""

    num_trajectories: int
    num_passed: int
    failed: tuple[RejudgedTrajectory, ...]
    unjudged: tuple[RejudgedTrajectory, ...]
    """The judge failed (IE): that says nothing of the program."""
    num_rows: int
    num_rows_failed: int
    isolation: Isolation


@dataclass(frozen=True, slots=True)
class _Kept:
    """A trajectory that rows rest on, without its steps, and what decides on it."""

    run: str
    trajectory: Trajectory
    problem: Problem
    hidden: HiddenTests

    def grade(self, judge: Judge) -> tuple[str, Grade]:
        """Judge the program; say of which run it is."""
        return self.run, grade(self.trajectory, self.problem, self.hidden, judge)


def rejudge(
    paths: Sequence[Path],
    folder: Path,
    judge: Judge,
    *,
    num_threads: int = 1,
    on_judged: Callable[[int], None] | None = None,
) -> Rejudged:
    """Judge the final program of every trajectory that a row comes from on its hidden tests.

    `on_judged` hears how many are done.

    Raises:
        InputError: the data set was not made from these runs, a run does not name its problems and
            hidden tests, or these files have changed since the run.
        StoreError: a file is damaged.
        SandboxError: the judge cannot judge.
    """
    runs = open_runs(paths)
    dataset = open_dataset(folder, runs)
    rows = Counter(row.attempt for row in dataset.rows)
    grades: list[tuple[str, Grade]] = []
    with ThreadPoolExecutor(num_threads, thread_name_prefix="rejudge") as pool:
        for run_and_grade in pool.map(partial(_Kept.grade, judge=judge), _kept(runs, dataset)):
            grades.append(run_and_grade)
            if on_judged is not None:
                on_judged(len(grades))
    return _summary(grades, rows, judge.isolation)


def languages_of(paths: Sequence[Path]) -> tuple[Language, ...]:
    """Return Python and every language that the runs' programs are written in."""
    headers = [read_record(path / "config.json", RunHeader) for path in paths]
    return tuple(dict.fromkeys((Language.PYTHON, *(h.config.run.language for h in headers))))


def work_of(run: AuditedRun) -> Work:
    """Read the problems and hidden tests that a run's configuration names.

    Raises:
        InputError: it names none, they cannot be read, or they are not what the run worked on.
    """
    wanted = run.header.config.run
    if wanted.problems is None or wanted.hidden_tests is None:
        raise InputError(
            f"{run.path} does not name its problems and hidden tests, so it cannot be judged again"
        )
    named = read_problems(Path(wanted.problems))[: wanted.limit]
    problems = [problem for problem in named if problem.id in run.problems]  # a repair takes some
    work = samples_of(problems, read_hidden_tests(Path(wanted.hidden_tests)))
    if work.digest != run.header.problems_digest:
        raise InputError(
            f"{wanted.problems} or {wanted.hidden_tests} is not what {run.path} worked on: "
            "restore the files to judge its programs again"
        )
    return work


def _kept(runs: Sequence[AuditedRun], dataset: Dataset) -> Iterator[_Kept]:
    """Every trajectory that a row comes from, run by run."""
    wanted = {row.attempt for row in dataset.rows}
    for run in runs:
        if not any(name == run.name for name, _ in wanted):
            continue
        work = work_of(run)
        problems, hidden = {problem.id: problem for problem in work.problems}, work.hidden or {}
        for trajectory in run.trajectories():
            if (run.name, Unit(trajectory.problem_id, trajectory.sample)) in wanted:
                id = trajectory.problem_id
                bare = trajectory.model_copy(update={"steps": ()})
                yield _Kept(run.name, bare, problems[id], hidden[id])


def _summary(
    grades: Sequence[tuple[str, Grade]],
    rows: Counter[tuple[str, Unit]],
    isolation: Isolation,
) -> Rejudged:
    exceptions = [
        RejudgedTrajectory(
            run=run,
            problem_id=found.problem_id,
            sample=found.sample,
            verdict=found.judgement.verdict if found.judgement else None,
            num_rows=rows[run, Unit(found.problem_id, found.sample)],
        )
        for run, found in grades
        if not found.is_passed
    ]
    unjudged = tuple(e for e in exceptions if e.verdict is Verdict.IE)
    failed = tuple(e for e in exceptions if e.verdict is not Verdict.IE)
    return Rejudged(
        num_trajectories=len(grades),
        num_passed=len(grades) - len(exceptions),
        failed=failed,
        unjudged=unjudged,
        num_rows=rows.total(),
        num_rows_failed=sum(e.num_rows for e in failed),
        isolation=isolation,
    )
