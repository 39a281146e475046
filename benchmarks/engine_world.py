"""Random backbones with four random adapters, in the folders that every engine here reads.

Prompts are digits, of which each is a token; the end token is never the likeliest, so that every
reply is as long as asked.

Knows: shapes, transformers and PEFT folders.
Does not know: engines, what is measured.
"""

import warnings
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import peft
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

ROLES = ("retrieval", "planning", "coding", "debugging")
END = "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class Shape:
    """A Qwen2 shape; the adapters are rank 32, alpha 64, on every linear layer."""

    hidden: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int = 8192
    is_tied: bool = True


SHAPES = {
    "tiny": Shape(256, 688, 4, 4, 2),
    "small": Shape(896, 4864, 8, 14, 2),
    "7b": Shape(3584, 18944, 28, 28, 4, 152064, False),
    "7b-8": Shape(3584, 18944, 8, 28, 4, 43392, False),
    "32b": Shape(5120, 27648, 64, 40, 8, 152064, False),
}
"""`small` has the width of Qwen2.5-0.5B; 7b and 32b are those of Qwen2.5, and 7b-8 is 8 of the 28
layers of the former with as large a part of its vocabulary: four of it fit a card in float32."""


def make(
    folder: Path, shape: Shape, dtype: torch.dtype, num_adapters: int = 4, device: str = "cpu"
) -> None:
    """Write backbone, merged backbone and adapters: `backbone/ merged/ <role>/`."""
    tokenizer = make_tokenizer(shape.vocabulary)
    with torch.device(device):
        model = make_model(shape, tokenizer.eos_token_id).to(dtype)
    for name in ("backbone", "merged"):
        tokenizer.save_pretrained(folder / name)
    model.save_pretrained(folder / "backbone")
    for seed, role in enumerate(ROLES[:num_adapters]):
        save_adapter(model, folder / role, seed)
    with quiet():
        merged = peft.PeftModel.from_pretrained(model.float(), folder / ROLES[0])
        merged.merge_and_unload().to(dtype).save_pretrained(folder / "merged")


def make_tokenizer(num_tokens: int) -> "transformers.PreTrainedTokenizerFast":
    """Return a tokenizer in which every token has a text, and a digit is a token whatever follows.

    Pairs and triples of letters and signs fill the vocabulary, as far as they go.
    """
    singles = sorted(pre_tokenizers.ByteLevel.alphabet())
    signs = [chr(code) for code in range(ord("!"), ord("~") + 1) if not chr(code).isdigit()]
    pairs = list(product(signs, signs))
    merges = (pairs + [(a + b, c) for a, b in pairs for c in signs])[
        : num_tokens - 1 - len(singles)
    ]
    words = [END, *singles, *(a + b for a, b in merges)]
    tokenizer = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        chat_template="{% for m in messages %}{{ m.content }}{% endfor %}",
    )


def make_model(shape: Shape, end_token: int) -> "transformers.PreTrainedModel":
    """Return a random model whose end token has the logit 0, hence is never the likeliest."""
    config = transformers.Qwen2Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        max_position_embeddings=4096,
        tie_word_embeddings=shape.is_tied,
        initializer_range=0.05,
        eos_token_id=end_token,
    )
    torch.manual_seed(0)
    model = transformers.Qwen2ForCausalLM(config).eval().requires_grad_(False)
    model.get_output_embeddings().weight[end_token] = 0
    return model


def save_adapter(model: "transformers.PreTrainedModel", folder: Path, seed: int) -> None:
    """Write a random adapter that changes what the model says."""
    torch.manual_seed(seed + 1)
    config = peft.LoraConfig(
        r=32, lora_alpha=64, target_modules="all-linear", init_lora_weights=False
    )
    with quiet():
        adapted = peft.get_peft_model(model, config, autocast_adapter_dtype=False)
        adapted.save_pretrained(folder)
        adapted.unload()


def quiet() -> warnings.catch_warnings:
    """PEFT reads a name that transformers deprecates."""
    return warnings.catch_warnings(action="ignore")


def load(folder: Path, dtype: torch.dtype) -> "transformers.PreTrainedModel":
    """Load a backbone as transformers does."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    return model.eval().requires_grad_(False)


def load_mixed(folder: Path, dtype: torch.dtype) -> "peft.PeftModel":
    """Load the backbone with four adapters as PEFT does, for `adapter_names`."""
    first, *others = ROLES
    with quiet():
        model = peft.PeftModel.from_pretrained(
            load(folder / "backbone", dtype),
            folder / first,
            adapter_name=first,
            autocast_adapter_dtype=False,
        )
        for role in others:
            model.load_adapter(folder / role, adapter_name=role, autocast_adapter_dtype=False)
    return model.eval()
