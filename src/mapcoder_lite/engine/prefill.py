"""Prompts on their way into the running batch: read in bounded pieces, what is known reused.

Knows: a causal LM, tokens and positions, who shares a forward, prompts read before.
Does not know: threads, how rows go on, sampling, text.
"""

# torch and transformers are only partly typed, hence not strict.
# pyright: basic

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from mapcoder_lite.engine.cache import ChunkCache, States
from mapcoder_lite.engine.lora import Mix
from mapcoder_lite.engine.prefixes import PrefixStore, Tokens
from mapcoder_lite.engine.rows import Row
from mapcoder_lite.engine.threads import Threads

_LEAST_SHARED = 32
"""Tokens below which reuse is not worth a forward with a past."""


@dataclass(eq=False, slots=True)
class Newcomer:
    """A row whose prompt is being read; its last token is left for the first common step."""

    row: Row
    owner: str
    tokens: Tokens
    """All but the last one."""
    states: States
    """Keys and values of what was read."""
    num_read: int = 0

    @property
    def num_left(self) -> int:
        """Tokens still to read."""
        return len(self.tokens) - self.num_read

    def take(self, num_shared: int, states: States) -> None:
        """Begin with what another prompt has computed."""
        self.row.cached_tokens += num_shared - self.num_read
        self.states = states
        self.num_read = num_shared


class Prefill:
    """The queue of newcomers; each turn reads some of them, a bounded number of tokens."""

    def __init__(
        self,
        model: PreTrainedModel,
        mix: Mix,
        store: PrefixStore,
        threads: Threads,
        tokens_per_turn: int,
    ) -> None:
        """Take a fused model; one token is read at once, to see what a token leaves behind."""
        self.newcomers: list[Newcomer] = []
        """First come, first read."""
        self.num_forwards = 0
        self.num_tokens = 0
        """Read, padding not counted."""
        self._model = model
        self._mix = mix
        self._store = store
        self._threads = threads
        self._tokens_per_turn = tokens_per_turn
        self._nothing = _nothing(model)

    @property
    def bytes_per_token(self) -> int:
        """What the keys and values of one token take."""
        return sum(state.shape[0] * state.shape[2] * state.itemsize for state in self._nothing)

    @property
    def turns_left(self) -> int:
        """Return in how many turns all newcomers will have joined, at the latest."""
        return sum(-(-new.num_left // self._tokens_per_turn) for new in self.newcomers)

    def join(self, row: Row, owner: str) -> None:
        """Queue a row; `owner` is the digest of its adapter, or the backbone's."""
        self.newcomers.append(Newcomer(row, owner, Tokens(row.prompt[:-1]), self._nothing))

    def drop(self, is_wanted: Callable[[Row], bool]) -> None:
        """Forget rows that nobody waits for."""
        self.newcomers = [newcomer for newcomer in self.newcomers if is_wanted(newcomer.row)]

    def turn(self) -> list[Newcomer]:
        """Read a group of prompts on; return those that are ready to join, who leave the queue."""
        group = self._next_group()
        if group:
            self._read(group)
        ready = [newcomer for newcomer in self.newcomers if newcomer.num_left == 0]
        self.newcomers = [newcomer for newcomer in self.newcomers if newcomer.num_left > 0]
        for newcomer in ready:
            self._store.put(newcomer.owner, newcomer.tokens, newcomer.states)
        return ready

    def _next_group(self) -> list[Newcomer]:
        """Choose who shares the next forward: the first in the queue, and who is like it.

        Who would share more with one of the group than it can reuse already waits for that one.
        """
        group: list[Newcomer] = []
        for newcomer in self.newcomers:
            self._reuse(newcomer)
            if newcomer.num_left > 0 and (not group or self._may_join(group, newcomer)):
                group.append(newcomer)
        return group

    def _may_join(self, group: list[Newcomer], newcomer: Newcomer) -> bool:
        longest = max(other.num_left for other in (*group, newcomer))
        return (
            (len(group) + 1) * longest <= self._tokens_per_turn
            and _is_alike(group[0], newcomer)
            and not any(self._store.is_open and _should_await(newcomer, other) for other in group)
        )

    def _reuse(self, newcomer: Newcomer) -> None:
        num_shared, states = self._store.longest(newcomer.owner, newcomer.tokens)
        if num_shared >= newcomer.num_read + _LEAST_SHARED:
            newcomer.take(num_shared, states)

    @torch.inference_mode()
    def _read(self, group: list[Newcomer]) -> None:
        """Run one forward over the next tokens of a group, padded at the right."""
        group = sorted(group, key=lambda newcomer: self._mix.place(newcomer.row.adapter))
        sizes = [min(newcomer.num_left, self._tokens_per_turn) for newcomer in group]
        device = self._model.device
        tokens = torch.zeros(len(group), max(sizes), dtype=torch.long)
        for i, (newcomer, size) in enumerate(zip(group, sizes, strict=True)):
            begun = newcomer.num_read
            tokens[i, :size] = torch.tensor(newcomer.row.prompt[begun : begun + size])
        num_read = torch.tensor([newcomer.num_read for newcomer in group])
        cache = ChunkCache(_padded([newcomer.states for newcomer in group]))
        mask = _mask(num_read, max(sizes)).to(device, self._model.dtype) if num_read.any() else None
        self._mix.arrangement = self._mix.in_segments([n.row.adapter for n in group])
        self._threads.suit(tokens.numel())
        self._model.base_model(
            input_ids=tokens.to(device),
            attention_mask=mask,
            position_ids=(num_read[:, None] + torch.arange(max(sizes))).to(device),
            past_key_values=cache,
            use_cache=True,
        )
        for i, (newcomer, size) in enumerate(zip(group, sizes, strict=True)):
            fresh = [states[i, :, :size] for states in cache.chunk]
            newcomer.states = _after(newcomer.states, fresh)
            newcomer.num_read += size
        self.num_forwards += 1
        self.num_tokens += sum(sizes)


def _is_alike(one: Newcomer, other: Newcomer) -> bool:
    """Whether two share a forward well: little padding, and a mask for both or for none."""
    lengths = sorted((one.num_left, other.num_left))
    return bool(one.num_read) == bool(other.num_read) and lengths[1] <= 2 * lengths[0] + 16


def _should_await(newcomer: Newcomer, other: Newcomer) -> bool:
    """Whether the newcomer had better wait for what the other one computes."""
    if newcomer.owner != other.owner:
        return False
    return newcomer.tokens.shared_with(other.tokens) >= newcomer.num_read + _LEAST_SHARED


def _nothing(model: PreTrainedModel) -> States:
    """Return the keys and values of no token at all, (heads, 0, width) each."""
    cache = ChunkCache()
    with torch.inference_mode():
        token = torch.zeros(1, 1, dtype=torch.long, device=model.device)
        model.base_model(input_ids=token, past_key_values=cache, use_cache=True)
    return [states[0, :, :0].clone() for states in cache.chunk]


def _after(past: States, fresh: States) -> States:
    if past[0].shape[1] == 0:
        return fresh
    return [torch.cat(pair, dim=1) for pair in zip(past, fresh, strict=True)]


def _padded(pasts: Sequence[States]) -> list[Tensor]:
    """Lay pasts of several rows side by side, (B, heads, longest, width), padded at the right."""
    longest = max(states[0].shape[1] for states in pasts)
    if longest == 0:
        return []
    shapes = [(len(pasts), len(state), longest, state.shape[2]) for state in pasts[0]]
    whole = [pasts[0][0].new_zeros(shape) for shape in shapes]
    for i, states in enumerate(pasts):
        for layer, state in zip(whole, states, strict=True):
            layer[i, :, : state.shape[1]] = state
    return whole


def _mask(num_read: Tensor, num_tokens: int) -> Tensor:
    """Return what to add to the scores, (B, 1, T, L + T): 0 where a token may look, else -inf."""
    past = torch.arange(int(num_read.max())) < num_read[:, None]  # (B, L)
    chunk = torch.ones(num_tokens, num_tokens, dtype=torch.bool).tril()
    visible = torch.cat(
        (
            past[:, None, :].expand(-1, num_tokens, -1),
            chunk[None].expand(len(num_read), -1, -1),
        ),
        dim=2,
    )
    return torch.zeros(visible.shape).masked_fill_(~visible, -torch.inf)[:, None]
