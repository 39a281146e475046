"""What the trajectories of one run tell of its failures and its plans, in one pass over them.

Knows: which files of a run are read.
Does not know: how units are diagnosed or counted, how a confidence is read, how counts are shown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mapcoder_lite.errors import InputError
from mapcoder_lite.evaluation.calibration import Calibration, CalibrationCount
from mapcoder_lite.evaluation.diagnosis import Diagnosis
from mapcoder_lite.evaluation.failures import FailureCount, Failures
from mapcoder_lite.evaluation.run_files import ALL_DAYS, RunFiles, Window, open_run
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
        name = self._run.path.resolve().name
        return Findings(
            self._failures.result(name, has_intervals=has_intervals),
            self._plans.result(name, has_intervals=has_intervals),
        )


def read_findings(
    path: Path,
    confidence: Callable[[Completion], int],
    *,
    has_intervals: bool,
    window: Window = ALL_DAYS,
) -> Findings:
    """Read a graded run, complete or not; `confidence` reads a confidence's reply.

    Raises:
        InputError: the run does not grade, so nobody knows what failed.
        StoreError: it is no run directory, or a line is damaged.
        SandboxError: its judge failed the self-test, or was never examined.
    """
    run = open_run(path, window)
    if not run.is_graded:
        raise InputError(
            f"{path} is not graded, so nobody knows what failed: run it with run.hidden_tests set"
        )
    count = FindingsCount(run, confidence)
    for trajectory in run.trajectories():
        count.add(trajectory)
    return count.result(has_intervals=has_intervals)
