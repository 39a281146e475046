import re
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar_strings import accepts, near, strings
from mapcoder_lite.agents import layout
from mapcoder_lite.engine.grammar import to_gbnf, to_lark
from mapcoder_lite.grammar import Fixed, Free, Grammar, Whole

llguidance = pytest.importorskip("llguidance")

GRAMMARS = [
    layout.grammar(layout.RECALL, times=1),
    layout.grammar(layout.RECALL, times=3),
    layout.grammar(layout.CONFIDENCE),
    Grammar(parts=(Fixed(text='"\\n\n\t\\é[^漢]"'), Whole(low=7, high=1234))),
    Grammar(parts=(Free(until="<[end", without=("<[", "-->", "[]", "^", "/\\")),)),
]


@cache
def tokens() -> object:
    """Every byte is a token, and 256 ends a reply."""

    class Bytes:
        eos_token_id = 256
        bos_token_id = None
        special_token_ids = (256,)
        tokens = (*(bytes([value]) for value in range(256)), b"<|end|>")

        def __call__(self, text: str | bytes) -> list[int]:
            return list(text if isinstance(text, bytes) else text.encode())

    wrapper = llguidance.TokenizerWrapper(Bytes())
    return llguidance.LLTokenizer(wrapper)


@cache
def compiled(dialect: str, grammar: Grammar) -> "llguidance.LLMatcher":
    text = to_lark(grammar) if dialect == "lark" else to_gbnf(grammar)
    matcher = llguidance.LLMatcher(tokens(), llguidance.grammar_from(dialect, text))
    assert not matcher.is_error(), matcher.get_error()
    return matcher


def matches(dialect: str, grammar: Grammar, text: str) -> bool:
    matcher = compiled(dialect, grammar).deep_copy()
    taken = matcher.try_consume_tokens(list(text.encode()))
    return taken == len(text.encode()) and matcher.is_accepting()


@pytest.mark.parametrize("number", range(len(GRAMMARS)))
@settings(deadline=None)
@given(st.data())
def test_both_dialects_accept_what_the_record_means(number: int, data: st.DataObject):
    grammar = GRAMMARS[number]
    text = data.draw(strings(grammar))
    assert accepts(grammar, text)
    assert matches("lark", grammar, text) and matches("gbnf", grammar, text)


@pytest.mark.parametrize("number", range(len(GRAMMARS)))
@settings(deadline=None)
@given(st.data())
def test_both_dialects_refuse_what_the_record_does_not_mean(number: int, data: st.DataObject):
    grammar = GRAMMARS[number]
    text = data.draw(near(grammar))
    expected = accepts(grammar, text)
    assert matches("lark", grammar, text) is expected
    assert matches("gbnf", grammar, text) is expected


@settings(deadline=None)
@given(st.integers(0, 1500), st.integers(0, 1500))
def test_numbers_are_those_of_the_range(low: int, high: int):
    low, high = sorted((low, high))
    grammar = Grammar(parts=(Whole(low=low, high=high),))
    pattern = re.search(r"PART0: /(.*)/", to_lark(grammar))
    assert pattern is not None
    numbers = [i for i in range(1600) if re.fullmatch(pattern[1], str(i))]
    assert numbers == list(range(low, high + 1))
    assert not re.fullmatch(pattern[1], "00")


def test_gbnf_shares_the_rules_of_equal_texts_and_stays_small():
    one, three = (to_gbnf(layout.grammar(layout.RECALL, times=k)) for k in (1, 3))
    assert one.splitlines()[1:] == three.splitlines()[1:]
    assert len(three) < 4000  # bytes sent with each request
