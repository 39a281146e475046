"""MapCoder with plans traced on the public tests in place of a confidence.

CodeSIM (2502.05664) traces one plan, has a wrong one written anew and codes it; here the k plans
are traced together, a wrong one is corrected in the same reply, and the right ones are tried first.

Knows: how traced plans are ranked.
Does not know: prompts, reply formats, how plans are tried.
"""

from collections.abc import Sequence

from mapcoder_lite.agents import planning, retrieval
from mapcoder_lite.agents.parse import Tracing
from mapcoder_lite.trajectory import StopReason
from mapcoder_lite.traversals.attempt import Attempt
from mapcoder_lite.traversals.mapcoder import Plan, try_plans, written_plans


def traverse(attempt: Attempt) -> StopReason:
    """Retrieve, plan, trace, code and debug until a program passes or the budget is used."""
    recall = attempt.ask(retrieval.recall(attempt.problem, attempt.dials.k))
    if recall is None:
        return StopReason.NO_RECALL
    return try_plans(attempt, recall.algorithm, _traced(attempt, written_plans(attempt, recall)))


def _traced(attempt: Attempt, plans: Sequence[Plan]) -> list[Plan]:
    """Return the plans, corrected where their trace says so; ties in recalled order.

    Without public tests there is nothing to follow, and nobody is asked.
    """
    if not attempt.problem.public_tests:
        return list(plans)
    asked = [planning.trace(attempt.problem, text, index) for index, text in plans]
    pairs = list(zip(plans, attempt.ask_all(asked), strict=True))
    pairs.sort(key=lambda pair: _rank(pair[1]))
    traced = [(index, (found and found.plan) or text) for (index, text), found in pairs]
    attempt.telling.rank([(*plan, None) for plan in traced])
    return traced


def _rank(found: Tracing | None) -> int:
    """Right plans first, then corrected ones, then those of which nothing better is known."""
    if found is None:
        return 2
    return 0 if found.is_right else 1 if found.plan else 2
