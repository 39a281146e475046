"""Solve one problem by the traversal that is chosen.

What the models do wrong is on the trajectory; what the house does wrong is raised.

Knows: the traversals by name, when an attempt is over.
Does not know: prompts, reply formats, hidden tests, how many problems there are.
"""

from collections.abc import Callable, Mapping

from mapcoder_lite.agents.question import Manner
from mapcoder_lite.errors import PromptTooLong
from mapcoder_lite.problem import Problem
from mapcoder_lite.trajectory import Engine, Step, StopReason, Trajectory
from mapcoder_lite.traversal import TraversalName
from mapcoder_lite.traversals import baselines, draft_first, mapcoder, original, traced
from mapcoder_lite.traversals.attempt import Attempt, Dials
from mapcoder_lite.verdict import Judge

TRAVERSALS: Mapping[TraversalName, Callable[[Attempt], StopReason]] = {
    TraversalName.MAPCODER: mapcoder.traverse,
    TraversalName.DIRECT: baselines.direct,
    TraversalName.COT: baselines.cot,
    TraversalName.SELF_PLANNING: baselines.self_planning,
    TraversalName.ANALOGICAL: baselines.analogical,
    TraversalName.ORIGINAL: original.traverse,
    TraversalName.DRAFT_FIRST: draft_first.traverse,
    TraversalName.TRACED: traced.traverse,
}


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
    attempt = Attempt(problem, judge, dials, manner, on_step or (lambda _: None))
    try:
        return attempt.end(TRAVERSALS[dials.traversal](attempt))
    except PromptTooLong as error:  # a limit of the model, known for good: not to be owed again
        return attempt.end(StopReason.TOO_LONG, str(error))
