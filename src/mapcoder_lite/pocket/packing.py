"""The backbone's training rows: chats as tokens, packed without gaps, and its tokenizer.

Every row follows from the seed, its step and its place in the step alone, so a training may stop,
go on, and share its rows among any number of processes.

Knows: chats, the tokenizer, which tokens the assistant says.
Does not know: models, optimisers.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from mapcoder_lite.pocket.corpus import Chat, chats

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""ChatML as Qwen2.5 uses it, without a default system message."""

WORDS = Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
"""Qwen2's pre-tokenizer: every digit is a token of its own."""

SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
"""The first tokens of the vocabulary, so that their places are their ids."""

TOKENIZER_CHATS = 12_000
"""Chats that the vocabulary is made of."""

Row = tuple[NDArray[np.int64], NDArray[np.bool_]]
"""Token ids and whether the assistant says them, each (row_tokens,)."""


def new_tokenizer(vocabulary_size: int, seed: int) -> Tokenizer:
    """Byte-level BPE over the corpus."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(WORDS, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    source = chats(seed)
    texts = ("\n".join(message.content for message in next(source)) for _ in range(TOKENIZER_CHATS))
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary_size,
            special_tokens=SPECIAL_TOKENS,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    return tokenizer


@dataclass(frozen=True, slots=True)
class PackedRows:
    """A worker's share of every step's rows; index it by the step."""

    tokenizer_file: Path
    seed: int
    row_tokens: int
    rows: range
    """Places of the worker's rows in the step."""

    def __getitem__(self, step: int) -> Row:
        """Token ids and whether the assistant says them, each (rows, row_tokens)."""
        tokenizer = _loaded(self.tokenizer_file)
        rows = [_row(tokenizer, f"{self.seed}/{step}/{r}", self.row_tokens) for r in self.rows]
        return np.stack([ids for ids, _ in rows]), np.stack([said for _, said in rows])


_TOKENIZERS: dict[Path, Tokenizer] = {}


def _loaded(file: Path) -> Tokenizer:
    if file not in _TOKENIZERS:
        _TOKENIZERS[file] = Tokenizer.from_file(str(file))
    return _TOKENIZERS[file]


def _row(tokenizer: Tokenizer, name: str, row_tokens: int) -> Row:
    ids: list[int] = []
    said: list[bool] = []
    source = chats(random.Random(name).getrandbits(40))
    while len(ids) < row_tokens:
        for piece, is_said in _pieces(next(source), tokenizer):
            ids += piece
            said += [is_said] * len(piece)
    return np.array(ids[:row_tokens], np.int64), np.array(said[:row_tokens], np.bool_)


def _pieces(chat: Chat, tokenizer: Tokenizer) -> Iterator[tuple[list[int], bool]]:
    for message in chat:
        said = message.role == "assistant"
        head, body, tail = (
            tokenizer.encode(text, add_special_tokens=False).ids
            for text in (f"<|im_start|>{message.role}\n", f"{message.content}<|im_end|>", "\n")
        )
        yield head, False
        yield body, said
        yield tail, False
