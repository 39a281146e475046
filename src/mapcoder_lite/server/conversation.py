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
from mapcoder_lite.trajectory import Message

_REASONING = re.compile(
    r"<think>.*?</think>|<details type=\"reasoning\".*?</details>", re.DOTALL | re.IGNORECASE
)
_RUN = re.compile(r"\brun `([0-9A-HJKMNP-TV-Z]{26})`")

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
        InputError: it cannot be understood, or is interactive.
    """
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
    """Return the last fenced program of a message, and the message without it."""
    fences = list(re.finditer(r"^```([\w+#.-]*)[ \t]*\n(.*?)\n```[ \t]*$", text, re.M | re.S))
    for fence in reversed(fences):
        language = _LANGUAGES.get(fence[1].lower())
        if fence[1] and language is None:
            continue
        found = find_program(fence[0], language or Language.PYTHON)
        if found is not None:
            rest = text[: fence.start()] + text[fence.end() :]
            return OwnProgram(found.text, language or Language.PYTHON, rest)
    return None


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
    return _REASONING.sub("", text).strip()


def _role(role: str) -> Literal["system", "user", "assistant"]:
    if role in ("system", "developer"):
        return "system"
    return "assistant" if role == "assistant" else "user"
