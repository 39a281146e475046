"""Texts that are made to take long: read in time that grows with their length, or refused by it."""

import contextlib
import time
from collections.abc import Callable

import pytest

from mapcoder_lite.data.statement import parse_statement
from mapcoder_lite.errors import InputError
from mapcoder_lite.practice.guard import Guard
from mapcoder_lite.server import problems
from mapcoder_lite.server.conversation import Conversation, own_program, problem_in
from mapcoder_lite.server.gate import decide
from mapcoder_lite.settings import ServeConfig

STATEMENTS = (
    *("\n", " ", "a\n", "/", "-", "1 ", "memory limit\n", "time limit\n", "input\n", "Input:\n"),
    *("Input" + " " * 90, "Sample 1", "Sample Input 1\n1\nSample Output 1\n1\n", "```\n", "<pre>"),
)
CHATS = (
    *("<think>", '<details type="reasoning"', "<think></details>", "</think>", "tag ", "JSON a "),
    *("write title ", "write ", "given print integers ", "chat history "),
)
PROGRAMS = ("```python\n", "```\n\n", "```", "`", "```c++ \n", "``` \n")
SHORT, TIMES = 20_000, 4


def read(text: str) -> None:
    parse_statement(text, "p")


def judge(text: str) -> None:
    decide(Conversation.of([("assistant", text), ("user", text)]))


@pytest.mark.parametrize(
    ("unit", "do"),
    [
        *((unit, read) for unit in STATEMENTS),
        *((unit, judge) for unit in CHATS),
        *((unit, own_program) for unit in PROGRAMS),
    ],
)
def test_no_text_takes_longer_than_its_length(unit: str, do: Callable[[str], object]):
    short, long = (f"Add.{unit * (size // len(unit))}x" for size in (SHORT, TIMES * SHORT))
    bound = 2 * TIMES * seconds(do, short) + 0.3  # the square of it would be 16 times as much
    # A collection of garbage may fall into one of them, hardly into all.
    assert any(seconds(do, long) < bound for _ in range(3))


def seconds(do: Callable[[str], object], text: str) -> float:
    """Return the seconds of this thread, whoever else works meanwhile."""
    started = time.thread_time()
    with contextlib.suppress(InputError):
        do(text)
    return time.thread_time() - started


def parsed(text: str) -> None:
    problems.parsed(text, ServeConfig(), Guard.WARN)


@pytest.mark.parametrize("do", [problem_in, problems.pasted, parsed])
def test_what_is_too_long_is_refused_unread(do: Callable[[str], object]):
    text = "tag\n" * 490_000
    started = time.thread_time()
    with pytest.raises(InputError, match="a text of 1960000 characters, more than the 1000000"):
        do(text)
    assert time.thread_time() - started < 0.1
    with pytest.raises(InputError, match="to /api/judge"):
        own_program(f"```\n{text}\n```")
