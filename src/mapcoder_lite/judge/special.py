"""Custom checkers: programs of a problem's author that say whether an output is right.

Knows: the protocols of testlib and of Kattis, what their exit codes mean.
Does not know: the program being judged, limits of problems.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mapcoder_lite.errors import InputError
from mapcoder_lite.judge.box import box_of, command_line, folder_of, held, read_left
from mapcoder_lite.judge.compiler import Compiler
from mapcoder_lite.judge.languages import Toolchain, missing_tools, toolchain_of
from mapcoder_lite.judge.names import names_of
from mapcoder_lite.judge.outcome import is_killed_from_outside, limits_of_run
from mapcoder_lite.judge.pool import Pool, Slot
from mapcoder_lite.judge.zygote import CompileFailure, Ended, Run, RunLimits, Template, WorkerLost
from mapcoder_lite.problem import Checker, Language, Limits
from mapcoder_lite.verdict import Verdict

LIMITS = Limits(cpu_seconds=10.0, memory_bytes=512 << 20, output_bytes=1 << 20)
MESSAGE = "judgemessage.txt"
INPUT, OUTPUT, ANSWER, FEEDBACK = "input.txt", "output.txt", "answer.txt", "feedback"
ARGUMENTS = {
    "testlib": (INPUT, OUTPUT, ANSWER),
    "kattis": (INPUT, ANSWER, f"{FEEDBACK}/"),
}
RULINGS = {
    "testlib": {0: "", 1: "wrong answer", 2: "wrong format", 4: "wrong format", 8: "wrong format"}
    | {7: "only part of the points"},
    "kattis": {42: "", 43: "wrong answer"},
}
"""What an exit code means; empty = accepted. Every other end is a fault of the judge."""
WITH_TESTLIB = (Language.PYTHON, Language.C, Language.CPP, Language.RUST, Language.PHP)
"""Whose crashes end in no code of testlib's."""
MAX_MESSAGE_CHARACTERS = 500
PYTHON_RUNNER = """\
import os, runpy, sys, traceback
def fail(*error):
    traceback.print_exception(*error)
    os._exit(70)
sys.excepthook = fail
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""An exception that nobody caught ends Python with 1, which would mean a wrong answer."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a checker says of one output: AC, WA, or IE when it failed itself."""

    verdict: Verdict
    reason: str = ""


@dataclass(slots=True)
class CheckerProgram:
    """A checker held ready, with the folder through which it is told of outputs."""

    protocol: str
    template: Template
    folder: Path
    limits: RunLimits
    kept: contextlib.ExitStack

    @classmethod
    def open(
        cls, pool: Pool, slot: Slot, compiler: Compiler, checker: Checker, speed_factor: float
    ) -> Self:
        """Compile a checker and start a worker for it.

        Raises:
            InputError: it has no program, does not compile, or its language is not here.
            WorkerLost: a worker died; another may do.
        """
        protocol, toolchain = checker.protocol or "testlib", toolchain_of(checker.language)
        files, command = built(pool, slot, compiler, checker, toolchain)
        with contextlib.ExitStack() as kept:
            folder = kept.enter_context(folder_of(files, pool.launch_of(slot).user))
            make_feedback(folder, pool.launch_of(slot).user)
            box = box_of(toolchain, folder, executables=command[:1], writable=FEEDBACK)
            worker = kept.enter_context(held(pool.boxed(slot, box)))
            line = command_line(
                toolchain,
                (*command, *ARGUMENTS[protocol]),
                worker.folder,
                names=names_of(toolchain, checker.program or ""),
                memory_bytes=LIMITS.memory_bytes,
            )
            template = kept.enter_context(contextlib.closing(worker.command(line)))
            limits = limits_of_run(LIMITS, speed_factor, toolchain, is_execeval=False)
            return cls(protocol, template, folder, limits, kept.pop_all())

    def rule(self, test_input: bytes, output: bytes, answers: Sequence[bytes]) -> Ruling:
        """Return AC if the output is right for any answer, else what was said of the first.

        Raises:
            WorkerLost: its worker died.
        """
        rulings: list[Ruling] = []
        for answer in answers:
            rulings.append(self._rule(test_input, output, answer))
            if rulings[-1].verdict is Verdict.AC:
                return rulings[-1]
        return rulings[0]

    def _rule(self, test_input: bytes, output: bytes, answer: bytes) -> Ruling:
        for name, content in ((INPUT, test_input), (OUTPUT, output), (ANSWER, answer)):
            (self.folder / name).write_bytes(content)
        (self.folder / FEEDBACK / MESSAGE).unlink(missing_ok=True)
        run = self.template.run(output if self.protocol == "kattis" else b"", self.limits)
        if is_killed_from_outside(run):
            raise WorkerLost("the checker was killed from outside")
        message = self._message(run)
        meaning = RULINGS[self.protocol].get(-1 if run.exit_code is None else run.exit_code)
        if run.ended is not Ended.BY_ITSELF or meaning is None:
            how = f"exit code {run.exit_code}, signal {run.signal}, {run.ended.name.lower()}"
            return Ruling(Verdict.IE, f"the checker failed ({how}): {message}")
        if meaning:
            return Ruling(Verdict.WA, f"{meaning}: {message}")
        return Ruling(Verdict.AC)

    def _message(self, run: Run) -> str:
        said = run.stderr_tail or run.stdout
        left = read_left(self.folder / FEEDBACK, MESSAGE, LIMITS.output_bytes)
        text = (left or said).decode("utf-8", "replace").strip()
        return text[:MAX_MESSAGE_CHARACTERS]

    def close(self) -> None:
        """End its worker and remove its folder."""
        self.kept.close()


def built(
    pool: Pool, slot: Slot, compiler: Compiler, checker: Checker, toolchain: Toolchain
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return the files that a checker consists of and the command that runs them.

    Raises:
        InputError: it has no program, does not compile, or its language is not here.
    """
    if checker.program is None:
        raise InputError("a custom checker needs its program")
    if checker.protocol != "kattis" and toolchain.language not in WITH_TESTLIB:
        names = ", ".join(WITH_TESTLIB)
        raise InputError(
            f"a {toolchain.language.value} program ends in 1 when it crashes, which testlib takes "
            f"for a wrong answer: use the Kattis protocol, or one of: {names}"
        )
    if missing := missing_tools(toolchain):
        packages = " ".join(toolchain.packages)
        raise InputError(f"the checker needs {' '.join(missing)}; install {packages}")
    source = checker.program.encode("utf-8", "surrogatepass")
    if toolchain.language is Language.PYTHON:
        python = (pool.launch.interpreter.path, "-B", "-c", PYTHON_RUNNER)
        return {toolchain.source: source}, (*python, toolchain.source)
    if not toolchain.compiler:
        return {toolchain.source: source}, toolchain.runner
    made = compiler.compile(slot, toolchain, checker.program, is_published=False)
    if isinstance(made, CompileFailure):
        raise InputError(f"the checker does not compile: {made.log}")
    files = {toolchain.artefact: made.artefact}
    return files, toolchain.runner or (toolchain.artefact,)


def make_feedback(folder: Path, owner: int | None) -> None:
    """Make the one folder that a checker may write in."""
    feedback = folder / FEEDBACK
    feedback.mkdir()
    if owner is not None:
        os.chown(feedback, owner, owner)
