"""Servers of every kind, sound and hostile, over real sockets."""

import json
import os
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import model_servers as fake
from mapcoder_lite.engine.backend import (
    Answer,
    Backend,
    ServedModel,
    Stranger,
    read_ollama_model,
    recognise,
)
from mapcoder_lite.engine.probe import (
    MAX_BODY_BYTES,
    Endpoint,
    named_endpoint,
    ollama_model,
    probe,
    probe_all,
    usual_endpoints,
    with_ollama_adapters,
)
from mapcoder_lite.errors import ConfigError
from mapcoder_lite.settings import ServerKind
from model_servers import ROLES, Route, serving, talking
from source_tree import PACKAGE

KEY = "sk-very-secret"


def found_at(url: str, seconds: float = 2.0) -> Backend:
    finding = probe(Endpoint(url, seconds=seconds))
    assert isinstance(finding, Backend), finding
    return finding


def found(routes: dict[str, Route]) -> Backend:
    with serving(routes) as server:
        return found_at(server.url)


def stranger_at(url: str, seconds: float = 2.0) -> Stranger:
    finding = probe(Endpoint(url, seconds=seconds))
    assert isinstance(finding, Stranger), finding
    return finding


def test_vllm_tells_adapters_by_their_parent_and_the_loaded_context():
    backend = found(fake.vllm(*ROLES, context=2048))
    assert (backend.server, backend.name) == (ServerKind.VLLM, "vLLM 0.32.0")
    assert backend.models == (ServedModel("base", 2048),)
    assert backend.adapters == ROLES
    assert backend.faults == ()


def test_sglang_is_told_by_its_owner_or_its_own_path():
    backend = found(fake.sglang("coding"))
    assert (backend.server, backend.adapters) == (ServerKind.SGLANG, ("coding",))
    assert backend.models == (ServedModel("base", 4096),)
    renamed = fake.sglang() | {"/v1/models": {"data": fake.cards("m", owner="us")}}
    assert found(renamed).server is ServerKind.SGLANG


def test_llama_server_tells_the_context_of_a_slot_and_the_files_of_adapters():
    backend = found(fake.llama("/a/coding/adapter.gguf", "/a/planning.gguf"))
    assert (backend.server, backend.name) == (ServerKind.LLAMA, "llama-server b7000-abc")
    assert backend.models == (ServedModel("m.gguf", 8192),)
    assert [backend.has_adapter(name) for name in ("coding", "planning", "debugging")] == [
        True,
        True,
        False,
    ]
    renamed = fake.llama() | {"/v1/models": {"data": fake.cards("m", owner="us")}}
    assert found(renamed).server is ServerKind.LLAMA


def test_ollama_tells_what_is_loaded_and_what_a_model_is_made_of():
    names = ("qwen:latest", "mapcoder-coding:latest")
    with serving(fake.ollama(*names, loaded={"qwen:latest": 4096})) as server:
        backend = found_at(server.url)
        assert (backend.server, backend.name) == (ServerKind.OLLAMA, "Ollama 0.40.1")
        assert backend.models == (ServedModel(names[0], 4096), ServedModel(names[1], None))
        assert backend.model_named("qwen") == ServedModel("qwen:latest", 4096)
        made = ollama_model(Endpoint(server.url), names[1])
        assert made is not None
        assert (made.baked_context_tokens, made.max_context_tokens) == (12288, 32768)
        tuned = with_ollama_adapters(Endpoint(server.url), backend, names)
        assert tuned.adapters == (names[1],)


def test_lm_studio_tells_the_loaded_context_and_has_no_adapters():
    backend = found(fake.lm_studio())
    assert (backend.server, backend.name) == (ServerKind.OPENAI, "LM Studio")
    assert backend.models == (ServedModel("qwen", 4096), ServedModel("other", None))
    assert backend.adapters == ()


def test_a_plain_server_is_one_that_lists_models():
    backend = found(fake.hosted("big", "small"))
    assert (backend.server, backend.name) == (ServerKind.OPENAI, "OpenAI-compatible server")
    assert backend.names == ("big", "small")
    assert found({"/v1/models": {"data": []}}).models == ()


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        ((200, "<html>hello</html>"), "not JSON"),
        ((200, "[" * 500_000), "not JSON"),
        ((200, "9" * 10_000), "not JSON"),
        ((200, ""), "not JSON"),
        ((200, "null"), "no list of models"),
        ((200, '{"data": {"id": "x"}}'), "no list of models"),
        ((200, " " * (MAX_BODY_BYTES + 1)), "longer than 1000000 bytes"),
        ((404, "not here"), "HTTP 404"),
        ((500, "boom"), "HTTP 500"),
        ((401, "who are you"), "asks for a key"),
    ],
)
def test_what_is_no_model_server_is_said_and_not_raised(route: Route, reason: str):
    with serving({"/v1/models": route}) as server:
        stranger = stranger_at(server.url)
    assert reason in stranger.reason
    assert stranger.status == route[0]


def test_wrong_types_are_faults_and_the_rest_is_kept():
    routes = fake.vllm("coding")
    listed = json.loads(json.dumps(routes["/v1/models"]))
    listed["data"][0]["max_model_len"] = "plenty"
    listed["data"] += [7, None, {"id": 3}, {"id": ""}, {"id": "ok", "owned_by": 1, "parent": []}]
    backend = found({"/v1/models": listed, "/version": ["0.32"]})
    assert backend.name == "vLLM"
    assert backend.models == (ServedModel("base"), ServedModel("ok"))
    assert backend.adapters == ("coding",)
    assert "/v1/models: max_model_len is 'plenty', not a number of tokens" in backend.faults
    assert "/v1/models: entry 2 has no name" in backend.faults


@pytest.mark.parametrize("context", [-1, 0, True, 3.5, 1e400, [8], {"n": 1}])
def test_a_context_that_is_no_number_of_tokens_is_none(context: object):
    routes = fake.llama()
    routes["/props"] = {"default_generation_settings": {"n_ctx": context}}
    del routes["/lora-adapters"]
    backend = found(routes)
    assert backend.models[0].context_tokens == 1  # what its list of models says instead
    assert backend.adapters == ()


def test_answers_that_cannot_be_read_are_faults():
    routes = fake.llama() | {"/props": (200, "<html>"), "/lora-adapters": {"id": 0}}
    backend = found(routes)
    assert backend.server is ServerKind.LLAMA
    assert backend.faults == ("/props: the answer is not JSON",)


def test_a_redirect_is_not_followed_and_the_key_stays():
    with serving({"/v1/models": {"data": fake.cards("m", owner="vllm")}}) as other:
        target = other.url.replace("127.0.0.1", "localhost") + "/models"
        with serving({"/v1/models": (307, "")}, headers={"Location": target}) as server:
            finding = probe(named_endpoint(server.url, KEY))
            assert isinstance(finding, Stranger)
            assert "sends elsewhere" in finding.reason
            assert server.headers[0]["authorization"] == f"Bearer {KEY}"
        assert other.asked == []


def test_a_key_is_shown_nowhere_and_a_broken_one_is_not_repeated():
    endpoint = named_endpoint("http://127.0.0.1:9/v1", f"{KEY}\nX: y")
    finding = probe(endpoint)
    assert KEY not in repr(endpoint)
    assert isinstance(finding, Stranger)
    with serving(fake.vllm()) as server:
        finding = probe(named_endpoint(server.url, f"{KEY}\nX: y"))
    assert isinstance(finding, Stranger)
    assert "ValueError" in finding.reason
    assert KEY not in repr(finding)


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (fake.say_nothing, "no answer within 1.5 s"),
        (fake.drip, "no whole answer within 1.5 s"),
        (fake.garble, "no sound HTTP"),
        (lambda connection: None, "no sound HTTP|closed|reset"),
    ],
)
def test_a_hostile_listener_costs_its_time_and_no_more(talk, reason: str):
    with talking(talk) as url:
        started = time.monotonic()
        # on a busy machine the first byte may take a second
        stranger = stranger_at(url, seconds=1.5)
        seconds = time.monotonic() - started
    assert any(word in stranger.reason for word in reason.split("|")), stranger
    assert seconds < 4


def test_the_usual_ports_are_of_this_machine_and_take_no_time():
    endpoints = usual_endpoints()
    assert all(e.base_url.startswith("http://127.0.0.1:") for e in endpoints)
    started = time.monotonic()
    findings = probe_all(endpoints)
    assert time.monotonic() - started < 2
    assert len(findings) == len(endpoints) == 7


def test_all_are_asked_at_the_same_time_and_found_in_order():
    with (
        serving(fake.vllm()) as one,
        serving(fake.ollama("q")) as two,
        talking(fake.say_nothing) as silent,
        talking(fake.say_nothing) as other,
    ):
        urls = [silent, one.url, other, two.url]
        started = time.monotonic()
        findings = probe_all([Endpoint(url, seconds=1.0) for url in urls])
        seconds = time.monotonic() - started
    assert [type(finding) for finding in findings] == [Stranger, Backend, Stranger, Backend]
    assert [finding.base_url for finding in findings] == urls
    assert seconds < 1.9
    assert probe_all([]) == []


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        (" https://host/openai/v1 ", "https://host/openai/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ],
)
def test_an_address_is_brought_into_one_form(url: str, base_url: str):
    assert named_endpoint(url).base_url == base_url


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://a/v1", "http://", "http://a:99999/v1"]
)
def test_what_is_no_address_is_refused(url: str):
    with pytest.raises(ConfigError, match="no address of a server"):
        named_endpoint(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://me:secret@host/v1",
        "http://host/v1?key=secret",
        "http://host/v1#secret",
        "ftp://host?key=secret",
        "http://me:secret@[host?key=secret",
    ],
)
def test_an_address_that_holds_a_secret_is_refused_without_showing_it(url: str):
    with pytest.raises(ConfigError, match=r"api_key_env|no address") as caught:
        named_endpoint(url)
    assert "secret" not in str(caught.value)


def test_all_names_of_this_machine_are_one_place():
    places = {
        named_endpoint(f"http://{h}:8000/v1").place for h in ("localhost", "127.0.0.1", "[::1]")
    }
    assert len(places) == 1
    assert named_endpoint("http://localhost:8001/v1").place not in places


def test_a_server_below_a_path_is_asked_below_it():
    routes = {f"/gate{path}": route for path, route in fake.vllm("coding").items()}
    with serving(routes) as server:
        backend = found_at(server.url.replace("/v1", "/gate/v1"))
        assert backend.adapters == ("coding",)
        assert server.asked == ["/gate/v1/models", "/gate/version"]


def test_a_place_behind_a_proxy_is_not_asked():
    code = (
        "from mapcoder_lite.engine.probe import named_endpoint, probe\n"
        "print(probe(named_endpoint('http://outside.example/v1')).reason)\n"
        "for host in ('inside.example', 'localhost'):\n"
        "    print(named_endpoint(f'http://{host}/v1').is_proxied)\n"
    )
    environment = os.environ | {
        "PYTHONPATH": str(PACKAGE.parent),
        "http_proxy": "http://127.0.0.1:9",
        "no_proxy": "inside.example",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == [
        "not asked: a proxy stands before it",
        "False",
        "False",
        "",
    ]


KEYS = [
    *("data", "id", "owned_by", "parent", "max_model_len", "meta", "n_ctx", "version", "models"),
    *("name", "path", "state", "type", "default_generation_settings", "context_length"),
    *("model_info", "parameters", "modelfile", "model_path"),
]
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner | st.sampled_from(["vllm", "sglang", "llamacpp", "llm"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(trees=st.lists(TREES, min_size=1, max_size=5), statuses=st.sampled_from([None, 200, 404]))
def test_no_answer_whatsoever_makes_it_raise(trees: list[object], statuses: int | None):
    answers = [Answer(200, tree) for tree in trees] + [Answer(statuses, fault="so it is")]
    paths: list[str] = []

    def ask(path: str) -> Answer:
        paths.append(path)
        return answers[(len(paths) - 1) % len(answers)]

    finding = recognise("http://127.0.0.1:1/v1", ask)
    assert isinstance(finding, Backend | Stranger)
    assert paths[0] == "/v1/models"
    assert len(paths) < 10
    read_ollama_model(trees[0])
