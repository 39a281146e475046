"""The host's end of a worker: start it, give it programs, run them on inputs, read what came out.

Knows: descriptors, the wire to the worker, starting and ending it.
Does not know: expected outputs, verdicts, tiers beyond what a launch says.
"""

import contextlib
import fcntl
import json
import os
import socket
import subprocess
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.filters import FilterName
from mapcoder_lite.judge.inside.wire import (
    COMMAND,
    COMPILE,
    FLAG_LAST,
    FLAG_NO_SITE,
    LAST,
    PYTHON,
    READY,
    REPLY,
    REQUEST,
    WATCH,
)
from mapcoder_lite.judge.sandbox import ENVIRONMENT, Launch, identity, worker_texts
from mapcoder_lite.verdict import Isolation

START_SECONDS = 30.0
COMPILE_CPU_SECONDS = 10
COMPILE_WALL_SECONDS = 45.0
COMPILE_MEMORY_BYTES = 1 << 30
SMALL_SOURCE_BYTES = 1 << 14
"""What compiles in so little memory that it does not count in a run of the same process."""
GRACE_SECONDS = 15.0
"""How much later than its deadline a reply may come on a busy machine."""
STDERR_BYTES = 8192


class WorkerLost(SandboxError):
    """A worker died or fell silent; another one may do. Never leaves this room."""


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
            found.may_end = len(source) <= SMALL_SOURCE_BYTES
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
        if reply[:1] == b"K":
            _, pid, spent_us = READY.unpack(reply)
            return Template(ours, self._socket, pid, spent_us)
        ours.close()
        return reply

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


class Template:
    """One compiled program, ready to run once per input."""

    def __init__(
        self, control: socket.socket, zygote: socket.socket, pid: int, spent_us: int
    ) -> None:
        self._socket = control
        self._zygote = zygote
        self._pid = pid
        self._spent_us = spent_us
        self._has_answered = False
        self.more_address_space_bytes = 0
        self.may_end = False
        """Whether the process itself may run the last test."""
        self.is_last = False
        """Whether the next run is the last one, after which only `close` is left."""

    def close(self) -> None:
        """Hang up, which ends the template."""
        self._socket.close()

    def run(self, stdin: bytes, limits: RunLimits) -> Run:
        """Run the program on an input.

        Raises:
            WorkerLost: no reply came, or the child was never fully locked in.
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
        """
        flags |= 0 if limits.has_site else FLAG_NO_SITE
        ends = self.is_last and self.may_end
        flags |= FLAG_LAST if ends else 0
        message = REQUEST.pack(
            limits.cpu_ms,
            limits.wall_ms,
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
                if ends:
                    times = limits.cpu_ms, limits.wall_ms
                    self._zygote.send(LAST + WATCH.pack(self._pid, self._spent_us, *times))
                replier = self._zygote if ends else self._socket
                self._has_answered = False
                replier.settimeout(limits.wall_ms / 1000 + GRACE_SECONDS)
                socket.send_fds(self._socket, [message], [source, out, err, *more_fds])
            except OSError as error:
                raise WorkerLost(f"a template fell silent: {error}") from error
            try:
                yield lambda: self._finish(replier, out, err, limits.output_bytes)
            finally:
                if ends and not self._has_answered:
                    # the reply would answer the worker's next question: end the worker
                    self._zygote.shutdown(socket.SHUT_RDWR)

    def _finish(self, replier: socket.socket, out: int, err: int, max_bytes: int) -> Run:
        try:
            reply = replier.recv(256)
        except OSError as error:
            raise WorkerLost(f"a template fell silent: {error}") from error
        self._has_answered = True
        if len(reply) != REPLY.size:
            raise WorkerLost("a template hung up in the middle of a run")
        return read_run(reply, out, err, max_bytes)


def trusted_isolation(
    launch: Launch, landlock_abi: int, uid: int, canary: dict[str, str]
) -> Isolation:
    """Return how a worker is kept in, if it truly is.

    Raises:
        SandboxError: it runs as root, lacks Landlock in tier 2, or its canary escaped.
    """
    if launch.tier == "none":
        return Isolation(tier="none")
    if uid == 0:
        raise SandboxError("a worker runs as root; refused")
    if launch.tier == "landlock" and landlock_abi < 1:
        name = os.strerror(-landlock_abi)
        raise SandboxError(f"Landlock: {name} (errno {-landlock_abi}); it needs Linux >= 5.13")
    found = " ".join(f"{attempt}={met}" for attempt, met in canary.items())
    if not canary or any(met.startswith("OPEN") for met in canary.values()):
        raise SandboxError(f"the escape canary got out: {found or 'no report'}; refused")
    return Isolation(
        tier=launch.tier,
        landlock_abi=max(landlock_abi, 0),
        filter_sha256=launch.filter_sha256,
        canary=found,
    )


def read_run(reply: bytes, out: int, err: int, max_bytes: int) -> Run:
    """Put the kernel's word and the streams together.

    Raises:
        WorkerLost: the child was never fully locked in, so the program did not run.
    """
    _, ended, is_ready, status, cpu_us, rss_kb, wall_us = REPLY.unpack(reply)
    if not is_ready:
        why = os.pread(err, 200, 0).decode("utf-8", "replace")
        raise WorkerLost(f"a child could not be locked in: {why}")
    stdout_bytes, stderr_bytes = os.fstat(out).st_size, os.fstat(err).st_size
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
        stderr_tail=os.pread(err, STDERR_BYTES, max(0, stderr_bytes - STDERR_BYTES)),
    )


@contextlib.contextmanager
def channel() -> Generator[tuple[socket.socket, socket.socket]]:
    """Hold the two ends of a channel of lines."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        yield ours, theirs


@contextlib.contextmanager
def memory_file(content: bytes = b"", *, is_sealed: bool = False) -> Generator[int]:
    """Hold a file in memory, at its start; sealed, nobody can change it any more."""
    fd = os.memfd_create("judge", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(content)
        while view:
            view = view[os.pwrite(fd, view, len(content) - len(view)) :]
        if is_sealed:
            size = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL | size)
        yield fd
    finally:
        os.close(fd)
