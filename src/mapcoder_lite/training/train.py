"""One role's rows become one LoRA adapter, with TRL's trainer and PEFT.

Knows: the trainer, adapters on disk and their manifest.
Does not know: where rows come from, what the role is for.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import json
import logging
from pathlib import Path
from typing import Any

import torch
import transformers
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from mapcoder_lite.engine.folders import backbone_digest
from mapcoder_lite.errors import InputError, StoreError
from mapcoder_lite.example import Example
from mapcoder_lite.jsonl import write_text
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.rows import Split, conversation, read_split
from mapcoder_lite.trajectory import Role, digest

log = logging.getLogger(__name__)


def train(settings: TrainConfig, dataset: Path, folder: Path, roles: tuple[Role, ...]) -> None:
    """Train one adapter a role into `folder/<role>`, going on after an interruption.

    A role that already has its manifest is left as it is; one that was interrupted goes on from
    its last checkpoint.

    Raises:
        InputError: rows or backbone are missing, or too many rows are too long.
        StoreError: the folder holds a training with other settings or rows.
    """
    if not settings.backbone:
        raise InputError("train.backbone is not set: name the folder of the backbone")
    for role in roles:
        tokenizer = AutoTokenizer.from_pretrained(settings.backbone)
        rows = read_split(dataset, role, tokenizer, settings.max_tokens)
        _claim(settings, rows, folder / role)
        if _is_finished(folder / role):
            log.info("%s: finished before, left as it is", role)
            continue
        _train_role(settings, tokenizer, rows, folder / role, role)
    _write_manifest(settings, dataset, folder)


def _claim(settings: TrainConfig, split: Split, folder: Path) -> None:
    """Write down what is trained on what, or check that a resume brings the same."""
    chosen = settings.model_dump(mode="json", exclude={"num_threads", "checkpoint_steps"})
    all_rows = (*split.train, *split.validation, *split.too_long)
    rows = [row.model_dump(mode="json") for row in all_rows]
    wanted = json.dumps({"settings": chosen, "rows": digest(rows)}, indent=1) + "\n"
    saved = folder / "settings.json"
    if not saved.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_text(saved, wanted)
    elif saved.read_text(encoding="utf-8") != wanted:
        raise StoreError(
            f"{folder} was begun with other settings or rows (see {saved}): give the same to go "
            "on, or another --name"
        )


def _is_finished(folder: Path) -> bool:
    return (folder / "training.json").exists()


def _train_role(
    settings: TrainConfig,
    tokenizer: PreTrainedTokenizerBase,
    rows: Split,
    folder: Path,
    role: Role,
) -> None:
    transformers.set_seed(settings.seed)
    if settings.num_threads:
        torch.set_num_threads(settings.num_threads)
    if len(rows.too_long) > settings.max_dropped:
        names = ", ".join(sorted({row.provenance.problem_id for row in rows.too_long})[:5])
        raise InputError(
            f"{role}: {len(rows.too_long)} rows exceed {settings.max_tokens} tokens and would be "
            f"cut ({names} ...); raise train.max_tokens, or allow so many to be left out with "
            f"train.max_dropped"
        )
    for row in rows.too_long:
        log.warning("%s: left out, too long: %s", role, row.provenance)
    trainer = build_trainer(settings, tokenizer, folder, rows.train, rows.validation)
    result = trainer.train(resume_from_checkpoint=_last_checkpoint(folder / "checkpoints"))
    metrics = {**result.metrics, **(trainer.evaluate() if rows.validation else {})}
    counts = {"num_rows": len(rows.train), "num_dropped": len(rows.too_long)}
    _save(settings, trainer, folder, metrics, **counts)


def _last_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint; one cut by a kill lacks the state, which is written last."""
    whole = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json")]
    if not whole:
        return None
    return str(max(whole, key=lambda path: int(path.name.partition("-")[2])))


def build_trainer(
    settings: TrainConfig,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    train: list[Example],
    validation: list[Example],
) -> SFTTrainer:
    """The trainer of one role: loss on the reply only, adapters in float32, nothing cut."""
    model = AutoModelForCausalLM.from_pretrained(
        str(settings.backbone), dtype=getattr(torch, settings.dtype)
    )
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=settings.target_modules,
    )
    # Wrapped here rather than by the trainer, so that the adapter's dtype is ours to say.
    model = get_peft_model(model, lora, autocast_adapter_dtype=False)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()
    return SFTTrainer(
        model=model,
        args=_arguments(settings, folder, has_validation=bool(validation)),
        train_dataset=_dataset(train),
        eval_dataset=_dataset(validation) if validation else None,
        processing_class=tokenizer,
    )


def _arguments(settings: TrainConfig, folder: Path, *, has_validation: bool) -> SFTConfig:
    return SFTConfig(
        output_dir=str(folder / "checkpoints"),
        max_length=None,  # rows were measured; nothing may be cut
        packing=False,
        completion_only_loss=True,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_rows,
        per_device_eval_batch_size=settings.batch_rows,
        gradient_accumulation_steps=settings.accumulation_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=1.0,
        train_sampling_strategy="group_by_length",
        bf16=settings.autocast,
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=settings.gradient_checkpointing,
        save_strategy="steps",
        save_steps=settings.checkpoint_steps,
        save_total_limit=1,
        eval_strategy="epoch" if has_validation else "no",
        logging_steps=10,
        report_to="none",
        seed=settings.seed,
        data_seed=settings.seed,
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def _dataset(rows: list[Example]) -> Dataset:
    return Dataset.from_list(
        [
            {"prompt": conversation(row.prompt), "completion": conversation(row.completion)}
            for row in rows
        ]
    )


def _save(
    settings: TrainConfig, trainer: SFTTrainer, folder: Path, metrics: dict[str, Any], **counts: int
) -> None:
    """Save the adapter as PEFT does, then its record; the record marks completion."""
    model = trainer.model
    assert isinstance(model, PeftModel)
    model.to(getattr(torch, settings.save_dtype))
    # The backbone's place on this machine says nothing elsewhere.
    model.peft_config["default"].base_model_name_or_path = Path(settings.backbone or "").name
    # Embeddings are frozen; asked to decide, PEFT would look the backbone up on a hub.
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
    history = [row for row in trainer.state.log_history if "loss" in row or "eval_loss" in row]
    record = {**counts, "metrics": metrics, "history": history}
    write_text(folder / "training.json", json.dumps(record, indent=1) + "\n")


def _write_manifest(settings: TrainConfig, dataset: Path, folder: Path) -> None:
    backbone = Path(settings.backbone or "")
    manifest = {
        "schema_version": 1,
        "settings": settings.model_dump(mode="json"),
        "backbone_digest": backbone_digest(backbone),
        "dataset": json.loads((dataset / "manifest.json").read_text()),
        "roles": [role for role in Role if _is_finished(folder / role)],
    }
    write_text(folder / "mapcoder.json", json.dumps(manifest, indent=1) + "\n")
