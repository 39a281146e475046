"""Supervisors that read nothing: what a supervisor must beat to be worth its calls.

Each names a role by a rule and gives the same generic feedback.

Knows: the rules, which call of a role is meant.
Does not know: models, prompts, whether the rule is right.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random

from mapcoder_lite.curation.label import Label
from mapcoder_lite.curation.steps import steps_that_count
from mapcoder_lite.example import Blame
from mapcoder_lite.problem import Problem
from mapcoder_lite.trajectory import Call, CallKind, FormatFailure, Role, Trajectory

FEEDBACK = (
    "The last answer led to a program that fails hidden tests. Read the problem again, look for "
    "what the answer misses, and answer anew with care."
)
"""Fits every role and says nothing of the failure."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A rule that names the responsible role."""

    name: str
    choose: Callable[[Trajectory], Role | None]
    """None: the rule has no answer."""

    def blame(self, problem: Problem, trajectory: Trajectory, round: int) -> Blame | FormatFailure:
        """Name the role by the rule; one that was never asked cannot be corrected."""
        role = self.choose(trajectory)
        if role is None:
            return FormatFailure(kind="no_answer", detail="the rule names no role")
        position = call_of(trajectory, role)
        if position is None:
            return FormatFailure(kind="role_not_asked", detail=f"{role} was never asked here")
        reason = f"named by rule: {self.name}"
        return Blame(call_index=position, role=role, reason=reason, feedback=FEEDBACK)


def always_coder() -> Baseline:
    """Blame coding, whatever happened."""
    return Baseline("always coder", lambda _: Role.CODING)


def majority(labels: Sequence[Label]) -> Baseline:
    """Blame the role that is most often responsible, as learned from other problems alone.

    The problems are split in two by a digest of their ids; each half is answered by the other's
    most frequent role, so that no failure has a part in its own answer.
    """
    learned = {half: _most_frequent([x for x in labels if _half(x) != half]) for half in (0, 1)}
    return Baseline("majority", lambda trajectory: learned[_half(trajectory)])


def at_random(seed: int = 0) -> Baseline:
    """Blame one of the roles that were asked; the same one for the same failure and seed."""

    def choose(trajectory: Trajectory) -> Role | None:
        asked = [role for role in Role if call_of(trajectory, role) is not None]
        draw = Random(f"{seed}/{trajectory.problem_id}/{trajectory.sample}")
        return draw.choice(asked) if asked else None

    return Baseline("random", choose)


def call_of(trajectory: Trajectory, role: Role) -> int | None:
    """Return the call that a role is corrected at: of those that the submitted program rests on,
    else the last one; of planning always a plan. None when it was never asked."""
    positions = [
        position
        for position, step in enumerate(trajectory.steps)
        if isinstance(step, Call) and step.role is role and step.kind is not CallKind.CONFIDENCE
    ]
    on_path = set(steps_that_count(trajectory)).intersection(positions)
    return max(on_path or positions, default=None)


def _half(of: Label | Trajectory) -> int:
    return sha256(of.problem_id.encode()).digest()[0] % 2


def _most_frequent(labels: Sequence[Label]) -> Role | None:
    counts = Counter(label.role for label in labels)
    return max(Role, key=lambda role: counts[role]) if labels else None
