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


MENTIONING = (
    "# JSON store\nA JSON object and q queries. Print the value of each key.",
    "# Emoji categories\nEach message of a chat has a title. Write a program that prints the title "
    "of the longest message of the chat.",
)
SAMPLES = "## Input\nn\n## Output\nm\n## Example\nInput\n```\n1\n```\nOutput\n```\n1\n```\n"


@pytest.mark.parametrize("text", MENTIONING)
def test_a_statement_with_samples_may_speak_of_titles_and_json(text: str):
    found = decide(said(f"{text}\n{SAMPLES}"))
    assert found.mode is Mode.SOLVE
    assert found.problem is not None and len(found.problem.public_tests) == 1


@pytest.mark.parametrize("mark", ["<chat_history>", "Conversation:", "USER:"])
def test_a_title_is_wanted_also_of_a_chat_about_samples(mark: str):
    text = f"Write a short title for this conversation.\n\n{mark} {STATEMENT}\n{SAMPLES}"
    assert decide(said(text)).mode is Mode.BASE


def test_the_header_overrules():
    assert decide(said("hi"), Mode.SOLVE).mode is Mode.SOLVE
    assert decide(said(STATEMENT), Mode.BASE).mode is Mode.BASE


def test_reasoning_is_taken_out_of_the_history():
    thought = f"<think>{run_mark(RUN)}\nhm</think>yes"
    folded = f'<details type="reasoning" done="true">{run_mark(RUN)}</details>no'
    found = Conversation.of([("assistant", thought), ("assistant", folded), ("user", "a")])
    assert [turn.content for turn in found.turns] == ["yes", "no", "a"]
    assert found.last_run is None


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("a<think>b<think>c</think>d", "ad"),
        ("<think>a</details>b</think>c", "c"),
        ("<THINK>a</Think>b<think>c", "b<think>c"),
        ('<think>a<details type="reasoning">b</details>c', "<think>ac"),
        ("</think>a<details>b</details>", "</think>a<details>b</details>"),
    ],
)
def test_reasoning_ends_where_its_mark_is_closed(text: str, spoken: str):
    assert Conversation.of([("assistant", text)]).turns[0].content == spoken


def test_ones_own_program_is_the_last_block_that_is_one():
    text = "Sum.\n```\n1 2\n```\n```python\nimport sys\nprint(1)\n```\nWhy?\n```text\nWA\n```"
    found = own_program(text)
    assert found is not None
    assert (found.program, found.language) == ("import sys\nprint(1)", Language.PYTHON)
    assert "```\n1 2\n```" in found.rest and "print" not in found.rest
    cpp = own_program("```c++\nint main() { return 0; }\n```")
    assert cpp is not None and cpp.language is Language.CPP
    assert own_program("no block at all") is None
    assert own_program("```python\nprint(1)\n") is None
