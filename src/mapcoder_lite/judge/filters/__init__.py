"""The seccomp programs that every judged program runs under, one pair per machine type.

Knows: which files hold them and their digest.
Does not know: how they are loaded. `generate.py` beside this file makes them.
"""

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

from mapcoder_lite.errors import SandboxError

FOLDER = Path(__file__).parent
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Filters:
    """Two BPF programs: for interpreted programs, and for compiled ones that exec once."""

    strict: bytes
    exec: bytes

    @property
    def sha256(self) -> str:
        """Hex digest of both, as the manifest records it."""
        return hashlib.sha256(self.strict + self.exec).hexdigest()


def load_filters(machine: str | None = None) -> Filters:
    """Read the filters of this machine type.

    Raises:
        SandboxError: none is shipped for it, or a file is missing.
    """
    machine = machine or platform.machine()
    name = MACHINES.get(machine.lower())
    if name is None:
        known = ", ".join(sorted(set(MACHINES.values())))
        raise SandboxError(
            f"no seccomp filter is shipped for {machine!r}; there is one for: {known}"
        )
    try:
        strict = (FOLDER / f"strict.{name}.bpf").read_bytes()
        exec_ = (FOLDER / f"exec.{name}.bpf").read_bytes()
    except OSError as error:
        raise SandboxError(
            f"cannot read a seccomp filter: {error}; reinstall the package"
        ) from error
    return Filters(strict, exec_)
