"""The shape of a backbone: its linear layers, and how many numbers it and its adapters hold.

Counts are exact for Qwen2, Llama and Mistral; others are counted as if they were built like Llama.

Knows: config.json, which linear layers LoRA is put on.
Does not know: weights, memory, speed, torch.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from mapcoder_lite.errors import InputError

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj")
ALL_LINEAR = (*ATTENTION, *MLP)
GROUPS = {
    "all-linear": ALL_LINEAR,
    "attention": ATTENTION,
    "mlp": MLP,
    "qv": ("q_proj", "v_proj"),
}
"""What train.target_modules calls them together."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear layer of a block."""

    name: str
    inputs: int
    outputs: int
    has_bias: bool

    @property
    def num_parameters(self) -> int:
        """Weights and bias."""
        return self.inputs * self.outputs + self.outputs * self.has_bias

    def num_adapter_parameters(self, rank: int) -> int:
        """Return the size of A (rank, inputs) and B (outputs, rank)."""
        return rank * (self.inputs + self.outputs)


@dataclass(frozen=True, slots=True)
class Shape:
    """What config.json says of a decoder with gated MLP and grouped-query attention."""

    hidden: int
    mlp: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int
    is_tied: bool
    """Whether the output head is the embedding."""
    has_qkv_bias: bool
    has_output_bias: bool = False
    has_mlp_bias: bool = False

    @property
    def kv_width(self) -> int:
        """Width of a token's keys, and of its values."""
        return self.kv_heads * self.head_width

    @property
    def linears(self) -> tuple[Linear, ...]:
        """The linear layers of one block, in order."""
        wide = self.heads * self.head_width
        return (
            Linear("q_proj", self.hidden, wide, self.has_qkv_bias),
            Linear("k_proj", self.hidden, self.kv_width, self.has_qkv_bias),
            Linear("v_proj", self.hidden, self.kv_width, self.has_qkv_bias),
            Linear("o_proj", wide, self.hidden, self.has_output_bias),
            Linear("gate_proj", self.hidden, self.mlp, self.has_mlp_bias),
            Linear("up_proj", self.hidden, self.mlp, self.has_mlp_bias),
            Linear("down_proj", self.mlp, self.hidden, self.has_mlp_bias),
        )

    @property
    def num_block_parameters(self) -> int:
        """Of the linear layers of all blocks: what 4-bit quantisation covers."""
        return self.layers * sum(linear.num_parameters for linear in self.linears)

    @property
    def num_parameters(self) -> int:
        """Blocks, their two norms each, the last norm, the embedding and the head."""
        norms = (2 * self.layers + 1) * self.hidden
        embeddings = self.vocabulary * self.hidden * (1 if self.is_tied else 2)
        return self.num_block_parameters + norms + embeddings

    def num_adapter_parameters(self, rank: int, targets: str | Sequence[str]) -> int:
        """Return the size of one LoRA adapter of this rank.

        Raises:
            InputError: a target is no linear layer of a block.
        """
        adapted = adapted_linears(self, targets)
        return self.layers * sum(linear.num_adapter_parameters(rank) for linear in adapted)


def adapted_linears(shape: Shape, targets: str | Sequence[str]) -> tuple[Linear, ...]:
    """Return the linear layers of a block that get an adapter; none of the groups has the head.

    Raises:
        InputError: a target is no linear layer of a block.
    """
    names = GROUPS.get(targets, (targets,)) if isinstance(targets, str) else tuple(targets)
    unknown = sorted(set(names) - set(ALL_LINEAR))
    if unknown:
        raise InputError(
            f"train.target_modules names {', '.join(unknown)}; what is counted here is "
            f"{', '.join(GROUPS)}, or some of {', '.join(ALL_LINEAR)}"
        )
    return tuple(linear for linear in shape.linears if linear.name in names)


def read_shape(backbone: Path) -> Shape:
    """Read the shape of the backbone in a folder.

    Raises:
        InputError: there is no config.json that can be read, or it lacks a field.
    """
    try:
        fields = cast("dict[str, object]", json.loads((backbone / "config.json").read_bytes()))
        return shape_of(fields)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{backbone} has no config.json that can be read: {error!r}") from error


def shape_of(fields: Mapping[str, object]) -> Shape:
    """Return the shape that the fields of a config.json describe.

    Raises:
        KeyError: a field is missing.
    """
    kind = fields.get("model_type")

    def number(name: str, otherwise: int | None = None) -> int:
        value = fields.get(name, otherwise)
        return int(cast(int, fields[name] if value is None else value))

    hidden, heads = number("hidden_size"), number("num_attention_heads")
    # Qwen2 and Mistral have no such setting: their code decides.
    has_bias = kind not in ("qwen2", "mistral") and bool(fields.get("attention_bias", False))
    return Shape(
        hidden=hidden,
        mlp=number("intermediate_size"),
        layers=number("num_hidden_layers"),
        heads=heads,
        kv_heads=number("num_key_value_heads", heads),
        head_width=int(cast(int, fields.get("head_dim") or hidden // heads)),
        vocabulary=number("vocab_size"),
        is_tied=bool(fields.get("tie_word_embeddings", False)),
        has_qkv_bias=kind == "qwen2" or has_bias,
        has_output_bias=has_bias,
        has_mlp_bias=kind == "llama" and bool(fields.get("mlp_bias", False)),
    )


KNOWN: dict[str, Shape] = {
    "Qwen2.5-7B-Instruct": Shape(3584, 18944, 28, 28, 4, 128, 152064, False, True),
    "Llama-3.1-8B-Instruct": Shape(4096, 14336, 32, 32, 8, 128, 128256, False, False),
    "Mistral-7B-Instruct-v0.3": Shape(4096, 14336, 32, 32, 8, 128, 32768, False, False),
}
"""What the config.json of each model that has a recipe says, in the order of `Shape`'s fields."""
