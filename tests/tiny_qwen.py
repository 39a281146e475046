"""Tiny random Qwen2 folders and PEFT adapters for them, for tests of engines."""

import warnings
from contextlib import AbstractContextManager
from pathlib import Path

import peft
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

ROLES = ("retrieval", "planning", "coding", "debugging")
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_tokenizer() -> "transformers.PreTrainedTokenizerFast":
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", chat_template=TEMPLATE
    )


def make_backbone(folder: Path, dtype: str = "float32") -> None:
    tokenizer = make_tokenizer()
    config = transformers.Qwen2Config(
        vocab_size=len(tokenizer) + 5,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=384,
        tie_word_embeddings=False,
        initializer_range=0.4,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(1)
    model = transformers.Qwen2ForCausalLM(config).to(getattr(torch, dtype))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_adapter(backbone: Path, folder: Path, seed: int, **settings: object) -> None:
    torch.manual_seed(seed)
    model = load_backbone(backbone)
    config = peft.LoraConfig(
        r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False, **settings
    )
    with peft_warnings_ignored():
        peft.get_peft_model(model, config).save_pretrained(folder)


def peft_warnings_ignored() -> AbstractContextManager[object]:
    """PEFT still reads a name that transformers deprecates."""
    return warnings.catch_warnings(action="ignore", category=FutureWarning)


def load_backbone(folder: Path) -> "transformers.PreTrainedModel":
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
