"""Run directories of `mapcoder run`, as /api shows them: what `mapcoder report` says.

Knows: which folders are runs.
Does not know: HTTP, how numbers are made.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

from pydantic import JsonValue

from mapcoder_lite.agents import parse
from mapcoder_lite.errors import StoreError
from mapcoder_lite.evaluation.attempt_result import AttemptResult, attempt_result
from mapcoder_lite.evaluation.attribution import AttributionTable, is_current
from mapcoder_lite.evaluation.findings import FindingsCount
from mapcoder_lite.evaluation.metrics import Metrics, measure_opened
from mapcoder_lite.evaluation.run_files import open_run
from mapcoder_lite.evaluation.standings import comparison
from mapcoder_lite.evaluation.systems import open_systems
from mapcoder_lite.jsonl import read_lines, read_record
from mapcoder_lite.server.bodies import Attributed, Evaluation, ProblemResult, ProblemResults
from mapcoder_lite.server.faults import NotFound
from mapcoder_lite.statistics import has_statistics
from mapcoder_lite.store import RunHeader, RunProblem, Unit
from mapcoder_lite.trajectory import Trajectory

_NUM_COUNTED = 8
"""Runs whose numbers are held."""


def listed(folder: str) -> Iterator[Evaluation]:
    """Yield every run of a folder; one that cannot be read with the reason."""
    for path in _runs(folder):
        try:
            header = read_record(path / "config.json", RunHeader)
            num_problems = sum(1 for _ in read_lines(path / "problems.jsonl", RunProblem))
        except StoreError as error:
            yield Evaluation(
                name=path.name,
                engine=None,
                num_problems=0,
                num_samples=0,
                is_finished=False,
                fault=str(error),
            )
            continue
        yield Evaluation(
            name=path.name,
            engine=header.engine_identity,
            num_problems=num_problems,
            num_samples=header.config.run.samples,
            is_finished=(path / "manifest.json").exists(),
        )


def measured(folder: str, name: str) -> JsonValue:
    """Return a run's metrics.

    Raises:
        NotFound: there is no such run.
        SandboxError: its judge failed its self-test or was never examined.
    """
    return _measured(_run(folder, name)).metrics.model_dump(mode="json")


def results(folder: str, name: str, limit: int, offset: int) -> ProblemResults:
    """Return what became of a run's problems, in the run's order.

    Raises:
        NotFound: there is no such run.
        SandboxError: its judge failed its self-test or was never examined.
    """
    lines = _measured(_run(folder, name)).results
    return ProblemResults(problems=lines[offset : offset + limit], total=len(lines))


def attributed(folder: str, name: str) -> Attributed:
    """Return which roles mend a run's failures, as `mapcoder attribute` found it.

    Raises:
        NotFound: there is no such run, or nothing was found of it.
    """
    path = _run(folder, name)
    file = path / "attribution.json"
    if not file.exists():
        raise NotFound(f"run {name[:100]!r} has no attribution: `mapcoder attribute` makes one")
    table = read_record(file, AttributionTable)
    return Attributed(table=table, is_current=is_current(table, open_run(path)))


def compared(folder: str, first: str, second: str) -> JsonValue:
    """Return two runs paired by problem.

    Raises:
        NotFound: there is no such run.
        SandboxError: a judge failed its self-test or was never examined.
    """
    names = [str(_run(folder, first)), str(_run(folder, second))]
    return comparison(*open_systems(names)).model_dump(mode="json")


@dataclass(frozen=True, slots=True)
class _Measured:
    """What one pass over a run's trajectories finds."""

    metrics: Metrics
    results: tuple[ProblemResult, ...]


def _measured(path: Path) -> _Measured:
    """Return a run's numbers; they are counted once for every state of its files."""
    stamps = [(file.name, file.stat()) for file in sorted(path.iterdir()) if file.is_file()]
    with _counting:
        return _counted(path, tuple((name, now.st_mtime_ns, now.st_size) for name, now in stamps))


_counting = Lock()  # one waits for the other's count in place of making it again


@lru_cache(maxsize=_NUM_COUNTED)
def _counted(path: Path, stamps: tuple[tuple[str, int, int], ...]) -> _Measured:
    del stamps  # part of the key alone
    run = open_run(path)
    count = FindingsCount(run, parse.confidence)
    lines: defaultdict[str, list[AttemptResult]] = defaultdict(list)

    def show(trajectory: Trajectory) -> None:
        found = count.add(trajectory)
        grade = run.grades.get(Unit(trajectory.problem_id, trajectory.sample))
        lines[trajectory.problem_id].append(attempt_result(trajectory, grade, found))

    has_intervals = has_statistics()
    metrics = measure_opened(run, has_intervals=has_intervals, on_trajectory=show)
    if run.is_graded:  # counted while each trajectory was diagnosed for its line
        found = count.result(has_intervals=has_intervals)
        metrics = metrics.model_copy(
            update={"failures": found.failures, "calibration": found.calibration}
        )
    lined = tuple(_result(problem, lines[id]) for id, problem in run.problems.items())
    return _Measured(metrics, lined)


def _result(problem: RunProblem, attempts: Iterable[AttemptResult]) -> ProblemResult:
    return ProblemResult(
        id=problem.problem_id,
        title=problem.title,
        tags=problem.tags,
        difficulty=problem.difficulty,
        defect=problem.defect,
        attempts=tuple(sorted(attempts, key=lambda one: one.sample)),
    )


def _runs(folder: str) -> list[Path]:
    root = Path(folder)
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if (path / "config.json").is_file())


def _run(folder: str, name: str) -> Path:
    """Return a run by its name, which is compared, never joined to a path."""
    for path in _runs(folder):
        if path.name == name:
            return path
    raise NotFound(f"no run {name[:100]!r} in {folder}; GET /api/evaluations lists them")
