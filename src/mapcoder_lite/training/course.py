"""One role's own way through its rows: order, optimiser, schedule, early stop, state.

Knows: steps, learning rates, clipping, validation losses of one adapter.
Does not know: that other adapters are trained beside it, models, files.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import torch
from torch import Tensor
from transformers import get_cosine_schedule_with_warmup

from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training import order
from mapcoder_lite.training.arguments import MAX_GRADIENT_NORM
from mapcoder_lite.training.mixed import Adapter
from mapcoder_lite.training.packing import TokenRow


class Ending(StrEnum):
    """Why a role takes no further step."""

    EPOCHS = "epochs"
    """All of them were trained."""
    NO_GAIN = "no_gain"
    """The validation loss had stopped falling."""
    NOT_FINITE = "not_finite"
    """Loss or gradient is no number any more; the weights are those before."""


@dataclass(slots=True)
class Progress:
    """How far a role has come; with the tensors, all that a resumed training needs."""

    step: int = 0
    num_tokens: int = 0
    """Seen, of prompts and completions."""
    losses: list[float] = field(default_factory=list)
    """Of the steps since the last were told."""
    best_step: int = 0
    best_loss: float | None = None
    """Mean validation loss of the best step, in nats; None = not looked yet."""
    looks_in_vain: int = 0
    """Validations since the best."""
    last_look: int | None = None
    """Step of the last validation."""
    ending: Ending | None = None


@dataclass(slots=True)
class Course:
    """The training of one role's adapter, step by step."""

    settings: TrainConfig
    rows: Sequence[TokenRow]
    validation: Sequence[TokenRow]
    adapter: Adapter
    progress: Progress = field(default_factory=Progress)
    best: Tensor | None = None
    """(P,) on the CPU: weights of the best step, where early stop asks for them."""
    optimizer: torch.optim.AdamW = field(init=False)
    last_learning_rate: float = field(default=0.0, init=False)
    """Of the last step."""
    _share_of_rate: Callable[[int], float] = field(init=False)
    """Of the learning rate, at a step counted from 0."""
    _orders: dict[int, list[int]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        parameter = torch.nn.Parameter(self.adapter.weights)
        parameter.grad = self.adapter.gradient
        # One flat tensor: AdamW works element by element, so this is what it does to each matrix.
        self.optimizer = torch.optim.AdamW(
            [parameter],
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
            fused=True,
        )
        schedule = get_cosine_schedule_with_warmup(
            self.optimizer, self.settings.warmup_steps, self.num_steps
        )
        self._share_of_rate = schedule.lr_lambdas[0]

    @property
    def num_steps(self) -> int:
        """Steps of the whole course."""
        return order.num_steps(len(self.rows), self.settings)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every row is seen once."""
        return order.steps_per_epoch(len(self.rows), self.settings)

    @property
    def epoch(self) -> float:
        """How often the rows were seen, counted in forwards of a training alone, as trainers do."""
        whole, steps = divmod(self.progress.step, self.steps_per_epoch)
        num_forwards = math.ceil(len(self.rows) / self.settings.batch_rows)
        return whole + steps * self.settings.accumulation_steps / num_forwards

    def next_rows(self) -> list[TokenRow]:
        """The rows of the next step, as a training of this role alone would take them."""
        epoch, step = divmod(self.progress.step, self.steps_per_epoch)
        if epoch not in self._orders:
            lengths = [len(row.tokens) for row in self.rows]
            self._orders = {epoch: order.row_order(lengths, self.settings, epoch)}
        size = order.rows_per_step(self.settings)
        chosen = self._orders[epoch][step * size : (step + 1) * size]
        return [self.rows[index] for index in chosen]

    def take_step(self, loss: float, norm: float, num_tokens: int) -> None:
        """Change the weights by the gradient that was gathered, unless it is no number."""
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self.progress.ending = Ending.NOT_FINITE
            return
        gradient = self.adapter.gradient
        gradient.mul_(min(1.0, MAX_GRADIENT_NORM / (norm + 1e-6)))
        share = self._share_of_rate(self.progress.step)
        self.last_learning_rate = self.settings.learning_rate * share
        self.optimizer.param_groups[0]["lr"] = self.last_learning_rate
        self.optimizer.step()
        gradient.zero_()
        self.adapter.refresh()
        self.progress.step += 1
        self.progress.num_tokens += num_tokens
        self.progress.losses.append(loss)
        if self.progress.step == self.num_steps:
            self.progress.ending = Ending.EPOCHS

    @property
    def is_look_due(self) -> bool:
        """Whether the validation rows are to be looked at now."""
        progress = self.progress
        if not self.validation or progress.last_look == progress.step:
            return False
        every = self.settings.validation_steps or self.steps_per_epoch
        return progress.step % every == 0 or progress.ending == Ending.EPOCHS

    def look(self, loss: float) -> None:
        """Take note of a validation loss, in nats; too many in vain end the course."""
        progress = self.progress
        progress.last_look = progress.step
        if not math.isfinite(loss):
            progress.ending = Ending.NOT_FINITE
            return
        if progress.step == 0:  # the untuned backbone is no candidate
            return
        if progress.best_loss is None or loss < progress.best_loss:
            progress.best_step, progress.best_loss, progress.looks_in_vain = progress.step, loss, 0
            if self.settings.patience is not None:
                self.best = self.adapter.weights.detach().to("cpu", copy=True)
            return
        progress.looks_in_vain += 1
        patience = self.settings.patience
        if patience is not None and progress.looks_in_vain >= patience and progress.ending is None:
            progress.ending = Ending.NO_GAIN

    @property
    def kept(self) -> Tensor:
        """(P,): the weights that the course comes to; the best where early stop is on."""
        return self.adapter.weights if self.best is None else self.best

    def state(self) -> dict[str, Tensor]:
        """Tensors (P,) that `restore` needs beside the progress."""
        tensors = {"weights": self.adapter.weights}
        if self.best is not None:
            tensors["best"] = self.best
        moments = self.optimizer.state[self.optimizer.param_groups[0]["params"][0]]
        tensors |= {name: moments[name] for name in ("exp_avg", "exp_avg_sq") if name in moments}
        return tensors

    def restore(self, progress: Progress, tensors: dict[str, Tensor]) -> None:
        """Go on where a course of the same settings and rows was."""
        self.progress = progress
        self.adapter.weights.copy_(tensors["weights"])
        self.adapter.refresh()
        self.best = tensors.get("best")
        if progress.step:
            parameter = self.optimizer.param_groups[0]["params"][0]
            moments = {
                name: tensors[name].to(parameter.device) for name in ("exp_avg", "exp_avg_sq")
            }
            step = torch.tensor(float(progress.step), device=parameter.device)
            self.optimizer.state[parameter] = {"step": step, **moments}
