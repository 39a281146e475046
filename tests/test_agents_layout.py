from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from grammar_strings import accepts, strings
from mapcoder_lite.agents import coding, layout, parse, planning, retrieval
from mapcoder_lite.agents.layout import Box, Content, Leaf
from mapcoder_lite.agents.markup import Tags
from mapcoder_lite.agents.question import Manner, Question, request
from mapcoder_lite.engine.replay import ReplayEngine
from mapcoder_lite.grammar import Fixed, Free, Grammar, Whole
from mapcoder_lite.problem import Language, Problem
from mapcoder_lite.trajectory import Completion, Exemplar, Recall, Sampling

RECALLS = {k: layout.grammar(layout.RECALL, times=k) for k in (1, 2, 3)}
CONFIDENCE = layout.grammar(layout.CONFIDENCE)
FILLED = st.text(min_size=1).map(lambda text: text.strip(" \t\r\n")).filter(bool)
EXEMPLARS = st.lists(
    st.builds(Exemplar, description=FILLED, planning=FILLED), min_size=1, max_size=3
)


def said(text: str) -> Completion:
    return Completion(text=text, finish_reason="stop")


@settings(deadline=None)
@given(EXEMPLARS, FILLED)
def test_a_rendered_recall_follows_the_grammar_and_no_other_number_does(
    exemplars: list[Exemplar], algorithm: str
):
    text = parse.render_recall(Recall(exemplars=tuple(exemplars), algorithm=algorithm))
    assert [k for k, grammar in RECALLS.items() if accepts(grammar, text)] == [len(exemplars)]


@settings(deadline=None)
@given(st.integers(0, 300), st.text())
def test_a_rendered_confidence_follows_the_grammar_up_to_100(number: int, explanation: str):
    text = parse.render_confidence(number, explanation)
    assert accepts(CONFIDENCE, text) == (number <= 100)


@settings(deadline=None)
@given(strings(RECALLS[3]))
def test_a_reply_that_follows_the_recall_grammar_is_read(text: str):
    assert accepts(RECALLS[3], text)
    assert len(parse.recall(said(text)).exemplars) == 3


@settings(deadline=None)
@given(strings(CONFIDENCE))
def test_a_reply_that_follows_the_confidence_grammar_is_read(text: str):
    assert f"<confidence>{parse.confidence(said(text))}</confidence>" in text


def test_a_layout_gives_text_tags_and_grammar():
    box = Box("a", (Box("b", (Leaf("c"),), is_repeated=True), Leaf("d", Content.PER_CENT)))
    assert layout.render(box, ["x<y", "z", "7"], times=2) == (
        "<a>\n<b>\n<c>x&lt;y</c>\n</b>\n<b>\n<c>z</c>\n</b>\n<d>7</d>\n</a>"
    )
    assert layout.tags(box) == Tags("a", frozenset({"b"}), frozenset({"c", "d"}))
    assert layout.grammar(box).parts == (
        Fixed(text="<a>\n<b>\n<c>"),
        Free(until="</c>", without=("</", "<c", "<![CDATA["), is_filled=True),
        Fixed(text="\n</b>\n<d>"),
        Whole(low=0, high=100),
        Fixed(text="</d>\n</a>"),
    )


def test_as_many_texts_are_taken_as_there_are_leaves():
    with pytest.raises(ValueError, match="leaves"):
        layout.render(layout.CONFIDENCE, ["one"])
    with pytest.raises(ValueError, match="leaves"):
        layout.render(layout.CONFIDENCE, ["one", "2", "three"])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Free(until="</a>", without=()),
        lambda: Free(until="end", without=("</",)),
        lambda: Free(until="é", without=("é",)),
        lambda: Whole(low=2, high=1),
        lambda: Grammar(parts=()),
    ],
)
def test_a_grammar_that_means_nothing_is_refused(make: Callable[[], object]):
    with pytest.raises(ValidationError):
        make()


def test_only_xml_is_held_to_a_layout_and_only_where_it_is_asked_for():
    problem = Problem(id="p", statement="Add.")
    exemplar = Exemplar(description="d", planning="p")
    questions: list[Question[object]] = [
        retrieval.recall(problem, 2),
        planning.plan(problem, "a", exemplar, 0),
        planning.confidence(problem, "plan", 0),
        coding.program(problem, "a", "plan", Language.PYTHON, index=0),
    ]
    engine = ReplayEngine({})
    free, held = (Manner(engine, Sampling(), 0.8, 0, is_structured=on) for on in (False, True))
    assert all(request(question, free).grammar is None for question in questions)
    grammars = [request(question, held).grammar for question in questions]
    assert grammars == [RECALLS[2], None, CONFIDENCE, None]
    keys = {request(question, manner).key for question in questions for manner in (free, held)}
    assert len(keys) == 6
