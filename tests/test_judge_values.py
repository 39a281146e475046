"""Values between processes that do not trust each other, and their comparison with JSON."""

from typing import Any

import pytest

from mapcoder_lite.judge.inside.values import Unreadable, Unsendable, decode, encode, from_text
from mapcoder_lite.judge.typed import difference, show
from mapcoder_lite.problem import Checker


def test_the_wire_refuses_what_it_cannot_hold() -> None:
    def refuse(value: object) -> int:
        raise Unsendable(type(value).__name__)

    nested: list[Any] = []
    for _ in range(100):
        nested = [nested]
    with pytest.raises(Unsendable, match="nested"):
        encode(nested, refuse)
    for text in ("[" * 300 + "]" * 300, "[1", "NULL", '{"a":'):
        with pytest.raises(Unreadable):
            from_text(text)
    for wire in ({"s": [[1]]}, {"F": "1/0"}, {"nope": 1}, {}, {"i": 5}, {"D": "x"}, {"T": "eval"}):
        with pytest.raises(Unreadable):
            decode(wire, lambda number: number, lambda name: name)
    assert from_text('["' + "[" * 300 + '"]') == ["[" * 300]


@pytest.mark.parametrize(
    "got", [{"d": 5}, {"d": [[1]]}, {"d": [[["a"], 1]]}, {"t": 1}, {}, {"H": 1}]
)
def test_a_malformed_answer_is_only_wrong(got: Any) -> None:
    for expected in ([1], {"a": 1}, 1, 1.5, "x", None):
        assert difference(got, expected, Checker())
    assert show(got)
