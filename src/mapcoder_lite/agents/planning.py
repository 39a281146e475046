"""The planning agent: writes a plan from an exemplar, and says how sure it is of it.

Knows: what planning is asked and how its replies are read.
Does not know: how plans are ordered or tried.
"""

from mapcoder_lite.agents import layout, parse, prompt
from mapcoder_lite.agents.question import Question
from mapcoder_lite.problem import Problem
from mapcoder_lite.trajectory import CallKind, Exemplar


def plan(problem: Problem, algorithm: str, exemplar: Exemplar, index: int) -> Question[str]:
    """Return the question for a plan after the index-th exemplar."""
    messages = prompt.plan(problem, algorithm, exemplar)
    return Question(CallKind.PLAN, messages, parse.plan, plan_index=index)


def confidence(problem: Problem, plan: str, index: int) -> Question[int]:
    """Return the question how sure the index-th plan is, 0 to 100."""
    messages = prompt.confidence(problem, plan)
    grammar = layout.grammar(layout.CONFIDENCE)
    return Question(CallKind.CONFIDENCE, messages, parse.confidence, grammar, plan_index=index)
