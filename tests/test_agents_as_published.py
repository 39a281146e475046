"""Replies read as MapCoder's released code reads them, faults included."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.agents import as_published, parse
from mapcoder_lite.errors import FormatError
from mapcoder_lite.trajectory import Completion, Exemplar, Recall

READERS: list[Callable[[Completion], object]] = [
    as_published.recall,
    as_published.confidence_text,
    as_published.plan,
    as_published.program,
    as_published.fix,
    lambda completion: as_published.confidence(completion.text),
]
PLAIN = st.text(st.sampled_from("ab 1\n"), min_size=1).filter(lambda text: text.strip() == text)
TAGS = ["root", "problem", "description", "code", "planning", "algorithm", "confidence"]
PIECES = st.sampled_from(
    [
        *(f"<{slash}{tag}>" for tag in TAGS for slash in ("", "/")),
        *("9", "<![CDATA[", "]]>", "```", "```xml", "```python", "```c", "pp", "&", "\0"),
    ]
)


def reply(text: str) -> Completion:
    return Completion(text=text, finish_reason="stop")


def failure(read: Callable[[Completion], object], text: str) -> str:
    with pytest.raises(FormatError) as raised:
        read(reply(text))
    return raised.value.kind


@settings(max_examples=50, deadline=None)
@given(st.lists(PIECES | st.text(max_size=3), max_size=25).map("".join))
def test_nothing_but_a_format_failure_comes_out(text: str):
    for read in READERS:
        try:
            assert read(reply(text)) is not None
        except FormatError as error:
            assert error.kind


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(PLAIN, PLAIN), min_size=2, max_size=4), PLAIN)
def test_what_is_well_formed_is_read_as_ours_reads_it(problems: list[tuple[str, str]], name: str):
    exemplars = tuple(Exemplar(description=d, planning=p) for d, p in problems)
    text = parse.render_recall(Recall(exemplars=exemplars, algorithm=name))
    assert as_published.recall(reply(text)) == parse.recall(reply(text))
    fenced = f"```xml\n{text}\n```"
    assert as_published.recall(reply(fenced)) == parse.recall(reply(fenced))


def problem(inside: str) -> str:
    return f"<problem><description>d</description><planning>{inside}</planning></problem>"


def recalled(*problems: str) -> str:
    return f"<root>{''.join(problems)}<algorithm>sums</algorithm></root>"


def test_cdata_saves_a_less_than_and_fails_where_one_leaf_has_it_already():
    bare = recalled(problem("a < b"), problem("c"))
    assert as_published.recall(reply(bare)).exemplars[0].planning == "a < b"
    half = recalled(problem("<![CDATA[a < b]]>"), problem("c < d"))
    assert failure(as_published.recall, half) == "bad_xml"
    ended = recalled(problem("a[b[0]]>1"), problem("c"))
    assert failure(as_published.recall, ended) == "bad_xml"


def test_what_the_released_code_raises_on_is_a_failure_of_its_kind():
    one = problem("p")
    assert failure(as_published.recall, recalled(one)) == "one_exemplar"
    assert failure(as_published.recall, recalled()) == "no_exemplar"
    lacking = "<problem><description>d</description></problem>"
    assert failure(as_published.recall, recalled(one, lacking)) == "bad_exemplar"
    assert failure(as_published.recall, f"<root>{one}{one}</root>") == "no_algorithm"
    assert failure(as_published.confidence_text, "<confidence>9") == "bad_xml"
    alone = "<confidence>9</confidence>"
    assert failure(as_published.confidence_text, alone) == "bad_confidence"  # taken for the root
    assert as_published.confidence_text(reply(f"<explanation/>{alone}")) == "9"  # a root is put


@pytest.mark.parametrize(("text", "value"), [("85", 85), (" 850\n", 850), ("-1", -1)])
def test_a_confidence_is_any_whole_number(text: str, value: int):
    assert as_published.confidence(text) == value


@pytest.mark.parametrize("text", ["85%", "0.85", "High", "", "9" * 5000])
def test_a_confidence_is_nothing_else(text: str):
    with pytest.raises(FormatError):
        as_published.confidence(text)


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("print(1)", "print(1)"),
        ("I cannot.", "I cannot."),
        ("```python\nprint(1)\n```\n```python\n5 3\n```", "\n5 3\n\n\n"),
        ("```python\nprint(1)```", "\nprint(1)\n)"),
        ("```cpp\nint x;\n```", "pp\nint x;\n\n\n"),
        ("```python\nx\n```\n```csv\n1\n```", "sv\n1\n\n\n"),
        ("```\nprint(1)\n```", "\nprint(1)\n\n\n"),
    ],
)
def test_the_last_block_of_the_last_tag_is_the_program(text: str, program: str):
    assert as_published.program(reply(text)) == program
    assert as_published.fix(reply(f"Plan\n{text}")).program.endswith(program)


def test_a_fence_that_nothing_closes_is_a_failure():
    assert failure(as_published.program, "```python\nprint(1)") == "no_block"
    assert failure(as_published.fix, "Plan\n```python\nprint(1)") == "no_block"


def test_a_fix_keeps_what_stands_before_its_block_as_the_plan():
    fix = as_published.fix(reply("1. Add.\n```python\nprint(1)\n```"))
    assert (fix.plan, fix.program.strip()) == ("1. Add.", "print(1)")
    assert as_published.fix(reply("print(1)")).plan is None
