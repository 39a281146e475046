"""The model that one role trains: a frozen backbone under LoRA in its variants, or all weights.

Knows: targets, scales, initialisations, 4-bit backbones, dtypes; what is left of an adapter when it
is to stand on the backbone as it was.
Does not know: rows, trainers, files beside the weights.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import copy
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from peft import (
    LoraConfig,
    PeftModel,
    get_peft_model,
    get_peft_model_state_dict,
    prepare_model_for_kbit_training,
)
from torch import Tensor, nn
from transformers import PreTrainedModel

from mapcoder_lite.errors import ConfigError
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.backbone import outline
from mapcoder_lite.training.shapes import GROUPS

TARGETS: Mapping[str, str | tuple[str, ...]] = {**GROUPS, "all-linear": "all-linear"}
"""As PEFT takes them, which finds the linear layers of any architecture itself."""

_FROM_WEIGHTS = frozenset({"pissa", "olora"})
"""Initialisations that take a part of the backbone's weights into the adapter."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many numbers there are."""

    num_parameters: int
    """Of the backbone."""
    num_trainable: int

    @property
    def share(self) -> float:
        """Trainable parameters in those of the backbone."""
        return self.num_trainable / self.num_parameters


def check_variant(settings: TrainConfig) -> None:
    """Refuse settings that do not go together, or that nothing installed here carries out.

    Raises:
        ConfigError: the settings at fault are named.
    """
    plain = TrainConfig()
    if settings.method == "full":
        for name in ("quant", "dora", "rslora", "initialisation", "loraplus_ratio"):
            if getattr(settings, name) != getattr(plain, name):
                raise ConfigError(
                    f"train.{name} is of adapters, train.method=full trains none: leave it out"
                )
    if settings.initialisation in _FROM_WEIGHTS and settings.quant != "none":
        raise ConfigError(
            f"train.initialisation={settings.initialisation} takes a part of the weights, which "
            "train.quant=nf4 holds in 4 bits only: choose one of them"
        )
    if settings.initialisation == "orthogonal" and settings.rank % 2:
        raise ConfigError(
            f"train.initialisation=orthogonal needs an even rank, not {settings.rank}"
        )
    if settings.quant == "nf4" and find_spec("bitsandbytes") is None:
        raise ConfigError("train.quant=nf4 needs bitsandbytes: pip install 'mapcoder-lite[nf4]'")


def lora_config(settings: TrainConfig) -> LoraConfig:
    """PEFT's configuration of an adapter."""
    targets = settings.target_modules
    chosen = TARGETS.get(targets, (targets,)) if isinstance(targets, str) else targets
    initialisation = settings.initialisation
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=chosen if isinstance(chosen, str) else list(chosen),
        use_rslora=settings.rslora,
        use_dora=settings.dora,
        init_lora_weights=True if initialisation == "default" else initialisation,
    )


def measure(settings: TrainConfig) -> Size:
    """Count parameters without loading one.

    Raises:
        ConfigError: a target is no linear layer of the backbone, or too small for the rank.
        InputError: the backbone's config.json cannot be used.
    """
    model = outline(Path(settings.backbone or ""))
    num_parameters = sum(p.numel() for p in model.parameters())
    if settings.method == "full":
        return Size(num_parameters, num_parameters)
    _check_targets(settings, model)
    plain = lora_config(settings.model_copy(update={"initialisation": "default"}))
    with torch.device("meta"):  # PEFT makes an adapter's numbers before it lets them go
        adapted = get_peft_model(model, plain, low_cpu_mem_usage=True)
    return Size(num_parameters, sum(p.numel() for p in adapted.parameters() if p.requires_grad))


def _check_targets(settings: TrainConfig, model: PreTrainedModel) -> None:
    head = model.get_output_embeddings()
    linear = {
        name: min(layer.in_features, layer.out_features)
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and layer is not head
    }
    wanted = lora_config(settings).target_modules
    endings = ("",) if isinstance(wanted, str) else tuple(wanted or ())
    unknown = sorted(name for name in endings if not _adapted(linear, name))
    if unknown:
        names = {name.rpartition(".")[2] for name in linear}
        raise ConfigError(
            f"train.target_modules: {', '.join(unknown)} is no linear layer of "
            f"{settings.backbone}; there are {', '.join(sorted(names))}, or all-linear, "
            "attention, mlp, qv for groups of them"
        )
    smallest = min(linear[name] for ending in endings for name in _adapted(linear, ending))
    if settings.initialisation in {*_FROM_WEIGHTS, "orthogonal"} and settings.rank > smallest:
        raise ConfigError(
            f"train.initialisation={settings.initialisation} finds no {settings.rank} directions "
            f"in a layer of width {smallest}: lower train.rank"
        )


def _adapted(layers: Iterable[str], ending: str) -> list[str]:
    """The layers that PEFT adapts where it is given this name, or the end of it."""
    return [name for name in layers if not ending or f".{name}".endswith(f".{ending}")]


def with_adapter(settings: TrainConfig, model: PreTrainedModel) -> PeftModel:
    """Put a fresh adapter on a loaded backbone, which is frozen; dtypes are `set_dtype`'s."""
    if settings.quant != "none":
        prepare_model_for_kbit_training(model, settings.gradient_checkpointing)
    adapted = get_peft_model(model, lora_config(settings), autocast_adapter_dtype=False)
    assert isinstance(adapted, PeftModel)
    return adapted


def set_dtype(model: nn.Module, settings: TrainConfig) -> None:
    """Hold the adapter's weights in `adapter_dtype`: libraries' own choices differ by backbone."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(getattr(torch, settings.adapter_dtype))


def keep_trainable(model: nn.Module) -> None:
    """Leave 4-bit layers in training mode while losses are looked at.

    On a processor bitsandbytes repacks them in the other mode, and cannot train on what it packed.
    They hold no dropout: an adapter's own is a layer beside.
    """
    for layer in model.modules():
        if type(layer).__name__ == "Linear4bit":
            layer.training = True


def beginning(model: PeftModel, settings: TrainConfig) -> dict[str, Tensor]:
    """Where an adapter begins that took a part of the weights; empty for all others."""
    if settings.initialisation not in _FROM_WEIGHTS:
        return {}
    return {name: tensor.detach().cpu().clone() for name, tensor in tensors_of(model).items()}


def tensors_of(model: PeftModel) -> dict[str, Tensor]:
    """The adapter's tensors by the names that PEFT gives them in files."""
    # Embeddings are frozen; asked to decide, PEFT would look the backbone up on a hub.
    return get_peft_model_state_dict(model, save_embedding_layers=False)


def on_the_original(
    tensors: Mapping[str, Tensor], beginning: Mapping[str, Tensor], config: LoraConfig
) -> tuple[dict[str, Tensor], LoraConfig]:
    """Turn an adapter of what is left of the weights into plain LoRA of the original ones.

    W - B0 A0 + B A = W + [B, -B0] [A; A0], of twice the rank (as PEFT's
    `path_initial_model_for_weight_conversion`). The two factors are then balanced: each part is of
    the size of the weights, their difference far smaller, and would drown in bfloat16's rounding.
    """
    converted: dict[str, Tensor] = {}
    for name in tensors:
        if ".lora_A." not in name:
            continue
        twin = name.replace(".lora_A.", ".lora_B.")
        a = torch.cat([tensors[name].cpu().double(), beginning[name].double()], dim=0)
        b = torch.cat([tensors[twin].cpu().double(), -beginning[twin].double()], dim=1)
        converted[twin], converted[name] = _balanced(b, a)
    doubled: Any = copy.copy(config)  # alpha is typed as whole
    doubled.init_lora_weights = True
    doubled.r = 2 * config.r
    doubled.lora_alpha = config.lora_alpha * (math.sqrt(2) if config.use_rslora else 2)
    return converted, doubled


def _balanced(b: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
    """Factors (out, r) and (r, in) of the same product, each with the root of its sizes."""
    q_b, r_b = torch.linalg.qr(b)
    q_a, r_a = torch.linalg.qr(a.T)
    u, sizes, v = torch.linalg.svd(r_b @ r_a.T, full_matrices=False)
    root = sizes.sqrt()
    left, right = (q_b @ u) * root, root[:, None] * (v @ q_a.T)
    lacking = b.shape[1] - len(root)  # a layer narrower than twice the rank
    return (
        nn.functional.pad(left, (0, lacking)).float(),
        nn.functional.pad(right, (0, 0, 0, lacking)).float(),
    )
