"""The loss of the backbone, its adapters and fully tuned models on chats of the pre-training mix.

Knows: chats that no training saw, models, adapters, losses of replies.
Does not know: roles, what a loss is set against.
"""

# torch and its libraries leave most of their types open
# pyright: basic

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import cast

import torch
from peft import PeftModel
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from mapcoder_lite.engine.folders import (
    adapter_digest,
    backbone_digest,
    check_backbone,
    check_origin,
    read_adapter_config,
)
from mapcoder_lite.pocket.corpus import Chat, chats
from mapcoder_lite.trajectory import digest

SEED = 2**41
"""Of the chats; pre-training draws its seeds below 2^40."""


def model_digest(backbone: Path, folder: Path) -> str:
    """Digest of what `chat_losses` would measure.

    Raises:
        EngineError: the folder holds neither an adapter of this backbone nor a whole model.
    """
    if is_adapter(folder):
        read_adapter_config(folder.name, folder)
        check_origin(folder.name, folder, backbone_digest(backbone))
        return digest([backbone_digest(backbone), adapter_digest(folder)])
    check_backbone(folder)
    return backbone_digest(folder)


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds a PEFT adapter rather than a whole model."""
    return (folder / "adapter_config.json").is_file()


def chat_losses(
    backbone: Path, folder: Path, num_chats: int, seed: int = SEED
) -> Iterator[tuple[float, int]]:
    """Yield each chat's loss in nats, summed over its reply and end of turn, and their tokens.

    `folder` is the backbone's own, that of an adapter of it, or another whole model's. All read
    the backbone's tokens, in float32, one chat at a time, so that equal weights give equal losses.
    """
    torch.set_num_threads(1)  # more would wait for each other longer than a small model computes
    whole = AutoModelForCausalLM.from_pretrained(
        str(backbone if is_adapter(folder) else folder), dtype=torch.float32
    )
    model = PeftModel.from_pretrained(whole, str(folder)) if is_adapter(folder) else whole
    model.eval()
    tokenizer = AutoTokenizer.from_pretrained(str(backbone))
    for chat in islice(chats(seed), num_chats):
        prompt, reply = _tokens(chat, tokenizer)
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([prompt + reply])).logits[0]
        # The logits at one place speak of the token at the next.
        told = logits[len(prompt) - 1 : -1].float()
        yield (
            float(functional.cross_entropy(told, torch.tensor(reply), reduction="sum")),
            len(reply),
        )


def _tokens(chat: Chat, tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """The ids of all before the last message's text, and of that text with its end of turn."""
    told = [{"role": message.role, "content": message.content} for message in chat[:-1]]
    prompt = tokenizer.apply_chat_template(told, add_generation_prompt=True, return_dict=False)
    reply = tokenizer.encode(chat[-1].content + str(tokenizer.eos_token), add_special_tokens=False)
    return cast("list[int]", prompt), reply
