"""Solve one problem: retrieve, plan, rank, code, debug (MapCoder 2405.11403, sections 3.1-3.5).

The control flow is the original's with its defects mended; each deviation and its reason stands in
docs/design.md. What the models do wrong is on the trajectory; what the house does wrong is raised.

Knows: the order of questions, public tests, which program is submitted.
Does not know: prompts, reply formats, hidden tests, how many problems there are.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mapcoder_lite.agents import coding, debugging, planning, retrieval
from mapcoder_lite.agents.question import Manner, Question, T, ask
from mapcoder_lite.errors import PromptTooLong, SandboxError
from mapcoder_lite.problem import Language, Problem
from mapcoder_lite.trajectory import (
    Engine,
    Plan,
    Recall,
    Sampling,
    Step,
    StopReason,
    Trajectory,
    Trial,
)
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


def solve(
    problem: Problem,
    engine: Engine,
    judge: Judge,
    dials: Dials,
    *,
    sample: int = 0,
    on_step: Callable[[Step], None] | None = None,
) -> Trajectory:
    """Try to solve a problem; `sample` numbers the attempts, `on_step` sees every step at once.

    Raises:
        EngineError: the engine cannot answer.
        SandboxError: the judge cannot judge.
    """
    manner = Manner(
        engine, dials.sampling, dials.retry_temperature, sample, is_structured=dials.structured
    )
    attempt = _Attempt(problem, judge, dials, manner, on_step or (lambda _: None))
    try:
        return attempt.end(_traverse(attempt, problem, dials))
    except PromptTooLong as error:  # a limit of the model, known for good: not to be owed again
        return attempt.end(StopReason.TOO_LONG, str(error))


def _traverse(attempt: "_Attempt", problem: Problem, dials: Dials) -> StopReason:
    """Retrieve, plan, rank, code and debug until a program passes or the budget is used."""
    recall = attempt.ask(retrieval.recall(problem, dials.k))
    if recall is None:
        return StopReason.NO_RECALL
    plans = _ranked_plans(attempt, recall)
    if not plans:
        return StopReason.NO_PLAN

    for index, plan in plans:
        text = plan.text
        program = attempt.ask(
            coding.program(problem, recall.algorithm, text, dials.language, index=index)
        )
        for round in range(dials.t + 1):
            if program is None:
                break  # neither ask brought a program: this plan's path ends
            is_repeated = attempt.has_judged(program)
            trial = attempt.judge_publicly(program, index, round)
            if not problem.public_tests:
                return StopReason.UNTESTED
            if trial.judgement.is_accepted:
                return StopReason.SOLVED
            if round == dials.t or (is_repeated and round > 0):
                break  # a correction that changes nothing is not asked for again
            fix = attempt.ask(debugging.fix(problem, recall.algorithm, text, trial))
            program = fix.program if fix else None
            text = (fix.plan if fix else None) or text
    return StopReason.EXHAUSTED if attempt.best else StopReason.NO_PROGRAM


def _ranked_plans(attempt: "_Attempt", recall: Recall) -> list[tuple[int, Plan]]:
    """Return the plans with their exemplars' indexes, the surest first, ties in recalled order."""
    problem = attempt.problem
    exemplars = recall.exemplars[: attempt.dials.k]
    texts = attempt.ask_all(
        [planning.plan(problem, recall.algorithm, e, i) for i, e in enumerate(exemplars)]
    )
    written = [(i, text) for i, text in enumerate(texts) if text is not None]
    sureness = attempt.ask_all([planning.confidence(problem, text, i) for i, text in written])
    plans = [
        (i, Plan(text=text, confidence=sure or 0))  # unparsable: ranked last, not dropped
        for (i, text), sure in zip(written, sureness, strict=True)
    ]
    return sorted(plans, key=lambda pair: -pair[1].confidence)


@dataclass(slots=True)
class _Attempt:
    """The growing record of one attempt: every call and trial, and the best program so far."""

    problem: Problem
    judge: Judge
    dials: Dials
    manner: Manner
    on_step: Callable[[Step], None]
    steps: list[Step] = field(default_factory=list[Step])
    judged: dict[str, Judgement] = field(default_factory=dict[str, Judgement])
    best: Trial | None = None
    start: float = field(default_factory=time.perf_counter)

    def ask_all(self, questions: list[Question[T]]) -> list[T | None]:
        """Ask together; None stands where no reply could be parsed."""
        return ask(questions, self.manner, self.record)

    def ask(self, question: Question[T]) -> T | None:
        """Ask one question; None when no reply could be parsed."""
        return self.ask_all([question])[0]

    def has_judged(self, program: str) -> bool:
        """Whether the same program was judged before in this attempt."""
        return program in self.judged

    def judge_publicly(self, program: str, plan_index: int, round: int) -> Trial:
        """Judge a program on the public tests; the same program is run only once."""
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
        if self.best is None or trial.judgement.num_passed > self.best.judgement.num_passed:
            self.best = trial
        return trial

    def record(self, step: Step) -> None:
        """Append a step and show it."""
        self.steps.append(step)
        self.on_step(step)

    def end(self, stop: StopReason, detail: str | None = None) -> Trajectory:
        """Return the trajectory with the program that passes most public tests."""
        return Trajectory(
            problem_id=self.problem.id,
            sample=self.manner.sample,
            steps=tuple(self.steps),
            program=self.best.program if self.best else None,
            language=self.dials.language,
            stop=stop,
            detail=detail,
            seconds=time.perf_counter() - self.start,
        )

    def _judgement(self, program: str) -> Judgement:
        problem = self.problem
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
