"""Random backbones and rows to learn, and the two ways to train four adapters on them.

Knows: shapes, TRL and PEFT, our joint training, clocks and memory.
Does not know: processes, targets, tables.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import torch
import transformers
from datasets import Dataset
from engine_world import ROLES, Shape, make_tokenizer
from peft import LoraConfig, get_peft_model
from torch.utils.data import SequentialSampler
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.course import Course
from mapcoder_lite.training.order import row_order, rows_per_step
from mapcoder_lite.training.packing import TokenRow
from mapcoder_lite.training.passes import adapt, learn, peft_start, tokens_at_once

SMALL_VOCABULARY = 64


@dataclass(frozen=True, slots=True)
class World:
    """A backbone of random weights, the length of its rows, and how they are trained."""

    shape: Shape
    shortest: int
    longest: int
    batch_rows: int
    accumulation_steps: int
    learning_rate: float
    dtype: str
    """Of the frozen backbone; both ways compute in bfloat16 under autocast where that is set."""
    is_autocast: bool
    is_checkpointing: bool
    tolerance: float
    """Most difference of a step's loss, in nats."""
    rank: int = 32


WORLDS = {
    "tiny": World(
        Shape(64, 128, 2, 4, 2, 512), 20, 60, 4, 2, 1e-3, "float32", False, True, 1e-3, 8
    ),
    "pocket": World(
        Shape(256, 704, 6, 8, 4, 2048), 150, 600, 8, 1, 1e-3, "float32", True, False, 0.05
    ),
    "qwen7b": World(
        Shape(3584, 18944, 28, 28, 4, 152064, False),
        600,
        1500,
        4,
        2,
        2e-4,
        "bfloat16",
        True,
        True,
        0.1,
    ),
}
"""`pocket` is the bundled backbone under its own recipe, `qwen7b` Qwen2.5-7B under the paper's."""


@dataclass(slots=True)
class Result:
    """One run: a role trained alone, or all together."""

    losses: dict[str, list[float]] = field(default_factory=dict)
    """Of each step, by role."""
    seconds: float = 0.0
    processor_seconds: float = 0.0
    num_tokens: int = 0
    """In the timed steps, padding left out."""
    peak_bytes: int = 0


def settings_of(options: argparse.Namespace) -> TrainConfig:
    world = WORLDS[options.shape]
    checkpointing = (
        world.is_checkpointing if options.checkpointing is None else options.checkpointing
    )
    return TrainConfig(
        rank=world.rank,
        alpha=2 * world.rank,
        learning_rate=world.learning_rate,
        epochs=1,
        batch_rows=options.batch_rows or world.batch_rows,
        accumulation_steps=world.accumulation_steps,
        warmup_steps=1,
        dtype=world.dtype,  # type: ignore[arg-type]  # one of the names that it allows
        autocast=world.is_autocast,
        gradient_checkpointing=checkpointing,
    )


def make_model(world: World, device: str) -> Any:
    """Random weights, drawn on the device itself: nothing is loaded."""
    shape = world.shape
    config = transformers.Qwen2Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        max_position_embeddings=4096,
        tie_word_embeddings=shape.is_tied,
        eos_token_id=0,
        pad_token_id=0,
        bos_token_id=None,
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, world.dtype))
    try:
        torch.manual_seed(0)
        with torch.device(device):
            model = transformers.Qwen2ForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    return model.requires_grad_(False)


def make_rows(options: argparse.Namespace, role: str) -> list[TokenRow]:
    """Rows whose replies use few tokens, so that there is something to learn; in trained order."""
    world, settings = WORLDS[options.shape], settings_of(options)
    random = Random(f"rows of {role}")
    few = random.sample(range(world.shape.vocabulary), SMALL_VOCABULARY)
    rows: list[TokenRow] = []
    for _ in range((options.steps + options.warmup) * rows_per_step(settings)):
        length = random.randint(world.shortest, world.longest)
        num_prompt = int(length * random.uniform(0.4, 0.8))
        prompt = random.choices(range(world.shape.vocabulary), k=num_prompt)
        rows.append(TokenRow((*prompt, *random.choices(few, k=length - num_prompt)), num_prompt))
    order = row_order([len(row.tokens) for row in rows], settings, epoch=0)
    return [rows[index] for index in order]


def num_timed(options: argparse.Namespace, rows: Sequence[TokenRow]) -> int:
    size = rows_per_step(settings_of(options))
    return sum(len(row.tokens) for row in rows[options.warmup * size :])


class Clock:
    """Time of the steps after the first ones, and the most memory."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._steps = 0
        self._started = (0.0, 0.0)
        self._is_cuda = options.device != "cpu"
        if self._is_cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()

    def tick(self) -> None:
        """Call before the first step and after every step."""
        if self._is_cuda:
            torch.cuda.synchronize()
        if self._steps == self._options.warmup:
            self._started = time.perf_counter(), time.process_time()
        self._now = time.perf_counter(), time.process_time()
        self._steps += 1

    def write(self, result: Result) -> None:
        result.seconds, result.processor_seconds = (
            now - then for now, then in zip(self._now, self._started, strict=True)
        )
        if self._is_cuda:
            result.peak_bytes = torch.cuda.max_memory_allocated()
        else:
            result.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def train_alone(options: argparse.Namespace, model: Any, role: str) -> Result:
    """One role with TRL's trainer and PEFT, as `mapcoder train` does it role by role."""
    settings = settings_of(options)
    rows = make_rows(options, role)
    transformers.set_seed(settings.seed)
    adapted = get_peft_model(model, lora_of(settings), autocast_adapter_dtype=False)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()
    result = Result(losses={role: []}, num_tokens=num_timed(options, rows))
    clock = Clock(options)
    tokenizer = make_tokenizer(300)
    tokenizer.pad_token = tokenizer.eos_token
    with tempfile.TemporaryDirectory() as folder:
        trainer = InOrder(
            model=adapted,
            args=arguments(options, folder),
            train_dataset=dataset(rows),
            processing_class=tokenizer,
            callbacks=[Listener(clock, result.losses[role])],
        )
        trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
        trainer.train()
    clock.write(result)
    adapted.unload()
    return result


class InOrder(SFTTrainer):
    """TRL's trainer, taking rows as they lie."""

    def _get_train_sampler(self, *_: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)


class Listener(transformers.TrainerCallback):
    """Takes down the time and the loss of every step."""

    def __init__(self, clock: Clock, losses: list[float]) -> None:
        self._clock = clock
        self._losses = losses

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._clock.tick()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self._clock.tick()

    def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
        if "loss" in logs:
            self._losses.append(logs["loss"])


def arguments(options: argparse.Namespace, folder: str) -> SFTConfig:
    settings = settings_of(options)
    return SFTConfig(
        output_dir=folder,
        max_length=None,
        packing=False,
        num_train_epochs=1,
        per_device_train_batch_size=settings.batch_rows,
        gradient_accumulation_steps=settings.accumulation_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=1.0,
        bf16=settings.autocast,
        use_cpu=options.device == "cpu",
        gradient_checkpointing=settings.gradient_checkpointing,
        save_strategy="no",
        logging_steps=1,
        report_to="none",
        disable_tqdm=True,
        seed=settings.seed,
        dataloader_pin_memory=options.device != "cpu",
    )


def dataset(rows: Sequence[TokenRow]) -> Dataset:
    return Dataset.from_list(
        [
            {
                "input_ids": list(row.tokens),
                "labels": [-100] * row.num_prompt + list(row.tokens[row.num_prompt :]),
            }
            for row in rows
        ]
    )


def train_together(options: argparse.Namespace, model: Any) -> Result:
    """All roles in one pass, as `mapcoder train` does it by default."""

    settings = settings_of(options)
    rows = [make_rows(options, role) for role in ROLES]
    transformers.set_seed(settings.seed)
    start = peft_start(model, lora_of(settings)).matrices
    limit = options.max_batch_tokens or tokens_at_once(rows, settings, model.device)
    result = Result(
        losses={role: [] for role in ROLES}, num_tokens=sum(num_timed(options, r) for r in rows)
    )
    attention = model.config._attn_implementation
    clock = Clock(options)
    backbone = adapt(model, [start] * len(ROLES), settings, limit)
    del start  # else its matrices are held as long as the adapters
    try:
        take_steps(options, backbone, rows, result, clock)
    finally:
        bare(model, backbone, attention)
    clock.write(result)
    return result


def take_steps(
    options: argparse.Namespace,
    backbone: Any,
    rows: Sequence[Sequence[TokenRow]],
    result: Result,
    clock: Clock,
) -> None:

    settings = settings_of(options)
    courses = [
        Course(settings, part, [], adapter)
        for part, adapter in zip(rows, backbone.mix.adapters, strict=True)
    ]
    size = rows_per_step(settings)
    clock.tick()
    for step in range(options.steps + options.warmup):
        found = learn(
            backbone,
            {place: part[step * size : (step + 1) * size] for place, part in enumerate(rows)},
        )
        for place, role in enumerate(ROLES):
            courses[place].take_step(found[place].loss, found[place].norm, found[place].num_tokens)
            result.losses[role].append(found[place].loss)
        clock.tick()


def bare(model: Any, backbone: Any, attention: str) -> None:
    """Make the model what it was, for the next run."""
    for name, layer in backbone.mix.layers.items():
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, layer.frozen)
    model.config._attn_implementation = attention


def lora_of(settings: TrainConfig) -> LoraConfig:
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=0.0,
        target_modules="all-linear",
    )
