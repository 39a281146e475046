"""Whether a worker is truly kept in, by what it says of itself before anything runs in it.

Knows: tiers, Landlock's answers, the canary's report.
Does not know: how a worker is started, what it runs.
"""

import os

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.sandbox import Launch
from mapcoder_lite.verdict import Isolation


def trusted_isolation(
    launch: Launch, landlock_abi: int, uid: int, canary: dict[str, str]
) -> Isolation:
    """Return how a worker is kept in, if it truly is.

    Raises:
        SandboxError: it runs as root, lacks Landlock in tier 2, or its canary escaped.
    """
    if launch.tier == "none":
        return Isolation(tier="none")
    if uid == 0:
        raise SandboxError("a worker runs as root; refused")
    if launch.tier == "landlock" and landlock_abi < 1:
        name = os.strerror(-landlock_abi)
        raise SandboxError(f"Landlock: {name} (errno {-landlock_abi}); it needs Linux >= 5.13")
    found = " ".join(f"{attempt}={met}" for attempt, met in canary.items())
    if not canary or any(met.startswith("OPEN") for met in canary.values()):
        raise SandboxError(f"the escape canary got out: {found or 'no report'}; refused")
    return Isolation(
        tier=launch.tier,
        landlock_abi=max(landlock_abi, 0),
        filter_sha256=launch.filter_sha256,
        canary=found,
    )
