from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.engine.reply import Reply, row_seed
from mapcoder_lite.trajectory import Sampling

END = 0


def detokenize(tokens: Sequence[int]) -> str:
    """One byte a token, as byte-level tokenizers do it."""
    return bytes(tokens).decode("utf-8", errors="replace")


def fed(text: str, **sampling: object) -> Reply:
    reply = Reply(Sampling.model_validate(sampling), {END}, detokenize)
    for token in text.encode():
        if reply.finish_reason is not None:
            break
        reply.accept(token)
    return reply


def test_an_end_token_stops_and_is_counted_but_not_shown() -> None:
    reply = fed("ab\0cd")
    assert (reply.text, reply.finish_reason, len(reply.tokens)) == ("ab", "stop", 3)


def test_the_token_limit_is_length_unless_the_last_token_ends() -> None:
    assert (fed("abcd", max_tokens=3).text, fed("abcd", max_tokens=3).finish_reason) == (
        "abc",
        "length",
    )
    assert fed("ab\0", max_tokens=3).finish_reason == "stop"


def test_the_earliest_of_several_stop_strings_cuts() -> None:
    reply = fed("one two three", stop=("three", "two"))
    assert (reply.text, reply.finish_reason) == ("one ", "stop")
    assert len(reply.tokens) == len("one two")


def test_tokens_without_a_text_hide_no_stop_string() -> None:
    def skip_ones(tokens: Sequence[int]) -> str:
        return detokenize([token for token in tokens if token != 1])

    reply = Reply(Sampling(stop=("abc",)), {END}, skip_ones)
    for token in b"xab" + b"\1" * 40 + b"c":
        assert reply.finish_reason is None
        reply.accept(token)
    assert (reply.text, reply.finish_reason) == ("x", "stop")


def test_an_unfinished_reply_has_no_reason() -> None:
    assert fed("abc", stop=("x", "")).finish_reason is None


@settings(deadline=None)
@given(
    st.text(alphabet="ab<é€😀", max_size=60), st.text(alphabet="ab<é€😀", min_size=1, max_size=12)
)
def test_a_stop_string_is_found_wherever_it_stands(text: str, stop: str) -> None:
    reply = fed(text, stop=(stop,))
    if stop in text:
        assert reply.finish_reason == "stop"
        assert reply.text == text[: text.index(stop)]
    else:
        assert (reply.finish_reason, reply.text) == (None, text)


alphabet = st.text(alphabet="ab<é€😀\ufffd", max_size=60)


@settings(deadline=None)
@given(alphabet, st.lists(st.text(alphabet="ab<é€", min_size=1, max_size=5), max_size=3))
def test_told_texts_together_are_the_text(text: str, stops: list[str]) -> None:
    reply = Reply(Sampling(stop=tuple(stops), max_tokens=80), {END}, detokenize)
    told = ""
    for token in text.encode():
        if reply.finish_reason is not None:
            break
        reply.accept(token)
        told += reply.fresh_text()
        assert reply.text.startswith(told)
        assert not any(stop in told for stop in stops)
    if reply.finish_reason is None:
        reply.accept(END)
        told += reply.fresh_text()
    assert told == reply.text
    assert reply.fresh_text() == ""


def test_half_a_character_and_what_may_become_a_stop_wait() -> None:
    reply = Reply(Sampling(stop=("</end>",)), {END}, detokenize)
    told: list[str] = []
    for token in "é</e</end>".encode():
        reply.accept(token)
        told.append(reply.fresh_text())
    assert told == ["", "é", "", "", "", "</e", "", "", "", "", ""]


def test_bytes_that_are_no_text_are_told_in_the_end() -> None:
    reply = Reply(Sampling(max_tokens=3), {END}, detokenize)
    told = ""
    for token in (0x61, 0xFF, 0xFE):
        reply.accept(token)
        told += reply.fresh_text()
    assert told == reply.text == "a\ufffd\ufffd"


@settings(deadline=None)
@given(st.integers(), st.integers(min_value=0, max_value=9))
def test_seeds_fit_every_server(seed: int, attempt: int) -> None:
    assert 0 <= row_seed(seed, attempt) < 2**31
    assert row_seed(seed, attempt) == row_seed(seed, attempt)


def test_seed_zero_stays_and_attempts_differ() -> None:
    assert row_seed(7, 0) == 7
    assert len({row_seed(7, attempt) for attempt in range(100)}) == 100
