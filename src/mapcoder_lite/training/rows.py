"""Training rows as a trainer wants them: measured, nothing cut.

Knows: rows, chat templates, lengths, where validation rows lie.
Does not know: models, optimisers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mapcoder_lite.errors import InputError
from mapcoder_lite.example import Example
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.trajectory import Message, Role


class ChatTokenizer(Protocol):
    """The part of a tokenizer that rows need."""

    def apply_chat_template(
        self, conversation: list[dict[str, str]], *, return_dict: bool
    ) -> list[int]:
        """Token ids of a conversation under the model's chat template."""
        ...


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of one role; no problem is on both sides."""

    train: list[Example]
    validation: list[Example]
    too_long: list[Example]
    """Left out: they would have been cut."""


def read_split(dataset: Path, role: Role, tokenizer: ChatTokenizer, max_tokens: int) -> Split:
    """Read one role's rows and set aside what is longer than `max_tokens`, closing tag included.

    A trainer that cuts such a row cuts its end, and so teaches replies without a closing tag.

    Raises:
        InputError: there are none.
    """
    train = list(read_lines(dataset / f"{role}.jsonl", Example))
    validation = list(read_lines(dataset / "validation" / f"{role}.jsonl", Example))
    if not train:
        raise InputError(
            f"{dataset} has no rows to train {role} on: make them with `mapcoder dataset RUN`"
        )
    split = Split([], [], [])
    for rows, fitting in ((train, split.train), (validation, split.validation)):
        for row in rows:
            is_short = num_tokens(row, tokenizer) <= max_tokens
            (fitting if is_short else split.too_long).append(row)
    return split


def num_tokens(row: Example, tokenizer: ChatTokenizer) -> int:
    """Length of prompt and completion under the chat template."""
    chat = conversation((*row.prompt, *row.completion))
    return len(tokenizer.apply_chat_template(chat, return_dict=False))


def conversation(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    """Messages in the form that chat templates read."""
    return [{"role": message.role, "content": message.content} for message in messages]
