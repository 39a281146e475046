import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.data.statement import parse_statement
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Limits, Test

MARKDOWN = """# Sum of two

Add **two** numbers.

## Input

Two integers on one line.

## Output

Their sum.

## Example

### Input
```
1 2
```
### Output
```
3
```

## Example 2

**Input:**
```text
-1 1
```
**Output:**
```text
0
```
### Explanation
They cancel.
"""

CODEFORCES = """A. Watermelon
time limit per test
1 second
memory limit per test
64 megabytes
input
standard input
output
standard output

One hot summer day Pete and his friend Billy decided to buy a watermelon.

Can they divide it?

Input
The first (and the only) input line contains integer number w.

Output
Print YES or NO.

Examples
InputCopy
8
OutputCopy
YES
InputCopy
1
OutputCopy
NO
Note
For example, the boys can divide the watermelon into two parts of 2 and 6 kilos.
"""

ATCODER = """A - Weird Grid

Time Limit: 2.5 sec / Memory Limit: 1024 MiB

Problem Statement

You are given a grid.

Constraints

1 <= H <= 10

Input

The input is given from Standard Input in the following format:
H
S_1

Output

Print the answer.

Sample Input 1

2
..

.#

Sample Output 1

4

Both rows have two cells, so the answer is four.

Sample Input 2

1
#

Sample Output 2

1
"""

KATTIS = """# Hello

Say hello to everyone in the list.

CPU Time limit: 500 ms
Memory limit: 1 GB

## Input
One name a line.

## Output
A greeting a line.

## Sample Input 1
    Ann
    Bob

## Sample Output 1
    Hello Ann
    Hello Bob
"""

INLINE = """Reverse a word.

Example 1:
Input: abc
Output: cba

Example 2:
Input: x
Output: x
"""


def test_markdown_with_two_examples():
    problem = parse_statement(MARKDOWN, "sum")
    assert (problem.id, problem.title) == ("sum", "Sum of two")
    assert problem.statement == "Add **two** numbers."
    assert problem.input_spec == "Two integers on one line."
    assert problem.output_spec == "Their sum."
    assert problem.public_tests == (
        Test(input="1 2\n", outputs=("3",)),
        Test(input="-1 1\n", outputs=("0",)),
    )
    assert problem.notes == "They cancel."
    assert problem.limits == Limits()


def test_a_pasted_codeforces_page():
    problem = parse_statement(CODEFORCES, "4A")
    assert problem.limits == Limits(cpu_seconds=1.0, memory_bytes=64 * 2**20)
    assert problem.input_spec.startswith("The first (and the only)")
    assert problem.output_spec == "Print YES or NO."
    assert [t.input for t in problem.public_tests] == ["8\n", "1\n"]
    assert [t.outputs for t in problem.public_tests] == [("YES",), ("NO",)]
    assert "Watermelon" in problem.title + problem.statement
    assert "standard input" not in problem.statement
    assert problem.notes.startswith("For example, the boys")


def test_a_pasted_atcoder_page_keeps_blank_lines_and_moves_prose_to_the_notes():
    problem = parse_statement(ATCODER, "abc")
    assert problem.title == "A - Weird Grid"
    assert problem.limits == Limits(cpu_seconds=2.5, memory_bytes=1024 * 2**20)
    assert "1 <= H <= 10" in problem.statement
    assert problem.public_tests[0] == Test(input="2\n..\n\n.#\n", outputs=("4",))
    assert problem.public_tests[1] == Test(input="1\n#\n", outputs=("1",))
    assert "the answer is four" in problem.notes


def test_a_kattis_like_page_with_indented_samples():
    problem = parse_statement(KATTIS, "hello")
    assert problem.limits == Limits(cpu_seconds=0.5, memory_bytes=2**30)
    assert problem.public_tests == (Test(input="Ann\nBob\n", outputs=("Hello Ann\nHello Bob",)),)


def test_examples_on_one_line():
    problem = parse_statement(INLINE, "rev")
    assert problem.statement == "Reverse a word."
    assert [(t.input, t.outputs[0]) for t in problem.public_tests] == [
        ("abc\n", "cba"),
        ("x\n", "x"),
    ]


def test_input_and_output_twice_without_the_word_example():
    text = "Add.\n\nInput\nTwo numbers\n\nOutput\nA sum\n\nInput\n1 2\n\nOutput\n3\n"
    problem = parse_statement(text, "x")
    assert problem.input_spec == "Two numbers"
    assert problem.public_tests == (Test(input="1 2\n", outputs=("3",)),)


def test_a_statement_without_samples_has_no_public_tests():
    problem = parse_statement("Print the n-th prime.\n\n## Input\nn\n\n## Output\nA prime.\n", "p")
    assert problem.public_tests == ()
    assert problem.output_spec == "A prime."


def test_headings_inside_a_fence_are_content():
    text = "Echo.\n\n## Example\n### Input\n```\nOutput\nInput\n```\n### Output\n```\nInput\n```\n"
    assert parse_statement(text, "x").public_tests == (
        Test(input="Output\nInput\n", outputs=("Input",)),
    )


FLUSH = "do not forget to output the end of line and flush the output.\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("## Input\nn\n\n## Output\nm\n", "no statement found"),
        ("Time limit: 7200 seconds\n\nAdd.\n", "cpu_seconds of 7200: Input should be less"),
        ("Add.\n\n## Example\n### Input\n1\n", "1 sample inputs but 0 sample outputs"),
        ("Time limit: 0.0 s\n\nAdd.\n", "a limit of 0"),
        ("Guess.\n\n## Interaction\nAsk.\n", "interactive"),
        ("Guess.\n\nThis is an interactive problem.\n\n## Output\nIt.\n", "interactive"),
        ("Guess.\n\n## Output\nThis task is interactive.\n", "interactive"),
        (f'Guess.\n\n## Output\nPrint "? x" and x.\n\n{FLUSH}', "interactive"),
        (f"Guess.\n\nAfter printing a query {FLUSH}", "interactive"),
        (f"memory limit per test: {'9' * 400} megabytes\n\nAdd.\n", "limit of 400 digits"),
        (f"time limit per test: {'9' * 400} seconds\n\nAdd.\n", "cpu_seconds of inf"),
    ],
)
def test_what_cannot_be_understood_is_said(text: str, words: str):
    with pytest.raises(InputError, match=words):
        parse_statement(text, "x")


_LINE = st.text(string.ascii_lowercase + string.digits + " .#-", min_size=1, max_size=20).map(
    str.strip
)
_BLOCK = st.lists(_LINE.filter(bool), min_size=1, max_size=4).map("\n".join)


@pytest.mark.parametrize(
    "text",
    [
        "Lena holds a flush. How many hands beat it?",
        f"Print the sum. {FLUSH}",
        "Answer q queries. After each query you may flush the output.",
        "Players make queries of a table. Use fast output: do not flush the output.",
        "Find the interactive museum that the tourists make queries about.",
        "Echo.\n\n## Example\n### Input\nThis is an interactive problem\n### Output\nx\n",
    ],
)
def test_a_story_of_queries_or_flushes_is_no_interactive_problem(text: str):
    assert parse_statement(text, "x").statement


@settings(max_examples=100)
@given(samples=st.lists(st.tuples(_BLOCK, _BLOCK), max_size=4))
def test_every_fenced_sample_comes_back_as_written(samples: list[tuple[str, str]]):
    blocks = [
        f"### Sample Input {n}\n```\n{a}\n```\n\n### Sample Output {n}\n```\n{b}\n```\n"
        for n, (a, b) in enumerate(samples, start=1)
    ]
    problem = parse_statement(
        "# T\n\nDo it.\n\n## Input\nx\n\n## Output\ny\n\n" + "".join(blocks), "t"
    )
    assert [(t.input, t.outputs[0]) for t in problem.public_tests] == [
        (a + "\n", b) for a, b in samples
    ]


@settings(max_examples=200)
@given(text=st.text(max_size=200))
def test_any_text_is_a_problem_or_one_clear_line(text: str):
    try:
        assert parse_statement(text, "x").statement.strip()
    except InputError as error:
        assert "\n" not in str(error)
