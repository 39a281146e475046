"""The model in this process: one backbone, any number of adapters, batches from many threads.

Knows: transformers folders, chat templates, context length, what completions report.
Does not know: how rows are decoded, how adapters are read, threads, roles, problems.
"""

# torch and transformers are only partly typed, hence not strict.
# pyright: basic

import sys
import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import torch
from jinja2 import TemplateError
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from mapcoder_lite.engine.batching import Batcher
from mapcoder_lite.engine.constraint import Vocabulary
from mapcoder_lite.engine.decode import Decoder, Room, Statistics
from mapcoder_lite.engine.folders import (
    adapter_digest,
    backbone_digest,
    check_backbone,
    check_origin,
)
from mapcoder_lite.engine.lora import fuse_adapters
from mapcoder_lite.engine.reply import Reply, row_seed
from mapcoder_lite.engine.rows import Row
from mapcoder_lite.engine.sampling import Sampler
from mapcoder_lite.errors import EngineError, PromptTooLong, UnknownAdapter
from mapcoder_lite.rendering import ends_of_reply
from mapcoder_lite.trajectory import Completion, Message, Request, Usage, Watch

Dtype = Literal["float32", "bfloat16", "float16"]

ROPE_BY_LENGTH = ("dynamic", "longrope")
"""Turns of keys that follow the longest row of a batch."""


class LocalEngine:
    """A transformers backbone with PEFT adapters; one running batch for all threads."""

    def __init__(
        self,
        backbone: Path,
        adapters: Mapping[str, Path],
        *,
        device: str | None = None,
        dtype: Dtype = "float32",
        room: Room = Room(),
        num_threads: int | None = None,
    ) -> None:
        """Load everything; `num_threads` bounds the processor threads of a forward.

        Raises:
            EngineError: the folder is no backbone, or an adapter does not fit it.
        """
        check_backbone(backbone)
        digest = backbone_digest(backbone)
        for name, folder in adapters.items():
            check_origin(name, folder, digest)
        self._name = backbone.name
        self._tokenizer = _load_tokenizer(backbone)
        self._digests: dict[str, str] = {}

        def opened() -> tuple[PreTrainedModel, Decoder]:
            model = _load_model(backbone, dtype, device)
            _check_fit(backbone, model, len(self._tokenizer))
            mix = fuse_adapters(model, adapters)
            self._digests = {name: adapter_digest(folder) for name, folder in adapters.items()}
            return model, Decoder(model, mix, self._digests, room, num_threads)

        # In a thread that ends: OpenMP gives each thread a team of its own and, with more of them
        # than processors, puts a team to sleep at every product (half the tokens a second).
        with ThreadPoolExecutor(1, thread_name_prefix="loading") as passing:
            model, self._decoder = passing.submit(opened).result()
        self._identity = _identity(backbone.name, digest, dtype, self._digests)
        self._end_tokens = ends_of_reply(self._tokenizer, model.config, model.generation_config)
        num_logits = int(model.config.vocab_size)
        self._vocabulary = Vocabulary(self._tokenizer_json, num_logits, self._end_tokens)
        self._context = int(model.config.max_position_embeddings)
        self._tokenizer_lock = Lock()  # encoding is not safe from several threads
        self._cache_bytes = room.cache_bytes
        self._batcher = Batcher[Row](self._decoder)

    @property
    def identity(self) -> str:
        """Backbone, precision and adapters, each with its digest."""
        return self._identity

    @property
    def statistics(self) -> Statistics:
        """What was decoded so far and is held now."""
        return self._decoder.statistics

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order; who cannot be answered does not end the others.

        Raises:
            PromptTooLong: prompt and `max_tokens` exceed the context; both numbers are named.
            UnknownAdapter: an adapter is not loaded; the loaded ones are named.
            Cancelled: the watch's cancellation was used.
            EngineError: a grammar cannot be followed, the model failed, or the engine was closed.
        """
        watch = watch or Watch()
        started = time.monotonic()
        rows: dict[int, Row] = {}
        faults: dict[int, EngineError] = {}
        for index, request in enumerate(requests):
            try:
                rows[index] = self._row(request, watch, index)
            except EngineError as fault:
                faults[index] = fault
        places = list(rows)
        completions: dict[int, Completion] = {}

        def on_end(number: int, row: Row) -> None:
            index = places[number]
            if row.fault is not None:
                faults[index] = EngineError(f"{self._name} could not go on: {row.fault}")
                return
            completions[index] = self._completion(row, time.monotonic() - started)
            if watch.on_completion is not None:
                watch.on_completion(index, completions[index])

        failed = self._batcher.work_off(list(rows.values()), on_end, watch.cancellation)
        faults |= {places[number]: fault for number, fault in failed.items()}
        if faults:
            raise faults[min(faults)]
        return [completions[index] for index in range(len(requests))]

    def close(self) -> None:
        """Fail what waits, end the worker; the model is freed with the engine."""
        self._batcher.close()

    def _row(self, request: Request, watch: Watch, index: int) -> Row:
        if request.adapter is not None and request.adapter not in self._digests:
            loaded = ", ".join(sorted(self._digests)) or "none"
            raise UnknownAdapter(f"adapter {request.adapter!r} is not loaded; loaded: {loaded}")
        grammar = request.grammar
        constraint = None if grammar is None else self._vocabulary.constraint(grammar)
        sampling = request.sampling
        prompt = self._encode(request.messages_sent)
        if not prompt:
            raise EngineError(
                f"the chat template of {self._name} makes no token of the messages: there is "
                "nothing to go on from"
            )
        self._check_length(len(prompt), sampling.max_tokens)
        return Row(
            prompt,
            request.adapter,
            Sampler.seeded(sampling, row_seed(sampling.seed, request.attempt), constraint),
            Reply(sampling, self._end_tokens, self._detokenize),
            watch.on_text and partial(watch.on_text, index),
        )

    def _check_length(self, prompt: int, reply: int) -> None:
        lengths = f"prompt of {prompt} tokens and reply of up to {reply} tokens"
        if prompt + reply > self._context:
            raise PromptTooLong(
                f"{lengths} exceed the context of {self._context} tokens of {self._name}: shorten "
                "the prompt or lower max_tokens"
            )
        needed = self._decoder.bytes_needed(1, prompt + reply)
        if needed > self._cache_bytes:
            raise EngineError(  # a limit of ours: the model could, so the problem stays owed
                f"{lengths} need {needed} bytes of keys and values, more than the "
                f"{self._cache_bytes} of engine.cache_bytes: raise it or lower max_tokens"
            )

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        chat = [{"role": message.role, "content": message.content} for message in messages]
        with self._tokenizer_lock:
            try:
                encoding: Any = self._tokenizer.apply_chat_template(  # typed as any of its forms
                    chat, add_generation_prompt=True, return_dict=True
                )
            except (TemplateError, TypeError, ValueError) as error:
                raise EngineError(
                    f"the chat template or tokenizer of {self._name} refuses the messages: {error}"
                ) from error
        return encoding["input_ids"]

    def _tokenizer_json(self) -> str:
        tokenizer: Any = self._tokenizer  # its Rust half has no type
        with self._tokenizer_lock:
            return tokenizer.backend_tokenizer.to_str()

    def _detokenize(self, tokens: Sequence[int]) -> str:
        return str(
            self._tokenizer.decode(
                list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def _completion(self, row: Row, seconds: float) -> Completion:
        reply = row.reply
        if reply.finish_reason is None:
            raise AssertionError("a reply was handed out before it was finished")
        usage = Usage(
            prompt_tokens=len(row.prompt),
            cached_tokens=row.cached_tokens,
            completion_tokens=len(reply.tokens),
        )
        return Completion(
            text=reply.text,
            finish_reason=reply.finish_reason,
            usage=usage,
            seconds=seconds,
            model=self._name,
            adapter_digest=None if row.adapter is None else self._digests[row.adapter],
        )


def _load_model(folder: Path, dtype: Dtype, device: str | None) -> PreTrainedModel:
    target = device or ("cuda" if torch.cuda.is_available() else "cpu")
    with _quiet():
        loaded: Any = AutoModelForCausalLM.from_pretrained(  # untyped: a pair because of the report
            folder,
            dtype=getattr(torch, dtype),
            attn_implementation="sdpa",
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    model, report = loaded
    lacking = sorted(report["missing_keys"])
    if lacking:
        raise EngineError(f"{folder} lacks {len(lacking)} weights, such as {lacking[0]}")
    return model.to(target).eval().requires_grad_(False)


def _load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    # Too long a prompt is refused by us, with both numbers; the library would only warn of it.
    tokenizer.model_max_length = sys.maxsize
    if tokenizer.chat_template is None:
        raise EngineError(
            f"{folder} has no chat template: put one into chat_template.jinja beside the tokenizer"
        )
    return tokenizer


def _check_fit(folder: Path, model: PreTrainedModel, num_tokens: int) -> None:
    """Refuse backbones whose replies would be wrong in silence."""
    num_embedded = int(model.config.vocab_size)
    if num_tokens > num_embedded:
        raise EngineError(
            f"{folder}: the tokenizer has {num_tokens} tokens, the model only {num_embedded}"
        )
    kinds = set(getattr(model.config, "layer_types", None) or ["full_attention"])
    window = getattr(model.config, "sliding_window", None)
    is_narrow = window is not None and window < model.config.max_position_embeddings
    if is_narrow and not getattr(model.config, "layer_types", None):
        kinds = {f"a sliding window of {window} tokens"}
    if kinds != {"full_attention"}:
        raise EngineError(f"{folder} uses {', '.join(sorted(kinds))}; only full attention is built")
    rope: Any = getattr(model.config, "rope_parameters", None) or {}
    if rope.get("rope_type") in ROPE_BY_LENGTH:
        raise EngineError(
            f"{folder} turns keys by {rope['rope_type']}, which follows the longest row of a "
            "batch: replies would depend on their neighbours"
        )


def _identity(name: str, digest: str, dtype: Dtype, adapters: Mapping[str, str]) -> str:
    parts = [f"{adapter}@{of[:16]}" for adapter, of in sorted(adapters.items())]
    return " ".join(["local", f"{name}@{digest[:16]}", dtype, *parts])


@contextmanager
def _quiet() -> Generator[None]:
    """Keep transformers' loading bars off the user's terminal."""
    was_shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_shown:
            transformers_logging.enable_progress_bar()
