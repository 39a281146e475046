"""One request as the running batch sees it: prompt, adapter, randomness, the reply that grows.

Knows: tokens, the reply and who listens to it, what a row is still owed.
Does not know: models, caches, neighbours, threads.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mapcoder_lite.engine.draft import History, Memory
from mapcoder_lite.engine.reply import Reply
from mapcoder_lite.engine.sampling import Sampler


@dataclass(eq=False, slots=True)
class Row:
    """One reply being drawn; it ends when the reply is finished or a fault is found."""

    prompt: Sequence[int]
    """At least one token."""
    adapter: str | None
    sampler: Sampler
    reply: Reply
    on_text: Callable[[str], None] | None = None
    cached_tokens: int = 0
    """Of the prompt, taken over from another one."""
    guess_size: int = 4
    """Tokens to guess next time; grows while guesses are right."""
    _history: History | None = None
    fault: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the row is owed no more tokens."""
        return self.fault is not None or self.reply.finish_reason is not None

    @property
    def num_owed(self) -> int:
        """How many tokens may still be drawn."""
        return self.reply.max_tokens - len(self.reply.tokens)

    @property
    def last_token(self) -> int:
        """What the model reads next."""
        return self.reply.tokens[-1] if self.reply.tokens else self.prompt[-1]

    def accept(self, token: int | str) -> None:
        """Take the next token, or why there is none."""
        if isinstance(token, str):
            self.fault = f"at token {len(self.reply.tokens)}: {token}"
        else:
            self.reply.accept(token)
            if self._history is not None:
                self._history.extend((token,))

    def guess(self, memory: Memory, count: int) -> list[int]:
        """Return up to `count` tokens that may follow, from this row or from earlier replies."""
        if self._history is None:
            self._history = History((*self.prompt, *self.reply.tokens))
        count = min(count, self.guess_size, self.num_owed - 1)
        last = self._history.last
        return self._history.guess(last, count) or memory.guess(last, count) if count > 0 else []

    def learn(self, num_guessed: int, num_right: int, most: int) -> None:
        """Guess more after a guess that was right, less after one that was not."""
        if num_right == num_guessed:
            self.guess_size = min(2 * self.guess_size, most)
        else:
            self.guess_size = max(num_right + 1, self.guess_size // 2)

    def tell(self) -> None:
        """Show the text that was added since the last time to the listener, if there is one."""
        if self.on_text is not None and self.fault is None:
            fresh = self.reply.fresh_text()
            if fresh:
                self.on_text(fresh)
