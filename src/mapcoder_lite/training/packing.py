"""Rows laid end to end: a batch without padding, each row blind to the others.

Knows: token rows, attention within a row, the loss on completions.
Does not know: adapters' weights, optimisers, files.
"""

# torch and its libraries leave most of their types open
# pyright: basic

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from mapcoder_lite.training.mixed import Segment

ATTENTION = "mapcoder_rows"
"""The name under which transformers knows attention within the rows of a batch."""

_LOGITS_AT_ONCE = 2**26

_SEGMENT_TOKENS = 128
# Segments are filled up to a multiple, so that products meet fewer shapes: oneDNN prepares each new
# one and keeps what it prepared. What it saves was not measured by itself.


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One training row as a model reads it."""

    tokens: tuple[int, ...]
    num_prompt: int
    """Leading tokens that nothing is learnt from."""

    @property
    def num_taught(self) -> int:
        """Tokens that count in the loss; the first of a row has nothing before it."""
        return len(self.tokens) - max(self.num_prompt, 1)


@dataclass(frozen=True, slots=True)
class Owned:
    """A row, whose it is, and what each of its taught tokens counts in the loss."""

    row: TokenRow
    place: int
    weight: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows end to end, sorted by adapter."""

    segments: tuple[Segment, ...]
    lengths: tuple[int, ...]
    """Of the rows, and of what fills segments up."""
    tokens: Tensor
    """(1, T)"""
    positions: Tensor
    """(1, T), from 0 in every row."""
    sources: Tensor
    """(N,): where the next token is taught."""
    targets: Tensor
    """(N,): the token that comes next there."""
    weights: Tensor
    """(N,), float32: what each counts in the loss."""
    owners: Tensor
    """(N,): place of the adapter."""


def batches(rows: Sequence[Owned], max_tokens: int, device: torch.device) -> list[Batch]:
    """Cut a step's rows, given in the order of their adapters, into batches of even length.

    No batch is longer than `max_tokens` unless a single row is.
    """
    total = sum(len(owned.row.tokens) for owned in rows)
    num_batches = -(-total // max_tokens)
    cut: list[list[Owned]] = [[]]
    filled = 0
    for owned in rows:
        length = len(owned.row.tokens)
        here = sum(len(other.row.tokens) for other in cut[-1])
        is_even = filled + length / 2 > total * len(cut) / num_batches
        if cut[-1] and (is_even or here + length > max_tokens):
            cut.append([])
        cut[-1].append(owned)
        filled += length
    return [_batch(part, device) for part in cut]


def _batch(rows: Sequence[Owned], device: torch.device) -> Batch:
    segments: list[Segment] = []
    lengths: list[int] = []
    tokens: list[int] = []
    positions: list[int] = []
    sources: list[int] = []
    targets: list[int] = []
    for place, group in groupby(rows, key=lambda owned: owned.place):
        start = len(tokens)
        for row in (owned.row for owned in group):
            first = len(tokens)
            lengths.append(len(row.tokens))
            tokens += row.tokens
            positions += range(len(row.tokens))
            taught = range(max(row.num_prompt, 1), len(row.tokens))
            sources += (first + i - 1 for i in taught)
            targets += row.tokens[taught.start :]
        if filling := (start - len(tokens)) % _SEGMENT_TOKENS:
            lengths.append(filling)
            tokens += [0] * filling
            positions += range(filling)
        segments.append(Segment(place, start, len(tokens)))
    counts = torch.tensor([owned.row.num_taught for owned in rows])
    weights = torch.tensor([owned.weight for owned in rows], dtype=torch.float32)
    owners = torch.tensor([owned.place for owned in rows])
    return Batch(
        segments=tuple(segments),
        lengths=tuple(lengths),
        tokens=torch.tensor([tokens]).to(device),
        positions=torch.tensor([positions]).to(device),
        sources=torch.tensor(sources).to(device),
        targets=torch.tensor(targets).to(device),
        weights=weights.repeat_interleave(counts).to(device),
        owners=owners.repeat_interleave(counts).to(device),
    )


def hidden_states(model: PreTrainedModel, batch: Batch) -> Tensor:
    """Run the backbone; return what its head reads where a token is taught, (N, hidden)."""
    decoder: Any = model.get_decoder()
    states = decoder(
        input_ids=batch.tokens,
        position_ids=batch.positions,
        use_cache=False,
        row_lengths=batch.lengths,
    ).last_hidden_state
    return states[0].index_select(0, batch.sources)


def attend_within_rows(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    row_lengths: Sequence[int],
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Causal attention of each row on itself; (1, heads, T, d) -> (1, T, heads, d)."""
    lengths = list(row_lengths)
    # Splits, not slices: the backward of a split joins, that of slices adds up zeros.
    parts = zip(*(states.split(lengths, dim=2) for states in (query, key, value)), strict=True)
    mixed = [
        scaled_dot_product_attention(
            q, k, v, is_causal=True, scale=scaling, dropout_p=dropout, enable_gqa=True
        )
        for q, k, v in parts
    ]
    return torch.cat(mixed, dim=2).transpose(1, 2), None


AttentionInterface.register(ATTENTION, attend_within_rows)


def token_losses(states: Tensor, head: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """The weighted sum of the losses, to be differentiated, and each token's loss in nats, (N,).

    Logits, (N, vocabulary), exist only for some tokens at a time; their gradient is taken with
    them, so they are computed once.
    """
    loss, each = _WeightedLoss.apply(states, head, batch.targets, batch.weights)  # type: ignore[misc]  # apply is untyped
    return loss, each


class _WeightedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: Tensor, head: Tensor, targets: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        inputs = states.to(head.dtype)
        needs_gradient = ctx.needs_input_grad[0]
        gradient = torch.empty_like(inputs) if needs_gradient else None
        each = torch.empty(len(targets), device=states.device)
        at_once = max(64, _LOGITS_AT_ONCE // len(head))
        for start in range(0, len(targets), at_once):
            part = slice(start, start + at_once)
            logits = (inputs[part] @ head.t()).float()
            taught = targets[part, None]
            normaliser = logits.logsumexp(-1, keepdim=True)
            each[part] = (normaliser - logits.gather(-1, taught)).squeeze(-1)
            if gradient is not None:
                scores = logits.sub_(normaliser).exp_()
                scores.scatter_add_(-1, taught, scores.new_full((1, 1), -1.0).expand(taught.shape))
                scores *= weights[part, None]
                torch.mm(scores.to(head.dtype), head, out=gradient[part])
        ctx.gradient = None if gradient is None else gradient.to(states.dtype)
        ctx.mark_non_differentiable(each)
        return torch.dot(each, weights), each

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor, _: Tensor) -> tuple[Tensor, None, None, None]:
        return ctx.gradient.mul_(above), None, None, None
