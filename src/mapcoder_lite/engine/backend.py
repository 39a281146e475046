"""What a model server says of itself: which kind it is, its models, adapters and context.

A server is asked by GET alone, which costs no tokens. Each kind has its own words; what it does
not say stays None, what it says wrongly becomes a fault in words, and nothing is raised.

Knows: the informing paths of vLLM, SGLang, llama-server, Ollama, LM Studio and plain servers.
Does not know: sockets, roles, how a completion is asked for.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import cast

from mapcoder_lite.settings import ServerKind


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one GET."""

    status: int | None = None
    """None: nothing came back."""
    json: object = None
    fault: str | None = None
    """Why there is no JSON."""


Ask = Callable[[str], Answer]
"""Gets a path below the server's root, as /version."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A whole model that a server offers."""

    name: str
    context_tokens: int | None = None
    """Prompt and reply together, as loaded; None = the server does not say."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A model server and what it says of itself."""

    base_url: str
    """With /v1."""
    server: ServerKind
    name: str
    """The product and its version, for people."""
    evidence: str
    """What gave it away."""
    models: tuple[ServedModel, ...] = ()
    adapters: tuple[str, ...] = ()
    """Names of the LoRA adapters that are loaded; llama-server has the paths of their files."""
    faults: tuple[str, ...] = ()
    """What it said that could not be read."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that may be asked for: models, then adapters."""
        return (*(model.name for model in self.models), *self.adapters)

    def model_named(self, name: str) -> ServedModel | None:
        """Return a model by its name; an Ollama name may go without `:latest`."""
        names = {name, f"{name}:latest"} if self.server is ServerKind.OLLAMA else {name}
        return next((model for model in self.models if model.name in names), None)

    def has_adapter(self, name: str) -> bool:
        """Whether an adapter is loaded; llama-server's go by path, file or folder."""
        if self.server is not ServerKind.LLAMA:
            return name in self.adapters
        return any(
            name in (path, PurePosixPath(path).stem, *PurePosixPath(path).parts)
            for path in self.adapters
        )


@dataclass(frozen=True, slots=True)
class Stranger:
    """An address where no model server was recognised."""

    base_url: str
    reason: str
    status: int | None = None
    """What HTTP status the list of models was answered with; None = no answer came."""

    @property
    def is_nobody(self) -> bool:
        """Whether nothing even listens there."""
        return self.reason == NOBODY


@dataclass(frozen=True, slots=True)
class OllamaModel:
    """What Ollama says of one model."""

    baked_context_tokens: int | None
    """num_ctx of its Modelfile."""
    max_context_tokens: int | None
    """What the model was trained for."""
    has_adapter: bool
    """Whether its Modelfile adds an adapter to a base."""


NOBODY = "nothing listens there"

GRAMMARS: Mapping[ServerKind, str] = {
    ServerKind.VLLM: "structured_outputs",
    ServerKind.SGLANG: "ebnf",
    ServerKind.LLAMA: "grammar",
}
"""The request field that holds a reply to a layout; other servers have none that we use."""

KNOWN_MANNERS = frozenset({*GRAMMARS, ServerKind.OLLAMA})
"""Servers that count tokens and heed seeds; of any other that is not known until it is tried."""

_PRODUCTS_BY_PORT = {1234: "LM Studio", 1337: "Jan", 4891: "GPT4All"}
"""Used only where nothing better tells them apart."""


def recognise(base_url: str, ask: Ask, port: int | None = None) -> Backend | Stranger:
    """Find out what answers below a URL that ends in /v1."""
    site = _Site(base_url, ask)
    listed = ask("/v1/models")
    if listed.status is None:
        return Stranger(base_url, listed.fault or "nothing answers")
    site.cards = tuple(_cards(listed.json, site))
    owners = {card.owner for card in site.cards}
    for owner, read in _BY_OWNER.items():
        if owner in owners:
            return read(site, f"owned_by {owner} in /v1/models")
    for read in (_ollama_if, _llama_if, _sglang_if, _lm_studio_if):
        found = read(site)
        if found is not None:
            return found
    if _is_list(listed.json):
        name = _PRODUCTS_BY_PORT.get(port or 0, "OpenAI-compatible server")
        return site.backend(ServerKind.OPENAI, name, "a list in /v1/models", site.whole_models)
    reason = listed.fault or "its /v1/models is no list of models"
    return Stranger(base_url, reason, listed.status)


@dataclass(frozen=True, slots=True)
class _Card:
    """One entry of /v1/models."""

    name: str
    owner: str
    parent: str | None
    context_tokens: int | None


class _Site:
    """One server while it is being asked; gathers what could not be read."""

    def __init__(self, base_url: str, ask: Ask) -> None:
        self._base_url = base_url
        self._ask = ask
        self._faults: list[str] = []
        self.cards: tuple[_Card, ...] = ()

    @property
    def whole_models(self) -> tuple[ServedModel, ...]:
        """The cards that are no adapters."""
        return tuple(
            ServedModel(card.name, card.context_tokens)
            for card in self.cards
            if card.parent is None
        )

    @property
    def adapters(self) -> tuple[str, ...]:
        """The cards that stand on another."""
        return tuple(card.name for card in self.cards if card.parent is not None)

    def table(self, path: str) -> Mapping[str, object]:
        """Get a JSON object; empty when there is none."""
        return _table(self._json(path))

    def rows(self, path: str, key: str | None = None) -> list[Mapping[str, object]]:
        """Get the JSON objects of a list, which stands alone or under a key."""
        value = self._json(path)
        return [_table(row) for row in _list(value if key is None else _table(value).get(key))]

    def doubt(self, what: str) -> None:
        """Note something that could not be read."""
        if what not in self._faults:
            self._faults.append(what)

    def backend(
        self,
        server: ServerKind,
        name: str,
        evidence: str,
        models: tuple[ServedModel, ...],
        adapters: tuple[str, ...] = (),
    ) -> Backend:
        """Conclude."""
        return Backend(
            self._base_url, server, name, evidence, models, adapters, tuple(self._faults)
        )

    def _json(self, path: str) -> object:
        answer = self._ask(path)
        if answer.json is None and answer.status in (None, 200):
            self.doubt(f"{path}: {answer.fault or 'empty'}")
        return answer.json


def _vllm(site: _Site, evidence: str) -> Backend:
    version = _text(site.table("/version").get("version"))
    return site.backend(
        ServerKind.VLLM, f"vLLM {version}".strip(), evidence, site.whole_models, site.adapters
    )


def _sglang(site: _Site, evidence: str) -> Backend:
    return site.backend(ServerKind.SGLANG, "SGLang", evidence, site.whole_models, site.adapters)


def _sglang_if(site: _Site) -> Backend | None:
    """Recognise one whose list of models was renamed or put behind something."""
    about = site.table("/get_model_info")
    if "model_path" not in about or "is_generation" not in about:
        return None
    return _sglang(site, "/get_model_info")


def _llama(site: _Site, evidence: str) -> Backend:
    props = site.table("/props")
    context = _count(_table(props.get("default_generation_settings")).get("n_ctx"))
    models = tuple(
        ServedModel(model.name, context or model.context_tokens) for model in site.whole_models
    )
    paths = [_text(row.get("path")) for row in site.rows("/lora-adapters")]
    adapters = tuple(path for path in paths if path)
    build = _text(props.get("build_info"))
    return site.backend(
        ServerKind.LLAMA, f"llama-server {build}".strip(), evidence, models, adapters
    )


def _llama_if(site: _Site) -> Backend | None:
    if "default_generation_settings" not in site.table("/props"):
        return None
    return _llama(site, "/props")


def _ollama_if(site: _Site) -> Backend | None:
    version = _text(site.table("/api/version").get("version"))
    if not version:
        return None
    loaded = {
        _text(row.get("name")): _count(row.get("context_length"))
        for row in site.rows("/api/ps", "models")
    }
    names = [_text(row.get("name")) for row in site.rows("/api/tags", "models")]
    models = tuple(ServedModel(name, loaded.get(name)) for name in names if name)
    return site.backend(ServerKind.OLLAMA, f"Ollama {version}", "/api/version", models)


def _lm_studio_if(site: _Site) -> Backend | None:
    rows = site.rows("/api/v0/models", "data")
    if not any("state" in row for row in rows):
        return None
    models = tuple(
        ServedModel(_text(row.get("id")), _count(row.get("loaded_context_length")))
        for row in rows
        if row.get("type") in ("llm", "vlm") and _text(row.get("id"))
    )
    return site.backend(ServerKind.OPENAI, "LM Studio", "/api/v0/models", models)


def read_ollama_model(shown: object) -> OllamaModel | None:
    """Read the answer of /api/show; None when it is none."""
    table = _table(shown)
    if not table:
        return None
    baked = re.search(r"^num_ctx\s+(\d{1,9})\s*$", _text(table.get("parameters")), re.MULTILINE)
    lengths = [
        _count(value)
        for key, value in _table(table.get("model_info")).items()
        if key.endswith(".context_length")
    ]
    has_adapter = re.search(r"^ADAPTER\s", _text(table.get("modelfile")), re.MULTILINE)
    return OllamaModel(
        int(baked[1]) if baked else None,
        next((length for length in lengths if length is not None), None),
        has_adapter is not None,
    )


_BY_OWNER: Mapping[str, Callable[[_Site, str], Backend]] = {
    "vllm": _vllm,
    "sglang": _sglang,
    "llamacpp": _llama,
}


def _cards(listed: object, site: _Site) -> Iterator[_Card]:
    for index, row in enumerate(_list(_table(listed).get("data"))):
        card = _table(row)
        name = card.get("id")
        if not isinstance(name, str) or not name:
            site.doubt(f"/v1/models: entry {index} has no name")
            continue
        parent = card.get("parent")
        yield _Card(
            name,
            _text(card.get("owned_by")),
            parent if isinstance(parent, str) and parent else None,
            _card_context(card, site),
        )


def _card_context(card: Mapping[str, object], site: _Site) -> int | None:
    """Return the context that a card gives, under whichever of the known names."""
    named = {
        "max_model_len": card.get("max_model_len"),
        "meta.n_ctx": _table(card.get("meta")).get("n_ctx"),
        "context_length": card.get("context_length"),
        "context_window": card.get("context_window"),
    }
    for key, value in named.items():
        if value is None:
            continue
        if (count := _count(value)) is not None:
            return count
        site.doubt(f"/v1/models: {key} is {str(value)[:40]!r}, not a number of tokens")
    return None


def _is_list(listed: object) -> bool:
    return isinstance(_table(listed).get("data"), list)


def _table(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
