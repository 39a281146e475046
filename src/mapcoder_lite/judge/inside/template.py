"""A template: one program held ready in a process of its own, forked once per test.

Compiles Python or holds a command. A child of the template becomes the program. A program that is
run a single time needs no template: one process compiles it and becomes it. Runs inside the
sandbox: standard library only, Python >= 3.9.

Knows: descriptors, limits, what a child gives up before it becomes a program.
Does not know: verdicts, expected outputs, the host's files, other programs.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
import time
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple

from mapcoder_lite.judge.inside.calls import serve_calls
from mapcoder_lite.judge.inside.command import IMAGE_FD, Command
from mapcoder_lite.judge.inside.examine import examine
from mapcoder_lite.judge.inside.kernel import Filter, close_from, die_with, restrict_to_own
from mapcoder_lite.judge.inside.program import Program
from mapcoder_lite.judge.inside.watch import unblock_child_signal, watched
from mapcoder_lite.judge.inside.wire import (
    COMPILE,
    FLAG_CALLS,
    FLAG_EXAMINE,
    FLAG_NO_SITE,
    PYTHON,
    REQUEST,
    SPENT,
)

READY_FD = 3  # in a template and its children
# out of the way of streams: the zygote's own, then those of a template, which its children close
ZYGOTE, ONCE_READER, ONCE_WRITER = 56, 57, 58
RULESET, CONTROL, SOURCE, READER, WRITER = 59, 60, 61, 62, 63
NUM_STREAMS = 3
NOTHING = 55  # /dev/null, for the streams of a zygote between runs
MAX_DESCRIPTORS = 5  # three streams, the channel of calls, the report of a test
DESCRIPTORS_SPACE = socket.CMSG_SPACE(4 * MAX_DESCRIPTORS)
HARD_AS = resource.getrlimit(resource.RLIMIT_AS)[1]
HARD_CPU = resource.getrlimit(resource.RLIMIT_CPU)[1]
Limits = Sequence[tuple[int, tuple[int, int]]]
Names = dict[str, Any]  # whatever a program defines


class Cell(NamedTuple):
    """What a template needs of its worker."""

    main: Names
    filters: dict[str, Filter]
    ruleset: int
    """What a command is restricted by just before it starts; -1 = the worker itself already is."""
    control: socket.socket
    """A template's own end, once it holds one under that number."""


def open_pipe(reader: int, writer: int) -> None:
    """Open a pipe that never blocks, under these numbers."""
    ends = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    for end, number in zip(ends, (reader, writer)):  # noqa: B905 -- not before Python 3.10
        os.dup2(end, number, inheritable=False)
        os.close(end)


def take_own_fds(fds: list[int]) -> None:
    """Give a template's descriptors their numbers."""
    os.dup2(fds[0], CONTROL)
    if len(fds) > 1:
        os.dup2(fds[1], SOURCE, inheritable=False)
    open_pipe(READER, WRITER)


def serve_template(message: bytes, has_source: bool, cell: Cell) -> None:
    """Compile a Python program or take a command; run it once per request until the host hangs up.

    A command's message ends in JSON, and a second descriptor is the image of its executable.
    """
    kind, message = message[:1], message[1:]
    if kind == PYTHON:
        program = compile_program(message, cell.main)
        if isinstance(program, str):
            os.write(CONTROL, b"C" + program.encode("utf-8", "replace"))
            return
        filter = cell.filters.get("strict")
    else:
        fields = json.loads(message)
        program = Command(fields, SOURCE if has_source else None, cell.ruleset)
        program.hold(SOURCE)
        filter = cell.filters.get(fields["filter"])
    gc.freeze()
    gc.enable()
    os.write(CONTROL, b"K")
    while True:
        message, fds = receive(cell.control)
        if not message:
            return
        request = REQUEST.unpack(message)
        limits = rlimits(request)
        take_streams(fds, WRITER)
        os.write(CONTROL, run_test(request, limits, len(fds), program, filter))


def receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """Receive a message with the descriptors it brings."""
    message, ancillary, _, _ = control.recvmsg(64, DESCRIPTORS_SPACE)
    fds = memoryview(ancillary[0][2]).cast("i").tolist() if ancillary else []
    return message, fds


def compile_program(message: bytes, main: Names) -> Program | str:
    """Compile under soft limits, which a child replaces by its own; return the log of a failure."""
    optimize, cpu_seconds, address_space, source_bytes = COMPILE.unpack(message)
    resource.setrlimit(resource.RLIMIT_AS, (address_space, HARD_AS))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, HARD_CPU))
    program = compiled(source_bytes, optimize, main)
    resource.setrlimit(resource.RLIMIT_AS, (HARD_AS, HARD_AS))
    resource.setrlimit(resource.RLIMIT_CPU, (HARD_CPU, HARD_CPU))
    return program


def compiled(source_bytes: int, optimize: int, main: Names) -> Program | str:
    """Compile the source held open; return the log of a failure."""
    try:
        return Program(os.pread(SOURCE, source_bytes, 0), optimize, main)
    except BaseException as error:
        return "".join(traceback.format_exception_only(type(error), error))[:4000]


def run_single(message: bytes, fds: list[int], cell: Cell) -> bytes:
    """Fork a child that compiles a program and becomes it; return what the kernel says of it."""
    started = time.monotonic()
    compiling = COMPILE.unpack(message[: COMPILE.size])
    request = REQUEST.unpack(message[COMPILE.size :])
    os.dup2(fds[0], SOURCE, inheritable=False)
    os.close(fds[0])
    limits = rlimits(request)
    take_streams(fds[1:], ONCE_WRITER)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with(parent)
        become(compiling, request, limits, len(fds) - 1, cell)
    for stream in range(NUM_STREAMS):
        os.dup2(NOTHING, stream)
    os.closerange(READY_FD, len(fds))
    os.close(SOURCE)
    return watched(pid, ONCE_READER, request[:3], started)


def become(
    compiling: tuple[int, ...],
    request: tuple[int, ...],
    limits: Limits,
    num_fds: int,
    cell: Cell,
) -> None:
    """Compile a program and become it; never comes back."""
    optimize, _, _, source_bytes = compiling
    try:
        take_limits(limits)
        program = compiled(source_bytes, optimize, cell.main)
        gc.enable()
        os.write(READY_FD, SPENT.pack(int(time.process_time() * 1e6)))
        if isinstance(program, str):
            os.write(2, program.encode("utf-8", "replace"))
            os.write(READY_FD, b"c")
        else:
            run_here(request, (), num_fds, program, cell.filters.get("strict"))
    finally:
        os._exit(1)


def take_streams(fds: list[int], ready: int) -> None:
    """Put the three streams, the pipe that says `ready`, and any others in their places.

    Before the fork, where it costs no page faults; what is received lies above its place.
    """
    for place, fd in enumerate(fds):
        os.dup2(fd, place if place < NUM_STREAMS else place + 1)
        os.close(fd)
    os.dup2(ready, READY_FD, inheritable=False)


def run_test(
    request: tuple[int, ...],
    limits: Limits,
    num_fds: int,
    program: Program | Command,
    filter: Filter | None,
) -> bytes:
    """Fork a child that runs the program, watch it, and return what the kernel says of it."""
    started = time.monotonic()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with(parent)
        run_here(request, limits, num_fds, program, filter)
    if num_fds > NUM_STREAMS:  # a channel must end with the child
        os.closerange(READY_FD + 1, num_fds + 1)
    reply = watched(pid, READER, request[:3], started)
    if isinstance(program, Command):
        program.end_group(pid)
    return reply


def run_here(
    request: tuple[int, ...],
    limits: Limits,
    num_fds: int,
    program: Program | Command,
    filter: Filter | None,
) -> None:
    """Become the program; never comes back."""
    try:
        if isinstance(program, Command):
            execute(program, limits, filter)
        else:
            confine(limits, filter, num_fds + 1)
            os.close(READY_FD)
            start(program, request[3])
    except BaseException as error:  # ours: a program's own never comes this far
        os.write(2, repr(error).encode("utf-8", "replace"))
    finally:
        os._exit(1)


def start(program: Program, flags: int) -> None:
    """Do what is asked of a Python program; never comes back."""
    if flags & FLAG_CALLS:
        serve_calls(program)
    elif flags & FLAG_EXAMINE:
        examine()
    else:
        program.run(has_site=not flags & FLAG_NO_SITE)


def execute(command: Command, limits: Limits, filter: Filter | None) -> None:
    """Become the command; `ready` is taken back by a second byte when it cannot be started."""
    if command.ruleset >= 0:
        restrict_to_own(command.ruleset)
    os.dup2(command.image, IMAGE_FD, inheritable=False)
    unblock_child_signal()
    command.prepare()
    confine(limits, filter, IMAGE_FD + 1)
    try:
        command.execute()
    finally:
        os.write(READY_FD, b"x")


def rlimits(request: tuple[int, ...]) -> Limits:
    """Return the limits of a run as the kernel takes them."""
    cpu_ms, _, _, _, address_space, data, stack, output = request
    seconds = cpu_ms // 1000 + 1
    limits = [
        (resource.RLIMIT_CPU, (seconds, seconds + 1)),
        (resource.RLIMIT_FSIZE, (output, output)),
    ]
    if address_space:
        limits.append((resource.RLIMIT_AS, (address_space, address_space)))
    if data:
        limits.append((resource.RLIMIT_DATA, (data, data)))
    if stack:
        limits.append((resource.RLIMIT_STACK, lowered_stack(stack)))
    return limits


def lowered_stack(stack_bytes: int) -> tuple[int, int]:
    """Return a lower soft limit: threads of other languages reserve as much each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    is_higher = soft == resource.RLIM_INFINITY or soft > stack_bytes
    return (stack_bytes if is_higher else soft), hard


def confine(
    limits: Limits, filter: Filter | None, first_closed: int, ready: int = READY_FD
) -> None:
    """Give up everything but what was taken; say `ready` as the last act of our own.

    Exit codes can be forged by a program; the byte cannot be unsaid by one.
    """
    close_from(first_closed)
    take_limits(limits)
    if filter is not None:
        filter.install()
    os.write(ready, b"r")


def take_limits(limits: Limits) -> None:
    """Take the limits of a run."""
    for kind, pair in limits:
        resource.setrlimit(kind, pair)
