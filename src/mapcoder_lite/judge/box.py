"""Folders that one worker of its own sees: made, filled, given to the sandbox's user, removed.

Knows: temporary folders, ownership, workers started for one program.
Does not know: compilers, tests, verdicts.
"""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from mapcoder_lite.judge.languages import TOOL_PATH, Toolchain, find_tool
from mapcoder_lite.judge.names import Names
from mapcoder_lite.judge.pool import Pool, Slot
from mapcoder_lite.judge.sandbox import Box
from mapcoder_lite.judge.zygote import CommandLine, Worker

MEBIBYTE = 1 << 20


@contextlib.contextmanager
def folder_of(files: Mapping[str, bytes], owner: int | None = None) -> Generator[Path]:
    """Hold a temporary folder with these files, for everybody to read; an owner may write there."""
    folder = Path(tempfile.mkdtemp(prefix="mapcoder-box-"))
    try:
        for name, content in files.items():
            (folder / name).write_bytes(content)
            (folder / name).chmod(0o644)
        folder.chmod(0o755)
        if owner is not None:
            os.chown(folder, owner, owner)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def compiling_worker(
    pool: Pool, slot: Slot, folder: Path, readable: Sequence[str]
) -> Generator[Worker]:
    """Hold a worker that may write in a folder and start processes.

    Raises:
        SandboxError: it does not start.
    """
    box = Box(folder, readable=tuple(readable), is_for_compiler=True)
    worker = pool.boxed(slot, box)
    try:
        yield worker
    finally:
        worker.close()


@contextlib.contextmanager
def running_worker(pool: Pool, slot: Slot, toolchain: Toolchain, folder: Path) -> Generator[Worker]:
    """Hold a worker that may execute what runs a toolchain's programs, and read a folder.

    Raises:
        SandboxError: it does not start.
    """
    commands = (toolchain.checker, toolchain.runner)
    executables = tuple({resolved(command[0]) for command in commands if command})
    box = Box(folder, executables=executables, readable=settings_of(toolchain))
    worker = pool.boxed(slot, box)
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
    first = resolved(command[0]) if command[0] in toolchain.tools else command[0]
    arguments = (first, *map(fill, command[1:]))
    kind = "compile" if is_compiler else "exec"
    return CommandLine(arguments, environment, folder, kind, is_compiler)


def resolved(tool: str) -> str:
    """Return where a tool truly lies: links may lead through folders that the sandbox lacks."""
    return os.path.realpath(find_tool(tool) or tool)


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
