"""One reply as it grows: when it ends, why, and the text of it.

Knows: tokens, end tokens, stop strings, the seed of a row.
Does not know: models, tensors, batches, threads.
"""

import hashlib
from collections.abc import Callable, Sequence, Set
from typing import Literal

from mapcoder_lite.trajectory import Sampling

FinishReason = Literal["stop", "length"]
Detokenize = Callable[[Sequence[int]], str]

_MAX_SEED = 2**31 - 1  # servers take a signed 32-bit seed


def row_seed(seed: int, attempt: int) -> int:
    """Return the seed of one row, in 0 … 2^31 - 1; attempts of one seed draw differently."""
    if attempt == 0 and 0 <= seed <= _MAX_SEED:
        return seed
    digest = hashlib.sha256(f"{seed}:{attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") & _MAX_SEED


class Reply:
    """Collects the tokens of one reply until an end token, a stop string or the token limit."""

    def __init__(self, sampling: Sampling, end_tokens: Set[int], detokenize: Detokenize) -> None:
        self.tokens: list[int] = []
        """Everything drawn, an end token included."""
        self.finish_reason: FinishReason | None = None
        """None while the reply grows."""
        self.max_tokens = sampling.max_tokens
        self._stops = tuple(stop for stop in sampling.stop if stop)
        self._end_tokens = end_tokens
        self._detokenize = detokenize
        # A token adds at least one byte, and four more cover a character that began earlier.
        self._tail_tokens = max((len(stop.encode()) for stop in self._stops), default=0) + 4

    def accept(self, token: int) -> None:
        """Add one token and decide whether the reply is finished."""
        self.tokens.append(token)
        if token in self._end_tokens or self._is_stopped():
            self.finish_reason = "stop"
        elif len(self.tokens) >= self.max_tokens:
            self.finish_reason = "length"

    @property
    def text(self) -> str:
        """The text before the end token or the first stop string."""
        text = self._whole_text()
        starts = [start for stop in self._stops if (start := text.find(stop)) >= 0]
        return text[: min(starts)] if starts else text

    def _is_stopped(self) -> bool:
        if not self._stops:
            return False
        tail = self._detokenize(self.tokens[-self._tail_tokens :])
        if not any(stop in tail for stop in self._stops):
            return False
        text = self._whole_text()
        return any(stop in text for stop in self._stops)

    def _whole_text(self) -> str:
        is_ended = bool(self.tokens) and self.tokens[-1] in self._end_tokens
        return self._detokenize(self.tokens[:-1] if is_ended else self.tokens)
