"""The running batch: newcomers join it, every row draws one token a turn, finished rows leave.

Knows: a causal LM, the cache of running rows, positions, how much memory rows may take.
Does not know: threads, messages, text beyond what a reply asks for.
"""

# torch and transformers are only partly typed, hence not strict.
# pyright: basic

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from mapcoder_lite.engine.cache import ROOM, RowCache
from mapcoder_lite.engine.draft import Memory
from mapcoder_lite.engine.lora import Arrangement, Mix
from mapcoder_lite.engine.prefill import Prefill
from mapcoder_lite.engine.prefixes import PrefixStore
from mapcoder_lite.engine.rows import Row
from mapcoder_lite.engine.sampling import draw
from mapcoder_lite.engine.threads import Threads

_PREFILL_TOKENS = 2048
"""Tokens, padding counted, that are read between two steps of the running rows."""

_DRAFTED_TOKENS = 32
"""Of all rows in one step, guesses included: up to about there a step costs little more."""


@dataclass(frozen=True, slots=True)
class Room:
    """What the rows of a batch may take."""

    rows: int = 32
    cache_bytes: int = 4 * 2**30
    """Of the keys and values of all rows, once each has drawn all it may."""
    prefix_cache_bytes: int = 2**30
    """Of prompts kept to be reused; 0 = none is."""
    draft_tokens: int = 8
    """Guessed a row and step, and thrown away where the model says otherwise; 0 = none."""
    prefill_tokens: int = _PREFILL_TOKENS


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a decoder has done so far, and what it holds now."""

    num_steps: int
    num_mixed_steps: int
    """Steps whose rows did not all ask the same adapter."""
    most_rows: int
    """In one step."""
    num_prefills: int
    num_prefill_tokens: int
    num_reused_tokens: int
    num_guessed_tokens: int
    num_right_guesses: int
    """Guessed tokens that the model drew, hence did not need a step of their own."""
    cache_bytes: int
    prefix_cache_bytes: int


class Decoder:
    """Rows of any adapters decoded together; a `Batch` of the batcher's."""

    def __init__(
        self,
        model: PreTrainedModel,
        mix: Mix,
        digests: Mapping[str, str],
        room: Room,
        num_threads: int | None = None,
    ) -> None:
        """Take a fused model; `digests` names the adapters' contents."""
        self._model = model
        self._mix = mix
        self._digests = digests
        self._room = room
        self._threads = Threads(model, num_threads)
        self._store = PrefixStore(room.prefix_cache_bytes)
        self._prefill = Prefill(model, mix, self._store, self._threads, room.prefill_tokens)
        self._cache = RowCache()
        self._rows: list[Row] = []
        self._arrangement = Arrangement()
        self._positions = torch.empty(0)  # (B, 1), of the token that each row reads next
        self._device, self._dtype = model.device, model.dtype
        self._steps = self._mixed_steps = self._most_rows = self._reused_tokens = 0
        self._guessed = self._right = 0
        self._memories: defaultdict[str | None, Memory] = defaultdict(Memory)  # by adapter

    @property
    def statistics(self) -> Statistics:
        """What was done and is held, as of the last turn."""
        return Statistics(
            num_steps=self._steps,
            num_mixed_steps=self._mixed_steps,
            most_rows=self._most_rows,
            num_prefills=self._prefill.num_forwards,
            num_prefill_tokens=self._prefill.num_tokens,
            num_reused_tokens=self._reused_tokens,
            num_guessed_tokens=self._guessed,
            num_right_guesses=self._right,
            cache_bytes=self._cache.num_bytes,
            prefix_cache_bytes=self._store.num_bytes,
        )

    @property
    def num_rows(self) -> int:
        """Rows that run or are being read."""
        return len(self._rows) + len(self._prefill.newcomers)

    def bytes_needed(self, num_rows: int, num_columns: int) -> int:
        """Return what keys and values of so many rows take, with the buffer's own room."""
        return num_rows * (num_columns + ROOM) * self._prefill.bytes_per_token

    def has_room_for(self, row: Row) -> bool:
        """Whether all rows and this one fit, even if each draws all it may."""
        newcomers = [newcomer.row for newcomer in self._prefill.newcomers]
        rows = [*self._rows, *newcomers, row]
        width = max(self._cache.num_columns, *(len(r.prompt) for r in (*newcomers, row)))
        # Running rows go on while newcomers are read, and these begin where those are by then.
        columns = width + self._prefill.turns_left + 1 + max(r.num_owed for r in rows)
        return len(rows) == 1 or (
            len(rows) <= self._room.rows
            and self.bytes_needed(len(rows), columns) <= self._room.cache_bytes
        )

    def join(self, row: Row) -> None:
        """Take a row in; it is read, and then runs."""
        owner = "" if row.adapter is None else self._digests[row.adapter]
        self._prefill.join(row, owner)

    @torch.inference_mode()
    def turn(self, is_wanted: Callable[[Row], bool]) -> list[Row]:
        """Read some of the newcomers, draw for each row; return the rows that ended."""
        self._prefill.drop(is_wanted)
        self._keep([is_wanted(row) for row in self._rows])
        self._let_in()
        if not self._rows:
            return []
        guesses = self._guesses()
        self._draw(self._step(guesses), guesses)
        ended = [row for row in self._rows if row.has_ended]
        for row in ended if self._room.draft_tokens else ():
            self._memories[row.adapter].keep(row.reply.tokens)
        self._keep([not row.has_ended for row in self._rows])
        return ended

    def clear(self) -> None:
        """Drop all rows and what was computed."""
        self._rows = []
        self._prefill.newcomers = []
        self._cache.clear()
        self._store.clear()

    def _let_in(self) -> None:
        ready = self._prefill.turn()
        if not ready:
            return
        self._cache.join([newcomer.states for newcomer in ready], len(self._prefill.newcomers))
        fresh = torch.tensor([[newcomer.num_read] for newcomer in ready]).to(self._device)
        self._positions = torch.cat((self._positions, fresh)) if self._rows else fresh
        self._rows += [newcomer.row for newcomer in ready]
        self._reused_tokens += sum(newcomer.row.cached_tokens for newcomer in ready)
        self._arrange()

    def _keep(self, is_kept: list[bool]) -> None:
        if all(is_kept):
            return
        order = self._cache.keep(is_kept, [row.fault is None for row in self._rows])
        self._rows = [self._rows[i] for i in order]
        self._positions = self._positions[order]
        self._arrange()

    def _arrange(self) -> None:
        adapters = [row.adapter for row in self._rows]
        self._arrangement = Arrangement()
        if adapters:
            self._arrangement = self._mix.by_mask(adapters, self._device, self._dtype)

    def _guesses(self) -> list[list[int]]:
        """Guess how each row goes on; the more rows, the less, for guesses cost arithmetic."""
        count = min(self._room.draft_tokens, _DRAFTED_TOKENS // len(self._rows) - 1)
        if count <= 0:
            return [[] for _ in self._rows]
        return [row.guess(self._memories[row.adapter], count) for row in self._rows]

    def _draw(self, logits: Tensor, guesses: Sequence[Sequence[int]]) -> None:
        """Draw each row's next token, and the one after it as long as the guess was right.

        A token is drawn from the same logits and with the same noise as without guesses.
        """
        used = [0] * len(self._rows)
        going = list(range(len(self._rows)))
        for place in range(logits.shape[1]):
            samplers = [self._rows[i].sampler for i in going]
            tokens = draw(logits[going, place], samplers)
            for i, token in zip(going, tokens, strict=True):
                self._rows[i].accept(token)
                used[i] += 1
            going = [
                i
                for i, token in zip(going, tokens, strict=True)
                if guesses[i][place : place + 1] == [token] and not self._rows[i].has_ended
            ]
            if not going:
                break
        self._take(used, guesses)

    def _take(self, used: Sequence[int], guesses: Sequence[Sequence[int]]) -> None:
        """Count what was drawn; forget what was computed of wrong guesses."""
        for row, num_used, guess in zip(self._rows, used, guesses, strict=True):
            if guess:
                row.learn(len(guess), num_used - 1, self._room.draft_tokens)
                self._guessed += len(guess)
                self._right += num_used - 1
        moved = torch.tensor(used).to(self._device)
        if any(guesses):
            self._cache.hide_unused(moved)
        self._positions += moved[:, None]

    def _step(self, guesses: Sequence[Sequence[int]]) -> Tensor:
        """Feed every row its last token and its guess; return the logits of what follows each.

        (B, T, V), T the longest guess and one; what pads a shorter one is never looked at.
        """
        self._mix.arrangement = self._arrangement
        count = 1 + max(map(len, guesses))
        fed = [
            [row.last_token, *guess] + [row.last_token] * (count - 1 - len(guess))
            for row, guess in zip(self._rows, guesses, strict=True)
        ]
        self._threads.suit(len(self._rows) * count)
        output = self._model(
            input_ids=torch.tensor(fed).to(self._device),
            attention_mask=self._cache.open_columns(count),
            position_ids=self._positions + torch.arange(count, device=self._device),
            past_key_values=self._cache,
            use_cache=True,
        )
        self._steps += 1
        self._mixed_steps += bool(self._arrangement.masks)
        self._most_rows = max(self._most_rows, len(self._rows))
        return output.logits
