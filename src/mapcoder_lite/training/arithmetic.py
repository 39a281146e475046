"""What a training will hold and take, from shapes alone: bytes, floating point operations, minutes.

Bytes are those of tensors. What the runtime itself takes (CUDA context, cuBLAS, fragments: one to
two GiB on a GPU) comes on top and is not guessed. Activations are counted as autograd saves them
in transformers' Llama-like blocks with scaled-dot-product attention and PEFT's LoRA on a frozen
backbone; tests/test_training_arithmetic.py compares them with what it saves.

Knows: which tensors a step keeps, operations a token, devices' peak rates.
Does not know: torch, rows, files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.shapes import ATTENTION, Linear, Shape, adapted_linears

Weights = Literal["float32", "bfloat16", "nf4"]
"""How the frozen backbone is kept; nf4 covers the linear layers of its blocks, not the rest."""

_BYTES = {"float32": 4.0, "bfloat16": 2.0, "nf4": 4.127 / 8}
"""A weight. NF4: 4 bits, and per block of 64 a scale of 8 bits whose own scale is a float32 per 256
blocks (QLoRA 2305.14314, double quantisation)."""

_FLOAT32 = 4

_HEAD_TOKENS, _HEAD_COLUMNS = 4096, 8192
"""Largest tile of logits that the loss holds; the whole of (tokens, vocabulary) is never there."""

GIB = 2**30

PEAK_FLOPS = {"A100": 312e12, "H100": 989e12, "RTX 4090": 165e12}
"""Dense bfloat16 products a second, as the makers' data sheets say."""

UTILISATION = 0.4
"""Share of the peak that 7B LoRA reaches: published runs (Qwen's documentation, A100-80G, 2,048
tokens: 5.2 s for 8 rows; LLaMA-Factory's wiki: 2,954 tokens/s) come to about that on an A100."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One training as far as memory and time depend on it."""

    shape: Shape
    rank: int = 32
    targets: str | Sequence[str] = "all-linear"
    weights: Weights = "bfloat16"
    is_full: bool = False
    """Whether all weights are trained in place of an adapter."""
    adapter: Literal["float32", "bfloat16"] = "float32"
    """How the adapter is kept while it is trained."""
    is_autocast: bool = True
    """Whether products are computed in bfloat16."""
    is_checkpointed: bool = True
    batch_rows: int = 4
    row_tokens: int = 4096
    """Of the longest row; shorter ones are padded to the longest of their batch."""

    num_trained: int | None = None
    """Trainable numbers of a role, where they were counted; None = by the shape."""

    @property
    def num_adapter_parameters(self) -> int:
        """Of one role's adapter."""
        if self.num_trained is not None:
            return self.num_trained
        return self.shape.num_adapter_parameters(self.rank, self.targets)

    @property
    def batch_tokens(self) -> int:
        """Tokens that a step holds at a time, padding included."""
        return self.batch_rows * self.row_tokens


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a training holds at its peak, by what they are."""

    weights: int
    """Of the backbone."""
    trained: int
    """Trainable numbers, their gradients and Adam's two moments."""
    activations: int
    """Of the blocks, the last hidden states with their gradients, and the tile of logits."""

    @property
    def total(self) -> int:
        """All of them together."""
        return self.weights + self.trained + self.activations


def memory(plan: Plan, num_adapters: int = 1) -> Memory:
    """Return the bytes of training so many adapters at once over one backbone.

    Raises:
        InputError: a target is no linear layer of a block.
    """
    hidden = plan.shape.hidden
    logits = min(plan.batch_tokens, _HEAD_TOKENS) * min(plan.shape.vocabulary, _HEAD_COLUMNS)
    head = plan.batch_tokens * hidden * (_FLOAT32 + _item_bytes(plan)) + _FLOAT32 * logits
    if plan.is_full:  # the numbers themselves are the backbone
        trained = 3 * int(_BYTES[plan.weights]) * plan.shape.num_parameters
    else:
        each = 4 * int(_BYTES[plan.adapter])
        trained = each * num_adapters * plan.num_adapter_parameters
    return Memory(
        weights=backbone_bytes(plan.shape, plan.weights),
        trained=trained,
        activations=activation_bytes(plan) + head,
    )


def backbone_bytes(shape: Shape, weights: Weights) -> int:
    """Return the bytes of the weights; PEFT brings what nf4 does not cover to float32."""
    if weights != "nf4":
        return int(_BYTES[weights] * shape.num_parameters)
    rest = shape.num_parameters - shape.num_block_parameters
    return int(_BYTES["nf4"] * shape.num_block_parameters + _FLOAT32 * rest)


def activation_bytes(plan: Plan) -> int:
    """Return the bytes that the backward pass needs of the blocks' forward.

    Checkpointed: the input of every block, and one block in full while it is computed again.
    """
    block = block_bytes(plan)
    if not plan.is_checkpointed:
        return plan.shape.layers * block
    each = _FLOAT32 if plan.weights == "nf4" else _item_bytes(plan)  # of the stream between blocks
    return plan.shape.layers * plan.batch_tokens * plan.shape.hidden * each + block


def block_bytes(plan: Plan) -> int:
    """Return the bytes that autograd saves of one block for a batch."""
    shape = plan.shape
    adapted = adapted_linears(shape, plan.targets)
    wide = shape.heads * shape.head_width
    attention = 2 * wide + 2 * shape.kv_width  # queries, output, keys, values
    gate = 3 * shape.mlp  # before and after SiLU, and what it is multiplied by
    computed = attention + gate + _adapter_inputs(plan, adapted) + plan.rank * len(adapted)
    exact = 2 * shape.hidden + 2 + shape.heads  # the norms' inputs and scales, attention's sums
    copies = _BYTES["bfloat16"] * sum(one.num_adapter_parameters(plan.rank) for one in adapted)
    per_token = computed * _item_bytes(plan) + exact * _FLOAT32
    return int(plan.batch_tokens * per_token + (copies if _is_half(plan) else 0))


def _adapter_inputs(plan: Plan, adapted: Sequence[Linear]) -> int:
    """Return the width of what is saved because an A is multiplied with it.

    In float32 layers that read the same tensor share it, and the output layer of the attention
    reads what the attention has saved; in bfloat16 PEFT brings every input to the adapter's float32
    and autocast brings it back, so that each layer has a copy of its own.
    """
    if _is_half(plan):
        return sum(linear.inputs for linear in adapted)
    names = {linear.name for linear in adapted}
    shared = bool(names & set(ATTENTION[:3])) + bool(names & {"gate_proj", "up_proj"})
    return plan.shape.hidden * shared + plan.shape.mlp * ("down_proj" in names)


def _is_half(plan: Plan) -> bool:
    return plan.is_autocast or plan.weights != "float32"


def _item_bytes(plan: Plan) -> int:
    return 2 if _is_half(plan) else 4


def flops_per_token(plan: Plan) -> float:
    """Return the operations of forward and backward for one token, in floating point operations.

    A product counts two a weight. The frozen weights are multiplied once forward and once backward
    (no gradient of their own), the adapter's twice backward; checkpointing adds a forward. Every
    token goes through the head, which is a little more than the completion's alone.
    """
    shape = plan.shape
    weights = shape.layers * sum(one.inputs * one.outputs for one in shape.linears)
    head = shape.vocabulary * shape.hidden
    attention = shape.layers * shape.heads * shape.head_width * plan.row_tokens  # causal: the half
    forward = 2 * (weights + plan.num_adapter_parameters + attention)
    backward = 2 * (weights + 2 * plan.num_adapter_parameters + 2 * attention)
    again = forward if plan.is_checkpointed else 0
    return forward + backward + again + 3 * 2 * head


def tokens_per_second(plan: Plan, device: str, utilisation: float = UTILISATION) -> float:
    """Return what a device of `PEAK_FLOPS` trains on at this share of its peak."""
    return PEAK_FLOPS[device] * utilisation / flops_per_token(plan)


def disk_bytes(settings: TrainConfig, num_trainable: int) -> int:
    """Return the bytes that one role takes on disk at most: its checkpoints and the result.

    A new checkpoint is written before the one before it goes, and the best is kept beside both.
    """
    each = int(_BYTES[settings.dtype if settings.method == "full" else settings.adapter_dtype])
    num_checkpoints = 2 if settings.patience is None else 3
    result = num_trainable * int(_BYTES[settings.save_dtype])
    return num_checkpoints * num_trainable * 3 * each + result


def minutes(num_tokens: float, tokens_a_second: float) -> float:
    """Return how long so many tokens take, all epochs counted."""
    return num_tokens / tokens_a_second / 60
