import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

pytest.importorskip("openai")

from fake_server import (
    Exchange,
    FakeServer,
    at_first,
    cuts,
    echoes,
    ends,
    event,
    fails,
    says,
    streams,
)
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
    engine = OpenAIEngine(server.url, "base", api_key=KEY, patience=Patience(30, 30, 2))
    yield engine
    engine.close()


@pytest.fixture
def hasty(server: FakeServer) -> Iterator[OpenAIEngine]:
    engine = OpenAIEngine(server.url, "base", patience=Patience(0.5, 0.5, 9))
    yield engine
    engine.close()


def ask(text: str = "hi") -> Request:
    return Request(messages=(Message(role="user", content=text),))


def test_too_many_requests_waits_as_told_and_says_so(
    server: FakeServer, engine: OpenAIEngine, caplog: pytest.LogCaptureFixture
) -> None:
    server.manners = [fails(429, f"slow down, {KEY}", Retry_After="0.6"), says("ok")]
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        assert engine.complete([ask()])[0].text == "ok"
    assert time.monotonic() - started >= 0.6
    assert "try 1 of 3 failed, next in 0.6 s" in caplog.text
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
    assert any(f"next in {seconds} s" in caplog.text for seconds in (0.2, 0.3, 0.4, 0.5))


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


@pytest.mark.parametrize("is_pinging", [False, True])
def test_a_hang_is_noticed_before_the_first_token_and_after_it(
    server: FakeServer, hasty: OpenAIEngine, is_pinging: bool
) -> None:
    first = event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}])
    hangs = {
        "before": server.hangs(first, pings=is_pinging),
        "after": server.hangs(first, event("o"), pings=is_pinging),
    }
    server.manners = [at_first(hangs, says("ok"))]
    assert [done.text for done in hasty.complete([ask("before"), ask("after")])] == ["ok", "ok"]
    assert server.gone.wait(1)


def test_a_slow_trickle_with_pings_is_patience_not_a_hang(server: FakeServer) -> None:
    engine = OpenAIEngine(server.url, "base", patience=Patience(1.0, 1.0, 0))
    pieces = [": ping\n\n", "event: x\nid: 7\n", *(event("x") for _ in range(12)), *ends()]
    halves = [half for piece in pieces for half in (piece[:5], piece[5:])]
    server.manners = [streams(halves, pause_seconds=0.04)]
    completion = engine.complete([ask()])[0]
    engine.close()
    assert completion.text == "x" * 12
    assert completion.seconds > 1.1


def test_a_whole_reply_whose_connection_stays_open_is_taken(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    server.manners = [server.hangs(event("ok"), *ends())]
    assert engine.complete([ask()])[0].text == "ok"
    assert len(server.bodies) == 1


BROKEN = {
    "cut": cuts("he"),
    "no end": streams([event("he")]),
    "no count": streams([event("he"), event(finish="stop")]),
    "half": streams([event("he"), "data: {half\n\n"]),
    "shape": streams([event("he"), 'data: {"choices": 7}\n\n']),
    "error": streams([event("he"), 'data: {"error": {"message": "oom", "code": 500}}\n\n']),
    "old error": streams([event("he"), "error: oom\n\n"]),
    "html": streams(["<html>proxy</html>"]),
    "json": streams(['{"choices": [']),
    "void": streams([]),
}


def test_a_broken_stream_is_tried_again_and_its_text_handed_on_once(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    server.manners = [at_first(BROKEN, says("hel", "lo"))]
    heard: dict[int, list[str]] = {i: [] for i in range(len(BROKEN))}
    watch = Watch(on_text=lambda i, text: heard[i].append(text))
    completions = engine.complete([ask(question) for question in BROKEN], watch)
    assert [completion.text for completion in completions] == ["hello"] * len(BROKEN)
    assert list(heard.values()) == [["he", "l", "lo"]] * 7 + [["hel", "lo"]] * 3
    assert len(server.bodies) == 2 * len(BROKEN)


@pytest.mark.parametrize("other", ["hi", "h", ""])
def test_a_try_that_says_something_else_than_was_handed_on_is_trouble(
    server: FakeServer, engine: OpenAIEngine, other: str
) -> None:
    server.manners = [cuts("he"), says(other), says("h", "e", "y")]
    heard: list[str] = []
    completion = engine.complete([ask()], Watch(on_text=lambda _, text: heard.append(text)))[0]
    assert completion.text == "".join(heard) == "hey"


def test_where_nothing_was_handed_on_any_whole_reply_will_do(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    server.manners = [cuts("he"), says("hi")]
    assert engine.complete([ask()])[0].text == "hi"


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

    def begins(exchange: Exchange) -> None:
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

    def refuses(exchange: Exchange) -> None:
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
    def interrupts(exchange: Exchange) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        server.hangs(event("h"))(exchange)

    server.manners = [interrupts]
    # Whoever starts the tests in the background has the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            engine.complete([ask()])
    finally:
        signal.signal(signal.SIGINT, before)
    assert server.gone.wait(1)


def test_a_listener_that_fails_ends_the_call(server: FakeServer, engine: OpenAIEngine) -> None:
    def full(index: int, completion: object) -> None:
        raise OSError("disk full")

    both = threading.Barrier(2, timeout=5)

    def meets(exchange: Exchange) -> None:
        both.wait()
        (says("ok") if exchange.body["messages"][0]["content"] == "a" else hangs)(exchange)

    hangs = server.hangs(event("h"))
    server.manners = [meets]
    with pytest.raises(OSError, match="disk full"):
        engine.complete([ask("a"), ask("b")], Watch(on_completion=full))
    assert server.gone.wait(1)


def test_calling_off_gives_every_place_back(server: FakeServer) -> None:
    server.manners = [server.takes(most=99, seconds=0.01)]
    engine = OpenAIEngine(server.url, "base", limits=Limits(max_in_flight=2))

    def hurried(number: int) -> None:
        cancellation = Cancellation()
        timer = threading.Timer(0.003 * number, cancellation.cancel)
        timer.start()
        with suppress(Cancelled):
            engine.complete([ask()] * 3, Watch(cancellation))
        timer.join()

    threads = [threading.Thread(target=hurried, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(engine.complete([ask()] * 5)) == 5
    gate = shared_gate(server.url, "base", Limits(max_in_flight=2))
    assert (gate.in_flight, gate.limit) == (0, 2)
    engine.close()


def test_one_failure_does_not_end_its_siblings(server: FakeServer, engine: OpenAIEngine) -> None:
    def picky(exchange: Exchange) -> None:
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
    assert 3 <= shared_gate(server.url, "base", Limits()).limit <= 12
    assert refused_at_first < 90
    assert server.refused < 20
    engine.close()
