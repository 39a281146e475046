"""Which tokens may follow in a reply that is held to a grammar, by llguidance.

Knows: grammars, the tokens of one backbone.
Does not know: logits, how a token is chosen, adapters.
"""

from collections.abc import Callable, Set
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mapcoder_lite.engine.grammar import to_lark
from mapcoder_lite.errors import EngineError
from mapcoder_lite.grammar import Grammar

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

_WORD_BITS = 32


class Constraint:
    """The grammar of one reply and how much of it is written; for one thread at a time."""

    def __init__(self, matcher: "LLMatcher", num_tokens: int) -> None:
        self._matcher = matcher
        self._num_tokens = num_tokens
        self._words = np.zeros(-(-num_tokens // _WORD_BITS), dtype=np.uint32)

    @property
    def is_complete(self) -> bool:
        """Whether the reply may end here."""
        return self._matcher.is_accepting()

    def allowed(self) -> NDArray[np.bool_]:
        """Return (V,): True on tokens that may follow, end tokens only where the reply may end.

        Raises:
            EngineError: the matcher failed; this is a fault of the house, not of the reply.
        """
        self._matcher.unsafe_compute_mask_ptr(self._words.ctypes.data, self._words.nbytes)
        self._check()
        bits = np.unpackbits(self._words.view(np.uint8), bitorder="little")
        return bits[: self._num_tokens].view(np.bool_)

    def advance(self, token: int) -> None:
        """Take the token that was chosen.

        Raises:
            EngineError: the token was not allowed.
        """
        self._matcher.consume_token(token)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            reason = self._matcher.get_error().partition("\n")[0]
            raise EngineError(
                f"a reply could not be held to its grammar: {reason}; "
                "ask without one (traversal.structured=false)"
            )


class Vocabulary:
    """The tokens of a backbone as grammars see them; made when the first grammar comes."""

    def __init__(self, describe: Callable[[], str], num_tokens: int, end_tokens: Set[int]) -> None:
        """`describe` gives the text of tokenizer.json; `num_tokens` is the width of the logits."""
        self._describe = describe
        self._num_tokens = num_tokens
        self._end_tokens = end_tokens
        self._lock = Lock()  # guards the making of tokens and of each grammar's first matcher
        self._matchers: dict[Grammar, LLMatcher] = {}

    def constraint(self, grammar: Grammar) -> Constraint:
        """Return what holds one reply to the grammar.

        Raises:
            EngineError: llguidance is missing, or refuses the tokenizer or the grammar.
        """
        with self._lock:
            if grammar not in self._matchers:
                self._matchers[grammar] = self._matcher(grammar)
            matcher = self._matchers[grammar].deep_copy()
        return Constraint(matcher, self._num_tokens)

    def _matcher(self, grammar: Grammar) -> "LLMatcher":
        try:
            from llguidance import LLMatcher
        except ImportError as error:
            raise EngineError(
                f"replies are held to a grammar by llguidance, which is missing ({error.name}): "
                "pip install 'mapcoder-lite[local]', or leave traversal.structured off"
            ) from error
        text = LLMatcher.grammar_from_lark(to_lark(grammar))
        matcher = LLMatcher(self._tokens, text, log_level=0)  # else it writes to stderr itself
        if matcher.is_error():
            raise EngineError(f"llguidance refuses the grammar: {matcher.get_error()}")
        return matcher

    @cached_property
    def _tokens(self) -> "LLTokenizer":
        from llguidance import LLTokenizer

        ends = sorted(self._end_tokens)
        try:
            return LLTokenizer(self._describe(), n_vocab=self._num_tokens, eos_token=ends)
        except ValueError as error:
            raise EngineError(
                f"llguidance cannot read the backbone's tokenizer: {error}; "
                "leave traversal.structured off"
            ) from error
