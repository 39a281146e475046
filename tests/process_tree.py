"""The processes and descriptors below a process, for tests that nothing is left behind.

Knows: /proc.
Does not know: what the processes are for.
"""

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


@contextmanager
def inheriting_orphans() -> Iterator[None]:
    """Become the parent of descendants whose parent ends, so that none gets out of sight."""
    libc = ctypes.CDLL(None)
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def descendants(root: int) -> list[int]:
    """Every process below one that has not ended; zombies have."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if fields[0] not in "ZX":
            parents[int(folder.name)] = int(fields[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def count_descriptors(pid: int) -> int:
    """How many descriptors a process holds; another's are shown to root only.

    Raises:
        PermissionError: they are not shown.
    """
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def settles(is_settled: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether something comes true within a time; ends are not instant."""
    deadline = time.monotonic() + seconds
    while not is_settled():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
