"""The text that the desktop's clipboard holds, by whichever tool of the desktop is there.

Knows: the tools, how each is asked.
Does not know: what the text is.
"""

import shutil
import subprocess

TOOLS = (
    ("wl-paste", "--no-newline"),
    ("xclip", "-selection", "clipboard", "-o"),
    ("xsel", "--clipboard", "--output"),
    ("pbpaste",),
)
_PATIENCE_SECONDS = 5.0


def tool() -> tuple[str, ...] | None:
    """Return the command that prints the clipboard; None where no tool is there."""
    return next((command for command in TOOLS if shutil.which(command[0])), None)


def pasted(command: tuple[str, ...]) -> str:
    """Return the clipboard's text; empty where it holds none or the tool fails."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
