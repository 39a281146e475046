"""Each side effect has one door; whoever needs it goes through that room.

Knows: which names of the standard library and of packages have which effect, and where they may be.
Does not know: what the rooms do with them.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from source_tree import PACKAGE, name_of, names_used, sources, tree


@dataclass(frozen=True, slots=True)
class Door:
    """An effect: the names that have it, the rooms or files that may use them."""

    names: tuple[str, ...]
    """Full dotted names; a name covers all below it."""
    open_to: tuple[str, ...]
    """Folders (`judge/`) or files, relative to the package."""
    exceptions: dict[str, str]
    """Single files outside, each with its reason."""


DOORS = {
    "processes": Door(
        names=(
            "subprocess",
            "multiprocessing",
            "torch.multiprocessing",
            "pty",
            "concurrent.futures.ProcessPoolExecutor",
            "os.fork",
            "os.forkpty",
            "os.system",
            "os.popen",
            *(f"os.spawn{end}" for end in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
            *(f"os.exec{end}" for end in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
            "os.posix_spawn",
            "os.posix_spawnp",
            "os.kill",
            "os.killpg",
        ),
        open_to=("judge/",),
        exceptions={
            "pocket/backbone.py": "trains the backbone on every core",
            "cli/clipboard.py": "asks the desktop's own tool for the clipboard, when told to",
        },
    ),
    "sockets": Door(
        names=(
            "socket",
            "ssl",
            "http",
            "urllib.request",
            "ftplib",
            "smtplib",
            "xmlrpc",
            "openai",
            "httpx",
            "httpx2",
            "httpcore",
            "requests",
            "aiohttp",
            "websockets",
            "huggingface_hub",
        ),
        open_to=("engine/connection.py", "engine/openai.py", "engine/probe.py"),
        exceptions={
            "practice/receiver.py": "listens on the loopback for the browser's extension; asks "
            "only its own port, whether another listener has it",
            "publication/hub.py": "uploads what the user publishes, when told to",
            "server/listening.py": "binds the address of `mapcoder serve`",
            "server/faults.py": "the names of HTTP's statuses; no socket",
            "judge/descriptors.py": "a socket pair between two processes of the sandbox",
            "judge/zygote.py": "a socket pair to the worker; nothing leaves the machine",
            "judge/inside/worker.py": "the worker's end of that pair",
            "judge/inside/template.py": "a template's end of a pair of its own",
            "judge/inside/kernel.py": "the canary proves that a socket cannot be had",
        },
    ),
    "models": Door(
        names=(
            "torch",
            "transformers",
            "tokenizers",
            "safetensors",
            "peft",
            "trl",
            "accelerate",
            "datasets",
            "llguidance",
        ),
        open_to=(
            "engine/constraint.py",
            "engine/local.py",
            "engine/cache.py",
            "engine/decode.py",
            "engine/layout.py",
            "engine/lora.py",
            "engine/prefill.py",
            "engine/sampling.py",
            "engine/threads.py",
            "training/",
            "pocket/",
        ),
        exceptions={"curation/lengths.py": "a tokenizer counts; nothing is computed"},
    ),
    "service": Door(
        names=("fastapi", "starlette", "uvicorn", "sse_starlette", "mcp", "mcp_types"),
        open_to=("server/",),
        exceptions={},
    ),
    "machines": Door(names=("ray",), open_to=("cluster/",), exceptions={}),
    "environment": Door(
        names=("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.unsetenv"),
        open_to=("config.py",),
        exceptions={
            "judge/inside/program.py": "clears what the judged program would see, reads nothing"
        },
    ),
    "terminal": Door(
        names=("print", "input", "sys.stdout", "sys.__stdout__", "sys.stdin", "rich", "typer"),
        open_to=("cli/",),
        exceptions={
            "judge/inside/program.py": "the judged program's own streams, inside the sandbox"
        },
    ),
}


def breaches(door: Door, module: ast.Module) -> Iterator[tuple[str, int]]:
    """The names of one file that belong to a door."""
    for name, line in names_used(module):
        if any(name == known or name.startswith(f"{known}.") for known in door.names):
            yield name, line


def is_open(door: Door, file: str) -> bool:
    return any(
        file == place or (place[-1] == "/" and file.startswith(place)) for place in door.open_to
    )


@pytest.mark.parametrize("effect", DOORS)
def test_an_effect_has_one_door(effect: str) -> None:
    door = DOORS[effect]
    outside = [
        f"{name_of(path)}:{line} uses {name}"
        for path in sources()
        if not is_open(door, name_of(path)) and name_of(path) not in door.exceptions
        for name, line in breaches(door, tree(path))
    ]
    assert not outside, f"belongs to {', '.join(door.open_to)}:\n" + "\n".join(outside)


@pytest.mark.parametrize(
    ("effect", "file"),
    [(effect, file) for effect, door in DOORS.items() for file in door.exceptions],
)
def test_an_exception_is_still_needed(effect: str, file: str) -> None:
    path: Path = PACKAGE / file
    assert path.exists(), f"{file} is gone: take it out of the exceptions"
    assert list(breaches(DOORS[effect], tree(path))), f"{file} keeps to the rule: take it out"


@pytest.mark.parametrize(
    ("effect", "code"),
    [
        ("processes", "import subprocess"),
        ("processes", "from subprocess import run"),
        ("processes", "import os as o\no.execvp('ls', ['ls'])"),
        ("processes", "from os import fork\nfork()"),
        ("sockets", "import urllib.request"),
        ("sockets", "from urllib import request"),
        ("sockets", "def f():\n    import openai"),
        ("models", "from torch.nn import functional"),
        ("models", "import importlib\nimportlib.import_module('torch')"),
        ("models", "from importlib import import_module\nimport_module('torch.nn')"),
        ("models", "__import__('torch')"),
        ("environment", "import os\nos.environ['A']"),
        ("environment", "from os import environ\nenviron.get('A')"),
        ("terminal", "print(1)"),
        ("terminal", "import sys\nsys.stdout.write('a')"),
        ("terminal", "from sys import stdout\nstdout.write('a')"),
    ],
)
def test_a_breach_is_seen(effect: str, code: str) -> None:
    assert list(breaches(DOORS[effect], ast.parse(code)))


@pytest.mark.parametrize(
    ("effect", "code"),
    [
        ("processes", "import os\nos.replace('a', 'b')"),
        ("sockets", "from urllib.parse import urlsplit"),
        ("sockets", "requests = {}\nrequests.items()"),
        ("models", "from mapcoder_lite import training"),
        ("environment", "import os\nos.path.join('a')"),
        ("terminal", "input = 1\nf(input)"),
        ("terminal", "self.print(1)\nprogram = 'print(1)'"),
    ],
)
def test_innocent_code_passes(effect: str, code: str) -> None:
    assert not list(breaches(DOORS[effect], ast.parse(code)))
