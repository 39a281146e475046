"""Where the sandboxed interpreter finds numpy, and which programs want it.

Knows: folders of packages, which of them the sandbox's user can import numpy from.
Does not know: workers, tests, verdicts.
"""

import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from mapcoder_lite.judge.sandbox import ENVIRONMENT, Interpreter, identity

NAME = re.compile(r"\bnumpy\b")
NUMPY_ADDRESS_SPACE_BYTES = 2 << 30
"""Numerical libraries reserve far more address space than they touch."""


def wants_numpy(program: str) -> bool:
    """Whether a program names numpy; one that does so in vain is only judged in a larger worker."""
    return NAME.search(program) is not None


@cache
def numpy_folder(interpreter: Interpreter, user: int | None) -> str | None:
    """Return the folder of packages that has a numpy for this interpreter; None where none has."""
    return next((name for name in _folders(interpreter) if _has(name, interpreter, user)), None)


def _folders(interpreter: Interpreter) -> list[str]:
    version = f"python{interpreter.version[0]}.{interpreter.version[1]}"
    system = ("/usr/lib/python3/dist-packages", f"/usr/local/lib/{version}/dist-packages")
    folders = [*system, f"{interpreter.prefix}/lib/{version}/site-packages"]
    found = importlib.util.find_spec("numpy")
    if found and found.origin and sys.version_info[:2] == interpreter.version:
        folders.append(str(Path(found.origin).parents[1]))
    return folders


def _has(folder: str, interpreter: Interpreter, user: int | None) -> bool:
    code = f"import sys; sys.path.append({folder!r}); import numpy"
    try:
        done = subprocess.run(
            [interpreter.path, *interpreter.flags, "-c", code],
            capture_output=True,
            timeout=60,
            cwd="/",
            env=ENVIRONMENT,
            **identity(user),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
