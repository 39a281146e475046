"""Rows of one adapter decoded together: prefill, then one token a row and step.

Knows: a causal LM, left padding, a growing key-value cache, rows that leave.
Does not know: adapters, threads, messages, text beyond what a reply asks for.
"""

# torch and transformers are only partly typed, hence not strict.
# pyright: basic

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import Cache, DynamicLayer

from mapcoder_lite.engine.reply import Reply
from mapcoder_lite.engine.sampling import Sampler, draw

_PREFILL_TOKENS = 8192
"""Padded tokens of one prefill; bounds the memory of activations."""
_ROOM = 128
"""Columns by which the cache grows: copying it every step would cost more than attention does."""


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
    model: PreTrainedModel, rows: Sequence[Row], is_wanted: Callable[[Row], bool]
) -> Iterator[Row]:
    """Yield each row as it ends; a row that is no longer wanted leaves without being yielded."""
    rows = sorted(rows, key=lambda row: len(row.prompt), reverse=True)
    batch, logits = _prefill(model, rows)
    while True:
        for row, token in zip(batch.rows, draw(logits, _samplers(batch)), strict=True):
            row.accept(token)
        yield from (row for row in batch.rows if row.has_ended)
        batch.keep([not row.has_ended and is_wanted(row) for row in batch.rows])
        if not batch.rows:
            return
        logits = _step(model, batch)


class GrowingLayer(DynamicLayer):
    """Keys and values of one layer, written in place; rows leave without copying the others."""

    def __init__(self, num_rows: int, columns: int, like: DynamicLayer) -> None:
        super().__init__()
        self.lazy_initialization(like.keys, like.values)
        heads, width = like.keys.shape[1], like.keys.shape[3]
        # Zeros, for attention multiplies padding by zero, and zero times garbage may be NaN.
        self._keys = like.keys.new_zeros(num_rows, heads, columns + _ROOM, width)
        self._values = torch.zeros_like(self._keys)
        self._show(num_rows, columns)

    def join(self, first_row: int, newcomers: DynamicLayer) -> None:
        """Write freshly prefilled rows, right-aligned, from a row of this layer on."""
        num_rows, _, length, _ = newcomers.keys.shape
        target = (slice(first_row, first_row + num_rows), slice(None), slice(-length, None))
        self.keys[target] = newcomers.keys
        self.values[target] = newcomers.values

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Append columns and return all keys and values."""
        num_rows, _, before, _ = self.keys.shape
        columns = before + key_states.shape[2]
        if columns > self._keys.shape[2]:
            self._keys = _grown(self.keys, columns + _ROOM)
            self._values = _grown(self.values, columns + _ROOM)
        self._show(num_rows, columns)
        self.keys[:, :, before:] = key_states
        self.values[:, :, before:] = value_states
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows, in this order; only rows that change place are copied."""
        sources = indices.tolist()
        places = [place for place, source in enumerate(sources) if place != source]
        if places:
            moved = [sources[place] for place in places]
            self._keys[places] = self._keys[moved]
            self._values[places] = self._values[moved]
        self._show(len(sources), self.keys.shape[2])

    def _show(self, num_rows: int, columns: int) -> None:
        self.keys = self._keys[:num_rows, :, :columns]
        self.values = self._values[:num_rows, :, :columns]


@dataclass(slots=True)
class _Batch:
    """Running rows with what the next step of each needs."""

    rows: list[Row]
    cache: Cache
    visible: Tensor
    """(B, all columns that will ever be); False on left padding."""
    positions: Tensor
    """(B, 1); position of the next token, padding not counted."""
    columns: int

    def keep(self, is_kept: Sequence[bool]) -> None:
        """Drop rows; the last ones move into the gaps, so that little is copied."""
        if all(is_kept):
            return
        order = _closed_ranks(is_kept)
        self.rows = [self.rows[i] for i in order]
        indices = torch.tensor(order, dtype=torch.long, device=self.visible.device)
        self.cache.batch_select_indices(indices)
        self.visible = self.visible[indices]
        self.positions = self.positions[indices]


def _prefill(model: PreTrainedModel, rows: list[Row]) -> tuple[_Batch, Tensor]:
    """Run all prompts, longest first; return the batch and the logits of each next token."""
    longest = len(rows[0].prompt)
    lengths = torch.tensor([len(row.prompt) for row in rows], device=model.device)
    cache: Cache | None = None
    logits: list[Tensor] = []
    for first, group in _slices(rows):
        newcomers, next_logits = _prefill_slice(model, group)
        logits.append(next_logits)
        if cache is None:
            cache = Cache([GrowingLayer(len(rows), longest, like) for like in newcomers.layers])
        for layer, fresh in zip(cache.layers, newcomers.layers, strict=True):
            layer.join(first, fresh)
    room = max(row.reply.max_tokens for row in rows)
    columns = torch.arange(longest + room, device=model.device)
    visible = columns[None, :] >= (longest - lengths)[:, None]
    return _Batch(rows, cache, visible, lengths[:, None], longest), torch.cat(logits)


def _slices(rows: list[Row]) -> Iterator[tuple[int, list[Row]]]:
    first = 0
    while first < len(rows):
        size = max(1, _PREFILL_TOKENS // len(rows[first].prompt))
        yield first, rows[first : first + size]
        first += size


def _prefill_slice(model: PreTrainedModel, rows: list[Row]) -> tuple[DynamicCache, Tensor]:
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
    return cache, output.logits[:, -1]  # (B, V)


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


def _samplers(batch: _Batch) -> list[Sampler]:
    return [row.sampler for row in batch.rows]


def _closed_ranks(is_kept: Sequence[bool]) -> list[int]:
    """Return the kept indices, gaps among the first ones filled by the last ones."""
    num_kept = sum(is_kept)
    movers = (i for i in range(num_kept, len(is_kept)) if is_kept[i])
    return [i if is_kept[i] else next(movers) for i in range(num_kept)]


def _grown(view: Tensor, columns: int) -> Tensor:
    num_rows, heads, used, width = view.shape
    buffer = view.new_zeros(num_rows, heads, columns, width)
    buffer[:, :, :used] = view
    return buffer
