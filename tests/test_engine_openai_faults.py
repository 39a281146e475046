import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("openai")

from fake_server import FakeServer, cuts, echoes, ends, event, fails, says, streams
from mapcoder_lite.engine.limits import Limits, shared_gate
from mapcoder_lite.engine.openai import OpenAIEngine, Patience
from mapcoder_lite.errors import Cancelled, EngineError
from mapcoder_lite.trajectory import Cancellation, Message, Request, Watch

KEY = "sk-very-secret"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def engine(server: FakeServer) -> Iterator[OpenAIEngine]:
    patience = Patience(first_token_seconds=0.4, idle_seconds=0.4, max_retries=2)
    engine = OpenAIEngine(server.url, "base", api_key=KEY, patience=patience)
    yield engine
    engine.close()


def ask(text: str = "hi") -> Request:
    return Request(messages=(Message(role="user", content=text),))


def test_too_many_requests_waits_as_told_and_says_so(
    server: FakeServer, engine: OpenAIEngine, caplog: pytest.LogCaptureFixture
) -> None:
    server.manners = [fails(429, f"slow down, {KEY}", Retry_After="0.3"), says("ok")]
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        assert engine.complete([ask()])[0].text == "ok"
    assert time.monotonic() - started >= 0.3
    assert "try 1 of 3 failed, next in 0.3 s" in caplog.text
    assert "slow down, ***" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_what_may_pass_is_tried_again(
    server: FakeServer, engine: OpenAIEngine, status: int
) -> None:
    server.manners = [fails(status, Retry_After="0"), says("ok")]
    assert engine.complete([ask()])[0].text == "ok"
    assert len(server.bodies) == 2


def test_without_a_word_on_waiting_the_wait_grows(
    server: FakeServer, engine: OpenAIEngine, caplog: pytest.LogCaptureFixture
) -> None:
    server.manners = [fails(500), says("ok")]
    started = time.monotonic()
    assert engine.complete([ask()])[0].text == "ok"
    assert time.monotonic() - started >= 0.25
    assert "next in 0.3 s" in caplog.text or "next in 0.4 s" in caplog.text


def test_a_server_that_stays_broken_is_given_up(server: FakeServer, engine: OpenAIEngine) -> None:
    server.manners = [fails(500, f"boom {KEY}" + KEY * 200, Retry_After="0")]
    with pytest.raises(EngineError, match=r"did not answer in 3 tries; the last: .*500") as caught:
        engine.complete([ask()])
    assert len(server.bodies) == 3
    assert "sk-very" not in str(caught.value)


def test_too_long_a_wait_is_not_waited(server: FakeServer, engine: OpenAIEngine) -> None:
    server.manners = [fails(429, Retry_After="4000")]
    with pytest.raises(EngineError, match="asks to wait 4000 s"):
        engine.complete([ask()])


def test_a_hang_before_the_first_token_is_noticed(server: FakeServer, engine: OpenAIEngine) -> None:
    first = event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}])
    server.manners = [server.hangs(first), says("ok")]
    assert engine.complete([ask()])[0].text == "ok"
    assert server.gone.wait(1)


def test_a_hang_in_the_middle_is_noticed_though_the_server_pings(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    server.manners = [server.hangs(event("o"), pings=True), says("ok")]
    assert engine.complete([ask()])[0].text == "ok"
    assert server.gone.wait(1)


def test_a_slow_trickle_with_pings_is_patience_not_a_hang(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    pieces = [": ping\n\n", "event: x\nid: 7\n", *(event("x") for _ in range(8)), *ends()]
    halves = [half for piece in pieces for half in (piece[:5], piece[5:])]
    server.manners = [streams(halves, pause_seconds=0.06)]
    completion = engine.complete([ask()])[0]
    assert completion.text == "x" * 8
    assert completion.seconds > 0.8
    assert len(server.bodies) == 1


def test_a_whole_reply_whose_connection_stays_open_is_taken(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    server.manners = [server.hangs(event("ok"), *ends())]
    assert engine.complete([ask()])[0].text == "ok"
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "broken",
    [
        cuts("he"),
        streams([event("he")]),
        streams([event("he"), event(finish="stop")]),
        streams([event("he"), "data: {half\n\n"]),
        streams([event("he"), 'data: {"choices": 7}\n\n']),
        streams([event("he"), 'data: {"error": {"message": "oom", "code": 500}}\n\n']),
        streams([event("he"), "error: oom\n\n"]),
        streams(["<html>proxy</html>"]),
        streams(['{"choices": [']),
        streams([]),
    ],
    ids=[
        "cut",
        "no end",
        "no count",
        "half",
        "shape",
        "error",
        "old error",
        "html",
        "json",
        "void",
    ],
)
def test_a_broken_stream_is_tried_again_and_its_text_handed_on_once(
    server: FakeServer, engine: OpenAIEngine, broken: Callable[[object], None]
) -> None:
    server.manners = [broken, says("hel", "lo")]
    heard: list[str] = []
    completion = engine.complete([ask()], Watch(on_text=lambda _, text: heard.append(text)))[0]
    assert completion.text == "".join(heard) == "hello"
    assert heard in (["he", "l", "lo"], ["hel", "lo"])
    assert len(server.bodies) == 2


def test_a_try_that_says_something_else_than_was_handed_on_is_trouble(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    server.manners = [cuts("he"), says("hi"), says("h", "e", "y")]
    heard: list[str] = []
    completion = engine.complete([ask()], Watch(on_text=lambda _, text: heard.append(text)))[0]
    assert completion.text == "".join(heard) == "hey"
    server.manners = [cuts("he"), says("hi")]
    assert engine.complete([ask()])[0].text == "hi"  # nothing was handed on


def test_unsound_replies_are_given_up_in_the_end(server: FakeServer, engine: OpenAIEngine) -> None:
    server.manners = [streams(["data: {half\n\n"])]
    with pytest.raises(EngineError, match=r"in 3 tries; the last: .*not sound: .*'\{half'"):
        engine.complete([ask()])
    assert len(server.bodies) == 3


def test_a_server_that_does_not_stream_is_read_too(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    whole = '{"choices": [{"message": {"content": "all"}, "finish_reason": "stop"}], "model": "m"}'
    server.manners = [streams([whole])]
    heard: list[str] = []
    completion = engine.complete([ask()], Watch(on_text=lambda _, text: heard.append(text)))[0]
    assert completion.text == "".join(heard) == "all"
    assert completion.model == "m"


def test_an_error_told_within_a_stream_keeps_its_status(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    refusal = f'data: {{"error": {{"message": "bad field {KEY}", "code": 400}}}}\n\n'
    server.manners = [streams([refusal])]
    with pytest.raises(EngineError, match=r"refused a request to 'base': .*bad field \*\*\*"):
        engine.complete([ask()])
    assert len(server.bodies) == 1


def test_nobody_listening_is_said(server: FakeServer) -> None:
    server.close()
    engine = OpenAIEngine(server.url, "base", patience=Patience(max_retries=0))
    with pytest.raises(EngineError, match=r"did not answer in 1 tries; the last: .*connect"):
        engine.complete([ask()])
    engine.close()


def called_off(engine: OpenAIEngine, requests: list[Request], when: threading.Event) -> float:
    """Seconds from calling off to the end of `complete`."""
    cancellation = Cancellation()
    ended: list[float] = []

    def work() -> None:
        with pytest.raises(Cancelled):
            engine.complete(requests, Watch(cancellation))
        ended.append(time.monotonic())

    thread = threading.Thread(target=work)
    thread.start()
    assert when.wait(5)
    started = time.monotonic()
    cancellation.cancel()
    thread.join(5)
    return ended[0] - started


def test_a_request_called_off_is_hung_up_at_once(server: FakeServer) -> None:
    begun = threading.Event()

    def begins(exchange: object) -> None:
        begun.set()
        server.hangs(event("h"))(exchange)

    server.manners = [begins]
    engine = OpenAIEngine(server.url, "base", limits=Limits(max_in_flight=2))
    assert called_off(engine, [ask()] * 5, begun) < 0.5
    assert server.gone.wait(1)
    server.manners = [says("ok")]
    assert engine.complete([ask()])[0].text == "ok"
    engine.close()
    assert len(server.bodies) <= 3  # what waited for its turn was never sent


def test_a_request_that_waits_to_be_tried_again_is_called_off_too(server: FakeServer) -> None:
    refused = threading.Event()

    def refuses(exchange: object) -> None:
        fails(429, Retry_After="60")(exchange)
        refused.set()

    server.manners = [refuses]
    engine = OpenAIEngine(server.url, "base")
    assert called_off(engine, [ask()], refused) < 0.5
    engine.close()


def test_what_was_called_off_before_is_never_sent(server: FakeServer, engine: OpenAIEngine) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled):
        engine.complete([ask()], Watch(cancellation))
    assert server.bodies == []


def test_an_interrupt_calls_off_what_is_in_flight(server: FakeServer, engine: OpenAIEngine) -> None:
    def interrupts(exchange: object) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        server.hangs(event("h"))(exchange)

    server.manners = [interrupts]
    with pytest.raises(KeyboardInterrupt):
        engine.complete([ask()])
    assert server.gone.wait(1)


def test_a_listener_that_fails_ends_the_call(server: FakeServer, engine: OpenAIEngine) -> None:
    def full(index: int, completion: object) -> None:
        raise OSError("disk full")

    server.manners = [says("ok"), server.hangs(event("h"))]
    with pytest.raises(OSError, match="disk full"):
        engine.complete([ask(), ask()], Watch(on_completion=full))
    assert server.gone.wait(1)


def test_one_failure_does_not_end_its_siblings(server: FakeServer, engine: OpenAIEngine) -> None:
    def picky(exchange: object) -> None:
        if "bad" in exchange.body["messages"][-1]["content"]:
            fails(400, exchange.body["messages"][-1]["content"])(exchange)
        else:
            time.sleep(0.1)
            echoes(exchange)

    server.manners = [picky]
    seen: dict[int, str] = {}
    watch = Watch(on_completion=lambda i, completion: seen.update({i: completion.text}))
    with pytest.raises(EngineError, match="bad 1"):
        engine.complete([ask("a"), ask("bad 1"), ask("b"), ask("bad 2")], watch)
    assert seen == {0: "A", 2: "B"}


def test_the_limit_settles_near_what_the_server_takes(server: FakeServer) -> None:
    server.manners = [server.takes(most=6, seconds=0.04)]
    engine = OpenAIEngine(server.url, "base", patience=Patience(max_retries=9))
    engine.complete([ask(f"q{i}") for i in range(60)])
    refused_at_first, server.refused = server.refused, 0
    completions = engine.complete([ask(f"q{i}") for i in range(60)])
    assert [completion.text for completion in completions] == [f"Q{i}" for i in range(60)]
    assert 3 <= shared_gate(server.url, "base", Limits()).limit <= 8
    assert refused_at_first < 80
    assert server.refused < 20
    engine.close()
