"""The debugging agent: corrects plan and program after a test report.

Knows: what debugging is asked and how its reply is read.
Does not know: how tests are run, when debugging ends.
"""

from mapcoder_lite.agents import parse, prompt
from mapcoder_lite.agents.parse import Fix
from mapcoder_lite.agents.question import Question
from mapcoder_lite.problem import Problem
from mapcoder_lite.trajectory import CallKind, Trial


def fix(problem: Problem, algorithm: str, plan: str, trial: Trial) -> Question[Fix]:
    """Return the question for a correction of a program that failed its public tests."""
    report = prompt.report(problem.public_tests, trial.judgement)
    return Question(
        CallKind.DEBUGGING,
        prompt.debugging(problem, algorithm, plan, trial.program, report, trial.language),
        lambda completion: parse.fix(completion, trial.language),
        plan_index=trial.plan_index,
        round=trial.round + 1,
    )
