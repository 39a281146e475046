"""Which roles have adapters, in the few words that every run records.

Knows: roles, how names carry them, the kinds of engine.
Does not know: sockets, how adapters are applied.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from mapcoder_lite.engine.backend import Backend
from mapcoder_lite.settings import EngineConfig, EngineKind, ServerKind
from mapcoder_lite.trajectory import Role

PROMPTS_ONLY = "prompts only"


def badge(settings: EngineConfig, backend: Backend | None = None) -> str:
    """Say which roles are answered by adapters, as `4 LoRA`, or what answers instead.

    `backend` is what a server said of itself; without it, its adapters are as the settings say.
    """
    match settings.kind:
        case EngineKind.TEACHER:
            return "scripted teacher"
        case EngineKind.SUPERVISOR:
            return "scripted supervisor"
        case EngineKind.REPLAY:
            return "replay"
        case EngineKind.POCKET | EngineKind.LOCAL:
            return lora_badge(role_names(settings))
        case EngineKind.OPENAI:
            return _server_badge(role_names(settings), backend)


def lora_badge(roles: Collection[Role]) -> str:
    """Name the roles that have a LoRA adapter."""
    if not roles:
        return PROMPTS_ONLY
    if len(roles) == len(Role):
        return f"{len(Role)} LoRA"
    return f"{len(roles)} LoRA ({', '.join(role.value for role in Role if role in roles)})"


def explained(badge: str) -> str:
    """Say of a badge what it means for the numbers."""
    return f"{badge}: expect base-model accuracy" if badge == PROMPTS_ONLY else badge


def role_names(settings: EngineConfig) -> dict[Role, str]:
    """Return what each role's adapter is called; a server's are called as their roles unasked."""
    if settings.adapters is True:
        return {role: role.value for role in Role}
    return dict(settings.adapters or {})


def carried_roles(backend: Backend) -> dict[Role, str]:
    """Return the adapters of a server whose names carry a role; on Ollama they are models."""
    is_ollama = backend.server is ServerKind.OLLAMA
    names = [model.name for model in backend.models] if is_ollama else backend.adapters
    found = {role: _carrier(role, names) for role in Role}
    return {role: name for role, name in found.items() if name is not None}


def _carrier(role: Role, names: Iterable[str]) -> str | None:
    """Choose the name that holds the role as a word; of a path, the part nearest its end counts."""
    depths = {name: depth for name in names if (depth := _depth(role, name)) is not None}
    if role.value in depths:
        return role.value
    nearest = [name for name, depth in depths.items() if depth == min(depths.values())]
    # A folder that several lie in says nothing of one of them.
    is_shared = len(nearest) > 1 and depths[nearest[0]] > 0
    return nearest[0] if nearest and not is_shared else None


def _depth(role: Role, name: str) -> int | None:
    parts = reversed(PurePosixPath(name).parts)
    holding = (
        depth
        for depth, part in enumerate(parts)
        if role.value in re.split(r"[^a-z]+", part.lower())
    )
    return next(holding, None)


def _server_badge(names: Mapping[Role, str], backend: Backend | None) -> str:
    words = lora_badge(names)
    if not names:
        return words
    if backend is None:
        return f"{words}, not listed by the server"
    if not all(map(backend.has_adapter, names.values())):
        return words.replace("LoRA", "models named by role")
    return words
