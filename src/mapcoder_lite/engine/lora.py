"""PEFT LoRA folders put on a backbone: one set of weights, one small switch for the adapter.

Knows: linear layers, LoRA matrices, which adapter the current batch uses.
Does not know: requests, sampling, caches.
"""

# torch and transformers are only partly typed, hence not strict.
# pyright: basic

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import linear

from mapcoder_lite.engine.folders import AdapterConfig, read_adapter_config
from mapcoder_lite.errors import EngineError

_PREFIX = "base_model.model."
_ENDINGS = (".lora_A.weight", ".lora_B.weight")


@dataclass(slots=True)
class Switch:
    """The adapter that every adapted layer applies; None = the bare backbone."""

    adapter: str | None = None


class AdaptedLinear(nn.Module):
    """A frozen linear layer plus the low-rank update of the switched adapter (2106.09685, 4.1)."""

    def __init__(self, frozen: nn.Linear, switch: Switch) -> None:
        super().__init__()
        self.frozen = frozen
        self._switch = switch
        self._pairs: dict[str, tuple[Tensor, Tensor]] = {}

    def add(self, adapter: str, a: Tensor, b: Tensor, scale: float) -> None:
        """Hold an adapter's matrices; the scale goes into B, exact for powers of two."""
        weight = self.frozen.weight
        self._pairs[adapter] = (
            a.to(weight.device, weight.dtype),
            (b * scale).to(weight.device, weight.dtype),
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, T, in) -> (B, T, out)
        """Apply the layer with the switched adapter; without one, exactly the backbone."""
        y = self.frozen(x)
        pair = self._pairs.get(self._switch.adapter) if self._switch.adapter else None
        if pair is None:
            return y
        a, b = pair  # (r, in), (out, r)
        return y.add_(linear(linear(x, a), b))


def add_adapter(model: nn.Module, switch: Switch, name: str, folder: Path) -> None:
    """Put one PEFT LoRA folder on a backbone.

    Raises:
        EngineError: the adapter was trained on another shape of backbone, or is not plain LoRA.
    """
    config = read_adapter_config(name, folder)
    tensors = load_file(folder / "adapter_model.safetensors")
    modules = sorted({_module_of(name, key) for key in tensors})
    if not modules:
        raise EngineError(f"adapter {name!r}: {folder} holds no LoRA weights")
    for module in modules:
        pair = [tensors.get(f"{_PREFIX}{module}{ending}") for ending in _ENDINGS]
        layer = _adapted(model, switch, name, module)
        a, b = _checked(name, module, pair, layer.frozen, config)
        layer.add(name, a, b, config.scale_of(module))


def _module_of(adapter: str, key: str) -> str:
    for ending in _ENDINGS:
        if key.startswith(_PREFIX) and key.endswith(ending):
            return key[len(_PREFIX) : -len(ending)]
    raise EngineError(
        f"adapter {adapter!r}: the weight {key!r} is not plain LoRA of a linear layer"
    )


def _adapted(model: nn.Module, switch: Switch, adapter: str, module: str) -> AdaptedLinear:
    try:
        layer = model.get_submodule(module)
    except AttributeError as error:
        raise EngineError(
            f"adapter {adapter!r} was trained on another backbone: this one has no layer {module!r}"
        ) from error
    if isinstance(layer, AdaptedLinear):
        return layer
    if not isinstance(layer, nn.Linear):
        raise EngineError(
            f"adapter {adapter!r}: {module!r} is a {type(layer).__name__}, not linear"
        )
    parent, _, leaf = module.rpartition(".")
    adapted = AdaptedLinear(layer, switch)
    setattr(model.get_submodule(parent), leaf, adapted)
    return adapted


def _checked(
    adapter: str,
    module: str,
    pair: list[Tensor | None],
    frozen: nn.Linear,
    config: AdapterConfig,
) -> tuple[Tensor, Tensor]:
    a, b = pair
    if a is None or b is None:
        raise EngineError(f"adapter {adapter!r}: {module!r} has only one of its two matrices")
    rank = config.rank_of(module)
    expected = ((rank, frozen.in_features), (frozen.out_features, rank))
    if (tuple(a.shape), tuple(b.shape)) != expected:
        raise EngineError(
            f"adapter {adapter!r} does not fit: at {module!r} its matrices are "
            f"{tuple(a.shape)} and {tuple(b.shape)}, where backbone and rank {rank} need "
            f"{expected[0]} and {expected[1]}; it belongs to another backbone or configuration"
        )
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise EngineError(f"adapter {adapter!r}: {module!r} holds numbers that are not finite")
    return a.float(), b.float()
