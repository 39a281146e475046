"""Folders that one worker of its own sees: made, filled, given to the sandbox's user, removed.

Knows: temporary folders, ownership, workers started for one program.
Does not know: compilers, tests, verdicts.
"""

import contextlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.languages import TOOL_PATH, Toolchain, find_tool
from mapcoder_lite.judge.names import Names
from mapcoder_lite.judge.sandbox import Box
from mapcoder_lite.judge.zygote import CommandLine, Worker

MEBIBYTE = 1 << 20
PREFIX = "mapcoder-box-"
LEFT_AFTER_SECONDS = 3600.0


@contextlib.contextmanager
def folder_of(
    files: Mapping[str, bytes], user: int | None, *, is_writable: bool = False
) -> Generator[Path]:
    """Hold a temporary folder with these files, for the sandbox's user alone to read, or write.

    No user means that workers run as this process's own.

    Raises:
        SandboxError: there is no room for them.
    """
    with contextlib.ExitStack() as kept:
        try:
            folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=scratch_of(user)))
            kept.callback(shutil.rmtree, folder)
            fill(folder, files)
            if user is not None:
                os.chown(folder, user if is_writable else -1, user)
                folder.chmod(0o750)
        except OSError as error:
            raise SandboxError(f"cannot write what a sandbox needs: {error}") from error
        yield folder


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files that everybody who may enter the folder may read and execute."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o755)


def scratch_of(user: int | None) -> Path:
    """Return where temporary folders go: the usual place, if another user can reach it."""
    usual = Path(tempfile.gettempdir())
    if user is None or all(path.stat().st_mode & 1 for path in (usual, *usual.parents)):
        return usual
    return Path("/tmp")


def sweep_folders() -> None:
    """Remove what a judge that was killed has left, once it is an hour old."""
    oldest = time.time() - LEFT_AFTER_SECONDS
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            is_left = owner.isdecimal() and not Path("/proc", owner).exists()
            if is_left and folder.lstat().st_mtime < oldest:
                shutil.rmtree(folder)


def box_of(
    toolchain: Toolchain, folder: Path, *, executables: Sequence[str] = (), writable: str = ""
) -> Box:
    """Return a box in which a toolchain's programs, or some executables, can run."""
    commands = (toolchain.checker[:1], toolchain.runner[:1], executables)
    tools = {resolved(tool) for command in commands for tool in command}
    settings = settings_of(toolchain)
    return Box(folder, executables=tuple(tools), readable=settings, writable=writable)


@contextlib.contextmanager
def held(worker: Worker) -> Generator[Worker]:
    """Hold a worker, and end it."""
    try:
        yield worker
    finally:
        worker.close()


def command_line(
    toolchain: Toolchain,
    command: Sequence[str],
    folder: str,
    *,
    names: Names,
    memory_bytes: int,
    is_compiler: bool = False,
) -> CommandLine:
    """Fill in a command of the table."""

    def fill(text: str) -> str:
        text = text.replace("{source}", names.source).replace("{main_class}", names.main_class)
        text = text.replace("{memory_mb}", str(max(1, memory_bytes // MEBIBYTE)))
        return text.replace("{folder}", folder)

    environment = {"PATH": TOOL_PATH, "HOME": folder, "TMPDIR": folder}
    environment |= {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
    environment |= {name: fill(value) for name, value in toolchain.environment}
    first = os.path.join(folder, resolved(command[0]))  # noqa: PTH118 -- absolute ones stay
    arguments = (first, *map(fill, command[1:]))
    kind = "compile" if is_compiler else "exec"
    return CommandLine(arguments, environment, folder, kind, is_compiler)


def resolved(tool: str) -> str:
    """Return where a tool truly lies, for links may lead through folders that the sandbox lacks.

    What is no tool of the system stays as it is: a name in the worker's folder.
    """
    found = find_tool(tool)
    return os.path.realpath(found) if found else tool


def settings_of(toolchain: Toolchain) -> tuple[str, ...]:
    """Return the paths of a toolchain's settings that are here."""
    root = Path("/")
    found = (root.glob(pattern.lstrip("/")) for pattern in toolchain.settings)
    return tuple(str(path) for paths in found for path in sorted(paths))


def read_left(folder: Path, name: str, max_bytes: int) -> bytes | None:
    """Return a plain file that a compiler left; None when there is none, or something else.

    What a hostile program made the compiler leave is not followed.
    """
    try:
        fd = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
            return None
        return file.read(max_bytes)
