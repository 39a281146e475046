"""Compile programs in the sandbox, once: what was compiled before comes from a cache by content.

Knows: compilers' commands, their limits, the cache, precompiled headers.
Does not know: tests, verdicts, how a compiled program is run.
"""

import contextlib
import hashlib
import io
import json
import re
import shutil
import threading
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge import elf
from mapcoder_lite.judge.box import (
    command_line,
    folder_of,
    held,
    read_left,
    resolved,
    settings_of,
    sweep_folders,
)
from mapcoder_lite.judge.cache import Cache, is_usable
from mapcoder_lite.judge.languages import Toolchain
from mapcoder_lite.judge.names import names_of
from mapcoder_lite.judge.outcome import is_killed_from_outside
from mapcoder_lite.judge.pool import Pool, Slot
from mapcoder_lite.judge.sandbox import Box, home_folder
from mapcoder_lite.judge.zygote import CompileFailure, Ended, Run, RunLimits, WorkerLost
from mapcoder_lite.problem import Language

LIMITS = RunLimits(
    cpu_ms=30_000,
    wall_ms=90_000,
    address_space_bytes=0,
    data_bytes=2 << 30,
    output_bytes=256 << 20,
)
FORM = 2
"""Of what lies in the cache; another one is not read."""
MAX_ARTEFACT_BYTES = 256 << 20
MAX_LOG_CHARACTERS = 4000
KILLED = re.compile(
    r"^(?:[^\s:|]+: fatal error: Killed signal|collect2: fatal error: ld terminated with signal 9"
    r"|go build [^|]*: signal: killed|error: linking with .* signal: 9)",
    re.M,
)
"""What g++, go and rustc say when a part of them was killed. At the start of a line: further on
stands what they quote of the program."""
NO_ROOM = re.compile(r"^(?!\s*\d+ \|).*(?:[Nn]o space left on device|Disk quota exceeded)", re.M)
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


class Compiler:
    """Compiles programs of all languages that need it; safe to call from many threads."""

    def __init__(self, pool: Pool, cache: Path | None, speed_factor: float = 1.0) -> None:
        """Keep artefacts in a folder; without a usable one, in one of our own until `close`."""
        sweep_folders()
        self._pool = pool
        self._kept = contextlib.ExitStack()
        if cache is None or not is_usable(cache):
            cache = self._kept.enter_context(folder_of({}, None))
        self._cache = Cache(cache)
        self.limits = scaled(LIMITS, speed_factor)
        self._lock = threading.Lock()
        self.sound: set[Language] = set()
        """Languages whose compiler is known to compile an honest program."""
        self._shown: tuple[str, Path] | None = None
        """The precompiled header's key, and the folder where workers find it."""

    def compile(
        self, slot: Slot, toolchain: Toolchain, program: str, *, is_published: bool
    ) -> Compiled | CompileFailure:
        """Return the artefact of a program, from the cache if it is there.

        Raises:
            WorkerLost: the worker died, or something ended the compiler from outside.
            SandboxError: no worker starts, the compiler does not compile anything, or there is no
                room for what it writes.
        """
        command = (is_published and toolchain.published_compiler) or toolchain.compiler
        key = key_of(toolchain, command, program)
        if (found := self._cache.read(key)) is not None:
            return Compiled(found, is_cached=True)
        headers = self._headers(slot, toolchain, command, program)
        made = self._run(slot, toolchain, command, program, headers)
        if isinstance(made, CompileFailure) and headers:
            made = self._run(slot, toolchain, command, program)
            if not isinstance(made, CompileFailure):
                self._drop_headers()
        if isinstance(made, CompileFailure):
            self._examine(slot, toolchain)
            return made
        self.sound.add(toolchain.language)
        self._cache.write(key, made)
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
        files, user = {names.source: source}, self._pool.launch_of(slot).user
        with folder_of(files, user, is_writable=True) as folder:
            box = Box(folder, readable=tuple(readable), is_for_compiler=True)
            with held(self._pool.boxed(slot, box)) as worker:
                line = command_line(
                    toolchain,
                    command,
                    worker.folder,
                    names=names,
                    memory_bytes=self.limits.data_bytes,
                    is_compiler=True,
                )
                template = worker.command(line)
                with contextlib.closing(template):
                    run = template.run(b"", self.limits)
            return self._left(toolchain, folder, run, log_of(run, worker.folder))

    def _left(
        self, toolchain: Toolchain, folder: Path, run: Run, log: str
    ) -> bytes | CompileFailure:
        refuse_disturbed(run, log)
        if run.ended is not Ended.BY_ITSELF or run.signal is not None:
            return CompileFailure(COMPILER_ENDED)
        if run.exit_code != 0:
            return CompileFailure(log or f"the compiler ended with {run.exit_code}")
        if toolchain.language is Language.JAVA:
            return archive_of(folder)
        left = read_left(folder, toolchain.artefact, MAX_ARTEFACT_BYTES)
        if left is None:
            return CompileFailure(f"the compiler left no {toolchain.artefact}; {log}")
        is_header = toolchain.source == HEADER_SOURCE
        if not toolchain.runner and not is_header and elf.memory_of(left) is None:
            return CompileFailure(f"the compiler left no program that can be started; {log}")
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
            if self._shown is None and (key := self._made_header(slot, toolchain)):
                self._shown = key, self._show(self._cache.path(key))
            return self._shown[1] if self._shown else None

    def _made_header(self, slot: Slot, toolchain: Toolchain) -> str | None:
        """Return the key of the precompiled header; None if it does not compile."""
        flags = [part for part in toolchain.compiler[1:] if part not in ("-o", "main", "main.cpp")]
        making = (toolchain.compiler[0], *flags, "-x", "c++-header", "-o", "main", HEADER_SOURCE)
        key = key_of(toolchain, making, HEADER)
        if not self._cache.path(key).exists():
            for_header = replace(toolchain, source=HEADER_SOURCE)
            made = self._run(slot, for_header, making, f"#include <{HEADER}>\n")
            if isinstance(made, CompileFailure):
                return None
            self._cache.write_plain(key, made)
        self._cache.touch(key)
        return key

    def _show(self, made: Path) -> Path:
        """Put the precompiled header where every worker can read it, and none write."""
        folder = self._kept.enter_context(folder_of({}, None))
        folder.chmod(0o755)
        target = folder / f"{HEADER}.gch"
        target.parent.mkdir(mode=0o755)
        try:
            target.hardlink_to(made)
        except OSError:  # the cache is on another disk
            shutil.copyfile(made, target)
        return folder

    def _drop_headers(self) -> None:
        """Forget a precompiled header without which a program compiles: it is damaged."""
        with self._lock:
            if self._shown is not None:
                self._cache.remove(self._shown[0])
                self._shown = None

    def close(self) -> None:
        """Remove what was shown to workers, and a cache of our own."""
        self._kept.close()


def scaled(limits: RunLimits, speed_factor: float) -> RunLimits:
    """Return the limits of a slower machine."""
    cpu_ms, wall_ms = (int(ms * speed_factor) for ms in (limits.cpu_ms, limits.wall_ms))
    return replace(limits, cpu_ms=cpu_ms, wall_ms=wall_ms)


def refuse_disturbed(run: Run, log: str) -> None:
    """Let no failure that came from outside be the program's.

    Raises:
        WorkerLost: something ended the compiler or a part of it; it may do better again.
        SandboxError: it was starved, or had no room to write.
    """
    has_failed = run.exit_code != 0
    if is_killed_from_outside(run) or (has_failed and KILLED.search(log)):
        raise WorkerLost(f"a compiler was killed: {log[-200:]}")
    if run.ended is Ended.BY_DEADLINE:
        raise SandboxError(f"a compiler was not done in {run.wall_ms / 1000:.0f} s; is all well?")
    if has_failed and NO_ROOM.search(log):
        raise SandboxError(f"a compiler had no room to write: {log[-200:]}; make room for TMPDIR")


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
    parts = json.dumps([FORM, toolchain.language.value, command, tools, program])
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


def log_of(run: Run, folder: str) -> str:
    """Return what a compiler said first, without the name of its folder."""
    said = (run.stdout + run.stderr_head).decode("utf-8", "replace").strip()
    return said.replace(f"{folder}/", "")[:MAX_LOG_CHARACTERS]
