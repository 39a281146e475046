"""Run directories: append-only JSON lines, resume, one writer, a manifest written last.

Knows: files of a run, durability, locks, who the unit of a line is.
Does not know: how a unit is solved, graded or counted.
"""

from collections.abc import Container, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ConfigDict

from mapcoder_lite.calls import CallStore, hold_calls
from mapcoder_lite.config import Config, differences
from mapcoder_lite.errors import StoreError
from mapcoder_lite.examination import Examination, examination_of, refuse_other_rules
from mapcoder_lite.example import Correction
from mapcoder_lite.jsonl import (
    JsonLines,
    file_digest,
    hold,
    read_lines,
    read_placed,
    read_record,
    write_lines,
    write_log,
    write_record,
)
from mapcoder_lite.problem import Language, Record
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.trajectory import Grade, Trajectory
from mapcoder_lite.verdict import Isolation

SCHEMA_VERSION = 1


class Unit(NamedTuple):
    """What a run does once: one attempt at one problem, named by identity, never by index."""

    problem_id: str
    sample: int


class UnitLine(Record):
    """What the lines of trajectories and grades have in common; the rest of a line is not kept."""

    model_config = ConfigDict(extra="ignore")

    problem_id: str
    sample: int = 0


class Source(Record):
    """The run whose failed attempts are repaired."""

    run: str
    """Name of its directory."""
    trajectories: str
    """Hex SHA-256 of its trajectories.jsonl."""
    grades: str
    """Hex SHA-256 of its grades.jsonl."""


class RunHeader(Record):
    """config.json: everything that decides a run's results; a resume must bring the same.

    Settings that decide nothing, such as prices, are those of the last sitting.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    config: Config
    config_digest: str
    problems_digest: str
    """Digest of problems and hidden tests, as read."""
    engine_identity: str
    adapters: str | None = None
    """Which roles adapters answer, as `4 LoRA`; None: not known, as of a run older than this."""
    source: Source | None = None
    """Of a repair."""
    supervisor_identity: str | None = None
    """Who blames, of a repair."""
    prompts_digest: str | None = None
    """Of the templates that every role was asked with; None: the run is older than this."""
    version: str
    commit: str | None = None

    @property
    def digest(self) -> str:
        """Hex SHA-256 of all but the settings and their own digest."""
        told = self.model_dump_json(exclude={"config", "config_digest"}, exclude_none=True)
        return sha256(told.encode()).hexdigest()


class Manifest(Record):
    """manifest.json: the run is complete."""

    schema_version: Literal[1] = SCHEMA_VERSION
    config_digest: str
    header_digest: str | None = None
    """Of config.json but for its settings; None: the run is older than this."""
    num_problems: int
    num_units: int
    finished: str
    """ISO 8601, UTC."""
    isolation: Isolation | None = None
    """How the judge kept programs in while grading."""
    judge_version: int = 0
    """Of the rules that the grades follow; 0: nothing was graded, or the run is older."""
    digests: dict[str, str]
    """Hex SHA-256 of each result file."""


class RunDirectory:
    """One run on disk, held by one writer; opening it again resumes it."""

    def __init__(self, path: Path, header: RunHeader, problems: Iterable[RunProblem]) -> None:
        """Create the directory, or resume it.

        Raises:
            StoreError: another command made it, another process holds it, or a line is damaged.
        """
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.header = header
        self._lock_file = hold(path)
        try:
            self.is_resumed = _claim(path, header)
            write_lines(path / "problems.jsonl", problems)
            self.trajectories = JsonLines(path / "trajectories.jsonl", Trajectory)
            self._drop_without_trajectory("grades.jsonl", Grade)
            self.grades = JsonLines(path / "grades.jsonl", Grade)
            self.corrections = self._opened_corrections()
            self.errors = JsonLines(path / "errors.jsonl", Trajectory)
            self._calls_lock_file = hold_calls(path / "calls.jsonl")
            self.earlier_runs = self._usable_runs()
            """Whose stored completions answer equal requests."""
            self.calls = CallStore(path / "calls.jsonl", self.earlier_runs)
            for run, count in self.calls.earlier.items():
                self.log(f"reuse {run}: {count} stored completions")
        except BaseException:
            self._lock_file.close()
            raise
        self._say_torn_lines()

    def name_adapters(self, badge: str) -> None:
        """Record which roles adapters answer, once that is known; a resume must bring the same.

        Raises:
            StoreError: they answered other roles in an earlier sitting.
        """
        new = self.header.model_copy(update={"adapters": badge})
        old = read_record(self.path / "config.json", RunHeader)
        if len(self.calls):
            _refuse_changes(self.path, old, new)
        else:
            write_record(self.path / "config.json", old.model_copy(update={"adapters": badge}))

    def log(self, text: str) -> None:
        """Append one line, with the time, to log.txt."""
        write_log(self.path, text)

    def refuse_other_judge(self) -> None:
        """Keep grades of two kinds of judges out of one run.

        Raises:
            StoreError: what is graded already was graded by other rules than today's.
        """
        saved = self.path / "selftest.json"
        if saved.exists() and next(self.grades.read(), None) is not None:
            refuse_other_rules(self.path, read_record(saved, Examination))

    def examined(
        self,
        isolation: Isolation,
        languages: Sequence[Language],
        num_verdicts: int,
        wrong: Sequence[str],
    ) -> None:
        """Record how the judge of this sitting did in its self-test."""
        examination = examination_of(isolation, languages, num_verdicts, wrong)
        write_record(self.path / "selftest.json", examination)
        num_right = num_verdicts - len(wrong)
        self.log(f"judge {isolation.tier}, self-test {num_right}/{num_verdicts}")

    @property
    def is_judge_trusted(self) -> bool:
        """Whether a judge was examined, and the last one passed."""
        saved = self.path / "selftest.json"
        return saved.exists() and read_record(saved, Examination).is_trusted

    def finish(self, num_problems: int, num_units: int, isolation: Isolation | None) -> None:
        """Write the manifest, the last file of a complete run."""
        names = ["problems.jsonl", "trajectories.jsonl", "grades.jsonl", "calls.jsonl"]
        if self.corrections is not None:
            names.append("corrections.jsonl")
        manifest = Manifest(
            config_digest=self.header.config_digest,
            header_digest=read_record(self.path / "config.json", RunHeader).digest,
            num_problems=num_problems,
            num_units=num_units,
            finished=_now(),
            isolation=isolation,
            judge_version=self._judge_version() if isolation is not None else 0,
            digests={name: file_digest(self.path / name) for name in names},
        )
        write_record(self.path / "manifest.json", manifest)

    def _judge_version(self) -> int:
        saved = self.path / "selftest.json"
        return read_record(saved, Examination).judge_version if saved.exists() else 0

    @property
    def is_finished(self) -> bool:
        """Whether the manifest is there."""
        return (self.path / "manifest.json").exists()

    def reopen(self) -> None:
        """Take back the manifest: units are owed."""
        (self.path / "manifest.json").unlink(missing_ok=True)

    def solved_units(self) -> set[Unit]:
        """Return the units with a trajectory, most of each line unread.

        Raises:
            StoreError: a line is not JSON or names no unit.
        """
        return units_in(self.path / "trajectories.jsonl")

    def graded_units(self) -> set[Unit]:
        """Return the units with a grade.

        Raises:
            StoreError: a line is not JSON or names no unit.
        """
        return units_in(self.path / "grades.jsonl")

    def trajectories_of(self, units: Container[Unit]) -> Iterator[Trajectory]:
        """Yield the trajectories of these units alone, in the order written.

        Raises:
            StoreError: a line is damaged.
        """
        for place, line in read_placed(self.path / "trajectories.jsonl", UnitLine):
            if Unit(line.problem_id, line.sample) in units:
                yield self.trajectories.at(place)

    @contextmanager
    def lent_calls(self) -> Generator[Path]:
        """Within, another process holds and writes calls.jsonl, and this one does not.

        Raises:
            StoreError: that process still holds it at the end.
        """
        path = self.path / "calls.jsonl"
        self.calls.close()
        self._calls_lock_file.close()
        try:
            yield path
        finally:
            self._calls_lock_file = hold_calls(path)
            self.calls = CallStore(path, self.earlier_runs)

    def close(self) -> None:
        """Close all files and let another process in."""
        for lines in (self.trajectories, self.grades, self.errors, self.calls, self.corrections):
            if lines is not None:
                lines.close()
        self._calls_lock_file.close()
        self._lock_file.close()

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _usable_runs(self) -> list[Path]:
        """The runs whose answers may be used: those of the same engine."""
        usable: list[Path] = []
        for name in self.header.config.run.reuse:
            identity = read_record(Path(name) / "config.json", RunHeader).engine_identity
            if identity == self.header.engine_identity:
                usable.append(Path(name))
            else:
                self.log(
                    f"reuse {name}: not used, its completions are of another engine {identity}"
                )
        return usable

    def _opened_corrections(self) -> JsonLines[Correction] | None:
        """Open what supervisors said, of a repair.

        A unit's corrections are written before its trajectory, which a kill may prevent; the unit
        is done again then, and writes them again.
        """
        if self.header.source is None:
            return None
        self._drop_without_trajectory("corrections.jsonl", Correction)
        return JsonLines(self.path / "corrections.jsonl", Correction)

    def _drop_without_trajectory(self, name: str, kind: type[Grade] | type[Correction]) -> None:
        """Forget lines of units that are owed again: they speak of a program that is gone."""
        path = self.path / name
        orphans = units_in(path) - self.solved_units()
        if not orphans:
            return
        lines = list(read_lines(path, kind))
        kept = [line for line in lines if Unit(line.problem_id, line.sample) not in orphans]
        write_lines(path, kept)
        self.log(f"{name}: dropped {len(lines) - len(kept)} without a trajectory")

    def _say_torn_lines(self) -> None:
        files = {
            "trajectories.jsonl": self.trajectories,
            "grades.jsonl": self.grades,
            "errors.jsonl": self.errors,
            "calls.jsonl": self.calls,
            "corrections.jsonl": self.corrections,
        }
        for name, lines in files.items():
            if lines is not None and lines.num_torn_bytes:
                self.log(f"{name}: cut a torn last line of {lines.num_torn_bytes} bytes")


def light_grades(run: Path) -> Iterator[Grade]:
    """Yield the grades of a run without the single tests' results, which would fill the memory.

    Raises:
        StoreError: a line is damaged.
    """
    for grade in read_lines(run / "grades.jsonl", Grade):
        if grade.judgement is None:
            yield grade
        else:
            kept = grade.judgement.model_copy(update={"results": ()})
            yield grade.model_copy(update={"judgement": kept})


def _claim(path: Path, header: RunHeader) -> bool:
    """Save the header, or check that a resume brings the same; tell whether this is a resume."""
    saved = path / "config.json"
    if not saved.exists():
        write_record(saved, header)
        return False
    old = read_record(saved, RunHeader)
    _refuse_changes(path, old, header)
    if old.config != header.config:  # prices, patience: what may differ is as it was last
        write_record(saved, old.model_copy(update={"config": header.config}))
    return True


def _refuse_changes(path: Path, old: RunHeader, new: RunHeader) -> None:
    changes = _changes(old, new)
    if changes:
        raise StoreError(
            f"{path} belongs to another command; what differs: {'; '.join(changes)}. "
            "Give the same settings to resume, or another --name"
        )


def _changes(old: RunHeader, new: RunHeader) -> list[str]:
    changes = list(differences(old.config, new.config))
    if old.problems_digest != new.problems_digest:
        changes.append("the problems or hidden tests (same file name, other content)")
    if old.engine_identity != new.engine_identity:
        changes.append(f"the engine: {old.engine_identity} -> {new.engine_identity}")
    if old.source != new.source:
        changes.append(f"the run that is repaired: {_told(old.source)} -> {_told(new.source)}")
    known = (
        ("the supervisor", old.supervisor_identity, new.supervisor_identity),
        ("the prompts", old.prompts_digest, new.prompts_digest),
        ("the adapters on the server", old.adapters, new.adapters),
    )
    return [*changes, *(f"{w}: {a} -> {b}" for w, a, b in known if None not in (a, b) and a != b)]


def units_in(path: Path) -> set[Unit]:
    """Return the units of a file of trajectories or grades; one that is not there has none.

    Raises:
        StoreError: a line is not JSON or names no unit.
    """
    return {Unit(line.problem_id, line.sample) for line in read_lines(path, UnitLine)}


def _told(source: Source | None) -> str:
    if source is None:
        return "none"
    return f"{source.run} with trajectories {source.trajectories[:12]}, grades {source.grades[:12]}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
