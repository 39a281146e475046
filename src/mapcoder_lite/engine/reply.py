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
        # Most tokens add at least one byte, and four more cover a character that began earlier.
        self._tail_tokens = max((len(stop.encode()) for stop in self._stops), default=0) + 4
        self._shown = ""  # whole characters of the tokens up to `_read`, what is held back included
        self._told = 0  # characters of it that were handed out
        self._from = self._read = 0  # tokens: where decoding starts anew, and how far it is shown

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

    def fresh_text(self) -> str:
        """Return what was added to the text since the last call.

        Half a character waits for its rest, and what may begin a stop string for what follows:
        all that was returned together is a beginning of `text`, and of a finished reply the whole.

        Raises:
            ValueError: the tokenizer changes text that it has already given.
        """
        if self.finish_reason is None:
            self._decode_on()
            shown = self._shown[: len(self._shown) - self._num_held()]
        else:
            shown = self.text
            if not shown.startswith(self._shown[: self._told]):
                raise ValueError("the tokenizer took text back: ask without listening to the text")
        fresh = shown[self._told :]
        self._told += len(fresh)
        if self.finish_reason is not None:
            self._shown = shown
        return fresh

    def _decode_on(self) -> None:
        """Decode new tokens along with those before, on which their text may depend."""
        if self._read == len(self.tokens):
            return
        before = self._detokenize(self.tokens[self._from : self._read])
        after = self._detokenize(self.tokens[self._from :])
        if len(after) > len(before) and not after.endswith("\N{REPLACEMENT CHARACTER}"):
            self._shown += after[len(before) :]
            self._from, self._read = self._read, len(self.tokens)

    def _num_held(self) -> int:
        """Return how many characters at the end may begin a stop string."""
        longest = max(map(len, self._stops), default=1) - 1
        return next(
            (
                size
                for size in range(min(longest, len(self._shown)), 0, -1)
                if any(stop.startswith(self._shown[-size:]) for stop in self._stops)
            ),
            0,
        )

    def _is_stopped(self) -> bool:
        if not self._stops:
            return False
        count = self._tail_tokens
        tail = self._detokenize(self.tokens[-count:])
        while len(tail) < self._tail_tokens and count < len(self.tokens):
            count *= 2  # tokens without a text, such as special ones, hide what stands before them
            tail = self._detokenize(self.tokens[-count:])
        if not any(stop in tail for stop in self._stops):
            return False
        text = self._whole_text()
        return any(stop in text for stop in self._stops)

    def _whole_text(self) -> str:
        is_ended = bool(self.tokens) and self.tokens[-1] in self._end_tokens
        return self._detokenize(self.tokens[:-1] if is_ended else self.tokens)
