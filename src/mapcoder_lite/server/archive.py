"""Served runs on disk: a folder a run, written as things happen, closed at the next start.

Knows: the files of a run, which run is unfinished, how events are followed by number.
Does not know: HTTP, who waits for news, how a run is worked on.
"""

import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mapcoder_lite.errors import Cancelled, StoreError
from mapcoder_lite.events import EVENT, Event, Head, RunFinished, StageFinished, Status, Teller
from mapcoder_lite.jsonl import JsonLines, hold, read_record, write_record
from mapcoder_lite.problem import Problem
from mapcoder_lite.server import remains
from mapcoder_lite.server.records import Asked
from mapcoder_lite.trajectory import Call, Step, Trajectory

_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_TAIL_BYTES = 1 << 16
_BEGUN = ".begun"
"""Behind the name of a folder that is not whole yet."""
INTERRUPTED: Mapping[str, object] = {
    "status": Status.INTERRUPTED,
    "detail": "the service ended before the run did",
}
"""What the last event of a run says that the end of the service cut short."""

_log = logging.getLogger(__name__)


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

    def __init__(
        self, folder: Path, dollars: Callable[[Call], float | None] = lambda _: None
    ) -> None:
        """Open it, and say of every unfinished run that it was interrupted; `dollars` prices calls.

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
        self._dollars = dollars
        self._left_out: set[str] = set()
        for begun in folder.glob(f".*{_BEGUN}"):  # nobody was told of it
            shutil.rmtree(begun)
        self.num_interrupted = sum(self._interrupt(run) for run in self.ids())

    def close(self) -> None:
        """Let another process in."""
        self._lock_file.close()

    def begin(self, asked: Asked, problem: Problem) -> RunWriter:
        """Make a run's folder with what was asked; it has its name only when it is whole.

        Raises:
            StoreError: it cannot be written.
        """
        path, begun = self.folder / asked.id, self.folder / f".{asked.id}{_BEGUN}"
        try:
            (begun / "calls").mkdir(parents=True)
            write_record(begun / "problem.json", problem)
            write_record(begun / "run.json", asked)
            begun.rename(path)
            return RunWriter(path)
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error}; free the disk") from error

    def ids(self) -> list[str]:
        """Every run, the newest first; a folder that does not say what was asked is none."""
        with os.scandir(self.folder) as found:
            names = sorted((e.name for e in found if _ID.fullmatch(e.name)), reverse=True)
        runs = [name for name in names if self.has(name)]
        for name in set(names).difference(runs, self._left_out):
            self._left_out.add(name)
            _log.warning("%s is left out: it has no run.json", self.folder / name)
        return runs

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
        ended = self._come_to(asked).model_copy(update=INTERRUPTED)
        Teller(writer.hear, run, first).tell(ended)
        return True

    def _come_to(self, asked: Asked) -> RunFinished:
        path = self.events_file(asked.id)
        try:
            events = [EVENT.validate_json(line) for line in _lines(path)]
            return remains.come_to(unworked(asked), events, self.calls(asked.id), self._dollars)
        except (ValidationError, StoreError) as error:
            _log.warning("%s: what the run had come to cannot be read: %s", path.parent, error)
            return unworked(asked)


def unworked(asked: Asked) -> RunFinished:
    """Return the last event of a run that was called off before anybody worked on it."""
    return RunFinished(
        status=Status.CANCELLED,
        exit_code=Cancelled.exit_code,
        language=asked.language,
        num_tests=asked.num_tests,
    )


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file that ends with a whole one."""
    if path.is_file():
        with path.open("rb") as file:
            yield from file


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
