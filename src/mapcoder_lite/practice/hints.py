"""Hints, one rung at a time: what kind of problem it is, the idea, a plan, a program.

A rung asks only what it needs. All of it is what `solve` would ask, and nothing is asked twice, so
that the last rung goes on from what the first ones were told.

Knows: the rungs, what of a reply each of them shows.
Does not know: prompts, reply formats, the terminal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from mapcoder_lite import pipeline
from mapcoder_lite.agents import retrieval
from mapcoder_lite.agents.question import Manner
from mapcoder_lite.agents.stages import Stages
from mapcoder_lite.engine.replay import StoredEngine
from mapcoder_lite.events import Teller
from mapcoder_lite.problem import Problem
from mapcoder_lite.trajectory import Completion, Engine, Recall, Request, Trajectory
from mapcoder_lite.traversals import mapcoder
from mapcoder_lite.traversals.attempt import Attempt, Dials
from mapcoder_lite.traversals.telling import Telling
from mapcoder_lite.verdict import Judge


class Rung(StrEnum):
    """How much a hint gives away, the least first."""

    KIND = "kind"
    IDEA = "idea"
    PLAN = "plan"
    PROGRAM = "program"


@dataclass(frozen=True, slots=True)
class Hint:
    """What one rung tells."""

    rung: Rung
    text: str
    """Empty where the replies could not be read; then it is the last."""
    trajectory: Trajectory | None = None
    """Of the program: what came of it on the samples."""


def climb(
    problem: Problem,
    engine: Engine,
    judge: Judge,
    dials: Dials,
    teller: Teller,
) -> Iterator[Hint]:
    """Yield hints from the least telling on; whoever takes no more pays for no more.

    Raises:
        EngineError: the engine cannot answer.
        SandboxError: the judge cannot judge.
    """
    remembering = StoredEngine(engine, _Memory())
    manner = Manner(
        remembering,
        dials.sampling,
        dials.retry_temperature,
        0,
        is_structured=dials.structured,
        stages=Stages(teller),
    )
    attempt = Attempt(problem, judge, dials, manner, Telling(teller, dials.language))
    recall = attempt.ask(retrieval.recall(problem, dials.k))
    if recall is None:
        yield Hint(Rung.KIND, "")
        return
    yield Hint(Rung.KIND, recall.algorithm.partition(":")[0].strip())
    yield Hint(Rung.IDEA, _idea(recall))
    plans = mapcoder.ranked(attempt, mapcoder.written_plans(attempt, recall))
    yield Hint(Rung.PLAN, plans[0][1] if plans else "")
    if plans:
        trajectory = pipeline.solve(problem, remembering, judge, dials, teller=teller)
        yield Hint(Rung.PROGRAM, trajectory.program or "", trajectory)


def _idea(recall: Recall) -> str:
    return f"{recall.algorithm}\n\nA similar problem: {recall.exemplars[0].description}"


class _Memory:
    """Keeps what was answered while hints are given."""

    def __init__(self) -> None:
        self._completions: dict[str, Completion] = {}

    def get(self, key: str) -> Completion | None:
        """Return what is kept, or None."""
        return self._completions.get(key)

    def put(self, key: str, request: Request, completion: Completion) -> None:
        """Keep an answer."""
        del request
        self._completions[key] = completion
