"""A process and all that descend from it, ended at once.

Knows: /proc, process numbers.
Does not know: what the processes are for.
"""

import contextlib
import os
import signal
import subprocess
from pathlib import Path


def kill_family(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process, then its descendants, so that no parent sees its child end.

    Where there is no namespace of processes, a compiler's own children would outlive it.
    """
    if process.poll() is not None:  # its number may be another's by now
        return
    for member in family(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)


def family(pid: int) -> list[int]:
    """List a process and its descendants, parents first; the kernel must be one that shows them."""
    found = [pid]
    for member in found:
        for path in Path(f"/proc/{member}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # ended meanwhile
                found += map(int, path.read_text(encoding="ascii").split())
    return found
