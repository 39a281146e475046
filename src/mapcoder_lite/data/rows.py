"""Rows of foreign files: JSON lines, JSON or parquet, a file or a folder of them, one at a time.

A row that cannot be read is an outcome with its file and number, never an exception: the rows after
it are read. Memory holds one row, whatever the file's size; a JSON file that is no JSON lines is
held whole.

Knows: files, splits in their names, how a row of fields becomes a checked model.
Does not know: what the fields mean.
"""

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast  # fields of foreign rows are JSON

from pydantic import BaseModel, ConfigDict, ValidationError

from mapcoder_lite.data.parquet import parquet_rows
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import HiddenTests, Problem

SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")
MAX_LINE_BYTES = 1 << 29
"""LiveCodeBench has lines of many megabytes; a bomb without line ends must not fill memory."""
MAX_JSON_BYTES = 1 << 32
MAX_DIGITS = 4300
"""Python's own limit: what is longer could not be written into our files nor given to a program."""

_SPLITS = {"dev": "validation", "val": "validation", "valid": "validation"}
_SPLIT = re.compile(r"(?:^|[_-])(train|test|val|valid|validation|dev|prompt)\d*(?=[._-]|$)")
_BROKEN_FILE = (OSError, EOFError, zlib.error)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a foreign file."""

    where: str
    """File and number, for messages."""
    fields: dict[str, Any]
    split: str | None = None
    """What the file's name says: train, validation, test or prompt."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A row, or a whole file, that cannot be read."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that was understood and is of no use here."""

    where: str
    reason: str
    """The same words for the same kind, so that they can be counted."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A problem and, apart from it, its hidden tests."""

    problem: Problem
    hidden: HiddenTests
    num_bad_samples: int = 0
    """Samples that are left out, for their test code is no Python: no program could pass them."""


Outcome = Imported | LeftOut | Broken


class ForeignRow(BaseModel):
    """The fields of a row that we use; others are let pass."""

    model_config = ConfigDict(extra="ignore", frozen=True)


ForeignT = TypeVar("ForeignT", bound=ForeignRow)


def outcomes(
    path: Path, read: Callable[[Row], Imported | LeftOut], *kinds: type[ForeignRow]
) -> Iterator[Outcome]:
    """Read every row of a file or folder; of parquet only the columns that the kinds name.

    Raises:
        InputError: there is no such file, or no file of a known form in the folder.
    """
    columns = tuple(sorted({name for kind in kinds for name in names_of(kind)}))
    for row in rows_of(path, columns):
        if isinstance(row, Broken):
            yield row
            continue
        try:
            yield read(row)
        except _LongNumber:
            yield LeftOut(row.where, f"a number of more than {MAX_DIGITS:,} digits")
        except ValidationError as error:
            yield Broken(row.where, explain(error))
        except InputError as error:
            yield Broken(row.where, str(error))


def rows_of(path: Path, columns: tuple[str, ...]) -> Iterator[Row | Broken]:
    """Yield the rows of a file, or of all files of a folder by name.

    Raises:
        InputError: there is no such file, or no file of a known form in the folder.
    """
    for file in files_of(path):
        try:
            yield from _rows_of_file(file, columns)
        except InputError as error:
            yield Broken(str(file), str(error))
        except _BROKEN_FILE as error:
            yield Broken(str(file), f"damaged or cut short: {error}")


def files_of(path: Path) -> list[Path]:
    """Return the file, or the folder's files of a known form, by name.

    Raises:
        InputError: there is none.
    """
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if is_known(p) and p.is_file())
        if not found:
            raise InputError(f"{path} holds no file ending in {' '.join(SUFFIXES)}")
        return found
    if not path.is_file():
        raise InputError(f"cannot read {path}: no such file or folder")
    if not is_known(path):
        raise InputError(f"{path}: expected a file ending in {' '.join(SUFFIXES)}")
    return [path]


def is_known(path: Path) -> bool:
    """Whether a file's name ends as rows do."""
    return path.name.lower().endswith(SUFFIXES)


def split_of(path: Path) -> str | None:
    """Return the split that a file is named after, as in `train-00000-of-00039.parquet`."""
    found = _SPLIT.search(path.name.lower())
    return _SPLITS.get(found[1], found[1]) if found else None


def checked(fields: dict[str, Any], kind: type[ForeignT]) -> ForeignT:
    """Return a row's fields as a model.

    Raises:
        InputError: a field lacks or is of another type; names it.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise InputError(explain(error)) from error


def names_of(kind: type[ForeignRow]) -> list[str]:
    """Return the columns that a model reads."""
    return list(kind.model_fields)


def parse_json(text: str, what: str) -> Any:
    """Read JSON inside a field.

    Raises:
        InputError: it is none.
    """
    try:
        return json.loads(text, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        if isinstance(error, _LongNumber):
            raise
        raise InputError(f"{what} is not JSON: {error}") from error


class _LongNumber(InputError):
    """A whole number is longer than Python reads; some rows of APPS have such."""


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _LongNumber(f"a number of {len(digits):,} digits")
    return int(digits)


def explain(error: ValidationError) -> str:
    """Return the first fault of a record in one line, without the value."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}" if field else first["msg"]


def _rows_of_file(file: Path, columns: tuple[str, ...]) -> Iterator[Row | Broken]:
    name = file.name.lower()
    split = split_of(file)
    if name.endswith(".parquet"):
        for number, fields in parquet_rows(file, columns):
            yield Row(f"{file}, row {number}", fields, split)
        return
    with _opened(file) as content:
        if ".jsonl" in name:
            yield from _json_lines(content, file, split)
        else:
            yield from _json_rows(content, file, split)


def _opened(file: Path) -> BinaryIO:
    if file.name.lower().endswith(".gz"):
        return cast(BinaryIO, gzip.open(file))
    return file.open("rb")


def _json_lines(content: BinaryIO, file: Path, split: str | None) -> Iterator[Row | Broken]:
    number = 0
    while line := content.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise InputError(f"line {number} has more than {MAX_LINE_BYTES:,} bytes")
        if line.strip():
            yield _row(line, f"{file}, line {number}", split)


def _row(line: bytes, where: str, split: str | None) -> Row | Broken:
    try:
        fields = json.loads(line, parse_int=_whole)
    except UnicodeDecodeError as error:
        return Broken(where, f"not UTF-8 (byte {error.start})")
    except (ValueError, RecursionError) as error:
        return Broken(where, f"broken JSON ({error})")
    return _made(fields, where, split)


def _made(fields: object, where: str, split: str | None) -> Row | Broken:
    if not isinstance(fields, dict):
        return Broken(where, f"expected an object of fields, not {type(fields).__name__}")
    return Row(where, cast(dict[str, Any], fields), split)


def _utf8(text: bytes) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 (byte {error.start})") from error


def _json_rows(content: BinaryIO, file: Path, split: str | None) -> Iterator[Row | Broken]:
    """An array of rows; MBPP's sanitized subset is published so."""
    text = content.read(MAX_JSON_BYTES + 1)
    if len(text) > MAX_JSON_BYTES:
        raise InputError(f"more than {MAX_JSON_BYTES:,} bytes of JSON")
    rows: object = parse_json(_utf8(text), "the file")
    if not isinstance(rows, list):
        raise InputError("expected an array of rows, or JSON lines in a file ending in .jsonl")
    for number, fields in enumerate(cast(list[object], rows), start=1):
        yield _made(fields, f"{file}, row {number}", split)
