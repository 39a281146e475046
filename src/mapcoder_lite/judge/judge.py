"""Judge programs: run them on every test in the sandbox and say a verdict nobody can forge.

Knows: limits, the precedence of verdicts, retries, what may be shown.
Does not know: how a worker is locked in, how outputs are compared.
"""

import time
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from mapcoder_lite.errors import Cancelled, SandboxError
from mapcoder_lite.judge import functions
from mapcoder_lite.judge.case import Case, execeval_case
from mapcoder_lite.judge.checker import check
from mapcoder_lite.judge.compiler import Compiler, default_cache
from mapcoder_lite.judge.languages import TOOLCHAINS, Toolchain, missing_tools
from mapcoder_lite.judge.outcome import (
    Outcome,
    Retries,
    is_killed_from_outside,
    limits_of_run,
    outcome_of,
    patient,
)
from mapcoder_lite.judge.pool import Pool, Slot, num_cores
from mapcoder_lite.judge.programs import Program, Ready, make_ready
from mapcoder_lite.judge.sandbox import Tier
from mapcoder_lite.judge.selftest import SelftestReport, run_selftest
from mapcoder_lite.judge.special import CheckerProgram
from mapcoder_lite.judge.zygote import (
    CompileFailure,
    NotCompiled,
    Run,
    RunLimits,
    Template,
    Unready,
    WorkerLost,
)
from mapcoder_lite.problem import Checker, CheckerKind, Io, Language, Limits, Test
from mapcoder_lite.trajectory import Cancellation
from mapcoder_lite.verdict import Compilation, Isolation, Judgement, Verdict

MAX_RETRIES = 2
"""How often a fault of the judge is retried before it is reported as IE."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a program printed on one input."""

    verdict: Verdict
    """AC = it ended well; whether the output is right was not asked."""
    text: str
    reason: str = ""


class SandboxJudge:
    """Judges programs in a pool of sandboxed workers; safe to call from many threads."""

    def __init__(
        self,
        num_workers: int | None = None,
        *,
        tier: Tier | None = None,
        interpreter: str | None = None,
        unsafe: bool = False,
        speed_factor: float = 1.0,
        cache: Path | None = None,
        toolchains: Mapping[Language, Toolchain] = TOOLCHAINS,
    ) -> None:
        """Start the first worker; by default there is one per core, in the strongest tier here.

        `speed_factor` is this machine's measured slowness: CPU limits are multiplied by it.
        `cache` keeps what compilers made; by default a folder of this user's. `toolchains` says
        how the programs of each language are compiled and run.

        Raises:
            SandboxError: programs cannot be isolated here; says what each tier met.
        """
        count = num_workers or num_cores()
        self._pool = Pool(count, tier=tier, interpreter=interpreter, unsafe=unsafe)
        self._compiler = Compiler(self._pool, cache or default_cache(), speed_factor)
        self._toolchains = toolchains
        self._speed_factor = speed_factor
        self._cancellation: Cancellation | None = None

    def until(self, cancellation: Cancellation) -> Self:
        """Return this judge, same workers, for a caller whose judgings end at once when called off.

        They raise Cancelled then; any other caller's go on.
        """
        lent = copy(self)
        lent._cancellation = cancellation
        return lent

    def judge(
        self,
        program: str,
        language: Language,
        tests: Sequence[Test],
        *,
        limits: Limits,
        checker: Checker,
        io: Io = Io(),
        stop_early: bool = False,
        show_tests: bool = True,
    ) -> Judgement:
        """Run a program on every test and compare its outputs.

        With the `execeval` checker the published limits and semantics replace the given ones.
        `stop_early` ends at the first failure: `num_run` says how far it came.

        Raises:
            InputError: a test is not of its kind's form, or cannot be judged by this checker.
            SandboxError: the language is unavailable, or no worker could be started.
        """
        functions.refuse_faulty(language, tuple(tests), io, checker)
        toolchain = self._toolchains[language]
        case = Case(program, toolchain, tuple(tests), limits, checker, stop_early, show_tests, io)
        if checker.kind is CheckerKind.EXECEVAL:
            case = execeval_case(case)
        if missing := missing_tools(toolchain):
            return self._without_toolchain(case, missing)
        if not tests:
            return case.judgement(self.isolation, Compilation(), [], Retries(), self._speed_factor)
        return self._sat(case)[1]

    def outputs(
        self, program: str, language: Language, inputs: Sequence[str], *, limits: Limits
    ) -> list[Output]:
        """Run a program on inputs and return what it printed on each, whole; nothing is compared.

        Raises:
            SandboxError: the language is unavailable, or no worker could be started.
        """
        toolchain = self._toolchains[language]
        if missing := missing_tools(toolchain):
            raise SandboxError(self._missing(toolchain, missing))
        tests = tuple(Test(input=text, outputs=("",)) for text in inputs)
        plain = Checker()
        case = Case(program, toolchain, tests, limits, plain, False, True, is_compared=False)
        sitting, judgement = self._sat(case)
        compilation = judgement.compilation
        if not compilation.is_ok:
            return [Output(Verdict.CE, "", compilation.log)] * len(tests)
        return [
            Output(outcome.verdict, outcome.printed, outcome.reason) for outcome in sitting.outcomes
        ]

    def _sat(self, case: Case) -> "tuple[Sitting, Judgement]":
        with self._pool.lend(self._cancellation) as slot:
            sitting = Sitting(self._pool, slot, self._compiler, case, self._speed_factor)
            sitting.cancellation = self._cancellation
            return sitting, sitting.judge()

    @staticmethod
    def _missing(toolchain: Toolchain, missing: tuple[str, ...]) -> str:
        packages = " ".join(toolchain.packages)
        return f"{toolchain.language.value}: {' '.join(missing)} not found; install {packages}"

    def _without_toolchain(self, case: "Case", missing: tuple[str, ...]) -> Judgement:
        compilation = Compilation(is_ok=False, log=self._missing(case.toolchain, missing))
        found = case.judgement(self.isolation, compilation, [], Retries(), self._speed_factor)
        return found.model_copy(update={"verdict": Verdict.IE})

    @property
    def isolation(self) -> Isolation:
        """How programs are kept in."""
        return self._pool.isolation

    def selftest(self) -> SelftestReport:
        """Judge programs whose verdicts are known; run before any accuracy is printed."""
        return run_selftest(self)

    def cancel(self) -> None:
        """End all runs at once; every `judge` that waits, any later too, raises SandboxError."""
        self._pool.cancel()

    def close(self) -> None:
        """Wait for the programs being judged, then end all workers."""
        self._pool.close()
        self._compiler.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(slots=True)
class Sitting:
    """One program before one worker, which is replaced when it is lost."""

    pool: Pool
    slot: Slot
    compiler: Compiler
    case: Case
    speed_factor: float
    cancellation: Cancellation | None = None
    ready: Ready | None = None
    checker: CheckerProgram | None = None
    has_patience: bool = True
    """Whether a doubtful run is run again alone."""
    needs_template: bool = False
    """Whether a run that was to compile the program failed before it became the program."""
    retries: Retries = field(default_factory=Retries)
    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    limits: RunLimits = field(init=False)
    limits_alone: RunLimits = field(init=False)

    def __post_init__(self) -> None:
        case = self.case
        args = (case.limits, self.speed_factor, case.toolchain)
        self.limits = limits_of_run(*args, is_execeval=case.is_execeval)
        self.limits_alone = patient(self.limits)

    def judge(self) -> Judgement:
        """Compile, then run the tests in order."""
        try:
            compilation = self.compile()
            if compilation.is_ok:
                self.run_tests()
        except NotCompiled as failure:
            compilation = Compilation(is_ok=False, log=str(failure))
        finally:
            self.close_program()
        numbers = (self.retries, self.speed_factor)
        return self.case.judgement(self.pool.isolation, compilation, self.outcomes, *numbers)

    def compile(self) -> Compilation:
        """Compile with retries.

        Raises:
            SandboxError: no worker could compile anything.
        """
        started = time.monotonic()
        lost: WorkerLost | None = None
        for _ in range(MAX_RETRIES + 1):
            try:
                failure = self.open_program()
            except WorkerLost as error:
                self.lose_worker()
                lost = error
                continue
            milliseconds = (time.monotonic() - started) * 1000
            log = failure.log if failure else ""
            return Compilation(
                is_ok=failure is None,
                log=log,
                is_cached=self.ready is not None and self.ready.is_cached,
                milliseconds=milliseconds,
            )
        raise SandboxError(f"no worker could compile, tried {MAX_RETRIES + 1}: {lost}") from lost

    def open_program(self) -> CompileFailure | None:
        """Make the program ready to run unless it is."""
        self.refuse_cancelled()
        if self.ready is not None:
            return None
        case = self.case
        is_single = len(case.tests) == 1 and not self.needs_template
        program = Program(case.program, case.toolchain, case.limits, case.is_execeval, is_single)
        found = make_ready(self.pool, self.slot, self.compiler, program)
        if isinstance(found, CompileFailure):
            return found
        self.ready = found
        return None

    def refuse_cancelled(self) -> None:
        """Begin and repeat nothing that was called off: a worker may be lost because of that.

        Raises:
            Cancelled: it was.
        """
        if self.cancellation is not None and self.cancellation.is_cancelled:
            raise Cancelled("the judging was called off")

    def run_tests(self) -> None:
        """Run the tests in order, to the first failure when asked to stop there."""
        for test in self.case.tests:
            outcome = self.run_test(test)
            if outcome.is_doubtful and self.has_patience:
                before, outcome = outcome, self.run_test(test, alone=True)
                self.retries.add_doubtful(is_flipped=outcome.verdict is not before.verdict)
                # a program that sleeps must not stop all others once a test
                self.has_patience = not outcome.met_deadline
            self.outcomes.append(outcome)
            if self.case.stop_early and outcome.verdict is not Verdict.AC:
                return

    def run_test(self, test: Test, *, alone: bool = False) -> Outcome:
        """Run one test with retries; a fault of the judge that stays is IE.

        Run alone, no other run of this judge shares the machine, and there is more time to wait.
        """
        limits = self.limits_alone if alone else self.limits
        reason = ""
        for _ in range(MAX_RETRIES + 1):
            try:
                failure = self.open_program()
                if failure is not None and self.needs_template and len(self.case.tests) == 1:
                    raise NotCompiled(failure.log)
                if self.ready is None:
                    raise WorkerLost(f"what compiled once does not now: {failure}")
                with self.pool.gate.passed(alone=alone):
                    run, answer = self.run_once(self.ready.template, test, limits)
                if is_killed_from_outside(run):
                    reason = "the program was killed from outside"
                    self.retries.num_retried += 1
                    continue
                case, image_bytes = self.case, self.ready.image_bytes
                outcome = outcome_of(
                    run, case.limits, self.speed_factor, case.toolchain, image_bytes
                )
                if answer is not None:
                    return answer.on(outcome)
                return self.checked(outcome, test, run.stdout)
            except Unready as error:
                reason = str(error)
                self.lose_unready()
            except WorkerLost as error:
                reason = str(error)
                self.lose_worker()
        self.refuse_cancelled()
        return Outcome(Verdict.IE, reason=reason)

    def run_once(
        self, template: Template, test: Test, limits: RunLimits
    ) -> tuple[Run, functions.Answer | None]:
        """Run the program on an input, or have its functions called."""
        io = self.case.io
        if io.kind == "stdio":
            return template.run(test.input.encode("utf-8", "surrogatepass"), limits), None
        if io.kind == "asserts":
            with self.pool.worker_of(self.slot).lend_examiner() as examiner:
                return functions.examine_program(template, examiner, test, io, limits)
        name = io.entry_point or ""
        return functions.call_function(template, test, name, self.case.checker, limits)

    def checked(self, outcome: Outcome, test: Test, output: bytes) -> Outcome:
        """Return the outcome after the checker's word, if the program did not already fail."""
        checker = self.case.checker
        if outcome.verdict is not Verdict.AC or not self.case.is_compared:
            return outcome
        if checker.kind is not CheckerKind.CUSTOM:
            return outcome.compared(check(checker, output, test.outputs))
        if self.checker is None:
            args = (self.pool, self.slot, self.compiler, checker, self.speed_factor)
            self.checker = CheckerProgram.open(*args)
        stdin, *answers = (
            text.encode("utf-8", "surrogatepass") for text in (test.input, *test.outputs)
        )
        ruling = self.checker.rule(stdin, output, answers)
        return replace(outcome, verdict=ruling.verdict, reason=ruling.reason)

    def lose_worker(self) -> None:
        """Give up a worker that failed."""
        self.retries.num_retried += 1
        self.close_program()
        self.pool.discard(self.slot)

    def lose_unready(self) -> None:
        """Give up a process that never ran the program; compiling it may have ended it."""
        if self.needs_template:
            self.lose_worker()
            return
        self.retries.num_retried += 1
        self.needs_template = True
        self.close_ready()

    def close_ready(self) -> None:
        """End what keeps the program ready."""
        if self.ready is not None:
            self.ready.close()
            self.ready = None

    def close_program(self) -> None:
        """End what keeps the program and its checker ready."""
        self.close_ready()
        if self.checker is not None:
            self.checker.close()
            self.checker = None
