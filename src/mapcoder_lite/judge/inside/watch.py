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
STALLED_SHARE = 0.01
"""A starved process still gets some of the machine; one that sleeps gets nothing."""


def block_child_signal() -> None:
    """Keep SIGCHLD for `watch`, in this process and all it forks; none of them can use it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, CHILD_ENDED)


def unblock_child_signal() -> None:
    """Give SIGCHLD back before another executable starts, which inherits the mask."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, CHILD_ENDED)


def watched(pid: int, reader: int, milliseconds: tuple[int, ...], started: float) -> bytes:
    """Watch a child to its end; return what the kernel says, less the CPU time of compiling.

    `milliseconds` are those of CPU time, of wall time, and of a stall.
    """
    ended, status, usage = watch(pid, started, *(ms / 1000 for ms in milliseconds))
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


def watch(
    pid: int, started: float, cpu_seconds: float, wall_seconds: float, stall_seconds: float
) -> tuple[int, int, resource.struct_rusage]:
    """Wait for a child; kill it at its CPU limit, at the deadline, or when it sleeps too long.

    SIGCHLD is blocked, so that one system call waits for it.
    """
    clock = (~pid << 3) | 2  # the kernel's name for another process's CPU clock
    deadline, stalled_at = started + wall_seconds, started + stall_seconds
    pause, used_before = cpu_seconds, 0.0
    while True:
        left = min(deadline, stalled_at) - time.monotonic()
        signal.sigtimedwait(CHILD_ENDED, max(0.0, min(pause, left)))
        gone, status, usage = os.wait4(pid, os.WNOHANG)
        if gone:
            return ENDED_ITSELF, status, usage
        used = time.clock_gettime(clock)
        now = time.monotonic()
        if used >= cpu_seconds or now >= deadline:
            break
        if now >= stalled_at:
            if used - used_before < STALLED_SHARE * stall_seconds:
                break
            stalled_at, used_before = now + stall_seconds, used
        pause = max(cpu_seconds - used, 0.002)
    os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    return ENDED_BY_CPU if used >= cpu_seconds else ENDED_BY_WALL, status, usage
