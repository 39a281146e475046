"""Which toolchains are on this machine, in their own words.

Knows: how a tool is asked for its version.
Does not know: what the toolchains are for, programs, the sandbox.
"""

import subprocess

from mapcoder_lite.judge.languages import TOOL_PATH, Toolchain, find_tool

ASK_SECONDS = 30.0
QUESTIONS = {"go": "version", "kotlinc": "-version"}
"""What other tools than these are asked is --version."""


def version_line(toolchain: Toolchain) -> str:
    """Return the line in which a language's first tool names its version; empty if it has none."""
    tool = next(iter(toolchain.tools), None)
    path = find_tool(tool) if tool else None
    if tool is None or path is None:
        return ""
    try:
        done = subprocess.run(
            [path, QUESTIONS.get(tool, "--version")],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASK_SECONDS,
            stdin=subprocess.DEVNULL,
            env={"PATH": TOOL_PATH, "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"{path} does not say its version: {error}"
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    return next((line for line in lines if is_version(line)), f"{path}, version unknown")


def is_version(line: str) -> bool:
    """Whether a line says a version, and is no warning of a start-up script."""
    return any(c.isdigit() for c in line) and "warning" not in line.lower()
