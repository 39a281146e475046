"""Where a worker is locked in: bubblewrap or Landlock alone, under which user and interpreter.

Knows: the command line that starts a worker, the tiers, the user that root becomes.
Does not know: programs, tests, verdicts.
Not covered: a fault of the kernel is an escape. In tier 2 a program can see that a path exists.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Literal, TypedDict

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.filters import FilterName, Filters, load_filters

Tier = Literal["bubblewrap", "landlock", "none"]

NOBODY = 65534
FIRST_USER = 1_000_000_000
"""Users from here on have no account: one for each slot of each process that judges."""
SLOTS_PER_PROCESS = 64
OLDEST_PYTHON = (3, 9)
STACK_KILOBYTES = 256 << 10
"""Soft stack limit of every program, for deep recursion."""

SYSTEM_FOLDERS = ("/usr", "/lib", "/lib32", "/lib64")
LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
"""What the kernel executes first in a dynamic executable."""
PRELOADED = (
    "collections heapq bisect math itertools functools re string random typing operator copy "
    "fractions decimal statistics datetime queue dataclasses enum array cmath threading traceback "
    "atexit json time abc contextlib"
)
"""What contest programs import: 2.6 ms a run when cold, 0.1 ms when already there."""

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LD_BIND_NOW": "1",  # else each run looks up and writes down the same symbols
    "PYTHONHASHSEED": "0",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

INSIDE = (
    *("wire", "kernel", "program", "watch", "command", "values", "calls", "examine", "template"),
    "worker",
)
BOOT = """\
import json, os, sys, types
# no module may add work to every fork: `random` would reseed, `threading` look around, 0.8 ms a run
os.register_at_fork = lambda **hooks: None
control, texts = map(int, sys.argv[1:])
modules = json.loads(os.pread(texts, 1 << 20, 0))
os.close(texts)
if control != 3:
    os.dup2(control, 3)
    os.close(control)
for name, text in modules:
    full = "mapcoder_lite.judge.inside." + name
    sys.modules[full] = module = types.ModuleType(full)
    module.__name__ = "__worker__" if name == "worker" else full
    exec(compile(text, name + ".py", "exec"), module.__dict__)
"""
"""Runs inside: takes the worker's source from a descriptor, so that no file of ours is readable."""

RAISE_STACK = (
    f'ulimit -S -s {STACK_KILOBYTES} 2>/dev/null || ulimit -S -s "$(ulimit -H -s)" 2>/dev/null; '
    'exec "$@"'
)
"""The stack limit counts at exec; the host's own stays as it is."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that the dropped user can start."""

    path: str
    prefix: str
    version: tuple[int, int]

    @property
    def flags(self) -> tuple[str, ...]:
        """No site, no bytecode, no user site, no script folder in the path."""
        return ("-S", "-B", "-s", "-P") if self.version >= (3, 11) else ("-S", "-B", "-s")


@dataclass(frozen=True, slots=True)
class Box:
    """A folder of its own, for a worker that compiles one program or runs it from files."""

    folder: Path
    executables: tuple[str, ...] = ()
    """What may be executed in it; a compiler may execute all that the system has.

    A name that is not absolute lies in the folder.
    """
    readable: tuple[str, ...] = ()
    """Settings of a toolchain outside the system folders."""
    writable: str = ""
    """The name of a folder in it that programs may write in."""
    is_for_compiler: bool = False
    """Whether its worker may write there and start processes."""


@dataclass(frozen=True, slots=True)
class Launch:
    """All that starting a worker takes."""

    tier: Tier
    interpreter: Interpreter
    user: int | None
    """The user to become first; None when not root."""
    filters: Filters
    max_processes: int
    box: Box | None = None
    packages: str = ""
    """The folder of packages from which its worker imports numpy before all else."""

    def of_slot(self, number: int) -> "Launch":
        """Return the launch of a slot: its programs count against no other slot's limits."""
        if self.user is None or self.user == NOBODY:
            return self
        return replace(self, user=self.user + number % SLOTS_PER_PROCESS)

    @property
    def filter_sha256(self) -> str:
        """Hex digest of the filters; empty where there are none."""
        return "" if self.tier == "none" else self.filters.sha256

    @property
    def folder(self) -> str:
        """Where a worker finds its own folder."""
        if self.box is None or self.tier == "bubblewrap":
            return "/box"
        return str(self.box.folder)

    def command(self, control_fd: int, texts_fd: int) -> list[str]:
        """Return the command line of a worker that holds the two descriptors."""
        python = [self.interpreter.path, *self.interpreter.flags, "-c", BOOT]
        inner = [*python, str(control_fd), str(texts_fd)]
        if self.tier == "bubblewrap":
            arguments = bubblewrap_arguments(self.interpreter, self.box, self._package_folders())
            inner = [*arguments, "--", *inner]
        return ["/bin/sh", "-c", RAISE_STACK, "sh", *inner]

    def configuration(self, core: int | None) -> bytes:
        """Return the first message to a worker."""
        is_locked, is_compiler = self.tier != "none", self.is_for_compiler
        attempts = ["read", "write", "connect", "kill", *([] if is_compiler else ["fork"])]
        fields = {
            "core": core,
            "filters": self._filters_inside(),
            "has_landlock": is_locked,
            "canary": attempts if is_locked else [],
            "canary_filter": self._filter_names()[0],
            "paths": self._paths(),
            "restricts_children": self.box is not None,
            "preload": [] if self.box else self._preloaded(),
            "packages": self.packages,
            "max_processes": self.max_processes,
            "max_files": 1024 if is_compiler else 64,
        }
        return json.dumps(fields).encode()

    def _preloaded(self) -> list[str]:
        return [*PRELOADED.split(), *(["numpy"] if self.packages else [])]

    def _package_folders(self) -> list[str]:
        """List what numpy needs beyond the system folders; its neighbours stay hidden."""
        if not self.packages:
            return []
        if Path(self.packages).is_relative_to("/usr"):
            return ["/etc/alternatives"]  # links that choose a library of linear algebra
        return [str(path) for path in sorted(Path(self.packages).glob("numpy*")) if path.is_dir()]

    @property
    def is_for_compiler(self) -> bool:
        """Whether its worker compiles."""
        return self.box is not None and self.box.is_for_compiler

    def _filter_names(self) -> tuple[FilterName, ...]:
        if self.is_for_compiler:
            return ("compile",)
        return ("exec",) if self.box else ("strict", "exec")

    def _filters_inside(self) -> dict[str, str]:
        if self.tier == "none":
            return {}
        names = self._filter_names()
        return {name: base64.b64encode(self.filters.named(name)).decode() for name in names}

    def _paths(self) -> dict[str, list[str]]:
        """List what Landlock lets a worker read, execute, write."""
        readable = [*readable_folders(self.interpreter), *self._package_folders(), "/dev/urandom"]
        if self.box is None:
            return {"readable": readable, "executable": [], "writable": ["/dev/null"]}
        readable += [*self.box.readable, self.folder]
        inside, box = Path(self.folder), self.box
        executable = SYSTEM_FOLDERS if box.is_for_compiler else (*box.executables, *LOADERS)
        executable = [str(inside / path) for path in executable]
        writable = ["/dev/null"]
        if box.is_for_compiler or box.writable:
            writable.append(str(inside / box.writable))
        return {"readable": readable, "executable": executable, "writable": writable}


def plan_launch(tier: Tier, interpreter: str | None, num_workers: int) -> Launch:
    """Work out how to start workers of a tier here.

    Raises:
        SandboxError: something that the tier needs is missing.
    """
    if not sys.platform.startswith("linux"):
        raise SandboxError(f"{sys.platform} cannot isolate programs; run in a Linux container")
    if tier == "bubblewrap" and shutil.which("bwrap") is None:
        raise SandboxError("bwrap is not installed; install bubblewrap")
    user = user_to_become()
    return Launch(
        tier=tier,
        interpreter=choose_interpreter(interpreter, user),
        user=user,
        filters=load_filters(),
        # the kernel counts all tasks of the user, ours or not
        max_processes=count_tasks(os.getuid() if user is None else user) + 256 * num_workers,
    )


def user_to_become() -> int | None:
    """Return the user that root drops to; None for an ordinary user.

    The first of this process's own, so that no other judge's programs count against its limits;
    where the kernel maps no such user, as in some containers, nobody.
    """
    if os.geteuid() != 0:
        return None
    own = FIRST_USER + os.getpid() * SLOTS_PER_PROCESS
    last = own + SLOTS_PER_PROCESS - 1
    return own if all(map(partial(is_mapped, last), ("uid_map", "gid_map"))) else NOBODY


def is_mapped(number: int, name: str) -> bool:
    """Whether a user or group number exists in this user namespace."""
    lines = Path(f"/proc/self/{name}").read_text(encoding="ascii").splitlines()
    ranges = [(int(line.split()[0]), int(line.split()[2])) for line in lines]
    return any(first <= number < first + length for first, length in ranges)


@cache
def choose_interpreter(wanted: str | None, user: int | None) -> Interpreter:
    """Return the first Python that the user can start: the running one's base, then the system's.

    Raises:
        SandboxError: none can; names each that was tried and why not.
    """
    tried: list[str] = []
    for path in [wanted] if wanted else interpreter_candidates():
        found = try_interpreter(path, user)
        if isinstance(found, Interpreter):
            return found
        tried.append(f"{path}: {found}")
    oldest = ".".join(map(str, OLDEST_PYTHON))
    who = f"user {user}" if user is not None else "you"
    raise SandboxError(
        f"no Python that {who} can start ({'; '.join(tried) or 'none found'}); "
        f"install python3 >= {oldest} under /usr, or make the running one readable"
    )


def interpreter_candidates() -> list[str]:
    """List interpreters, the running one's base first, then the system's, newest first."""
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    versions = [f"python3.{minor}" for minor in range(20, OLDEST_PYTHON[1] - 1, -1)]
    folders = ("/usr/bin", "/usr/local/bin")
    system = [f"{folder}/{name}" for folder in folders for name in ("python3", *versions)]
    return [str(base), *(path for path in system if Path(path).exists())]


def try_interpreter(path: str, user: int | None) -> Interpreter | str:
    """Start a Python as the user; return why not when it fails."""
    code = "import sys, ctypes; print(*sys.version_info[:2]); print(sys.base_prefix)"
    try:
        done = subprocess.run(
            [path, "-S", "-B", "-s", "-c", code],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
            cwd="/",
            env=ENVIRONMENT,
            **identity(user),
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    version_line, prefix = done.stdout.splitlines()
    major, minor = map(int, version_line.split())
    if (major, minor) < OLDEST_PYTHON:
        return f"is only {major}.{minor}"
    if Path(prefix) in (Path("/"), home_folder()):
        return f"its prefix {prefix} is too wide to be shown to programs"
    return Interpreter(path, prefix, (major, minor))


def home_folder() -> Path | None:
    """Return the caller's home; None for a user without an account, as containers have."""
    try:
        return Path.home()
    except RuntimeError:
        return None


class Identity(TypedDict, total=False):
    """The arguments of Popen that drop root."""

    user: int
    group: int
    extra_groups: list[int]


def identity(user: int | None) -> Identity:
    """Return the identity to start as; empty for an ordinary user."""
    if user is None:
        return {}
    return {"user": user, "group": user, "extra_groups": []}


def readable_folders(interpreter: Interpreter) -> list[str]:
    """List the folders that programs may read."""
    prefix = Path(interpreter.prefix)
    own = [] if prefix.is_relative_to("/usr") else [str(prefix)]
    return [*SYSTEM_FOLDERS, *own]


def bubblewrap_arguments(
    interpreter: Interpreter, box: Box | None = None, packages: Sequence[str] = ()
) -> Sequence[str]:
    """Return bwrap and its arguments: all namespaces new, only system folders, nothing writable.

    A box is bound at /box; only a compiler may write there. Where no /proc can be mounted, as in
    most containers, bwrap does not start.
    """
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
    command += ["--cap-drop", "ALL", "--hostname", "box"]
    for name in (*readable_folders(interpreter), "/bin"):
        folder = Path(name)
        if folder.is_symlink():
            command += ["--symlink", str(folder.readlink()), name]
        elif folder.is_dir():
            command += ["--ro-bind", name, name]
    for path in packages:
        command += ["--ro-bind-try", path, path]
    for device in ("/dev/null", "/dev/urandom"):
        command += ["--dev-bind", device, device]
    # of the new process namespace; Landlock refuses to read it, but /dev/stdin leads through it
    command += ["--proc", "/proc", "--symlink", "/proc/self/fd", "/dev/fd"]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        command += ["--symlink", f"/proc/self/fd/{number}", f"/dev/{name}"]
    command += ["--dir", "/box"]
    if box is not None:
        for path in box.readable:
            command += ["--ro-bind", path, path]
        command += ["--bind" if box.is_for_compiler else "--ro-bind", str(box.folder), "/box"]
        if box.writable:
            command += ["--bind", str(box.folder / box.writable), f"/box/{box.writable}"]
    return [*command, "--chdir", "/box", "--remount-ro", "/"]


def count_tasks(user: int) -> int:
    """Count the threads of a user, as RLIMIT_NPROC does."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == user:
                total += sum(1 for _ in (process / "task").iterdir())
        except OSError:  # ended meanwhile
            continue
    return total


def worker_texts() -> bytes:
    """Return the source of the code inside, as BOOT reads it."""
    folder = Path(__file__).parent / "inside"
    texts = [(name, (folder / f"{name}.py").read_text(encoding="utf-8")) for name in INSIDE]
    return json.dumps(texts).encode()
