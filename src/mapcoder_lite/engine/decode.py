"""Rows of one adapter decoded together: prefill, then one token a row and step.

Knows: a causal LM, left padding, positions, rows that leave.
Does not know: adapters, threads, messages, text beyond what a reply asks for.
"""

# torch and transformers are only partly typed, hence not strict.
# pyright: basic

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import Cache

from mapcoder_lite.engine.cache import RowCache, closed_ranks
from mapcoder_lite.engine.reply import Reply
from mapcoder_lite.engine.sampling import Sampler, draw


@dataclass(eq=False, slots=True)
class Row:
    """One reply being drawn; it ends when the reply is finished or a fault is found."""

    prompt: Sequence[int]
    sampler: Sampler
    reply: Reply
    fault: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the row is owed no more tokens."""
        return self.fault is not None or self.reply.finish_reason is not None

    def accept(self, token: int | None) -> None:
        """Take the next token, or the news that there is none."""
        if token is None:
            self.fault = f"the logits of token {len(self.reply.tokens)} are not finite"
        else:
            self.reply.accept(token)


@torch.inference_mode()
def decode(
    model: PreTrainedModel,
    rows: Sequence[Row],
    is_wanted: Callable[[Row], bool],
    prefill_tokens: int = 8192,
) -> Iterator[Row]:
    """Yield each row as it ends; a row that is no longer wanted leaves without being yielded.

    `prefill_tokens` bounds prompts run at once, padding counted, and so the memory they take.
    """
    rows = sorted(rows, key=lambda row: len(row.prompt), reverse=True)
    batch, logits = _prefill(model, rows, prefill_tokens)
    while True:
        for row, token in zip(
            batch.rows, draw(logits, [row.sampler for row in batch.rows]), strict=True
        ):
            row.accept(token)
        yield from (row for row in batch.rows if row.has_ended)
        batch.keep([not row.has_ended and is_wanted(row) for row in batch.rows])
        if not batch.rows:
            return
        logits = _step(model, batch)


@dataclass(slots=True)
class _Batch:
    """Running rows with what the next step of each needs."""

    rows: list[Row]
    cache: RowCache
    visible: Tensor
    """(B, all columns that will ever be); False on left padding."""
    positions: Tensor
    """(B, 1); position of the next token, padding not counted."""
    columns: int

    def keep(self, is_kept: Sequence[bool]) -> None:
        """Drop rows; the last ones move into the gaps, so that little is copied."""
        if all(is_kept):
            return
        order = closed_ranks(is_kept)
        self.rows = [self.rows[i] for i in order]
        indices = torch.tensor(order, dtype=torch.long, device=self.visible.device)
        self.cache.batch_select_indices(indices)
        self.visible = self.visible[indices]
        self.positions = self.positions[indices]


def _prefill(model: PreTrainedModel, rows: list[Row], prefill_tokens: int) -> tuple[_Batch, Tensor]:
    """Run all prompts, longest first; return the batch and the logits of each first token."""
    longest = len(rows[0].prompt)
    cache = RowCache(len(rows), longest)
    logits: list[Tensor] = []
    first_row = 0
    for group in _slices(rows, prefill_tokens):
        newcomers, group_logits = _prefill_slice(model, group)
        cache.join(first_row, newcomers)
        logits.append(group_logits)
        first_row += len(group)
    lengths = torch.tensor([len(row.prompt) for row in rows], device=model.device)
    room = max(row.reply.max_tokens for row in rows)
    columns = torch.arange(longest + room, device=model.device)
    visible = columns[None, :] >= (longest - lengths)[:, None]
    return _Batch(rows, cache, visible, lengths[:, None], longest), torch.cat(logits)


def _slices(rows: list[Row], prefill_tokens: int) -> Iterator[list[Row]]:
    first = 0
    while first < len(rows):
        size = max(1, prefill_tokens // len(rows[first].prompt))
        yield rows[first : first + size]
        first += size


def _prefill_slice(model: PreTrainedModel, rows: list[Row]) -> tuple[Cache, Tensor]:
    """Run prompts of similar length; return their cache and (B, V) logits."""
    longest = len(rows[0].prompt)
    tokens = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for i, row in enumerate(rows):
        tokens[i, longest - len(row.prompt) :] = torch.tensor(row.prompt)
        mask[i, longest - len(row.prompt) :] = 1
    cache = DynamicCache(config=model.config)
    output = model(
        input_ids=tokens.to(model.device),
        attention_mask=mask.to(model.device),
        position_ids=(mask.cumsum(dim=1) - 1).clamp_min(0).to(model.device),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    return cache, output.logits[:, -1]


def _step(model: PreTrainedModel, batch: _Batch) -> Tensor:
    """Feed every row its last token; return the logits of the next, (B, V)."""
    batch.columns += 1
    last = torch.tensor([[row.reply.tokens[-1]] for row in batch.rows], device=model.device)
    output = model(
        input_ids=last,
        attention_mask=batch.visible[:, None, None, : batch.columns],
        position_ids=batch.positions,
        past_key_values=batch.cache,
        use_cache=True,
    )
    batch.positions = batch.positions + 1
    return output.logits[:, -1]
