"""Served runs on disk: a folder a run, written as things happen, closed at the next start.

Knows: the files of a run, which run is unfinished, how events are followed by number.
Does not know: HTTP, who waits for news, how a run is worked on.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mapcoder_lite.errors import StoreError
from mapcoder_lite.events import EVENT, Event, Head, RunFinished, StageFinished, Status, Teller
from mapcoder_lite.jsonl import JsonLines, hold, read_record, write_record
from mapcoder_lite.problem import Problem
from mapcoder_lite.server.records import Asked
from mapcoder_lite.trajectory import Call, Step, Trajectory

_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_TAIL_BYTES = 1 << 16
_INTERRUPTED_EXIT = 130


class RunWriter:
    """The files of a run that is worked on; closed when its last event is written."""

    def __init__(self, path: Path, first: int = 1) -> None:
        self._path = path
        self._events = JsonLines(path / "events.jsonl", Head)
        self.num_events = first - 1
        self.last: RunFinished | None = None

    def hear(self, event: Event, step: Step | None) -> None:
        """Write an event, and the call that it is about; the last one is brought to the disk.

        Raises:
            StoreError: it cannot be written.
        """
        if isinstance(step, Call) and isinstance(event, StageFinished):
            write_record(self._path / "calls" / f"{event.stage:04}.json", step)
        place = self._events.write(event)
        self.num_events = event.n
        if isinstance(event, RunFinished):
            self._events.sync(place)
            self._events.close()
            self.last = event

    def keep(self, trajectory: Trajectory) -> None:
        """Write what came of the run, when it ended by itself."""
        write_record(self._path / "trajectory.json", trajectory)


@dataclass(frozen=True, slots=True)
class Entry:
    """A run as the list shows it."""

    asked: Asked
    finished: RunFinished | None


class Archive:
    """The folder of all served runs; one process writes it."""

    def __init__(self, folder: Path) -> None:
        """Open it, and say of every unfinished run that it was interrupted.

        Raises:
            StoreError: another process serves from it, or it cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock_file = hold(folder)
        except StoreError as error:
            raise StoreError(
                f"{folder} is served from by another process: connect to that one (`mapcoder "
                "serve` answers editors at /mcp), or choose -s serve.folder="
            ) from error
        except OSError as error:
            raise StoreError(
                f"cannot write {folder}: {error.strerror}; choose -s serve.folder="
            ) from error
        self.folder = folder
        self.num_interrupted = sum(self._interrupt(run) for run in self.ids())

    def close(self) -> None:
        """Let another process in."""
        self._lock_file.close()

    def begin(self, asked: Asked, problem: Problem) -> RunWriter:
        """Make a run's folder and write what was asked.

        Raises:
            StoreError: it cannot be written.
        """
        path = self.folder / asked.id
        try:
            (path / "calls").mkdir(parents=True)
            write_record(path / "problem.json", problem)
            write_record(path / "run.json", asked)
            return RunWriter(path)
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error}; free the disk") from error

    def ids(self) -> list[str]:
        """Every run, the newest first."""
        with os.scandir(self.folder) as found:
            return sorted((e.name for e in found if _ID.fullmatch(e.name)), reverse=True)

    def has(self, run: str) -> bool:
        """Whether there is such a run."""
        return _ID.fullmatch(run) is not None and (self.folder / run / "run.json").is_file()

    def entry(self, run: str) -> Entry:
        """Return a run for the list."""
        asked = read_record(self.folder / run / "run.json", Asked)
        return Entry(asked, self.finished(run))

    def problem(self, run: str) -> Problem:
        """Return a run's problem."""
        return read_record(self.folder / run / "problem.json", Problem)

    def events_file(self, run: str) -> Path:
        """Where a run's events stand."""
        return self.folder / run / "events.jsonl"

    def finished(self, run: str) -> RunFinished | None:
        """Return a run's last event, if it has ended; only the end of its events is read."""
        last = _last_line(self.events_file(run))
        if b'"run.finished"' not in last:
            return None
        try:
            event = EVENT.validate_json(last)
        except ValidationError as error:
            raise StoreError(f"{self.events_file(run)}: its last line is damaged") from error
        return event if isinstance(event, RunFinished) else None

    def calls(self, run: str) -> Iterator[tuple[int, Call]]:
        """Yield a run's calls with their numbers."""
        for path in sorted((self.folder / run / "calls").glob("*.json")):
            yield int(path.stem), read_record(path, Call)

    def call(self, run: str, number: int) -> Call | None:
        """Return one call, or None."""
        path = self.folder / run / "calls" / f"{number:04}.json"
        return read_record(path, Call) if path.is_file() else None

    def _interrupt(self, run: str) -> bool:
        """Say of a run that is not finished that the service ended before it did."""
        if not self.has(run) or self.finished(run) is not None:
            return False
        asked = read_record(self.folder / run / "run.json", Asked)
        last = _last_line(self.events_file(run))
        first = 1 + (int(json.loads(last)["n"]) if last else 0)
        writer = RunWriter(self.folder / run, first)
        Teller(writer.hear, run, first).tell(unworked(asked, Status.INTERRUPTED))
        return True


def unworked(asked: Asked, status: Status) -> RunFinished:
    """Return the last event of a run that nobody works on any more."""
    return RunFinished(
        status=status,
        detail="the service ended before the run did" if status is Status.INTERRUPTED else None,
        exit_code=_INTERRUPTED_EXIT,
        language=asked.language,
        num_tests=asked.num_tests,
    )


def _last_line(path: Path) -> bytes:
    """Return the last whole line of a file; empty where there is none."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        block = _TAIL_BYTES
        while True:
            start = max(0, end - block)
            file.seek(start)
            whole, _, _ = file.read(end - start).rpartition(b"\n")
            if b"\n" in whole or start == 0:
                return whole.rpartition(b"\n")[2]
            block *= 4
