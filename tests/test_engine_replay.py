import threading
from collections.abc import Callable, Sequence

import pytest

from mapcoder_lite.engine.replay import ReplayEngine, StoredEngine, stored_key
from mapcoder_lite.errors import EngineError, ReplayMiss
from mapcoder_lite.trajectory import Completion, Message, Request


class FunctionEngine:
    """Answers with a function of the request and remembers the batches."""

    def __init__(self, answer: Callable[[Request], str], identity: str = "function") -> None:
        self.answer = answer
        self.identity = identity
        self.batches: list[list[Request]] = []
        self.is_closed = False

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        self.batches.append(list(requests))
        return [reply(self.answer(request)) for request in requests]

    def close(self) -> None:
        self.is_closed = True


class MemoryStore:
    def __init__(self) -> None:
        self.kept: dict[str, Completion] = {}

    def get(self, key: str) -> Completion | None:
        return self.kept.get(key)

    def put(self, key: str, request: Request, completion: Completion) -> None:
        assert key not in self.kept, "stored twice"
        self.kept[key] = completion


def reply(text: str) -> Completion:
    return Completion(text=text, finish_reason="stop")


def ask(text: str, adapter: str | None = "coding", guidance: str | None = None) -> Request:
    messages = (Message(role="user", content=text),)
    return Request(messages=messages, adapter=adapter, guidance=guidance)


def echo(request: Request) -> str:
    return request.messages_sent[-1].content.upper()


def test_a_recording_answers_in_order_and_misses_go_live_together() -> None:
    live = FunctionEngine(echo)
    engine = ReplayEngine({ask("b").key: reply("recorded")}, live)
    texts = [c.text for c in engine.complete([ask("a"), ask("b"), ask("c")])]
    assert texts == ["A", "recorded", "C"]
    assert live.batches == [[ask("a"), ask("c")]]
    engine.close()
    assert live.is_closed


def test_a_full_recording_never_asks_the_live_engine() -> None:
    live = FunctionEngine(echo)
    assert ReplayEngine({ask("b").key: reply("x")}, live).complete([ask("b")])[0].text == "x"
    assert live.batches == []


def test_a_miss_names_key_and_adapter() -> None:
    request = ask("b")
    with pytest.raises(ReplayMiss, match=f"coding request {request.key}"):
        ReplayEngine({}).complete([request])


def test_guidance_reaches_the_live_engine_only_where_the_call_was_dropped() -> None:
    live = FunctionEngine(echo)
    engine = ReplayEngine({ask("kept").key: reply("recorded")}, live)
    guided = [ask("kept", guidance="hint"), ask("dropped", guidance="hint")]
    assert [c.text for c in engine.complete(guided)] == ["recorded", "DROPPED\n\nHINT"]


def test_replay_identity_follows_recording_and_live_engine() -> None:
    recording = {"k": reply("x")}
    identities = {
        ReplayEngine(recording).identity,
        ReplayEngine({"k": reply("y")}).identity,
        ReplayEngine(recording, FunctionEngine(echo)).identity,
        ReplayEngine(recording, FunctionEngine(echo, "other")).identity,
    }
    assert len(identities) == 4
    assert ReplayEngine(recording).identity in identities


def test_what_is_stored_is_never_asked_again() -> None:
    inner, store = FunctionEngine(echo), MemoryStore()
    first = StoredEngine(inner, store).complete([ask("a"), ask("b"), ask("a")])
    again = StoredEngine(inner, store).complete([ask("b"), ask("c"), ask("a")])
    assert [c.text for c in first] == ["A", "B", "A"]
    assert [c.text for c in again] == ["B", "C", "A"]
    assert inner.batches == [[ask("a"), ask("b")], [ask("c")]]


def test_a_guided_request_is_not_its_unguided_twin() -> None:
    engine = StoredEngine(FunctionEngine(echo), MemoryStore())
    twins = [ask("a"), ask("a", guidance="hint"), ask("a", guidance="other")]
    assert [c.text for c in engine.complete(twins)] == ["A", "A\n\nHINT", "A\n\nOTHER"]
    assert [c.text for c in engine.complete(twins)] == ["A", "A\n\nHINT", "A\n\nOTHER"]


def test_another_engine_does_not_get_the_stored_answer() -> None:
    store = MemoryStore()
    StoredEngine(FunctionEngine(echo, "one"), store).complete([ask("a")])
    other = FunctionEngine(lambda _: "other", "two")
    assert StoredEngine(other, store).complete([ask("a")])[0].text == "other"
    assert stored_key("one", ask("a")) != stored_key("two", ask("a"))


def test_completions_are_durable_before_anyone_sees_them() -> None:
    class FailingStore(MemoryStore):
        def put(self, key: str, request: Request, completion: Completion) -> None:
            raise OSError("disk full")

    inner = FunctionEngine(echo)
    engine = StoredEngine(inner, FailingStore())
    for _ in range(2):
        with pytest.raises(OSError, match="disk full"):
            engine.complete([ask("a")])
    assert len(inner.batches) == 2


def test_a_failure_is_not_stored_and_may_be_asked_again() -> None:
    answers = iter([EngineError("down"), "fine"])

    def flaky(_: Request) -> str:
        answer = next(answers)
        if isinstance(answer, EngineError):
            raise answer
        return answer

    store = MemoryStore()
    engine = StoredEngine(FunctionEngine(flaky), store)
    with pytest.raises(EngineError, match="down"):
        engine.complete([ask("a")])
    assert store.kept == {}
    assert engine.complete([ask("a")])[0].text == "fine"


def test_threads_that_ask_the_same_share_one_question() -> None:
    gate = threading.Event()

    def slow(request: Request) -> str:
        gate.wait(5)
        return echo(request)

    inner = FunctionEngine(slow)
    engine = StoredEngine(inner, MemoryStore())
    texts: list[str] = []
    threads = [
        threading.Thread(target=lambda: texts.append(engine.complete([ask("a")])[0].text))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert texts == ["A"] * 6
    assert inner.batches == [[ask("a")]]
    engine.close()
    assert inner.is_closed
