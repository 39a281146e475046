"""One attempt at a problem as it grows: what is asked and judged is recorded, and told of, at once.

Knows: budgets, public tests, which program would be submitted by now.
Does not know: the order of questions, prompts, hidden tests.
"""

import time
from dataclasses import dataclass, field
from typing import Self

from mapcoder_lite.agents.question import Manner, Question, T, ask
from mapcoder_lite.errors import Cancelled, SandboxError
from mapcoder_lite.problem import Language, Problem
from mapcoder_lite.settings import TraversalConfig
from mapcoder_lite.trajectory import CallKind, Sampling, Step, StopReason, Trajectory, Trial
from mapcoder_lite.traversal import Defect, TraversalName
from mapcoder_lite.traversals.telling import Telling
from mapcoder_lite.verdict import Judge, Judgement, Verdict


@dataclass(frozen=True, slots=True)
class Dials:
    """The budget and manner of one attempt; k and t as in the paper."""

    k: int = 3
    """Recalled problems, hence plans."""
    t: int = 5
    """Debug rounds a plan."""
    sampling: Sampling = field(default_factory=Sampling)
    retry_temperature: float = 0.8
    """Least temperature of a second ask."""
    language: Language = Language.PYTHON
    structured: bool = False
    """Whether replies are held to their layouts; the paper's are not."""
    traversal: TraversalName = TraversalName.MAPCODER
    defects: frozenset[Defect] = frozenset()
    """Of the original traversal: what it does as its released code."""

    @classmethod
    def of(cls, settings: TraversalConfig, language: Language) -> Self:
        """Return the dials that settings ask for."""
        return cls(
            k=settings.k,
            t=settings.t,
            sampling=settings.sampling,
            retry_temperature=settings.retry_temperature,
            language=language,
            structured=settings.structured,
            traversal=settings.name,
            defects=settings.active_defects,
        )


@dataclass(slots=True)
class Attempt:
    """The growing record of one attempt: every call and trial, and the best program so far."""

    problem: Problem
    judge: Judge
    dials: Dials
    manner: Manner
    telling: Telling
    steps: list[Step] = field(default_factory=list[Step])
    judged: dict[str, Judgement] = field(default_factory=dict[str, Judgement])
    best: Trial | None = None
    """The trial that passed most public tests, the earliest on a tie."""
    submitted: str | None = None
    """The program to be submitted if nothing more comes: the best one, unless a traversal says
    otherwise."""
    start: float = field(default_factory=time.perf_counter)

    def ask_all(self, questions: list[Question[T]]) -> list[T | None]:
        """Ask together; None stands where no reply could be parsed."""
        for question in questions:
            if question.kind is CallKind.DEBUGGING:
                self.telling.debug(question.plan_index, question.round)
        return ask(questions, self.manner, self.record)

    def ask(self, question: Question[T]) -> T | None:
        """Ask one question; None when no reply could be parsed."""
        return self.ask_all([question])[0]

    def has_judged(self, program: str) -> bool:
        """Whether the same program was judged before in this attempt."""
        return program in self.judged

    def try_alone(self, program: str | None, index: int | None = None) -> StopReason:
        """Judge a program that nothing follows; None when no reply held one."""
        if program is None:
            return StopReason.NO_PROGRAM
        trial = self.judge_publicly(program, index)
        if not self.problem.public_tests:
            return StopReason.UNTESTED
        return StopReason.SOLVED if trial.judgement.is_accepted else StopReason.EXHAUSTED

    def judge_publicly(self, program: str, plan_index: int | None, round: int = 0) -> Trial:
        """Judge a program on the public tests; the same program is run only once."""
        self.telling.write(program, plan_index, round)
        if program not in self.judged:
            self.judged[program] = self._judgement(program)
        trial = Trial(
            program=program,
            language=self.dials.language,
            judgement=self.judged[program],
            plan_index=plan_index,
            round=round,
        )
        self.record(trial)
        self.telling.judge(trial)
        if self.best is None or trial.judgement.num_passed > self.best.judgement.num_passed:
            self.best, self.submitted = trial, program
        return trial

    def record(self, step: Step) -> None:
        """Append a step."""
        self.steps.append(step)

    def end(self, stop: StopReason, detail: str | None = None) -> Trajectory:
        """Return the trajectory with the program to be submitted."""
        return Trajectory(
            problem_id=self.problem.id,
            sample=self.manner.sample,
            steps=tuple(self.steps),
            program=self.submitted,
            language=self.dials.language,
            stop=stop,
            detail=detail,
            seconds=time.perf_counter() - self.start,
        )

    def _judgement(self, program: str) -> Judgement:
        problem, cancellation = self.problem, self.manner.cancellation
        if cancellation is not None and cancellation.is_cancelled:
            raise Cancelled("the attempt was called off before its program was judged")
        judgement = self.judge.judge(
            program,
            self.dials.language,
            problem.public_tests,
            limits=problem.limits,
            checker=problem.checker,
            io=problem.io,
        )
        if judgement.verdict is Verdict.IE:
            raise SandboxError(
                f"the judge failed on a program for problem {problem.id}; that says nothing of the "
                "program, so the attempt ends here; run it again, or see `mapcoder doctor`"
            )
        return judgement
