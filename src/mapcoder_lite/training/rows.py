"""Training rows as a trainer wants them: measured, split by problem, nothing cut.

Knows: rows, chat templates, lengths, the validation split.
Does not know: models, optimisers.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mapcoder_lite.errors import InputError
from mapcoder_lite.example import Example
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.trajectory import Message, Role

VALIDATION_BUCKETS = 20
"""One problem in so many goes to validation."""


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


def read_rows(dataset: Path, role: Role) -> list[Example]:
    """Read one role's rows.

    Raises:
        InputError: there are none.
    """
    rows = list(read_lines(dataset / f"{role}.jsonl", Example))
    if not rows:
        raise InputError(f"{dataset} has no rows for {role}: make them with `mapcoder dataset RUN`")
    return rows


def split(rows: list[Example], tokenizer: ChatTokenizer, max_tokens: int) -> Split:
    """Split by problem and set aside what is longer than `max_tokens`, closing tag included.

    A trainer that cuts such a row cuts its end, and so teaches replies without a closing tag.
    """
    parts = Split([], [], [])
    for row in rows:
        if num_tokens(row, tokenizer) > max_tokens:
            parts.too_long.append(row)
        elif _is_validation(row):
            parts.validation.append(row)
        else:
            parts.train.append(row)
    return parts


def num_tokens(row: Example, tokenizer: ChatTokenizer) -> int:
    """Length of prompt and completion under the chat template."""
    chat = conversation((*row.prompt, *row.completion))
    return len(tokenizer.apply_chat_template(chat, return_dict=False))


def conversation(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    """Messages in the form that chat templates read."""
    return [{"role": message.role, "content": message.content} for message in messages]


def _is_validation(row: Example) -> bool:
    value = hashlib.sha256(row.provenance.problem_id.encode()).digest()
    return int.from_bytes(value[:8]) % VALIDATION_BUCKETS == 0
