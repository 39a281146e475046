import threading
import time
from collections.abc import Callable, Sequence

import pytest

from mapcoder_lite.engine.replay import ReplayEngine, StoredEngine, stored_key
from mapcoder_lite.errors import Cancelled, EngineError, PromptTooLong, ReplayMiss, StoreError
from mapcoder_lite.trajectory import Cancellation, Completion, Message, Request, Watch


class FunctionEngine:
    """Answers with a function of the request and remembers the batches."""

    def __init__(self, answer: Callable[[Request], str], identity: str = "function") -> None:
        self.answer = answer
        self.identity = identity
        self.batches: list[list[Request]] = []
        self.is_closed = False

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
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


class HalvingEngine(FunctionEngine):
    """Answers the first request of a batch and fails at the second."""

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        (watch or Watch()).answer(0, reply(self.answer(requests[0])))
        raise EngineError("the second one broke")


def test_what_was_answered_before_a_fault_is_stored() -> None:
    store = MemoryStore()
    first, second = ask("a"), ask("b")
    engine = StoredEngine(HalvingEngine(str), store)
    with pytest.raises(EngineError, match="broke"):
        engine.complete([first, second])
    assert list(store.kept) == [stored_key("function", first)]


def test_a_store_that_fails_ends_the_call_and_shows_nothing() -> None:
    class Full(MemoryStore):
        def put(self, key: str, request: Request, completion: Completion) -> None:
            raise StoreError("disk full")

    seen: list[int] = []
    engine = StoredEngine(FunctionEngine(lambda _: "x"), Full())
    with pytest.raises(StoreError):
        engine.complete([ask("a")], Watch(on_completion=lambda index, _: seen.append(index)))
    assert not seen


def test_every_place_of_a_question_is_shown_its_answer() -> None:
    store = MemoryStore()
    StoredEngine(FunctionEngine(lambda r: r.messages[0].content), store).complete([ask("b")])
    engine = StoredEngine(FunctionEngine(lambda r: r.messages[0].content), store)
    texts: list[tuple[int, str]] = []
    completions: list[tuple[int, str]] = []
    watch = Watch(
        on_text=lambda index, text: texts.append((index, text)),
        on_completion=lambda index, completion: completions.append((index, completion.text)),
    )
    engine.complete([ask("a"), ask("b"), ask("a")], watch)
    assert sorted(completions) == [(0, "a"), (1, "b"), (2, "a")]
    assert sorted(texts) == [(1, "b"), (2, "a")]  # the function engine streams nothing itself


def test_a_question_called_off_by_another_thread_is_asked_again() -> None:
    asked = threading.Event()
    cancellation = Cancellation()

    class Slow(FunctionEngine):
        def complete(
            self, requests: Sequence[Request], watch: Watch | None = None
        ) -> list[Completion]:
            if not asked.is_set():
                asked.set()
                gone = threading.Event()
                with cancellation.heard_by(gone.set):
                    assert gone.wait(10)
                raise Cancelled("called off")
            return super().complete(requests, watch)

    engine = StoredEngine(Slow(lambda _: "x"), MemoryStore())
    outcomes: list[object] = []

    def first() -> None:
        try:
            engine.complete([ask("a")], Watch(cancellation))
        except Cancelled as fault:
            outcomes.append(fault)

    def second() -> None:
        outcomes.append(engine.complete([ask("a")])[0].text)

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert asked.wait(10)
    threads[1].start()
    cancellation.cancel()
    for thread in threads:
        thread.join(10)
    assert sorted(map(str, outcomes)) == ["called off", "x"]


def test_waiting_for_another_thread_can_be_called_off() -> None:
    asked, release = threading.Event(), threading.Event()

    def answer(_: Request) -> str:
        asked.set()
        assert release.wait(10)
        return "x"

    engine = StoredEngine(FunctionEngine(answer), MemoryStore())
    owner = threading.Thread(target=lambda: engine.complete([ask("a")]))
    owner.start()
    assert asked.wait(10)
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled):
        engine.complete([ask("a")], Watch(cancellation))
    release.set()
    owner.join(10)
    assert not owner.is_alive()


def test_a_listener_hears_a_cancellation_once_and_only_while_it_listens() -> None:
    cancellation = Cancellation()
    heard: list[str] = []
    with cancellation.heard_by(lambda: heard.append("before")):
        pass
    with cancellation.heard_by(lambda: heard.append("during")):
        cancellation.cancel()
        cancellation.cancel()
    with cancellation.heard_by(lambda: heard.append("late")):
        pass
    assert heard == ["during", "late"]
    assert cancellation.is_cancelled


class FailingEngine(FunctionEngine):
    """Waits for its gate, then answers nothing and fails in its own way."""

    def __init__(self, fault: EngineError) -> None:
        super().__init__(str)
        self.fault = fault
        self.asked, self.gate = threading.Event(), threading.Event()

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        if not self.asked.is_set():
            self.asked.set()
            assert self.gate.wait(10)
            raise self.fault
        return super().complete(requests, watch)


def test_a_thread_that_waits_never_gets_the_fault_of_anothers_question() -> None:
    inner = FailingEngine(PromptTooLong("the other question is too long"))
    engine = StoredEngine(inner, MemoryStore())
    outcomes: list[object] = []

    def first() -> None:
        try:
            engine.complete([ask("long"), ask("shared")])
        except PromptTooLong as fault:
            outcomes.append(fault)

    def second() -> None:
        outcomes.append(engine.complete([ask("shared")])[0].text)

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inner.asked.wait(10)
    threads[1].start()
    time.sleep(0.05)  # so that it waits; were it late, it would ask anew all the same
    inner.gate.set()
    for thread in threads:
        thread.join(10)
    assert len(outcomes) == 2
    assert {type(outcome) for outcome in outcomes} == {PromptTooLong, str}


def test_what_is_stored_is_shown_though_the_rest_fails() -> None:
    store = MemoryStore()
    StoredEngine(FunctionEngine(lambda _: "x"), store).complete([ask("a")])
    inner = FailingEngine(EngineError("broke"))
    inner.gate.set()
    seen: list[int] = []
    engine = StoredEngine(inner, store)
    with pytest.raises(EngineError, match="broke"):
        engine.complete(
            [ask("b"), ask("a")], Watch(on_completion=lambda index, _: seen.append(index))
        )
    assert seen == [1]
