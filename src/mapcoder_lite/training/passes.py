"""One pass over rows of several roles: the gradient of each, as if it were alone.

Knows: the backbone, the adapters on it, batches.
Does not know: optimisers, schedules, files.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import ctypes
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from mapcoder_lite.engine.local import ROPE_BY_LENGTH
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.mixed import (
    FAMILIES,
    LowRank,
    Mix,
    mix_adapters,
    recompute_layers,
)
from mapcoder_lite.training.packing import (
    ATTENTION,
    Batch,
    Owned,
    TokenRow,
    batches,
    hidden_states,
    token_losses,
)

_SHARE = 1 / 2
_SHARE_ON_CUDA = 3 / 4
# Of a separate training's forward: less of it pays for the other roles' adapters and moments. On
# CUDA, below three quarters of it, launching kernels takes longer than they do.


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one pass found for one role."""

    loss: float
    """Mean over the taught tokens of the role's rows, in nats."""
    norm: float
    """Of its whole gradient."""
    num_tokens: int
    """Of prompts and completions."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A frozen model with adapters for several roles."""

    model: PreTrainedModel
    mix: Mix
    head: Tensor
    """(vocabulary, hidden), in the dtype of the products."""
    is_autocast: bool
    max_tokens: int
    """Of a forward, unless a single row is longer."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.model.device

    def autocast(self) -> torch.autocast:
        """The precision of everything that is no adapted layer."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.is_autocast)


def obstacle_of(config: PreTrainedConfig, max_tokens: int) -> str | None:
    """Why a backbone cannot be trained jointly on rows of that length; None = it can.

    Only decoders are known whose attention is plain and causal.
    """
    if config.model_type not in FAMILIES:
        return f"the backbone is a {config.model_type}"
    window = getattr(config, "sliding_window", None)
    if window is not None and window < max_tokens:
        return f"the backbone attends to {window} tokens only"
    if config.attention_dropout:
        return f"the backbone drops {config.attention_dropout:g} of its attention"
    rope = (config.rope_parameters or {}).get("rope_type")
    if rope in ROPE_BY_LENGTH:
        return f"the backbone turns keys by {rope}, which follows the longest row of a batch"
    return None


def adapt(
    model: PreTrainedModel,
    starts: Sequence[Mapping[str, LowRank]],
    settings: TrainConfig,
    max_tokens: int,
) -> Backbone:
    """Freeze a model and put one adapter a role on it; `starts` as in `mix_adapters`.

    The model must be one that `obstacle_of` has nothing against.
    """
    dtype = torch.bfloat16 if settings.autocast else getattr(torch, settings.dtype)
    mix = mix_adapters(model, starts, dtype)
    # Rows have all sorts of lengths, and cuDNN's attention prepares a plan for each new one, which
    # takes longer than the attention itself.
    torch.backends.cuda.enable_cudnn_sdp(enabled=False)
    model.config._attn_implementation = ATTENTION
    if settings.gradient_checkpointing:
        recompute_layers(model, mix)
    model.train()
    output: Any = model.get_output_embeddings()
    head = output.weight.detach().to(dtype)
    return Backbone(model, mix, head, settings.autocast, max_tokens)


def tokens_at_once(
    rows: Sequence[Sequence[TokenRow]], settings: TrainConfig, device: torch.device
) -> int:
    """Tokens of a forward: a share of what one of a role's own training holds on average."""
    lengths = [len(row.tokens) for part in rows for row in part]
    share = _SHARE_ON_CUDA if device.type == "cuda" else _SHARE
    return math.ceil(share * settings.batch_rows * sum(lengths) / len(lengths))


@dataclass(frozen=True, slots=True)
class Start:
    """An adapter before its first step."""

    matrices: Mapping[str, LowRank]
    """By the layer's name in the backbone."""
    config: LoraConfig
    """PEFT's, with the adapted layers named."""


def peft_start(model: PreTrainedModel, lora: LoraConfig) -> Start:
    """What PEFT starts an adapter with, drawn from torch's global generator; the model is left."""
    adapted = get_peft_model(model, lora, autocast_adapter_dtype=False)
    assert isinstance(adapted, PeftModel)
    matrices: dict[str, LowRank] = {}
    for name, module in model.named_modules():  # it was adapted in place
        if isinstance(module, LoraLayer):
            pair: Any = [part["default"].weight for part in (module.lora_A, module.lora_B)]
            a, b = (weight.detach().float() for weight in pair)
            matrices[name] = LowRank(a, b, module.scaling["default"])
    config = adapted.peft_config["default"]
    assert isinstance(config, LoraConfig)
    adapted.unload()
    return Start(matrices, config)


def learn(backbone: Backbone, rows: Mapping[int, Sequence[TokenRow]]) -> dict[int, Outcome]:
    """Add each adapter's gradient of the mean loss over its own rows, by the adapter's place.

    The backbone gets no gradient, so the adapters do not touch each other: each gradient is what
    it would be alone. The mean is over the taught tokens of all its rows of the step, as TRL's.
    """
    owned = [
        Owned(row, place, 1 / max(sum(other.num_taught for other in rows[place]), 1))
        for place in sorted(rows)
        for row in rows[place]
    ]
    losses = torch.zeros(len(backbone.mix.adapters), device=backbone.device)
    for batch in batches(owned, backbone.max_tokens, backbone.device):
        with backbone.mix.batch(batch.segments):
            with backbone.autocast():
                states = hidden_states(backbone.model, batch)
                loss, each = token_losses(states, backbone.head, batch)
            loss.backward()
        losses.index_add_(0, batch.owners, each * batch.weights)
    _hand_back(backbone.device)
    norms = torch.stack([backbone.mix.adapters[place].gradient.norm() for place in rows])
    numbers = zip(rows, losses[list(rows)].tolist(), norms.tolist(), strict=True)
    return {
        place: Outcome(loss, norm, sum(len(row.tokens) for row in rows[place]))
        for place, loss, norm in numbers
    }


def _hand_back(device: torch.device) -> None:
    """Return freed memory to the system, where the C library can.

    No two batches are of one length, so that what one leaves fits none of the next, and the peak
    grows from step to step (benchmarks/training.py measures it).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if device.type == "cpu" else None
    if trim is not None:
        trim(0)


@torch.no_grad()
def validation_losses(
    backbone: Backbone, rows: Mapping[int, Sequence[TokenRow]]
) -> dict[int, float]:
    """Mean loss over all taught tokens of each adapter's rows, in nats, by the adapter's place."""
    owned = [Owned(row, place, 1.0) for place in sorted(rows) for row in rows[place]]
    device = backbone.device
    losses = torch.zeros(len(backbone.mix.adapters), dtype=torch.float64, device=device)
    for batch in batches(owned, backbone.max_tokens, device):
        losses.index_add_(0, batch.owners, _looked_at(backbone, batch).double())
    _hand_back(device)
    sums = losses.tolist()
    return {
        place: sums[place] / max(sum(row.num_taught for row in rows[place]), 1) for place in rows
    }


def _looked_at(backbone: Backbone, batch: Batch) -> Tensor:
    with backbone.mix.batch(batch.segments), backbone.autocast():
        states = hidden_states(backbone.model, batch)
        return token_losses(states, backbone.head, batch)[1]
