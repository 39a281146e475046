"""Judge the programs of a stored run again, without a model, and put new grades for the old ones.

What is new grows in the folder regrade/ of the run. Only when every program is judged is it
decided, by a record written whole, that it takes the place of the old: killed at any time, the same
command goes on.

Knows: which grades are owed, what changed, in which order files are replaced.
Does not know: how programs are judged, problems' files, how changes are shown.
"""

import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Literal

from mapcoder_lite.errors import InputError
from mapcoder_lite.examination import Examination, examination_of
from mapcoder_lite.jsonl import (
    JsonLines,
    file_digest,
    hold,
    read_lines,
    read_record,
    write_log,
    write_record,
)
from mapcoder_lite.judge.selftest import refuse_untrusted, run_selftest
from mapcoder_lite.problem import Language, Record
from mapcoder_lite.runner import Executor, Progress, Result, Task
from mapcoder_lite.settings import JudgeConfig
from mapcoder_lite.store import Manifest, Unit
from mapcoder_lite.trajectory import Grade, Trajectory
from mapcoder_lite.verdict import JUDGE_VERSION, Judge

SCHEMA_VERSION = 1
REPLACED = ("grades.jsonl", "selftest.json")
"""Grades first: between the two a run seems judged by the older rules, never by the newer ones."""


class Change(Record):
    """A unit whose verdict is another one now."""

    problem_id: str
    sample: int
    old: str
    """`no program` and `not graded` are words too."""
    new: str


class Regrading(Record):
    """regraded.json: how the run was last judged again, and what changed by it."""

    schema_version: Literal[1] = SCHEMA_VERSION
    judge: JudgeConfig
    judge_version: int
    old_version: int
    """Of the rules that the old verdicts followed; 0: not recorded, or nothing was graded."""
    num_graded: int
    changes: tuple[Change, ...]


class Beginning(Record):
    """regrade/begun.json: who judges; another judge begins anew."""

    schema_version: Literal[1] = SCHEMA_VERSION
    judge: JudgeConfig
    judge_version: int


@contextmanager
def opened(path: Path, judge: JudgeConfig) -> Generator["Regrade"]:
    """Begin to judge a run again, or go on with it; nobody else writes the run meanwhile.

    Raises:
        StoreError: another process writes the run, or a file of it is damaged.
    """
    with hold(path):
        regrade = Regrade(path, path / "regrade")
        regrade.begin(judge)
        yield regrade


@dataclass(frozen=True, slots=True)
class Regrade:
    """A run that is being judged again."""

    path: Path
    folder: Path
    """Where what is new grows."""

    def begin(self, judge: JudgeConfig) -> None:
        """Go on with what the same judge began; what another one left undone is dropped."""
        judge = judge.model_copy(update={"workers": None})  # how many judge changes no verdict
        wanted = Beginning(judge=judge, judge_version=JUDGE_VERSION)
        begun = self.folder / "begun.json"
        if begun.exists() and read_record(begun, Beginning) == wanted:
            return
        if self.is_decided:
            self.conclude()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        write_record(begun, wanted)

    @property
    def is_decided(self) -> bool:
        """Whether every program is judged, and only files are to be replaced."""
        return (self.folder / "regraded.json").exists()

    def examine(self, judge: Judge) -> int:
        """Examine the judge on Python and the run's languages; return how many verdicts were right.

        Raises:
            SandboxError: it failed; the run is as it was.
        """
        programs = {trajectory.language for trajectory in self._trajectories()}
        languages = (Language.PYTHON, *sorted(programs - {Language.PYTHON}))
        report = run_selftest(judge, languages)
        wrong = [row.text for row in report.wrong_rows]
        examination = examination_of(judge.isolation, languages, len(report.rows), wrong)
        write_record(self.folder / "selftest.json", examination)
        refuse_untrusted(report)
        return len(report.rows)

    def owed(self) -> list[Task]:
        """Return the programs that are not judged yet, without the steps that led to them.

        Raises:
            InputError: the run holds no trajectory.
        """
        graded = set(_words(self.folder / "grades.jsonl"))
        units = [(_unit(trajectory), trajectory) for trajectory in self._trajectories()]
        if not units:
            raise InputError(f"{self.path} holds no trajectory: there is nothing to judge")
        return [Task(unit, trajectory) for unit, trajectory in units if unit not in graded]

    def run(
        self,
        tasks: Sequence[Task],
        executor: Executor,
        max_errors: int,
        on_unit: Callable[[Progress], None] | None = None,
    ) -> int:
        """Judge programs; return how many could not be judged, which stay owed.

        Raises:
            StoreError: grades cannot be written.
        """
        sitting = _Sitting(self, len(tasks), max_errors, on_unit)
        try:
            executor.run(tasks, sitting.take)
        finally:
            sitting.grades.close()
        return sitting.num_errors

    def conclude(self) -> Regrading:
        """Put what is new in the place of the old, every program being judged.

        A kill in the midst of it leaves a run that counts as judged by the old rules; the same
        command concludes it.
        """
        decision = self.folder / "regraded.json"
        if not self.is_decided:
            write_record(decision, self.decision())
        regrading = read_record(decision, Regrading)
        (self.path / "metrics.json").unlink(missing_ok=True)
        for name in REPLACED:
            if (self.folder / name).exists():
                (self.folder / name).replace(self.path / name)
        self._renew_manifest()
        write_log(
            self.path,
            f"judged again: {regrading.num_graded} units, {len(regrading.changes)} changed",
        )
        decision.replace(self.path / "regraded.json")
        shutil.rmtree(self.folder)
        return regrading

    def decision(self) -> Regrading:
        """Return what changes, every program being judged; nothing is replaced."""
        old, new = (_words(folder / "grades.jsonl") for folder in (self.path, self.folder))
        begun = read_record(self.folder / "begun.json", Beginning)
        before = self.path / "selftest.json"
        return Regrading(
            judge=begun.judge,
            judge_version=begun.judge_version,
            old_version=read_record(before, Examination).judge_version if before.exists() else 0,
            num_graded=len(new),
            changes=tuple(
                Change(problem_id=unit.problem_id, sample=unit.sample, old=word, new=new[unit])
                for unit in sorted(new)
                if (word := old.get(unit, "not graded")) != new[unit]
            ),
        )

    def _renew_manifest(self) -> None:
        """Have the manifest speak of the new grades; take it back where a unit has none."""
        path = self.path / "manifest.json"
        if not path.exists():
            return
        graded = set(_words(self.path / "grades.jsonl"))
        if any(_unit(trajectory) not in graded for trajectory in self._trajectories()):
            path.unlink()
            return
        manifest = read_record(path, Manifest)
        examination = read_record(self.path / "selftest.json", Examination)
        digests = {**manifest.digests, "grades.jsonl": file_digest(self.path / "grades.jsonl")}
        renewed = {
            "isolation": examination.isolation,
            "judge_version": examination.judge_version,
            "digests": digests,
        }
        write_record(path, manifest.model_copy(update=renewed))

    def _trajectories(self) -> Iterator[Trajectory]:
        for trajectory in read_lines(self.path / "trajectories.jsonl", Trajectory):
            yield trajectory.model_copy(update={"steps": ()})


@dataclass(slots=True)
class _Sitting:
    """Records grades as they come."""

    regrade: Regrade
    num_owed: int
    max_errors: int
    on_unit: Callable[[Progress], None] | None
    grades: JsonLines[Grade] = field(init=False)
    num_ended: int = 0
    num_errors: int = 0
    # protects the two counts and keeps the callback's calls apart
    _lock: Lock = field(init=False, default_factory=Lock)

    def __post_init__(self) -> None:
        self.grades = JsonLines(self.regrade.folder / "grades.jsonl", Grade)

    def take(self, result: Result) -> bool:
        """Record a result; whether to go on."""
        if result.grade is not None:
            self.grades.append(result.grade)
        else:
            unit = result.unit
            fault = f"{unit.problem_id} sample {unit.sample}, judged again: {result.fault}"
            write_log(self.regrade.path, fault)
        with self._lock:
            self.num_ended += 1
            self.num_errors += result.grade is None
            if self.on_unit is not None:
                self.on_unit(Progress(result, self.num_ended, self.num_owed))
            return self.num_errors < self.max_errors


def _words(path: Path) -> dict[Unit, str]:
    """The verdict of every unit, in one word."""
    return {_unit(grade): _word(grade) for grade in read_lines(path, Grade)}


def _word(grade: Grade) -> str:
    return grade.judgement.verdict.value if grade.judgement is not None else "no program"


def _unit(record: Trajectory | Grade) -> Unit:
    return Unit(record.problem_id, record.sample)
