"""Keys and values of running rows: written in place, joined and left without copying the rest.

Knows: the cache protocol of transformers, rows, columns, left padding.
Does not know: what a row says or when it ends.
"""

# torch and transformers are only partly typed, hence not strict.
# pyright: basic

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

_ROOM = 128
"""Columns by which the cache grows: copying it every step would cost more than attention does."""


class GrowingLayer(DynamicLayer):
    """Keys and values of one layer, (B, heads, columns, width)."""

    def __init__(self, num_rows: int, num_columns: int, like: Tensor) -> None:
        super().__init__()
        self.lazy_initialization(like, like)
        _, heads, _, width = like.shape
        # Zeros, for attention multiplies padding by zero, and zero times garbage may be NaN.
        self._keys = like.new_zeros(num_rows, heads, num_columns + _ROOM, width)
        self._values = torch.zeros_like(self._keys)
        self._show(num_rows, num_columns)

    def join(self, first_row: int, keys: Tensor, values: Tensor) -> None:
        """Write freshly prefilled rows, right-aligned, from a row of this layer on."""
        num_rows, _, length, _ = keys.shape
        rows = slice(first_row, first_row + num_rows)
        columns = slice(self._num_columns - length, self._num_columns)
        self._keys[rows, :, columns] = keys
        self._values[rows, :, columns] = values

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Append columns; return all keys and values."""
        before = self._num_columns
        after = before + key_states.shape[2]
        if after > self._keys.shape[2]:
            self._keys = self._grown(self._keys, after + _ROOM)
            self._values = self._grown(self._values, after + _ROOM)
        self._keys[: self._num_rows, :, before:after] = key_states
        self._values[: self._num_rows, :, before:after] = value_states
        return self._show(self._num_rows, after)

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows, in this order; only rows that change place are copied."""
        sources: list[int] = indices.tolist()
        places = [place for place, source in enumerate(sources) if place != source]
        if places:
            moved = [sources[place] for place in places]
            self._keys[places] = self._keys[moved]
            self._values[places] = self._values[moved]
        self._show(len(sources), self._num_columns)

    def _show(self, num_rows: int, num_columns: int) -> tuple[Tensor, Tensor]:
        self._num_rows, self._num_columns = num_rows, num_columns
        keys = self._keys[:num_rows, :, :num_columns]
        values = self._values[:num_rows, :, :num_columns]
        self.keys, self.values = keys, values  # where transformers looks for them
        return keys, values

    def _grown(self, buffer: Tensor, num_columns: int) -> Tensor:
        """Return a wider buffer of the rows that are left."""
        _, heads, _, width = buffer.shape
        wider = buffer.new_zeros(self._num_rows, heads, num_columns, width)
        wider[:, :, : self._num_columns] = buffer[: self._num_rows, :, : self._num_columns]
        return wider


class RowCache(Cache):
    """The layers of a batch that rows join after prefill and leave when they end."""

    def __init__(self, num_rows: int, num_columns: int) -> None:
        self._shape = num_rows, num_columns
        self._growing: list[GrowingLayer] = []  # made when the first rows join
        super().__init__(layers=[])

    def join(self, first_row: int, newcomers: Cache) -> None:
        """Take in rows that were prefilled in a cache of their own."""
        states = _states(newcomers)
        if not self._growing:
            self._growing = [GrowingLayer(*self._shape, keys) for keys, _ in states]
            self.layers = list(self._growing)
        for layer, (keys, values) in zip(self._growing, states, strict=True):
            layer.join(first_row, keys, values)


def closed_ranks(is_kept: Sequence[bool]) -> list[int]:
    """Return the kept indices, gaps among the first ones filled by the last ones."""
    num_kept = sum(is_kept)
    movers = (i for i in range(num_kept, len(is_kept)) if is_kept[i])
    return [i if is_kept[i] else next(movers) for i in range(num_kept)]


def _states(cache: Cache) -> list[tuple[Tensor, Tensor]]:
    states: list[tuple[Tensor, Tensor]] = []
    for layer in cache.layers:
        if not isinstance(layer, DynamicLayer) or layer.keys is None or layer.values is None:
            raise TypeError(f"{layer!r} holds no keys and values of full attention")
        states.append((layer.keys, layer.values))
    return states
