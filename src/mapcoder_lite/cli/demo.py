"""`mapcoder demo`: the pocket agents solve held-out problems, live, graded on hidden tests.

Knows: which problems are shown, what is said at the end.
Does not know: how a problem is solved or graded.
"""

import sys
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.trajectory import Grade, Trajectory


def demo(
    number: Annotated[int, typer.Option("--number", help="How many problems.", min=1)] = 5,
    overrides: options.Overrides = None,
) -> None:
    """Solve the first held-out problems of the pocket world and grade them on hidden tests.

    Their compositions and wordings were never trained on. Exit code 0 = at least one passed.

    Example: mapcoder demo --number 2
    """
    from mapcoder_lite import pipeline, runner
    from mapcoder_lite.cli import engines
    from mapcoder_lite.cli.live import following
    from mapcoder_lite.events import Teller
    from mapcoder_lite.judge.selftest import refuse_untrusted
    from mapcoder_lite.pocket.world import problem_set

    settings = options.resolve(None, overrides)
    grades: list[Grade] = []
    with engines.opened_engine(settings) as engine, engines.opened_judge(settings) as judge:
        terminal.say(f"backbone   {engines.describe(settings.engine, engine)}")
        refuse_untrusted(judge.selftest())
        terminal.say(f"judge      isolation {judge.isolation.tier}, self-test passed")
        for puzzle in islice(problem_set("test"), number):
            problem = puzzle.problem
            terminal.say(f"\n{problem.title} ({problem.id})\n{problem.statement}")
            with following() as show:
                dials = engines.dials(settings)
                trajectory = pipeline.solve(problem, engine, judge, dials, teller=Teller(show))
            grade = runner.grade(trajectory, problem, puzzle.hidden, judge)
            _conclude(trajectory, grade)
            grades.append(grade)
    num_passed = sum(grade.is_passed for grade in grades)
    terminal.result(f"{num_passed} of {len(grades)} problems passed all their hidden tests")
    sys.exit(0 if num_passed else 1)


def _conclude(trajectory: "Trajectory", grade: "Grade") -> None:
    if trajectory.program is None or grade.judgement is None:
        terminal.say(f"no program: {trajectory.stop.value.replace('_', ' ')}", "red")
        return
    terminal.say("\n".join(f"    {line}" for line in trajectory.program.rstrip().split("\n")))
    judgement = grade.judgement
    if grade.is_passed:
        terminal.say(f"hidden tests: passed all {judgement.num_total}", "green")
    else:
        terminal.say(
            f"hidden tests: {judgement.verdict.value}, {judgement.num_passed} passed before it "
            f"of {judgement.num_total}",
            "red",
        )
