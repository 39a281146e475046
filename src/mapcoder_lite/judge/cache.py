"""What compilers made, kept in a folder by the digest of all that it depends on.

Knows: files, their checksums, how much may be kept.
Does not know: compilers, programs.
"""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from mapcoder_lite.errors import SandboxError

MAX_BYTES = 2 << 30
"""Beyond it, what was used longest ago goes."""
CHECKSUM_BYTES = 32


class Cache:
    """A folder of files; safe to share between threads and between processes."""

    def __init__(self, folder: Path) -> None:
        """Keep files in a folder that `is_usable`, and make room in it."""
        self._folder = folder
        with contextlib.suppress(OSError):  # another process makes room at the same time
            self._prune()

    def read(self, key: str) -> bytes | None:
        """Return what is kept under a key; None if there is nothing, or it is damaged."""
        try:
            content = self.path(key).read_bytes()
        except OSError:
            return None
        self.touch(key)
        checksum, content = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
        return content if hashlib.sha256(content).digest() == checksum else None

    def write(self, key: str, content: bytes) -> None:
        """Keep something under a key.

        Raises:
            SandboxError: there is no room, or the folder has become unusable.
        """
        self.write_plain(key, hashlib.sha256(content).digest() + content)

    def write_plain(self, key: str, content: bytes) -> None:
        """Keep a file as it is, for those that use it in its place; nothing checks it.

        Raises:
            SandboxError: there is no room, or the folder has become unusable.
        """
        try:
            replace_file(self.path(key), content)
        except OSError as error:
            raise SandboxError(
                f"cannot keep what a compiler made: {error}; make room in {self._folder}"
            ) from error

    def path(self, key: str) -> Path:
        """Return where a key's file lies."""
        return self._folder / key

    def touch(self, key: str) -> None:
        """Note that a file was used."""
        with contextlib.suppress(OSError):  # not ours, or gone
            os.utime(self.path(key))

    def remove(self, key: str) -> None:
        """Forget a file."""
        with contextlib.suppress(OSError):
            self.path(key).unlink()

    def _prune(self) -> None:
        """Remove what was used longest ago, down to the limit."""
        files = [(path, path.stat()) for path in self._folder.iterdir() if path.is_file()]
        files.sort(key=lambda entry: entry[1].st_mtime)
        excess = sum(status.st_size for _, status in files) - MAX_BYTES
        for path, status in files:
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= status.st_size


def is_usable(folder: Path) -> bool:
    """Whether files can be kept in a folder, which is made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file at once; others see all of it or nothing."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    made = Path(name)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
        made.chmod(0o644)
        made.replace(path)
    except OSError:
        made.unlink(missing_ok=True)
        raise
