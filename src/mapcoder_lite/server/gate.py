"""Whether a chat asks for a solve: by rules, so that a front end's own calls start none.

Knows: what titles, tags, follow-ups and statements look like.
Does not know: HTTP, models, what is answered.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from mapcoder_lite.data.headings import Part, heading
from mapcoder_lite.data.statement import InteractiveProblem
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Problem
from mapcoder_lite.server.conversation import Conversation, problem_in

_TASK = "### Task:"
_END_CHARACTERS = 2000
"""Of a text's beginning and of its end: there a front end says what it wants of a chat."""
_HISTORY = re.compile(
    r"^\W{0,10}(?:chat history|conversation|user|human|assistant)\W{0,3}:"
    r"|<(?:chat_?history|conversation|messages)>",
    re.IGNORECASE | re.MULTILINE,
)
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
    problem: Problem | None = None
    """What the user's text was read as."""


def decide(conversation: Conversation, overruled: Mode | None = None) -> Decision:
    """Decide what a chat asks for; a front end's header overrules every rule."""
    if overruled is not None:
        return Decision(overruled, "the X-MapCoder-Mode header")
    asked = conversation.asked
    if asked.startswith(_TASK):
        return _OWN_TASK
    read = _read(asked)
    if _is_own_task(asked, has_samples=isinstance(read, Problem) and bool(read.public_tests)):
        return _OWN_TASK
    is_problem = _is_problem(asked, read)
    if conversation.last_run is not None and not is_problem:
        return Decision(Mode.FOLLOW_UP, "a follow-up to a run")
    if not is_problem:
        return Decision(Mode.BASE, "nothing that looks like a problem")
    return Decision(Mode.SOLVE, "a problem", read if isinstance(read, Problem) else None)


_OWN_TASK = Decision(Mode.BASE, "a front end's own task, such as a title or tags")


def looks_like_problem(text: str) -> bool:
    """Whether a text is a statement: samples, Input and Output, or the wording of one."""
    return _is_problem(text, _read(text))


def _read(text: str) -> Problem | InputError:
    try:
        return problem_in(text)
    except InputError as error:
        return error


def _is_own_task(text: str, *, has_samples: bool) -> bool:
    """Whether a front end asks about the chat; a text with samples only where it shows the chat."""
    ends = text
    if len(text) > 2 * _END_CHARACTERS:
        ends = f"{text[:_END_CHARACTERS]}\n{text[-_END_CHARACTERS:]}"
    if not (_WANTS_JSON.search(ends) or _WANTS_TITLE.search(ends)):
        return False
    return not has_samples or _HISTORY.search(ends) is not None


def _is_problem(text: str, read: Problem | InputError) -> bool:
    if isinstance(read, InteractiveProblem):
        return True  # it is refused, which is then said, not chatted about
    if isinstance(read, Problem) and read.public_tests:
        return True
    parts = {found.part for line in text.splitlines() if (found := heading(line)) is not None}
    if {Part.INPUT, Part.OUTPUT} <= parts or {Part.SAMPLE_INPUT, Part.SAMPLE_OUTPUT} <= parts:
        return True
    num_wordings = sum(1 for pattern in _PATTERNS if pattern.search(text))
    return num_wordings >= _LEAST_WORDINGS and len(text) >= _LEAST_CHARACTERS
