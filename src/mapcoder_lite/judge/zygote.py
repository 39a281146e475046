"""The host's end of a worker: start it, give it programs, run them on inputs, read what came out.

Knows: descriptors, the wire to the worker, starting and ending it.
Does not know: expected outputs, verdicts, tiers beyond what a launch says.
"""

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.descriptors import memory_file
from mapcoder_lite.judge.family import kill_family
from mapcoder_lite.judge.filters import FilterName
from mapcoder_lite.judge.inside.wire import (
    COMMAND,
    COMPILE,
    FLAG_NO_SITE,
    ONCE,
    PYTHON,
    READY,
    REPLY,
    REQUEST,
    UNCOMPILED,
)
from mapcoder_lite.judge.isolation import trusted_isolation
from mapcoder_lite.judge.sandbox import ENVIRONMENT, Launch, identity, worker_texts
from mapcoder_lite.verdict import Isolation

START_SECONDS = 30.0
COMPILE_CPU_SECONDS = 10
COMPILE_WALL_SECONDS = 45.0
COMPILE_MEMORY_BYTES = 1 << 30
GRACE_SECONDS = 15.0
"""How much later than its deadline a reply may come on a busy machine."""
STDERR_BYTES = 8192


class WorkerLost(SandboxError):
    """A worker died or fell silent; another one may do. Never leaves this room."""


class NotCompiled(Exception):
    """A program that is compiled by its run is not well-formed; says why."""


class Unready(WorkerLost):
    """A child ended before it became the program."""


class Ended(IntEnum):
    """What ended a run."""

    BY_ITSELF = 0
    BY_CPU_LIMIT = 1
    BY_DEADLINE = 2


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Limits of one run as the kernel gets them."""

    cpu_ms: int
    wall_ms: int
    address_space_bytes: int
    """This and the two below: 0 = as the worker has it."""
    output_bytes: int
    data_bytes: int = 0
    stack_bytes: int = 0
    stall_ms: int = 0
    """A run that gets hardly any CPU time for so long sleeps, and is ended; 0 = the wall limit."""
    has_site: bool = True
    """Whether exit() and quit() exist."""


@dataclass(frozen=True, slots=True)
class Run:
    """What the kernel and the streams say of one run."""

    ended: Ended
    exit_code: int | None
    signal: int | None
    cpu_ms: float
    wall_ms: float
    rss_kb: int
    stdout: bytes
    """At most the output limit."""
    stdout_bytes: int
    stderr_bytes: int
    stderr_tail: bytes
    stderr_head: bytes = b""


@dataclass(frozen=True, slots=True)
class CompileFailure:
    """A program that did not compile; the log is empty when the compiler itself died."""

    log: str


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command as a worker gets it."""

    arguments: tuple[str, ...]
    """The executable's path first."""
    environment: dict[str, str]
    folder: str
    """Where it runs, as the worker sees it."""
    filter: FilterName
    is_compiler: bool = False


class Worker:
    """One zygote in its sandbox. Used by one thread at a time."""

    def __init__(self, launch: Launch, core: int | None = None) -> None:
        """Start it; call from a thread that outlives it, whose end would end it.

        Raises:
            SandboxError: it did not start, or its canary escaped.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        self.folder = launch.folder
        """Its own folder as it sees it itself."""
        self._examiner: Template | None = None
        with memory_file(worker_texts()) as texts, memory_file() as log:
            fds = (theirs.fileno(), texts)
            self._process = subprocess.Popen(
                launch.command(*fds),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=fds,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,  # the terminal's Ctrl-C is for the host alone
                **identity(launch.user),
            )
            theirs.close()
            try:
                self.isolation = self._greet(launch, core, log)
            except BaseException:
                self.close()
                raise

    def _greet(self, launch: Launch, core: int | None, log: int) -> Isolation:
        self._socket.settimeout(START_SECONDS)
        try:
            self._socket.send(launch.configuration(core))
            message = self._socket.recv(8192)
        except OSError as error:
            message, reason = b"", str(error)
        else:
            reason = "it hung up"
        if not message:
            said = os.pread(log, 1 << 16, 0).decode("utf-8", "replace").strip().splitlines()
            raise SandboxError(f"a worker did not start: {said[-1] if said else reason}")
        told = json.loads(message)
        return trusted_isolation(launch, told["landlock_abi"], told["uid"], told["canary"])

    def template(self, source: bytes, *, optimize: int = 0) -> "Template | CompileFailure":
        """Compile a program in a process of its own.

        Raises:
            WorkerLost: the worker died or fell silent.
        """
        limits = COMPILE_CPU_SECONDS, COMPILE_MEMORY_BYTES
        message = COMPILE.pack(optimize, *limits, len(source))
        with memory_file(source) as code:
            found = self._ask(PYTHON + message, [code])
        if isinstance(found, Template):
            return found
        return CompileFailure(found[1:].decode("utf-8", "replace"))

    def command(self, line: CommandLine, image: bytes | None = None) -> "Template":
        """Hold a command ready, in place of a program; its executable may be an image in memory.

        Raises:
            WorkerLost: the worker died or fell silent.
        """
        message = COMMAND + json.dumps(asdict(line)).encode()
        if image is None:
            found = self._ask(message, [])
        else:
            with memory_file(image, is_sealed=True) as fd:
                found = self._ask(message, [fd])
        if isinstance(found, Template):
            return found
        raise WorkerLost(f"a worker did not take a command: {line.arguments[0]}")

    def _ask(self, message: bytes, fds: list[int]) -> "Template | bytes":
        """Ask for a template; return what it says when it is not one."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                socket.send_fds(self._socket, [message], [theirs.fileno(), *fds])
            ours.settimeout(COMPILE_WALL_SECONDS)
            reply = ours.recv(8192)
        except OSError as error:
            ours.close()
            raise WorkerLost(f"a worker did not compile: {error}") from error
        if reply == b"K":
            return Template(ours)
        ours.close()
        return reply

    def single(self, source: bytes, *, optimize: int = 0) -> "Single":
        """Return a program that is compiled anew by each run, in the process that runs it."""
        return Single(self._socket, source, optimize)

    @contextlib.contextmanager
    def lend_examiner(self) -> Generator["Template"]:
        """Hold the process that test code is run from; one that failed is not used again.

        Raises:
            WorkerLost: the worker makes none.
        """
        examiner, self._examiner = self._examiner or self.template(b""), None
        if isinstance(examiner, CompileFailure):
            raise WorkerLost("a worker compiles nothing any more")
        try:
            yield examiner
        except BaseException:
            examiner.close()
            raise
        self._examiner = examiner

    def close(self) -> None:
        """Hang up, which ends it; kill it when it does not end."""
        if self._examiner is not None:
            self._examiner.close()
        self._socket.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End it at once, with all that it started; `close` gives back what it holds."""
        kill_family(self._process)


class Template:
    """One compiled program, ready to run once per input."""

    def __init__(self, control: socket.socket) -> None:
        self._socket = control
        self.more_address_space_bytes = 0

    def close(self) -> None:
        """Hang up, which ends the template."""
        self._socket.close()

    def run(self, stdin: bytes, limits: RunLimits) -> Run:
        """Run the program on an input.

        Raises:
            WorkerLost: no reply came, or the child was never fully locked in.
            NotCompiled: the run was to compile the program, which is not well-formed.
        """
        with self.running(stdin, limits) as ended:
            return ended()

    @contextlib.contextmanager
    def running(
        self, stdin: bytes, limits: RunLimits, *, flags: int = 0, more_fds: Sequence[int] = ()
    ) -> Generator[Callable[[], Run]]:
        """Start a run, which also gets the descriptors given; the function waits for its end.

        Raises:
            WorkerLost: no reply came, or the child was never fully locked in.
            NotCompiled: the run was to compile the program, which is not well-formed.
        """
        flags |= 0 if limits.has_site else FLAG_NO_SITE
        request = REQUEST.pack(
            limits.cpu_ms,
            limits.wall_ms,
            limits.stall_ms or limits.wall_ms,
            flags,
            limits.address_space_bytes + self.more_address_space_bytes,
            limits.data_bytes,
            limits.stack_bytes,
            limits.output_bytes,
        )
        with (
            memory_file(stdin, is_sealed=True) as source,
            memory_file() as out,
            memory_file() as err,
        ):
            try:
                self._socket.settimeout(limits.wall_ms / 1000 + GRACE_SECONDS)
                self._send(request, [source, out, err, *more_fds])
            except OSError as error:
                raise WorkerLost(f"a template fell silent: {error}") from error
            has_answered = False

            def finish() -> Run:
                nonlocal has_answered
                reply = self._receive()
                has_answered = True
                return read_run(reply, out, err, limits.output_bytes)

            try:
                yield finish
            finally:
                if not has_answered:
                    self._abandon()

    def _send(self, request: bytes, fds: Sequence[int]) -> None:
        socket.send_fds(self._socket, [request], fds)

    def _receive(self) -> bytes:
        try:
            reply = self._socket.recv(256)
        except OSError as error:
            raise WorkerLost(f"a template fell silent: {error}") from error
        if len(reply) != REPLY.size:
            raise WorkerLost("a template hung up in the middle of a run")
        return reply

    def _abandon(self) -> None:
        """Give up a run whose reply nobody waits for."""


class Single(Template):
    """A program for a single run: compiled by the process that runs it, which saves a process."""

    def __init__(self, zygote: socket.socket, source: bytes, optimize: int) -> None:
        super().__init__(zygote)
        self._source = source
        limits = COMPILE_CPU_SECONDS, COMPILE_MEMORY_BYTES
        self._head = ONCE + COMPILE.pack(optimize, *limits, len(source))

    def close(self) -> None:
        """Leave the worker as it is."""

    def _send(self, request: bytes, fds: Sequence[int]) -> None:
        with memory_file(self._source) as code:
            socket.send_fds(self._socket, [self._head + request], [code, *fds])

    def _abandon(self) -> None:
        # the reply would answer the worker's next question: end the worker
        self._socket.shutdown(socket.SHUT_RDWR)


def read_run(reply: bytes, out: int, err: int, max_bytes: int) -> Run:
    """Put the kernel's word and the streams together.

    Raises:
        WorkerLost: the child was never fully locked in, so the program did not run.
    """
    ended, readiness, status, cpu_us, rss_kb, wall_us = REPLY.unpack(reply)
    if readiness != READY:
        why = os.pread(err, STDERR_BYTES, 0).decode("utf-8", "replace")
        if readiness == UNCOMPILED:
            raise NotCompiled(why)
        raise Unready(f"a child could not be locked in: {why}")
    stdout_bytes, stderr_bytes = os.fstat(out).st_size, os.fstat(err).st_size
    head = tail = os.pread(err, STDERR_BYTES, 0) if stderr_bytes else b""
    if stderr_bytes > STDERR_BYTES:
        tail = os.pread(err, STDERR_BYTES, stderr_bytes - STDERR_BYTES)
    return Run(
        ended=Ended(ended),
        exit_code=os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        cpu_ms=cpu_us / 1000,
        wall_ms=wall_us / 1000,
        rss_kb=rss_kb,
        stdout=os.pread(out, min(stdout_bytes, max_bytes), 0),
        stdout_bytes=stdout_bytes,
        stderr_bytes=stderr_bytes,
        stderr_tail=tail,
        stderr_head=head,
    )
