"""The zygote: a warm interpreter inside the sandbox that forks once per program and once per test.

Started with its control socket as descriptor 3; the first message configures it. It never reads a
program, an input or an output: a template (forked per program) compiles Python or holds a command,
and a child of the template (forked per test) runs; the last test of a Python program may run in the
template itself. Runs inside the sandbox: standard library only, Python >= 3.9.

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
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple

from mapcoder_lite.judge.inside.calls import serve_calls
from mapcoder_lite.judge.inside.command import IMAGE_FD, Command
from mapcoder_lite.judge.inside.examine import examine
from mapcoder_lite.judge.inside.kernel import (
    MAX_FILES,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    SIGKILL,
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
from mapcoder_lite.judge.inside.program import (
    REHEARSALS,
    Program,
    dress_interpreter,
    preload,
    rehearse,
)
from mapcoder_lite.judge.inside.watch import block_child_signal, unblock_child_signal, watched
from mapcoder_lite.judge.inside.wire import (
    COMPILE,
    FLAG_CALLS,
    FLAG_EXAMINE,
    FLAG_LAST,
    FLAG_NO_SITE,
    LAST,
    PYTHON,
    READY,
    REQUEST,
    WATCH,
)

CONTROL_FD = 3  # as the host starts a zygote
READY_FD = 3  # in a template and its children
# out of the way of streams: the zygote's own, then those of a template, which its children close
ZYGOTE, RULESET, CONTROL, SOURCE, READER, WRITER = 58, 59, 60, 61, 62, 63
NUM_STREAMS = 3
MAX_DESCRIPTORS = 5  # three streams, the channel of calls, the report of a test
DESCRIPTORS_SPACE = socket.CMSG_SPACE(4 * MAX_DESCRIPTORS)
MESSAGE_BYTES = 1 << 16
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


def serve() -> None:
    """Answer the host until it hangs up."""
    os.dup2(CONTROL_FD, ZYGOTE)  # the number itself falls to a stream
    control = socket.socket(fileno=ZYGOTE)
    # made once: a template puts its own socket under this number
    theirs = socket.socket(fileno=os.dup2(ZYGOTE, CONTROL))
    config = json.loads(control.recv(1 << 17))
    told, cell = set_up(config, theirs)
    control.send(json.dumps(told).encode())
    readers: dict[int, int] = {}
    while True:
        message, fds, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 2)
        if not message:
            os._exit(0)
        if message[:1] == LAST:
            control.send(watch_last(message[1:], readers))
        else:
            reap(readers)
            fork_template(message, fds, readers, cell)


def set_up(
    config: dict[str, Any],  # parsed JSON
    theirs: socket.socket,
) -> tuple[Names, Cell]:
    """Enter the sandbox; return what the host is told, and what templates need."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_PDEATHSIG, SIGKILL)
    block_child_signal()
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
    elif ruleset >= 0:
        os.dup2(ruleset, RULESET)
        os.close(ruleset)
        ruleset = RULESET
    cell = Cell(main, filters, ruleset, theirs)
    if config["preload"]:
        rehearse_all(cell)
    for name in [name for name in sys.modules if name.startswith("mapcoder_lite")]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()
    gc.disable()
    escapes = canary(filters.get(config["canary_filter"]), ruleset, config["canary"])
    return {"landlock_abi": abi, "canary": escapes, "uid": os.getuid()}, cell


def reap(readers: dict[int, int]) -> None:
    """Collect templates that have ended."""
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            os.close(readers.pop(pid))


def fork_template(message: bytes, fds: list[int], readers: dict[int, int], cell: Cell) -> None:
    """Fork a template whose control socket is the first descriptor received."""
    parent = os.getpid()
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            die_with(parent)
            take_own_fds(fds, reader, writer, NUM_STREAMS)
            serve_template(message, len(fds) > 1, cell)
        finally:
            os._exit(1)
    readers[pid] = reader
    for fd in (*fds, writer):
        os.close(fd)


def take_own_fds(fds: list[int], reader: int, writer: int, first_other: int) -> None:
    """Give a template's descriptors their numbers and close the others from the one given on."""
    os.dup2(fds[0], CONTROL)
    if len(fds) > 1:
        os.dup2(fds[1], SOURCE, inheritable=False)
    os.dup2(reader, READER)
    os.dup2(writer, WRITER)
    os.closerange(first_other, RULESET)


def serve_template(message: bytes, has_source: bool, cell: Cell) -> None:
    """Compile a Python program or take a command; run it once per request until the host hangs up.

    A command's message ends in JSON, and a second descriptor is the image of its executable.
    """
    kind, message = message[:1], message[1:]
    if kind == PYTHON:
        program = compile_program(message, cell.main)
        if program is None:
            return
        filter = cell.filters.get("strict")
    else:
        fields = json.loads(message)
        program = Command(fields, SOURCE if has_source else None, cell.ruleset)
        program.hold(SOURCE)
        filter = cell.filters.get(fields["filter"])
    gc.freeze()
    gc.enable()
    spent = time.process_time()
    os.write(CONTROL, READY.pack(b"K", os.getpid(), int(spent * 1e6)))
    while True:
        message, fds = receive(cell.control)
        if not message:
            return
        request = REQUEST.unpack(message)
        take_streams(fds)
        if request[2] & FLAG_LAST:
            run_here(request, len(fds), program, filter, int(spent) + 1)
        os.write(CONTROL, run_test(request, len(fds), program, filter))


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
    """Put the three streams, the pipe that says `ready`, and any others in their places.

    Before the fork, where it costs no page faults; what is received lies above its place.
    """
    for place, fd in enumerate(fds):
        os.dup2(fd, place if place < NUM_STREAMS else place + 1)
        os.close(fd)
    os.dup2(WRITER, READY_FD, inheritable=False)


def run_test(
    request: tuple[int, ...], num_fds: int, program: Program | Command, filter: Filter | None
) -> bytes:
    """Fork a child that runs the program, watch it, and return what the kernel says of it."""
    started = time.monotonic()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with(parent)
        run_here(request, num_fds, program, filter)
    if num_fds > NUM_STREAMS:  # a channel must end with the child
        os.closerange(READY_FD + 1, num_fds + 1)
    reply = watched(pid, READER, request[0], request[1], started)
    if isinstance(program, Command):
        program.end_group(pid)
    return reply


def run_here(
    request: tuple[int, ...],
    num_fds: int,
    program: Program | Command,
    filter: Filter | None,
    spent_seconds: int = 0,
) -> None:
    """Become the program; never comes back."""
    try:
        limits = rlimits(request, spent_seconds)
        if isinstance(program, Command):
            execute(program, limits, filter)
        else:
            confine(limits, filter, num_fds + 1)
            os.close(READY_FD)
            start(program, request[2])
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


def rlimits(request: tuple[int, ...], spent_seconds: int) -> Limits:
    """Return the limits of a run as the kernel takes them."""
    cpu_ms, _, _, address_space, data, stack, output = request
    seconds = cpu_ms // 1000 + 1 + spent_seconds
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
    for kind, pair in limits:
        resource.setrlimit(kind, pair)
    if filter is not None:
        filter.install()
    os.write(ready, b"r")


def watch_last(message: bytes, readers: dict[int, int]) -> bytes:
    """Watch a template that runs its last test itself; return what the kernel says of it."""
    pid, spent_us, cpu_ms, wall_ms = WATCH.unpack(message)
    reader = readers.pop(pid)
    reply = watched(pid, reader, cpu_ms, wall_ms, time.monotonic(), spent_us)
    os.close(reader)
    return reply


def rehearse_all(cell: Cell) -> None:
    """Do all that a template does in this very process, before any fork.

    CPython writes into code until it has run often enough: pages that each fork would copy.
    """
    rehearse()
    streams = [os.dup(stream) for stream in range(NUM_STREAMS)]
    for _ in range(REHEARSALS):
        rehearse_template(cell)
    for stream, fd in enumerate(streams):
        os.dup2(fd, stream)
    os.closerange(NUM_STREAMS, ZYGOTE)


def rehearse_template(cell: Cell) -> None:
    """Serve one request for a program that does nothing, and lock nothing in."""
    host, template = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    memory = [os.memfd_create("rehearsal") for _ in range(NUM_STREAMS)]
    kinds = resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_AS
    unchanged = [(kind, resource.getrlimit(kind)) for kind in kinds]
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    die_with(os.getppid())
    take_own_fds([template.fileno(), memory[0]], reader, writer, RULESET)
    request = REQUEST.pack(10_000, 10_000, 0, 1 << 30, 0, 0, 1 << 20)
    socket.send_fds(host, [request], memory)
    host.shutdown(socket.SHUT_WR)
    serve_template(PYTHON + COMPILE.pack(0, 10, 1 << 30, 0), True, cell)
    rlimits(REQUEST.unpack(request), 0)
    confine(unchanged, None, MAX_FILES, WRITER)
    host.close()
    template.close()
    for fd in (reader, writer, *memory, CONTROL, SOURCE, READER, WRITER):
        os.close(fd)


if __name__ == "__worker__":
    serve()
