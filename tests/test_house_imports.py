"""The command line starts fast and without the heavy packages.

Knows: which packages are heavy, which rooms must do without them.
Does not know: what the verbs do.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence

from source_tree import PACKAGE, ROOT

HEAVY = ("torch", "transformers", "peft", "trl", "datasets", "openai", "scipy", "matplotlib")

LIGHT_ROOMS = ("cli", "runner", "pipeline", "agents", "data", "judge", "store", "config")

MAX_HELP_CPU_SECONDS = 3.0
"""Loose; an idle machine needs a fraction of a second. Wall time would measure the neighbours."""


def _python(code: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent), "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_loads_nothing_heavy() -> None:
    assert _heavy_after(["mapcoder_lite.cli"], (*HEAVY, "pydantic", "rich")) == {}


def test_the_light_rooms_load_nothing_heavy() -> None:
    modules = [module for room in LIGHT_ROOMS for module in _modules(room)]
    assert len(modules) >= len(LIGHT_ROOMS)
    assert _heavy_after(modules) == {}


def _modules(room: str) -> list[str]:
    files = [PACKAGE / f"{room}.py", *sorted((PACKAGE / room).glob("*.py"))]
    names = [
        ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for file in files
        if file.exists() and file.name != "__main__.py"
    ]
    assert names, f"no room {room}"
    return names


def _heavy_after(modules: list[str], heavy: Sequence[str] = HEAVY) -> dict[str, str]:
    """Which heavy package a fresh interpreter holds, and the module that brought it."""
    return json.loads(
        _python(
            "import importlib, json, sys\n"
            "found = {}\n"
            f"for module in {modules!r}:\n"
            "    importlib.import_module(module)\n"
            f"    for package in sys.modules.keys() & set({heavy!r}):\n"
            "        found.setdefault(package, module)\n"
            "print(json.dumps(found))"
        )
    )


def test_help_comes_at_once() -> None:
    started, before = time.perf_counter(), _children_cpu_seconds()
    text = _python(
        "import sys; sys.argv = ['mapcoder', '--help']; from mapcoder_lite.cli import main; main()"
    )
    cpu_seconds = _children_cpu_seconds() - before
    seconds = time.perf_counter() - started
    print(f"mapcoder --help: {seconds:.2f} s, {cpu_seconds:.2f} s of CPU")  # noqa: T201 - `pytest -s`
    assert "solve" in text
    assert cpu_seconds < MAX_HELP_CPU_SECONDS


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
