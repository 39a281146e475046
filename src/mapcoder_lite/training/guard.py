"""A trainer that ends where going on would lose what is good: no number any more, or a full disk.

Knows: gradients, checkpoints, what libraries raise when a disk is full.
Does not know: what is trained, on what.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import math
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import Trainer

from mapcoder_lite.errors import StoreError, TrainingError
from mapcoder_lite.training.artefacts import last_checkpoint


class Guard(Trainer):
    """Mixed into a trainer, before its own class."""

    def _clip_grad_norm(self, model: Any) -> Any:
        norm: Any = super()._clip_grad_norm(model)
        if not math.isfinite(float(norm)):  # of the whole gradient: every process sees the same
            self._give_up(f"the gradient of step {self.state.global_step + 1} is {float(norm)}")
        return norm

    def _give_up(self, reason: str) -> None:
        kept = last_checkpoint(Path(self.args.output_dir or ""))
        place = f"{kept} holds the last good weights" if kept else "no checkpoint was reached"
        raise TrainingError(
            f"{reason}: {place}; lower train.learning_rate or raise train.warmup_steps, under "
            "another --name"
        )

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(self.args.output_dir or "") / f"checkpoint-{self.state.global_step}"
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, SafetensorError, RuntimeError) as error:
            if not isinstance(error, OSError) and not _is_of_the_disk(error):
                raise
            shutil.rmtree(folder, ignore_errors=True)  # half written; it would hold the disk full
            raise StoreError(
                f"cannot write {folder}: {error}; checkpoints before it are whole: free the disk "
                "and give the same command"
            ) from error


def _is_of_the_disk(error: Exception) -> bool:
    """Whether a library's own exception speaks of writing: torch and safetensors wrap them."""
    return isinstance(error, SafetensorError) or "writ" in str(error).lower()
