"""Solve one problem by the traversal that is chosen, or give the help that is asked for.

What the models do wrong is on the trajectory; what the house does wrong is raised.

Knows: the traversals and tasks by name, when an attempt is over, who is told of it.
Does not know: prompts, reply formats, hidden tests, how many problems there are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from mapcoder_lite.agents.question import Manner
from mapcoder_lite.agents.stages import Stages
from mapcoder_lite.errors import PromptTooLong
from mapcoder_lite.events import RunStarted, Teller
from mapcoder_lite.problem import Problem
from mapcoder_lite.trajectory import Cancellation, Engine, StopReason, Trajectory
from mapcoder_lite.traversal import TraversalName
from mapcoder_lite.traversals import assistance, baselines, draft_first, mapcoder, original, traced
from mapcoder_lite.traversals.attempt import Attempt, Dials
from mapcoder_lite.traversals.telling import Telling, named
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


@dataclass(frozen=True, slots=True)
class Task:
    """What is wanted of an attempt."""

    name: str
    traverse: Callable[[Attempt], StopReason]
    forked_from: str | None = None
    """Id of the run whose beginning is replayed."""


HINT = Task("hint", assistance.hint)
PLAN = Task("plan", assistance.plans)


def debug_task(program: str) -> Task:
    """Return the task of correcting a person's program."""
    return Task("debug", partial(assistance.debug, program=program))


def solve_task(traversal: TraversalName, forked_from: str | None = None) -> Task:
    """Return the task of solving by a traversal."""
    return Task("solve", TRAVERSALS[traversal], forked_from)


def solve(
    problem: Problem,
    engine: Engine,
    judge: Judge,
    dials: Dials,
    *,
    sample: int = 0,
    teller: Teller | None = None,
    cancellation: Cancellation | None = None,
) -> Trajectory:
    """Try to solve a problem; `sample` numbers the attempts, `teller` is told of everything.

    Raises:
        EngineError: the engine cannot answer.
        SandboxError: the judge cannot judge.
        Cancelled: the cancellation was used.
    """
    task = solve_task(dials.traversal)
    return work_on(task, problem, engine, judge, dials, sample, teller, cancellation)


def work_on(
    task: Task,
    problem: Problem,
    engine: Engine,
    judge: Judge,
    dials: Dials,
    sample: int = 0,
    teller: Teller | None = None,
    cancellation: Cancellation | None = None,
) -> Trajectory:
    """Do a task, as `solve`; whatever happens, `run.finished` is the last that is told.

    Raises:
        EngineError: the engine cannot answer.
        SandboxError: the judge cannot judge.
        Cancelled: the cancellation was used.
    """
    manner = Manner(
        engine,
        dials.sampling,
        dials.retry_temperature,
        sample,
        is_structured=dials.structured,
        stages=Stages(teller),
        cancellation=cancellation,
    )
    telling = Telling(teller, dials.language)
    attempt = Attempt(problem, judge, dials, manner, telling)
    if teller is not None:
        telling.start(_started(task, attempt))
    try:
        trajectory = attempt.end(task.traverse(attempt))
    except PromptTooLong as error:  # a limit of the model, known for good: not to be owed again
        trajectory = attempt.end(StopReason.TOO_LONG, str(error))
    except BaseException as error:
        telling.fail(error, attempt.end(StopReason.ERROR, str(error)))
        raise
    telling.end(trajectory)
    return trajectory


def _started(task: Task, attempt: Attempt) -> RunStarted:
    dials = attempt.dials
    return RunStarted(
        problem=named(attempt.problem),
        task=task.name,
        traversal=dials.traversal.value,
        k=dials.k,
        t=dials.t,
        language=dials.language,
        engine=attempt.manner.engine.identity,
        sample=attempt.manner.sample,
        forked_from=task.forked_from,
    )
