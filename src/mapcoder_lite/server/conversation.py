"""A chat as a front end sends it, read: who said what, which run was spoken of, whose program.

Knows: messages of the OpenAI shape, what reasoning looks like in a history, run marks, fences.
Does not know: HTTP, what is answered.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mapcoder_lite.agents.fences import find_program
from mapcoder_lite.data.statement import parse_statement
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Language, Problem
from mapcoder_lite.server.problems import refuse_long
from mapcoder_lite.trajectory import Message

_REASONING = re.compile(
    r"(?P<opens><think>|<details type=\"reasoning\")|</think>|</details>", re.IGNORECASE
)
_FENCE = re.compile(r"^```([\w+#.-]*)[ \t]*$", re.MULTILINE)
_RUN = re.compile(r"\brun `([0-9A-HJKMNP-TV-Z]{26})`")

_MAX_PROGRAM_CHARACTERS = 100_000
"""Of a block that is parsed to see whether it is a program; meanwhile nobody else is served."""

CHAT_PROBLEM = "chat"
"""Id of a problem that was pasted into a chat."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns of a chat, reasoning left out."""

    turns: tuple[Message, ...]

    @classmethod
    def of(cls, turns: Sequence[tuple[str, str]]) -> "Conversation":
        """Read roles and texts; `developer` speaks as the system, a tool as the user."""
        return cls(tuple(Message(role=_role(role), content=_spoken(text)) for role, text in turns))

    @property
    def asked(self) -> str:
        """The user's last message."""
        return next((t.content for t in reversed(self.turns) if t.role == "user"), "")

    @property
    def user_texts(self) -> list[str]:
        """The user's messages, the last one first."""
        return [turn.content for turn in reversed(self.turns) if turn.role == "user"]

    @property
    def num_answers(self) -> int:
        """How often the assistant has answered."""
        return sum(turn.role == "assistant" for turn in self.turns)

    @property
    def last_run(self) -> str | None:
        """The id of the run that an answer told of, the latest one."""
        for turn in reversed(self.turns):
            if turn.role == "assistant" and (found := _RUN.findall(turn.content)):
                return str(found[-1])
        return None


def run_mark(run: str) -> str:
    """Return how an answer names its run, so that a follow-up finds it."""
    return f"run `{run}`"


def problem_in(text: str) -> Problem:
    """Read a problem from a message.

    Raises:
        InputError: it cannot be understood, is interactive or too long.
    """
    refuse_long(text)
    return parse_statement(text, CHAT_PROBLEM)


def first_problem(conversation: Conversation) -> Problem | None:
    """Return the latest problem with samples that the user gave, or None."""
    for text in conversation.user_texts:
        try:
            problem = problem_in(text)
        except InputError:
            continue
        if problem.public_tests:
            return problem
    return None


@dataclass(frozen=True, slots=True)
class OwnProgram:
    """A program of the user's, and what else the message says."""

    program: str
    language: Language
    rest: str


def own_program(text: str) -> OwnProgram | None:
    """Return the last fenced program of a message, and the message without it.

    Raises:
        InputError: it is longer than programs are taken.
    """
    for opening, closing in reversed(_fences(text)):
        language = _LANGUAGES.get(opening[1].lower())
        if opening[1] and language is None:
            continue
        fenced = text[opening.start() : closing.end()]
        if len(fenced) > _MAX_PROGRAM_CHARACTERS:
            raise InputError(
                f"a program of {len(fenced)} characters, more than the {_MAX_PROGRAM_CHARACTERS} "
                "that a chat takes: send it to /api/judge"
            )
        found = find_program(fenced, language or Language.PYTHON)
        if found is not None:
            rest = text[: opening.start()] + text[closing.end() :]
            return OwnProgram(found.text, language or Language.PYTHON, rest)
    return None


def _fences(text: str) -> list[tuple[re.Match[str], re.Match[str]]]:
    """Return the lines that open and close each block; what opens within one is content."""
    fences: list[tuple[re.Match[str], re.Match[str]]] = []
    opening = None
    for line in _FENCE.finditer(text):
        if opening is None:
            opening = line
        elif not line[1]:
            fences.append((opening, line))
            opening = None
    return fences


_LANGUAGES = {language.value: language for language in Language} | {
    "py": Language.PYTHON,
    "python3": Language.PYTHON,
    "c++": Language.CPP,
    "js": Language.JAVASCRIPT,
    "rs": Language.RUST,
    "rb": Language.RUBY,
    "c#": Language.CSHARP,
    "kt": Language.KOTLIN,
}


def _spoken(text: str) -> str:
    """Return what was said, without the reasoning, in one pass over the text."""
    marks = list(_REASONING.finditer(text))
    last_ends = {_kind(mark): mark.start() for mark in marks if not mark["opens"]}
    kept: list[str] = []
    start, kind = 0, None
    for mark in marks:
        if kind is None and mark["opens"] and mark.start() < last_ends.get(_kind(mark), 0):
            kept.append(text[start : mark.start()])
            kind = _kind(mark)
        elif kind is not None and not mark["opens"] and _kind(mark) == kind:
            start, kind = mark.end(), None
    return "".join([*kept, text[start:]]).strip()


def _kind(mark: re.Match[str]) -> str:
    return mark[0].strip("</>").partition(" ")[0].lower()


def _role(role: str) -> Literal["system", "user", "assistant"]:
    if role in ("system", "developer"):
        return "system"
    return "assistant" if role == "assistant" else "user"
