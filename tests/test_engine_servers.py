import json
from collections.abc import Iterator

import pytest

pytest.importorskip("openai")

from fake_server import Exchange, FakeServer, ends, event, fails, says, streams
from mapcoder_lite.engine.grammar import to_gbnf
from mapcoder_lite.engine.openai import OpenAIEngine, Patience
from mapcoder_lite.errors import EngineError, PromptTooLong, Truncated, UnknownAdapter
from mapcoder_lite.grammar import Fixed, Grammar
from mapcoder_lite.settings import ServerKind
from mapcoder_lite.trajectory import Message, Request, Sampling, Watch

ROLES = ("retrieval", "planning", "coding", "debugging")
GRAMMAR = Grammar(parts=(Fixed(text="<root>"),))


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


def opened(server: FakeServer, kind: ServerKind, **fields: object) -> OpenAIEngine:
    adapters = {role: role for role in ROLES}
    patience = Patience(first_token_seconds=3, idle_seconds=3, max_retries=1)
    return OpenAIEngine(server.url, "base", adapters, kind=kind, patience=patience, **fields)


def ask(adapter: str | None = None, **fields: object) -> Request:
    return Request(messages=(Message(role="user", content="hi"),), adapter=adapter, **fields)


def bodies(server: FakeServer, kind: ServerKind, *requests: Request) -> list[dict[str, object]]:
    engine = opened(server, kind)
    engine.complete(requests[:1])
    engine.complete(requests[1:])
    engine.close()
    return server.bodies


def test_vllm_is_told_every_field_and_the_adapters_name(server: FakeServer) -> None:
    bare, role = bodies(server, ServerKind.VLLM, ask(), ask("coding", grammar=GRAMMAR))
    assert (bare["model"], role["model"]) == ("base", "coding")
    assert (bare["repetition_penalty"], bare["top_k"], bare["min_p"]) == (1.0, 0, 0.0)
    assert "structured_outputs" not in bare
    assert role["structured_outputs"] == {"grammar": to_gbnf(GRAMMAR)}


def test_sglang_has_the_adapter_behind_the_backbones_name(server: FakeServer) -> None:
    bare, role = bodies(server, ServerKind.SGLANG, ask(), ask("coding", grammar=GRAMMAR))
    full = OpenAIEngine(server.url, "base", {"coding": "base:coding"}, kind=ServerKind.SGLANG)
    full.complete([ask("coding")])
    full.close()
    assert server.bodies[-1]["model"] == "base:coding"
    assert (bare["model"], role["model"]) == ("base", "base:coding")
    assert (bare["repetition_penalty"], bare["top_k"]) == (1.0, -1)
    assert role["ebnf"] == to_gbnf(GRAMMAR)


LORAS = [
    {"id": 3, "path": "/m/coding.gguf", "scale": 1.0},
    {"id": 0, "path": "/m/planning/adapter.gguf", "scale": 1.0},
    {"id": 7, "path": "/m/retrieval/adapter.gguf", "scale": 1.0},
    {"id": 1, "path": "debugging", "scale": 1.0},
]


def scales(body: dict[str, object]) -> dict[int, float]:
    listed = body["lora"]
    assert isinstance(listed, list)
    return {entry["id"]: entry["scale"] for entry in listed}


def test_llama_server_is_told_the_scale_of_every_adapter(server: FakeServer) -> None:
    server.pages["/lora-adapters"] = LORAS
    asked = [ask(), *(ask(role) for role in ROLES), ask(grammar=GRAMMAR)]
    bare, *_ = bodies(server, ServerKind.LLAMA, *asked)
    assert scales(bare) == {0: 0.0, 1: 0.0, 3: 0.0, 7: 0.0}
    used = [{i for i, scale in scales(body).items() if scale == 1.0} for body in server.bodies]
    assert used[0] == set()
    assert sorted(map(tuple, used[1:])) == [(), (0,), (1,), (3,), (7,)]
    assert all(len(scales(body)) == 4 for body in server.bodies)
    assert {body["model"] for body in server.bodies} == {"base"}
    assert (bare["cache_prompt"], bare["repeat_penalty"], bare["top_k"]) == (True, 1.0, 0)
    assert [body["grammar"] for body in server.bodies if "grammar" in body] == [to_gbnf(GRAMMAR)]


def test_an_adapter_that_llama_server_lacks_is_named(server: FakeServer) -> None:
    engine = opened(server, ServerKind.LLAMA)
    server.pages["/lora-adapters"] = LORAS[1:]
    with pytest.raises(UnknownAdapter, match=r"called 'coding'; loaded: /m/planning/adapter.gguf"):
        engine.complete([ask("coding")])
    assert server.bodies == []
    engine.close()
    engine = opened(server, ServerKind.LLAMA)
    server.pages["/lora-adapters"] = {"error": "no"}
    with pytest.raises(EngineError, match=r"engine\.server=llama is for llama-server only"):
        engine.complete([ask("coding")])
    del server.pages["/lora-adapters"]
    with pytest.raises(
        EngineError, match=r"engine\.server=llama is for llama-server only.*HTTP 404"
    ):
        engine.complete([ask("coding")])
    engine.close()


def test_llama_server_that_was_restarted_is_asked_for_its_adapters_again(
    server: FakeServer,
) -> None:
    server.pages["/lora-adapters"] = LORAS[:1]
    engine = opened(server, ServerKind.LLAMA)

    def restarts(exchange: Exchange) -> None:
        server.pages["/lora-adapters"] = [LORAS[0] | {"id": 5}]
        exchange.cut()

    server.manners = [says("a"), restarts, says("b")]
    engine.complete([ask("coding")])
    engine.complete([ask("coding")])
    engine.close()
    assert [scales(body) for body in server.bodies] == [{3: 1.0}, {3: 1.0}, {5: 1.0}]


def test_llama_servers_counts_and_its_refusal(server: FakeServer) -> None:
    server.pages["/lora-adapters"] = []
    engine = opened(server, ServerKind.LLAMA)
    timings = {"cache_n": 6, "prompt_n": 5, "predicted_n": 3, "predicted_ms": 1.5}
    server.manners = [
        streams([event("a"), event(finish="stop", timings=timings), "data: [DONE]\n\n"])
    ]
    usage = engine.complete([ask()])[0].usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (11, 6, 3)
    counts = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    server.manners = [streams([event("a"), *ends(usage=counts, timings=timings)])]
    assert engine.complete([ask()])[0].usage == usage
    refusal = {
        "code": 400,
        "message": "request (13392 tokens) exceeds the available context size (8192 tokens)",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 13392,
        "n_ctx": 8192,
    }
    server.manners = [lambda exchange: exchange.fail(400, {}, json.dumps({"error": refusal}))]
    with pytest.raises(PromptTooLong, match=r'"n_prompt_tokens": 13392, "n_ctx": 8192'):
        engine.complete([ask()])
    engine.close()


def test_deepseek_counts_the_cached_in_its_own_field(server: FakeServer) -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "prompt_cache_hit_tokens": 4}
    server.manners = [says("a", usage=usage)]
    engine = opened(server, ServerKind.OPENAI)
    assert engine.complete([ask()])[0].usage.cached_tokens == 4
    engine.close()


def part(text: str = "", **more: object) -> str:
    message = {"role": "assistant", "content": text}
    return json.dumps({"model": "coding", "message": message, "done": False} | more) + "\n"


COUNTS = {"prompt_eval_count": 11, "prompt_eval_cached_count": 5, "eval_count": 2}
DONE = part(done=True, done_reason="stop", **COUNTS)


def test_ollama_is_asked_by_its_own_api(server: FakeServer) -> None:
    server.manners = [streams([part("hel"), part("lo"), DONE])]
    engine = opened(server, ServerKind.OLLAMA, context_tokens=4096)
    heard: list[str] = []
    watch = Watch(on_text=lambda _, text: heard.append(text))
    sampling = Sampling(temperature=0.5, top_p=0.9, max_tokens=77, seed=3, stop=("x",))
    completion = engine.complete([ask("coding", sampling=sampling)], watch)[0]
    engine.close()
    assert completion.text == "".join(heard) == "hello"
    assert (completion.model, completion.finish_reason) == ("coding", "stop")
    usage = completion.usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (11, 5, 2)
    assert server.paths == ["/api/chat"]
    assert server.bodies == [
        {
            "model": "coding",
            "messages": [{"role": "user", "content": "hi"}],
            "stream": True,
            "truncate": False,
            "shift": False,
            "keep_alive": "30m",
            "options": {
                "temperature": 0.5,
                "top_p": 0.9,
                "top_k": 0,
                "min_p": 0.0,
                "typical_p": 1.0,
                "repeat_penalty": 1.0,
                "presence_penalty": 0.0,
                "frequency_penalty": 0.0,
                "seed": 3,
                "num_predict": 77,
                "mirostat": 0,
                "stop": ["x"],
                "num_ctx": 4096,
            },
        }
    ]


def test_ollama_without_a_context_is_left_its_own(server: FakeServer) -> None:
    server.manners = [streams([part("a"), DONE])]
    [body] = bodies(server, ServerKind.OLLAMA, ask())
    assert isinstance(body["options"], dict)
    assert "num_ctx" not in body["options"]


@pytest.mark.parametrize(
    "manner",
    [
        streams([part("he")]),
        streams([part("he"), "{half\n"]),
        streams([part("he"), '{"error": "the runner has ended"}\n']),
        fails(503, Retry_After="0"),
    ],
    ids=["cut", "half", "error", "503"],
)
def test_ollamas_troubles_are_tried_again(server: FakeServer, manner: object) -> None:
    server.manners = [manner, streams([part("hel"), part("lo"), DONE])]
    engine = opened(server, ServerKind.OLLAMA)
    heard: list[str] = []
    completion = engine.complete([ask()], Watch(on_text=lambda _, text: heard.append(text)))[0]
    engine.close()
    assert completion.text == "".join(heard) == "hello"


@pytest.mark.parametrize(
    ("ending", "counts", "fault", "reason"),
    [
        ("length", (4000, 96), PromptTooLong, "held no more"),
        ("stop", (4000, 900), Truncated, "more was said"),
        ("stop", (30, 9), Truncated, "cut the prompt"),
    ],
)
def test_what_an_older_ollama_cuts_is_noticed(
    server: FakeServer, ending: str, counts: tuple[int, int], fault: type[EngineError], reason: str
) -> None:
    said = {"done_reason": ending, "prompt_eval_count": counts[0], "eval_count": counts[1]}
    server.manners = [streams([part("a"), part(done=True, **said)])]
    engine = opened(server, ServerKind.OLLAMA, context_tokens=4096)
    request = Request(messages=(Message(role="user", content="word " * 40),))
    with pytest.raises(fault, match=reason):
        engine.complete([request])
    engine.close()


def test_ollama_refuses_a_prompt_that_does_not_fit(server: FakeServer) -> None:
    text = '{"error": "the input length exceeds the context length (9000 > 4096)"}'
    server.manners = [lambda exchange: exchange.fail(400, {}, text)]
    engine = opened(server, ServerKind.OLLAMA)
    with pytest.raises(PromptTooLong, match="9000 > 4096"):
        engine.complete([ask()])
    with pytest.raises(
        EngineError, match=r"engine\.server=ollama cannot hold a reply to a grammar"
    ):
        engine.complete([ask(grammar=GRAMMAR)])
    engine.close()


@pytest.mark.parametrize("kind", ServerKind)
def test_a_server_is_named_by_its_kind(server: FakeServer, kind: ServerKind) -> None:
    engine = opened(server, kind)
    assert engine.identity.startswith(f"{kind.value} {server.url} base ")
    engine.close()
