"""The retrieval agent: recalls similar problems and names the algorithm.

Knows: what retrieval is asked and how its reply is read.
Does not know: what is made of the recalled problems.
"""

from mapcoder_lite.agents import layout, parse, prompt
from mapcoder_lite.agents.question import Question
from mapcoder_lite.problem import Problem
from mapcoder_lite.trajectory import CallKind, Recall


def recall(problem: Problem, k: int) -> Question[Recall]:
    """Return the question for k recalled problems and the algorithm."""
    return Question(
        CallKind.RETRIEVAL,
        prompt.retrieval(problem, k),
        parse.recall,
        layout.grammar(layout.RECALL, times=k),
        note=lambda value: _count(len(value.exemplars), k),
    )


def _count(num_exemplars: int, k: int) -> str | None:
    if num_exemplars > k:
        return f"{num_exemplars} exemplars came back; the last {num_exemplars - k} are not used"
    if num_exemplars < k:
        return f"{num_exemplars} exemplars came back where {k} were asked for"
    return None
