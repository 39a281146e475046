"""What is told of one attempt beside its questions: plans in order, programs, verdicts, the end.

Knows: events, which program is which version, what an attempt came to.
Does not know: who listens, the order of questions.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field

from mapcoder_lite.errors import BudgetSpent, Cancelled, MapCoderError
from mapcoder_lite.events import (
    CodeVersion,
    DebugRound,
    Event,
    Failed,
    PlanScored,
    ProblemNamed,
    RunFinished,
    RunStarted,
    Status,
    Teller,
    TestVerdict,
    Totals,
)
from mapcoder_lite.problem import Language, Problem
from mapcoder_lite.trajectory import Call, Role, StopReason, Trajectory, Trial
from mapcoder_lite.verdict import Judgement

_REASON_CHARACTERS = 2000
"""Of a compiler's log in an event."""

STATUSES = {
    StopReason.SOLVED: Status.SOLVED,
    StopReason.UNTESTED: Status.UNTESTED,
    StopReason.ANSWERED: Status.ANSWERED,
    StopReason.ERROR: Status.ERROR,
}
"""Of the stop reasons; any other is a failure."""


@dataclass(slots=True)
class Telling:
    """Tells of one attempt, if anybody listens."""

    teller: Teller | None
    language: Language
    _numbers: dict[str, int] = field(default_factory=dict[str, int])
    """By program, the version that it first was."""
    _num_tests: int = 0
    _judged: list[Trial] = field(default_factory=list[Trial])
    """The trials so far, version by version."""

    def start(self, started: RunStarted) -> None:
        """Tell that the attempt begins."""
        self._num_tests = started.problem.num_tests
        self._tell(started)

    def rank(self, plans: Sequence[tuple[int, str, int | None]]) -> None:
        """Tell of plans in the order of trial: index, text, confidence."""
        for rank, (index, text, confidence) in enumerate(plans, start=1):
            self._tell(PlanScored(plan=index, rank=rank, confidence=confidence, text=text))

    def write(self, program: str, plan: int | None, round: int) -> None:
        """Tell of a program that is about to be judged."""
        version = len(self._judged) + 1
        is_repeat = program in self._numbers
        self._numbers.setdefault(program, version)
        before = self._last_of(plan)
        self._tell(
            CodeVersion(
                version=version,
                plan=plan,
                round=round,
                language=self.language,
                program=program,
                diff=None if before is None else _diff(before.program, program, version),
                is_repeat=is_repeat,
            )
        )

    def judge(self, trial: Trial) -> None:
        """Tell of the verdicts on the program that was written last."""
        self._judged.append(trial)
        if self.teller is not None:
            *others, last = _verdicts(len(self._judged), trial.judgement)
            for verdict in others:
                self._tell(verdict)
            self.teller.tell(last, trial)

    def debug(self, plan: int | None, round: int) -> None:
        """Tell that a plan's last program is to be corrected."""
        for version, trial in reversed(list(enumerate(self._judged, start=1))):
            if trial.plan_index == plan:
                passed = trial.judgement.num_passed
                total = trial.judgement.num_total
                self._tell(
                    DebugRound(
                        plan=plan, round=round, version=version, num_passed=passed, num_tests=total
                    )
                )
                return

    def end(self, trajectory: Trajectory) -> None:
        """Tell how the attempt ended."""
        status = STATUSES.get(trajectory.stop, Status.FAILED)
        if status in (Status.SOLVED, Status.ANSWERED):
            exit_code = 0
        else:
            exit_code = 1 if trajectory.program is not None else 4
        self._finish(trajectory, status, exit_code, trajectory.stop)

    def fail(self, error: BaseException, trajectory: Trajectory) -> None:
        """Tell that the attempt was called off or cut short, or that the house failed; how far it
        had come."""
        if isinstance(error, Cancelled | KeyboardInterrupt):
            self._finish(trajectory, Status.CANCELLED, Cancelled.exit_code, None)
            return
        if isinstance(error, BudgetSpent):  # as was asked for: no fault
            self._finish(trajectory, Status.FAILED, error.exit_code, None)
            return
        code = error.exit_code if isinstance(error, MapCoderError) else MapCoderError.exit_code
        self._tell(Failed(error=type(error).__name__, message=str(error), exit_code=code))
        self._finish(trajectory, Status.ERROR, code, StopReason.ERROR)

    def _finish(
        self, trajectory: Trajectory, status: Status, exit_code: int, stop: StopReason | None
    ) -> None:
        if self.teller is None:
            return
        program = trajectory.program
        version = None if program is None else self._numbers.get(program)
        judged = None if version is None else self._judged[version - 1].judgement
        calls = [(call, self.teller.dollars(call)) for call in trajectory.calls]
        self._tell(
            RunFinished(
                status=status,
                stop=stop,
                detail=trajectory.detail,
                exit_code=exit_code,
                program=program,
                language=trajectory.language,
                version=version,
                num_passed=judged.num_passed if judged else 0,
                num_tests=0 if status is Status.ANSWERED else self._num_tests,
                totals=_total(calls, trajectory.seconds),
                agents=_agents(calls),
            )
        )

    def _last_of(self, plan: int | None) -> Trial | None:
        return next((trial for trial in reversed(self._judged) if trial.plan_index == plan), None)

    def _tell(self, event: Event) -> None:
        if self.teller is not None:
            self.teller.tell(event)


def named(problem: Problem) -> ProblemNamed:
    """Return a problem in short."""
    return ProblemNamed(id=problem.id, title=problem.title, num_tests=len(problem.public_tests))


def _diff(before: str, after: str, version: int) -> str:
    lines = difflib.unified_diff(
        before.splitlines(),
        after.splitlines(),
        "before",
        f"version {version}",
        lineterm="",
    )
    return "\n".join(lines)


def _verdicts(version: int, judgement: Judgement) -> list[TestVerdict]:
    """Return the verdict on each test, or the one on the whole where none could be run."""
    tier, factor = judgement.isolation.tier, judgement.speed_factor
    failure = judgement.first_failure
    if not judgement.results:
        reason = judgement.compilation.log or (failure.reason if failure else "")
        return [
            TestVerdict(
                version=version,
                test=None,
                verdict=judgement.verdict,
                reason=reason[-_REASON_CHARACTERS:],
                isolation=tier,
                speed_factor=factor,
            )
        ]
    return [
        TestVerdict(
            version=version,
            test=index,
            verdict=result.verdict,
            cpu_ms=result.cpu_ms,
            wall_ms=result.wall_ms,
            rss_kb=result.rss_kb,
            got=result.stdout_excerpt,
            stderr=result.stderr_tail,
            reason=failure.reason if failure is not None and failure.index == index else "",
            isolation=tier,
            speed_factor=factor,
        )
        for index, result in enumerate(judgement.results)
    ]


def _agents(calls: Sequence[tuple[Call, float | None]]) -> dict[Role, Totals]:
    agents: dict[Role, Totals] = {}
    for call, dollars in calls:
        agents[call.role] = agents.get(call.role, Totals()).with_call(call, dollars)
    return agents


def _total(calls: Sequence[tuple[Call, float | None]], seconds: float) -> Totals:
    totals = Totals()
    for call, dollars in calls:
        totals = totals.with_call(call, dollars)
    return totals.model_copy(update={"ms": round(1000 * seconds)})
