"""How many processor threads a forward is worth: few tokens through a small model are worth one.

Threads meet after every product of a forward. Where a product takes microseconds the meeting takes
longer than the work, and crawls as soon as one of the threads has to wait for a processor: measured
on two cores with a backbone of 5 million weights, a single row, 250 tokens/s on one thread and
65 to 170 on two.

Knows: linear layers, torch's threads.
Does not know: rows, requests, what is computed.
"""

# torch and transformers are only partly typed, hence not strict.
# pyright: basic

import torch
from torch import nn

from mapcoder_lite.engine.layout import PackedLinear

_WORTH_SHARING = 40e6
"""Multiplications of a forward from which on several threads are used."""


class Threads:
    """Chooses torch's threads for the calling thread; OpenMP keeps the number per thread."""

    def __init__(self, model: nn.Module, most: int | None) -> None:
        """Use at most as many threads; None = as many as torch uses now."""
        self._most = most or torch.get_num_threads()
        self._num_weights = sum(
            layer.in_features * layer.out_features
            for layer in model.modules()
            if isinstance(layer, nn.Linear | PackedLinear)
        )

    def suit(self, num_tokens: int) -> None:
        """Choose for a forward over so many tokens."""
        wanted = self._most if num_tokens * self._num_weights >= _WORTH_SHARING else 1
        if wanted != torch.get_num_threads():
            torch.set_num_threads(wanted)
