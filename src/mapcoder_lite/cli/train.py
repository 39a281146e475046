"""`mapcoder train`: rows into adapters.

Knows: where adapters go, how progress and a plan are shown.
Does not know: how adapters are trained.
"""

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.settings import TrainConfig
    from mapcoder_lite.training.journal import StepTaken
    from mapcoder_lite.training.records import RolePlan, TrainingLine, TrainingPlan
    from mapcoder_lite.trajectory import Role


def train(
    rows: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder of a data set.")],
    name: Annotated[str, typer.Option("--name", help="Name of the adapters.")],
    config: options.Files = None,
    overrides: options.Overrides = None,
    role: Annotated[
        list[str] | None, typer.Option("--role", help="Only this role; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of all adapters.")] = Path("adapters"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, say what it would take.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Train a LoRA adapter for each role; the same command goes on where it stopped.

    Example: mapcoder train datasets/first --name first -s train.backbone=models/backbone
    """
    from mapcoder_lite.agents.prompt import prompts_digest
    from mapcoder_lite.errors import ConfigError

    roles = _roles(role)
    settings = options.resolve(config, overrides).train
    try:
        from mapcoder_lite.training import train as training
    except ImportError as error:
        raise ConfigError(
            f"training needs {error.name}: pip install 'mapcoder-lite[train]'"
        ) from error
    folder = out / name
    if dry_run:
        plan = training.plan(settings, rows, folder, roles, prompts_digest())
        if json:
            terminal.result(plan.model_dump_json(indent=2))
        else:
            _show(plan, settings)
        return
    with terminal.telling(level=logging.INFO), terminal.bars() as bars:
        is_first = training.train(
            settings, rows, folder, roles, tell=partial(_tell, bars), prompts=prompts_digest()
        )
    if is_first:
        terminal.result(str(folder))


def _roles(named: list[str] | None) -> "tuple[Role, ...]":
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.trajectory import Role

    unknown = set(named or ()) - set(Role)
    if unknown:
        raise ConfigError(
            f"no such role: {', '.join(sorted(unknown))}; there are {', '.join(Role)}"
        )
    return tuple(role for role in Role if not named or role in named)


def _tell(bars: terminal.Bars, step: "StepTaken") -> None:
    note = _note(step.line) if step.line is not None else ""
    bars.move(step.role.value, step.step, step.num_steps, note)
    if note and not terminal.is_lively():
        terminal.say(f"{step.role.value} [{step.step}/{step.num_steps}] {note}")


def _note(line: "TrainingLine") -> str:
    if line.validation_loss is not None:
        return f"validation loss {line.validation_loss:.4f}"
    speed = f", {line.tokens_per_second:,.0f} tokens/s" if line.tokens_per_second else ""
    return f"loss {line.loss or 0.0:.4f}{speed}"


def _show(plan: "TrainingPlan", settings: "TrainConfig") -> None:
    columns = (
        *("role", "rows", "validation", "left out", "tokens an epoch", "longest", "steps"),
        "memory",
    )
    terminal.table(columns, [_row(role) for role in plan.roles])
    what = "all weights" if settings.method == "full" else f"an adapter of rank {settings.rank}"
    terminal.result(
        f"{what}: {plan.num_trainable:,} of {plan.num_parameters:,} parameters "
        f"({plan.share:.2%}; of all four roles {plan.share_of_all:.2%})"
    )
    terminal.result(f"way: {plan.way}; disk: {plan.disk_bytes / 1e9:.2f} GB a role while trained")
    from mapcoder_lite.training.forecast import told

    for role in plan.roles:
        parts = ", ".join(f"{part} {size / 1e9:.2f}" for part, size in role.memory_bytes.items())
        terminal.result(f"memory of {role.role.value} by arithmetic, in GB: {parts}")
        terminal.result(f"time of {role.role.value} by arithmetic: {told(role.minutes)}")


def _row(plan: "RolePlan") -> tuple[str, ...]:
    return (
        plan.role.value,
        f"{plan.num_rows:,}",
        f"{plan.num_validation:,}",
        f"{plan.num_dropped:,}",
        f"{plan.num_tokens:,}",
        f"{plan.longest:,}",
        "finished" if plan.is_finished else f"{plan.num_steps:,}",
        f"{sum(plan.memory_bytes.values()) / 1e9:.2f} GB",
    )
