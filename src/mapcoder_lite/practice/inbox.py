"""Received problems as files: names, what is written at once and what may not be overwritten.

A problem is on disk before its sender hears that it came, so that none is lost with the listener.

Knows: file names, a folder, the queue of what came.
Does not know: HTTP, statements, models.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import Queue
from threading import Lock
from typing import Any, cast  # the problem as it was sent
from urllib.parse import urlsplit

from mapcoder_lite.data.companion import is_companion, parse_companion
from mapcoder_lite.data.wording import identifier
from mapcoder_lite.errors import InputError
from mapcoder_lite.jsonl import write_text
from mapcoder_lite.practice.receiver import Refusal
from mapcoder_lite.problem import Problem

MAX_WAITING = 64
MAX_STEM_CHARACTERS = 80
_CODEFORCES = re.compile(r"/(?:contest|gym|problemset/problem)/(\d+)/(?:problem/)?(\w+)/?$")
_ATCODER = re.compile(r"/tasks/(\w+)/?$")


@dataclass(frozen=True, slots=True)
class Received:
    """A problem that came, and its file."""

    path: Path
    problem: Problem
    """Its statement is its name: the extension sends none."""


class Inbox:
    """Writes what comes into a folder and lines it up; safe to call from many threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._queue: Queue[Received] = Queue(MAX_WAITING)
        self._lock = Lock()  # two may come at once under one name

    @property
    def num_waiting(self) -> int:
        """How many problems nobody has taken yet."""
        return self._queue.qsize()

    def accept(self, fields: dict[str, Any]) -> str:
        """Store a problem as it was sent and return the name of its file.

        Raises:
            InputError: it is no problem, or one that cannot be judged.
            Refusal: too many wait.
            OSError: it could not be written.
        """
        if not is_companion(fields):
            raise InputError(
                "expected a problem of Competitive Companion, an object with name, tests, "
                "timeLimit and memoryLimit"
            )
        problem = parse_companion(fields)
        with self._lock:
            if self._queue.full():
                raise Refusal(503, f"{MAX_WAITING} problems wait already; answer them first")
            path = _place(self._folder, problem)
            write_text(path, json.dumps(fields, indent=2, ensure_ascii=False) + "\n")
            self._queue.put_nowait(Received(path, problem))  # nobody else puts
        return path.name

    def take(self) -> Received:
        """Return the problem that has waited longest; wait for one if there is none."""
        return self._queue.get()


def stem_of(problem: Problem) -> str:
    """Return the name of a problem's files: 954G, abc300_a, or what it is called."""
    try:
        path = urlsplit(problem.source.url or "").path
    except ValueError:
        path = ""
    if found := _CODEFORCES.search(path):
        return f"{found[1]}{found[2]}"
    if found := _ATCODER.search(path):
        return found[1][:MAX_STEM_CHARACTERS]
    return identifier(problem.title)[:MAX_STEM_CHARACTERS].strip("-.") or "problem"


def free_place(path: Path) -> Path:
    """Return the path, numbered if there is such a file already."""
    return next(place for place in _numbered(path) if not place.exists())


def _place(folder: Path, problem: Problem) -> Path:
    """Return the file of a problem: the one that it has if it came before, else a free one."""
    wanted = folder / f"{stem_of(problem)}.json"
    return next(
        place
        for place in _numbered(wanted)
        if not place.exists() or _url(place) == problem.source.url
    )


def _url(path: Path) -> str | None:
    """Return the address of a received problem; an empty text, which no problem has, else."""
    try:
        fields: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""
    url = cast(dict[str, object], fields).get("url") if isinstance(fields, dict) else ""
    return url if isinstance(url, str) and url else ""


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
