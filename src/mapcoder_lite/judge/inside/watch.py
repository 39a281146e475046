"""Wait for a child to end, or end it; say what the kernel knows of its run.

Runs inside the sandbox: standard library only, Python >= 3.9.

Knows: CPU clocks, deadlines, wait statuses, the reply to the host.
Does not know: programs, streams, how a child is locked in.
"""

from __future__ import annotations

import os
import resource
import signal
import time

from mapcoder_lite.judge.inside.wire import (
    ENDED_BY_CPU,
    ENDED_BY_WALL,
    ENDED_ITSELF,
    READY,
    REPLY,
    SPENT,
    UNCOMPILED,
    UNREADY,
)

CHILD_ENDED = {signal.SIGCHLD}


def block_child_signal() -> None:
    """Keep SIGCHLD for `watch`, in this process and all it forks; none of them can use it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, CHILD_ENDED)


def unblock_child_signal() -> None:
    """Give SIGCHLD back before another executable starts, which inherits the mask."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, CHILD_ENDED)


def watched(pid: int, reader: int, cpu_ms: int, wall_ms: int, started: float) -> bytes:
    """Watch a child to its end; return what the kernel says, less the CPU time of compiling."""
    ended, status, usage = watch(pid, cpu_ms / 1000, started + wall_ms / 1000)
    wall_us = int((time.monotonic() - started) * 1e6)
    readiness, spent_us = readiness_of(reader)
    cpu_us = max(0, int((usage.ru_utime + usage.ru_stime) * 1e6) - spent_us)
    return REPLY.pack(ended, readiness, status, cpu_us, usage.ru_maxrss, wall_us)


def readiness_of(reader: int) -> tuple[int, int]:
    """Return what the child that ended said before it became a program, and what that cost.

    One byte says that it was locked in, a second one takes it back.
    """
    try:
        said = os.read(reader, 16)
    except BlockingIOError:
        return UNREADY, 0
    spent_us = 0
    if len(said) > SPENT.size:
        (spent_us,), said = SPENT.unpack(said[: SPENT.size]), said[SPENT.size :]
    return {b"r": READY, b"c": UNCOMPILED}.get(said, UNREADY), spent_us


def watch(pid: int, cpu_seconds: float, deadline: float) -> tuple[int, int, resource.struct_rusage]:
    """Wait for a child; kill it at its CPU limit or at the deadline.

    SIGCHLD is blocked, so that one system call waits for it.
    """
    clock = (~pid << 3) | 2  # the kernel's name for another process's CPU clock
    pause = cpu_seconds
    while True:
        signal.sigtimedwait(CHILD_ENDED, max(0.0, min(pause, deadline - time.monotonic())))
        gone, status, usage = os.wait4(pid, os.WNOHANG)
        if gone:
            return ENDED_ITSELF, status, usage
        used = time.clock_gettime(clock)
        if used >= cpu_seconds or time.monotonic() >= deadline:
            break
        pause = max(cpu_seconds - used, 0.002)
    os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    return ENDED_BY_CPU if used >= cpu_seconds else ENDED_BY_WALL, status, usage
