"""Make a program of any language ready to run: what a sitting needs to know of languages.

Knows: which programs run in the pool's workers and which need one of their own.
Does not know: tests, verdicts, how commands look.
"""

import contextlib
from dataclasses import dataclass, replace
from typing import Self

from mapcoder_lite.judge import elf
from mapcoder_lite.judge.box import box_of, command_line, folder_of, held
from mapcoder_lite.judge.compiler import (
    COMPILER_ENDED,
    Compiled,
    Compiler,
    compiles_nothing,
    log_of,
    refuse_disturbed,
)
from mapcoder_lite.judge.languages import Toolchain
from mapcoder_lite.judge.names import names_of
from mapcoder_lite.judge.packages import NUMPY_ADDRESS_SPACE_BYTES, wants_numpy
from mapcoder_lite.judge.pool import Pool, Slot
from mapcoder_lite.judge.zygote import CompileFailure, Ended, RunLimits, Template, WorkerLost
from mapcoder_lite.problem import Language, Limits

SMALL_SOURCE_BYTES = 1 << 14
"""What compiles in so little that it does not count in a run of the same process."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program's text, and how it is to be compiled and run."""

    text: str
    toolchain: Toolchain
    limits: Limits
    is_published: bool
    """Whether published verdicts are being reproduced."""
    is_single: bool = False
    """Whether it is to be run a single time."""

    @property
    def source(self) -> bytes:
        """The text as it is written to files."""
        return self.text.encode("utf-8", "surrogatepass")


@dataclass(slots=True)
class Ready:
    """A program that can be run, and all that lives as long as it does."""

    template: Template
    is_cached: bool
    kept: contextlib.ExitStack
    image_bytes: int = 0
    """What a static executable takes before it does anything."""

    def close(self) -> None:
        """End its template, its own worker and its folder."""
        self.kept.close()

    @classmethod
    def of(cls, template: Template, *, is_cached: bool = False) -> Self:
        """Return a program that keeps nothing but its template."""
        kept = contextlib.ExitStack()
        kept.callback(template.close)
        return cls(template, is_cached, kept)


def make_ready(
    pool: Pool, slot: Slot, compiler: Compiler, program: Program
) -> Ready | CompileFailure:
    """Compile a program, if its language is compiled, and hold it ready.

    Raises:
        WorkerLost: a worker died; another may do.
        SandboxError: no worker starts, or the toolchain is broken.
    """
    toolchain = program.toolchain
    if toolchain.language is Language.PYTHON:
        return ready_python(pool, slot, program)
    if not toolchain.compiler:
        return ready_script(pool, slot, compiler, program)
    is_published = program.is_published
    made = compiler.compile(slot, toolchain, program.text, is_published=is_published)
    if isinstance(made, CompileFailure):
        return made
    if not toolchain.runner:
        return ready_executable(pool, slot, program, made)
    files = {toolchain.artefact: made.artefact}
    return ready_in_box(pool, slot, program, files, compiler.limits, is_cached=made.is_cached)


def ready_python(pool: Pool, slot: Slot, program: Program) -> Ready | CompileFailure:
    """Compile Python in the slot's worker.

    A compiler that dies is the program's fault only if it dies again, and the same worker then
    compiles an honest one.
    """
    # the published judge had no packages
    wants_it = wants_numpy(program.text) and not program.is_published
    numpy_worker = pool.numpy_worker_of(slot) if wants_it else None
    worker = numpy_worker or pool.worker_of(slot)
    optimize = 2 if program.is_published else 0
    if program.is_single and len(program.source) <= SMALL_SOURCE_BYTES:
        single = worker.single(program.source, optimize=optimize)
        single.more_address_space_bytes = NUMPY_ADDRESS_SPACE_BYTES if numpy_worker else 0
        return Ready.of(single)
    found = worker.template(program.source, optimize=optimize)
    if isinstance(found, CompileFailure) and not found.log:  # it may have been ended from outside
        found = worker.template(program.source, optimize=optimize)
    if isinstance(found, Template):
        found.more_address_space_bytes = NUMPY_ADDRESS_SPACE_BYTES if numpy_worker else 0
        return Ready.of(found)
    if found.log:
        return found
    with_honest = worker.template(program.toolchain.honest.encode())
    if isinstance(with_honest, CompileFailure):
        raise WorkerLost("a worker compiles nothing any more")
    with_honest.close()
    return CompileFailure(COMPILER_ENDED)


def ready_executable(pool: Pool, slot: Slot, program: Program, made: Compiled) -> Ready:
    """Hold a static executable in the slot's worker, as an image in memory."""
    worker = pool.worker_of(slot)
    names = names_of(program.toolchain, program.text)
    line = command_line(
        program.toolchain, ("main",), "/", names=names, memory_bytes=program.limits.memory_bytes
    )
    ready = Ready.of(worker.command(line, made.artefact), is_cached=made.is_cached)
    ready.image_bytes = elf.memory_of(made.artefact) or 0
    return ready


def ready_in_box(
    pool: Pool,
    slot: Slot,
    program: Program,
    files: dict[str, bytes],
    compile_limits: RunLimits,
    *,
    is_cached: bool = False,
) -> Ready | CompileFailure:
    """Hold a command that runs files, in a worker of its own that sees nothing else of ours."""
    toolchain, limits = program.toolchain, program.limits
    with contextlib.ExitStack() as kept:
        folder = kept.enter_context(folder_of(files, pool.launch_of(slot).user))
        worker = kept.enter_context(held(pool.boxed(slot, box_of(toolchain, folder))))

        def hold(command: tuple[str, ...]) -> Template:
            names = names_of(toolchain, program.text)
            memory_bytes = limits.memory_bytes
            args = (toolchain, command, worker.folder)
            return worker.command(command_line(*args, names=names, memory_bytes=memory_bytes))

        if toolchain.checker:
            with contextlib.closing(hold(toolchain.checker)) as checking:
                run = checking.run(b"", compile_limits)
            log = log_of(run, worker.folder)
            refuse_disturbed(run, log)
            if run.ended is not Ended.BY_ITSELF or run.exit_code != 0:
                return CompileFailure(log or COMPILER_ENDED)
        template = kept.enter_context(contextlib.closing(hold(toolchain.runner)))
        return Ready(template, is_cached, kept.pop_all())


def ready_script(
    pool: Pool, slot: Slot, compiler: Compiler, program: Program
) -> Ready | CompileFailure:
    """Hold a script ready; malformed, it fails to compile.

    Raises:
        SandboxError: not even an honest script is well-formed here.
    """
    toolchain = program.toolchain
    limits = compiler.limits
    found = ready_in_box(pool, slot, program, {toolchain.source: program.source}, limits)
    if isinstance(found, Ready):
        compiler.sound.add(toolchain.language)
    elif toolchain.language not in compiler.sound:
        honest = replace(program, text=toolchain.honest)
        files = {toolchain.source: honest.source}
        with_honest = ready_in_box(pool, slot, honest, files, limits)
        if isinstance(with_honest, CompileFailure):
            raise compiles_nothing(toolchain, with_honest)
        with_honest.close()
        compiler.sound.add(toolchain.language)
    return found
