import threading
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.engine.routes import RoutedEngine
from mapcoder_lite.errors import Cancelled, EngineError
from mapcoder_lite.trajectory import Cancellation, Completion, Message, Request, Watch


class Named:
    """Answers with its name and the question; does first what it is told to."""

    def __init__(self, name: str, first: Callable[[Watch], None] = lambda _: None) -> None:
        self.identity = name
        self.asked: list[str] = []
        self.is_closed = False
        self._first = first

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        watch = watch or Watch()
        self.asked += [request.messages[-1].content for request in requests]
        self._first(watch)
        answers = [
            Completion(text=f"{self.identity}:{r.messages[-1].content}", finish_reason="stop")
            for r in requests
        ]
        for place, answer in enumerate(answers):
            watch.answer(place, answer)
        return answers

    def close(self) -> None:
        self.is_closed = True


def ask(text: str, adapter: str | None = None, attempt: int = 0) -> Request:
    message = Message(role="user", content=text)
    return Request(messages=(message,), adapter=adapter, attempt=attempt)


def by_adapter(request: Request) -> str:
    return request.adapter or "base"


@given(st.lists(st.sampled_from(["base", "coding", "planning"]), max_size=12))
def test_each_request_is_answered_by_its_engine_in_order(names: list[str]):
    engines = {name: Named(name) for name in ("base", "coding", "planning")}
    engine = RoutedEngine(engines, by_adapter)
    texts: dict[int, str] = {}
    completions: dict[int, str] = {}
    threads: set[threading.Thread] = set()

    def done(place: int, completion: Completion) -> None:
        threads.add(threading.current_thread())
        completions[place] = completion.text

    watch = Watch(on_text=texts.__setitem__, on_completion=done)
    answers = engine.complete([ask(str(i), name) for i, name in enumerate(names)], watch)
    wanted = [f"{name}:{i}" for i, name in enumerate(names)]
    assert [answer.text for answer in answers] == wanted
    assert texts == completions == dict(enumerate(wanted))
    assert threads <= {threading.current_thread()}


def test_engines_are_asked_at_the_same_time():
    meeting = threading.Barrier(2, timeout=5)
    engines = {name: Named(name, lambda _: meeting.wait() and None) for name in ("a", "b")}
    engine = RoutedEngine(engines, by_adapter)
    answers = engine.complete([ask("1", "a"), ask("2", "b")])
    assert [answer.text for answer in answers] == ["a:1", "b:2"]


def test_a_fault_of_one_does_not_hide_the_others_answers():
    def fail(_: Watch) -> None:
        raise EngineError("a is down")

    engine = RoutedEngine({"a": Named("a", fail), "b": Named("b")}, by_adapter)
    seen: list[str] = []
    watch = Watch(on_completion=lambda _, completion: seen.append(completion.text))
    with pytest.raises(EngineError, match="a is down"):
        engine.complete([ask("1", "a"), ask("2", "b")], watch)
    assert seen == ["b:2"]


def waits_to_be_called_off(watch: Watch) -> None:
    heard = threading.Event()
    assert watch.cancellation is not None
    with watch.cancellation.heard_by(heard.set):
        assert heard.wait(5)
    raise Cancelled("called off")


def test_calling_off_reaches_every_engine():
    engines = {name: Named(name, waits_to_be_called_off) for name in ("a", "b")}
    cancellation = Cancellation()
    timer = threading.Timer(0.05, cancellation.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        RoutedEngine(engines, by_adapter).complete(
            [ask("1", "a"), ask("2", "b")], Watch(cancellation)
        )
    timer.join()
    assert cancellation.is_cancelled


def test_what_the_watch_raises_calls_off_the_rest():
    engine = RoutedEngine({"a": Named("a"), "b": Named("b", waits_to_be_called_off)}, by_adapter)

    def refuse(_: int, completion: Completion) -> None:
        raise RuntimeError(completion.text)

    with pytest.raises(RuntimeError, match="a:1"):
        engine.complete([ask("1", "a"), ask("2", "b")], Watch(on_completion=refuse))


def test_the_identity_names_all_and_closing_closes_all():
    engines = {"a": Named("one"), "b": Named("two")}
    engine = RoutedEngine(engines, by_adapter)
    assert engine.identity == "routed a=[one] b=[two]"
    engine.close()
    assert all(inner.is_closed for inner in engines.values())
