"""The zygote: a warm interpreter inside the sandbox that forks once per program and once per test.

Started with its control socket as descriptor 3; the first message configures it. It never reads a
program, an input or an output: a template (forked per program) compiles, and a child of the
template (forked per test) runs; the last test runs in the template itself. Runs inside the sandbox:
standard library only, Python >= 3.9.

Knows: forking, descriptors, the wire to the host.
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
from mapcoder_lite.judge.inside.watch import block_child_signal, watched
from mapcoder_lite.judge.inside.wire import (
    COMPILE,
    COMPILED,
    FLAG_LAST,
    FLAG_NO_SITE,
    REQUEST,
    WATCH,
)

CONTROL_FD = 3  # as the host starts a zygote
# out of the way of streams: the zygote's own, then those of a template, which its children close
ZYGOTE, CONTROL, SOURCE, READER, WRITER = 59, 60, 61, 62, 63
NUM_STREAMS = 3
DESCRIPTORS_SPACE = socket.CMSG_SPACE(4 * NUM_STREAMS)
HARD_AS = resource.getrlimit(resource.RLIMIT_AS)[1]
HARD_CPU = resource.getrlimit(resource.RLIMIT_CPU)[1]
Names = dict[str, Any]  # whatever a program defines
Limits = Sequence[tuple[int, tuple[int, int]]]


def serve() -> None:
    """Answer the host until it hangs up."""
    os.dup2(CONTROL_FD, ZYGOTE)  # the number itself falls to a stream
    control = socket.socket(fileno=ZYGOTE)
    # made once: a template puts its own socket under this number
    theirs = socket.socket(fileno=os.dup2(ZYGOTE, CONTROL))
    config = json.loads(control.recv(1 << 17))
    told, main, strict = set_up(config, theirs)
    control.send(json.dumps(told).encode())
    readers: dict[int, int] = {}
    while True:
        message, fds, _, _ = socket.recv_fds(control, 64, 2)
        if not message:
            os._exit(0)
        if fds:
            reap(readers)
            fork_template(theirs, message, fds, readers, main, strict)
        else:
            control.send(watch_last(message, readers))


def set_up(
    config: dict[str, Any],
    theirs: socket.socket,  # parsed JSON
) -> tuple[Names, Names, Filter | None]:
    """Enter the sandbox; return what the host is told, and what templates need."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    block_child_signal()
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
    rehearse_all(theirs, main, strict)
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
    """Fork a template whose end of `control` is the first descriptor received."""
    parent = os.getpid()
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            die_with(parent)
            take_own_fds((*fds, reader, writer), 3)
            serve_template(control, message, main, strict)
        finally:
            os._exit(0)
    readers[pid] = reader
    for fd in (*fds, writer):
        os.close(fd)


def take_own_fds(fds: tuple[int, ...], first_other: int) -> None:
    """Give a template's descriptors their numbers and close the others from the one given on."""
    control, source, reader, writer = fds
    os.dup2(control, CONTROL)
    os.dup2(source, SOURCE)
    os.dup2(reader, READER)
    os.dup2(writer, WRITER)
    os.closerange(first_other, CONTROL)


def serve_template(
    control: socket.socket, message: bytes, main: Names, strict: Filter | None
) -> None:
    """Compile one program and run it once per request, until the host hangs up."""
    program = compile_program(message, main)
    if program is None:
        return
    gc.freeze()
    gc.enable()
    spent = time.process_time()
    os.write(CONTROL, COMPILED.pack(b"K", os.getpid(), int(spent * 1e6)))
    while True:
        message, fds = receive(control)
        if not message:
            return
        request = REQUEST.unpack(message)
        take_streams(fds)
        if request[2] & FLAG_LAST:
            run_here(request, len(fds), program, strict, int(spent) + 1)
        os.write(CONTROL, run_test(request, len(fds), program, strict))


def receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """Receive a message with the descriptors it brings."""
    message, ancillary, _, _ = control.recvmsg(64, DESCRIPTORS_SPACE)
    fds = memoryview(ancillary[0][2]).cast("i").tolist() if ancillary else []
    return message, fds


def compile_program(message: bytes, main: Names) -> Program | None:
    """Compile under soft limits, which a child replaces by its own; a failure is sent as text."""
    optimize, cpu_seconds, address_space, source_bytes = COMPILE.unpack(message)
    source = os.pread(SOURCE, source_bytes, 0)
    resource.setrlimit(resource.RLIMIT_AS, (address_space, HARD_AS))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, HARD_CPU))
    try:
        program = Program(source, optimize, main)
    except BaseException as error:
        lines = traceback.format_exception_only(type(error), error)
        os.write(CONTROL, b"C" + "".join(lines).encode("utf-8", "replace")[:4000])
        return None
    resource.setrlimit(resource.RLIMIT_AS, (HARD_AS, HARD_AS))
    resource.setrlimit(resource.RLIMIT_CPU, (HARD_CPU, HARD_CPU))
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


def rehearse_all(control: socket.socket, main: Names, strict: Filter | None) -> None:
    """Do all that a template does in this very process, before any fork.

    CPython writes into code until it has run often enough: pages that each fork would copy.
    """
    rehearse()
    streams = [os.dup(stream) for stream in range(NUM_STREAMS)]
    for _ in range(REHEARSALS):
        rehearse_template(control, main, strict)
    for stream, fd in enumerate(streams):
        os.dup2(fd, stream)
    os.closerange(NUM_STREAMS, ZYGOTE)


def rehearse_template(control: socket.socket, main: Names, strict: Filter | None) -> None:
    """Serve one request for a program that does nothing, and lock nothing in."""
    host, template = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    memory = [os.memfd_create("rehearsal") for _ in range(NUM_STREAMS)]
    kinds = resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_FSIZE
    unchanged = tuple((kind, resource.getrlimit(kind)) for kind in kinds)
    pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    die_with(os.getppid())
    take_own_fds((template.fileno(), memory[0], *pipe), CONTROL)
    request = REQUEST.pack(10_000, 10_000, 0, 1 << 30, 1 << 20)
    socket.send_fds(host, [request], memory)
    host.shutdown(socket.SHUT_WR)
    serve_template(control, COMPILE.pack(0, 10, 1 << 30, 0), main, strict)
    os.dup2(WRITER, MAX_FILES - 1)
    confine(unchanged, MAX_FILES - 1, None)
    host.close()
    template.close()
    for fd in (*pipe, *memory, CONTROL, SOURCE, READER):
        os.close(fd)


def watch_last(message: bytes, readers: dict[int, int]) -> bytes:
    """Watch a template that runs its last test itself; return what the kernel says of it."""
    pid, spent_us, cpu_ms, wall_ms = WATCH.unpack(message)
    reader = readers.pop(pid)
    reply = watched(pid, reader, cpu_ms, wall_ms, time.monotonic(), spent_us)
    os.close(reader)
    return reply


if __name__ == "__worker__":
    serve()
