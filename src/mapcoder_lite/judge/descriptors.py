"""What is handed to the sandbox without a name: files in memory and channels.

Knows: descriptors, seals.
Does not know: what they hold, who gets them.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Generator


@contextlib.contextmanager
def channel() -> Generator[tuple[socket.socket, socket.socket]]:
    """Hold the two ends of a channel of lines."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        yield ours, theirs


@contextlib.contextmanager
def memory_file(content: bytes = b"", *, is_sealed: bool = False) -> Generator[int]:
    """Hold a file in memory, at its start; sealed, nobody can change it any more."""
    fd = os.memfd_create("judge", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(content)
        while view:
            view = view[os.pwrite(fd, view, len(content) - len(view)) :]
        if is_sealed:
            size = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL | size)
        yield fd
    finally:
        os.close(fd)
