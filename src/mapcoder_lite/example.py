"""What trajectories teach: whom a supervisor blames, and the rows that adapters are trained on.

Knows: blames, corrections, rows and where they come from.
Does not know: how blame is found, which step earns a row, training.
"""

from typing import Annotated, Literal

from pydantic import Field

from mapcoder_lite.problem import Record
from mapcoder_lite.trajectory import CallKind, FormatFailure, Message, Role

SCHEMA_VERSION = 1


class Blame(Record):
    """A supervisor's word on a failed trajectory (MapCoder-Lite 2509.17489)."""

    call_index: int
    """Position of the blamed call among the trajectory's steps."""
    role: Role
    reason: str
    feedback: str
    """What the role is told when it answers again; never part of a trained prompt."""


class Correction(Record):
    """One round of repair: whom the supervisor blamed, and what came of asking again."""

    schema_version: Literal[1] = SCHEMA_VERSION
    problem_id: str
    sample: int = 0
    round: Annotated[int, Field(gt=0)]
    supervisor: str
    """Who was asked to blame."""
    blame: Blame | None = None
    failure: FormatFailure | None = None
    """Why the supervisor's reply was of no use; nobody was asked again then."""
    is_changed: bool = False
    """Whether the blamed role answered anything else than before."""
    guided: tuple[int, ...] = ()
    """Positions, among the corrected trajectory's steps, of the calls that were answered under
    feedback, of this round or an earlier one."""
    is_passed: bool = False
    """Whether the corrected trajectory's program passed the hidden tests."""


class Provenance(Record):
    """Where a training row comes from."""

    run: str
    problem_id: str
    sample: int
    call_index: int
    model: str
    """The teacher: who wrote the completion."""
    kept_by: str
    """The filter that let the row pass."""
    round: int = 0
    """Of the supervisor, the last that changed the trajectory; 0 = none did."""
    is_guided: bool = False
    """Whether the completion itself was written under a supervisor's feedback, which the prompt of
    the row does not show."""

    @property
    def place(self) -> tuple[str, str, int, int]:
        """The call itself: run, problem, sample, position; whatever else is said of it."""
        return self.run, self.problem_id, self.sample, self.call_index


class RowTokens(Record):
    """How long a row is."""

    prompt: int
    completion: int
    counted_by: str
    """The tokenizer's folder, or the model that answered, which counts by its own."""


class Example(Record):
    """A training row in TRL's conversational prompt/completion form."""

    schema_version: Literal[1] = SCHEMA_VERSION
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    role: Role
    kind: CallKind
    provenance: Provenance
    tokens: RowTokens


class Labelled(Example):
    """A reply and whether it is wanted, in TRL's unpaired preference form (KTO).

    `provenance.kept_by` says what the label rests on.
    """

    label: bool


class PairTokens(Record):
    """How long a pair is."""

    prompt: int
    chosen: int
    rejected: int
    counted_by: str
    """The tokenizer's folder, or the model that wrote the chosen reply, which counts by its own."""


class Pair(Record):
    """Two replies to one prompt, one of them preferred, in TRL's preference form (DPO)."""

    schema_version: Literal[1] = SCHEMA_VERSION
    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    role: Role
    kind: CallKind
    chosen_from: Provenance
    rejected_from: Provenance
    """`kept_by` says what the rejection rests on."""
    tokens: PairTokens
