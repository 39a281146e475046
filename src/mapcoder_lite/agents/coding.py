"""The coding agent: writes a program that follows a plan.

Knows: what coding is asked and how its reply is read.
Does not know: whether the program works.
"""

from mapcoder_lite.agents import parse, prompt
from mapcoder_lite.agents.question import Question
from mapcoder_lite.problem import Language, Problem
from mapcoder_lite.trajectory import CallKind


def program(
    problem: Problem, algorithm: str, plan: str, language: Language, *, index: int
) -> Question[str]:
    """Return the question for a program that follows the index-th plan."""
    return Question(
        CallKind.CODING,
        prompt.coding(problem, algorithm, plan, language),
        lambda completion: parse.program(completion, language),
        plan_index=index,
    )
