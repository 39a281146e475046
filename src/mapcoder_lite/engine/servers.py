"""How each kind of server is asked: its address, its names for adapters, its fields.

Every kind gets every sampling field: what is left out, vLLM fills in from the model's own
`generation_config.json`, and the others from defaults of theirs.

Knows: request bodies of OpenAI-compatible servers, vLLM, SGLang, llama-server and Ollama.
Does not know: connections, replies, retries, roles.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from pydantic import BaseModel, TypeAdapter, ValidationError

from mapcoder_lite.engine.grammar import to_gbnf
from mapcoder_lite.engine.reply import row_seed
from mapcoder_lite.errors import EngineError, UnknownAdapter
from mapcoder_lite.grammar import Grammar
from mapcoder_lite.settings import ServerKind
from mapcoder_lite.trajectory import Request

Body = dict[str, object]
"""The JSON of a request."""

_KEEP_ALIVE = "30m"  # Ollama's five minutes unload an adapter's model while another role is asked
# What a request can do without; a refused temperature or top_p would be another experiment.
_DISPENSABLE = ("seed", "stream_options", "presence_penalty", "frequency_penalty")


class Lora(BaseModel):
    """An adapter that llama-server has loaded."""

    id: int
    path: str


@dataclass(frozen=True, slots=True)
class Change:
    """How a field that a server refuses is sent."""

    field: str
    name: str | None
    """None: not at all."""
    reason: str
    """The server's own words."""


@dataclass(frozen=True, slots=True)
class Served:
    """A backbone and its adapters as a server names them."""

    kind: ServerKind
    base_url: str
    """With /v1, without a slash at the end."""
    model: str
    adapters: Mapping[str, str]
    """Adapter to its name on the server."""
    context_tokens: int | None = None

    @property
    def url(self) -> str:
        """Where completions are had."""
        if self.kind is ServerKind.OLLAMA:
            return f"{self._root}/api/chat"  # its OpenAI route cannot set the context
        return f"{self.base_url}/chat/completions"

    @property
    def loras_url(self) -> str | None:
        """Where the ids of adapters are had; None where names are enough."""
        return f"{self._root}/lora-adapters" if self.kind is ServerKind.LLAMA else None

    def name(self, adapter: str | None) -> str:
        """Return an adapter's name on the server, or the backbone's.

        Raises:
            UnknownAdapter: the adapter has no name.
        """
        if adapter is None:
            return self.model
        if adapter not in self.adapters:
            known = ", ".join(sorted(self.adapters)) or "none"
            raise UnknownAdapter(f"adapter {adapter!r} has no model name here; named: {known}")
        return self.adapters[adapter]

    @property
    def _root(self) -> str:
        return self.base_url.removesuffix("/v1")


def read_loras(text: str) -> tuple[Lora, ...]:
    """Read llama-server's list of adapters.

    Raises:
        EngineError: it is no such list.
    """
    try:
        loras = tuple(TypeAdapter(list[Lora]).validate_json(text))
    except ValidationError:
        raise no_llama_server(text) from None
    if len({lora.id for lora in loras}) < len(loras):
        raise EngineError(
            "llama-server lists two adapters under one id, so that neither can be chosen: start "
            f"it anew; it listed {text}"
        )
    return loras


def no_llama_server(answer: str) -> EngineError:
    """Return what is raised when adapters cannot be listed."""
    return EngineError(
        "engine.server=llama is for llama-server only, but GET /lora-adapters did not give a list "
        f"of adapters: {answer!r}"
    )


def body_of(request: Request, served: Served, loras: Sequence[Lora] = ()) -> Body:
    """Write a request in the server's own terms.

    Raises:
        UnknownAdapter: the server has no such adapter.
        EngineError: the server cannot hold a reply to a grammar.
    """
    return _BODIES[served.kind](request, served, loras)


def reworded(body: Body, changes: Mapping[str, Change]) -> Body:
    """Rename the fields of a body, or leave them out."""
    named = {changes[key].name if key in changes else key: body[key] for key in body}
    return {field: value for field, value in named.items() if field is not None}


def change_for(complaint: str, about: str | None, body: Body) -> Change | None:
    """Return how a hosted model may be pleased; None if nothing helps.

    `about` is the field that the complaint names by itself: then it is about no other.
    """
    if "max_tokens" in body and "max_completion_tokens" in complaint:
        return Change("max_tokens", "max_completion_tokens", complaint)
    for field in _DISPENSABLE:
        is_named = re.search(rf"\b{field}\b", complaint) if about is None else about == field
        if field in body and is_named:
            return Change(field, None, complaint)
    return None


def _plain(request: Request, served: Served, loras: Sequence[Lora]) -> Body:
    if request.grammar is not None:
        raise _no_grammar(served)
    return _openai(request, served.name(request.adapter))


def _vllm(request: Request, served: Served, loras: Sequence[Lora]) -> Body:
    body = _openai(request, served.name(request.adapter))
    body |= {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
    if request.grammar is not None:
        body["structured_outputs"] = {"grammar": to_gbnf(request.grammar)}
    return body


def _sglang(request: Request, served: Served, loras: Sequence[Lora]) -> Body:
    name = served.name(request.adapter)
    if request.adapter is not None and not name.startswith(f"{served.model}:"):
        name = f"{served.model}:{name}"
    body = _openai(request, name)
    body |= {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
    return body | _field("ebnf", request.grammar)


def _llama(request: Request, served: Served, loras: Sequence[Lora]) -> Body:
    body = _openai(request, served.model)
    body |= {
        "top_k": 0,
        "min_p": 0.0,
        "typical_p": 1.0,
        "repeat_penalty": 1.0,
        "dry_multiplier": 0.0,
        "xtc_probability": 0.0,
        "top_n_sigma": -1.0,
        "dynatemp_range": 0.0,
        "mirostat": 0,
        "cache_prompt": True,
        "lora": _scales(request.adapter, served, loras),
    }
    return body | _field("grammar", request.grammar)


def _ollama(request: Request, served: Served, loras: Sequence[Lora]) -> Body:
    if request.grammar is not None:
        raise _no_grammar(served)
    sampling = request.sampling
    options: Body = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": 0,
        "min_p": 0.0,
        "typical_p": 1.0,
        "repeat_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "seed": row_seed(sampling.seed, request.attempt),
        "num_predict": sampling.max_tokens,
        "mirostat": 0,
    }
    if sampling.stop:  # an empty list would take the model's own stops away
        options["stop"] = list(sampling.stop)
    if served.context_tokens is not None:
        options["num_ctx"] = served.context_tokens
    return {
        "model": served.name(request.adapter),
        "messages": [message.model_dump() for message in request.messages_sent],
        "stream": True,
        "truncate": False,  # a prompt that does not fit is an error, not cut
        "shift": False,  # a reply that does not fit ends, and pushes nothing out
        "keep_alive": _KEEP_ALIVE,
        "options": options,
    }


_BODIES: dict[ServerKind, Callable[[Request, Served, Sequence[Lora]], Body]] = {
    ServerKind.OPENAI: _plain,
    ServerKind.VLLM: _vllm,
    ServerKind.SGLANG: _sglang,
    ServerKind.LLAMA: _llama,
    ServerKind.OLLAMA: _ollama,
}


def _openai(request: Request, model: str) -> Body:
    sampling = request.sampling
    body: Body = {
        "model": model,
        "messages": [message.model_dump() for message in request.messages_sent],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "max_tokens": sampling.max_tokens,
        "seed": row_seed(sampling.seed, request.attempt),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    return body


def _field(name: str, grammar: Grammar | None) -> Body:
    return {} if grammar is None else {name: to_gbnf(grammar)}


def _scales(adapter: str | None, served: Served, loras: Sequence[Lora]) -> list[Body]:
    """Name every adapter: one that is not named keeps its global scale, mostly 1."""
    wanted = None if adapter is None else _lora_of(served.name(adapter), loras).id
    return [{"id": lora.id, "scale": 1.0 if lora.id == wanted else 0.0} for lora in loras]


def _lora_of(name: str, loras: Sequence[Lora]) -> Lora:
    """Find an adapter by its path, its file's name, or a folder that it lies in."""
    files = [(lora, PurePath(lora.path)) for lora in loras]
    for found in (
        [lora for lora in loras if lora.path == name],
        [lora for lora, file in files if name in (file.name, file.stem)],
        [lora for lora, file in files if name in file.parts],
    ):
        if len(found) == 1:
            return found[0]
    paths = ", ".join(lora.path for lora in loras) or "none"
    raise UnknownAdapter(
        f"llama-server has no single adapter called {name!r}; loaded: {paths}; start it with "
        "--lora FILE for each role and name the files in engine.adapters"
    )


def _no_grammar(served: Served) -> EngineError:
    return EngineError(
        f"engine.server={served.kind.value} cannot hold a reply to a grammar: vllm, sglang and "
        "llama can, and so can an engine in this process; or leave the grammar out"
    )
