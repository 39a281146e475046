"""What the trajectories of one run tell of its failures and its plans, in one pass over them.

Knows: which units of a run count.
Does not know: how units are diagnosed or counted, how a confidence is read, how counts are shown.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mapcoder_lite.evaluation.calibration import Calibration, CalibrationCount
from mapcoder_lite.evaluation.diagnosis import Diagnosis
from mapcoder_lite.evaluation.failures import FailureCount, Failures
from mapcoder_lite.evaluation.run_files import RunFiles
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Completion, Trajectory


@dataclass(frozen=True, slots=True)
class Findings:
    """What one pass finds."""

    failures: Failures
    calibration: Calibration


class FindingsCount:
    """Counts while trajectories pass by, for whoever reads them."""

    def __init__(self, run: RunFiles, confidence: Callable[[Completion], int]) -> None:
        self._run = run
        self._failures, self._plans = FailureCount(), CalibrationCount(confidence)

    def add(self, trajectory: Trajectory) -> Diagnosis | None:
        """Count one trajectory and return what it shows.

        None: without a grade, or where the judge failed, nobody knows whether it failed.
        """
        grade = self._run.grades.get(Unit(trajectory.problem_id, trajectory.sample))
        if grade is None:
            return None
        self._plans.add(trajectory, grade)
        return self._failures.add(trajectory, grade)

    def result(self, *, has_intervals: bool) -> Findings:
        """Return what was found."""
        return Findings(
            self._failures.result(has_intervals=has_intervals),
            self._plans.result(has_intervals=has_intervals),
        )
