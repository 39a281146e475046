"""Whether a chat asks for a solve: by rules, so that a front end's own calls start none.

Knows: what titles, tags, follow-ups and statements look like.
Does not know: HTTP, models, what is answered.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from mapcoder_lite.data.headings import Part, heading
from mapcoder_lite.errors import InputError
from mapcoder_lite.server.conversation import Conversation, problem_in

_TASK = "### Task:"
_WANTS_JSON = re.compile(
    r"\b(?:title|tags?|follow[- ]?ups?|queries|emoji|categor\w+)\b.{0,400}\bJSON\b"
    r"|\bJSON\b.{0,400}\b(?:title|tags?|follow[- ]?ups?|queries|emoji|categor\w+)\b",
    re.IGNORECASE | re.DOTALL,
)
_WANTS_TITLE = re.compile(
    r"\b(?:generate|create|write|suggest|summari[sz]e)\b.{0,80}\b(?:title|headline)\b"
    r".{0,80}\b(?:chat|conversation|discussion|message)",
    re.IGNORECASE | re.DOTALL,
)
_WORDS_OF_STATEMENTS = (
    r"given|you are given|consider|there (?:is|are)",
    r"print|output|return|report|display",
    r"integers?|numbers?|array|string|graph|tree|grid|matrix|sequence|list|permutation",
    r"input|first line|next line|each line|read",
    r"at most|at least|minimum|maximum|smallest|largest|number of|how many|whether|sum of|count",
    r"constraints?|\d\s*(?:<=|≤|<|\\le)\s*\w+|10\^\d|10\*\*\d",
)
_PATTERNS = [re.compile(rf"\b(?:{words})", re.IGNORECASE) for words in _WORDS_OF_STATEMENTS]
_LEAST_WORDINGS = 4
_LEAST_CHARACTERS = 80


class Mode(StrEnum):
    """What a chat is answered by."""

    SOLVE = "solve"
    BASE = "base"
    """One call of the backbone."""
    FOLLOW_UP = "follow_up"
    """One call of the backbone, which is shown the run that is spoken of."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate decided, and by which rule."""

    mode: Mode
    why: str


def decide(conversation: Conversation, overruled: Mode | None = None) -> Decision:
    """Decide what a chat asks for; a front end's header overrules every rule."""
    if overruled is not None:
        return Decision(overruled, "the X-MapCoder-Mode header")
    asked = conversation.asked
    if asked.startswith(_TASK) or _WANTS_JSON.search(asked) or _WANTS_TITLE.search(asked):
        return Decision(Mode.BASE, "a front end's own task, such as a title or tags")
    is_problem = looks_like_problem(asked)
    if conversation.last_run is not None and not is_problem:
        return Decision(Mode.FOLLOW_UP, "a follow-up to a run")
    if not is_problem:
        return Decision(Mode.BASE, "nothing that looks like a problem")
    return Decision(Mode.SOLVE, "a problem")


def looks_like_problem(text: str) -> bool:
    """Whether a text is a statement: samples, Input and Output, or the wording of one."""
    if _is_interactive(text):
        return True
    parts = {found.part for line in text.splitlines() if (found := heading(line)) is not None}
    if {Part.INPUT, Part.OUTPUT} <= parts or {Part.SAMPLE_INPUT, Part.SAMPLE_OUTPUT} <= parts:
        return True
    num_wordings = sum(1 for pattern in _PATTERNS if pattern.search(text))
    return num_wordings >= _LEAST_WORDINGS and len(text) >= _LEAST_CHARACTERS


def _is_interactive(text: str) -> bool:
    """Whether it is a problem that is refused, which is then said, not chatted about."""
    try:
        problem_in(text)
    except InputError as error:
        return "interactive" in str(error)
    return False
