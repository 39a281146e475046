"""What came of each reply of a finished attempt: it led to a pass, it failed, or nobody can say.

A reply counts as good when the passing program rests on it. What counts as bad differs by role,
for a failure downstream is not the fault of all that stands upstream (docs/design.md).

Knows: trajectories, trials, which failure speaks against which call.
Does not know: runs, other attempts at the problem, rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from mapcoder_lite.curation.steps import steps_that_count
from mapcoder_lite.trajectory import Call, CallKind, StopReason, Trajectory, Trial


class Ground(StrEnum):
    """What an outcome rests on."""

    PASSED = "passed all hidden tests"
    """The program that passed rests on the reply."""
    UNREADABLE = "could not be read"
    """The reply broke its format."""
    PUBLIC = "its program failed a public test"
    HIDDEN = "its program failed a hidden test"
    SPENT = "its plan failed through the last debug round"
    ATTEMPT = "its attempt failed"
    CORRECTED = "its attempt failed, and passed once a supervisor had it corrected"

    @property
    def is_relative(self) -> bool:
        """Whether it speaks against a reply only where another reply to the same prompt passed."""
        return self in (Ground.SPENT, Ground.ATTEMPT, Ground.CORRECTED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one call."""

    position: int
    """Among the trajectory's steps."""
    ground: Ground

    @property
    def is_good(self) -> bool:
        """Whether the reply led to a pass."""
        return self.ground is Ground.PASSED


def outcomes(trajectory: Trajectory, *, has_passed: bool) -> Iterator[Outcome]:
    """Yield the outcome of every call that has one; `has_passed` is the word of the hidden tests.

    A call without outcome is one that nothing was tried of, or whose attempt ended for a reason
    that does not speak against it.
    """
    path = set(steps_that_count(trajectory))
    for position, step in enumerate(trajectory.steps):
        if isinstance(step, Call):
            is_on_path = position in path
            ground = _ground(step, trajectory, has_passed=has_passed, is_on_path=is_on_path)
            if ground is not None:
                yield Outcome(position, ground)


def _ground(
    call: Call, trajectory: Trajectory, *, has_passed: bool, is_on_path: bool
) -> Ground | None:
    """What speaks for or against a call; `is_on_path` = the submitted program rests on it."""
    if call.failure is not None:
        return Ground.UNREADABLE
    if has_passed and is_on_path:
        return Ground.PASSED
    match call.kind:
        case CallKind.RETRIEVAL:
            is_failed = not has_passed and trajectory.stop is not StopReason.TOO_LONG
            return Ground.ATTEMPT if is_failed and trajectory.trials else None
        case CallKind.PLAN:
            if _is_spent(trajectory, call.plan_index):
                return Ground.SPENT
            return Ground.CORRECTED if is_on_path else None
        case CallKind.CONFIDENCE | CallKind.TRACE:
            return None  # a right one is followed by a failure far more often than a wrong one
        case CallKind.CODING | CallKind.DEBUGGING:
            return _program_ground(call, trajectory, has_passed=has_passed)


def _program_ground(call: Call, trajectory: Trajectory, *, has_passed: bool) -> Ground | None:
    trial = next((t for t in _path(trajectory, call.plan_index) if t.round == call.round), None)
    is_submitted = trial is not None and trial.program == trajectory.program
    if trial is None or (is_submitted and has_passed):
        return None
    if not trial.judgement.is_accepted:
        return Ground.PUBLIC
    return Ground.HIDDEN if is_submitted else None


def _is_spent(trajectory: Trajectory, plan_index: int | None) -> bool:
    """Whether a plan was tried to the end: no program of it passed, and debugging had its rounds.

    A path that ended because a reply could not be read, or a prompt was too long, does not count.
    """
    path = _path(trajectory, plan_index)
    if not path or any(trial.judgement.is_accepted for trial in path):
        return False
    is_last = path[-1] is trajectory.trials[-1]
    if is_last and trajectory.stop is not StopReason.EXHAUSTED:
        return False
    after = [step for step in trajectory.steps if step.plan_index == plan_index]
    return after[-1] is path[-1]


def _path(trajectory: Trajectory, plan_index: int | None) -> list[Trial]:
    return [trial for trial in trajectory.trials if trial.plan_index == plan_index]
