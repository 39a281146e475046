"""The zygote: a warm interpreter inside the sandbox that forks once per program and once per test.

Started with its control socket as descriptor 3; the first message configures it. It never reads a
program, an input or an output: that is left to a template, forked per program, and its children.
Runs inside the sandbox: standard library only, Python >= 3.9.

Knows: entering the sandbox, forking templates, the wire to the host.
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
from typing import Any

from mapcoder_lite.judge.inside.calls import Channel, Gone, answer_calls
from mapcoder_lite.judge.inside.kernel import (
    MAX_FILES,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    SIGKILL,
    Filter,
    canary,
    die_with,
    landlock_ruleset,
    prctl,
    restrict,
    set_constant_limits,
    trim_memory,
)
from mapcoder_lite.judge.inside.program import REHEARSALS, dress_interpreter, preload, rehearse
from mapcoder_lite.judge.inside.template import (
    CONTROL,
    MAX_DESCRIPTORS,
    NOTHING,
    NUM_STREAMS,
    ONCE_READER,
    ONCE_WRITER,
    READER,
    RULESET,
    SOURCE,
    WRITER,
    ZYGOTE,
    Cell,
    Names,
    confine,
    open_pipe,
    run_single,
    serve_template,
    take_own_fds,
)
from mapcoder_lite.judge.inside.watch import block_child_signal
from mapcoder_lite.judge.inside.wire import COMPILE, ONCE, PYTHON, REQUEST

CONTROL_FD = 3  # as the host starts a zygote
MESSAGE_BYTES = 1 << 16


def serve() -> None:
    """Answer the host until it hangs up."""
    os.dup2(CONTROL_FD, ZYGOTE)  # the number itself falls to a stream
    control = socket.socket(fileno=ZYGOTE)
    # made once: a template puts its own socket under this number
    theirs = socket.socket(fileno=os.dup2(ZYGOTE, CONTROL))
    config = json.loads(control.recv(1 << 17))
    told, cell = set_up(config, theirs)
    control.send(json.dumps(told).encode())
    open_pipe(ONCE_READER, ONCE_WRITER)
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, NOTHING, inheritable=False)
    os.close(nothing)
    while True:
        message, fds, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 1 + MAX_DESCRIPTORS)
        if not message:
            os._exit(0)
        reap()
        if message[:1] == ONCE:
            control.send(run_single(message[1:], fds, cell))
        else:
            fork_template(message, fds, cell)


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
    preload(config["preload"], config["packages"])
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
    trim_memory()
    gc.freeze()
    gc.disable()
    escapes = canary(filters.get(config["canary_filter"]), ruleset, config["canary"])
    return {"landlock_abi": abi, "canary": escapes, "uid": os.getuid()}, cell


def reap() -> None:
    """Collect templates that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def fork_template(message: bytes, fds: list[int], cell: Cell) -> None:
    """Fork a template whose control socket is the first descriptor received."""
    parent = os.getpid()
    if os.fork() == 0:
        try:
            die_with(parent)
            take_own_fds(fds)
            os.closerange(NUM_STREAMS, ONCE_WRITER + 1)
            serve_template(message, len(fds) > 1, cell)
        finally:
            os._exit(1)
    for fd in fds:
        os.close(fd)


def rehearse_all(cell: Cell) -> None:
    """Do all that a template does in this very process, before any fork.

    CPython writes into code until it has run often enough: pages that each fork would copy.
    """
    rehearse()
    streams = [os.dup(stream) for stream in range(NUM_STREAMS)]
    for _ in range(REHEARSALS):
        rehearse_template(cell)
        rehearse_calls()
    for stream, fd in enumerate(streams):
        os.dup2(fd, stream)
    os.closerange(NUM_STREAMS, ZYGOTE)


def rehearse_calls() -> None:
    """Answer a call of a function."""
    asker, answerer = socket.socketpair()
    with asker, answerer:
        asker.sendall(json.dumps(["", "call", "max", [[1, 2]], {}]).encode() + b"\n")
        asker.shutdown(socket.SHUT_WR)
        with contextlib.suppress(Gone):
            answer_calls(Channel(answerer.fileno()), {"max": max})


def rehearse_template(cell: Cell) -> None:
    """Serve one request for a program that does nothing, and lock nothing in."""
    host, template = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    memory = [os.memfd_create("rehearsal") for _ in range(NUM_STREAMS)]
    kinds = resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_AS
    unchanged = [(kind, resource.getrlimit(kind)) for kind in kinds]
    die_with(os.getppid())
    take_own_fds([template.fileno(), memory[0]])
    request = REQUEST.pack(10_000, 10_000, 10_000, 0, 1 << 30, 0, 0, 1 << 20)
    socket.send_fds(host, [request], memory)
    host.shutdown(socket.SHUT_WR)
    serve_template(PYTHON + COMPILE.pack(0, 10, 1 << 30, 0), True, cell)
    confine(unchanged, None, MAX_FILES, WRITER)
    host.close()
    template.close()
    for fd in (*memory, CONTROL, SOURCE, READER, WRITER):
        os.close(fd)


if __name__ == "__worker__":
    serve()
