"""Tiny random backbones of the architectures that have a recipe, with their chat templates.

Tokenizers are byte-level, with the special tokens of the model's own; configurations say what the
model's own say, but for the sizes.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

TEMPLATES = Path(__file__).parent / "chat_templates"


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a recipe's backbone is made of."""

    recipe: str
    config: type[transformers.PreTrainedConfig]
    template: str
    bos: str | None
    eos: str
    pad: str | None
    more: tuple[str, ...]
    """Further special tokens."""
    fields: tuple[tuple[str, object], ...] = ()
    """Of config.json, as the model's own has them."""


_ROPE_LLAMA = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}

ARCHITECTURES = {
    "qwen": Architecture(
        recipe="train-qwen2.5-7b.toml",
        config=transformers.Qwen2Config,
        template="qwen2.5.jinja",
        bos=None,
        eos="<|im_end|>",
        pad="<|endoftext|>",
        more=("<|im_start|>",),
        fields=(("use_sliding_window", False),),
    ),
    "llama": Architecture(
        recipe="train-llama3.1-8b.toml",
        config=transformers.LlamaConfig,
        template="llama-3.1.jinja",
        bos="<|begin_of_text|>",
        eos="<|eot_id|>",
        pad=None,
        more=("<|start_header_id|>", "<|end_header_id|>", "<|end_of_text|>"),
        fields=(("rope_parameters", _ROPE_LLAMA),),
    ),
    "mistral": Architecture(
        recipe="train-mistral-7b-v0.3.toml",
        config=transformers.MistralConfig,
        template="mistral-v0.3.jinja",
        bos="<s>",
        eos="</s>",
        pad=None,
        more=("<unk>", "[INST]", "[/INST]"),
        fields=(("sliding_window", None),),
    ),
}


def make_backbone(architecture: Architecture, folder: Path) -> Path:
    """Save a random backbone of some ten thousand parameters with its tokenizer."""
    tokenizer = make_tokenizer(architecture)
    config = architecture.config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=16384,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **dict(architecture.fields),
    )
    torch.manual_seed(1)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tokenizer(architecture: Architecture) -> "transformers.PreTrainedTokenizerFast":
    """A byte-level tokenizer with the model's special tokens and template."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    named = (architecture.bos, architecture.eos, architecture.pad)
    tokenizer.add_special_tokens([name for name in (*named, *architecture.more) if name])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=architecture.bos,
        eos_token=architecture.eos,
        pad_token=architecture.pad,
        chat_template=(TEMPLATES / architecture.template).read_text(),
    )
