"""Before the first request of `solve` or `run`: does the server have what will be asked of it.

What certainly cannot go well is refused at once, with the command that mends it; what the server
does not say is accepted, with a line that says so.

Knows: what a traversal needs of a server, remedies.
Does not know: how a server is asked, how requests are answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mapcoder_lite.cli import terminal
from mapcoder_lite.cli.badges import badge, explained, role_names
from mapcoder_lite.cli.trained import adapter_folders, other_prompts
from mapcoder_lite.config import Config, api_key
from mapcoder_lite.engine.truncation import least_tokens
from mapcoder_lite.errors import EngineError, UnknownAdapter
from mapcoder_lite.problem import Problem
from mapcoder_lite.settings import EngineConfig, EngineKind, ServerKind
from mapcoder_lite.trajectory import Engine, Request, Role

if TYPE_CHECKING:
    from mapcoder_lite.engine.backend import Backend, Stranger
    from mapcoder_lite.engine.deep import Finding
    from mapcoder_lite.engine.probe import Endpoint

_CONTEXT_REPLIES = 4
"""Context to ask of Ollama where nothing else is said, in replies of full length."""
_BYTES_A_TOKEN = 3
"""Few, so that a prompt is thought longer than it is: it is only warned of."""
_IDLE = ", not all applied when tried"
"""What a badge adds where adapters changed nothing."""
_LISTED = 20
"""Names that a message lists at most."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Settings that fit the server, and what is to be said of it."""

    settings: Config
    """With the whole address, the kind of server and its context filled in."""
    badge: str
    lines: tuple[str, ...] = ()
    """What is not known or looks doubtful."""
    has_unproven_adapters: bool = False
    """Whether adapters are applied by request, so that only their replies prove it."""


def prepare(settings: Config, problems: Sequence[Problem] = ()) -> Ready:
    """Ask every server of the engines, and refuse what cannot go well.

    Raises:
        EngineError: one does not answer, nor a replica of it, wants a key, lacks the model, or its
            context is too small.
        UnknownAdapter: one lists its adapters, and one that is asked for is not among them.
    """
    ready = _prepared(settings, problems)
    teachers = [_as_engine(settings, teacher, problems) for teacher in settings.teachers]
    roles = {
        role: _as_engine(settings, engine, problems) for role, engine in settings.roles.items()
    }
    named = {f"teacher {number}": one for number, one in enumerate(teachers, start=1)}
    named |= {role.value: one for role, one in roles.items()}
    update = {
        "teachers": tuple(one.settings.engine for one in teachers),
        "roles": {role: one.settings.engine for role, one in roles.items()},
    }
    return replace(
        ready,
        settings=ready.settings.model_copy(update=update),
        badge="; ".join([ready.badge, *(f"{name}: {one.badge}" for name, one in named.items())]),
        lines=(
            *ready.lines,
            *(f"{name}: {line}" for name, one in named.items() for line in one.lines),
        ),
    )


def _as_engine(settings: Config, engine: EngineConfig, problems: Sequence[Problem]) -> Ready:
    return _prepared(settings.model_copy(update={"engine": engine}), problems)


def _prepared(settings: Config, problems: Sequence[Problem]) -> Ready:
    """Ask the engine's server and its replicas; one that fails is a doubt while another is well."""
    first = settings.engine.base_url
    readies: list[Ready] = []
    faults: list[EngineError] = []
    for address in (first, *settings.engine.replicas):
        engine = settings.engine.model_copy(update={"base_url": address})
        try:
            readies.append(_asked(settings.model_copy(update={"engine": engine}), problems))
        except UnknownAdapter:
            raise
        except EngineError as fault:
            faults.append(fault)
    if not readies:
        raise faults[0]
    return _joined(readies, settings.engine, [str(fault) for fault in faults])


def _joined(readies: Sequence[Ready], asked: EngineConfig, faults: Sequence[str]) -> Ready:
    """Join what replicas said: the smallest context holds, and the addresses are as they were."""
    ready = readies[0]
    if not asked.replicas:
        return ready
    from mapcoder_lite.engine.probe import named_endpoint

    contexts = [one.settings.engine.context_tokens for one in readies]
    known = {
        "base_url": asked.base_url and named_endpoint(asked.base_url).base_url,
        "replicas": tuple(named_endpoint(address).base_url for address in asked.replicas),
        "context_tokens": min((n for n in contexts if n is not None), default=None),
    }
    engine = ready.settings.engine.model_copy(update=known)
    lines = dict.fromkeys(line for one in readies for line in one.lines)
    return replace(
        ready,
        settings=ready.settings.model_copy(update={"engine": engine}),
        lines=(*lines, *faults),
    )


def say(ready: Ready, *, width: int) -> None:
    """Show the badge and every doubt."""
    terminal.say(f"{'roles':{width}}{explained(ready.badge)}")
    for line in ready.lines:
        terminal.say(f"{'server':{width}}{line}", "yellow")


def _asked(settings: Config, problems: Sequence[Problem]) -> Ready:
    """Ask one address, if the engine is a server."""
    engine = settings.engine
    if engine.kind is not EngineKind.OPENAI or engine.base_url is None or engine.model is None:
        return Ready(settings, badge(engine), other_prompts(adapter_folders(engine)))
    from mapcoder_lite.engine.backend import Stranger
    from mapcoder_lite.engine.probe import named_endpoint, probe, with_ollama_adapters

    endpoint = named_endpoint(engine.base_url, api_key(engine))
    found = probe(endpoint)
    if isinstance(found, Stranger):
        return _on_trust(_at(settings, endpoint), found, is_proxied=endpoint.is_proxied)
    lines = [f"could not be read: {fault}" for fault in found.faults]
    server = engine.server or found.server
    if server is not found.server:
        lines.append(f"engine.server={server.value}, yet it looks like {found.name}")
    _check_names(engine, found, lines)
    if server is ServerKind.OLLAMA:
        found = with_ollama_adapters(endpoint, found, tuple(role_names(engine).values()))
    filled, more = _with_context(_at(settings, endpoint), server, found, endpoint)
    _check_context(filled, problems, lines)
    by_request = server in (ServerKind.VLLM, ServerKind.SGLANG, ServerKind.LLAMA)
    return Ready(
        filled,
        badge(filled.engine, found),
        (*lines, *more),
        bool(role_names(engine)) and by_request,
    )


def tried(engine: Engine, ready: Ready) -> Ready:
    """Have the server answer tiny requests; what looks doubtful is added to lines and badge.

    Raises:
        EngineError: roles without an adapter would be answered wrongly.
    """
    if ready.settings.engine.kind is not EngineKind.OPENAI:
        return ready
    from mapcoder_lite.engine.deep import examine_prompts

    whole = examine_prompts(engine, ready.settings.engine.context_tokens)
    findings = [whole, *(_try_adapters(engine, ready) if ready.has_unproven_adapters else ())]
    doubtful = [finding for finding in findings if not finding.is_good]
    is_idle = any(f.name == "adapters" and f.is_good is False for f in doubtful)
    return replace(
        ready,
        badge=f"{ready.badge}{_IDLE}" if is_idle else ready.badge,
        lines=(*ready.lines, *(f"{finding.name}: {finding.detail}" for finding in doubtful)),
    )


def _try_adapters(engine: Engine, ready: Ready) -> "list[Finding]":
    """Have every adapter answer beside the backbone."""
    from mapcoder_lite.engine.deep import examine_adapters

    elsewhere = ready.settings.roles.keys()
    roles = role_names(ready.settings.engine).keys() - elsewhere
    if not roles:
        return []
    is_every_role = len(roles | elsewhere) == len(Role)
    findings = {
        finding.name: finding
        for finding in examine_adapters(engine, [r.value for r in Role if r in roles])
    }
    mixed = findings.get("mixed batch")
    if mixed is not None and mixed.is_good is False and not is_every_role:
        raise EngineError(
            f"{ready.settings.engine.base_url}: {mixed.detail}, and roles without one would be "
            "asked: give each role an adapter, or none (-s engine.adapters=false)"
        )
    asked = ["adapters"] if is_every_role else ["adapters", "mixed batch"]
    return [findings[name] for name in asked if name in findings]


def _at(settings: Config, endpoint: "Endpoint") -> Config:
    """Have the engine ask where the probe did: a bare address was completed by /v1."""
    engine = settings.engine.model_copy(update={"base_url": endpoint.base_url})
    return settings.model_copy(update={"engine": engine})


def _on_trust(settings: Config, found: "Stranger", *, is_proxied: bool) -> Ready:
    url = found.base_url
    if found.status is None and not is_proxied:
        raise EngineError(
            f"{url} does not answer: {found.reason}; start the server (`mapcoder serve-cmd vllm` "
            "prints how, `mapcoder backends` shows what runs here) or correct engine.base_url; "
            "`mapcoder report` needs no server"
        )
    if found.status == 401:
        raise EngineError(
            f"{url} refuses the key, or wants one ({found.reason}): name the variable that holds "
            "it in engine.api_key_env"
        )
    if found.status is not None and 300 <= found.status < 400:
        raise EngineError(
            f"{url}: {found.reason}, for prompts and key would go to whom it names: set "
            "engine.base_url to the server itself"
        )
    engine = settings.engine
    kind = engine.server or ServerKind.OPENAI
    said = (
        f"{url} does not say what it is ({found.reason}): model, adapters and context on trust, "
        f"asked as engine.server={kind.value}"
    )
    if engine.server is None:
        said += (
            ", with nothing that only vLLM, SGLang, llama-server or Ollama understand, such as "
            "top_k: set engine.server if it is one of them"
        )
    filled = settings.model_copy(update={"engine": engine.model_copy(update={"server": kind})})
    return Ready(filled, badge(engine), (said,), bool(role_names(engine)))


def _check_names(engine: EngineConfig, found: "Backend", lines: list[str]) -> None:
    model = engine.model or ""
    if found.names and found.model_named(model) is None and model not in found.names:
        said = f"{found.base_url} does not list the model {model!r}; it lists: {_listed(found)}"
        if found.server in (ServerKind.VLLM, ServerKind.OLLAMA):
            raise EngineError(f"{said}; correct engine.model")
        if found.server is not ServerKind.LLAMA:  # it has one model, and heeds no name
            lines.append(said)
    if not found.names:
        return
    for role, name in role_names(engine).items():
        if not (found.has_adapter(name) or name == model or found.model_named(name)):
            raise UnknownAdapter(
                f"{found.base_url} lists no adapter {name!r} for {role.value}; it lists: "
                f"{_listed(found)}; name them as in -s 'engine.adapters={{coding = \"NAME\"}}', or "
                "ask the bare backbone with -s engine.adapters=false"
            )


def _with_context(
    settings: Config, server: ServerKind, found: "Backend", endpoint: "Endpoint"
) -> tuple[Config, tuple[str, ...]]:
    """Fill in kind and context; the smaller one counts where two are given."""
    engine = settings.engine
    given = engine.context_tokens
    lines: tuple[str, ...] = ()
    if server is ServerKind.OLLAMA:
        context = given or _ollama_context(settings, found, endpoint)
        lines = () if given else (f"Ollama is told to load a context of {context} tokens",)
    else:
        model = found.model_named(engine.model or "")
        if model is None and len(found.models) == 1:
            model = found.models[0]
        loaded = None if model is None else model.context_tokens
        context = min((n for n in (given, loaded) if n is not None), default=None)
        if context is None:
            lines = (f"{found.name} does not say its context: engine.context_tokens is not set",)
        elif given is not None and context < given:
            lines = (f"engine.context_tokens={given}, but {context} tokens are loaded",)
    known = {"server": server, "context_tokens": context}
    return settings.model_copy(update={"engine": engine.model_copy(update=known)}), lines


def _ollama_context(settings: Config, found: "Backend", endpoint: "Endpoint") -> int:
    """Choose what Ollama is to load: it would cut the context to 4,096 tokens on small machines."""
    from mapcoder_lite.engine.probe import ollama_model

    name = settings.engine.model or ""
    shown = ollama_model(endpoint, name)
    if shown is not None and shown.baked_context_tokens is not None:
        return shown.baked_context_tokens
    wanted = _CONTEXT_REPLIES * settings.traversal.max_tokens
    limit = None if shown is None else shown.max_context_tokens
    return wanted if limit is None else min(wanted, limit)


def _check_context(settings: Config, problems: Sequence[Problem], lines: list[str]) -> None:
    engine, reply = settings.engine, settings.traversal.max_tokens
    context = engine.context_tokens
    if context is None:
        return
    if context <= reply:
        raise EngineError(
            f"{engine.base_url}: {engine.model} has a context of {context} tokens, and "
            f"traversal.max_tokens={reply} leaves none for a prompt: -s traversal.max_tokens="
            f"{max(1, context // 2)}, or more context by {_MORE_CONTEXT[engine.server]}"
        )
    requests = [_first_request(problem, settings) for problem in problems]
    unfit = [request for request in requests if least_tokens(request) + reply > context]
    if unfit:
        said = (
            f"{engine.base_url}: the first prompts of {len(unfit)} of {len(problems)} problems, of "
            f"{min(map(least_tokens, unfit))} words or more, and a reply of "
            f"traversal.max_tokens={reply} cannot fit the context of {context} tokens: lower "
            f"traversal.max_tokens, or more context by {_MORE_CONTEXT[engine.server]}"
        )
        if len(unfit) == len(problems):
            raise EngineError(said)
        lines.append(said)
    longest = max((_prompt_tokens(request) for request in requests), default=0)
    if longest + reply > context:
        lines.append(
            f"a first prompt of about {longest} tokens and a reply of {reply} may not fit the "
            f"context of {context}: lower traversal.max_tokens, or more context by "
            f"{_MORE_CONTEXT[engine.server]}"
        )


def _first_request(problem: Problem, settings: Config) -> Request:
    from mapcoder_lite.agents import prompt

    messages = prompt.retrieval(problem, settings.traversal.k)
    return Request(messages=messages, sampling=settings.traversal.sampling)


def _prompt_tokens(request: Request) -> int:
    return sum(len(message.content.encode()) for message in request.messages) // _BYTES_A_TOKEN


def _listed(found: "Backend") -> str:
    shown = ", ".join(found.names[:_LISTED])
    more = len(found.names) - _LISTED
    return f"{shown} and {more} more" if more > 0 else shown


_MORE_CONTEXT: dict[ServerKind | None, str] = {
    ServerKind.VLLM: "`--max-model-len` of vllm serve",
    ServerKind.SGLANG: "`--context-length` of sglang.launch_server",
    ServerKind.LLAMA: "`-c` of llama-server (shared by its `-np` slots)",
    ServerKind.OLLAMA: "-s engine.context_tokens=N",
    ServerKind.OPENAI: "loading the model with a longer one",
    None: "loading the model with a longer one",
}
