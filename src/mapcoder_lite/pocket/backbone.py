"""The recipe of the pocket backbone: tokenizer and a small Qwen2 trained from scratch.

Knows: sizes, the training loop, checkpoints.
Does not know: what the chats are about, adapters, the agents.
"""

# torch and its libraries leave most of their types open
# pyright: basic

import json
import logging
import math
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import distributed
from torch.multiprocessing.spawn import spawn
from torch.nn import functional
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from mapcoder_lite.pocket.corpus import Chat, chats

log = logging.getLogger(__name__)

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""ChatML as Qwen2.5 uses it, without a default system message."""

WORDS = Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
"""Qwen2's pre-tokenizer: every digit is a token of its own."""

SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
"""The first tokens of the vocabulary, so that their places are their ids."""

QUESTION_WEIGHT = 0.1
"""Loss weight of tokens that the assistant does not say."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Size and schedule of the backbone."""

    hidden_size: int = 256
    num_layers: int = 6
    vocabulary_size: int = 2048
    context: int = 2048
    num_tokens: int = 9_500_000
    row_tokens: int = 1024
    rows: int = 2
    """Rows of one optimiser step, shared evenly by the workers."""
    learning_rate: float = 2e-3
    warmup_steps: int = 100
    seed: int = 0
    num_workers: int = 2
    """Processes of one thread each; they meet once a step, so a busy machine slows them little."""
    checkpoint_minutes: float = 5.0

    @property
    def num_steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.num_tokens // (self.rows * self.row_tokens)


def train(recipe: Recipe, folder: Path) -> None:
    """Train the backbone into `folder`, going on from its checkpoint if there is one.

    The data of a step, the schedule and the optimiser's state are part of the checkpoint or
    follow from the step's number, so an interrupted training goes on as if nothing had happened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _tokenizer(recipe, folder)
    with tempfile.TemporaryDirectory() as meeting:
        spawn(_work, args=(recipe, folder, f"file://{meeting}/point"), nprocs=recipe.num_workers)


def _work(worker: int, recipe: Recipe, folder: Path, meeting_point: str) -> None:
    """One worker's training loop; worker 0 writes the files."""
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)  # all workers draw the same initial weights
    distributed.init_process_group(
        "gloo", init_method=meeting_point, rank=worker, world_size=recipe.num_workers
    )
    tokenizer = _tokenizer(recipe, folder)
    model = _model(recipe, tokenizer)
    optimizer = _optimizer(recipe, model)
    step = _resume(folder, model, optimizer)
    batches = _batches(recipe, tokenizer, worker, first_step=step)
    started = saved = time.monotonic()
    model.train()
    while step < recipe.num_steps:
        loss = _step(recipe, model, optimizer, next(batches), step)
        step += 1
        if worker == 0 and step % 50 == 0:
            _report(folder, recipe, step, loss, started)
        if worker == 0 and time.monotonic() - saved > 60 * recipe.checkpoint_minutes:
            _checkpoint(folder, model, optimizer, step)
            saved = time.monotonic()
    if worker == 0:
        _checkpoint(folder, model, optimizer, step)
        model.bfloat16().save_pretrained(folder)
        (folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2) + "\n")
    distributed.destroy_process_group()


def _tokenizer(recipe: Recipe, folder: Path) -> PreTrainedTokenizerFast:
    if (folder / "tokenizer.json").exists():
        return PreTrainedTokenizerFast.from_pretrained(folder)
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(WORDS, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    raw.decoder = decoders.ByteLevel()
    source = chats(recipe.seed)
    texts = ("\n".join(message.content for message in next(source)) for _ in range(6000))
    raw.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=recipe.vocabulary_size,
            special_tokens=SPECIAL_TOKENS,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=recipe.context,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def _model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    width = recipe.hidden_size
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer),
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


def _optimizer(recipe: Recipe, model: Qwen2ForCausalLM) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.95), weight_decay=0.1
    )


Batch = tuple[torch.Tensor, torch.Tensor]


def _batches(
    recipe: Recipe, tokenizer: PreTrainedTokenizerFast, worker: int, first_step: int
) -> Iterator[Batch]:
    """A worker's rows of packed chats: token ids and loss weights, each (rows, row_tokens).

    Every step seeds its own chats, so resuming needs no replay of the stream.
    """
    shape = (recipe.rows // recipe.num_workers, recipe.row_tokens)
    size = shape[0] * shape[1]
    for step in range(first_step, recipe.num_steps):
        stream = chats(random.Random(f"{recipe.seed}/{step}/{worker}").getrandbits(40))
        ids: list[int] = []
        weights: list[float] = []
        while len(ids) < size:
            for piece, weight in _pieces(next(stream), tokenizer):
                ids += piece
                weights += [weight] * len(piece)
        yield torch.tensor(ids[:size]).view(shape), torch.tensor(weights[:size]).view(shape)


def _pieces(chat: Chat, tokenizer: PreTrainedTokenizerFast) -> Iterator[tuple[list[int], float]]:
    for message in chat:
        said = message.role == "assistant"
        head = f"<|im_start|>{message.role}\n"
        yield tokenizer.encode(head, add_special_tokens=False), QUESTION_WEIGHT
        body = tokenizer.encode(f"{message.content}<|im_end|>", add_special_tokens=False)
        yield body, 1.0 if said else QUESTION_WEIGHT
        yield tokenizer.encode("\n", add_special_tokens=False), QUESTION_WEIGHT


def _step(
    recipe: Recipe,
    model: Qwen2ForCausalLM,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    step: int,
) -> float:
    for group in optimizer.param_groups:
        group["lr"] = recipe.learning_rate * _rate(step, recipe)
    ids, weights = batch
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=ids).logits[:, :-1]  # (rows, row_tokens - 1, vocabulary)
    losses = functional.cross_entropy(
        logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
    )
    weight = weights[:, 1:].flatten()
    loss = (losses * weight).sum() / weight.sum()
    loss.backward()
    _average_gradients(model)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def _average_gradients(model: Qwen2ForCausalLM) -> None:
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
    folder: Path, model: Qwen2ForCausalLM, optimizer: torch.optim.Optimizer, step: int
) -> None:
    part = folder / "checkpoint.pt.part"
    state = {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, part)
    part.replace(folder / "checkpoint.pt")


def _resume(folder: Path, model: Qwen2ForCausalLM, optimizer: torch.optim.Optimizer) -> int:
    path = folder / "checkpoint.pt"
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]
