"""What training for the roles cost the backbone: loss on chats that are none of the roles'.

Knows: losses a chat, what is set against what.
Does not know: models, tokens, where chats come from.
"""

from collections.abc import Sequence
from typing import Literal

from mapcoder_lite.errors import StoreError
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import Mean, clustered_mean


class ChatLosses(Record):
    """A line of forgetting.jsonl: one model's losses on the same chats as every other line's."""

    schema_version: Literal[1] = 1
    name: str
    """Of the adapter or model, as `main/coding`; empty = the bare backbone."""
    model_digest: str
    """Of its files, and of the backbone's under an adapter."""
    backbone_digest: str
    """Of the bare backbone that it is set against."""
    seed: int
    """Of the chats."""
    losses: tuple[float, ...]
    """Nats of a chat's reply, its end included, summed over its tokens."""
    tokens: tuple[int, ...]
    """How many those are."""


class ForgottenRow(Record):
    """One model's mean loss, and its difference to the bare backbone's on the same chats."""

    name: str
    loss: float
    """Nats a reply token."""
    change: Mean


def forgotten(lines: Sequence[ChatLosses]) -> tuple[ForgottenRow, ...]:
    """Return a row a model; of several lines of one name the last counts.

    Raises:
        StoreError: the bare backbone's line is missing, or a line is of other chats than it.
    """
    latest = {line.name: line for line in lines}
    bare = latest.get("")
    if bare is None:
        raise StoreError("forgetting.jsonl has no line of the bare backbone: make it anew")
    return tuple(_row(line, bare) for line in latest.values())


def _row(line: ChatLosses, bare: ChatLosses) -> ForgottenRow:
    is_same = (line.backbone_digest, line.seed, line.tokens) == (
        bare.backbone_digest,
        bare.seed,
        bare.tokens,
    )
    if not is_same:
        raise StoreError(
            f"the losses of {line.name or 'the backbone'} are of other chats or another backbone "
            "than the bare backbone's: make forgetting.jsonl anew"
        )
    changes = [a - b for a, b in zip(line.losses, bare.losses, strict=True)]
    return ForgottenRow(
        name=line.name or "the bare backbone",
        loss=sum(line.losses) / sum(line.tokens),
        change=clustered_mean(list(zip(changes, line.tokens, strict=True))),
    )
