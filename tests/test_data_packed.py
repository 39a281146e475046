"""Packed texts come out whole; a pickle that would run anything, or fill memory, does not."""

import base64
import os
import pickle
import pickletools
import zlib
from collections import OrderedDict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.data.packed import unpack
from mapcoder_lite.errors import InputError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def pack(pickled: bytes) -> str:
    return base64.b64encode(zlib.compress(pickled)).decode()


class RunsCode:
    """Asks for a folder to be made where it is unpickled."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.folder,)


@given(PLAIN, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_values_come_out_as_they_went_in(value: object, protocol: int):
    assert unpack(pack(pickle.dumps(value, protocol))) == value


def test_code_is_refused_and_not_run(tmp_path: Path):
    folder = tmp_path / "made"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(InputError, match="which could run code"):
            unpack(pack(pickle.dumps(RunsCode(str(folder)), protocol)))
    assert not folder.exists()


@pytest.mark.parametrize(
    "pickled",
    [
        pickle.dumps(OrderedDict(a=1)),
        b"cbuiltins\neval\n(V1+1\ntR.",
        b"cos\nsystem\n(Vfalse\ntR.",
        b"Vposix\nVsystem\n\x93.",
        b"(ios\nsystem\n.",
        b"\x82\x01.",
        b"Ppersistent\n.",
    ],
)
def test_every_name_is_refused(pickled: bytes):
    with pytest.raises(InputError):
        unpack(pack(pickled))


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        ("§", "not base64 of zlib"),
        (base64.b64encode(b"text").decode(), "not base64 of zlib"),
        (base64.b64encode(zlib.compress(b"x" * 99)[:-6]).decode(), "cut short"),
        (pack(b""), "no pickled text"),
        (pack(b"\x80\xff."), "no pickled text"),
        (pack(b"."), "no pickled text"),
        (pack(b"\x8d" + (1 << 62).to_bytes(8, "little") + b"x."), "no pickled text"),
        (pack(b"}" * 2 + b"u."), "no pickled text"),
        (pack(b"]r\xff\xff\xff\xff."), "out of range"),
        (pack(b"]p99999999999\n."), "out of range"),
        (pack(b"h\x05."), "no pickled text"),
    ],
)
def test_what_is_not_packed_text_is_refused(packed: str, words: str):
    with pytest.raises(InputError, match=words):
        unpack(packed)


def test_a_bomb_is_refused_before_it_is_whole():
    bomb = base64.b64encode(zlib.compress(bytes(50_000_000))).decode()
    assert len(bomb) < 100_000
    with pytest.raises(InputError, match=r"more than 1,000,000 bytes come out"):
        unpack(bomb, max_bytes=1_000_000)


@given(st.binary(max_size=60))
def test_no_bytes_do_anything_but_be_refused_or_read(content: bytes):
    try:
        unpack(pack(content))
    except InputError as error:
        assert str(error)
    else:
        assert list(pickletools.genops(content))
