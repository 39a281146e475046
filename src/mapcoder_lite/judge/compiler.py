"""Compile programs in the sandbox, once: what was compiled before comes from a cache by content.

Knows: compilers' commands, their limits, the cache, precompiled headers.
Does not know: tests, verdicts, how a compiled program is run.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import tempfile
import threading
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.box import (
    command_line,
    folder_of,
    held,
    read_left,
    resolved,
    settings_of,
)
from mapcoder_lite.judge.languages import Toolchain
from mapcoder_lite.judge.names import names_of
from mapcoder_lite.judge.pool import Pool, Slot
from mapcoder_lite.judge.sandbox import Box, home_folder
from mapcoder_lite.judge.zygote import CompileFailure, Ended, Run, RunLimits
from mapcoder_lite.problem import Language

LIMITS = RunLimits(
    cpu_ms=30_000,
    wall_ms=90_000,
    address_space_bytes=0,
    data_bytes=2 << 30,
    output_bytes=256 << 20,
)
MAX_ARTEFACT_BYTES = 256 << 20
MAX_CACHE_BYTES = 2 << 30
"""Beyond it, what was used longest ago goes."""
MAX_LOG_CHARACTERS = 4000
COMPILER_ENDED = "the compiler was ended: it took too much time or memory, or crashed"
HEADER = "bits/stdc++.h"
"""Precompiled, it halves the time of the programs that include it."""
HEADER_SOURCE = "header.h"


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a compiler made of a program."""

    artefact: bytes
    is_cached: bool


def default_cache() -> Path | None:
    """Return this user's folder for what compilers make; None for a user without a home."""
    home = home_folder()
    return home / ".cache" / "mapcoder-lite" / "judge" if home else None


def is_usable(folder: Path) -> bool:
    """Whether files can be kept in a folder, which is made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


class Compiler:
    """Compiles programs of all languages that need it; safe to call from many threads."""

    def __init__(self, pool: Pool, cache: Path | None) -> None:
        """Keep artefacts in a folder; without a usable one, in one of our own until `close`."""
        self._pool = pool
        self._kept = contextlib.ExitStack()
        if cache is None or not is_usable(cache):
            cache = self._kept.enter_context(folder_of({}, None))
        self._cache = cache
        self._lock = threading.Lock()
        self.sound: set[Language] = set()
        """Languages whose compiler is known to compile an honest program."""
        self._shown: Path | None = None
        self._prune()

    def compile(
        self, slot: Slot, toolchain: Toolchain, program: str, *, is_published: bool
    ) -> Compiled | CompileFailure:
        """Return the artefact of a program, from the cache if it is there.

        Raises:
            WorkerLost: the worker died.
            SandboxError: no worker starts, or the compiler does not compile anything.
        """
        command = (is_published and toolchain.published_compiler) or toolchain.compiler
        headers = self._headers(slot, toolchain, command, program)
        key = key_of(toolchain, command, program)
        if (found := self._read(key)) is not None:
            return Compiled(found, is_cached=True)
        made = self._run(slot, toolchain, command, program, headers)
        if isinstance(made, CompileFailure):
            self._examine(slot, toolchain)
            return made
        self.sound.add(toolchain.language)
        self._write(key, made)
        return Compiled(made, is_cached=False)

    def _run(
        self,
        slot: Slot,
        toolchain: Toolchain,
        command: tuple[str, ...],
        program: str,
        headers: Path | None = None,
    ) -> bytes | CompileFailure:
        names = names_of(toolchain, program)
        readable = [*settings_of(toolchain), *([str(headers)] if headers else [])]
        if headers:
            command = (command[0], "-I", str(headers), *command[1:])
        source = program.encode("utf-8", "surrogatepass")
        files, user = {names.source: source}, self._pool.launch.user
        with folder_of(files, user, is_writable=True) as folder:
            box = Box(folder, readable=tuple(readable), is_for_compiler=True)
            with held(self._pool.boxed(slot, box)) as worker:
                line = command_line(
                    toolchain,
                    command,
                    worker.folder,
                    names=names,
                    memory_bytes=LIMITS.data_bytes,
                    is_compiler=True,
                )
                template = worker.command(line)
                with contextlib.closing(template):
                    run = template.run(b"", LIMITS)
            return self._left(toolchain, folder, run)

    def _left(self, toolchain: Toolchain, folder: Path, run: Run) -> bytes | CompileFailure:
        if run.ended is not Ended.BY_ITSELF or run.signal is not None:
            return CompileFailure(COMPILER_ENDED)
        if run.exit_code != 0:
            return CompileFailure(log_of(run) or f"the compiler ended with {run.exit_code}")
        if toolchain.language is Language.JAVA:
            return archive_of(folder)
        left = read_left(folder, toolchain.artefact, MAX_ARTEFACT_BYTES)
        if left is None:
            return CompileFailure(f"the compiler left no {toolchain.artefact}; {log_of(run)}")
        return left

    def _examine(self, slot: Slot, toolchain: Toolchain) -> None:
        """Make sure that a failure is the program's.

        Raises:
            SandboxError: an honest program does not compile either.
        """
        if toolchain.language in self.sound:
            return
        honest = self._run(slot, toolchain, toolchain.compiler, toolchain.honest)
        if isinstance(honest, CompileFailure):
            raise compiles_nothing(toolchain, honest)
        self.sound.add(toolchain.language)

    def _headers(
        self, slot: Slot, toolchain: Toolchain, command: tuple[str, ...], program: str
    ) -> Path | None:
        """Return a folder with the precompiled header, where a program can use it."""
        if toolchain.language is not Language.CPP or HEADER not in program:
            return None
        if command != toolchain.compiler:  # other includes come first, so it could not be used
            return None
        with self._lock:
            if self._shown is None and (made := self._made_header(slot, toolchain)):
                self._shown = self._show(made)
            return self._shown

    def _made_header(self, slot: Slot, toolchain: Toolchain) -> Path | None:
        """Return the precompiled header in the cache; None if it does not compile."""
        flags = [part for part in toolchain.compiler[1:] if part not in ("-o", "main", "main.cpp")]
        making = (toolchain.compiler[0], *flags, "-x", "c++-header", "-o", "main", HEADER_SOURCE)
        path = self._cache / key_of(toolchain, making, HEADER)
        if not path.exists():
            for_header = replace(toolchain, source=HEADER_SOURCE)
            made = self._run(slot, for_header, making, f"#include <{HEADER}>\n")
            if isinstance(made, CompileFailure):
                return None
            self._write(path.name, made)
        return path

    def _show(self, made: Path) -> Path:
        """Put the precompiled header where the sandbox's user can read it, and nobody write."""
        folder = self._kept.enter_context(folder_of({}, self._pool.launch.user))
        target = folder / f"{HEADER}.gch"
        target.parent.mkdir(mode=0o755)
        try:
            target.hardlink_to(made)
        except OSError:  # the cache is on another disk
            shutil.copyfile(made, target)
        return folder

    def close(self) -> None:
        """Remove what was shown to workers, and a cache of our own."""
        self._kept.close()

    def _prune(self) -> None:
        """Remove what was used longest ago, down to the limit."""
        files = [(path, path.stat()) for path in self._cache.iterdir() if path.is_file()]
        files.sort(key=lambda entry: entry[1].st_mtime)
        excess = sum(status.st_size for _, status in files) - MAX_CACHE_BYTES
        for path, status in files:
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= status.st_size

    def _read(self, key: str) -> bytes | None:
        path = self._cache / key
        try:
            content = path.read_bytes()
            os.utime(path)
        except FileNotFoundError:
            return None
        return content

    def _write(self, key: str, content: bytes) -> None:
        try:
            replace_file(self._cache / key, content)
        except OSError as error:
            raise SandboxError(
                f"cannot keep what a compiler made: {error}; make room in {self._cache}"
            ) from error


def compiles_nothing(toolchain: Toolchain, honest: CompileFailure) -> SandboxError:
    """Return the fault of a toolchain that refuses an honest program."""
    packages = " ".join(toolchain.packages)
    return SandboxError(
        f"{toolchain.language.value}: its toolchain compiles nothing here: {honest.log}; "
        f"install {packages}"
    )


def key_of(toolchain: Toolchain, command: tuple[str, ...], program: str) -> str:
    """Return the digest of all that an artefact depends on; a new compiler is another one."""
    tools = [(path := resolved(tool), *file_identity(path)) for tool in toolchain.tools]
    parts = json.dumps([toolchain.language.value, command, tools, program])
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()


def file_identity(path: str) -> tuple[int, int]:
    """Return size in bytes and time of change in nanoseconds."""
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns


def archive_of(folder: Path) -> bytes:
    """Put all class files into one archive, always the same for the same files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(folder.rglob("*.class")):
            name = str(path.relative_to(folder))
            text = read_left(folder, name, MAX_ARTEFACT_BYTES)
            if text is not None:
                archive.writestr(zipfile.ZipInfo(name), text)
    return content.getvalue()


def log_of(run: Run) -> str:
    """Return what a compiler said."""
    said = run.stdout + run.stderr_tail
    return said.decode("utf-8", "replace").strip()[:MAX_LOG_CHARACTERS]


def replace_file(path: Path, content: bytes) -> None:
    """Write a file at once; others see all of it or nothing."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    made = Path(name)
    made.chmod(0o644)
    made.replace(path)
