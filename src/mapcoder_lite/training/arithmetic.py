"""What a training will take, before anything is loaded: steps, memory, disk.

Knows: numbers of rows, tokens and parameters, bytes of each kind.
Does not know: models, files.
"""

from dataclasses import dataclass

from mapcoder_lite.settings import TrainConfig

_BYTES = {"float32": 4, "bfloat16": 2}
_NF4_BYTES = 0.53
"""A weight of 4 bits and its share of the scales, which are held twice quantised."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides the size of a decoder's intermediate results."""

    num_layers: int
    hidden_size: int
    intermediate_size: int
    num_embedded: int
    """Parameters of the embeddings and the head, which are never held in 4 bits."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one role trained alone, by arithmetic."""

    weights: int
    """Of the backbone."""
    trained: int
    """Trainable parameters, their gradients and the two moments of AdamW."""
    activations: int
    """Intermediate results of one forward with the longest row in every place, roughly."""

    @property
    def total(self) -> int:
        """All of them; what libraries hold beside comes on top."""
        return self.weights + self.trained + self.activations


def memory(
    settings: TrainConfig, shape: Shape, num_parameters: int, num_trainable: int, longest: int
) -> Memory:
    """Reckon the memory of a training whose longest row has `longest` tokens."""
    each = _BYTES[settings.dtype]
    weights = num_parameters * each
    if settings.quant == "nf4":
        weights = int((num_parameters - shape.num_embedded) * _NF4_BYTES) + shape.num_embedded * 4
    if settings.method == "full":
        trained = num_trainable * 3 * each  # the weights themselves are counted already
    else:
        trained = num_trainable * 4 * _BYTES[settings.adapter_dtype]
    return Memory(weights, trained, _activations(settings, shape, longest))


def _activations(settings: TrainConfig, shape: Shape, longest: int) -> int:
    """Bytes that one forward keeps for the way back: a layer's input, or all within it."""
    tokens = settings.batch_rows * longest
    each = 2 if settings.autocast else _BYTES[settings.dtype]
    # Inputs of norms, projections and activation functions, attention by a fused kernel.
    within = (10 * shape.hidden_size + 5 * shape.intermediate_size) * each
    if settings.gradient_checkpointing:
        return tokens * (shape.num_layers * shape.hidden_size * each + within)
    return tokens * shape.num_layers * within


def disk_bytes(settings: TrainConfig, num_trainable: int) -> int:
    """Bytes that one role takes on disk at most: checkpoints while it is trained, and the result.

    A new checkpoint is written before the one before it goes, and the best is kept beside both.
    """
    each = _BYTES[settings.dtype if settings.method == "full" else settings.adapter_dtype]
    num_checkpoints = 2 if settings.patience is None else 3
    result = num_trainable * _BYTES[settings.save_dtype]
    return num_checkpoints * num_trainable * 3 * each + result
