from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.engine.draft import History, Memory

TOKENS = st.lists(st.integers(0, 3), max_size=40)


def followed(tokens: Sequence[int], last: Sequence[int], count: int) -> list[int]:
    """Look the last tokens up the slow way: three that agree before two, the latest place first."""
    for length in (3, 2):
        if len(last) < length:
            continue
        for place in range(len(tokens) - 1, length - 1, -1):
            if list(tokens[place - length : place]) == list(last[-length:]):
                return list(tokens[place : place + count])
    return []


@given(st.lists(TOKENS, max_size=5), TOKENS, st.integers(1, 9))
def test_a_guess_is_what_followed_the_longest_run_where_it_stood_last(
    parts: list[list[int]], last: list[int], count: int
) -> None:
    history = History()
    tokens: list[int] = []
    for part in parts:
        history.extend(part)
        tokens += part
    assert history.guess(last, count) == followed(tokens, last, count)


@given(TOKENS, st.integers(1, 9))
def test_a_history_never_guesses_from_its_own_unfinished_end(tokens: list[int], count: int) -> None:
    guess = History(tokens).guess(tokens[-3:], count)
    assert guess == followed(tokens, tokens[-3:], count)
    assert len(guess) <= count


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=20), max_size=30))
def test_a_memory_forgets_the_oldest_and_stays_bounded(replies: list[list[int]]) -> None:
    memory = Memory(max_tokens=40)
    for reply in replies:
        memory.keep(reply)
    assert memory.num_tokens <= 2 * 40
    if replies and len(replies[-1]) >= 4:
        assert memory.guess(replies[-1][:3], 1)


def test_recent_replies_are_preferred_to_older_ones() -> None:
    memory = Memory(max_tokens=6)
    memory.keep([1, 2, 3, 7])
    memory.keep([1, 2, 3, 8])
    assert memory.guess([1, 2, 3], 1) == [8]
    memory.keep([5, 5, 5, 5, 5])
    memory.keep([6, 6, 6, 6, 6])
    assert memory.guess([1, 2, 3], 1) == []
