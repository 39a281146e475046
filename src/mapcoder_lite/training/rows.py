"""Training rows as a trainer wants them: the tokens that serving sends, measured, nothing cut.

Knows: rows, chat templates, lengths, where validation rows lie.
Does not know: models, optimisers.
"""

# transformers is only partly typed
# pyright: basic

from dataclasses import dataclass
from pathlib import Path

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from mapcoder_lite.errors import InputError
from mapcoder_lite.example import Example
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.rendering import ends_of_reply, rendered
from mapcoder_lite.training.backbone import read_config, read_generation
from mapcoder_lite.trajectory import Role

IGNORED = -100
"""Label of a token that nothing is learnt from."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row and its tokens: the prompt as the engine sends it, then reply and end of turn."""

    example: Example
    ids: list[int]
    num_prompt: int
    num_rendered: int
    """Tokens of the whole chat, with what the template puts after the end of turn."""

    @property
    def labels(self) -> list[int]:
        """What is learnt: the reply and its end, as long as `ids`."""
        return [IGNORED] * self.num_prompt + self.ids[self.num_prompt :]


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of one role; no problem is on both sides."""

    role: Role
    train: list[Row]
    validation: list[Row]
    too_long: list[Row]
    """Left out: they would have been cut."""


def read_split(
    dataset: Path,
    role: Role,
    tokenizer: PreTrainedTokenizerBase,
    ends: frozenset[int],
    max_tokens: int,
) -> Split:
    """Read one role's rows and set aside what is longer than `max_tokens`, end of turn included.

    A trainer that cuts such a row cuts its end, and so teaches replies without a closing tag.

    Raises:
        InputError: there are none, or a row is another role's, has a blank reply or cannot be put
            into the template.
        StoreError: a line is no row.
    """
    train = list(read_lines(dataset / f"{role}.jsonl", Example))
    validation = list(read_lines(dataset / "validation" / f"{role}.jsonl", Example))
    if not train:
        raise InputError(
            f"{dataset} has no rows to train {role} on: make them with `mapcoder dataset RUN`, or "
            "name the other roles with --role"
        )
    split = Split(role, [], [], [])
    for examples, fitting in ((train, split.train), (validation, split.validation)):
        for example in examples:
            refuse_row(example, role, dataset)
            row = encoded(example, tokenizer, ends)
            (fitting if len(row.ids) <= max_tokens else split.too_long).append(row)
    return split


def refuse_row(
    example: Example, role: Role, dataset: Path, *, is_blank_right: bool = False
) -> None:
    """Refuse a row that would teach a role another's replies, or to say nothing.

    Raises:
        InputError: the row is named.
    """
    if example.role != role:
        raise InputError(
            f"{dataset}: {origin(example)} is a row of {example.role} among those of {role}: make "
            "the data set anew with `mapcoder dataset RUN`"
        )
    if not (is_blank_right or example.completion[-1].content.strip()):
        raise InputError(f"{dataset}: the reply of {origin(example)} is blank: leave the row out")


def encoded(example: Example, tokenizer: PreTrainedTokenizerBase, ends: frozenset[int]) -> Row:
    """Return a row's tokens: the prompt's are those that the engine sends for it.

    The reply goes on from there and ends with the token at which the engine stops; what the
    template puts after it is never generated, hence not taught.

    Raises:
        InputError: the template refuses the row, does not go on from the prompt, or ends no turn;
            or the reply itself holds such an end.
    """
    try:
        prompt, tail = rendered(example, tokenizer)
    except (TemplateError, TypeError, ValueError) as error:
        raise InputError(
            f"the chat template refuses {origin(example)}: {error}; train another backbone, or "
            "change its chat_template.jinja"
        ) from error
    end = next((place for place, token in enumerate(tail) if token in ends), None)
    if end is None:
        raise InputError(
            f"the chat template ends the reply of {origin(example)} with no token at which serving "
            "stops: put eos_token_id of the backbone's generation_config.json right"
        )
    if str(tokenizer.decode(tail[end + 1 :])).strip():
        raise InputError(
            f"the reply of {origin(example)} holds {tokenizer.decode([tail[end]])!r}, which ends a "
            "turn: leave the row out"
        )
    return Row(example, prompt + tail[: end + 1], len(prompt), len(prompt) + len(tail))


def origin(example: Example) -> str:
    """Where a row comes from, for messages."""
    found = example.provenance
    return f"{found.run}, {found.problem_id}, sample {found.sample}, call {found.call_index}"


def end_tokens(tokenizer: PreTrainedTokenizerBase, backbone: Path) -> frozenset[int]:
    """Tokens at which serving ends a reply, as the backbone's files name them."""
    return ends_of_reply(tokenizer, read_config(backbone), read_generation(backbone))
