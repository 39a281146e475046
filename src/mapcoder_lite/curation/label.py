"""What is known of a failure: which role's reply it rests on, and how that is known.

Knows: labels.
Does not know: how they are found, supervisors.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from mapcoder_lite.problem import Record
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Role

SCHEMA_VERSION = 1


class Truth(StrEnum):
    """How the responsible role is known."""

    INJECTION = "injection"
    """A faulty reply was put into an attempt that passed."""
    REPLAY = "replay"
    """Attempts were made again with some roles answered by a teacher."""


class Label(Record):
    """labels.jsonl: a failed trajectory and the role that is responsible for it."""

    schema_version: Literal[1] = SCHEMA_VERSION
    problem_id: str
    sample: int
    truth: Truth
    role: Role
    call_index: int | None = None
    """Position of the responsible call among the trajectory's steps; None: only the role is known,
    for several calls may be its fault together."""
    repair_sets: tuple[tuple[Role, ...], ...]
    """Smallest sets of roles that mend it when they answer well; each a repair by itself."""
    certainty: Annotated[float, Field(ge=0, le=1)]
    """Probability that the role's reply, not the luck of the draw, decides; see docs/design.md."""

    @property
    def unit(self) -> Unit:
        """The failure that is labelled."""
        return Unit(self.problem_id, self.sample)
