"""What a data set leaves out for what it says, and why: the lines of flagged.jsonl.

Knows: the record.
Does not know: how anything is found.
"""

from typing import Literal

from mapcoder_lite.data.overlap import Match
from mapcoder_lite.example import Provenance
from mapcoder_lite.problem import Record


class Flagged(Record):
    """flagged.jsonl: a problem or reply that overlaps with an evaluation problem, or a reply that
    speaks of feedback."""

    schema_version: Literal[1] = 1
    problem_id: str
    reply: Provenance | None = None
    """The row whose reply it is; None = the problem itself, hence all its rows."""
    by: Literal["id", "containment", "similarity", "quotation"]
    match: Match | None = None
    """The evaluation problem; None for a quotation."""
    words: str | None = None
    """What a quotation says of the feedback."""
