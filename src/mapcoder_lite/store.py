"""Run directories: append-only JSON lines, resume, one writer, a manifest written last.

Knows: files of a run, durability, locks, who the unit of a line is.
Does not know: how a unit is solved, graded or counted.
"""

import fcntl
import hashlib
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import IO, Literal, NamedTuple

from mapcoder_lite.config import Config, differences
from mapcoder_lite.errors import SandboxError, StoreError
from mapcoder_lite.jsonl import JsonLines, read_lines, read_record, write_lines, write_record
from mapcoder_lite.problem import Language, Record
from mapcoder_lite.trajectory import Completion, Grade, Request, Trajectory
from mapcoder_lite.verdict import Isolation

SCHEMA_VERSION = 1


class Unit(NamedTuple):
    """What a run does once: one attempt at one problem, named by identity, never by index."""

    problem_id: str
    sample: int


class StoredCall(Record):
    """One completion under the key of its request."""

    schema_version: Literal[1] = SCHEMA_VERSION
    key: str
    request: Request
    completion: Completion


class RunProblem(Record):
    """What a report must know of a problem of the run, so that it needs no other file."""

    schema_version: Literal[1] = SCHEMA_VERSION
    problem_id: str
    title: str = ""
    tags: tuple[str, ...] = ()
    difficulty: int | None = None
    num_public_tests: int = 0
    num_hidden_tests: int | None = None
    """None: the run does not grade."""
    defect: str | None = None
    """Known fault of the hidden tests; the sound subset leaves the problem out."""


class RunHeader(Record):
    """config.json: everything that decides a run's results; a resume must bring the same."""

    schema_version: Literal[1] = SCHEMA_VERSION
    config: Config
    config_digest: str
    problems_digest: str
    """Digest of problems and hidden tests, as read."""
    engine_identity: str
    adapters: str | None = None
    """Which roles adapters answer, as `4 LoRA`; None: not known, as of a run older than this."""
    version: str
    commit: str | None = None


class Examination(Record):
    """selftest.json: the judge of the last sitting, examined before it graded anything."""

    schema_version: Literal[1] = SCHEMA_VERSION
    isolation: Isolation
    languages: tuple[Language, ...]
    num_verdicts: int
    """Known verdicts that were asked for."""
    wrong: tuple[str, ...]
    """Those that were not right, one line each."""
    examined: str
    """ISO 8601, UTC."""

    @property
    def is_trusted(self) -> bool:
        """Whether every verdict was right, and there was one."""
        return self.num_verdicts > 0 and not self.wrong


class Manifest(Record):
    """manifest.json: the run is complete."""

    schema_version: Literal[1] = SCHEMA_VERSION
    config_digest: str
    num_problems: int
    num_units: int
    finished: str
    """ISO 8601, UTC."""
    isolation: Isolation | None = None
    """How the judge kept programs in while grading."""
    digests: dict[str, str]
    """Hex SHA-256 of each result file."""


class CallStore:
    """Completions under their requests' keys; a stored one is never asked for again."""

    def __init__(self, path: Path) -> None:
        self._lines = JsonLines(path, StoredCall)
        self._completions = {call.key: call.completion for call in self._lines.read()}
        self._lock = Lock()  # protects `_completions` against a second writer of the same key

    def __len__(self) -> int:
        return len(self._completions)

    @property
    def num_torn_bytes(self) -> int:
        """Bytes of a half-written call that were removed at opening."""
        return self._lines.num_torn_bytes

    def get(self, key: str) -> Completion | None:
        """Return the stored completion, or None when there is none."""
        return self._completions.get(key)

    def put(self, key: str, request: Request, completion: Completion) -> None:
        """Store a completion durably; the first one of a key stays."""
        with self._lock:
            if key in self._completions:
                return
            self._lines.append(StoredCall(key=key, request=request, completion=completion))
            self._completions[key] = completion

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


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
        self._lock_file = _lock(path)
        try:
            self.is_resumed = _claim(path, header)
            write_lines(path / "problems.jsonl", problems)
            self.trajectories = JsonLines(path / "trajectories.jsonl", Trajectory)
            self._drop_grades_without_trajectory()
            self.grades = JsonLines(path / "grades.jsonl", Grade)
            self.errors = JsonLines(path / "errors.jsonl", Trajectory)
            self._calls_lock_file = hold_calls(path / "calls.jsonl")
            self.calls = CallStore(path / "calls.jsonl")
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
        with (self.path / "log.txt").open("a", encoding="utf-8") as file:
            file.write(f"{_now()} {text}\n")

    def examined(
        self,
        isolation: Isolation,
        languages: Sequence[Language],
        num_verdicts: int,
        wrong: Sequence[str],
    ) -> None:
        """Record how the judge of this sitting did in its self-test."""
        examination = Examination(
            isolation=isolation,
            languages=tuple(languages),
            num_verdicts=num_verdicts,
            wrong=tuple(wrong),
            examined=_now(),
        )
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
        names = ("problems.jsonl", "trajectories.jsonl", "grades.jsonl", "calls.jsonl")
        manifest = Manifest(
            config_digest=self.header.config_digest,
            num_problems=num_problems,
            num_units=num_units,
            finished=_now(),
            isolation=isolation,
            digests={name: _file_digest(self.path / name) for name in names},
        )
        write_record(self.path / "manifest.json", manifest)

    @property
    def is_finished(self) -> bool:
        """Whether the manifest is there."""
        return (self.path / "manifest.json").exists()

    def reopen(self) -> None:
        """Take back the manifest: units are owed."""
        (self.path / "manifest.json").unlink(missing_ok=True)

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
            self.calls = CallStore(path)

    def close(self) -> None:
        """Close all files and let another process in."""
        for lines in (self.trajectories, self.grades, self.errors, self.calls):
            lines.close()
        self._calls_lock_file.close()
        self._lock_file.close()

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _drop_grades_without_trajectory(self) -> None:
        """Forget grades of units that are owed again: they speak of a program that is gone."""
        path = self.path / "grades.jsonl"
        solved = {(record.problem_id, record.sample) for record in self.trajectories.read()}
        grades = list(read_lines(path, Grade))
        kept = [grade for grade in grades if (grade.problem_id, grade.sample) in solved]
        if len(kept) < len(grades):
            write_lines(path, kept)
            self.log(f"grades.jsonl: dropped {len(grades) - len(kept)} without a trajectory")

    def _say_torn_lines(self) -> None:
        files = {
            "trajectories.jsonl": self.trajectories,
            "grades.jsonl": self.grades,
            "errors.jsonl": self.errors,
            "calls.jsonl": self.calls,
        }
        for name, lines in files.items():
            if lines.num_torn_bytes:
                self.log(f"{name}: cut a torn last line of {lines.num_torn_bytes} bytes")


def trusted_examination(path: Path) -> Examination:
    """Return how the judge of a run did, if its word may be believed.

    Raises:
        SandboxError: the judge failed its self-test, or was never examined.
        StoreError: the record is damaged.
    """
    saved = path / "selftest.json"
    if not saved.exists():
        raise SandboxError(
            f"{path} does not say whether its judge passed the self-test (no selftest.json: the "
            "run is older, or was stopped before it), so no accuracy is printed; the same "
            "`mapcoder run` command examines the judge and does only what is owed"
        )
    examination = read_record(saved, Examination)
    if not examination.is_trusted:
        wrong = "; ".join(examination.wrong) or "no program was judged"
        raise SandboxError(
            f"the judge of {path} failed its self-test, so no accuracy is printed: {wrong}; "
            "see `mapcoder doctor`, then give the same `mapcoder run` command"
        )
    return examination


def source_commit() -> str | None:
    """Return the commit of the checkout that this code runs from; None for an installed package."""
    git = Path(__file__).parents[2] / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        return (git / head.removeprefix("ref: ")).read_text().strip()
    except OSError:
        return None


def _claim(path: Path, header: RunHeader) -> bool:
    """Save the header, or check that a resume brings the same; tell whether this is a resume."""
    saved = path / "config.json"
    if not saved.exists():
        write_record(saved, header)
        return False
    _refuse_changes(path, read_record(saved, RunHeader), header)
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
    if None not in (old.adapters, new.adapters) and old.adapters != new.adapters:
        changes.append(f"the adapters on the server: {old.adapters} -> {new.adapters}")
    return changes


def _lock(path: Path) -> IO[str]:
    file = (path / ".lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StoreError(
            f"{path} is being written by another process: wait for it, or take another --name"
        ) from error
    return file


def hold_calls(path: Path, *, patience_seconds: float = 30.0) -> IO[str]:
    """Hold calls.jsonl against other processes until the returned file is closed.

    A process of a run that was killed may outlive it for moments, hence the patience.

    Raises:
        StoreError: another process holds it.
    """
    file = path.with_name(".calls.lock").open("a")
    until = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if time.monotonic() < until:
                time.sleep(0.05)
                continue
            file.close()
            raise StoreError(
                f"{path} is still held by a process of an earlier sitting: wait for it, or end it"
            ) from error
        return file


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
