"""The zygote: a warm interpreter inside the sandbox that forks once per program and once per test.

Started with its control socket as descriptor 3; the first message configures it. It never reads a
program, an input or an output: a template (forked per program) compiles Python or holds a command,
and a child of the template (forked per test) runs. Runs inside the sandbox: standard library only,
Python >= 3.9.

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
import select
import signal
import socket
import sys
import time
import traceback
from typing import Any, NamedTuple

from mapcoder_lite.judge.inside.calls import serve_calls
from mapcoder_lite.judge.inside.command import IMAGE_FD, Command
from mapcoder_lite.judge.inside.examine import examine
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
    restrict_to_own,
    set_constant_limits,
)
from mapcoder_lite.judge.inside.program import Program, dress_interpreter, preload
from mapcoder_lite.judge.inside.wire import (
    COMPILE,
    ENDED_BY_CPU,
    ENDED_BY_WALL,
    ENDED_ITSELF,
    FLAG_CALLS,
    FLAG_EXAMINE,
    FLAG_NO_SITE,
    PYTHON,
    REPLY,
    REQUEST,
)

CONTROL_FD = 3
READY_FD = 3  # in the child of a template, which holds no control socket
MAX_DESCRIPTORS = 5  # three streams, the channel of calls, the report of a test
MESSAGE_BYTES = 1 << 16
Names = dict[str, Any]  # whatever a program defines


class Cell(NamedTuple):
    """What a template needs of its worker."""

    main: Names
    filters: dict[str, Filter]
    ruleset: int
    """What a command is restricted by just before it starts; -1 = the worker itself already is."""


def serve() -> None:
    """Answer the host until it hangs up."""
    control = socket.socket(fileno=CONTROL_FD)
    config = json.loads(control.recv(1 << 17))
    told, cell = set_up(config)
    control.send(json.dumps(told).encode())
    while True:
        message, fds, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 2)
        if not message:
            os._exit(0)
        reap()
        fork_template(control, message, fds, cell)


def set_up(config: dict[str, Any]) -> tuple[Names, Cell]:  # parsed JSON
    """Enter the sandbox; return what the host is told, and what templates need."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if config["core"] is not None:
        os.sched_setaffinity(0, {config["core"]})
    # both are read while paths can still be opened
    filters = {name: Filter(base64.b64decode(bpf)) for name, bpf in config["filters"].items()}
    ruleset, abi = -1, 0
    if config["has_landlock"]:
        ruleset, abi = landlock_ruleset(config["paths"])
    preload(config["preload"])
    main = dress_interpreter()
    set_constant_limits(config["max_processes"], config["max_files"])
    if ruleset >= 0 and not config["restricts_children"]:
        restrict(ruleset)
        ruleset = -1
    for name in [name for name in sys.modules if name.startswith("mapcoder_lite")]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()
    gc.disable()
    escapes = canary(filters.get(config["canary_filter"]), ruleset, config["canary"])
    cell = Cell(main, filters, ruleset)
    return {"landlock_abi": abi, "canary": escapes, "uid": os.getuid()}, cell


def reap() -> None:
    """Collect templates that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def fork_template(control: socket.socket, message: bytes, fds: list[int], cell: Cell) -> None:
    """Fork a template whose control socket is the first descriptor received."""
    parent = os.getpid()
    if os.fork() == 0:
        try:
            die_with(parent)
            control.detach()
            os.dup2(fds[0], CONTROL_FD)
            os.close(fds[0])
            serve_template(message, fds[1:], cell)
        finally:
            os._exit(0)
    for fd in fds:
        os.close(fd)


def serve_template(message: bytes, fds: list[int], cell: Cell) -> None:
    """Compile a Python program or take a command; run it once per request until the host hangs up.

    A command's message ends in JSON, and a second descriptor is the image of its executable.
    """
    control = socket.socket(fileno=CONTROL_FD)
    kind, message = message[:1], message[1:]
    if kind == PYTHON:
        program = compile_program(control, message, fds[0], cell.main)
        if program is None:
            return
        filter = cell.filters.get("strict")
    else:
        fields = json.loads(message)
        program = Command(fields, fds[0] if fds else None, cell.ruleset)
        filter = cell.filters.get(fields["filter"])
    gc.freeze()
    control.send(b"K")
    while True:
        message, fds, _, _ = socket.recv_fds(control, 64, MAX_DESCRIPTORS)
        if not message:
            return
        run_test(control, message, fds, program, filter)


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
    program: Program | Command,
    filter: Filter | None,
) -> None:
    """Fork a child that runs the program, watch it, and send what the kernel says of it."""
    cpu_ms, wall_ms, flags, *sizes = REQUEST.unpack(message)
    started = time.monotonic()
    reader, writer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            die_with(parent)
            take_streams(fds, writer)
            if isinstance(program, Command):
                execute(program, (cpu_ms, *sizes), filter)
            else:
                confine((cpu_ms, *sizes), filter, first_closed=len(fds) + 1)
                os.close(READY_FD)
                start(program, flags)
        except BaseException as error:  # ours: a program's own never comes this far
            os.write(2, repr(error).encode("utf-8", "replace"))
        finally:
            os._exit(1)
    for fd in (*fds, writer):
        os.close(fd)
    ended, status, usage = watch(pid, cpu_ms / 1000, started + wall_ms / 1000)
    if isinstance(program, Command):
        program.end_group(pid)
    is_ready = os.read(reader, 2) == b"r"
    os.close(reader)
    seconds = (usage.ru_utime, usage.ru_stime, time.monotonic() - started)
    user, system, wall = (int(part * 1e6) for part in seconds)
    control.send(REPLY.pack(ended, is_ready, status, user, system, usage.ru_maxrss, wall))


def take_streams(fds: list[int], ready: int) -> None:
    """Put the three streams, the descriptor that says `ready`, and any others in their places."""
    for stream, fd in enumerate(fds[:3]):
        os.dup2(fd, stream)
    os.dup2(ready, READY_FD, inheritable=False)
    for place, fd in enumerate(fds[3:], READY_FD + 1):
        os.dup2(fd, place)


def start(program: Program, flags: int) -> None:
    """Do what is asked of a Python program; never comes back."""
    if flags & FLAG_CALLS:
        serve_calls(program)
    elif flags & FLAG_EXAMINE:
        examine()
    else:
        program.run(has_site=not flags & FLAG_NO_SITE)


def execute(command: Command, limits: tuple[int, ...], filter: Filter | None) -> None:
    """Become the command; `ready` is taken back by a second byte when it cannot be started."""
    if command.ruleset >= 0:
        restrict_to_own(command.ruleset)
    if command.image != IMAGE_FD:
        os.dup2(command.image, IMAGE_FD, inheritable=False)
    command.prepare()
    confine(limits, filter, first_closed=IMAGE_FD + 1)
    try:
        command.execute()
    finally:
        os.write(READY_FD, b"x")


def confine(
    limits: tuple[int, ...], filter: Filter | None, first_closed: int = READY_FD + 1
) -> None:
    """Give up everything but what was taken; say `ready` as the last act of our own.

    Exit codes can be forged by a program; the byte cannot be unsaid by one.
    """
    close_from(first_closed)
    cpu_ms, address_space, data, stack, output = limits
    seconds = cpu_ms // 1000 + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (output, output))
    if address_space:
        resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    if data:
        resource.setrlimit(resource.RLIMIT_DATA, (data, data))
    if stack:
        lower_stack(stack)
    if filter is not None:
        filter.install()
    os.write(READY_FD, b"r")


def lower_stack(stack_bytes: int) -> None:
    """Lower the soft limit: threads of other languages reserve as much each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if soft == resource.RLIM_INFINITY or soft > stack_bytes:
        resource.setrlimit(resource.RLIMIT_STACK, (stack_bytes, hard))


def watch(pid: int, cpu_seconds: float, deadline: float) -> tuple[int, int, resource.struct_rusage]:
    """Wait for a child; kill it at its CPU limit or at the deadline."""
    pidfd = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    clock = (~pid << 3) | 2  # the kernel's name for another process's CPU clock
    ended = ENDED_ITSELF
    pause = cpu_seconds
    while not poll.poll(max(0.0, min(pause, deadline - time.monotonic())) * 1000 + 0.5):
        used = time.clock_gettime(clock)
        if used >= cpu_seconds:
            ended = ENDED_BY_CPU
        elif time.monotonic() >= deadline:
            ended = ENDED_BY_WALL
        else:
            pause = max(cpu_seconds - used, 0.002)
            continue
        os.kill(pid, signal.SIGKILL)
        break
    _, status, usage = os.wait4(pid, 0)
    os.close(pidfd)
    return ended, status, usage


if __name__ == "__worker__":
    serve()
