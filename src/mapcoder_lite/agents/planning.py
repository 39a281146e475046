"""The planning agent: writes a plan, and says how sure it is of it or traces it.

Knows: what planning is asked and how its replies are read.
Does not know: how plans are ordered or tried.
"""

from mapcoder_lite.agents import layout, parse, prompt
from mapcoder_lite.agents.parse import Tracing
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


def own_plan(problem: Problem, index: int) -> Question[str]:
    """Return the question for a plan without an example."""
    return Question(CallKind.PLAN, prompt.own_plan(problem), parse.plan, plan_index=index)


def trace(problem: Problem, plan: str, index: int) -> Question[Tracing]:
    """Return the question whether the index-th plan brings the public tests' outputs."""
    messages = prompt.trace(problem, plan)
    grammar = layout.grammar(layout.TRACE)
    return Question(CallKind.TRACE, messages, parse.trace, grammar, plan_index=index)
