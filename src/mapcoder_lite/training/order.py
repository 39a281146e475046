"""Which rows a step learns from: the same for a role, trained alone or beside others.

Knows: lengths, seeds, epochs.
Does not know: what rows say, trainers.
"""

# transformers is only partly typed
# pyright: basic

import math
from collections.abc import Sequence

import torch
from transformers.trainer_pt_utils import get_length_grouped_indices

from mapcoder_lite.settings import TrainConfig


def row_order(lengths: Sequence[int], settings: TrainConfig, epoch: int) -> list[int]:
    """Indices of all rows as one epoch sees them: shuffled, rows of like length close together.

    It follows from lengths, seed and epoch alone, so that a resumed training sees what an
    unbroken one would have seen.
    """
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch)
    return get_length_grouped_indices(list(lengths), rows_per_step(settings), generator=generator)


def rows_per_step(settings: TrainConfig) -> int:
    """Rows of a whole step of the optimiser; the last of an epoch may have fewer."""
    return settings.batch_rows * settings.accumulation_steps


def steps_per_epoch(num_rows: int, settings: TrainConfig) -> int:
    """Steps in which every row is seen once."""
    return math.ceil(num_rows / rows_per_step(settings))


def num_steps(num_rows: int, settings: TrainConfig) -> int:
    """Steps of a whole training."""
    return math.ceil(settings.epochs * steps_per_epoch(num_rows, settings))
