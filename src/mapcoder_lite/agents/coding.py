"""The coding agent: writes a program that follows a plan, or one without.

Knows: what coding is asked and how its reply is read.
Does not know: whether the program works.
"""

from mapcoder_lite.agents import parse, prompt
from mapcoder_lite.agents.question import Question
from mapcoder_lite.problem import Language, Problem
from mapcoder_lite.trajectory import CallKind, Message


def direct(problem: Problem, language: Language) -> Question[str]:
    """Return the question for a program at once."""
    return _alone(prompt.direct(problem, language), language)


def cot(problem: Problem, language: Language) -> Question[str]:
    """Return the question for thoughts, then a program."""
    return _alone(prompt.cot(problem, language), language)


def analogical(problem: Problem, k: int, language: Language) -> Question[str]:
    """Return the question for k similar problems, then a program."""
    return _alone(prompt.analogical(problem, k, language), language)


def planned(problem: Problem, plan: str, language: Language, *, index: int) -> Question[str]:
    """Return the question for the program of a plan that no algorithm stands beside."""
    return _alone(prompt.planned(problem, plan, language), language, index)


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


def _alone(
    messages: tuple[Message, ...], language: Language, index: int | None = None
) -> Question[str]:
    return Question(
        CallKind.CODING,
        messages,
        lambda completion: parse.program(completion, language),
        plan_index=index,
    )
