"""Reading text files from outside, with one clear line about what is wrong with them.

Knows: missing, empty, binary, huge and wrongly encoded files; gzip.
Does not know: what the text means.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from mapcoder_lite.errors import InputError

MAX_STATEMENT_BYTES = 2_000_000
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
"""An escape of JSON that may name half a character, a surrogate without the other one."""
_GZIP = b"\x1f\x8b"


def read_text(path: Path, max_bytes: int | None = None, *, may_be_empty: bool = False) -> str:
    """Read a UTF-8 text file whole.

    Raises:
        InputError: it is missing, too large, binary, not UTF-8, or empty where it may not be.
    """
    content = _read_bytes(path, max_bytes)
    if content.startswith(_GZIP):
        raise InputError(f"{path} is gzipped: unpack it (gzip -d), or see `mapcoder data --help`")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path} is UTF-16: save it as UTF-8")
    if _is_binary(content):
        raise InputError(f"{path} is binary: expected UTF-8 text")
    text = _decode(content, path)
    if not (may_be_empty or text.strip()):
        raise InputError(f"{path} is empty: expected UTF-8 text")
    return text


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of every line that is not blank; a gzipped file is unpacked.

    Raises:
        InputError: the file is missing, damaged or not UTF-8.
    """
    content = _read_bytes(path, None)
    if content.startswith(_GZIP):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path} is a damaged gzip file: {error}") from error
    if _is_binary(content):
        raise InputError(f"{path} is binary: expected JSON lines")
    for number, line in enumerate(_decode(content, path).split("\n"), start=1):
        if line.strip():
            yield number, line


def _read_bytes(path: Path, max_bytes: int | None) -> bytes:
    if path.is_dir():
        raise InputError(f"{path} is a folder: expected a file")
    try:
        num_bytes = path.stat().st_size
        if max_bytes is not None and num_bytes > max_bytes:
            raise InputError(
                f"{path} has {num_bytes:,} bytes, more than the {max_bytes:,} of a problem: "
                "expected one statement or one problem.json"
            )
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _is_binary(content: bytes) -> bool:
    """Whether there are control bytes that no text has."""
    return any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in content[:8192])


def _decode(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 (byte {error.start} is 0x{content[error.start]:02x}): "
            "save it as UTF-8"
        ) from error


def has_half_characters(body: bytes) -> bool:
    """Whether a text in a JSON body cannot be written, for its escapes name half a character.

    Of what is no JSON, or nested too deep to be read, nothing is said.
    """
    if _HALF.search(body) is None:
        return False
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False
