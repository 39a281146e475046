import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.agents import markup
from mapcoder_lite.agents.markup import Event, Mark, Tags
from mapcoder_lite.errors import FormatError

TAGS = Tags("root", frozenset({"box"}), frozenset({"a", "b"}))


def leaves(text: str) -> list[tuple[str, str]]:
    return [(e.name, e.text) for e in markup.read(text, TAGS) if e.mark is Mark.LEAF]


@settings(deadline=None)
@given(st.text())
def test_escaped_text_comes_back(text: str):
    assert markup.unescape(markup.escape(text)) == text
    assert "<" not in markup.escape(text) and "]]>" not in markup.escape(text)


def test_events_come_in_order():
    assert list(markup.read("<root><box><a>1</a></box></root>", TAGS)) == [
        Event(Mark.OPEN, "box"),
        Event(Mark.LEAF, "a", "1"),
        Event(Mark.CLOSE, "box"),
    ]


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        ("<![CDATA[<b>x</b>]]>", "<b>x</b>"),
        ("<![CDATA[x]]]]><![CDATA[>y]]>", "x]]>y"),
        ("<![CDATA[t[u[0]]>1]]>", "t[u[0]]>1"),
        ("<![CDATA[never closed", "never closed"),
        ("p <![CDATA[&lt;]]> &lt; q", "p &lt; < q"),
        ("&amp;lt; &copy; &#65;&#x42; &#xD800; &#99999999;", "&lt; &copy; AB &#xD800; &#99999999;"),
        ("i <b and <bold> <c>", "i <b and <bold> <c>"),
        ("the <root> of a tree", "the <root> of a tree"),
        (" \r\n\t&#32;x&#10;\xa0 ", " x\n\xa0"),
    ],
)
def test_leaf_text(inner: str, text: str):
    assert leaves(f"<root><a>{inner}</a><b>2</b></root>") == [("a", text), ("b", "2")]


def test_a_tag_is_known_in_either_case_of_ascii_alone():
    tags = Tags("root", frozenset(), frozenset({"task"}))
    text = "<ROOT><ta\u017fk>1</ta\u017fk><tas\u212a>2</tas\u212a><Task>3</tASK></root>"
    events = list(markup.read(text, tags))
    assert events == [Event(Mark.LEAF, "task", "3")]


def test_missing_end_tags_end_at_the_next_known_tag():
    assert leaves("<root><a>1<b>2</root>") == [("a", "1"), ("b", "2")]
    assert leaves("<a>1</b><b>2") == [("a", "1"), ("b", "2")]
    assert leaves("<a>1<a>2</a>") == [("a", "1"), ("a", "2")]


def test_contradicting_end_tags_are_refused():
    with pytest.raises(FormatError) as caught:
        leaves("<root><a>1</b>2</a></root>")
    assert caught.value.kind == "mismatched_tag"
