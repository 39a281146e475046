"""The model in this process: one backbone, any number of adapters, batches from many threads.

Knows: transformers folders, chat templates, context length, what completions report.
Does not know: how rows are decoded, how adapters are read, roles, prompts, problems.
"""

# torch and transformers are only partly typed, hence not strict.
# pyright: basic

import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from mapcoder_lite.engine.batching import Batcher, Ticket
from mapcoder_lite.engine.constraint import Vocabulary
from mapcoder_lite.engine.decode import Row, decode
from mapcoder_lite.engine.folders import adapter_digest, backbone_digest, check_backbone
from mapcoder_lite.engine.lora import Switch, add_adapter
from mapcoder_lite.engine.reply import Reply, row_seed
from mapcoder_lite.engine.sampling import Sampler
from mapcoder_lite.errors import EngineError, PromptTooLong, UnknownAdapter
from mapcoder_lite.trajectory import Completion, Message, Request, Usage, Watch

Dtype = Literal["float32", "bfloat16", "float16"]

_CHAT_ENDS = ("<|im_end|>", "<|endoftext|>")


@dataclass(eq=False, slots=True)
class _Job:
    """One request on its way, with the moment it was handed in."""

    row: Row
    adapter: str | None
    started: float = field(default_factory=time.monotonic)


class LocalEngine:
    """A transformers backbone with PEFT adapters; requests of one adapter share a batch."""

    def __init__(
        self,
        backbone: Path,
        adapters: Mapping[str, Path],
        *,
        device: str | None = None,
        dtype: Dtype = "float32",
        max_batch_rows: int = 32,
        num_threads: int | None = None,
    ) -> None:
        """Load everything; `num_threads` holds for all of torch in this process.

        Raises:
            EngineError: the folder is no backbone, or an adapter does not fit it.
        """
        check_backbone(backbone)
        if num_threads is not None:
            torch.set_num_threads(num_threads)
        self._name = backbone.name
        self._tokenizer = _load_tokenizer(backbone)
        self._model = _load_model(backbone, dtype, device)
        self._switch = Switch()
        for name, folder in adapters.items():
            add_adapter(self._model, self._switch, name, folder)
        _check_fit(backbone, self._model, len(self._tokenizer))
        self._digests = {name: adapter_digest(folder) for name, folder in adapters.items()}
        self._identity = _identity(backbone, self._digests, dtype)
        self._end_tokens = _end_tokens(self._model, self._tokenizer)
        num_logits = int(self._model.config.vocab_size)
        self._vocabulary = Vocabulary(self._tokenizer_json, num_logits, self._end_tokens)
        self._context = int(self._model.config.max_position_embeddings)
        self._tokenizer_lock = Lock()  # encoding is not safe from several threads
        self._num_threads = num_threads
        self._batcher = Batcher[_Job, Completion](self._answer, max_rows=max_batch_rows)

    @property
    def identity(self) -> str:
        """Backbone, precision and adapters, each with its digest."""
        return self._identity

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order; nothing is decoded before all have been checked.

        Raises:
            PromptTooLong: prompt and `max_tokens` exceed the context; both numbers are named.
            UnknownAdapter: an adapter is not loaded; the loaded ones are named.
            EngineError: a grammar cannot be followed, the model failed, or the engine was closed.
        """
        jobs = [self._job(request) for request in requests]
        return self._batcher.answer_all([(job, job.adapter) for job in jobs])

    def close(self) -> None:
        """Fail what waits, end the worker; the model is freed with the engine."""
        self._batcher.close()

    def _job(self, request: Request) -> _Job:
        if request.adapter is not None and request.adapter not in self._digests:
            loaded = ", ".join(sorted(self._digests)) or "none"
            raise UnknownAdapter(f"adapter {request.adapter!r} is not loaded; loaded: {loaded}")
        grammar = request.grammar
        constraint = None if grammar is None else self._vocabulary.constraint(grammar)
        sampling = request.sampling
        prompt = self._encode(request.messages_sent)
        if len(prompt) + sampling.max_tokens > self._context:
            raise PromptTooLong(
                f"prompt of {len(prompt)} tokens and reply of up to {sampling.max_tokens} tokens "
                f"exceed the context of {self._context} tokens of {self._name}: shorten the "
                "prompt or lower max_tokens"
            )
        sampler = Sampler.seeded(sampling, row_seed(sampling.seed, request.attempt), constraint)
        reply = Reply(sampling, self._end_tokens, self._detokenize)
        return _Job(Row(prompt, sampler, reply), request.adapter)

    def _encode(self, messages: Sequence[Message]) -> list[int]:
        chat = [{"role": message.role, "content": message.content} for message in messages]
        with self._tokenizer_lock:
            encoding: Any = self._tokenizer.apply_chat_template(  # typed as any of its forms
                chat, add_generation_prompt=True, return_dict=True
            )
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

    def _answer(self, tickets: Sequence[Ticket[_Job, Completion]]) -> None:
        """Decode one batch of one adapter; runs in the worker thread alone."""
        if not tickets:
            return
        if self._num_threads is not None:
            torch.set_num_threads(self._num_threads)  # OpenMP keeps the number per thread
        self._switch.adapter = tickets[0].work.adapter
        ticket_of = {ticket.work.row: ticket for ticket in tickets}
        for row in decode(self._model, list(ticket_of), lambda row: not ticket_of[row].is_settled):
            ticket = ticket_of[row]
            if row.fault is not None:
                ticket.fail(EngineError(f"{self._name} could not go on: {row.fault}"))
            else:
                ticket.settle(self._completion(ticket.work))

    def _completion(self, job: _Job) -> Completion:
        reply = job.row.reply
        if reply.finish_reason is None:
            raise AssertionError("a reply was handed out before it was finished")
        usage = Usage(
            prompt_tokens=len(job.row.prompt),
            completion_tokens=len(reply.tokens),
        )
        return Completion(
            text=reply.text,
            finish_reason=reply.finish_reason,
            usage=usage,
            seconds=time.monotonic() - job.started,
            model=self._name,
            adapter_digest=None if job.adapter is None else self._digests[job.adapter],
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
    if kinds != {"full_attention"}:
        raise EngineError(f"{folder} uses {', '.join(sorted(kinds))}; only full attention is built")


def _end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    ends: set[int] = set()
    for owner in (model.generation_config, model.config, tokenizer):
        setting: Any = getattr(owner, "eos_token_id", None)  # one token, several, or None
        ends.update([setting] if isinstance(setting, int) else setting or [])
    vocabulary = tokenizer.get_vocab()
    ends.update(vocabulary[token] for token in _CHAT_ENDS if token in vocabulary)
    return frozenset(ends)


def _identity(backbone: Path, digests: Mapping[str, str], dtype: Dtype) -> str:
    adapters = [f"{name}@{digest[:16]}" for name, digest in sorted(digests.items())]
    backbone_name = f"{backbone.name}@{backbone_digest(backbone)[:16]}"
    return " ".join(["local", backbone_name, dtype, *adapters])


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
