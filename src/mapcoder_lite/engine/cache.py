"""Keys and values of rows: written in place, joined and left without copying the rest.

Knows: the cache protocol of transformers, rows, columns, which column a row may see.
Does not know: what a row says or when it ends.
"""

# torch and transformers are only partly typed, hence not strict.
# pyright: basic

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers.cache_utils import Cache

States = Sequence[Tensor]
"""Keys and values of one row, (heads, tokens, width) each: layer 0's keys, its values, layer 1's …
Keys are already turned by their position, so they may lie in any column."""

ROOM = 128
"""Columns by which the cache grows: copying it every step would cost more than attention does."""

_HIDDEN = -math.inf


class ChunkCache(Cache):
    """One forward over newly read tokens: each row sees its past, if any, and its own chunk."""

    def __init__(self, past: Sequence[Tensor] = ()) -> None:
        """Take the past as (B, heads, L, width), keys and values in turn as in `States`."""
        super().__init__(layers=[])
        self.chunk: list[Tensor] = []
        """Keys and values of the new tokens, (B, heads, T, width), in turn."""
        self._past = past

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: object, **_: object
    ) -> tuple[Tensor, Tensor]:
        """Keep a layer's new keys and values; return them after the past ones."""
        self.chunk += (key_states, value_states)
        if not self._past:
            return key_states, value_states
        keys, values = self._past[2 * layer_idx : 2 * layer_idx + 2]
        return torch.cat((keys, key_states), dim=2), torch.cat((values, value_states), dim=2)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return the columns of the past."""
        return self._past[0].shape[2] if self._past else 0

    def get_query_offset(self, layer_idx: int = 0) -> int:
        """Return the column of the first new token."""
        return self.get_seq_length()

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        """Return how many columns will be seen, and from which on."""
        return self.get_seq_length() + query_length, 0


class RowCache(Cache):
    """Running rows in one buffer a layer, (rows, heads, columns, width), of which a window is used.

    A row's columns need not be neighbours: what it does not own is hidden from it. So a row joins
    by being written, a longer prompt moves nobody, and columns that no row owns any more fall out
    at the left by moving the window.
    """

    def __init__(self) -> None:
        super().__init__(layers=[])
        self._firsts: list[int] = []  # the first own column of each row
        self._start = self._end = 0
        self._opened = 1  # columns at the right that the tokens being read are written to
        self._buffers: list[Tensor] = []
        self._hidden = torch.empty(0)  # (rows, columns), 0 or -inf, added to attention's scores

    @property
    def num_rows(self) -> int:
        """How many rows run."""
        return len(self._firsts)

    @property
    def num_columns(self) -> int:
        """How many columns attention reads."""
        return self._end - self._start

    @property
    def num_bytes(self) -> int:
        """What the buffers take, unused parts included."""
        return sum(buffer.nbytes for buffer in self._buffers)

    def join(self, newcomers: Sequence[States], num_coming: int = 0) -> None:
        """Take in rows, each with the keys and values of its tokens so far.

        `num_coming` more are expected: their room is made now, where new room is needed anyway.
        """
        longest = max(states[0].shape[1] for states in newcomers)
        self._make_room(newcomers, longest, num_coming)
        self._end = max(self._end, longest)
        for states in newcomers:
            slot, length = self.num_rows, states[0].shape[1]
            first = self._end - length  # at the right, so that the left falls out early
            for buffer, state in zip(self._buffers, states, strict=True):
                buffer[slot, :, first : self._end] = state
            self._hidden[slot] = _HIDDEN
            self._hidden[slot, first : self._end] = 0
            self._firsts.append(first)
        self._start = min(self._firsts)

    def open_columns(self, count: int = 1) -> Tensor:
        """Give every row more columns; return what to add to the scores, (B, 1, count, columns)."""
        if self._end + count > self._hidden.shape[1]:
            self._allocate(self._buffers, self.num_rows, count)
        self._hidden[: self.num_rows, self._end : self._end + count] = 0
        self._end += count
        self._opened = count
        hidden = self._hidden[: self.num_rows, None, None, self._start : self._end]
        if count == 1:
            # CUDA's attention reads 16 bytes at a time, and a window may begin at any 4.
            return hidden.clone() if hidden.is_cuda else hidden
        hidden = hidden.repeat(1, 1, count, 1)
        later = torch.full((count, count), _HIDDEN, device=hidden.device).triu_(1)
        hidden[..., -count:] += later.to(hidden.dtype)
        return hidden

    def hide_unused(self, num_used: Tensor) -> None:
        """Of the opened columns, leave each row its first `num_used`, (B,), and hide the others."""
        columns = torch.arange(self._opened, device=num_used.device)
        rows, opened = slice(self.num_rows), slice(self._end - self._opened, self._end)
        unused = columns >= num_used[:, None]
        self._hidden[rows, opened].masked_fill_(unused, _HIDDEN)
        for buffer in self._buffers:  # what is hidden must be finite: zero times NaN is NaN
            buffer[rows, :, opened].masked_fill_(unused[:, None, :, None], 0)

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: object, **_: object
    ) -> tuple[Tensor, Tensor]:
        """Write a layer's keys and values into the opened columns; return all in the window."""
        keys, values = self._buffers[2 * layer_idx : 2 * layer_idx + 2]
        rows = self.num_rows
        keys[:rows, :, self._end - self._opened : self._end] = key_states
        values[:rows, :, self._end - self._opened : self._end] = value_states
        return (
            keys[:rows, :, self._start : self._end],
            values[:rows, :, self._start : self._end],
        )

    def keep(self, is_kept: Sequence[bool], is_clean: Sequence[bool]) -> list[int]:
        """Drop rows, the last ones moving into the gaps; return the old indices in the new order.

        What a row that is not clean leaves behind is wiped: a column that is hidden still meets
        attention as zero times its value, and zero times NaN is NaN.
        """
        for slot, clean in enumerate(is_clean):
            if not clean:
                for buffer in self._buffers:
                    buffer[slot].zero_()
        order = closed_ranks(is_kept)
        places = [place for place, source in enumerate(order) if place != source]
        moved = [order[place] for place in places]
        for buffer in (*self._buffers, self._hidden) if places else ():
            buffer[places] = buffer[moved]
        self._firsts = [self._firsts[source] for source in order]
        if not order:
            self.clear()
            return order
        self._start = min(self._firsts)
        return order

    def clear(self) -> None:
        """Let all rows and the memory go."""
        self._firsts = []
        self._buffers = []
        self._hidden = torch.empty(0)
        self._start = self._end = 0

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return the columns before the tokens that are being read."""
        return self.num_columns - self._opened

    def get_query_offset(self, layer_idx: int = 0) -> int:
        """Return the column of the first token that is being read."""
        return self.num_columns - self._opened

    def get_mask_sizes(self, query_length: int, layer_idx: int = 0) -> tuple[int, int]:
        """Return how many columns will be seen, and from which on."""
        return self.num_columns, 0

    def _make_room(self, newcomers: Sequence[States], longest: int, num_coming: int) -> None:
        num_rows = self.num_rows + len(newcomers)
        buffers = self._buffers or [state[None, :, :0] for state in newcomers[0]]
        has_rows = num_rows <= buffers[0].shape[0] and bool(self._buffers)
        if not has_rows or max(longest, self._end) >= self._hidden.shape[1]:
            self._allocate(buffers, num_rows + num_coming, 1, at_least=longest)

    def _allocate(
        self, buffers: Sequence[Tensor], num_rows: int, room: int, *, at_least: int = 0
    ) -> None:
        """Move into new buffers, one layer after the other, gaps closed; the window begins at 0."""
        rows, lengths, sources = self._closed_up()
        end = max(lengths, default=0)
        shape = num_rows, max(end, at_least) + room + ROOM
        self._buffers = list(buffers)
        for i, buffer in enumerate(self._buffers):
            _, heads, _, width = buffer.shape
            # Zeros, for attention multiplies what is hidden by zero, and that may be NaN.
            wider = buffer.new_zeros(shape[0], heads, shape[1], width)
            if rows:
                index = sources[:, None, :, None].expand(-1, heads, -1, width)
                wider[:rows, :, :end] = buffer[:rows].gather(2, index)
            self._buffers[i] = wider
        self._hidden = self._buffers[0].new_full(shape, _HIDDEN)
        for slot, length in enumerate(lengths):
            self._hidden[slot, end - length : end] = 0
        self._firsts = [end - length for length in lengths]
        self._start, self._end = min(self._firsts, default=0), end

    def _closed_up(self) -> tuple[int, list[int], Tensor]:
        """Return the number of rows, of each row's own columns, and these at the right, (B, W)."""
        rows = self.num_rows
        if not rows:
            return 0, [], torch.empty(0)
        owned = self._hidden[:rows] == 0
        lengths: list[int] = owned.sum(dim=1).tolist()
        order = owned.to(torch.int8).argsort(dim=1, stable=True)  # own columns last, in order
        return rows, lengths, order[:, order.shape[1] - max(lengths) :]


def closed_ranks(is_kept: Sequence[bool]) -> list[int]:
    """Return the kept indices, gaps among the first ones filled by the last ones."""
    num_kept = sum(is_kept)
    movers = (i for i in range(num_kept, len(is_kept)) if is_kept[i])
    return [i if is_kept[i] else next(movers) for i in range(num_kept)]
