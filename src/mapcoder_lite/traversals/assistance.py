"""Less than a solve: a hint, plans, one's own program debugged. Each is an attempt as any other.

Knows: the questions of each kind of help, when debugging ends.
Does not know: prompts, reply formats, how hints are worded.
"""

from mapcoder_lite.agents import debugging, retrieval
from mapcoder_lite.trajectory import StopReason
from mapcoder_lite.traversals import mapcoder
from mapcoder_lite.traversals.attempt import Attempt

UNTOLD = "not told, see the program"
"""What the prompt says of algorithm and plan of a person's program."""


def hint(attempt: Attempt) -> StopReason:
    """Recall similar problems and name the algorithm; nothing is planned or written."""
    recall = attempt.ask(retrieval.recall(attempt.problem, attempt.dials.k))
    return StopReason.NO_RECALL if recall is None else StopReason.ANSWERED


def plans(attempt: Attempt) -> StopReason:
    """Recall, plan and rank; no program is written."""
    recall = attempt.ask(retrieval.recall(attempt.problem, attempt.dials.k))
    if recall is None:
        return StopReason.NO_RECALL
    written = mapcoder.ranked(attempt, mapcoder.written_plans(attempt, recall))
    return StopReason.ANSWERED if written else StopReason.NO_PLAN


def debug(attempt: Attempt, program: str) -> StopReason:
    """Judge a person's program and have the debugging agent alone correct it, up to t rounds."""
    plan = UNTOLD
    for round in range(attempt.dials.t + 1):
        is_repeated = attempt.has_judged(program)
        trial = attempt.judge_publicly(program, None, round)
        if not attempt.problem.public_tests:
            return StopReason.UNTESTED
        if trial.judgement.is_accepted:
            return StopReason.SOLVED
        if round == attempt.dials.t or is_repeated:
            break  # a correction that changes nothing is not asked for again
        fix = attempt.ask(debugging.fix(attempt.problem, UNTOLD, plan, trial))
        if fix is None:
            break
        program, plan = fix.program, fix.plan or plan
    return StopReason.EXHAUSTED
