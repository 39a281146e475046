"""The zygote: a warm interpreter inside the sandbox that forks once per program and once per test.

Started with its control socket as descriptor 3; the first message configures it. It never reads a
program, an input or an output: a template (forked per program) compiles, and a child of the
template (forked per test) runs; the last test runs in the template itself. Runs inside the sandbox:
standard library only, Python >= 3.9.

Knows: forking, watching, the wire to the host.
Does not know: verdicts, expected outputs, the host's files.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import json
import os
import resource
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any

from mapcoder_lite.judge.inside.kernel import (
    MAX_FILES,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    Filter,
    canary,
    close_from,
    die_with,
    landlock_ruleset,
    prctl,
    restrict,
    set_constant_limits,
)
from mapcoder_lite.judge.inside.program import (
    REHEARSALS,
    Program,
    dress_interpreter,
    preload,
    rehearse,
)
from mapcoder_lite.judge.inside.wire import (
    COMPILE,
    COMPILED,
    ENDED_BY_CPU,
    ENDED_BY_WALL,
    ENDED_ITSELF,
    FLAG_LAST,
    FLAG_NO_SITE,
    REPLY,
    REQUEST,
    WATCH,
)

CONTROL_FD = 3
# of a template, out of the way of streams; its children close them
TEMPLATE_FDS = CONTROL, SOURCE, READER, WRITER = 60, 61, 62, 63
NUM_STREAMS = 3
DESCRIPTORS_SPACE = socket.CMSG_SPACE(4 * NUM_STREAMS)
CHILD_ENDED = {signal.SIGCHLD}
HARD_LIMITS = {
    kind: resource.getrlimit(kind)[1] for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU)
}
Names = dict[str, Any]  # whatever a program defines
Limits = Sequence[tuple[int, tuple[int, int]]]


def serve() -> None:
    """Answer the host until it hangs up."""
    control = socket.socket(fileno=CONTROL_FD)
    config = json.loads(control.recv(1 << 17))
    told, main, strict = set_up(config)
    control.send(json.dumps(told).encode())
    readers: dict[int, int] = {}
    while True:
        message, fds, _, _ = socket.recv_fds(control, 64, 2)
        if not message:
            os._exit(0)
        if fds:
            reap(readers)
            fork_template(control, message, fds, readers, main, strict)
        else:
            control.send(watch_last(message, readers))


def set_up(config: dict[str, Any]) -> tuple[Names, Names, Filter | None]:  # parsed JSON
    """Enter the sandbox; return what the host is told, and what templates need."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_BLOCK, CHILD_ENDED)  # for `watch`
    if config["core"] is not None:
        os.sched_setaffinity(0, {config["core"]})
    # both are read while paths can still be opened
    strict = Filter(base64.b64decode(config["strict"])) if config["strict"] else None
    ruleset, abi = -1, 0
    if config["has_landlock"]:
        ruleset, abi = landlock_ruleset(config["readable"], config["writable"])
    preload(config["preload"])
    main = dress_interpreter()
    set_constant_limits(config["max_processes"])
    if ruleset >= 0:
        restrict(ruleset)
    rehearse()
    rehearse_confine()
    for name in [name for name in sys.modules if name.startswith("mapcoder_lite")]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()
    gc.disable()
    escapes = canary(strict) if config["has_canary"] else {}
    return {"landlock_abi": abi, "canary": escapes, "uid": os.getuid()}, main, strict


def reap(readers: dict[int, int]) -> None:
    """Collect templates that have ended."""
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            os.close(readers.pop(pid))


def fork_template(
    control: socket.socket,
    message: bytes,
    fds: list[int],
    readers: dict[int, int],
    main: Names,
    strict: Filter | None,
) -> None:
    """Fork a template whose control socket is the first descriptor received."""
    parent = os.getpid()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            die_with(parent)
            control.detach()
            for index, fd in enumerate((*fds, reader, writer)):
                os.dup2(fd, TEMPLATE_FDS[index])
            os.closerange(CONTROL_FD, CONTROL)
            serve_template(message, main, strict)
        finally:
            os._exit(0)
    readers[pid] = reader
    for fd in (*fds, writer):
        os.close(fd)


def serve_template(message: bytes, main: Names, strict: Filter | None) -> None:
    """Compile one program and run it once per request, until the host hangs up."""
    control = socket.SocketType(fileno=CONTROL)
    os.set_blocking(READER, False)
    program = compile_program(control, message, main)
    if program is None:
        return
    gc.freeze()
    gc.enable()
    spent = time.process_time()
    control.send(COMPILED.pack(b"K", os.getpid(), int(spent * 1e6)))
    while True:
        message, fds = receive(control)
        if not message:
            return
        request = REQUEST.unpack(message)
        take_streams(fds)
        if request[2] & FLAG_LAST:
            run_here(request, len(fds), program, strict, int(spent) + 1)
        control.send(run_test(request, len(fds), program, strict))


def receive(control: socket.SocketType) -> tuple[bytes, list[int]]:
    """Receive a message with the descriptors it brings."""
    message, ancillary, _, _ = control.recvmsg(64, DESCRIPTORS_SPACE)
    fds = memoryview(ancillary[0][2]).cast("i").tolist() if ancillary else []
    return message, fds


def compile_program(control: socket.SocketType, message: bytes, main: Names) -> Program | None:
    """Compile under soft limits, which a child replaces by its own; a failure is sent as text."""
    optimize, cpu_seconds, address_space = COMPILE.unpack(message)
    source = os.pread(SOURCE, os.fstat(SOURCE).st_size, 0)
    for kind, soft in ((resource.RLIMIT_AS, address_space), (resource.RLIMIT_CPU, cpu_seconds)):
        resource.setrlimit(kind, (soft, HARD_LIMITS[kind]))
    try:
        program = Program(source, optimize, main)
    except BaseException as error:
        lines = traceback.format_exception_only(type(error), error)
        control.send(b"C" + "".join(lines).encode("utf-8", "replace")[:4000])
        return None
    for kind, hard in HARD_LIMITS.items():
        resource.setrlimit(kind, (hard, hard))
    return program


def take_streams(fds: list[int]) -> None:
    """Make the descriptors the streams from 0 on, and the next one the pipe that says `ready`.

    Before any fork, where it costs no page faults.
    """
    for stream, fd in enumerate(fds):
        os.dup2(fd, stream)
        os.close(fd)
    os.dup2(WRITER, len(fds))


def run_test(
    request: tuple[int, ...], num_streams: int, program: Program, strict: Filter | None
) -> bytes:
    """Fork a child that runs the program, watch it, and return what the kernel says of it."""
    started = time.monotonic()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            die_with(parent)
            run_here(request, num_streams, program, strict)
        finally:
            os._exit(1)
    return watched(pid, READER, request[0], request[1], started)


def run_here(
    request: tuple[int, ...],
    num_streams: int,
    program: Program,
    strict: Filter | None,
    spent_seconds: int = 0,
) -> None:
    """Become the program."""
    cpu_ms, _, flags, address_space, output = request
    cpu_seconds = cpu_ms // 1000 + 1 + spent_seconds
    limits = (
        (resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1)),
        (resource.RLIMIT_AS, (address_space, address_space)),
        (resource.RLIMIT_FSIZE, (output, output)),
    )
    confine(limits, num_streams, strict)
    program.run(has_site=not flags & FLAG_NO_SITE)


def confine(limits: Limits, num_streams: int, strict: Filter | None) -> None:
    """Give up everything but the streams; say `ready` as the last act of our own.

    Exit codes can be forged by a program; the byte cannot be unsaid by one.
    """
    ready_fd = num_streams
    close_from(ready_fd + 1)
    for kind, pair in limits:
        resource.setrlimit(kind, pair)
    if strict is not None:
        strict.install()
    os.write(ready_fd, b"r")
    os.close(ready_fd)


def rehearse_confine() -> None:
    """Do it before any fork with limits that change nothing; see `rehearse`."""
    kinds = resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_FSIZE
    limits = tuple((kind, resource.getrlimit(kind)) for kind in kinds)
    for _ in range(REHEARSALS):
        die_with(os.getppid())
        reader, writer = os.pipe()
        os.dup2(writer, MAX_FILES - 1)
        confine(limits, MAX_FILES - 1, None)
        os.close(reader)
        os.close(writer)


def watch_last(message: bytes, readers: dict[int, int]) -> bytes:
    """Watch a template that runs its last test itself; return what the kernel says of it."""
    pid, spent_us, cpu_ms, wall_ms = WATCH.unpack(message)
    reader = readers.pop(pid)
    reply = watched(pid, reader, cpu_ms, wall_ms, time.monotonic(), spent_us)
    os.close(reader)
    return reply


def watched(
    pid: int, reader: int, cpu_ms: int, wall_ms: int, started: float, spent_us: int = 0
) -> bytes:
    """Watch a child to its end; return what the kernel says, less the CPU time of compiling."""
    cpu_seconds = cpu_ms / 1000 + spent_us / 1e6
    ended, status, usage = watch(pid, cpu_seconds, started + wall_ms / 1000)
    wall_us = int((time.monotonic() - started) * 1e6)
    cpu_us = int((usage.ru_utime + usage.ru_stime) * 1e6) - spent_us
    return REPLY.pack(ended, was_ready(reader), status, max(0, cpu_us), usage.ru_maxrss, wall_us)


def was_ready(reader: int) -> bool:
    """Whether the child that ended was locked in; takes its byte out of the pipe."""
    try:
        return os.read(reader, 1) == b"r"
    except BlockingIOError:
        return False


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


if __name__ == "__worker__":
    serve()
