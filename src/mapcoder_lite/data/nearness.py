"""Which texts are nearly the same: sets of short runs of words, compared by MinHash.

Similarity is the Jaccard index of the texts' sets of runs of three words, estimated from 256
permutations (Broder 1997; the error of an estimate near 0.9 is about 0.02). The index is asked for
somewhat less similar texts than wanted, because at its own threshold it would miss one in three;
the estimate then decides. Asking costs the same however many texts are known.

Knows: words, MinHash, locality-sensitive hashing (datasketch).
Does not know: what the texts are.
"""

import re
import unicodedata
import zlib
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from mapcoder_lite.errors import ConfigError

_WORD = re.compile(r"\w+")
_RUN_WORDS = 3
_NUM_PERMUTATIONS = 256
_MARGIN = 0.1
"""Below the threshold, of what the index is asked for."""


def words_of(text: str) -> list[str]:
    """Return the runs of letters and digits of a text, NFKC, lower case."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


class NearTexts:
    """Texts that were added, to be asked for those that are similar to another."""

    def __init__(self, threshold: float) -> None:
        """Find texts of a similarity of about `threshold` or more, 0 to 1.

        Raises:
            ConfigError: datasketch is not installed.
        """
        try:
            datasketch: Any = import_module("datasketch")  # only partly typed
        except ImportError as error:
            raise ConfigError(
                f"near duplicates need {error.name}: pip install 'mapcoder-lite[curation]'"
            ) from error
        # Copies of it share the permutations, which take long to draw.
        self._blank = datasketch.MinHash(num_perm=_NUM_PERMUTATIONS, hashfunc=zlib.crc32)
        self._threshold = threshold
        self._index = datasketch.MinHashLSH(
            threshold=max(_MARGIN, threshold - _MARGIN), num_perm=_NUM_PERMUTATIONS
        )
        self._signatures: dict[int, Any] = {}

    def add(self, number: int, words: Sequence[str]) -> None:
        """Know a text by a number of its own."""
        signature = self._signature(words)
        self._signatures[number] = signature
        self._index.insert(number, signature)

    def similar(self, words: Sequence[str]) -> dict[int, float]:
        """Return the texts that are similar enough, and how similar."""
        signature = self._signature(words)
        found = {
            number: float(signature.jaccard(self._signatures[number]))
            for number in self._index.query(signature)
        }
        return {number: value for number, value in found.items() if value >= self._threshold}

    def _signature(self, words: Sequence[str]) -> Any:
        ends = max(1, len(words) - _RUN_WORDS + 1)
        runs = {" ".join(words[start : start + _RUN_WORDS]) for start in range(ends)}
        signature = self._blank.copy()
        signature.update_batch([run.encode() for run in runs])
        return signature
