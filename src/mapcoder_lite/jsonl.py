"""Records on disk: append-only JSON lines, and files replaced whole or not at all.

Knows: durability, torn last lines, damaged lines.
Does not know: which records there are, runs.
"""

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Generic, TextIO, TypeVar

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
        self._file = path.open("ab", buffering=0)
        self._lock = Lock()  # protects the order of bytes in the file

    def append(self, record: RecordT) -> None:
        """Write one record; it is on disk when this returns.

        Raises:
            StoreError: the line could not be written whole; the file is as it was before.
        """
        line = record.model_dump_json().encode() + b"\n"
        with self._lock:
            length = os.fstat(self._file.fileno()).st_size
            try:
                _write_all(self._file.fileno(), line)
                os.fsync(self._file.fileno())
            except OSError as error:
                os.ftruncate(self._file.fileno(), length)
                raise StoreError(f"cannot write {self.path}: {error}; free the disk") from error

    def read(self) -> Iterator[RecordT]:
        """Yield every record in the order written.

        Raises:
            StoreError: a line is not such a record; names file and line.
        """
        return read_lines(self.path, self._kind)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_lines(path: Path, kind: type[RecordT]) -> Iterator[RecordT]:
    """Yield the whole lines of a file as records; a torn last line is not yet a line.

    Raises:
        StoreError: a line is not such a record; names file and line.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield kind.model_validate_json(line)
            except ValidationError as error:
                raise StoreError(
                    f"{path}, line {number}: not a {kind.__name__}: {_first(error)}; "
                    "restore the file, or start another run with --name"
                ) from error


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
