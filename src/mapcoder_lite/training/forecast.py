"""What a training will take, in words: for a dry run, for the recipes and for docs/training.md.

Knows: settings, shapes of backbones, how the arithmetic is told.
Does not know: formulas, models, torch, where the words are shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.arithmetic import (
    GIB,
    PEAK_FLOPS,
    Plan,
    memory,
    minutes,
    tokens_per_second,
)
from mapcoder_lite.training.shapes import ALL_LINEAR, GROUPS, Shape
from mapcoder_lite.trajectory import Role

PAPER_ROWS = {Role.RETRIEVAL: 2200, Role.DEBUGGING: 4200}
"""Rows of the roles whose number is known of MapCoder-Lite (2509.17489)."""

ROW_TOKENS = 1500
"""Of a row on the average, for what has no rows yet."""


def plan_of(
    settings: TrainConfig,
    shape: Shape,
    row_tokens: int | None = None,
    num_trained: int | None = None,
) -> Plan:
    """Return what decides memory and time; the longest row is `max_tokens` unless it is known.

    `num_trained` is what was counted on the model itself. Layers that the shape does not know are
    then taken for all that it knows.
    """
    targets = settings.target_modules
    names = {targets} if isinstance(targets, str) else set(targets)
    is_known = names <= {*GROUPS, *ALL_LINEAR}
    return Plan(
        shape,
        rank=settings.rank,
        targets="all-linear" if num_trained is not None and not is_known else targets,
        weights="nf4" if settings.quant == "nf4" else settings.dtype,
        is_full=settings.method == "full",
        adapter=settings.adapter_dtype,
        is_autocast=settings.autocast,
        is_checkpointed=settings.gradient_checkpointing,
        batch_rows=settings.batch_rows,
        row_tokens=row_tokens or settings.max_tokens,
        num_trained=num_trained,
    )


def durations(plan: Plan, num_tokens: float) -> dict[str, float]:
    """Return the minutes that each device takes for so many tokens, all epochs counted."""
    return {device: minutes(num_tokens, tokens_per_second(plan, device)) for device in PEAK_FLOPS}


def recipe_lines(settings: TrainConfig, shape: Shape) -> tuple[str, ...]:
    """Return what the arithmetic says of a recipe, two short lines."""
    plan = plan_of(settings, shape)
    held = memory(plan).total / GIB
    fewest = replace(plan, weights="nf4", batch_rows=1)
    role, num_rows = max(PAPER_ROWS.items(), key=lambda pair: pair[1])
    seen = num_rows * ROW_TOKENS * settings.epochs
    return (
        f"{held:.1f} GiB of tensors with {plan.batch_rows} rows of {plan.row_tokens:,} tokens, "
        f"{memory(fewest).total / GIB:.1f} with nf4 and one;",
        f"{num_rows:,} rows of {ROW_TOKENS:,} tokens ({role.value}), {settings.epochs:g} epochs: "
        f"{told(durations(plan, seen))}.",
    )


def recipe_table(recipes: Mapping[str, tuple[TrainConfig, Shape]]) -> str:
    """Return docs/training.md's table of recipes: parameters, memory, time."""
    head = ("backbone", "parameters", "one adapter", "four", "weights", "adapter and Adam")
    memories = ("activations", "tensors in all", "nf4, one row", "no checkpoints, one row")
    times = tuple(f"{device}, min" for device in PEAK_FLOPS)
    lines: list[tuple[str, ...]] = []
    for name, (settings, shape) in recipes.items():
        plan = plan_of(settings, shape)
        held, adapter = memory(plan), plan.num_adapter_parameters
        one = replace(plan, batch_rows=1)
        seen = max(PAPER_ROWS.values()) * ROW_TOKENS * settings.epochs
        lines.append(
            (
                name,
                f"{shape.num_parameters / 1e9:.3f} G",
                f"{adapter / 1e6:.2f} M, {adapter / shape.num_parameters:.2%}",
                f"{4 * adapter / shape.num_parameters:.2%}",
                _gib(held.weights),
                _gib(held.trained),
                _gib(held.activations),
                _gib(held.total),
                _gib(memory(replace(one, weights="nf4")).total),
                _gib(memory(replace(one, is_checkpointed=False)).total),
                *(f"{taken:.0f}" for taken in durations(plan, seen).values()),
            )
        )
    return _markdown((*head, *memories, *times), lines)


def target_table(shape: Shape, ranks: Sequence[int] = (8, 16, 32, 64)) -> str:
    """Return docs/training.md's table of what is adapted, by rank."""
    columns = ("adapted", *(f"rank {rank}" for rank in ranks), "share at 32", "four at 32")
    lines: list[tuple[str, ...]] = []
    for name in GROUPS:
        share = shape.num_adapter_parameters(32, name) / shape.num_parameters
        counts = (f"{shape.num_adapter_parameters(rank, name) / 1e6:.2f} M" for rank in ranks)
        lines.append((name, *counts, f"{share:.2%}", f"{4 * share:.2%}"))
    return _markdown(columns, lines)


def told(durations: Mapping[str, float]) -> str:
    """Return durations as words."""
    return ", ".join(f"{device} {taken:.0f} min" for device, taken in durations.items())


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / GIB:.1f} GiB"


def _markdown(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = (columns, ["---"] * len(columns), *lines)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
