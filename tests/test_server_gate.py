"""The gate: statements start solves; titles, tags, greetings and follow-ups do not."""

import pytest

from mapcoder_lite.problem import Language
from mapcoder_lite.server.conversation import Conversation, own_program, run_mark
from mapcoder_lite.server.gate import Mode, decide, looks_like_problem
from served import pasted, teacher

RUN = "01M8BHGSNC98FD1T84THFC5FPA"
STATEMENT = (
    "You are given an array of n integers. Print the minimum number of moves that make all of "
    "them equal."
)
OWN_TASKS = (
    "### Task:\nGenerate a concise, 3-5 word title.\n### Chat History:\nYou are given n integers",
    'Generate 1-3 broad tags for the chat. Response must be JSON: {"tags": []}. You are given n',
    "Suggest follow-up questions as a JSON array of strings.",
    "Write a short title for this conversation.",
)
CHATTER = ("hi", "", "What is dynamic programming?", "Explain Dijkstra's algorithm to me, please.")


def said(text: str, *before: tuple[str, str]) -> Conversation:
    return Conversation.of([*before, ("user", text)])


@pytest.mark.parametrize("text", OWN_TASKS)
def test_a_front_ends_own_tasks_are_one_call(text: str):
    history = (("user", STATEMENT), ("assistant", f"done, {run_mark(RUN)}"))
    assert decide(said(text, *history)).mode is Mode.BASE


@pytest.mark.parametrize("text", CHATTER)
def test_chatter_is_one_call_and_a_follow_up_after_a_run(text: str):
    assert decide(said(text)).mode is Mode.BASE
    history = (("user", STATEMENT), ("assistant", f"done, {run_mark(RUN)}"))
    assert decide(said(text, *history)).mode is Mode.FOLLOW_UP


def test_statements_are_solved_also_after_a_run():
    history = (("user", STATEMENT), ("assistant", f"done, {run_mark(RUN)}"))
    for text in (STATEMENT, *(pasted(problem) for problem in teacher(8).problems)):
        assert decide(said(text)).mode is Mode.SOLVE, text
        assert decide(said(text, *history)).mode is Mode.SOLVE
    assert looks_like_problem("Guess it.\n\nInteraction\nPrint a query and read the answer.")


def test_the_header_overrules():
    assert decide(said("hi"), Mode.SOLVE).mode is Mode.SOLVE
    assert decide(said(STATEMENT), Mode.BASE).mode is Mode.BASE


def test_reasoning_is_taken_out_of_the_history():
    thought = f"<think>{run_mark(RUN)}\nhm</think>yes"
    folded = f'<details type="reasoning" done="true">{run_mark(RUN)}</details>no'
    found = Conversation.of([("assistant", thought), ("assistant", folded), ("user", "a")])
    assert [turn.content for turn in found.turns] == ["yes", "no", "a"]
    assert found.last_run is None


def test_ones_own_program_is_the_last_block_that_is_one():
    text = "Sum.\n```\n1 2\n```\n```python\nimport sys\nprint(1)\n```\nWhy?\n```text\nWA\n```"
    found = own_program(text)
    assert found is not None
    assert (found.program, found.language) == ("import sys\nprint(1)", Language.PYTHON)
    assert "```\n1 2\n```" in found.rest and "print" not in found.rest
    cpp = own_program("```c++\nint main() { return 0; }\n```")
    assert cpp is not None and cpp.language is Language.CPP
    assert own_program("no block at all") is None
