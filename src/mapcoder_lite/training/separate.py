"""One role's rows become one adapter, or one whole model, with TRL's trainer.

Knows: the trainer, its arguments, checkpoints, what stops it.
Does not know: other roles, where rows come from, what a variant of LoRA is.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from datasets import Dataset
from peft import PeftModel
from peft.optimizers import create_loraplus_optimizer
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import Sampler
from transformers import PreTrainedTokenizerBase, PrinterCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from mapcoder_lite.errors import StoreError
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training import variants
from mapcoder_lite.training.arguments import common_arguments
from mapcoder_lite.training.artefacts import (
    complete,
    last_checkpoint,
    read_metrics,
    save_adapter,
    weights_digest,
)
from mapcoder_lite.training.backbone import carry_over, load_backbone
from mapcoder_lite.training.checks import Prepared
from mapcoder_lite.training.guard import Guard
from mapcoder_lite.training.journal import FILE, EarlyStop, Journal, Tell, peak_memory_bytes
from mapcoder_lite.training.order import row_order, steps_per_epoch
from mapcoder_lite.training.records import Training
from mapcoder_lite.training.rows import Row, Split
from mapcoder_lite.trajectory import Role


def train_role(prepared: Prepared, role: Role, folder: Path, tell: Tell) -> None:
    """Train one role into `folder`, going on from its last whole checkpoint.

    Raises:
        StoreError: the disk is full; checkpoints before are whole.
        TrainingError: loss or gradient is no number; the last checkpoint is kept.
    """
    settings, split = prepared.settings, prepared.splits[role]
    if settings.num_threads:
        torch.set_num_threads(settings.num_threads)
    trainer = build_trainer(settings, prepared.tokenizer, split, folder)
    trainer.add_callback(Journal(role, folder, tell))
    checkpoint = last_checkpoint(folder / "checkpoints")
    begun = _begun(trainer, settings, folder, checkpoint)
    trainer.args.eval_on_start = bool(split.validation) and checkpoint is None
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    best_step = _take_best(trainer, settings, folder)
    if trainer.is_world_process_zero():
        _save(trainer, settings, begun, folder)
        complete(_record(trainer, prepared, split, folder, best_step), folder)
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.free_memory()


def build_trainer(
    settings: TrainConfig, tokenizer: PreTrainedTokenizerBase, split: Split, folder: Path
) -> "RoleTrainer":
    """The trainer of one role: loss on the reply only, nothing cut, dtypes ours to say."""
    transformers.set_seed(settings.seed)
    model: Any = load_backbone(settings)
    if settings.method == "lora":
        model = variants.with_adapter(settings, model)
    arguments = _arguments(settings, folder, has_validation=bool(split.validation))
    if settings.validation_steps is None:
        alike = _as_one_process(settings, arguments.world_size)
        arguments.eval_steps = steps_per_epoch(len(split.train), alike)
    trainer = RoleTrainer(
        model=model,
        args=arguments,
        train_dataset=_dataset(split.train),
        eval_dataset=_dataset(split.validation) if split.validation else None,
        processing_class=tokenizer,
    )
    trainer.settings = settings
    trainer.remove_callback(PrinterCallback)  # who watches is told by the journal
    if settings.method == "lora":  # after the trainer, which casts adapters of 4-bit backbones
        variants.set_dtype(model, settings)
    if settings.patience is not None:
        trainer.add_callback(EarlyStop(settings.patience))
    return trainer


def _dataset(rows: list[Row]) -> Dataset:
    return Dataset.from_dict(
        {"input_ids": [row.ids for row in rows], "labels": [row.labels for row in rows]}
    )


def _arguments(settings: TrainConfig, folder: Path, *, has_validation: bool) -> SFTConfig:
    return SFTConfig(
        **common_arguments(settings, folder, has_validation=has_validation),
        packing=False,
        metric_for_best_model="eval_loss" if settings.patience is not None else None,
        greater_is_better=False,
    )


def _as_one_process(settings: TrainConfig, num_processes: int) -> TrainConfig:
    """Settings under which one process takes steps over as many rows as all take together."""
    forwards = settings.accumulation_steps * num_processes
    return settings.model_copy(update={"accumulation_steps": forwards})


class Order(Sampler[int]):
    """Row indices of an epoch, the same for a training that was broken off."""

    def __init__(self, lengths: list[int], settings: TrainConfig) -> None:
        self._lengths = lengths
        self._settings = settings
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        return iter(row_order(self._lengths, self._settings, self._epoch))


class RoleTrainer(Guard, SFTTrainer):
    """TRL's trainer with our order of rows, exact validation losses, and an end to what is lost."""

    settings: TrainConfig

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:
        rows: Any = self.train_dataset
        lengths = [len(ids) for ids in rows["input_ids"]]
        return Order(lengths, _as_one_process(self.settings, self.accelerator.num_processes))

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW, with a higher rate for B where LoRA+ asks for it."""
        if self.optimizer is None and self.settings.loraplus_ratio != 1:
            adapted: Any = self.model
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, adapted)
            self.optimizer = create_loraplus_optimizer(
                adapted,
                kind,
                loraplus_lr_ratio=self.settings.loraplus_ratio,
                loraplus_weight_decay=self.settings.weight_decay,
                **options,
            )
        return super().create_optimizer(model)

    def evaluate(self, *others: Any, **rest: Any) -> dict[str, float]:
        """Mean loss over all tokens of the validation replies, whatever batches they come in."""
        model: Any = self.model
        model = self._wrap_model(model, training=False)
        model.eval()
        variants.keep_trainable(model)
        total = torch.zeros(2, dtype=torch.float64)  # nats, tokens
        for inputs in self.get_eval_dataloader():
            inputs = self._prepare_inputs(inputs)
            with torch.no_grad(), self.compute_loss_context_manager():
                found = model(**inputs, fused_lm_head=True)
            by_row = torch.stack([-found.log_probs.float().sum(1), found.label_mask.sum(1)], dim=1)
            every: Any = self.accelerator.gather_for_metrics(by_row)
            total += every.double().sum(0).cpu()
        loss = float(total[0] / total[1])
        if not math.isfinite(loss):
            self._give_up(f"the validation loss after step {self.state.global_step} is {loss}")
        metrics = {"eval_loss": loss}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics


def _begun(
    trainer: RoleTrainer, settings: TrainConfig, folder: Path, checkpoint: Path | None
) -> dict[str, Tensor]:
    """Keep where an adapter began that took a part of the weights; on a resume it must be there."""
    model = trainer.model
    if not isinstance(model, PeftModel):
        return {}
    begun = variants.beginning(model, settings)
    kept = folder / "checkpoints" / "beginning.safetensors"
    if not begun:
        return {}
    if checkpoint is None:
        if trainer.is_world_process_zero():
            kept.parent.mkdir(exist_ok=True)
            save_file(begun, kept)
        return begun
    saved = load_file(kept)
    if any(not torch.equal(saved[name], begun[name]) for name in begun):
        raise StoreError(
            f"the parts of the weights that {settings.initialisation} takes come out otherwise on "
            f"this machine than where {folder} was begun: go on there, or take another --name"
        )
    return begun


def _take_best(trainer: RoleTrainer, settings: TrainConfig, folder: Path) -> int:
    """Put the best weights in place of the last where early stop is on; return their step."""
    best = trainer.state.best_global_step
    if settings.patience is None or not best:
        return trainer.state.global_step
    place = folder / "checkpoints" / f"checkpoint-{best}"
    if best != trainer.state.global_step:
        trainer.state.best_model_checkpoint = str(place)
        trainer._load_best_model()
    return int(best)


def _save(
    trainer: RoleTrainer, settings: TrainConfig, begun: dict[str, Tensor], folder: Path
) -> None:
    model: Any = trainer.model
    if not isinstance(model, PeftModel):
        _save_model(model, settings, folder)
        return
    tensors = variants.tensors_of(model)
    config: Any = model.peft_config["default"]
    if begun:
        tensors, config = variants.on_the_original(tensors, begun, config)
    save_adapter(tensors, config, settings, folder)


def _save_model(model: Any, settings: TrainConfig, folder: Path) -> None:
    try:
        model.to(getattr(torch, settings.save_dtype)).save_pretrained(str(folder))
        carry_over(Path(settings.backbone or ""), folder)
    except (OSError, SafetensorError) as error:
        raise StoreError(
            f"cannot write the model to {folder}: {error}; free the disk and give the same "
            "command, which goes on from the last checkpoint"
        ) from error


def _record(
    trainer: RoleTrainer, prepared: Prepared, split: Split, folder: Path, best_step: int
) -> Training:
    lines = read_metrics(folder / FILE)
    state = trainer.state
    looks = {line.step: line.validation_loss for line in lines if line.validation_loss is not None}
    return Training(
        role=split.role,
        way="separate",
        num_rows=len(split.train),
        num_validation=len(split.validation),
        num_dropped=len(split.too_long),
        num_steps=state.global_step,
        best_step=best_step,
        stopped="epochs" if state.global_step >= state.max_steps else "no_gain",
        num_trainable=prepared.size.num_trainable,
        share=prepared.size.share,
        num_tokens=int(state.num_input_tokens_seen),
        seconds=lines[-1].seconds,
        peak_memory_bytes=peak_memory_bytes(),
        loss=next(line.loss for line in reversed(lines) if line.loss is not None),
        untuned_loss=looks.get(0),
        validation_loss=looks.get(best_step),
        weights_digest=weights_digest(folder),
    )
