"""The recipe of the pocket backbone: a small Qwen2 (or Llama) trained from scratch.

Knows: sizes, the training loop, checkpoints, where it computes.
Does not know: what the chats are about, adapters, the agents.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import json
import logging
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, distributed
from torch.multiprocessing.spawn import spawn
from torch.nn import functional
from torch.utils.data import DataLoader
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from mapcoder_lite.pocket.packing import CHAT_TEMPLATE, SPECIAL_TOKENS, PackedRows, new_tokenizer

log = logging.getLogger(__name__)

QUESTION_WEIGHT = 0.1
"""Loss weight of tokens that the assistant does not say."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Size and schedule of a backbone."""

    architecture: Literal["qwen2", "llama"] = "qwen2"
    hidden_size: int = 256
    num_layers: int = 6
    vocabulary_size: int = 2048
    context: int = 2048
    num_tokens: int = 92_000_000
    row_tokens: int = 1024
    rows: int = 16
    """Rows of one optimiser step, shared evenly by the workers."""
    learning_rate: float = 2e-3
    warmup_steps: int = 200
    seed: int = 0
    num_workers: int = 2
    """On CPUs processes of one thread each, which meet once a step, so that a busy machine slows
    them little; on a GPU processes that pack rows."""
    checkpoint_minutes: float = 5.0

    @property
    def num_steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.num_tokens // (self.rows * self.row_tokens)


RECIPES = {
    "pocket": Recipe(),
    "llama": Recipe(architecture="llama"),
    "large": Recipe(hidden_size=512, learning_rate=1e-3, num_tokens=55_200_000),
}
"""The packaged backbone; another architecture by the same recipe; one four times as large."""


def train(recipe: Recipe, folder: Path) -> None:
    """Train the backbone into `folder`, going on from its checkpoint if there is one.

    It computes on a GPU where there is one. The data of a step, the schedule and the optimiser's
    state are part of the checkpoint or follow from the step's number, so an interrupted training
    goes on as if nothing had happened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _make_tokenizer(recipe, folder)
    if torch.cuda.is_available():
        _train(recipe, folder, torch.device("cuda"), worker=0, num_shares=1)
        return
    with tempfile.TemporaryDirectory() as meeting:
        spawn(_work, args=(recipe, folder, f"file://{meeting}/point"), nprocs=recipe.num_workers)


def _work(worker: int, recipe: Recipe, folder: Path, meeting_point: str) -> None:
    """One of several processes on the CPUs."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=meeting_point, rank=worker, world_size=recipe.num_workers
    )
    _train(recipe, folder, torch.device("cpu"), worker, recipe.num_workers)
    distributed.destroy_process_group()


def _train(
    recipe: Recipe, folder: Path, device: torch.device, worker: int, num_shares: int
) -> None:
    """One worker's training loop; worker 0 writes the files."""
    torch.manual_seed(recipe.seed)  # all workers draw the same initial weights
    num_words = PreTrainedTokenizerFast.from_pretrained(folder).vocab_size
    model = _model(recipe, num_words).to(device)  # pyright: ignore[reportArgumentType] as torch's
    if device.type == "cuda":
        model.compile()  # many small kernels: launching them is most of the time
    optimizer = _optimizer(recipe, model)
    step = _resume(folder, model, optimizer)
    started = saved = time.monotonic()
    model.train()
    for batch in _batches(recipe, folder, device, step, worker, num_shares):
        loss = _step(recipe, model, optimizer, batch, step)
        step += 1
        if worker == 0 and step % 50 == 0:
            _report(folder, recipe, step, loss.item(), started)
        if worker == 0 and time.monotonic() - saved > 60 * recipe.checkpoint_minutes:
            _checkpoint(folder, model, optimizer, step)
            saved = time.monotonic()
    if worker == 0:
        _checkpoint(folder, model, optimizer, step)
        model.bfloat16().save_pretrained(folder)
        (folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2) + "\n")


def _make_tokenizer(recipe: Recipe, folder: Path) -> None:
    if (folder / "tokenizer.json").exists():
        return
    PreTrainedTokenizerFast(
        tokenizer_object=new_tokenizer(recipe.vocabulary_size, recipe.seed),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=recipe.context,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    ).save_pretrained(folder)


def _model(recipe: Recipe, num_words: int) -> PreTrainedModel:
    width = recipe.hidden_size
    kind = {"qwen2": Qwen2Config, "llama": LlamaConfig}[recipe.architecture]
    return AutoModelForCausalLM.from_config(
        kind(
            vocab_size=num_words,
            hidden_size=width,
            intermediate_size=width * 11 // 4 // 32 * 32,
            num_hidden_layers=recipe.num_layers,
            num_attention_heads=width // 32,
            num_key_value_heads=width // 64,
            max_position_embeddings=recipe.context,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=SPECIAL_TOKENS.index("<|im_end|>"),
            pad_token_id=SPECIAL_TOKENS.index("<|endoftext|>"),
        )
    )


def _optimizer(recipe: Recipe, model: PreTrainedModel) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        model.parameters(),
        lr=recipe.learning_rate,
        betas=(0.9, 0.95),
        weight_decay=0.1,
        fused=True,
    )


Batch = tuple[Tensor, Tensor]
"""Token ids and loss weights, each (rows, row_tokens)."""


def _batches(
    recipe: Recipe,
    folder: Path,
    device: torch.device,
    first_step: int,
    worker: int,
    num_shares: int,
) -> Iterator[Batch]:
    """A worker's share of the coming steps; on a GPU other processes pack the rows."""
    share = recipe.rows // num_shares
    places = range(worker * share, (worker + 1) * share)
    rows = PackedRows(folder / "tokenizer.json", recipe.seed, recipe.row_tokens, places)
    is_gpu = device.type == "cuda"
    loader = DataLoader(
        rows,  # pyright: ignore[reportArgumentType] only indexed, by the steps given
        batch_size=None,
        sampler=range(first_step, recipe.num_steps),
        num_workers=recipe.num_workers if is_gpu else 0,
        prefetch_factor=16 if is_gpu else None,
        multiprocessing_context="spawn" if is_gpu else None,
        pin_memory=is_gpu,
    )
    for ids, said in loader:
        ids, said = ids.to(device, non_blocking=True), said.to(device, non_blocking=True)
        yield ids, torch.where(said, 1.0, QUESTION_WEIGHT)


def _step(
    recipe: Recipe,
    model: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    step: int,
) -> Tensor:
    """One optimiser step; return the loss, which nobody has waited for."""
    for group in optimizer.param_groups:
        group["lr"] = recipe.learning_rate * _rate(step, recipe)
    ids, weights = batch
    with torch.autocast(ids.device.type, dtype=torch.bfloat16):
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    losses = functional.cross_entropy(
        logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
    )
    weight = weights[:, 1:].flatten()
    loss = (losses * weight).sum() / weight.sum()
    loss.backward()
    if distributed.is_initialized():
        _average_gradients(model)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.detach()


def _average_gradients(model: PreTrainedModel) -> None:
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def _rate(step: int, recipe: Recipe) -> float:
    """Warm-up, then a cosine down to 2 % of the top rate."""
    done = step / recipe.num_steps
    warm = min(1.0, (step + 1) / recipe.warmup_steps)
    return warm * (0.02 + 0.49 * (1 + math.cos(math.pi * done)))


def _report(folder: Path, recipe: Recipe, step: int, loss: float, started: float) -> None:
    row = {
        "step": step,
        "num_tokens": step * recipe.rows * recipe.row_tokens,
        "loss": round(loss, 4),
        "seconds": round(time.monotonic() - started, 1),
    }
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    log.info("step %d of %d, loss %.3f", step, recipe.num_steps, loss)


def _checkpoint(
    folder: Path, model: PreTrainedModel, optimizer: torch.optim.Optimizer, step: int
) -> None:
    part = folder / "checkpoint.pt.part"
    state = {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, part)
    part.replace(folder / "checkpoint.pt")


def _resume(folder: Path, model: PreTrainedModel, optimizer: torch.optim.Optimizer) -> int:
    path = folder / "checkpoint.pt"
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]
