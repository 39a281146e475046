"""What the agents are measured against: one program, written without public tests being looked at.

Its verdict on the public tests is recorded all the same, for `solved on samples` and for debuggers
to come; nobody is told of it. Prompts are worded anew after the papers that they name.

Knows: the questions of each baseline.
Does not know: prompts, reply formats.
"""

from mapcoder_lite.agents import coding, planning
from mapcoder_lite.trajectory import StopReason
from mapcoder_lite.traversals.attempt import Attempt


def direct(attempt: Attempt) -> StopReason:
    """Ask for a program at once."""
    program = attempt.ask(coding.direct(attempt.problem, attempt.dials.language))
    return attempt.try_alone(program)


def cot(attempt: Attempt) -> StopReason:
    """Ask for thoughts and a program (chain of thought, 2201.11903; zero-shot as 2205.11916)."""
    program = attempt.ask(coding.cot(attempt.problem, attempt.dials.language))
    return attempt.try_alone(program)


def analogical(attempt: Attempt) -> StopReason:
    """Ask for k similar problems, how they are solved, and a program in one reply (2310.01714)."""
    dials = attempt.dials
    program = attempt.ask(coding.analogical(attempt.problem, dials.k, dials.language))
    return attempt.try_alone(program)


def self_planning(attempt: Attempt) -> StopReason:
    """Ask for a plan, then for its program (2303.06689; without its worked examples)."""
    plan = attempt.ask(planning.own_plan(attempt.problem, 0))
    if plan is None:
        return StopReason.NO_PLAN
    asked = coding.planned(attempt.problem, plan, attempt.dials.language, index=0)
    return attempt.try_alone(attempt.ask(asked), index=0)
