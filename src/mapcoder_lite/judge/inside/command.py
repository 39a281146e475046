"""A command that is executed once per input: a compiled program, another language's, a compiler.

Runs inside the sandbox: standard library only, Python >= 3.9.

Knows: what an executable finds when it starts.
Does not know: limits, inputs, outputs, the host.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Any

IMAGE_FD = 4  # in the child, above its three streams and the descriptor that says it is ready


class Command:
    """An executable held open, and how it is started."""

    def __init__(
        self,
        fields: dict[str, Any],  # parsed JSON
        image: int | None,
        ruleset: int,
    ) -> None:
        self.ruleset = ruleset
        self.arguments: list[str] = fields["arguments"]
        self.environment: dict[str, str] = fields["environment"]
        self.folder: str = fields["folder"]
        self.is_compiler: bool = fields["is_compiler"]
        path = self.arguments[0]
        self.image = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if image is None else image

    def hold(self, fd: int) -> None:
        """Hold the executable open under a number."""
        if self.image != fd:
            os.dup2(self.image, fd, inheritable=False)
            os.close(self.image)
            self.image = fd

    def prepare(self) -> None:
        """Enter the folder; a compiler leads a group of its own, which is ended with it."""
        os.chdir(self.folder)
        if self.is_compiler:
            os.setsid()
        # Python ignores these, and what is ignored stays so across exec
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)

    def execute(self) -> None:
        """Become the executable."""
        target = self.arguments[0] if self.is_compiler else IMAGE_FD
        os.execve(target, self.arguments, self.environment)

    def end_group(self, pid: int) -> None:
        """End what a compiler left running."""
        if self.is_compiler:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
