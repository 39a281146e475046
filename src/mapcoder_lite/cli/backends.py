"""`mapcoder backends`: which engines are here, what each can do, and the command that uses it.

Knows: which addresses are asked, how findings are shown.
Does not know: how servers are asked, recognised and examined.
"""

import shlex
import sys
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapcoder_lite.engine.backend import Backend, ServedModel, Stranger
    from mapcoder_lite.engine.deep import Finding
    from mapcoder_lite.engine.probe import Endpoint
    from mapcoder_lite.settings import EngineConfig
    from mapcoder_lite.trajectory import Role

_SHOWN_NAMES = 8
"""Models and adapters that a line names at most; --json has all."""
_OLLAMA_CONTEXT = 16384
"""Ollama loads what it is told; 4,096 tokens, its default on most machines, hold no reply."""


@dataclass(frozen=True, slots=True)
class Found:
    """One server, and how to use it."""

    backend: "Backend"
    settings: "EngineConfig"
    """Of an engine that asks it."""
    badge: str
    findings: "tuple[Finding, ...]" = ()
    """What --deep showed."""


@dataclass(frozen=True, slots=True)
class InProcess:
    """What can answer without a server."""

    has_pocket_weights: bool
    torch: str | None
    """Version of torch with its build, as 2.13.0+cpu; None = not installed."""
    has_nvidia_driver: bool


def backends(
    url: Annotated[
        list[str] | None, typer.Option("--url", help="Ask this address too; may be repeated.")
    ] = None,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also try each server: some thousand tokens, mostly prompt."),
    ] = False,
    config: options.Files = None,
    overrides: options.Overrides = None,
    json: options.Json = False,
) -> None:
    """Find model servers, and say what each can do and how to use it.

    Asked are the usual ports of this machine, engine.base_url, OPENAI_BASE_URL and every --url;
    without --deep that costs no tokens. Exit code 0 = found, 1 = a server failed what --deep tried,
    3 = nothing was found, or an address that you named is no model server.

    Example: mapcoder backends --url http://gpu-box:8000/v1 --deep
    """
    settings = options.resolve(config, overrides).engine
    named = _named(settings, url or ())
    found, strangers = _look(settings, named)
    if deep:
        with terminal.waiting("the servers are being tried"), terminal.telling():
            found = [_examined(one) for one in found]
    here = _in_process()
    if json:
        terminal.result(_as_json(found, strangers, here))
    else:
        _show(found, strangers, here)
    urls = {endpoint.base_url for endpoint in named}
    if not found or any(stranger.base_url in urls for stranger in strangers):
        sys.exit(3)
    if any(finding.is_good is False for one in found for finding in one.findings):
        sys.exit(1)


def _named(engine: "EngineConfig", urls: "Sequence[str]") -> "dict[Endpoint, str | None]":
    """Return the addresses that the user named, with the variable that holds each one's key."""
    from mapcoder_lite.config import api_key, environment_server
    from mapcoder_lite.engine.probe import named_endpoint

    named: dict[Endpoint, str | None] = {}
    if engine.base_url is not None:
        named[named_endpoint(engine.base_url, api_key(engine))] = engine.api_key_env
    environment = environment_server()
    if environment is not None:
        url, key = environment
        named[named_endpoint(url, key)] = "OPENAI_API_KEY" if key else None
    return named | {named_endpoint(url): None for url in urls}


def _look(
    engine: "EngineConfig", named: "dict[Endpoint, str | None]"
) -> "tuple[list[Found], list[Stranger]]":
    """Ask all places; one that nobody named and where nobody listens is not worth a word."""
    from mapcoder_lite.engine.backend import Backend
    from mapcoder_lite.engine.probe import probe_all, usual_endpoints

    endpoints = _once([*named, *usual_endpoints()])
    found: list[Found] = []
    strangers: list[Stranger] = []
    for endpoint, finding in zip(endpoints, probe_all(endpoints), strict=True):
        if isinstance(finding, Backend):
            found.append(_described(engine, finding, endpoint, named.get(endpoint)))
        elif endpoint in named or not finding.is_nobody:
            strangers.append(finding)
    return found, strangers


def _once(endpoints: "Sequence[Endpoint]") -> "list[Endpoint]":
    """Keep one endpoint of each place: the first that has a key, else the first."""
    places: dict[object, Endpoint] = {}
    for endpoint in endpoints:
        known = places.setdefault(endpoint.place, endpoint)
        if known.api_key is None and endpoint.api_key is not None:
            places[endpoint.place] = endpoint
    return list(places.values())


def _described(
    engine: "EngineConfig", backend: "Backend", endpoint: "Endpoint", key_variable: str | None
) -> Found:
    """Work out the roles and the settings that use a server."""
    from mapcoder_lite.cli.badges import badge, carried_roles
    from mapcoder_lite.engine.probe import with_ollama_adapters
    from mapcoder_lite.settings import EngineKind, ServerKind

    roles = carried_roles(backend)
    if backend.server is ServerKind.OLLAMA:
        backend = with_ollama_adapters(endpoint, backend, tuple(roles.values()))
    model = _model(backend, engine, roles)
    settings = engine.model_copy(
        update={
            "kind": EngineKind.OPENAI,
            "base_url": backend.base_url,
            "server": backend.server,
            "model": None if model is None else model.name,
            "adapters": roles or False,
            "context_tokens": None if model is None else model.context_tokens,
            "api_key_env": key_variable,
        }
    )
    return Found(backend, settings, badge(settings, backend))


def _model(
    backend: "Backend", engine: "EngineConfig", roles: "dict[Role, str]"
) -> "ServedModel | None":
    """Choose the backbone: the configured one, else one that is loaded, else the first."""
    wanted = backend.model_named(engine.model or "")
    if wanted is not None:
        return wanted
    whole = [model for model in backend.models if model.name not in roles.values()]
    loaded = [model for model in whole if model.context_tokens is not None]
    return next(iter([*loaded, *whole, *backend.models]), None)


def _examined(found: Found) -> Found:
    """Send the small requests of --deep through the engine that a run would use."""
    from mapcoder_lite.cli import engines
    from mapcoder_lite.cli.badges import role_names
    from mapcoder_lite.config import Config
    from mapcoder_lite.engine.backend import GRAMMARS
    from mapcoder_lite.engine.deep import Finding, examine
    from mapcoder_lite.errors import MapCoderError

    settings = found.settings
    if settings.model is None:
        return replace(found, findings=(Finding("model", None, "the server lists none"),))
    try:
        with engines.opened_engine(Config(engine=settings)) as engine:
            findings = examine(
                engine,
                [role.value for role in role_names(settings)],
                context_tokens=settings.context_tokens,
                has_grammar=found.backend.server in GRAMMARS,
            )
    except MapCoderError as error:
        findings = (Finding("engine", None, str(error)),)
    return replace(found, findings=findings)


def _command(settings: "EngineConfig") -> str:
    """Write the command that solves a problem with a server."""
    from mapcoder_lite.cli.badges import role_names
    from mapcoder_lite.settings import ServerKind, TraversalConfig
    from mapcoder_lite.trajectory import Role

    words = {
        "kind": "openai",
        "base_url": settings.base_url or "",
        "server": "openai" if settings.server is None else settings.server.value,
        "model": options.written(settings.model or "NAME"),
    }
    names = role_names(settings)
    if not names:
        words["adapters"] = "false"
    elif names != {role: role.value for role in Role}:
        shown = ", ".join(f"{role.value} = {options.quoted(name)}" for role, name in names.items())
        words["adapters"] = f"{{{shown}}}"
    if settings.server is ServerKind.OLLAMA:
        words["context_tokens"] = str(settings.context_tokens or _OLLAMA_CONTEXT)
    if settings.api_key_env is not None:
        words["api_key_env"] = settings.api_key_env
    chosen = [f"engine.{key}={value}" for key, value in words.items()]
    context = settings.context_tokens
    if context is not None and context <= TraversalConfig().max_tokens:
        chosen.append(f"traversal.max_tokens={max(1, context // 4)}")
    return " ".join(["mapcoder solve problem.md", *(f"-s {shlex.quote(c)}" for c in chosen)])


def _in_process() -> InProcess:
    """See what is installed, without importing it."""
    from mapcoder_lite.pocket.world import WEIGHTS

    try:
        torch = metadata.version("torch")
    except metadata.PackageNotFoundError:
        torch = None
    return InProcess(
        (WEIGHTS / "pocket-backbone" / "config.json").exists(),
        torch,
        Path("/proc/driver/nvidia/version").exists(),
    )


def _show(found: "Sequence[Found]", strangers: "Sequence[Stranger]", here: InProcess) -> None:
    if found:
        terminal.table(_COLUMNS, [_row(one) for one in found], whole="address")
    lines = [line for one in found for line in ("", *_facts(one))]
    if not found:
        lines += _NOTHING_FOUND
    if strangers:
        lines += ["", "no model server, or none that says so:"]
    lines += [f"  {stranger.base_url}: {stranger.reason}" for stranger in strangers]
    terminal.result("\n".join([*lines, "", *_without_server(here)]))


_COLUMNS = ("server", "address", "roles", "context", "usage", "grammar", "seed")

_NOTHING_FOUND = (
    "no model server answers on this machine's usual ports; start one, such as",
    "  vLLM: mapcoder serve-cmd vllm prints the command for your backbone and adapters",
    "  llama.cpp: llama-server -m MODEL.gguf -c 16384 --lora retrieval.gguf --lora ...",
    "  Ollama: ollama serve",
    "or name one that runs elsewhere: mapcoder backends --url http://HOST:PORT/v1",
)


def _row(found: Found) -> tuple[str, ...]:
    from mapcoder_lite.engine.backend import GRAMMARS, KNOWN_MANNERS

    context = found.settings.context_tokens
    is_known = found.backend.server in KNOWN_MANNERS
    return (
        found.backend.name,
        found.backend.base_url,
        found.badge,
        "not said" if context is None else f"{context} tokens",
        "counted" if is_known else "not said",
        GRAMMARS.get(found.backend.server, "none"),
        "heeded" if is_known else "not said",
    )


def _facts(found: Found) -> list[str]:
    """Say of one server what its row does not."""
    from mapcoder_lite.cli.badges import explained

    backend = found.backend
    facts = [("told by", backend.evidence), ("roles", explained(found.badge))]
    facts.append(("models", _listed([model.name for model in backend.models])))
    if backend.adapters:
        facts.append(("adapters", _listed(backend.adapters)))
    facts += [("unread", fault) for fault in backend.faults]
    marks = {True: "tried", False: "FAILED", None: "unclear"}
    facts += [(marks[f.is_good], f"{f.name}: {f.detail}") for f in found.findings]
    facts.append(("use it", _command(found.settings)))
    return [f"{backend.name} at {backend.base_url}", *(f"  {n:10}{fact}" for n, fact in facts)]


def _without_server(here: InProcess) -> list[str]:
    torch = "torch is missing: pip install 'mapcoder-lite[local]'"
    if here.torch is not None:
        driver = "an NVIDIA driver" if here.has_nvidia_driver else "no NVIDIA driver"
        torch = f"torch {here.torch}, {driver}"
    pocket = "mapcoder demo" if here.has_pocket_weights else "weights are missing: make pocket"
    return [
        f"in this process ({torch}):",
        f"  pocket    {pocket}",
        "  local     mapcoder solve problem.md -s engine.kind=local -s engine.backbone=FOLDER "
        "-s 'engine.adapters={coding = \"FOLDER\"}'",
    ]


def _listed(names: "Sequence[str]") -> str:
    more = len(names) - _SHOWN_NAMES
    shown = ", ".join(" ".join(name.split()) for name in names[:_SHOWN_NAMES]) or "none"
    return f"{shown} and {more} more" if more > 0 else shown


def _as_json(found: "Sequence[Found]", strangers: "Sequence[Stranger]", here: InProcess) -> str:
    from mapcoder_lite.cli.badges import role_names
    from mapcoder_lite.engine.backend import GRAMMARS, KNOWN_MANNERS

    servers = [
        {
            "name": one.backend.name,
            "server": one.backend.server.value,
            "base_url": one.backend.base_url,
            "evidence": one.backend.evidence,
            "roles": one.badge,
            "role_adapters": {role.value: name for role, name in role_names(one.settings).items()},
            "model": one.settings.model,
            "context_tokens": one.settings.context_tokens,
            "counts_tokens": True if one.backend.server in KNOWN_MANNERS else None,
            "heeds_seeds": True if one.backend.server in KNOWN_MANNERS else None,
            "grammar": GRAMMARS.get(one.backend.server),
            "models": [asdict(model) for model in one.backend.models],
            "adapters": one.backend.adapters,
            "faults": one.backend.faults,
            "findings": [asdict(finding) for finding in one.findings],
            "command": _command(one.settings),
        }
        for one in found
    ]
    others = [{"base_url": other.base_url, "reason": other.reason} for other in strangers]
    dumped = {"servers": servers, "not_found": others, "in_process": asdict(here)}
    return dumps(dumped, indent=2)
