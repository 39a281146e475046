"""Minimising: what is left still fails, and nothing more can be left out of it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.practice.minimise import lowered, minimised, minimised_text


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 9), max_size=30), st.data())
def test_what_is_left_fails_and_is_one_minimal(items: list[int], data: st.DataObject):
    """Whatever fails: here what holds some wanted items, or some others, in order."""
    wanted = [data.draw(st.lists(st.sampled_from(items or [0]), max_size=4)) for _ in range(2)]

    def fails(kept: tuple[int, ...]) -> bool:
        return any(_holds(kept, some) for some in wanted) or len(kept) == len(items)

    kept = minimised(items, fails)
    assert fails(kept)
    assert _holds(items, kept)
    assert not any(fails(kept[:at] + kept[at + 1 :]) for at in range(len(kept)))


def test_nothing_is_left_of_what_fails_always():
    assert minimised(range(100), lambda kept: True) == ()


def test_few_questions_find_one_culprit_among_many():
    asked: list[int] = []

    def fails(kept: tuple[int, ...]) -> bool:
        asked.append(len(kept))
        return 777 in kept

    assert minimised(range(1000), fails) == (777,)
    assert len(asked) < 60


@settings(deadline=None, max_examples=50)
@given(st.integers(-(10**18), 10**18), st.integers(-3, 3), st.integers(0, 10**18))
def test_a_number_is_lowered_as_far_as_it_fails(value: int, target: int, distance: int):
    def fails(number: int) -> bool:
        return abs(number - target) >= distance or number == value

    found = lowered(value, target, fails)
    assert fails(found)
    assert abs(found - target) <= abs(value - target)
    towards = found - (found > target) + (found < target)
    assert found == target or not fails(towards)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.integers(0, 50), max_size=6), max_size=6), st.integers(1, 50))
def test_a_text_loses_lines_tokens_and_size(rows: list[list[int]], limit: int):
    text = "".join(" ".join(map(str, row)) + "\n" for row in rows)

    def fails(candidate: str) -> bool:
        return sum(map(int, candidate.split())) >= limit

    small = minimised_text(text, fails) if fails(text) else f"{limit}\n"
    assert sum(map(int, small.split())) == limit
    tokens = small.split()
    assert "0" not in tokens
    assert len(small.splitlines()) == len([line for line in small.splitlines() if line])


def test_text_without_numbers_is_minimised_too():
    assert minimised_text("a b c\nd e f\n", lambda text: "e" in text.split()) == "e\n"
    assert minimised_text("left alone\n", lambda text: text == "left alone\n") == "left alone\n"


def _holds(items: "list[int] | tuple[int, ...]", some: "list[int] | tuple[int, ...]") -> bool:
    """Whether some items are there in their order."""
    rest = iter(items)
    return all(item in rest for item in some)
