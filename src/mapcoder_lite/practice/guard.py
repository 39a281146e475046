"""Contests: which problems are of one, and what is said or refused before a model helps.

Whether a contest is running cannot be known here: no clock and no file tells it. So the guard never
says that help is allowed. It says what the address of a problem shows, and which rule it knows.

Source: AtCoder Rules against Generative AI, version 20241206
(https://info.atcoder.jp/entry/llm-rules-en): banned in a running ABC or ARC Div. 2, free on past
problems.

Knows: addresses of contests, AtCoder's rule.
Does not know: what a model is asked, the time.
"""

import re
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mapcoder_lite.errors import ContestError

if TYPE_CHECKING:
    from mapcoder_lite.problem import Problem

_ATCODER_RULED = re.compile(r"/contests/((?:abc|arc)\d+)(?:/|$)")
_ADDRESS_LINE = re.compile(r"[#<\s]*(https?://\S+?)>?\s*", re.IGNORECASE)  # alone on its line
_HOST = re.compile(r"[a-z0-9.-]{1,253}")  # it is quoted in what is said
_CONTEST = re.compile(r"/(?:contests?|gym|challenges?|competitions?)/([\w.-]{1,80})")
_PRACTICE = re.compile(r"/(?:problemset|practice)/")


class Guard(StrEnum):
    """What is done before a model helps with a contest's problem."""

    WARN = "warn"
    BLOCK = "block"
    OFF = "off"


def warning(url: str | None) -> str | None:
    """Return what is to be said of a problem's address; None where nothing shows a contest."""
    try:
        parts = urlsplit(url or "")
        host, path = (parts.hostname or "").removeprefix("www."), parts.path.lower()
    except ValueError:
        return None
    if not _HOST.fullmatch(host):
        return None
    if host == "atcoder.jp" and (found := _ATCODER_RULED.search(path)):
        return (
            f"{found[1]} is of AtCoder: in a running ABC or ARC Div. 2 generative AI is banned "
            "(info.atcoder.jp/entry/llm-rules-en, version 20241206); past problems may be "
            "practised with it. Whether it runs now cannot be known here: if it does, stop"
        )
    if not _PRACTICE.search(path) and (found := _CONTEST.search(path)):
        return (
            f"this problem is of contest {found[1]} at {host}: if it is running, its rules decide "
            "whether a model may help. Neither is known here: read them first"
        )
    return None


def warning_of(problem: "Problem") -> str | None:
    """Return what is to be said of a problem: by its address, or by one pasted above its text."""
    if problem.source.url is not None:
        return warning(problem.source.url)
    lines = f"{problem.title}\n{problem.statement}".splitlines()
    addresses = (found[1] for line in lines if (found := _ADDRESS_LINE.fullmatch(line)))
    return next((said for address in addresses if (said := warning(address))), None)


def heed(problem: "Problem", guard: Guard) -> str | None:
    """Return what is to be said before a model helps with a problem.

    Raises:
        ContestError: it is of a contest, and the guard blocks.
    """
    said = None if guard is Guard.OFF else warning_of(problem)
    if said is not None and guard is Guard.BLOCK:
        raise ContestError(f"{said}; no model was asked (--guard warn asks one all the same)")
    return said
