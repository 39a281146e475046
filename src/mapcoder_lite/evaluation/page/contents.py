"""What a page shows of runs: a row a problem, and behind each row its attempts.

Knows: run directories, which attempt stands where on disk, the numbers of a row.
Does not know: HTML, compression, statistics.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Generic, TypeVar

from mapcoder_lite.evaluation.attempt_result import attempt_result
from mapcoder_lite.evaluation.diagnosis import Diagnosis
from mapcoder_lite.evaluation.findings import FindingsCount
from mapcoder_lite.evaluation.page.packing import Packed, Texts, packed_attempt
from mapcoder_lite.evaluation.page.redaction import redacted, redacted_within
from mapcoder_lite.evaluation.run_files import RunFiles
from mapcoder_lite.evaluation.systems import meaning_of
from mapcoder_lite.jsonl import read_at, read_placed
from mapcoder_lite.problem import Record
from mapcoder_lite.store import Unit, UnitLine
from mapcoder_lite.trajectory import Completion, Grade, Trajectory

RecordT = TypeVar("RecordT", bound=Record)


class UnitsOnDisk(Generic[RecordT]):
    """Records of units in a file, found by unit; only their places are held in memory."""

    def __init__(self, path: Path, kind: type[RecordT], file: IO[bytes] | None) -> None:
        self._path = path
        self._kind = kind
        self._file = file
        self._places = {
            Unit(line.problem_id, line.sample): place for place, line in read_placed(path, UnitLine)
        }

    def get(self, unit: Unit) -> RecordT | None:
        """Return the unit's record, or None.

        Raises:
            StoreError: the line is damaged.
        """
        place = self._places.get(unit)
        if place is None or self._file is None:
            return None
        return read_at(self._file.fileno(), place, self._path, self._kind, block_bytes=1 << 16)

    @property
    def units(self) -> list[Unit]:
        """All units, in the order written."""
        return list(self._places)


@dataclass(frozen=True, slots=True)
class RunOnDisk:
    """One run, opened to be read problem by problem."""

    files: RunFiles
    samples: dict[str, list[int]]
    """Of each problem that was worked on."""
    trajectories: UnitsOnDisk[Trajectory]
    grades: UnitsOnDisk[Grade]
    findings: FindingsCount
    """Counts every graded attempt that was read."""

    def attempts(
        self, problem_id: str
    ) -> Iterator[tuple[Trajectory, Grade | None, Diagnosis | None]]:
        """Every attempt at a problem with its grade and what it shows, by sample.

        Read each once: what is read is counted.
        """
        for sample in self.samples.get(problem_id, []):
            unit = Unit(problem_id, sample)
            trajectory = self.trajectories.get(unit)
            grade = self.grades.get(unit)
            if trajectory is not None:
                yield trajectory, grade, self.findings.add(trajectory)


@contextmanager
def opened_runs(
    runs: Sequence[RunFiles], confidence: Callable[[Completion], int]
) -> Generator[list[RunOnDisk]]:
    """Open the trajectories and grades of runs, until the block ends.

    `confidence` reads a confidence's reply.

    Raises:
        StoreError: a line is damaged.
    """
    with ExitStack() as files:
        yield [_opened(run, FindingsCount(run, confidence), files) for run in runs]


def _opened(run: RunFiles, findings: FindingsCount, files: ExitStack) -> RunOnDisk:
    trajectories = _units(run.path / "trajectories.jsonl", Trajectory, files)
    samples: dict[str, list[int]] = {}
    for unit in sorted(trajectories.units):
        samples.setdefault(unit.problem_id, []).append(unit.sample)
    return RunOnDisk(
        files=run,
        samples=samples,
        trajectories=trajectories,
        grades=_units(run.path / "grades.jsonl", Grade, files),
        findings=findings,
    )


def _units(path: Path, kind: type[RecordT], files: ExitStack) -> UnitsOnDisk[RecordT]:
    file = files.enter_context(path.open("rb")) if path.exists() else None
    return UnitsOnDisk(path, kind, file)


def problem_ids(runs: Sequence[RunOnDisk]) -> list[str]:
    """Return the problems of all runs, each once, in the order of the runs."""
    return list(dict.fromkeys(problem_id for run in runs for problem_id in run.files.problems))


def row_and_attempts(
    problem_id: str, runs: Sequence[RunOnDisk], texts: Texts
) -> tuple[Packed, list[list[Packed]]]:
    """Return a problem's line of the list, and its attempts in every run."""
    having = [run for run in runs if problem_id in run.files.problems]
    facts = having[0].files.problems[problem_id]
    heads: list[list[Packed]] = []
    attempts: list[list[Packed]] = []
    for run in runs:
        made = list(run.attempts(problem_id))
        heads.append([attempt_result(*attempt).model_dump(mode="json") for attempt in made])
        attempts.append([packed_attempt(one, grade, texts) for one, grade, _ in made])
    row: Packed = {
        "id": redacted(problem_id),
        "title": redacted(facts.title),
        "tags": redacted_within(list(facts.tags)),
        "rating": facts.difficulty,
        "defect": facts.defect and redacted(facts.defect),
        "runs": heads,
        "isOne": len({meaning_of(r.files.problems[problem_id]) for r in having}) == 1,
        "in": [problem_id in run.files.problems for run in runs],
    }
    return row, attempts
