"""What must not leave the machine in a file that is passed around: keys, names of home folders.

Knows: how keys of common services look, how home folders are written.
Does not know: files, records.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any, cast

_KEYS = re.compile(
    r"""
    \b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}             # OpenAI, Anthropic, DeepSeek and those like them
    | \bhf_[A-Za-z0-9]{20,}                       # Hugging Face
    | \bgh[pousr]_[A-Za-z0-9]{20,}                # GitHub
    | \bgithub_pat_[A-Za-z0-9_]{20,}
    | \bglpat-[A-Za-z0-9_-]{16,}                  # GitLab
    | \bxox[abprs]-[A-Za-z0-9-]{10,}              # Slack
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b               # Amazon
    | \bAIza[A-Za-z0-9_-]{30,}                    # Google
    | (?<=\bBearer\ )[A-Za-z0-9._~+/-]{16,}=*
    | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)             # user and password of an address
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?-----END\ [A-Z ]*PRIVATE\ KEY-----
    """,
    re.VERBOSE | re.DOTALL,
)
_HOMES = re.compile(
    r"(?:(?<![\w<./])|(?<=file://))/(?:home|Users)/[\w.-]+|\b[A-Za-z]:\\Users\\[\w.-]+"
)
HIDDEN = "[redacted]"


def redacted(text: str) -> str:
    """Return a text in which keys are replaced and home folders are called `~`."""
    shown = _HOMES.sub("~", _KEYS.sub(HIDDEN, text))
    return _own_home().sub("~", shown)


def redacted_within(value: Any) -> Any:  # Any: JSON
    """Return JSON with every text in it redacted, the names of fields left."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, list | tuple):
        return [redacted_within(one) for one in cast(list[Any], value)]
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        return {name: redacted_within(one) for name, one in fields.items()}
    return value


@cache
def _own_home() -> re.Pattern[str]:
    """The home folder of whoever writes the page, wherever it lies."""
    home = str(Path.home()).rstrip("/")
    return re.compile(rf"(?<![\w<./]){re.escape(home)}(?![\w.-])") if home else re.compile("(?!)")
