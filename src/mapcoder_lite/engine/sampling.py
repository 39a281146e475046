"""The next token of every row of a batch, each row with its own randomness.

Knows: logits, temperature, top-p, one generator a row, tokens that a grammar rules out.
Does not know: models, text, when a reply ends.
"""

# torch and transformers are only partly typed, hence not strict.
# pyright: basic

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mapcoder_lite.engine.constraint import Constraint
from mapcoder_lite.errors import EngineError
from mapcoder_lite.trajectory import Sampling

_COLD = 1e-6
"""Temperature up to which the likeliest token is taken: logits divided by less overflow."""

NOT_FINITE = "the logits are not finite"


@dataclass(frozen=True, slots=True)
class Sampler:
    """How one row draws; generator and constraint advance with every draw."""

    temperature: float
    top_p: float
    generator: torch.Generator
    constraint: Constraint | None = None

    @classmethod
    def seeded(
        cls, sampling: Sampling, seed: int, constraint: Constraint | None = None
    ) -> "Sampler":
        """Make a sampler whose draws depend on the seed alone, never on the neighbours."""
        generator = torch.Generator().manual_seed(seed)
        return cls(sampling.temperature, sampling.top_p, generator, constraint)


@torch.inference_mode()
def draw(logits: Tensor, samplers: Sequence[Sampler]) -> list[int | str]:
    """Return a token a row, or why it has none.

    Rows of `logits` that have a grammar are written to.

    A sampled token is argmax p/e with exponential noise e per token id: unlike the inverse of the
    cumulative distribution, rounding in the logits cannot shift the choice to a neighbouring token.
    """
    faults = _rule_out(logits, samplers)
    tokens = logits.argmax(dim=-1)  # (B,)
    best = logits.gather(1, tokens[:, None])[:, 0]  # (B,); NaN wins an argmax
    chosen: list[int | str] = tokens.tolist()
    sampled = [i for i, sampler in enumerate(samplers) if sampler.temperature > _COLD]
    if sampled:
        drawn = _sample(logits[sampled].float().cpu(), [samplers[i] for i in sampled])
        for i, token in zip(sampled, drawn, strict=True):
            chosen[i] = token
    finite = torch.isfinite(best).tolist()
    for i, sampler in enumerate(samplers):
        if i not in faults:
            chosen[i] = _advanced(sampler, chosen[i]) if finite[i] else NOT_FINITE
    return [faults.get(i, token) for i, token in enumerate(chosen)]


def _rule_out(logits: Tensor, samplers: Sequence[Sampler]) -> dict[int, str]:
    """Write -inf over what a row's grammar rules out; return why a grammar broke, by row."""
    faults: dict[int, str] = {}
    for i, sampler in enumerate(samplers):
        if sampler.constraint is not None:
            try:
                ruled_out = torch.from_numpy(~sampler.constraint.allowed())
            except EngineError as fault:
                faults[i] = str(fault)
                continue
            logits[i].masked_fill_(ruled_out.to(logits.device), -torch.inf)
    return faults


def _advanced(sampler: Sampler, token: int | str) -> int | str:
    """Tell a row's grammar of its token; return the token, or why the grammar broke at it."""
    if sampler.constraint is not None and isinstance(token, int):
        try:
            sampler.constraint.advance(token)
        except EngineError as fault:
            return str(fault)
    return token


def _sample(logits: Tensor, samplers: Sequence[Sampler]) -> list[int]:
    temperatures = torch.tensor([sampler.temperature for sampler in samplers])[:, None]
    shifted = logits - logits.amax(dim=-1, keepdim=True)  # first, so that a tiny T cannot overflow
    probabilities = torch.softmax(shifted / temperatures, dim=-1)  # (B, V)
    noise = torch.stack(
        [
            torch.empty(logits.shape[-1]).exponential_(generator=sampler.generator)
            for sampler in samplers
        ]
    ).clamp_min_(torch.finfo(torch.float32).tiny)
    nuclei = torch.tensor([sampler.top_p for sampler in samplers])
    return (_cut(probabilities, nuclei) / noise).argmax(dim=-1).tolist()


def _cut(probabilities: Tensor, top_p: Tensor) -> Tensor:
    """Zero what lies outside each row's nucleus: the fewest likeliest tokens that reach top_p."""
    if bool((top_p >= 1).all()):
        return probabilities
    ordered, order = probabilities.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered
    is_outside = (before >= top_p[:, None]) & (top_p[:, None] < 1)
    is_outside[:, 0] = False
    return torch.zeros_like(probabilities).scatter_(1, order, ordered.masked_fill(is_outside, 0.0))
