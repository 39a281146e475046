import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.engine.chat import (
    Complaint,
    EventReply,
    Lines,
    OllamaReply,
    StreamedReply,
    Trouble,
    retry_after_seconds,
)
from mapcoder_lite.errors import EngineError, MapCoderError


def read(reply: StreamedReply, stream: bytes, cuts: list[int]) -> list[str]:
    """Feed a stream in pieces; return the texts it gave."""
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    lines = Lines()
    whole = [line for start, end in pairwise(places) for line in lines.feed(stream[start:end])]
    return [text for line in [*whole, *lines.end()] if (text := reply.take(line))]


def events(texts: list[str]) -> bytes:
    chunks = [{"choices": [{"delta": {"content": text}}]} for text in texts]
    chunks.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    bodies = [json.dumps(chunk, ensure_ascii=False) for chunk in chunks]
    return "".join(f"data: {body}\r\n\r\n" for body in [*bodies, "[DONE]"]).encode()


def parts(texts: list[str]) -> bytes:
    chunks: list[dict[str, object]] = [{"message": {"content": text}} for text in texts]
    chunks.append({"done": True, "done_reason": "stop", "eval_count": 1})
    return "".join(json.dumps(chunk, ensure_ascii=False) + "\n" for chunk in chunks).encode()


words = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\u2028\u0085\x1e\n"))


@given(texts=st.lists(words), cuts=st.lists(st.integers(0, 4000), max_size=8))
def test_a_stream_reads_the_same_however_it_is_cut_into_pieces(
    texts: list[str], cuts: list[int]
) -> None:
    for reply, stream in (
        (EventReply("m", 9999), events(texts)),
        (OllamaReply("m", 9999), parts(texts)),
    ):
        heard = read(reply, stream, cuts)
        assert heard == [text for text in texts if text]
        assert reply.completion(1.0).text == "".join(texts)
        assert reply.completion(1.0).model == "m"


@given(
    stream=st.binary()
    | st.lists(
        st.sampled_from(
            [
                b'data: {"choices": [{"delta": {"content": "a"}}]}\n',
                b"data: [DONE]\n",
                b": x\n",
                b"\n",
                b'data: {"error": "x"}\n',
                b'{"done": true}\n',
                b'{"message": {}}\n',
                b"data: {\n",
                b'data: {"choices": [{"finish_reason": "stop"}], "usage": {}}\n',
                b"data: 7\n",
            ]
        )
    ).map(b"".join)
)
def test_whatever_comes_in_is_a_reply_or_a_typed_failure(stream: bytes) -> None:
    for reply in (EventReply("m", 9999), OllamaReply("m", 9999)):
        try:
            read(reply, stream, [])
            completion = reply.completion(1.0)
        except (Trouble, Complaint, MapCoderError):
            continue
        assert completion.finish_reason in ("stop", "length")


def test_thinking_is_no_text_but_a_sign_of_life() -> None:
    reply = EventReply("m", 9999)
    assert reply.take(b'data: {"choices": [{"delta": {"reasoning_content": "hm"}}]}') == ""
    assert reply.take(b'data: {"choices": [{"delta": {"role": "assistant"}}]}') is None
    assert reply.take(b": keep-alive") is None
    assert reply.take(b"event: message") is None


@pytest.mark.parametrize(
    ("complaint", "kind", "is_overload"),
    [
        (Complaint("busy", status=429), Trouble, True),
        (Complaint("down", status=503), Trouble, True),
        (Complaint("oops", status=500), Trouble, False),
        (Complaint("oops"), Trouble, False),
        (Complaint("no", status=403), EngineError, None),
    ],
)
def test_a_complaint_passes_or_stays(
    complaint: Complaint, kind: type[Exception], is_overload: bool | None
) -> None:
    fault = complaint.fault("http://a/v1", "m")
    assert isinstance(fault, kind)
    assert getattr(fault, "is_overload", None) is is_overload


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    date = format_datetime(now + timedelta(seconds=7), usegmt=True)
    assert retry_after_seconds({"retry-after": "2.5"}) == 2.5
    assert retry_after_seconds({"retry-after": date}, now) == 7
    assert retry_after_seconds({"retry-after": "-3"}) == 0
    assert retry_after_seconds({"retry-after": "nan"}) is None
    assert retry_after_seconds({"retry-after": "Fri, 02 Jan 2026 03:04:12 -0000"}, now) == 7
    assert retry_after_seconds({"retry-after": "soon"}) is None
    assert retry_after_seconds({}) is None
