"""Replicas over real sockets: spread, stickiness, one that falls, all that are down."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("openai")

from fake_server import (
    Exchange,
    FakeServer,
    cuts,
    echoes,
    ends,
    event,
    fails,
    says,
    streams,
)
from mapcoder_lite.engine.openai import OpenAIEngine, Patience
from mapcoder_lite.engine.replicas import ReplicatedEngine
from mapcoder_lite.errors import EngineError, PromptTooLong
from mapcoder_lite.trajectory import Completion, Message, Request, Watch

PATIENCE = Patience(first_token_seconds=5, idle_seconds=5, max_retries=0)


@pytest.fixture
def servers() -> Iterator[list[FakeServer]]:
    servers = [FakeServer() for _ in range(3)]
    for server in servers:
        server.manners = [echoes]
    yield servers
    for server in servers:
        server.close()


def replicated(servers: list[FakeServer], **more: float) -> ReplicatedEngine:
    engines = [(s.url, OpenAIEngine(s.url, "base", patience=PATIENCE)) for s in servers]
    return ReplicatedEngine(engines, **more)  # type: ignore[arg-type]


@pytest.fixture
def engine(servers: list[FakeServer]) -> Iterator[ReplicatedEngine]:
    engine = replicated(servers)
    yield engine
    engine.close()


def ask(text: str, adapter: str | None = None) -> Request:
    return Request(messages=(Message(role="user", content=text),), adapter=adapter)


def questions(servers: list[FakeServer]) -> Counter[str]:
    return Counter(b["messages"][-1]["content"] for s in servers for b in s.bodies)


def test_many_requests_are_spread_evenly(servers: list[FakeServer], engine: ReplicatedEngine):
    for server in servers:
        server.manners = [server.takes(99, 0.01)]
    asked = [f"q{n}" for n in range(90)]
    answers = engine.complete([ask(text) for text in asked])
    assert [answer.text for answer in answers] == [text.upper() for text in asked]
    assert all(20 <= len(server.bodies) <= 40 for server in servers)
    assert engine.num_asked() == {server.url: len(server.bodies) for server in servers}


def test_prompts_that_begin_alike_go_to_the_same_replica(
    servers: list[FakeServer], engine: ReplicatedEngine
):
    problems = [f"problem {n} " + "x" * 2000 for n in range(6)]
    engine.complete([ask(problem) for problem in problems])
    for round in range(3):
        for problem in problems:
            engine.complete([ask(f"{problem} round {round}")])
    homes = [
        {i for i, s in enumerate(servers) for q in questions([s]) if q.startswith(problem)}
        for problem in problems
    ]
    assert all(len(home) == 1 for home in homes)
    assert len(set.union(*homes)) == 3


def test_stickiness_gives_way_to_load(servers: list[FakeServer], engine: ReplicatedEngine):
    for server in servers:
        server.manners = [server.takes(99, 0.05)]
    engine.complete([ask("same " + "x" * 2000 + str(n)) for n in range(30)])
    assert all(len(server.bodies) >= 8 for server in servers)


def test_a_replica_that_falls_in_mid_run_loses_nothing(
    servers: list[FakeServer], engine: ReplicatedEngine
):
    for server in servers:
        server.manners = [server.takes(99, 0.02)]
    fallen = servers[1]

    def fall(exchange: Exchange) -> None:
        if len(fallen.bodies) < 10:
            fallen.takes(99, 0.02)(exchange)
        else:
            cuts("half of an ans")(exchange)

    fallen.manners = [fall]
    seen: Counter[str] = Counter()
    asked = [f"q{n}" for n in range(120)]

    def one(text: str) -> str:
        watch = Watch(on_completion=lambda _, completion: seen.update([completion.text]))
        return engine.complete([ask(text)], watch)[0].text

    with ThreadPoolExecutor(12) as threads:
        texts = list(threads.map(one, asked))
    assert texts == [text.upper() for text in asked]
    assert seen == Counter(texts)
    # only what was under way when it fell was asked elsewhere; then it rested
    repeated = sum(count - 1 for count in questions(servers).values())
    assert 1 <= repeated <= 12
    assert len(fallen.bodies) == 9 + repeated


def test_a_replica_whose_process_is_gone_is_rested_and_comes_back(servers: list[FakeServer]):
    time = [0.0]
    engines = [(s.url, OpenAIEngine(s.url, "base", patience=PATIENCE)) for s in servers[:2]]
    engine = ReplicatedEngine(engines, rest_seconds=10, now=lambda: time[0])
    servers[0].manners = [fails(500, "out of memory"), echoes]
    assert [engine.complete([ask(f"q{n}")])[0].text for n in range(4)] == ["Q0", "Q1", "Q2", "Q3"]
    assert (len(servers[0].bodies), len(servers[1].bodies)) == (1, 4)
    time[0] = 11.0
    for n in range(4, 8):
        engine.complete([ask(f"q{n}")])
    assert len(servers[0].bodies) > 1
    engine.close()


def test_all_down_names_each_fault(servers: list[FakeServer], engine: ReplicatedEngine):
    for n, server in enumerate(servers):
        server.manners = [fails(500, f"fault number {n}")]
    with pytest.raises(EngineError) as caught:
        engine.complete([ask("q")])
    assert "none of 3 replicas" in str(caught.value)
    for n, server in enumerate(servers):
        assert f"fault number {n}" in str(caught.value)
        assert server.url in str(caught.value)
    for server in servers:  # rested, yet better than nobody
        server.manners = [echoes]
    assert engine.complete([ask("again")])[0].text == "AGAIN"


def test_a_fault_of_the_request_is_not_tried_elsewhere(
    servers: list[FakeServer], engine: ReplicatedEngine
):
    for server in servers:
        server.manners = [fails(400, "maximum context length is 10 tokens")]
    with pytest.raises(PromptTooLong):
        engine.complete([ask("q")])
    assert sum(len(server.bodies) for server in servers) == 1


def test_streamed_text_is_told_once_though_a_replica_fell_within_it(servers: list[FakeServer]):
    engine = replicated(servers[:2])
    servers[0].manners = [cuts("hel")]
    servers[1].manners = [says("he", "llo")]
    texts: list[str] = []
    seen: list[Completion] = []
    watch = Watch(
        on_text=lambda _, text: texts.append(text),
        on_completion=lambda _, completion: seen.append(completion),
    )
    assert engine.complete([ask("q")], watch)[0].text == "hello"
    assert "".join(texts) == "hello"
    assert [completion.text for completion in seen] == ["hello"]
    engine.close()


def test_another_text_than_the_one_told_is_no_answer(servers: list[FakeServer]):
    engine = replicated(servers[:2])
    servers[0].manners = [cuts("hel")]
    servers[1].manners = [streams([event("something else"), *ends()])]
    with pytest.raises(EngineError, match="another text"):
        engine.complete([ask("q")], Watch(on_text=lambda _, text: None))
    engine.close()


def test_the_identity_is_the_first_replicas_so_that_others_may_come_and_go(
    servers: list[FakeServer],
):
    engine, fewer = replicated(servers), replicated(servers[:1])
    assert engine.identity == fewer.identity
    engine.close()
    fewer.close()


def test_a_server_that_is_not_there_is_done_without(servers: list[FakeServer]):
    gone = FakeServer()
    gone.close()
    engine = replicated([gone, servers[0]])
    texts = [engine.complete([ask(f"q{n}")])[0].text for n in range(10)]
    assert texts == [f"Q{n}" for n in range(10)]
    assert engine.num_asked()[gone.url] == 1
    engine.close()
