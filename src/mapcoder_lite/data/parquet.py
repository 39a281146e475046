"""Rows of parquet files, a few at a time.

Knows: pyarrow, which is loaded when the first such file is opened.
Does not know: what the columns mean.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from mapcoder_lite.errors import ConfigError, InputError

ROWS_AT_ONCE = 8
"""A row of CodeContests may hold megabytes of tests."""


def parquet_rows(file: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number and fields of every row, reading only the columns that are named.

    Raises:
        ConfigError: pyarrow is not installed.
        InputError: the file is no parquet file, is damaged, or has none of the columns.
    """
    try:
        pyarrow: Any = import_module("pyarrow")  # without types
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigError(
            "parquet files need pyarrow: pip install 'mapcoder-lite[data]'"
        ) from error
    number = 0
    try:
        with parquet.ParquetFile(file) as opened:
            wanted = [name for name in opened.schema_arrow.names if name in columns]
            if not wanted:
                raise InputError(f"none of the columns {', '.join(columns)}")
            for batch in opened.iter_batches(batch_size=ROWS_AT_ONCE, columns=wanted):
                for fields in batch.to_pylist():
                    number += 1
                    yield number, fields
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).split("\n")[0]
        raise InputError(f"no parquet file, or damaged after row {number}: {reason}") from error
