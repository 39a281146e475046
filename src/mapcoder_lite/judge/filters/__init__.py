"""The seccomp programs that every judged program runs under, three per machine type.

Knows: which files hold them and their digest.
Does not know: how they are loaded. `generate.py` beside this file makes them.
"""

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from mapcoder_lite.errors import SandboxError

FilterName = Literal["strict", "exec", "compile"]
FILTER_NAMES: tuple[FilterName, ...] = get_args(FilterName)
FOLDER = Path(__file__).parent
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Filters:
    """BPF programs: for Python programs, for commands that are executed once, for compilers."""

    strict: bytes
    exec: bytes
    compile: bytes

    def named(self, name: FilterName) -> bytes:
        """Return the filter of a name."""
        return {"strict": self.strict, "exec": self.exec, "compile": self.compile}[name]

    @property
    def sha256(self) -> str:
        """Hex digest of all, as the manifest records it."""
        return hashlib.sha256(self.strict + self.exec + self.compile).hexdigest()


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
        strict, exec_, compile_ = (
            (FOLDER / f"{kind}.{name}.bpf").read_bytes() for kind in FILTER_NAMES
        )
    except OSError as error:
        raise SandboxError(
            f"cannot read a seccomp filter: {error}; reinstall the package"
        ) from error
    return Filters(strict, exec_, compile_)
