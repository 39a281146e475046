"""Prompts read before: what a new prompt shares with them need not be computed again.

Knows: tokens, the keys and values of a row, who computed them, bytes, what was used last.
Does not know: models, batches, when a prompt is read.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Sequence

from mapcoder_lite.engine.cache import States

_TOKEN_BYTES = 4


class Tokens:
    """A sequence of token ids that is quickly compared with another."""

    def __init__(self, ids: Sequence[int]) -> None:
        self.packed = b"".join(token.to_bytes(_TOKEN_BYTES, "big") for token in ids)

    def __len__(self) -> int:
        return len(self.packed) // _TOKEN_BYTES

    def shared_with(self, other: "Tokens") -> int:
        """Return how many tokens both begin with."""
        return _shared(self.packed, other.packed)


class PrefixStore:
    """Keys and values of prompts, the least recently used falling out beyond a number of bytes.

    What is stored belongs to its owner, the adapter that computed it or the backbone: keys and
    values depend on the adapter, so nobody else may ever use them.
    """

    def __init__(self, max_bytes: int) -> None:
        self.num_bytes = 0
        """Held now."""
        self._max_bytes = max_bytes
        self._states: OrderedDict[tuple[str, bytes], States] = OrderedDict()
        self._sorted: dict[str, list[bytes]] = {}  # of an owner; the nearest lies beside a prompt

    @property
    def is_open(self) -> bool:
        """Whether anything is kept at all."""
        return self._max_bytes > 0

    def longest(self, owner: str, tokens: Tokens) -> tuple[int, States]:
        """Return the longest beginning that a stored prompt of this owner shares; it may be empty.

        The states are views, (heads, shared tokens, width); they stay whole when evicted.
        """
        prompts = self._sorted.get(owner, [])
        place = bisect_left(prompts, tokens.packed)
        near = prompts[max(place - 1, 0) : place + 1]
        if not near:
            return 0, ()
        num_shared, prompt = max((_shared(prompt, tokens.packed), prompt) for prompt in near)
        if num_shared == 0:
            return 0, ()
        self._states.move_to_end((owner, prompt))
        return num_shared, [state[:, :num_shared] for state in self._states[owner, prompt]]

    def put(self, owner: str, tokens: Tokens, states: States) -> None:
        """Keep a copy of a prompt's states, (heads, tokens, width); too large a one is not kept."""
        num_bytes = sum(state.nbytes for state in states)
        key = owner, tokens.packed
        if key in self._states or num_bytes > self._max_bytes:
            return
        while self.num_bytes + num_bytes > self._max_bytes:
            self._evict()
        # A view would keep the whole batch alive that it was computed in.
        self._states[key] = [state.clone() for state in states]
        insort(self._sorted.setdefault(owner, []), tokens.packed)
        self.num_bytes += num_bytes

    def clear(self) -> None:
        """Forget everything."""
        self._states.clear()
        self._sorted.clear()
        self.num_bytes = 0

    def _evict(self) -> None:
        (owner, prompt), states = self._states.popitem(last=False)
        del self._sorted[owner][bisect_left(self._sorted[owner], prompt)]
        self.num_bytes -= sum(state.nbytes for state in states)


def _shared(one: bytes, other: bytes) -> int:
    """Return the length of the common beginning, in tokens."""
    num = min(len(one), len(other))
    difference = int.from_bytes(one[:num], "big") ^ int.from_bytes(other[:num], "big")
    return (num - (difference.bit_length() + 7) // 8) // _TOKEN_BYTES
