"""PEFT LoRA folders fused into a backbone: all adapters side by side, any mix of them in a batch.

Knows: linear layers, LoRA matrices (2106.09685), which rows of a batch use which adapter.
Does not know: requests, sampling, caches.
"""

# torch and transformers are only partly typed, hence not strict.
# pyright: basic

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import linear

from mapcoder_lite.engine.folders import AdapterConfig, read_adapter_config
from mapcoder_lite.engine.layout import LowRank, laid_out, lay_out
from mapcoder_lite.errors import EngineError

_PREFIX = "base_model.model."
_ENDINGS = (".lora_A.weight", ".lora_B.weight")

Window = int | None
"""The place of one adapter; None = all of them side by side."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Which rows of a batch use which adapters; made once, read by every layer."""

    segments: tuple[tuple[int, slice], ...] = ()
    """Neighbouring rows of one adapter, computed on their own; base rows are in none."""
    is_common: bool = False
    """Whether every row gets the product of `window`; else only segments get any."""
    window: Window = None
    masks: tuple[Tensor, ...] = ()
    """(B, 1, sum of ranks) for each layout; 1 where a row's adapter lies, else 0. Empty where all
    rows ask the window's one adapter."""


@dataclass(slots=True)
class Mix:
    """The one switch that all adapted layers share."""

    adapters: tuple[str, ...] = ()
    layouts: list[tuple[int, ...]] = field(default_factory=list)
    """The ranks of the adapters, for each sort of layer that occurs."""
    arrangement: Arrangement = field(default_factory=Arrangement)
    """Of the coming forward."""

    def place(self, adapter: str | None) -> int:
        """Return where an adapter lies; the backbone comes first, as -1."""
        return -1 if adapter is None else self.adapters.index(adapter)

    def in_segments(self, rows: Sequence[str | None]) -> Arrangement:
        """Arrange rows that are sorted by adapter: nothing is computed in vain."""
        segments: list[tuple[int, slice]] = []
        first = 0
        for adapter, group in groupby(rows):
            last = first + len(list(group))
            if adapter is not None:
                segments.append((self.place(adapter), slice(first, last)))
            first = last
        return Arrangement(tuple(segments))

    def by_mask(
        self, rows: Sequence[str | None], device: torch.device, dtype: torch.dtype
    ) -> Arrangement:
        """Arrange rows in any order, for few tokens each: two products a layer for all adapters."""
        places = [self.place(adapter) for adapter in rows]
        if max(places) < 0:
            return Arrangement()
        if len(set(places)) == 1:
            return Arrangement(is_common=True, window=places[0])
        owned = torch.tensor(places)[:, None, None]
        masks: list[Tensor] = []
        for ranks in self.layouts:
            owners = torch.tensor([k for k, rank in enumerate(ranks) for _ in range(rank)])
            masks.append((owned == owners).to(device, dtype))
        return Arrangement(is_common=True, masks=tuple(masks))


class AdaptedLinear(nn.Module):
    """A frozen linear layer plus the low-rank updates of the adapters that the rows ask for."""

    def __init__(self, frozen: nn.Linear, mix: Mix) -> None:
        super().__init__()
        self.frozen = frozen
        self.pairs: dict[int, tuple[Tensor, Tensor]] = {}
        """A (r, in) and scaled B (out, r) by the adapter's place, until they are stacked."""
        self._mix = mix
        self._layout = 0
        # Absent where the adapter leaves this layer alone.
        self._views: dict[Window, tuple[Tensor, Tensor]] = {}
        self._for_few_rows: dict[Window, LowRank] = {}  # made of the views when first asked for

    def stack(self) -> None:
        """Lay the adapters side by side: A (sum of r, in), and B's transpose (sum of r, out)."""
        weight = self.frozen.weight
        num = len(self._mix.adapters)
        ranks = tuple(len(self.pairs[k][0]) if k in self.pairs else 0 for k in range(num))
        if ranks not in self._mix.layouts:
            self._mix.layouts.append(ranks)
        self._layout = self._mix.layouts.index(ranks)
        ordered = [self.pairs[k] for k in sorted(self.pairs)]
        self.pairs = {}
        a = laid_out(torch.cat([a for a, _ in ordered]).to(weight.device, weight.dtype))
        # Rows of B's transpose are neighbours in memory: any window of it is as fast as the whole.
        c = torch.cat([b.t() for _, b in ordered]).to(weight.device, weight.dtype).contiguous()
        self._views[None] = a, c
        for place, (end, rank) in enumerate(zip(accumulate(ranks), ranks, strict=True)):
            if rank:
                self._views[place] = a[end - rank : end], c[end - rank : end]

    def forward(self, x: Tensor) -> Tensor:  # (B, T, in) -> (B, T, out)
        """Apply the layer as arranged; rows of the bare backbone get exactly the backbone."""
        y = self.frozen(x)
        arrangement = self._mix.arrangement
        if arrangement.is_common and arrangement.window in self._views:
            mask = arrangement.masks[self._layout] if arrangement.masks else None
            return self._few_rows(arrangement.window).added(y, x, mask)
        for place, rows in arrangement.segments:
            if place in self._views:
                a, c = self._views[place]
                h = linear(x[rows], a)
                y[rows].view(-1, y.shape[-1]).addmm_(h.view(-1, h.shape[-1]), c)
        return y

    def _few_rows(self, window: Window) -> LowRank:
        if window not in self._for_few_rows:
            self._for_few_rows[window] = LowRank(*self._views[window])
        return self._for_few_rows[window]


def fuse_adapters(model: nn.Module, folders: Mapping[str, Path]) -> Mix:
    """Put PEFT LoRA folders on a frozen backbone, ready for speed; return its layers' switch.

    Raises:
        EngineError: an adapter was trained on another shape of backbone, or is not plain LoRA.
    """
    mix = Mix(tuple(folders))
    layers: dict[str, AdaptedLinear] = {}
    for place, (name, folder) in enumerate(folders.items()):
        for module, pair in _read_adapter(model, name, folder):
            if module not in layers:
                layers[module] = AdaptedLinear(_linear(model, name, module), mix)
            layers[module].pairs[place] = pair
    for module, layer in layers.items():
        layer.stack()
        parent, _, leaf = module.rpartition(".")
        setattr(model.get_submodule(parent), leaf, layer)
    lay_out(model)
    return mix


def _read_adapter(
    model: nn.Module, name: str, folder: Path
) -> list[tuple[str, tuple[Tensor, Tensor]]]:
    config = read_adapter_config(name, folder)
    try:
        tensors = load_file(folder / "adapter_model.safetensors")
    except SafetensorError as error:
        raise EngineError(f"adapter {name!r}: its weights cannot be read: {error}") from error
    modules = sorted({_module_of(name, key) for key in tensors})
    if not modules:
        raise EngineError(f"adapter {name!r}: {folder} holds no LoRA weights")
    pairs: list[tuple[str, tuple[Tensor, Tensor]]] = []
    for module in modules:
        pair = [tensors.get(f"{_PREFIX}{module}{ending}") for ending in _ENDINGS]
        a, b = _checked(name, module, pair, _linear(model, name, module), config)
        # The scale goes into B: exact for powers of two.
        scaled = b * config.scale_of(module)
        if not torch.isfinite(scaled).all():
            raise EngineError(f"adapter {name!r}: {module!r} is scaled out of all numbers")
        pairs.append((module, (a, scaled)))
    return pairs


def _module_of(adapter: str, key: str) -> str:
    for ending in _ENDINGS:
        if key.startswith(_PREFIX) and key.endswith(ending):
            return key[len(_PREFIX) : -len(ending)]
    raise EngineError(
        f"adapter {adapter!r}: the weight {key!r} is not plain LoRA of a linear layer"
    )


def _linear(model: nn.Module, adapter: str, module: str) -> nn.Linear:
    try:
        layer = model.get_submodule(module)
    except AttributeError as error:
        raise EngineError(
            f"adapter {adapter!r} was trained on another backbone: this one has no layer {module!r}"
        ) from error
    if not isinstance(layer, nn.Linear):
        raise EngineError(
            f"adapter {adapter!r}: {module!r} is a {type(layer).__name__}, not linear"
        )
    return layer


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
