"""Rows of foreign files: what is read, and that nothing broken is skipped in silence."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.data.rows import Broken, Row, files_of, rows_of, split_of
from mapcoder_lite.errors import InputError

FIELDS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.none() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
)


def read(path: Path, *columns: str) -> list[Row | Broken]:
    return list(rows_of(path, columns))


def good(found: Iterable[Row | Broken]) -> list[dict[str, object]]:
    return [row.fields for row in found if isinstance(row, Row)]


def faults(found: Iterable[Row | Broken]) -> list[Broken]:
    return [row for row in found if isinstance(row, Broken)]


@given(rows=st.lists(FIELDS, max_size=5), is_packed=st.booleans())
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]], is_packed: bool
):
    path = tmp_path_factory.mktemp("rows") / ("a.jsonl.gz" if is_packed else "a.jsonl")
    content = "".join(json.dumps(row) + "\n\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if is_packed else content)
    assert good(read(path)) == rows


def test_an_array_of_rows_is_read(tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_text('[{"a": 1}, 2, {"a": 3}]')
    found = read(path)
    assert good(found) == [{"a": 1}, {"a": 3}]
    assert [fault.where for fault in faults(found)] == [f"{path}, row 2"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": ', "broken JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"[1]", "expected an object of fields, not list"),
        (b'"text"', "expected an object of fields, not str"),
        (b"[" * 100_000, "broken JSON"),
    ],
)
def test_a_broken_row_is_named_and_the_rows_after_it_are_read(
    tmp_path: Path, line: bytes, reason: str
):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n' + line + b'\n{"a": 3}\n')
    found = read(path)
    assert good(found) == [{"a": 1}, {"a": 3}]
    (fault,) = faults(found)
    assert fault.where == f"{path}, line 2"
    assert fault.reason.startswith(reason)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "b.jsonl.gz",
            gzip.compress(b'{"a": 1}\n' * 10_000, mtime=0)[:-20],
            "damaged or cut short",
        ),
        ("b.jsonl.gz", b"no gzip", "damaged or cut short"),
        ("b.json", b"{}", "expected an array of rows"),
        ("b.json", b"[", "the file is not JSON"),
        ("b.json", b"\xff\xfe", "not UTF-8"),
        ("b.parquet", b"PAR1 and then nothing", "no parquet file, or damaged"),
    ],
)
def test_a_broken_file_is_named_and_the_files_after_it_are_read(
    tmp_path: Path, name: str, content: bytes, reason: str
):
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    (tmp_path / "c.jsonl").write_text('{"c": 1}\n')
    found = read(tmp_path, "a")
    assert good(found)[-1] == {"c": 1}
    (fault,) = faults(found)
    assert fault.where == str(tmp_path / name)
    assert fault.reason.startswith(reason)


def test_parquet_gives_the_columns_that_are_asked_for(tmp_path: Path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{"a": number, "b": {"c": [str(number)]}, "large": "x" * 100} for number in range(20)]
    path = tmp_path / "train-00000-of-00001.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=3)
    found = read(path, "a", "b", "unknown")
    assert good(found) == [{"a": row["a"], "b": row["b"]} for row in rows]
    assert {row.split for row in found if isinstance(row, Row)} == {"train"}
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert [fault.where for fault in faults(read(path, "a"))] == [str(path)]
    path.write_bytes(whole)
    assert faults(read(path, "other"))[0].reason.startswith("none of the columns")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00039.parquet", "train"),
        ("test6.jsonl", "test"),
        ("valid.jsonl", "validation"),
        ("prog_syn_val.jsonl", "validation"),
        ("prompt-00000-of-00001.parquet", "prompt"),
        ("problem_descriptions.jsonl", None),
        ("contest.jsonl", None),
        ("untested.jsonl", None),
    ],
)
def test_the_split_is_in_the_name(name: str, split: str | None):
    assert split_of(Path(name)) == split


def test_what_is_no_file_of_rows_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no such file or folder"):
        files_of(tmp_path / "nowhere.jsonl")
    with pytest.raises(InputError, match="holds no file ending in"):
        files_of(tmp_path)
    (tmp_path / "a.pickle").write_bytes(b"")
    with pytest.raises(InputError, match=r"expected a file ending in \.jsonl"):
        files_of(tmp_path / "a.pickle")
