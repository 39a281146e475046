import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.agents import parse
from mapcoder_lite.errors import FormatError
from mapcoder_lite.problem import Language
from mapcoder_lite.trajectory import Completion, Exemplar, Recall

PY = Language.PYTHON
PIECES = """<root> </root> <problem> </problem> <description> </description> <planning> </planning>
<algorithm> </algorithm> <confidence> </confidence> <![CDATA[ ]]> ``` ```python ~~~ & &lt; &#x41; <
> 85 % 0.9 x=1 print(1)"""
ANY_TEXT = st.one_of(
    st.text(), st.lists(st.sampled_from([*PIECES.split(), "\n", "```\n", " "])).map("".join)
)
FILLED = st.text(alphabet=st.characters(codec="utf-8"), min_size=1).map(str.strip).filter(bool)
FENCED = st.lists(st.sampled_from([*"`~#x", "```", "```c\n", "\n```\n", "\n", "int x;", "é"])).map(
    lambda pieces: f"x{''.join(pieces)}x"
)
PLANS = st.lists(st.sampled_from(["Read n.", "a < b && c", "<root>", "é 漢", "85 %", "x = 1"])).map(
    lambda steps: "\n".join(f"{i}. {step}" for i, step in enumerate(["Start.", *steps], 1))
)
RECALL = st.builds(
    Recall,
    exemplars=st.lists(
        st.builds(Exemplar, description=FILLED, planning=FILLED), min_size=1, max_size=4
    ).map(tuple),
    algorithm=FILLED,
)
GOOD = Recall(
    exemplars=(
        Exemplar(description="Is a < b && c?", planning="1. Compare.\n2. Print a[b[0]]>1."),
        Exemplar(description="Second", planning="Two"),
    ),
    algorithm="greedy",
)
XML = """<root>
<problem>
<description>Is a < b && c?</description>
<planning>1. Compare.
2. Print a[b[0]]>1.</planning>
</problem>
<problem>
<description>Second</description>
<planning>Two</planning>
</problem>
<algorithm>greedy</algorithm>
</root>"""


def said(text: str, finish: str = "stop") -> Completion:
    return Completion.model_validate({"text": text, "finish_reason": finish})


def kind(call: object, *arguments: object) -> str:
    assert callable(call)
    with pytest.raises(FormatError) as caught:
        call(*arguments)
    assert str(caught.value)
    return caught.value.kind


@settings(deadline=None)  # a busy machine is no fault
@given(RECALL)
def test_recall_comes_back(recall: Recall):
    assert parse.recall(said(parse.render_recall(recall))) == recall


@settings(deadline=None)  # a busy machine is no fault
@given(st.integers(0, 100), st.text())
def test_confidence_comes_back(number: int, explanation: str):
    assert parse.confidence(said(parse.render_confidence(number, explanation))) == number


def programs(language: Language) -> st.SearchStrategy[str]:
    """Programs with anything in them; Python's parse, or no reader could tell them from prose."""
    if language is not PY:
        return st.one_of(FILLED, FENCED)
    quotes = st.one_of(st.text(), FENCED).map(lambda text: f"import sys\nx = {text!r}\n")
    return st.builds(
        "{}y = '''\n{}\n'''".format, quotes, st.sampled_from(["", "```", "```python\n~~~"])
    )


@pytest.mark.parametrize("language", list(Language))
@settings(deadline=None)  # a busy machine is no fault
@given(st.data())
def test_program_comes_back_in_every_language(language: Language, data: st.DataObject):
    program = data.draw(programs(language))
    assert parse.program(said(parse.render_program(program, language)), language) == program


@pytest.mark.parametrize("language", list(Language))
@settings(deadline=None)  # a busy machine is no fault
@given(st.data())
def test_correction_comes_back_in_every_language(language: Language, data: st.DataObject):
    fix = parse.Fix(data.draw(PLANS), data.draw(programs(language)))
    assert fix.plan is not None
    assert parse.fix(said(parse.render_debugging(fix.plan, fix.program, language)), language) == fix


@settings(deadline=None)  # a busy machine is no fault
@given(PLANS)
def test_plan_comes_back(plan: str):
    assert parse.plan(said(plan)) == plan


@pytest.mark.parametrize(
    "unit", ["<root>", "]]>", "<root><description>", "```\n", "```python\nx = 1\n", "(", "\x00🙂"]
)
def test_a_megabyte_is_read_or_refused(unit: str):
    reply = said(unit * (1_000_000 // len(unit)))
    start = time.perf_counter()
    for call in (
        parse.recall,
        parse.confidence,
        parse.plan,
        lambda r: parse.program(r, PY),
        lambda r: parse.fix(r, Language.C),
    ):
        try:
            assert call(reply)
        except FormatError as error:
            assert len(str(error)) < 500
    assert time.perf_counter() - start < 60  # seconds; quadratic work would take hours


@settings(deadline=None)  # a busy machine is no fault
@given(ANY_TEXT, st.sampled_from(["stop", "length"]), st.sampled_from(list(Language)))
def test_nothing_but_format_errors_come_out(text: str, finish: str, language: Language):
    reply = said(text, finish)
    for call, arguments in (
        (parse.recall, (reply,)),
        (parse.confidence, (reply,)),
        (parse.plan, (reply,)),
        (parse.program, (reply, language)),
        (parse.fix, (reply, language)),
    ):
        try:
            assert call(*arguments) is not None
        except FormatError as error:
            assert error.kind.isidentifier() and str(error)


def test_rendered_recall_is_laid_out_as_the_prompt_asks():
    recall = Recall(exemplars=(Exemplar(description="d", planning="p"),), algorithm="a")
    assert parse.render_recall(recall) == (
        "<root>\n<problem>\n<description>d</description>\n<planning>p</planning>\n</problem>\n"
        "<algorithm>a</algorithm>\n</root>"
    )


@pytest.mark.parametrize(
    "text",
    [
        XML,
        f"```xml\n{XML}\n```",
        f"Sure! I write <problem> twice.\n{XML}\nHope <root> helps, see <algorithm>.",
        XML.replace("<description>Is a < b && c?", "<description><![CDATA[Is a < b && c?]]>"),
        XML.replace("1. Compare.", "<![CDATA[1. Compare.").replace("]>1.", "]>1.]]>"),
        XML.replace("a < b && c", "a &lt; b &amp;&#38; c"),
        XML.replace("</description>\n<planning>Two", "\n<planning>Two"),
        XML.replace("Two</planning>", "Two</description>"),
        XML.replace("c?</description>", "c?</planning>"),
        XML.replace("</problem>", ""),
        XML.replace("<problem>", ""),
        XML.replace("<root>", ""),
        XML.replace("</root>", ""),
        XML.replace("</algorithm>\n</root>", "\n```"),
        XML.replace("<problem>", '<Problem id="1" >').replace("planning>", "PLANNING>"),
        XML.replace("<algorithm>", "<code>x = 1</code><algorithm>"),
    ],
)
def test_recall_survives(text: str):
    assert parse.recall(said(text)) == GOOD


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no_root"),
        ("I cannot.", "no_root"),
        ("<root></root>", "no_exemplar"),
        (XML.replace("greedy", " "), "no_algorithm"),
        (XML.replace("</root>", "<algorithm>dp</algorithm></root>"), "no_algorithm"),
        (XML.replace("Second", ""), "bad_exemplar"),
        (XML.replace("<planning>Two</planning>", ""), "bad_exemplar"),
        (XML.replace("<planning>Two", "<description>Two"), "bad_exemplar"),
        (XML.replace("Second", "Second</planning>, yes"), "mismatched_tag"),
    ],
)
def test_recall_refuses(text: str, expected: str):
    assert kind(parse.recall, said(text)) == expected


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[("85", 85), (" 85 % ", 85), ("85/100", 85), ("0.9", 90), (".85", 85), ("92.6", 93)],
        *[("0", 0), ("100", 100), ("1", 1), ("0.0", 0), ("0.5%", 0), ("<![CDATA[85]]>", 85)],
    ],
)
def test_confidence_is_read(text: str, number: int):
    reply = (
        f"```xml\n<root><explanation>a < b</explanation>\n<confidence>{text}</confidence></root>"
    )
    assert parse.confidence(said(reply)) == number


@pytest.mark.parametrize(
    "text", ["High", "101", "-5", "1.0", "85 or 90", "", "٨٥", "9" * 50, "nan"]
)
def test_confidence_is_refused(text: str):
    reply = f"<root><confidence>{text}</confidence></root>"
    assert kind(parse.confidence, said(reply)) == "bad_confidence"


def test_plan_loses_its_fence_lines_and_nothing_else():
    assert parse.plan(said("```\n1. Read.\n2. Print.\n```\n")) == "1. Read.\n2. Print."
    assert parse.plan(said("x = a + b")) == "x = a + b"
    assert kind(parse.plan, said(" \n")) == "no_plan"
    assert kind(parse.plan, said("```python\nimport sys\nprint(1)\n```")) == "no_plan"


def test_reply_cut_off_is_never_whole():
    for call in (parse.recall, parse.confidence, parse.plan):
        assert kind(call, said(XML, "length")) == "cut_off"
    closed, unclosed = "```python\nimport a\n```\nNow", "```python\nimport a\nimport"
    assert parse.program(said(closed, "length"), PY) == "import a"
    assert kind(parse.program, said(unclosed, "length"), PY) == "cut_off"
    assert kind(parse.fix, said(unclosed, "length"), PY) == "cut_off"
    assert kind(parse.program, said("I cannot."), PY) == "no_program"


def test_fix_takes_what_stands_before_the_program_as_plan():
    reply = "## Modified Planning:\n1. Plan\n2. Print.\n\n## Code:\n```python\nprint(1)\n```\nDone."
    assert parse.fix(said(reply), PY) == parse.Fix("1. Plan\n2. Print.", "print(1)")
    assert parse.fix(said("```python\nprint(1)\n```"), PY) == parse.Fix(None, "print(1)")


@pytest.mark.parametrize(
    "unit",
    [
        *["<", "<root>", "<root ", "<![CDATA[", "<root><description>", "<description><planning>"],
        *[
            "<description></planning>",
            "]]>",
            "&#",
            "```",
            "```\n",
            "```python\n",
            "x = (",
            "~~~\n ",
        ],
    ],
)
def test_hostile_text_takes_linear_time(unit: str):
    reply = said(unit * (100_000 // len(unit)))
    start = time.perf_counter()
    for call in (parse.recall, parse.confidence, parse.plan):
        assert kind(call, reply) if call is not parse.plan else True
    for call in (parse.program, parse.fix):
        try:
            assert call(reply, PY)
        except FormatError as error:
            assert error.kind == "no_program"
    assert time.perf_counter() - start < 5  # seconds; quadratic work would take minutes
