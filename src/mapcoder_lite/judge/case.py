"""What the judge is asked, and how its answer is put together from the runs.

Knows: the precedence of verdicts over many runs, the published rules in place of ours.
Does not know: workers, how a program is run, how outputs are compared.
"""

from dataclasses import asdict, dataclass, replace

from mapcoder_lite.judge import execeval
from mapcoder_lite.judge.languages import Toolchain
from mapcoder_lite.judge.outcome import Outcome, Retries, first_failure
from mapcoder_lite.problem import Checker, CheckerKind, Io, Limits, Test
from mapcoder_lite.verdict import Compilation, Isolation, Judgement, Verdict


@dataclass(frozen=True, slots=True)
class Case:
    """One question to the judge."""

    program: str
    toolchain: Toolchain
    tests: tuple[Test, ...]
    limits: Limits
    checker: Checker
    stop_early: bool
    show_tests: bool
    io: Io = Io()
    is_compared: bool = True
    """Whether outputs are compared; else a run that ends well is accepted whatever it prints."""

    @property
    def is_execeval(self) -> bool:
        """Whether published verdicts are being reproduced."""
        return self.checker.kind is CheckerKind.EXECEVAL

    def judgement(
        self,
        isolation: Isolation,
        compilation: Compilation,
        outcomes: list[Outcome],
        retries: Retries,
        speed_factor: float,
    ) -> Judgement:
        """Put the answer together; a definite failure outranks a fault of the judge."""
        failed = [i for i, outcome in enumerate(outcomes) if outcome.verdict is not Verdict.AC]
        definite = [i for i in failed if outcomes[i].verdict is not Verdict.IE]
        worst = next(iter(definite or failed), None)
        if not compilation.is_ok:
            verdict = Verdict.CE
        elif worst is not None:
            verdict = outcomes[worst].verdict
        else:
            verdict = Verdict.AC if self.tests else Verdict.SK
        failure = None
        if worst is not None:
            failure = first_failure(worst, self.tests[worst], outcomes[worst], self.show_tests)
        return Judgement(
            verdict=verdict,
            num_run=len(outcomes),
            num_total=len(self.tests),
            num_passed=len(outcomes) - len(failed),
            results=tuple(outcome.result(self.show_tests) for outcome in outcomes),
            first_failure=failure,
            compilation=compilation,
            isolation=isolation,
            language=self.toolchain.language,
            limits=self.limits,
            checker=self.checker.kind.value,
            speed_factor=speed_factor,
            **asdict(retries),
        )


def execeval_case(case: Case) -> Case:
    """Return the case as the published judge ran it: its limits, no carriage returns."""
    tests = tuple(
        test.model_copy(update={"input": test.input.replace("\r", "")}) for test in case.tests
    )
    program = case.program.replace("\r", "")
    limits = execeval.limits_of(case.toolchain.published_cpu_seconds)
    toolchain = case.toolchain.as_published()
    return replace(case, program=program, toolchain=toolchain, tests=tests, limits=limits)
