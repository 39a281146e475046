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

from mapcoder_lite.training.shapes import ATTENTION, Linear, Shape, adapted_linears

Weights = Literal["float32", "bfloat16", "nf4"]
"""How the frozen backbone is kept; nf4 covers the linear layers of its blocks, not the rest."""

_BYTES = {"float32": 4.0, "bfloat16": 2.0, "nf4": 4.127 / 8}
"""A weight. NF4: 4 bits, and per block of 64 a scale of 8 bits whose own scale is a float32 per 256
blocks (QLoRA 2305.14314, double quantisation)."""

_ADAPTER_BYTES = 16
"""A trained number: float32 value, gradient and Adam's two moments."""

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
    is_autocast: bool = True
    """Whether products are computed in bfloat16."""
    is_checkpointed: bool = True
    batch_rows: int = 4
    row_tokens: int = 4096
    """Of the longest row; shorter ones are padded to the longest of their batch."""

    @property
    def num_adapter_parameters(self) -> int:
        """Of one role's adapter."""
        return self.shape.num_adapter_parameters(self.rank, self.targets)

    @property
    def batch_tokens(self) -> int:
        """Tokens that a step holds at a time, padding included."""
        return self.batch_rows * self.row_tokens


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that a training holds at its peak, by what they are."""

    backbone: int
    adapter: int
    """Values, gradients and Adam's moments."""
    activations: int
    head: int
    """Last hidden states, their gradients, and the tile of logits."""

    @property
    def total(self) -> int:
        """All of them together."""
        return self.backbone + self.adapter + self.activations + self.head


def memory(plan: Plan, num_adapters: int = 1) -> Memory:
    """Return the bytes of training so many adapters at once over one backbone."""
    hidden = plan.shape.hidden
    logits = min(plan.batch_tokens, _HEAD_TOKENS) * min(plan.shape.vocabulary, _HEAD_COLUMNS)
    return Memory(
        backbone=backbone_bytes(plan.shape, plan.weights),
        adapter=_ADAPTER_BYTES * num_adapters * plan.num_adapter_parameters,
        activations=activation_bytes(plan),
        head=plan.batch_tokens * hidden * (4 + _item_bytes(plan)) + 4 * logits,
    )


def backbone_bytes(shape: Shape, weights: Weights) -> int:
    """Return the bytes of the frozen weights."""
    if weights != "nf4":
        return int(_BYTES[weights] * shape.num_parameters)
    rest = shape.num_parameters - shape.num_block_parameters
    return int(_BYTES["nf4"] * shape.num_block_parameters + _BYTES["bfloat16"] * rest)


def activation_bytes(plan: Plan) -> int:
    """Return the bytes that the backward pass needs of the blocks' forward.

    Checkpointed: the input of every block, and one block in full while it is computed again.
    """
    block = block_bytes(plan)
    if not plan.is_checkpointed:
        return plan.shape.layers * block
    inputs = plan.batch_tokens * plan.shape.hidden * _item_bytes(plan)
    return plan.shape.layers * inputs + block


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
    per_token = computed * _item_bytes(plan) + exact * 4
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


def minutes(num_tokens: float, tokens_a_second: float) -> float:
    """Return how long so many tokens take, all epochs counted."""
    return num_tokens / tokens_a_second / 60
