"""Several LoRA adapters on one frozen backbone, trained in one pass over rows of all of them.

Rows lie one after another without padding, sorted by adapter, so that a batch is one long row
(1, T) and what belongs to an adapter is a slice of it. A layer multiplies by its frozen weight once
for all rows, and adds each adapter's low-rank product to its slice. The backward is written out:
gradients go straight into float32 buffers, one flat buffer an adapter, and nothing else is taped.

Knows: linear layers, LoRA matrices (2106.09685), which tokens of a batch use which adapter.
Does not know: rows, losses, optimisers, files.
"""

# torch and its libraries leave most of their types open
# pyright: basic

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

FAMILIES = frozenset({"qwen2", "qwen3", "llama", "mistral"})
"""Model types whose decoder layers are known to be `x + attention(...)`, then `x + mlp(...)`."""

_LAST_LINEAR = ".down_proj"  # its product is only added: nothing in a backward reads it


@dataclass(frozen=True, slots=True)
class Segment:
    """The tokens of one adapter in a batch."""

    place: int
    """Of the adapter among all of them."""
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class LowRank:
    """The start of one layer's adapter, in float32."""

    a: Tensor
    """(r, in)"""
    b: Tensor
    """(out, r)"""
    scale: float
    """What B·A is multiplied by: alpha / r, or alpha / sqrt(r) with rsLoRA."""


@dataclass(slots=True)
class Adapter:
    """All matrices of one adapter, laid end to end."""

    weights: Tensor
    """(P,), float32: what the optimiser changes."""
    gradient: Tensor
    """(P,), float32."""
    computing: Tensor
    """(P,) in the dtype of the products; the weights themselves where that is float32."""

    def refresh(self) -> None:
        """Bring changed weights to the dtype of the products; call it after every change."""
        if self.computing is not self.weights:
            self.computing.copy_(self.weights)


@dataclass(slots=True)
class Mix:
    """The adapters, and the one switch that all adapted layers share."""

    adapters: list[Adapter] = field(default_factory=list)
    layers: "dict[str, MixedLinear]" = field(default_factory=dict)
    """By the layer's name in the backbone."""
    segments: tuple[Segment, ...] = ()
    is_recomputing: bool = False
    """A layer runs a second time, for its backward only."""

    @contextmanager
    def batch(self, segments: tuple[Segment, ...]) -> Iterator[None]:
        """Hold a batch's arrangement; its backward, which may recompute layers, belongs inside."""
        self.segments = segments
        try:
            yield
        finally:
            self.segments = ()

    def tensors(self, flat: Tensor) -> dict[str, Tensor]:
        """Views of one adapter's flat tensor (P,), named as PEFT names them in files."""
        named: dict[str, Tensor] = {}
        for name, layer in self.layers.items():
            a, b = layer.cut(flat)
            named[f"base_model.model.{name}.lora_A.weight"] = a
            named[f"base_model.model.{name}.lora_B.weight"] = b
        return named


class MixedLinear(nn.Module):
    """A frozen linear layer plus the low-rank updates of the adapters that own the tokens."""

    def __init__(self, frozen: nn.Linear, mix: Mix, start: LowRank, offset: int) -> None:
        super().__init__()
        self.frozen = frozen
        self.scale = start.scale
        self.mix = mix
        self.is_last = False
        """Whether a backward never reads what it gives."""
        self._offset = offset
        self._a_shape, self._b_shape = start.a.shape, start.b.shape
        self.matrices: list[tuple[Tensor, Tensor]] = []
        self.gradients: list[tuple[Tensor, Tensor]] = []

    def cut(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """This layer's part of a flat tensor (P,): A (r, in) and B (out, r), views of it."""
        middle = self._offset + self._a_shape.numel()
        end = middle + self._b_shape.numel()
        return flat[self._offset : middle].view(self._a_shape), flat[middle:end].view(self._b_shape)

    def forward(self, x: Tensor) -> Tensor:  # (1, T, in) -> (1, T, out)
        """Apply the layer as the mix is arranged."""
        weight = self.frozen.weight
        y: Tensor = _MixedProduct.apply(x, weight.new_empty(0, requires_grad=True), self)  # type: ignore[assignment]  # apply is untyped
        return y


class _MixedProduct(torch.autograd.Function):
    """y = x W' + bias, and on each adapter's tokens + s (x A') B'; only A and B learn."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, anchor: Tensor, layer: MixedLinear) -> Tensor:
        # `anchor` makes the first layer's output ask for a gradient, though its input does not.
        frozen = layer.frozen
        flat = x.reshape(-1, x.shape[-1]).to(frozen.weight.dtype)
        if layer.is_last and layer.mix.is_recomputing:
            y = flat.new_empty(len(flat), frozen.out_features)
            is_read = False
        else:
            y = functional.linear(flat, frozen.weight, frozen.bias)
            is_read = True
        inner: list[Tensor] = []
        for segment in layer.mix.segments:
            a, b = layer.matrices[segment.place]
            h = flat[segment.start : segment.stop] @ a.t()
            if is_read:
                y[segment.start : segment.stop].addmm_(h, b.t(), alpha=layer.scale)
            inner.append(h)
        ctx.save_for_backward(flat, *inner)
        ctx.layer, ctx.segments = layer, layer.mix.segments
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, None, None]:
        layer: MixedLinear = ctx.layer
        flat, *inner = ctx.saved_tensors
        above = dy.reshape(-1, dy.shape[-1]).to(flat.dtype)
        dx = above @ layer.frozen.weight if ctx.needs_input_grad[0] else None
        for segment, h in zip(ctx.segments, inner, strict=True):
            rows = slice(segment.start, segment.stop)
            a, b = layer.matrices[segment.place]
            grad_a, grad_b = layer.gradients[segment.place]
            g = above[rows] @ b  # (T of the segment, r)
            _add_product(grad_b, above[rows].t(), h, layer.scale)
            _add_product(grad_a, g.t(), flat[rows], layer.scale)
            if dx is not None:
                dx[rows].addmm_(g, a, alpha=layer.scale)
        return (None if dx is None else dx.view(*dy.shape[:-1], -1)), None, None


def _add_product(total: Tensor, left: Tensor, right: Tensor, scale: float) -> None:
    """Add a product to a float32 total; one operation where the dtypes allow it."""
    if left.dtype == total.dtype:
        total.addmm_(left, right, alpha=scale)
    else:
        total.add_(left @ right, alpha=scale)


def mix_adapters(
    model: nn.Module, starts: Sequence[Mapping[str, LowRank]], dtype: torch.dtype
) -> Mix:
    """Put adapters on a frozen backbone; all of them adapt the same layers.

    `starts` holds the matrices of each adapter by the layer's name; the products of the adapted
    layers, frozen ones included, are computed in `dtype`.
    """
    model.requires_grad_(False)
    mix = Mix()
    offset = 0
    for name, start in starts[0].items():
        frozen = model.get_submodule(name)
        assert isinstance(frozen, nn.Linear)
        frozen.to(dtype)
        layer = MixedLinear(frozen, mix, start, offset)
        layer.is_last = (
            name.endswith(_LAST_LINEAR) and model.config.model_type in FAMILIES  # type: ignore[union-attr]  # a transformers model
        )
        offset += start.a.numel() + start.b.numel()
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, layer)
        mix.layers[name] = layer
    for matrices in starts:
        _add_adapter(mix, matrices, offset, dtype)
    return mix


def _add_adapter(mix: Mix, start: Mapping[str, LowRank], size: int, dtype: torch.dtype) -> None:
    device = next(iter(mix.layers.values())).frozen.weight.device
    weights = torch.zeros(size, device=device)
    computing = weights if dtype == torch.float32 else torch.zeros(size, device=device, dtype=dtype)
    adapter = Adapter(weights, torch.zeros(size, device=device), computing)
    for name, layer in mix.layers.items():
        a, b = layer.cut(weights)
        a.copy_(start[name].a)
        b.copy_(start[name].b)
        layer.matrices.append(layer.cut(computing))
        layer.gradients.append(layer.cut(adapter.gradient))
    adapter.refresh()
    mix.adapters.append(adapter)


def recompute_layers(model: nn.Module, mix: Mix) -> None:
    """Keep only the input of each decoder layer, and run the layer again in its backward."""

    def run(function: Any, hidden: Tensor, *rest: Any) -> Tensor:
        anchor = hidden.new_empty(0, requires_grad=True)
        return _Recomputed.apply(hidden, anchor, function, rest, mix)  # type: ignore[return-value]  # apply is untyped

    for module in model.modules():
        if hasattr(module, "gradient_checkpointing"):
            module.gradient_checkpointing = True
            module._gradient_checkpointing_func = run


class _Recomputed(torch.autograd.Function):
    """A layer whose insides are not kept; what it computes with is the batch's, held till then."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, anchor: Tensor, function: Any, rest: tuple[Any, ...], mix: Mix
    ) -> Tensor:
        ctx.save_for_backward(hidden)
        ctx.function, ctx.rest, ctx.mix, ctx.segments = function, rest, mix, mix.segments
        kind = hidden.device.type
        ctx.autocast = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)
        return function(hidden, *rest)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, None, None, None, None]:
        (saved,) = ctx.saved_tensors
        mix: Mix = ctx.mix
        if mix.segments != ctx.segments:
            raise RuntimeError("the batch's arrangement changed before its backward")
        hidden = saved.detach().requires_grad_(ctx.needs_input_grad[0])
        is_on, dtype = ctx.autocast
        mix.is_recomputing = True
        try:
            with torch.enable_grad(), torch.autocast(hidden.device.type, dtype, enabled=is_on):
                y = ctx.function(hidden, *ctx.rest)
        finally:
            mix.is_recomputing = False
        torch.autograd.backward(y, dy)
        return hidden.grad, None, None, None, None
