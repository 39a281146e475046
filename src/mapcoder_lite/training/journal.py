"""How a training goes, step by step: metrics.jsonl, and whoever watches.

Knows: the trainer's events, clocks, memory, which lines a resumed training writes again.
Does not know: what is trained, how progress is shown.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mapcoder_lite.jsonl import JsonLines
from mapcoder_lite.training.artefacts import keep_metrics, read_metrics
from mapcoder_lite.training.records import TrainingLine
from mapcoder_lite.trajectory import Role

FILE = "metrics.jsonl"


@dataclass(frozen=True, slots=True)
class StepTaken:
    """Said after every step, and with every line of metrics.jsonl."""

    role: Role
    step: int
    num_steps: int
    line: TrainingLine | None = None


Tell = Callable[[StepTaken], None]
"""Who is told how a training goes."""


def tell_nobody(step: StepTaken) -> None:
    """Let a training go unwatched."""


class Journal(TrainerCallback):
    """Writes a line whenever the trainer logs, and tells of every step; on the first process."""

    def __init__(self, role: Role, folder: Path, tell: Tell) -> None:
        self._role = role
        self._path = folder / FILE
        self._tell = tell
        self._before = 0.0  # seconds of earlier sittings
        self._started = self._step_began = 0.0
        self._in_steps = 0.0  # seconds since the last line
        self._counted = 0  # tokens at the last line

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **rest: Any
    ) -> None:
        """Drop lines beyond the checkpoint that is gone on from; the clock goes on."""
        if not state.is_world_process_zero:
            return
        keep_metrics(self._path, state.global_step if state.global_step else -1)
        lines = read_metrics(self._path)
        self._before = lines[-1].seconds if lines else 0.0
        self._started = time.monotonic()
        self._counted = state.num_input_tokens_seen

    def on_step_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Start the clock of a step."""
        self._step_began = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **rest: Any
    ) -> None:
        """Tell of the step; the last one is logged and validated wherever it falls.

        So is one with a checkpoint: what was summed up for the next line is not saved with it.
        """
        self._in_steps += time.monotonic() - self._step_began
        if state.global_step >= state.max_steps:
            control.should_evaluate = args.eval_strategy != "no"
        if control.should_evaluate or control.should_save:
            control.should_log = True
        if state.is_world_process_zero:
            self._tell(StepTaken(self._role, state.global_step, state.max_steps))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **rest: Any,
    ) -> None:
        """Write a line for a training loss or a validation loss; other logs say nothing new."""
        logs = logs or {}
        if not state.is_world_process_zero or not ("loss" in logs or "eval_loss" in logs):
            return
        line = self._line(state, logs)
        lines = JsonLines(self._path, TrainingLine)
        try:
            lines.append(line)
        finally:
            lines.close()
        self._tell(StepTaken(self._role, state.global_step, state.max_steps, line))

    def _line(self, state: TrainerState, logs: dict[str, Any]) -> TrainingLine:
        num_tokens = int(state.num_input_tokens_seen)
        speed = None
        if "loss" in logs:
            speed = (num_tokens - self._counted) / self._in_steps if self._in_steps else None
            self._counted, self._in_steps = num_tokens, 0.0
        return TrainingLine(
            step=state.global_step,
            epoch=float(state.epoch or 0.0),
            loss=logs.get("loss"),
            learning_rate=logs.get("learning_rate"),
            gradient_norm=logs.get("grad_norm"),
            validation_loss=logs.get("eval_loss"),
            num_tokens=num_tokens,
            seconds=self._before + time.monotonic() - self._started,
            tokens_per_second=speed,
            peak_memory_bytes=peak_memory_bytes(),
        )


class EarlyStop(TrainerCallback):
    """Ends a role whose validation loss has stopped falling, and has the best weights saved.

    It remembers nothing itself: the state that is saved with a checkpoint holds all losses.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **rest: Any
    ) -> None:
        """Decide after a look at the validation rows; the untuned backbone is no candidate."""
        looks = [
            row["eval_loss"] for row in state.log_history if "eval_loss" in row and row["step"]
        ]
        if not looks:
            return
        since_best = len(looks) - 1 - looks.index(min(looks))
        if since_best == 0:
            control.should_save = True
        elif since_best >= self._patience:
            control.should_training_stop = True


def peak_memory_bytes() -> int:
    """The most that was held so far: of the accelerator, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
