# nothing is imported beyond what a fork needs
"""What a process asks of the kernel to lock itself in: Landlock, seccomp, limits; and the canary.

Runs inside the sandbox: standard library only, Python >= 3.9.

Knows: system calls, rlimits, errno.
Does not know: programs, requests, the host.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import socket
import struct
from collections.abc import Callable, Sequence

MAX_FILES = 1024
"""No process inside may have more descriptors than this."""

NR_CLOSE_RANGE = 436
NR_LANDLOCK_CREATE, NR_LANDLOCK_ADD, NR_LANDLOCK_RESTRICT = 444, 445, 446
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SIGKILL = 9
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8  # Landlock rights
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14  # the rights that a file can have: truncate
OWN_FILES = ("auxv", "cmdline", "limits", "maps", "smaps", "stat", "statm", "status")
OWN_PID = struct.pack("<I", 0x7EADBEEF)  # as in filters/generate.py

libc = ctypes.CDLL(None, use_errno=True)
# no argument types, no errno: a call from a fresh fork touches 10 pages instead of 50, 0.1 ms a run
plain_prctl = ctypes.PyDLL(None).prctl


class _Fprog(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("access", ctypes.c_uint64), ("fd", ctypes.c_int32)]


class Filter:
    """A BPF program in memory, ready for prctl."""

    def __init__(self, bpf: bytes) -> None:
        self._buffer = ctypes.create_string_buffer(bpf, len(bpf))
        pointer = ctypes.cast(self._buffer, ctypes.c_void_p)
        self._program = _Fprog(len(bpf) // 8, pointer)
        self._reference = ctypes.byref(self._program)
        words = range(0, len(bpf), 4)
        self._own_pid_at = [at for at in words if bpf[at : at + 4] == OWN_PID]

    def install(self) -> None:
        """Put the calling process under the filter for good."""
        for at in self._own_pid_at:
            struct.pack_into("<I", self._buffer, at, os.getpid())
        if plain_prctl(PR_SET_SECCOMP, 2, self._reference, 0, 0):
            raise OSError("prctl PR_SET_SECCOMP")


def prctl(option: int, value: int = 0) -> None:
    """Call prctl; an error is an OSError."""
    if plain_prctl(option, value, 0, 0, 0):
        raise OSError(f"prctl {option}")


def die_with(parent: int) -> None:
    """End this process when its parent ends."""
    if plain_prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0):
        raise OSError("prctl PR_SET_PDEATHSIG")
    if os.getppid() != parent:
        os._exit(1)


def landlock_ruleset(paths: dict[str, Sequence[str]]) -> tuple[int, int]:
    """Return (descriptor, ABI) of a ruleset that allows only these paths, or (-1, -errno).

    `paths` are lists by what they may be: `readable`, `executable` (and readable), `writable`
    (and readable; a folder with all in it).
    """
    abi = libc.syscall(NR_LANDLOCK_CREATE, None, 0, 1)
    if abi < 1:
        return -1, -ctypes.get_errno()
    files = (1 << (13 if abi == 1 else 14 if abi == 2 else 15 if abi < 5 else 16)) - 1
    rights = _Ruleset(files, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = libc.syscall(NR_LANDLOCK_CREATE, ctypes.byref(rights), size, 0)
    if ruleset < 0:
        return -1, -ctypes.get_errno()
    for path in paths["readable"]:
        _allow(ruleset, path, READ_FILE | READ_DIR)
    for path in paths["executable"]:
        _allow(ruleset, path, READ_FILE | READ_DIR | EXECUTE)
    for path in paths["writable"]:
        _allow(ruleset, path, files & ~EXECUTE)
    return ruleset, abi


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not os.path.isdir(path):
        access &= OF_FILES
    rule = _PathBeneath(access, fd)
    if libc.syscall(NR_LANDLOCK_ADD, ruleset, 1, ctypes.byref(rule), 0):
        raise OSError(ctypes.get_errno(), "landlock_add_rule " + path)
    os.close(fd)


def set_constant_limits(num_processes: int, num_files: int) -> None:
    """Set the limits that are the same for every program."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (num_files, num_files))
    if libc.syscall(NR_CLOSE_RANGE, num_files, ctypes.c_uint(0xFFFFFFFF), 0):
        raise OSError(ctypes.get_errno(), "close_range")
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    if hard != resource.RLIM_INFINITY:
        num_processes = min(num_processes, hard)
    resource.setrlimit(resource.RLIMIT_NPROC, (num_processes, num_processes))


def canary(filter: Filter | None, ruleset: int, attempts: Sequence[str]) -> dict[str, str]:
    """Try to escape from a filtered child, under a ruleset unless it is -1; return what it met."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if ruleset >= 0:
                restrict(ruleset)
            if filter is not None:
                filter.install()
            os.write(writer, json.dumps(_attempt(attempts)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    report = os.read(reader, 4096)
    os.close(reader)
    os.waitpid(pid, 0)
    return json.loads(report or b'{"canary": "OPEN: no report"}')


def _attempt(names: Sequence[str]) -> dict[str, str]:
    def fork() -> None:
        if os.fork() == 0:
            os._exit(0)

    attempts: dict[str, Callable[[], object]] = {
        "read": lambda: os.open("/etc/passwd", os.O_RDONLY),
        "write": lambda: os.open("/tmp", os.O_TMPFILE | os.O_RDWR),
        "connect": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "fork": fork,
        "kill": lambda: os.kill(os.getppid(), 0),
    }
    found: dict[str, str] = {}
    for name in names:
        try:
            attempts[name]()
            found[name] = "OPEN"
        except OSError as error:
            found[name] = errno.errorcode.get(error.errno or 0, str(error.errno))
    return found


def restrict(ruleset: int) -> None:
    """Put this process and all it forks under a Landlock ruleset."""
    if libc.syscall(NR_LANDLOCK_RESTRICT, ruleset, 0):
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    os.close(ruleset)


def restrict_to_own(ruleset: int) -> None:
    """Like restrict, but with what machines read of their own process."""
    for name in OWN_FILES:
        _allow(ruleset, "/proc/self/" + name, READ_FILE)
    restrict(ruleset)


def close_from(fd: int) -> None:
    """Close a descriptor and all above it."""
    os.closerange(fd, MAX_FILES)


def trim_memory() -> None:
    """Give free pages back to the kernel, so that a fork need not copy their entries."""
    if hasattr(libc, "malloc_trim"):  # not in musl
        libc.malloc_trim(0)
