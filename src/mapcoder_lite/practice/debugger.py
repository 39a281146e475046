"""The debugging agent alone, on a program that a person wrote.

Knows: when debugging ends, what stands where nobody wrote a plan.
Does not know: prompts, reply formats, files.
"""

from collections.abc import Callable

from mapcoder_lite.agents import debugging
from mapcoder_lite.agents.question import Manner
from mapcoder_lite.errors import PromptTooLong
from mapcoder_lite.problem import Problem
from mapcoder_lite.trajectory import Engine, Step, StopReason, Trajectory
from mapcoder_lite.traversals.attempt import Attempt, Dials
from mapcoder_lite.verdict import Judge

UNTOLD = "not told, see the program"
"""What the prompt says of algorithm and plan."""


def debug(
    problem: Problem,
    program: str,
    engine: Engine,
    judge: Judge,
    dials: Dials,
    on_step: Callable[[Step], None],
) -> Trajectory:
    """Judge a program on the public tests and have it corrected, up to t times.

    A program that passes, or has no tests to fail, is asked nothing about. Of programs that pass
    equally many tests the earliest is the result, so that none is changed for nothing.

    Raises:
        EngineError: the engine cannot answer.
        SandboxError: the judge cannot judge.
    """
    manner = Manner(
        engine, dials.sampling, dials.retry_temperature, 0, is_structured=dials.structured
    )
    attempt = Attempt(problem, judge, dials, manner, on_step)
    try:
        return attempt.end(_rounds(attempt, program))
    except PromptTooLong as error:
        return attempt.end(StopReason.TOO_LONG, str(error))


def _rounds(attempt: Attempt, program: str) -> StopReason:
    problem, dials, plan = attempt.problem, attempt.dials, UNTOLD
    for round in range(dials.t + 1):
        is_repeated = attempt.has_judged(program)
        trial = attempt.judge_publicly(program, None, round)
        if not problem.public_tests:
            return StopReason.UNTESTED
        if trial.judgement.is_accepted:
            return StopReason.SOLVED
        if round == dials.t or is_repeated:
            break  # a correction that changes nothing is not asked for again
        fix = attempt.ask(debugging.fix(problem, UNTOLD, plan, trial))
        if fix is None:
            break
        program, plan = fix.program, fix.plan or plan
    return StopReason.EXHAUSTED
