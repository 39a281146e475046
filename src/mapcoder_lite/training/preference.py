"""One role's preferences move its trained adapter on, by TRL's DPO or KTO.

The reference that both losses hold on to is the adapter as it was: TRL keeps a frozen copy of it
beside the one that is trained.

Knows: the two trainers, their arguments, the adapter that is gone on from.
Does not know: where preferences come from, other roles, checkpoints.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedTokenizerBase
from transformers.trainer_callback import PrinterCallback
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer

from mapcoder_lite.engine.folders import adapter_digest, check_origin, read_adapter_config
from mapcoder_lite.errors import ConfigError, InputError
from mapcoder_lite.jsonl import read_record
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
from mapcoder_lite.training.backbone import load_backbone
from mapcoder_lite.training.checks import Prepared, prepare
from mapcoder_lite.training.guard import Guard
from mapcoder_lite.training.journal import FILE, Journal, Tell, peak_memory_bytes
from mapcoder_lite.training.order import steps_per_epoch
from mapcoder_lite.training.preference_rows import (
    PreferenceSplit,
    label_columns,
    middle,
    pair_columns,
    read_preferences,
    reply_lengths,
)
from mapcoder_lite.training.records import (
    AdapterManifest,
    Preferences,
    Training,
    TrainingClaim,
)
from mapcoder_lite.training.rows import Split
from mapcoder_lite.trajectory import Role, digest

_OF_SFT = ("method", "rslora", "dora", "initialisation", "loraplus_ratio", "patience")


@dataclass(frozen=True, slots=True)
class PreparedStage:
    """A preference stage that nothing speaks against."""

    prepared: Prepared
    """Its rows are the longest reply of each preference."""
    splits: Mapping[Role, PreferenceSplit]
    starts: Mapping[Role, Path]
    """Folder of the adapter that each role goes on from."""

    def claim_of(self, wanted: TrainingClaim) -> TrainingClaim:
        """A role's claim with what decides this stage: all its replies, and where it begins."""
        replies = [row.model_dump(mode="json") for row in self.splits[wanted.role].replies]
        return wanted.model_copy(
            update={
                "rows_digest": digest(replies),
                "start_digest": adapter_digest(self.starts[wanted.role]),
            }
        )


def prepare_stage(
    settings: TrainConfig, dataset: Path, roles: tuple[Role, ...], prompts: str | None = None
) -> PreparedStage:
    """Read and measure everything that a preference stage needs.

    Raises:
        ConfigError: settings do not go together.
        EngineError: the backbone's folder is none, or a start is no adapter, or one of another
            backbone.
        InputError: a role has too few preferences, rows are too long or of another template, or a
            start has no record of its training.
    """
    _check_settings(settings)
    stage = settings.model_copy(
        update={
            "learning_rate": settings.preference.learning_rate,
            "epochs": settings.preference.epochs,
        }
    )
    folder, splits = dataset / "preferences", dict[Role, PreferenceSplit]()

    def read(
        tokenizer: PreTrainedTokenizerBase, ends: frozenset[int], max_tokens: int
    ) -> dict[Role, Split]:
        bound = settings.model_copy(update={"max_tokens": max_tokens})
        for role in roles:
            splits[role] = read_preferences(folder, role, tokenizer, ends, bound)
        return {role: split.longest for role, split in splits.items()}

    prepared = prepare(stage, folder, roles, prompts, read)
    starts = {role: Path(settings.start or "") / role for role in roles}
    for role, start in starts.items():
        read_adapter_config(role, start)
        check_origin(role, start, prepared.backbone_digest)
        _check_record(role, start)
    return PreparedStage(prepared, splits, starts)


def _check_record(role: Role, start: Path) -> None:
    """Demand the record of training: without it nobody knows which backbone the adapter fits."""
    path = start.parent / "mapcoder.json"
    if not path.is_file():
        raise InputError(
            f"{path} is missing, which says what backbone the adapter of {role} fits: name a whole "
            "folder that `mapcoder train` wrote with train.start"
        )
    made = read_record(path, AdapterManifest).trainings.get(role)
    if made is None or made.weights_digest != adapter_digest(start):
        raise InputError(
            f"the adapter of {role} in {start.parent} is not the one that its mapcoder.json "
            "describes: name a folder as `mapcoder train` wrote it with train.start"
        )


def _check_settings(settings: TrainConfig) -> None:
    if settings.start is None:
        raise ConfigError(
            f"train.stage={settings.stage} goes on from trained adapters: name their folder with "
            "train.start"
        )
    plain = TrainConfig()
    strange = [name for name in _OF_SFT if getattr(settings, name) != getattr(plain, name)]
    if strange:
        raise ConfigError(
            f"train.{strange[0]} is of train.stage=sft, {settings.stage} goes on from adapters as "
            "they are: leave it out"
        )
    if settings.stage == "kto" and settings.batch_rows < 2:
        raise ConfigError(
            "train.stage=kto compares the rows of a batch: train.batch_rows must be 2 or more"
        )
    if settings.stage == "kto" and settings.preference.sft_weight:
        raise ConfigError("train.preference.sft_weight is of train.stage=dpo: leave it out")


def prefer_role(stage: PreparedStage, role: Role, folder: Path, tell: Tell) -> None:
    """Train one role into `folder`, going on from its last whole checkpoint.

    Raises:
        StoreError: the disk is full; checkpoints before are whole.
        TrainingError: loss or gradient is no number; the last checkpoint is kept.
    """
    settings, split = stage.prepared.settings, stage.splits[role]
    if settings.num_threads:
        torch.set_num_threads(settings.num_threads)
    trainer = build_trainer(settings, stage.prepared.tokenizer, split, stage.starts[role], folder)
    trainer.add_callback(Journal(role, folder, tell))
    checkpoint = last_checkpoint(folder / "checkpoints")
    trainer.args.eval_on_start = bool(split.validation) and checkpoint is None
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if trainer.is_world_process_zero():
        model: Any = trainer.model
        tensors, config = variants.tensors_of(model), model.peft_config["default"]
        save_adapter(tensors, config, settings, folder)
        complete(_record(trainer, stage, split, folder), folder)
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.free_memory()


def build_trainer(
    settings: TrainConfig,
    tokenizer: PreTrainedTokenizerBase,
    split: PreferenceSplit,
    start: Path,
    folder: Path,
) -> "PairTrainer | LabelTrainer":
    """The trainer of one role; the adapter `start` is both where it begins and its reference."""
    transformers.set_seed(settings.seed)
    model = PeftModel.from_pretrained(
        load_backbone(settings),
        str(start),
        is_trainable=True,
        autocast_adapter_dtype=False,
        local_files_only=True,
    )
    # The start names its backbone without its place; PEFT would look that name up on a hub.
    model.peft_config["default"].base_model_name_or_path = settings.backbone
    variants.set_dtype(model, settings)  # before the trainer, which copies it for a reference
    make = _pair_trainer if settings.stage == "dpo" else _label_trainer
    trainer = make(settings, split, folder)(model=model, processing_class=tokenizer)
    trainer.remove_callback(PrinterCallback)  # stdout is for results; the journal says it all
    if settings.validation_steps is None:
        forwards = settings.accumulation_steps * trainer.args.world_size
        alike = settings.model_copy(update={"accumulation_steps": forwards})
        trainer.args.eval_steps = steps_per_epoch(len(split.train), alike)
    return trainer


class PairTrainer(Guard, DPOTrainer):
    """TRL's trainer of pairs, with our tokens: what a template puts after a turn is not taught."""

    def _prepare_dataset(self, dataset: Dataset, *others: Any) -> Dataset:
        return dataset


class LabelTrainer(Guard, KTOTrainer):
    """TRL's trainer of labelled replies, with our tokens."""

    def _prepare_dataset(self, dataset: Dataset, *others: Any) -> Dataset:
        return dataset


def _pair_trainer(
    settings: TrainConfig, split: PreferenceSplit, folder: Path
) -> Callable[..., PairTrainer]:
    chosen = settings.preference
    losses = {"sigmoid": 1.0}
    if chosen.sft_weight:
        losses["sft"] = chosen.sft_weight
    arguments = DPOConfig(
        **common_arguments(settings, folder, has_validation=bool(split.validation)),
        beta=chosen.beta,
        loss_type=list(losses),
        loss_weights=list(losses.values()),
    )

    def made(**rest: Any) -> PairTrainer:
        train, validation = (
            Dataset.from_dict(pair_columns(rows)) if rows else None
            for rows in (split.train, split.validation)
        )
        return PairTrainer(args=arguments, train_dataset=train, eval_dataset=validation, **rest)

    return made


def _label_trainer(
    settings: TrainConfig, split: PreferenceSplit, folder: Path
) -> Callable[..., LabelTrainer]:
    good, bad = (len(lengths) for lengths in reply_lengths(split.train))
    arguments = KTOConfig(
        **common_arguments(settings, folder, has_validation=bool(split.validation)),
        beta=settings.preference.beta,
        # So that good and bad replies weigh alike together (2402.01306, equation 8).
        desirable_weight=max(1.0, bad / good),
        undesirable_weight=max(1.0, good / bad),
    )

    def made(**rest: Any) -> LabelTrainer:
        train, validation = (
            Dataset.from_dict(label_columns(rows, settings)) if rows else None
            for rows in (split.train, split.validation)
        )
        return LabelTrainer(args=arguments, train_dataset=train, eval_dataset=validation, **rest)

    return made


def _record(
    trainer: "PairTrainer | LabelTrainer",
    stage: PreparedStage,
    split: PreferenceSplit,
    folder: Path,
) -> Training:
    lines, state, size = read_metrics(folder / FILE), trainer.state, stage.prepared.size
    last = next((line for line in reversed(lines) if line.validation_loss is not None), None)
    good, bad = reply_lengths(split.train)
    model: Any = trainer.model
    num_trainable = sum(tensor.numel() for tensor in variants.tensors_of(model).values())
    return Training(
        role=split.role,
        way="separate",
        num_rows=len(split.train),
        num_validation=len(split.validation),
        num_dropped=len(split.too_long),
        num_steps=state.global_step,
        best_step=state.global_step,
        stopped="epochs",
        num_trainable=num_trainable,
        share=num_trainable / size.num_parameters,
        num_tokens=int(state.num_input_tokens_seen),
        seconds=lines[-1].seconds,
        peak_memory_bytes=peak_memory_bytes(),
        loss=next(line.loss for line in reversed(lines) if line.loss is not None),
        untuned_loss=None,
        validation_loss=last.validation_loss if last is not None else None,
        weights_digest=weights_digest(folder),
        preferences=Preferences(
            stage="dpo" if isinstance(trainer, PairTrainer) else "kto",
            num_good=len(good),
            num_bad=len(bad),
            median_good=middle(good),
            median_bad=middle(bad),
            start_digest=adapter_digest(stage.starts[split.role]),
            margin=last.margin if last is not None else None,
        ),
    )
