import logging
import threading
import time
from collections.abc import Iterator

import pytest

pytest.importorskip("openai")

from fake_server import USAGE, Exchange, FakeServer, echoes, ends, event, fails, says, streams
from mapcoder_lite.engine.limits import Limits
from mapcoder_lite.engine.openai import OpenAIEngine, Patience
from mapcoder_lite.errors import EngineError, PromptTooLong, Truncated, UnknownAdapter
from mapcoder_lite.grammar import Fixed, Grammar
from mapcoder_lite.trajectory import Completion, Message, Request, Sampling, Watch

KEY = "sk-very-secret"
PATIENCE = Patience(first_token_seconds=5, idle_seconds=5, max_retries=2)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def engine(server: FakeServer) -> Iterator[OpenAIEngine]:
    engine = OpenAIEngine(
        server.url, "base", {"coding": "coder-lora"}, api_key=KEY, patience=PATIENCE
    )
    yield engine
    engine.close()


def ask(text: str = "hi", adapter: str | None = None, **fields: object) -> Request:
    messages = (Message(role="system", content="s"), Message(role="user", content=text))
    return Request.model_validate({"messages": messages, "adapter": adapter, **fields})


def test_a_reply_with_its_usage(engine: OpenAIEngine) -> None:
    completion = engine.complete([ask()])[0]
    assert (completion.text, completion.finish_reason) == ("hello", "stop")
    assert completion.model == "served"
    assert completion.usage.prompt_tokens == 11
    assert completion.usage.cached_tokens == 8
    assert completion.usage.completion_tokens == 3
    assert completion.seconds > 0


def test_every_sampling_field_is_sent(server: FakeServer, engine: OpenAIEngine) -> None:
    sampling = Sampling(temperature=0.7, top_p=0.9, max_tokens=33, seed=5, stop=("</root>",))
    engine.complete([ask(adapter="coding", sampling=sampling, guidance="Mind n = 0.")])
    assert server.bodies == [
        {
            "model": "coder-lora",
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "hi\n\nMind n = 0."},
            ],
            "temperature": 0.7,
            "top_p": 0.9,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "max_tokens": 33,
            "seed": 5,
            "stop": ["</root>"],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_defaults_are_sent_too_and_attempts_differ_in_seed(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    engine.complete([ask()])
    engine.complete([ask(attempt=1)])
    first, second = server.bodies
    assert (first["model"], first["temperature"], first["top_p"]) == ("base", 0.0, 1.0)
    assert first["seed"] == 0
    assert second["seed"] not in (0, 1)


def test_a_batch_is_answered_in_order_and_at_once(server: FakeServer, engine: OpenAIEngine) -> None:
    together = threading.Barrier(8, timeout=5)

    def waits_for_all(exchange: Exchange) -> None:
        together.wait()
        echoes(exchange)

    server.manners = [waits_for_all]
    seen: dict[int, Completion] = {}
    watch = Watch(on_completion=lambda i, completion: seen.update({i: completion}))
    completions = engine.complete([ask(f"q{i}") for i in range(8)], watch)
    assert [completion.text for completion in completions] == [f"Q{i}" for i in range(8)]
    assert seen == dict(enumerate(completions))


def test_no_more_than_the_limit_are_in_flight(server: FakeServer) -> None:
    server.manners = [server.takes(most=99, seconds=0.02)]
    engine = OpenAIEngine(server.url, "base", limits=Limits(max_in_flight=3))
    texts = [completion.text for completion in engine.complete([ask(f"q{i}") for i in range(12)])]
    engine.close()
    assert texts == [f"Q{i}" for i in range(12)]
    assert server.most_in_flight == 3


def test_engines_of_one_endpoint_and_model_share_their_limit(server: FakeServer) -> None:
    server.manners = [server.takes(most=99, seconds=0.02)]
    engines = [
        OpenAIEngine(server.url, "shared", limits=Limits(max_in_flight=most)) for most in (4, 9)
    ]
    threads = [threading.Thread(target=engine.complete, args=([ask()] * 10,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for engine in engines:
        engine.close()
    assert len(server.bodies) == 20
    assert server.most_in_flight == 4


def test_a_limit_on_tokens_lets_large_requests_go_alone(server: FakeServer) -> None:
    server.manners = [server.takes(most=99, seconds=0.02)]
    engine = OpenAIEngine(server.url, "base", limits=Limits(32, max_tokens_in_flight=100))
    large = Sampling(max_tokens=5000)
    assert len(engine.complete([ask(sampling=large) for _ in range(5)])) == 5
    assert server.most_in_flight == 1
    small = Sampling(max_tokens=20)
    engine.complete([ask(sampling=small) for _ in range(12)])
    engine.close()
    assert 1 < server.most_in_flight <= 5


def test_text_is_handed_on_as_it_comes(server: FakeServer, engine: OpenAIEngine) -> None:
    server.manners = [streams([event("a"), event("b\u2028\r"), event("c"), *ends()])]
    heard: list[tuple[int, str]] = []
    completions = engine.complete([ask()], Watch(on_text=lambda i, text: heard.append((i, text))))
    assert heard == [(0, "a"), (0, "b\u2028\r"), (0, "c")]
    assert completions[0].text == "ab\u2028\rc"


def test_a_refusal_is_not_retried_and_hides_the_key(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    server.manners = [fails(401, f"bad key {KEY}")]
    with pytest.raises(EngineError, match=r"refused a request to 'base': .*bad key \*\*\*"):
        engine.complete([ask()])
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "complaint",
    [
        "This model's maximum context length is 2048 tokens, you asked for 9000.",
        "the request exceeds the available context size (n_prompt_tokens 9000, n_ctx 2048)",
        "input length exceeds the context length: 9000 > 2048",
        "prompt is too long: 9000 tokens > 2048 maximum",
        "Input length (9000 tokens) exceeds maximum allowed length (2048 tokens).",
        "`inputs` tokens + `max_new_tokens` must be <= 2048. Given: 9000 `inputs` tokens",
    ],
)
def test_a_context_complaint_is_a_prompt_too_long(
    server: FakeServer, engine: OpenAIEngine, complaint: str
) -> None:
    server.manners = [fails(400, complaint)]
    with pytest.raises(PromptTooLong, match=r"(?=.*2048)(?=.*9000)"):
        engine.complete([ask()])


def test_an_unknown_model_is_an_unknown_adapter(server: FakeServer, engine: OpenAIEngine) -> None:
    server.manners = [fails(404, "no such model")]
    with pytest.raises(UnknownAdapter, match="coder-lora"):
        engine.complete([ask(adapter="coding")])


def test_what_one_request_lacks_does_not_end_the_others(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    seen: list[int] = []
    watch = Watch(on_completion=lambda i, _: seen.append(i))
    requests = [ask(), ask(adapter="poetry"), ask(), ask(adapter="prose")]
    with pytest.raises(UnknownAdapter, match="'poetry' has no model name here; named: coding"):
        engine.complete(requests, watch)
    assert sorted(seen) == [0, 2]
    assert len(server.bodies) == 2


def test_a_grammar_is_refused_where_it_cannot_be_kept(engine: OpenAIEngine) -> None:
    with pytest.raises(EngineError, match="grammar: vllm, sglang and llama can"):
        engine.complete([ask(grammar=Grammar(parts=(Fixed(text="x"),)))])


def test_fields_that_a_hosted_model_refuses_are_reworded_once(
    server: FakeServer, engine: OpenAIEngine, caplog: pytest.LogCaptureFixture
) -> None:
    server.manners = [
        fails(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        fails(422, "Unrecognized request argument supplied: seed"),
        says("a"),
    ]
    with caplog.at_level(logging.WARNING):
        assert engine.complete([ask()])[0].text == "a"
        assert engine.complete([ask()])[0].text == "a"
    assert len(server.bodies) == 4
    for body in server.bodies[2:]:
        assert body["max_completion_tokens"] == 2048
        assert not {"max_tokens", "seed"} & body.keys()
    assert caplog.text.count("refuses max_tokens, which is sent as max_completion_tokens") == 1
    assert caplog.text.count("refuses seed, which is left out from now on") == 1


def test_a_refused_temperature_is_a_fault(server: FakeServer, engine: OpenAIEngine) -> None:
    server.manners = [fails(400, "temperature does not support 0.0 with this model")]
    with pytest.raises(EngineError, match="temperature does not support"):
        engine.complete([ask()])


def test_a_cut_reply_says_length(server: FakeServer, engine: OpenAIEngine) -> None:
    server.manners = [says("half", finish="length")]
    completion = engine.complete([ask(sampling=Sampling(max_tokens=3))])[0]
    assert completion.finish_reason == "length"


@pytest.mark.parametrize("finish", ["content_filter", "tool_calls"])
def test_an_unknown_end_is_refused(server: FakeServer, engine: OpenAIEngine, finish: str) -> None:
    server.manners = [says("a", finish=finish)]
    with pytest.raises(EngineError, match=f"unknown finish reason '{finish}'; it began 'a'"):
        engine.complete([ask()])
    assert len(server.bodies) == 1


def test_a_server_that_counts_nothing_is_said(
    server: FakeServer, engine: OpenAIEngine, caplog: pytest.LogCaptureFixture
) -> None:
    server.manners = [says("a", finish="length", usage=None)]
    with caplog.at_level(logging.WARNING):
        completions = [engine.complete([ask()])[0] for _ in range(2)]
    assert {completion.usage.prompt_tokens for completion in completions} == {0}
    assert caplog.text.count("counts no tokens") == 1


def test_a_reply_cut_short_for_lack_of_context_is_refused(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    server.manners = [says("half", finish="length")]
    with pytest.raises(EngineError, match=r"11 tokens, the reply 3 of at most 2048") as caught:
        engine.complete([ask()])
    assert not isinstance(caught.value, PromptTooLong)  # another server may do it


def test_a_prompt_that_was_cut_is_refused(server: FakeServer, engine: OpenAIEngine) -> None:
    with pytest.raises(EngineError, match=r"cut the prompt, which has 13 words.* counts 11 "):
        engine.complete([ask("word " * 12)])
    assert engine.complete([ask("word " * 10)])[0].text == "hello"


def test_a_known_context_is_kept_before_and_after(server: FakeServer) -> None:
    engine = OpenAIEngine(server.url, "base", context_tokens=40)
    with pytest.raises(PromptTooLong, match=r"at least 31 tokens and a reply of up to 10 .* 40"):
        engine.complete([ask("word " * 30, sampling=Sampling(max_tokens=10))])
    assert server.bodies == []
    server.manners = [says("a", usage=USAGE | {"prompt_tokens": 38, "total_tokens": 41})]
    with pytest.raises(Truncated, match=r"more was said than a context of 40 tokens holds"):
        engine.complete([ask(sampling=Sampling(max_tokens=10))])
    usage = USAGE | {"prompt_tokens": 34, "completion_tokens": 6, "total_tokens": 40}
    server.manners = [says("half", finish="length", usage=usage)]
    with pytest.raises(PromptTooLong, match=r"34 tokens, the reply 6 .* context of 40 tokens"):
        engine.complete([ask(sampling=Sampling(max_tokens=10))])
    engine.close()


def test_thinking_that_is_left_out_of_the_count_is_no_cut(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 21}
    server.manners = [says("half", finish="length", usage=usage)]
    completion = engine.complete([ask(sampling=Sampling(max_tokens=10))])[0]
    assert completion.usage.completion_tokens == 10


def test_closing_ends_a_wait(server: FakeServer, engine: OpenAIEngine) -> None:
    server.manners = [fails(429, Retry_After="60")]
    faults: list[EngineError] = []

    def work() -> None:
        try:
            engine.complete([ask()])
        except EngineError as error:
            faults.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while not server.bodies:
        time.sleep(0.01)
    engine.close()
    thread.join(timeout=5)
    assert [("closed" in str(fault)) for fault in faults] == [True]
    with pytest.raises(EngineError, match="closed"):
        engine.complete([ask()])


def test_the_key_is_in_no_repr(engine: OpenAIEngine) -> None:
    assert KEY not in repr(engine) + str(engine) + engine.identity
    assert engine.identity.startswith("openai http://")
    assert engine.identity.endswith("/v1 base coding=coder-lora")
