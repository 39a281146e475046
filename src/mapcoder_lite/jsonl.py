"""Records on disk: append-only JSON lines, and files replaced whole or not at all.

Knows: durability, torn last lines, damaged lines, one writer a folder.
Does not know: which records there are, runs.
"""

import fcntl
import hashlib
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import IO, Generic, TextIO, TypeVar

from pydantic import ValidationError

from mapcoder_lite.errors import StoreError
from mapcoder_lite.problem import Record

RecordT = TypeVar("RecordT", bound=Record)


class JsonLines(Generic[RecordT]):
    """An append-only file with one record a line; a torn last line is cut off when opened."""

    def __init__(self, path: Path, kind: type[RecordT]) -> None:
        self.path = path
        self._kind = kind
        self.num_torn_bytes = _cut_torn_line(path)
        """Bytes of a half-written last line that were removed; its unit is owed again."""
        self._file = path.open("a+b", buffering=0)
        self._length = self._synced = os.fstat(self._file.fileno()).st_size
        self._fault: OSError | None = None
        self._lock = Lock()  # protects the order of bytes in the file
        self._sync_lock = Lock()  # one synchronisation at a time; protects `_synced`, `_fault`

    def append(self, record: RecordT) -> int:
        """Write one record and return its place; it is on disk when this returns.

        Raises:
            StoreError: the line could not be written whole or not be brought to the disk.
        """
        place = self.write(record)
        self.sync(place)
        return place

    def write(self, record: RecordT) -> int:
        """Write one record and return its place, which `sync` brings to the disk.

        Raises:
            StoreError: the line could not be written whole; the file is as it was before.
        """
        line = record.model_dump_json().encode() + b"\n"
        with self._lock:
            place = self._length
            try:
                _write_all(self._file.fileno(), line)
            except OSError as error:
                os.ftruncate(self._file.fileno(), place)
                raise self._failed(error) from error
            self._length += len(line)
        return place

    def sync(self, place: int) -> None:
        """Return when the line at this place is on disk.

        Threads that wait meanwhile share one synchronisation. After one that failed nothing more
        is believed to be on disk: the system forgets what it could not write.

        Raises:
            StoreError: it could not be brought there.
        """
        with self._sync_lock:
            if self._synced > place:
                return
            if self._fault is not None:
                raise self._failed(self._fault)
            length = self._length
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                self._fault = error
                raise self._failed(error) from error
            self._synced = length

    def read(self) -> Iterator[RecordT]:
        """Yield every record in the order written.

        Raises:
            StoreError: a line is not such a record; names file and line.
        """
        return read_lines(self.path, self._kind)

    def at(self, place: int) -> RecordT:
        """Return the record at a place; safe to call from many threads.

        Raises:
            StoreError: the line there is not such a record.
        """
        return read_at(self._file.fileno(), place, self.path, self._kind)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _failed(self, error: OSError) -> StoreError:
        return StoreError(f"cannot write {self.path}: {error}; free the disk")


def read_lines(path: Path, kind: type[RecordT]) -> Iterator[RecordT]:
    """Yield the whole lines of a file as records; a torn last line is not yet a line.

    Raises:
        StoreError: a line is not such a record; names file and line.
    """
    return (record for _, record in read_placed(path, kind))


def read_placed(path: Path, kind: type[RecordT]) -> Iterator[tuple[int, RecordT]]:
    """Yield the whole lines of a file with the byte at which each begins.

    Raises:
        StoreError: a line is not such a record; names file and line.
    """
    if not path.exists():
        return
    place = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            yield place, _record(line, kind, f"{path}, line {number}")
            place += len(line)


def read_at(
    descriptor: int, place: int, path: Path, kind: type[RecordT], block_bytes: int = 1 << 14
) -> RecordT:
    """Return the record that begins at a byte of an open file; its position stays as it is.

    Raises:
        StoreError: the line there is not such a record.
    """
    line = b""
    while not line.endswith(b"\n"):
        block = os.pread(descriptor, block_bytes, place + len(line))
        if not block:
            break
        line += block[: block.find(b"\n") + 1 or None]
    return _record(line, kind, f"{path}, byte {place}")


def write_lines(path: Path, records: Iterable[Record]) -> int:
    """Replace a file by these records, whole or not at all; return how many."""
    num_records = 0
    with replaced(path) as file:
        for record in records:
            file.write(record.model_dump_json() + "\n")
            num_records += 1
    return num_records


def read_record(path: Path, kind: type[RecordT]) -> RecordT:
    """Read one JSON file.

    Raises:
        StoreError: it is missing or not such a record.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StoreError(
            f"cannot read {path}: {error.strerror}; is this a run directory?"
        ) from error
    except ValidationError as error:
        raise StoreError(f"{path} is not a {kind.__name__}: {_first(error)}") from error


def write_record(path: Path, record: Record) -> None:
    """Replace a JSON file by this record, whole or not at all."""
    write_text(path, record.model_dump_json(indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Replace a file's text, whole or not at all."""
    with replaced(path) as file:
        file.write(text)


@contextmanager
def replaced(path: Path) -> Generator[TextIO]:
    """Open a text that takes a file's place when the block ends well, and vanishes otherwise."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _record(line: bytes, kind: type[RecordT], where: str) -> RecordT:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        raise StoreError(
            f"{where}: not a {kind.__name__}: {_first(error)}; "
            "restore the file, or start another run with --name"
        ) from error


def write_log(path: Path, text: str) -> None:
    """Append one line, with the time, to a run's log.txt."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with (path / "log.txt").open("a", encoding="utf-8") as file:
        file.write(f"{now} {text}\n")


def hold(path: Path) -> IO[str]:
    """Keep other processes from writing a run until the file is closed.

    Raises:
        StoreError: another one is writing it.
    """
    file = (path / ".lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StoreError(
            f"{path} is being written by another process: wait for it, or take another --name"
        ) from error
    return file


def file_digest(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def num_torn_bytes(path: Path) -> int:
    """Return how many bytes follow the last whole line of a file, as a kill leaves them."""
    return path.stat().st_size - _end_of_last_line(path) if path.exists() else 0


def _cut_torn_line(path: Path) -> int:
    """Remove what follows the last newline; return how many bytes that were."""
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        length = file.seek(0, os.SEEK_END)
        kept = _end_of_last_line(path)
        file.truncate(kept)
    return length - kept


def _end_of_last_line(path: Path, block_bytes: int = 1 << 16) -> int:
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - block_bytes)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def _write_all(descriptor: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
