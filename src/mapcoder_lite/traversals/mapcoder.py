"""Retrieve, plan, rank, code, debug (MapCoder 2405.11403, sections 3.1-3.5).

The control flow is the original's with its defects mended; each deviation and its reason stands in
docs/design.md.

Knows: the order of questions, when debugging ends.
Does not know: prompts, reply formats, which program is submitted.
"""

from collections.abc import Sequence

from mapcoder_lite.agents import coding, debugging, planning, retrieval
from mapcoder_lite.trajectory import Recall, StopReason
from mapcoder_lite.traversals.attempt import Attempt

Plan = tuple[int, str]
"""The index of the recalled problem that a plan was written after, and its text."""


def traverse(attempt: Attempt) -> StopReason:
    """Retrieve, plan, rank, code and debug until a program passes or the budget is used."""
    recall = attempt.ask(retrieval.recall(attempt.problem, attempt.dials.k))
    if recall is None:
        return StopReason.NO_RECALL
    return try_plans(attempt, recall.algorithm, ranked(attempt, written_plans(attempt, recall)))


def written_plans(attempt: Attempt, recall: Recall) -> list[Plan]:
    """Ask for a plan after each of the first k recalled problems; return those that came."""
    texts = attempt.ask_all(
        [
            planning.plan(attempt.problem, recall.algorithm, exemplar, index)
            for index, exemplar in enumerate(recall.exemplars[: attempt.dials.k])
        ]
    )
    return [(index, text) for index, text in enumerate(texts) if text is not None]


def try_plans(attempt: Attempt, algorithm: str, plans: Sequence[Plan]) -> StopReason:
    """Code and debug plan after plan, in the order given, until a program passes."""
    problem, dials = attempt.problem, attempt.dials
    if not plans:
        return StopReason.NO_PLAN
    for index, plan in plans:
        text = plan
        program = attempt.ask(coding.program(problem, algorithm, text, dials.language, index=index))
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
            fix = attempt.ask(debugging.fix(problem, algorithm, text, trial))
            program = fix.program if fix else None
            text = (fix.plan if fix else None) or text
    return StopReason.EXHAUSTED if attempt.best else StopReason.NO_PROGRAM


def ranked(attempt: Attempt, plans: Sequence[Plan]) -> list[Plan]:
    """Return the plans, the surest first, ties in recalled order."""
    asked = [planning.confidence(attempt.problem, text, index) for index, text in plans]
    sureness = attempt.ask_all(asked)
    pairs = sorted(
        zip(plans, sureness, strict=True),
        key=lambda pair: -(pair[1] or 0),  # unparsable: ranked last, not dropped
    )
    attempt.telling.rank([(*plan, confidence) for plan, confidence in pairs])
    return [plan for plan, _ in pairs]
