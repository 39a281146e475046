"""What all of TRL's trainers are told alike.

Knows: settings, the names of transformers' arguments.
Does not know: losses, rows, models.
"""

# torch and its libraries leave most of their types open
# pyright: basic

from pathlib import Path
from typing import Any

import torch

from mapcoder_lite.settings import TrainConfig

MAX_GRADIENT_NORM = 1.0
"""Of a role; a longer gradient is shortened to it, in joint training too."""


def common_arguments(
    settings: TrainConfig, folder: Path, *, has_validation: bool
) -> dict[str, Any]:
    """Return the arguments of one role's trainer that no loss decides; checkpoints go below it."""
    return {
        "output_dir": str(folder / "checkpoints"),
        "max_length": None,  # rows were measured; nothing may be cut
        "num_train_epochs": settings.epochs,
        "per_device_train_batch_size": settings.batch_rows,
        "per_device_eval_batch_size": settings.batch_rows,
        "gradient_accumulation_steps": settings.accumulation_steps,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": settings.warmup_steps,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": MAX_GRADIENT_NORM,
        "bf16": settings.autocast,
        "use_cpu": not torch.cuda.is_available(),
        "gradient_checkpointing": settings.gradient_checkpointing,
        "save_strategy": "steps",
        "save_steps": settings.checkpoint_steps,
        "save_total_limit": 1,
        # Steps also for an epoch: what falls on its end would be skipped after a kill in between.
        "eval_strategy": "steps" if has_validation else "no",
        "eval_steps": settings.validation_steps or 1,
        "logging_steps": settings.log_steps,
        "logging_nan_inf_filter": False,
        "include_num_input_tokens_seen": "non_padding",
        "disable_tqdm": True,
        "report_to": settings.report_to or "none",
        "run_name": f"{folder.parent.name}/{folder.name}",
        "seed": settings.seed,
        "data_seed": settings.seed,
        "dataloader_pin_memory": torch.cuda.is_available(),
    }
