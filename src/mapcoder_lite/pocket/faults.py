"""Faulty replies with known truth: a scripted teacher that never answers right.

Knows: which mistakes of the teacher are wrong answers rather than unreadable or idle ones.
Does not know: where faults are put, what becomes of them.
"""

from collections.abc import Iterable

from mapcoder_lite.pocket.problems import Puzzle
from mapcoder_lite.pocket.teacher import MistakeRates, TeacherEngine

ALWAYS_WRONG = MistakeRates(
    wrong_algorithm=1.0,
    broken_xml=0.0,
    wrong_plan=1.0,
    wrong_confidence=1.0,
    wrong_program=1.0,
    idle_patch=0.0,
    wrong_patch=1.0,
    misled_plan=1.0,
)
"""Every reply reads well and is wrong in one known way."""

SEED = 71
"""Apart from the seeds of teachers, so that no reply of theirs comes back as a fault."""


def always_wrong(known: Iterable[Puzzle]) -> TeacherEngine:
    """Return the engine that answers every question about a puzzle wrongly."""
    return TeacherEngine(known, ALWAYS_WRONG, SEED)
