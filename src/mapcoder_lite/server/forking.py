"""Run on from a plan that a person rewrote: what stood before it is replayed, the rest asked anew.

Knows: which calls a fork replays, how the edited plan comes first.
Does not know: where runs are kept, how a problem is solved.
"""

from collections.abc import Sequence

from mapcoder_lite.agents import parse, planning
from mapcoder_lite.agents.question import Manner, request
from mapcoder_lite.engine.replay import ReplayEngine
from mapcoder_lite.errors import FormatError, InputError
from mapcoder_lite.problem import Problem
from mapcoder_lite.server.records import Edit
from mapcoder_lite.trajectory import Call, CallKind, Completion, Engine, Request
from mapcoder_lite.traversal import TraversalName
from mapcoder_lite.traversals.attempt import Dials

BY_HAND = "edited by hand"
"""Stands in the place of the model that answered."""


def forked_engine(
    calls: Sequence[Call], edit: Edit, problem: Problem, dials: Dials, live: Engine
) -> Engine:
    """Return the engine of a fork: the calls' answers, the edited plan among them, then `live`.

    Raises:
        InputError: no such plan was written, or the text is no plan.
    """
    written = [
        call
        for call in calls
        if call.kind is CallKind.PLAN and call.plan_index == edit.plan and call.failure is None
    ]
    if not written:
        raise InputError(f"the run has no plan {edit.plan} that could be edited")
    reply = _by_hand(edit.text)
    try:
        text = parse.plan(reply)
    except FormatError as error:
        raise InputError(f"the edited text is no plan: {error}") from error
    recorded = {call.request.key: call.completion for call in calls}
    recorded[written[-1].request.key] = reply
    rank, said = _surest(problem, text, edit.plan, dials, live)
    recorded[rank.key] = _by_hand(said)
    return ReplayEngine(recorded, live)


def _surest(
    problem: Problem, text: str, plan: int, dials: Dials, engine: Engine
) -> tuple[Request, str]:
    """Return the question that ranks the edited plan, and the answer that puts it first."""
    manner = Manner(
        engine, dials.sampling, dials.retry_temperature, 0, is_structured=dials.structured
    )
    if dials.traversal is TraversalName.TRACED:
        traced = parse.Tracing(is_right=True, plan=None)
        return (
            request(planning.trace(problem, text, plan), manner),
            parse.render_trace(BY_HAND, traced),
        )
    asked = planning.confidence(problem, text, plan)
    return request(asked, manner), parse.render_confidence(100, BY_HAND)


def _by_hand(text: str) -> Completion:
    return Completion(text=text, finish_reason="stop", model=BY_HAND)
