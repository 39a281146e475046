"""The generated parts of results.md, and what stands above each of them.

Knows: marks, the machine, the command line.
Does not know: what is measured.
"""

import os
import platform
import shlex
import sys
import time
from pathlib import Path


def heading(title: str, script: str, load: tuple[float, ...], note: str = "") -> list[str]:
    """Return the title, the command that is running, and the machine it runs on."""
    model = next(
        line.partition(": ")[2]
        for line in [*Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines(), ": unknown"]
        if line.startswith(("model name", ":"))
    )
    loads = ", ".join(f"{one:.1f}" for one in load)
    command = shlex.join(["python", f"benchmarks/{script}", *map(shorten, sys.argv[1:])])
    return [
        f"## {title}",
        "",
        f"{time.strftime('%Y-%m-%d')}, `{command}`",
        "",
        f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, CPython "
        f"{platform.python_version()}, load before {loads}{note}.",
    ]


def shorten(word: str) -> str:
    """A path of this machine says nothing elsewhere; its last part does."""
    return Path(word).name if word.startswith("/") else word


def write(path: Path, marks: tuple[str, str], lines: list[str]) -> None:
    """Replace what stands between the marks; a file without them gets them at its end."""
    text = path.read_text(encoding="utf-8") if path.exists() else "# Results\n"
    if marks[0] not in text:
        text = f"{text.rstrip()}\n\n{marks[0]}\n{marks[1]}\n"
    before, _, rest = text.partition(marks[0])
    after = rest.partition(marks[1])[2]
    body = "\n".join(("", *lines, ""))
    path.write_text(f"{before}{marks[0]}{body}{marks[1]}{after.rstrip()}\n", encoding="utf-8")
