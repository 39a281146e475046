"""Guess how a reply goes on, from where its last tokens stood before.

A guess costs little and changes nothing: the model computes several guessed tokens in one step,
and those that it would not have drawn are thrown away (2211.17192, here with the text itself as the
draft model). Replies of the agents repeat their prompt, themselves and earlier replies.

Knows: sequences of tokens.
Does not know: models, text, what is drawn.
"""

from collections.abc import Iterable, Sequence

_LENGTHS = (3, 2)
"""Tokens that must agree; a longer agreement is trusted first."""


class History:
    """Tokens in order, and where each short run of them stood last."""

    def __init__(self, tokens: Iterable[int] = ()) -> None:
        self._tokens: list[int] = []
        self._next: dict[tuple[int, ...], int] = {}  # a run of tokens -> the place behind it
        self._indexed = 0
        self.extend(tokens)

    def __len__(self) -> int:
        return len(self._tokens)

    def extend(self, tokens: Iterable[int]) -> None:
        """Append tokens; the run that ends the history is indexed once something follows it."""
        self._tokens.extend(tokens)
        for place in range(max(self._indexed, 1), len(self._tokens)):
            for length in _LENGTHS:
                if place >= length:
                    self._next[tuple(self._tokens[place - length : place])] = place
        self._indexed = len(self._tokens)

    @property
    def last(self) -> list[int]:
        """The tokens that a guess goes by."""
        return self._tokens[-_LENGTHS[0] :]

    def guess(self, last: Sequence[int], count: int) -> list[int]:
        """Return up to `count` tokens that followed the longest known run at the end of `last`."""
        for length in _LENGTHS:
            place = self._next.get(tuple(last[-length:])) if len(last) >= length else None
            if place is not None:
                return self._tokens[place : place + count]
        return []


class Memory:
    """Replies of one adapter, the oldest forgotten: what its next replies are likely to repeat."""

    def __init__(self, max_tokens: int = 32768) -> None:
        self._max_tokens = max_tokens
        self._recent, self._older = History(), History()

    @property
    def num_tokens(self) -> int:
        """Tokens held."""
        return len(self._recent) + len(self._older)

    def keep(self, reply: Sequence[int]) -> None:
        """Remember a finished reply; between one and two times `max_tokens` are held."""
        if len(self._recent) + len(reply) > self._max_tokens:
            self._recent, self._older = History(), self._recent
        self._recent.extend(reply)

    def guess(self, last: Sequence[int], count: int) -> list[int]:
        """Return up to `count` tokens as `History.guess` does, from recent replies first."""
        return self._recent.guess(last, count) or self._older.guess(last, count)
