"""The completions of a run, each under the key of its request: paid for once, kept for good.

Knows: keys, places of calls in a file, earlier runs whose answers may be used.
Does not know: engines, how keys are made, which answers may be used.
"""

import fcntl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import IO, Literal

from mapcoder_lite.errors import StoreError
from mapcoder_lite.jsonl import JsonLines, read_at, read_placed
from mapcoder_lite.problem import Record
from mapcoder_lite.trajectory import Completion, Request

SCHEMA_VERSION = 1


class StoredCall(Record):
    """One completion under the key of its request."""

    schema_version: Literal[1] = SCHEMA_VERSION
    key: str
    request: Request
    completion: Completion
    reused_from: str | None = None
    """Name of the earlier run that asked; None = this run did."""


class CallStore:
    """Completions under their requests' keys; a stored one is never asked for again.

    Only keys and places are held in memory, some 200 bytes a call; what is asked for is read.
    """

    def __init__(self, path: Path, earlier: Sequence[Path] = ()) -> None:
        """Open or create the file; what `earlier` runs have of a key is copied when asked for.

        Raises:
            StoreError: a line is damaged.
        """
        self._lines = JsonLines(path, StoredCall)
        self._places = _places(path)
        self._written: dict[str, int] = {}
        """Places that may not be on disk yet; nobody is shown what stands there."""
        self._earlier = tuple(map(EarlierCalls, earlier))
        self._lock = Lock()  # protects both tables, so that a key is written once

    def __len__(self) -> int:
        return len(self._places)

    @property
    def earlier(self) -> dict[Path, int]:
        """The earlier runs, and how many completions each has."""
        return {run.run: len(run) for run in self._earlier}

    @property
    def num_torn_bytes(self) -> int:
        """Bytes of a half-written call that were removed at opening."""
        return self._lines.num_torn_bytes

    def get(self, key: str) -> Completion | None:
        """Return the stored completion, or None when there is none.

        Raises:
            StoreError: the file was changed under our hands, or a copy cannot be written.
        """
        place = self._places.get(key)
        if place is not None:
            return self._lines.at(place).completion
        for run in self._earlier:
            found = run.get(key)
            if found is not None:
                self._keep(found)
                return found.completion
        return None

    def put(self, key: str, request: Request, completion: Completion) -> None:
        """Store a completion durably; the first one of a key stays."""
        self._keep(StoredCall(key=key, request=request, completion=completion))

    def read(self) -> Iterator[StoredCall]:
        """Yield every stored call in the order written."""
        return self._lines.read()

    def close(self) -> None:
        """Close the files."""
        self._lines.close()
        for run in self._earlier:
            run.close()

    def _keep(self, call: StoredCall) -> None:
        with self._lock:
            if call.key in self._places:
                return
            if call.key not in self._written:
                self._written[call.key] = self._lines.write(call)
            place = self._written[call.key]
        self._lines.sync(place)
        with self._lock:
            self._places.setdefault(call.key, place)
            self._written.pop(call.key, None)


class EarlierCalls:
    """The stored calls of another run, which is only read."""

    def __init__(self, run: Path) -> None:
        """Open the calls of a run directory.

        Raises:
            StoreError: there are none, or a line is damaged.
        """
        self.run = run
        self._path = run / "calls.jsonl"
        try:
            self._file = self._path.open("rb")
        except OSError as error:
            raise StoreError(
                f"run.reuse names {run}, whose calls cannot be read: {error.strerror}"
            ) from error
        self._places = _places(self._path)

    def __len__(self) -> int:
        return len(self._places)

    def get(self, key: str) -> StoredCall | None:
        """Return the call under a key as a copy that names its run, or None."""
        place = self._places.get(key)
        if place is None:
            return None
        found = read_at(self._file.fileno(), place, self._path, StoredCall)
        origin = found.reused_from or self.run.name
        return found.model_copy(update={"reused_from": origin})

    def close(self) -> None:
        """Close the file."""
        self._file.close()


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


def _places(path: Path) -> dict[str, int]:
    """Where the first call of each key begins."""
    places: dict[str, int] = {}
    for place, call in read_placed(path, StoredCall):
        places.setdefault(call.key, place)
    return places
