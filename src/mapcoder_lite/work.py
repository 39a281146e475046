"""What a run does: which attempts at which problems, and by which tests they are graded.

Knows: problems, hidden tests, units.
Does not know: who does a unit, what was done before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mapcoder_lite.data.answers import has_unlisted_answers
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import HiddenTests, Problem
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import digest


@dataclass(frozen=True, slots=True)
class Work:
    """What a run does: these units of these problems, graded if hidden tests are given."""

    problems: tuple[Problem, ...]
    hidden: Mapping[str, HiddenTests] | None
    """Hidden tests by problem id; None = nothing is graded."""
    units: tuple[Unit, ...]

    def __post_init__(self) -> None:
        """Refuse a problem that would go ungraded unnoticed."""
        if self.hidden is None:
            return
        missing = [problem.id for problem in self.problems if problem.id not in self.hidden]
        if missing:
            raise InputError(
                f"{len(missing)} of {len(self.problems)} problems have no hidden tests, first "
                f"{missing[0]}: give the hidden tests of these problems, or none to run ungraded"
            )

    @property
    def digest(self) -> str:
        """Changes with any problem or hidden test."""
        hidden = self.hidden or {}
        return digest(
            [
                [problem.model_dump(mode="json") for problem in self.problems],
                [hidden[p.id].model_dump(mode="json") for p in self.problems if p.id in hidden],
            ]
        )

    def facts(self) -> list[RunProblem]:
        """What the run directory keeps of each problem for its reports."""
        return [_facts(problem, (self.hidden or {}).get(problem.id)) for problem in self.problems]


def samples_of(
    problems: Sequence[Problem],
    hidden: Mapping[str, HiddenTests] | None = None,
    num_samples: int = 1,
) -> Work:
    """Return the work of so many attempts at every problem.

    Units go sample by sample, so that an early look covers all problems.
    """
    units = [Unit(problem.id, n) for n in range(num_samples) for problem in problems]
    return Work(tuple(problems), hidden, tuple(units))


def _facts(problem: Problem, hidden: HiddenTests | None) -> RunProblem:
    return RunProblem(
        problem_id=problem.id,
        title=problem.title,
        tags=problem.tags,
        difficulty=problem.difficulty,
        date=problem.source.date,
        num_public_tests=len(problem.public_tests),
        num_hidden_tests=len(hidden.tests) if hidden else None,
        defect=hidden.defect if hidden else None,
        has_unlisted_answers=has_unlisted_answers(problem, hidden) if hidden else None,
    )
