"""The zygote: a warm interpreter inside the sandbox that forks once per program and once per test.

Started with its control socket as descriptor 3; the first message configures it. It never reads a
program, an input or an output: a template (forked per program) compiles, and a child of the
template (forked per test) runs. Runs inside the sandbox: standard library only, Python >= 3.9.

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
from typing import Any

from mapcoder_lite.judge.inside.kernel import (
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
from mapcoder_lite.judge.inside.program import Program, dress_interpreter, preload
from mapcoder_lite.judge.inside.wire import (
    COMPILE,
    ENDED_BY_CPU,
    ENDED_BY_WALL,
    ENDED_ITSELF,
    FLAG_NO_SITE,
    REPLY,
    REQUEST,
)

CONTROL_FD = 3
READY_FD = 3  # in a template and its children, which do not hold the zygote's control socket
CHILD_ENDED = {signal.SIGCHLD}
Names = dict[str, Any]  # whatever a program defines


def serve() -> None:
    """Answer the host until it hangs up."""
    control = socket.socket(fileno=CONTROL_FD)
    config = json.loads(control.recv(1 << 17))
    told, main, strict = set_up(config)
    control.send(json.dumps(told).encode())
    while True:
        message, fds, _, _ = socket.recv_fds(control, 64, 2)
        if not message:
            os._exit(0)
        reap()
        fork_template(control, message, fds, main, strict)


def set_up(config: dict[str, Any]) -> tuple[Names, Names, Filter | None]:  # parsed JSON
    """Enter the sandbox; return what the host is told, and what templates need."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
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
    for name in [name for name in sys.modules if name.startswith("mapcoder_lite")]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()
    gc.disable()
    escapes = canary(strict) if config["has_canary"] else {}
    return {"landlock_abi": abi, "canary": escapes, "uid": os.getuid()}, main, strict


def reap() -> None:
    """Collect templates that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def fork_template(
    control: socket.socket, message: bytes, fds: list[int], main: Names, strict: Filter | None
) -> None:
    """Fork a template whose control socket is the first descriptor received."""
    parent = os.getpid()
    if os.fork() == 0:
        try:
            die_with(parent)
            control.detach()
            signal.pthread_sigmask(signal.SIG_BLOCK, CHILD_ENDED)  # for `watch`
            serve_template(message, fds, main, strict)
        finally:
            os._exit(0)
    for fd in fds:
        os.close(fd)


def serve_template(message: bytes, fds: list[int], main: Names, strict: Filter | None) -> None:
    """Compile one program and run it once per request, until the host hangs up."""
    control = socket.socket(fileno=fds[0])
    ready = open_ready_pipe()
    program = compile_program(control, message, fds[1], main)
    if program is None:
        return
    gc.freeze()
    gc.enable()
    control.send(b"K")
    while True:
        message, fds, _, _ = socket.recv_fds(control, 64, 3)
        if not message:
            return
        run_test(control, message, fds, ready, program, strict)


def open_ready_pipe() -> int:
    """Return the reading end of a pipe that is written at READY_FD; it never blocks.

    READY_FD was the zygote's control socket, which this closes.
    """
    reader, writer = os.pipe()
    os.dup2(writer, READY_FD)
    os.close(writer)
    os.set_blocking(reader, False)
    return reader


def compile_program(
    control: socket.socket, message: bytes, source_fd: int, main: Names
) -> Program | None:
    """Compile under soft limits, which a child replaces by its own; a failure is sent as text."""
    optimize, cpu_seconds, address_space = COMPILE.unpack(message)
    source = os.pread(source_fd, os.fstat(source_fd).st_size, 0)
    os.close(source_fd)
    limits = {resource.RLIMIT_AS: address_space, resource.RLIMIT_CPU: cpu_seconds}
    hard = {kind: resource.getrlimit(kind)[1] for kind in limits}
    for kind, soft in limits.items():
        resource.setrlimit(kind, (soft, hard[kind]))
    try:
        program = Program(source, optimize, main)
    except BaseException as error:
        lines = traceback.format_exception_only(type(error), error)
        control.send(b"C" + "".join(lines).encode("utf-8", "replace")[:4000])
        return None
    for kind in limits:
        resource.setrlimit(kind, (hard[kind], hard[kind]))
    return program


def run_test(
    control: socket.socket,
    message: bytes,
    fds: list[int],
    ready: int,
    program: Program,
    strict: Filter | None,
) -> None:
    """Fork a child that runs the program, watch it, and send what the kernel says of it."""
    cpu_ms, wall_ms, flags, address_space, output = REQUEST.unpack(message)
    started = time.monotonic()
    # before the fork, where it costs no page faults
    for stream, fd in enumerate(fds):
        os.dup2(fd, stream)
        os.close(fd)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            die_with(parent)
            confine((cpu_ms, address_space, output), strict)
            program.run(has_site=not flags & FLAG_NO_SITE)
        finally:
            os._exit(1)
    ended, status, usage = watch(pid, cpu_ms / 1000, started + wall_ms / 1000)
    seconds = (usage.ru_utime, usage.ru_stime, time.monotonic() - started)
    user, system, wall = (int(part * 1e6) for part in seconds)
    is_ready = was_ready(ready)
    control.send(REPLY.pack(ended, is_ready, status, user, system, usage.ru_maxrss, wall))


def was_ready(ready: int) -> bool:
    """Whether the child that ended was locked in; takes its byte out of the pipe."""
    try:
        return os.read(ready, 1) == b"r"
    except BlockingIOError:
        return False


def confine(limits: tuple[int, int, int], strict: Filter | None) -> None:
    """Give up everything but the three streams; say `ready` as the last act of our own.

    Exit codes can be forged by a program; the byte cannot be unsaid by one.
    """
    close_from(READY_FD + 1)
    cpu_ms, address_space, output = limits
    seconds = cpu_ms // 1000 + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    resource.setrlimit(resource.RLIMIT_FSIZE, (output, output))
    if strict is not None:
        strict.install()
    os.write(READY_FD, b"r")
    os.close(READY_FD)


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
