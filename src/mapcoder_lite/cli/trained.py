"""Whether adapters were trained on the prompts that will be asked.

The chat template needs no question of its own: it is part of the backbone, whose digest the engine
compares itself.

Knows: where adapters lie, the record of their training, the prompts of this version.
Does not know: how prompts are rendered, servers, how adapters are applied.
"""

from collections.abc import Mapping
from pathlib import Path

from mapcoder_lite.settings import EngineConfig, EngineKind
from mapcoder_lite.trajectory import Role


def adapter_folders(engine: EngineConfig) -> dict[Role, Path]:
    """Return the folders of an engine's adapters, as far as they lie on this machine."""
    if engine.kind is EngineKind.POCKET and engine.adapters is True:
        from mapcoder_lite.pocket.world import WEIGHTS

        return {role: WEIGHTS / "adapters" / role.value for role in Role}
    is_here = engine.kind in (EngineKind.POCKET, EngineKind.LOCAL)
    if not is_here or not isinstance(engine.adapters, dict):
        return {}
    return {role: Path(folder) for role, folder in engine.adapters.items()}


def other_prompts(folders: Mapping[Role, Path]) -> tuple[str, ...]:
    """Return a line for adapters that were trained on other prompts than this version asks with.

    Raises:
        EngineError: a record of training cannot be read.
    """
    from mapcoder_lite.agents.prompt import prompts_digest
    from mapcoder_lite.engine.folders import trained_prompts

    asked = prompts_digest()
    found = {role: trained_prompts(role.value, folder) for role, folder in folders.items()}
    strange = {role: d for role, digests in found.items() for d in digests if d != asked}
    if not strange:
        return ()
    names = ", ".join(role.value for role in strange)
    return (
        f"{names}: trained on prompts of another version ({next(iter(strange.values()))[:12]}) "
        f"than are asked here ({asked[:12]}): expect worse answers and format failures; train "
        "anew, or use the version that their mapcoder.json names",
    )
