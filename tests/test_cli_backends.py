"""`mapcoder backends`, and what `solve` and `run` ask of a server before their first request."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import model_servers as fake
from mapcoder_lite import config
from mapcoder_lite.cli import preflight
from mapcoder_lite.cli.badges import badge, carried_roles
from mapcoder_lite.config import Config, ServerKind
from mapcoder_lite.engine.backend import Backend
from mapcoder_lite.engine.probe import named_endpoint, probe
from mapcoder_lite.errors import EngineError, UnknownAdapter
from mapcoder_lite.jsonl import read_record, write_lines
from mapcoder_lite.problem import HiddenTests, Test
from mapcoder_lite.store import RunHeader
from mapcoder_lite.trajectory import Message, Request, Role
from model_servers import ROLES, ModelServer, Route, serving
from source_tree import PACKAGE
from test_cli_main import mapcoder
from test_cli_run import SUM, ScriptedEngine

pytest.importorskip("openai")


def agents(routes: dict[str, Route]) -> dict[str, Route]:
    """Add completions: each adapter answers as its role, the backbone with noise."""
    scripted = ScriptedEngine()

    def complete(body: dict[str, Any]) -> Route:
        name = body["model"].rpartition(":")[2]
        message = Message(role="user", content=body["messages"][-1]["content"])
        if name not in ROLES:
            return fake.chat("the backbone says this", body)
        return fake.chat(scripted._text(Request(messages=(message,), adapter=name)), body)

    return routes | {"/v1/chat/completions": complete}


@pytest.fixture
def vllm() -> Iterator[ModelServer]:
    with serving(agents(fake.vllm(*ROLES, context=8192))) as server:
        yield server


def settings(url: str, *more: str, model: str = "base") -> Config:
    return config.load(
        [], ["engine.kind=openai", f"engine.base_url={url}", f"engine.model={model}", *more]
    )


def words(url: str, *more: str) -> list[str]:
    chosen = ["engine.kind=openai", f"engine.base_url={url}", "engine.model=base", *more]
    chosen += [
        "traversal.k=1",
        "traversal.t=1",
        "judge.workers=1",
        "judge.speed_factor=4",
        "traversal.max_tokens=256",
    ]
    return [word for setting in chosen for word in ("-s", setting)]


def listed(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    done = mapcoder(tmp_path, "backends", "--json", *arguments)
    return json.loads(done.stdout)


def server_at(tmp_path: Path, url: str, *arguments: str) -> dict[str, Any]:
    servers = listed(tmp_path, "--url", url, *arguments)["servers"]
    return next(server for server in servers if server["base_url"] == url)


def test_backends_says_what_a_server_can_do_and_how_to_use_it(tmp_path: Path, vllm: ModelServer):
    done = mapcoder(tmp_path, "backends", "--url", vllm.url)
    assert done.code == 0, done.stderr
    assert f"vLLM 0.32.0 at {vllm.url}" in done.stdout
    for word in ("4 LoRA", "8192 tokens", "structured_outputs", "in this process (torch"):
        assert word in done.stdout
    command = f"mapcoder solve problem.md -s engine.kind=openai -s engine.base_url={vllm.url}"
    assert f"{command} -s engine.server=vllm -s engine.model=base\n" in done.stdout
    assert vllm.bodies == []  # nothing was generated


@pytest.mark.parametrize(
    ("routes", "roles", "server", "options"),
    [
        (
            fake.vllm(context=2048),
            "prompts only",
            "vllm",
            ["engine.model=base", "engine.adapters=false", "traversal.max_tokens=512"],
        ),
        (
            fake.sglang("my-coding", "my-retrieval"),
            "2 LoRA (retrieval, coding)",
            "sglang",
            ['\'engine.adapters={retrieval = "my-retrieval", coding = "my-coding"}\''],
        ),
        (
            fake.llama(*(f"/lora/{role}.gguf" for role in ROLES)),
            "4 LoRA",
            "llama",
            ["engine.model=m.gguf", 'coding = "/lora/coding.gguf"'],
        ),
        (
            fake.ollama("qwen", *(f"mapcoder-{role}" for role in ROLES)),
            "4 LoRA",
            "ollama",
            ["engine.model=qwen", "engine.context_tokens=16384", 'coding = "mapcoder-coding"'],
        ),
        (fake.ollama("qwen"), "prompts only", "ollama", ["engine.adapters=false"]),
        (fake.lm_studio(), "prompts only", "openai", ["engine.model=qwen"]),
        (fake.hosted("big"), "prompts only", "openai", ["engine.model=big"]),
        (fake.hosted(), "prompts only", "openai", ["engine.model=NAME"]),
    ],
)
def test_every_kind_gets_its_badge_and_its_command(
    tmp_path: Path, routes: dict[str, Route], roles: str, server: str, options: list[str]
):
    with serving(routes) as running:
        found = server_at(tmp_path, running.url)
    assert (found["roles"], found["server"]) == (roles, server)
    for option in options:
        assert option in found["command"]


def test_the_command_it_prints_is_one_that_the_configuration_takes(tmp_path: Path):
    import shlex

    with serving(fake.ollama("qwen", *(f"my-{role}" for role in ROLES))) as running:
        command = shlex.split(server_at(tmp_path, running.url)["command"])
    overrides = [word for word in command if "=" in word]
    engine = config.load([], overrides).engine
    assert engine.server is ServerKind.OLLAMA
    assert engine.adapters == {Role(role): f"my-{role}" for role in ROLES}


def test_an_address_that_was_named_and_is_no_server_ends_in_3(tmp_path: Path):
    with serving({}) as server:
        done = mapcoder(tmp_path, "backends", "--url", server.url)
    assert done.code == 3
    assert f"{server.url}: HTTP 404" in done.stdout
    if "no model server answers" in done.stdout:
        assert "mapcoder serve-cmd vllm" in done.stdout
        assert "ollama serve" in done.stdout
    assert mapcoder(tmp_path, "backends", "--url", "nonsense").code == 2


def test_control_characters_of_a_server_do_not_break_lines(tmp_path: Path):
    with serving(fake.hosted("a\x1b[2J\nb")) as server:
        done = mapcoder(tmp_path, "backends", "--url", server.url)
    assert "\x1b" not in done.stdout
    assert "\nb" not in done.stdout
    assert r"engine.model=\"a\u001b[2J\nb\"".replace('\\"', '"') in done.stdout


def test_deep_tries_what_a_server_says(tmp_path: Path, vllm: ModelServer):
    found = server_at(tmp_path, vllm.url, "--deep")
    findings = {finding["name"]: finding["is_good"] for finding in found["findings"]}
    assert findings["usage"] is True
    assert findings["adapters"] is True
    assert findings["mixed batch"] is True
    assert findings["whole prompts"] is True


def test_deep_sees_adapters_that_are_not_applied(tmp_path: Path):
    routes = fake.vllm(*ROLES)
    routes["/v1/chat/completions"] = lambda body: fake.chat("always the same", body)
    with serving(routes) as server:
        done = mapcoder(tmp_path, "backends", "--url", server.url, "--deep")
    assert done.code == 1, done.stderr
    assert "FAILED    adapters: retrieval, planning, coding, debugging answered 3" in done.stdout


def test_the_environments_server_is_asked_with_the_environments_key_and_no_other(tmp_path: Path):
    with serving(fake.hosted("m")) as mine, serving(fake.hosted("n")) as other:
        environment = os.environ | {
            "PYTHONPATH": str(PACKAGE.parent),
            "OPENAI_BASE_URL": mine.url,
            "OPENAI_API_KEY": "sk-secret",
        }
        code = [sys.executable, "-m", "mapcoder_lite", "backends", "--url", other.url]
        done = subprocess.run(
            code, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        assert {asked["authorization"] for asked in mine.headers} == {"Bearer sk-secret"}
        assert {asked["authorization"] for asked in other.headers} == {"Bearer none"}
    assert done.returncode == 0, done.stderr
    assert "sk-secret" not in done.stdout + done.stderr
    assert "engine.api_key_env=OPENAI_API_KEY" in done.stdout


def test_badges_of_engines_without_a_server():
    def of(*overrides: str) -> str:
        return badge(config.load([], overrides).engine)

    assert of() == "4 LoRA"
    assert of("engine.adapters=false") == "prompts only"
    two = 'engine.adapters={coding = "a", retrieval = "b"}'
    assert of("engine.kind=local", two) == "2 LoRA (retrieval, coding)"
    assert of("engine.kind=teacher") == "scripted teacher"
    assert of("engine.kind=replay") == "replay"
    assert of("engine.kind=openai") == "4 LoRA, not listed by the server"


def test_a_role_is_carried_by_a_whole_word():
    names = ("encoding", "coding-v1", "coding", "re-planning")
    with serving(fake.vllm(*names)) as server:
        backend = probe(named_endpoint(server.url))
    assert isinstance(backend, Backend)
    assert carried_roles(backend) == {Role.CODING: "coding", Role.PLANNING: "re-planning"}


def test_of_a_path_the_part_nearest_its_end_names_the_role():
    paths = ("/coding/x/planning.gguf", "/coding/x/debugging.gguf", "/coding/retrieval/a.gguf")
    with serving(fake.llama(*paths)) as server:
        backend = probe(named_endpoint(server.url))
    assert isinstance(backend, Backend)
    assert carried_roles(backend) == dict(
        zip((Role.PLANNING, Role.DEBUGGING, Role.RETRIEVAL), paths, strict=True)
    )


def test_a_server_that_fits_fills_in_kind_and_context(vllm: ModelServer):
    ready = preflight.prepare(settings(vllm.url), (SUM,))
    engine = ready.settings.engine
    assert (engine.server, engine.context_tokens) == (ServerKind.VLLM, 8192)
    assert (ready.badge, ready.lines) == ("4 LoRA", ())
    other = preflight.prepare(settings(vllm.url, "engine.context_tokens=6000"))
    assert other.settings.engine.context_tokens == 6000


def test_what_is_given_is_not_overruled_but_doubted(vllm: ModelServer):
    given = settings(vllm.url, "engine.server=sglang", "engine.context_tokens=100000")
    ready = preflight.prepare(given)
    assert ready.settings.engine.server is ServerKind.SGLANG
    assert ready.settings.engine.context_tokens == 8192
    assert "engine.server=sglang, yet it looks like vLLM 0.32.0" in ready.lines
    assert "engine.context_tokens=100000, but 8192 tokens are loaded" in ready.lines


def refusal(server: ModelServer | str, *more: str, model: str = "base") -> str:
    url = server if isinstance(server, str) else server.url
    with pytest.raises(EngineError) as caught:
        preflight.prepare(settings(url, *more, model=model), (SUM,))
    assert caught.value.exit_code == 3
    return str(caught.value)


def test_a_server_that_does_not_answer_is_refused_with_the_remedy():
    with serving({}) as server:
        url = server.url
    assert "does not answer: nothing listens there" in refusal(url)
    assert "mapcoder backends" in refusal(url)


def test_a_missing_key_is_refused():
    with serving({"/v1/models": (401, "")}) as server:
        assert "engine.api_key_env" in refusal(server)


def test_an_adapter_that_the_server_lacks_is_named_with_those_it_has(vllm: ModelServer):
    with pytest.raises(UnknownAdapter, match="no adapter 'mine' for coding") as caught:
        preflight.prepare(settings(vllm.url, 'engine.adapters={coding = "mine"}'))
    assert "it lists: base, retrieval, planning, coding, debugging" in str(caught.value)
    with serving(fake.hosted("base")) as server, pytest.raises(UnknownAdapter, match="=false"):
        preflight.prepare(settings(server.url))


def test_a_model_that_the_server_lacks_is_refused_where_that_is_certain(vllm: ModelServer):
    assert "does not list the model 'other'" in refusal(vllm, model="other")
    with serving(fake.hosted("base")) as server:
        ready = preflight.prepare(settings(server.url, "engine.adapters=false", model="other"))
    assert any("does not list the model 'other'" in line for line in ready.lines)


@pytest.mark.parametrize(
    ("routes", "remedy"),
    [
        (fake.vllm(*ROLES, context=4096), "--max-model-len"),
        (fake.sglang(*ROLES, context=4096), "--context-length"),
        (fake.llama(*(f"{role}.gguf" for role in ROLES), context=4096), "`-c` of llama-server"),
        (fake.ollama("base", *ROLES), "-s engine.context_tokens=N"),
    ],
)
def test_too_small_a_context_is_refused_with_both_numbers(routes: dict[str, Route], remedy: str):
    with serving(routes) as server:
        said = refusal(server, "engine.context_tokens=4096")
    assert "context of 4096 tokens" in said
    assert "traversal.max_tokens=4096" in said
    assert remedy in said


def test_a_context_that_may_be_too_small_is_warned_of():
    with serving(fake.vllm(*ROLES, context=4200)) as server:
        ready = preflight.prepare(settings(server.url), (SUM,))
        long = SUM.model_copy(update={"statement": "many words " * 9000})
        larger = preflight.prepare(settings(server.url, "traversal.max_tokens=1024"), (SUM, long))
    assert any("may not fit the context of 4200" in line for line in ready.lines)
    assert any("a first prompt of about 33" in line for line in larger.lines)


def test_a_server_that_does_not_say_its_context_is_taken_with_a_line():
    with serving(fake.hosted("base")) as server:
        ready = preflight.prepare(settings(server.url, "engine.adapters=false"), (SUM,))
    assert ready.settings.engine.context_tokens is None
    assert ready.settings.engine.server is ServerKind.OPENAI
    assert any("does not say its context" in line for line in ready.lines)
    with serving({"/v1/models": (404, "")}) as server:
        ready = preflight.prepare(settings(server.url), (SUM,))
    assert ready.badge == "4 LoRA, not listed by the server"
    assert any("on trust" in line for line in ready.lines)


def test_ollama_is_told_a_context_and_its_role_models_are_told_apart():
    with serving(fake.ollama("base:latest", *ROLES)) as server:
        ready = preflight.prepare(settings(server.url), (SUM,))
        baked = preflight.prepare(settings(server.url, model="coding"), (SUM,))
    assert ready.badge == "4 LoRA"
    assert ready.settings.engine.context_tokens == 4 * 4096
    assert "Ollama is told to load a context of 16384 tokens" in ready.lines
    assert baked.settings.engine.context_tokens == 12288
    plain = 'engine.adapters={coding = "qwen"}'
    with serving(fake.ollama("base", "qwen")) as server:
        ready = preflight.prepare(settings(server.url, plain), (SUM,))
    assert ready.badge == "1 models named by role (coding)"


def test_adapters_that_are_listed_and_not_applied_are_doubted_before_a_run():
    class Same(ScriptedEngine):
        def _text(self, request: Request) -> str:
            return "same"

    with serving(fake.vllm(*ROLES)) as server:
        ready = preflight.prepare(settings(server.url, "traversal.max_tokens=99"))
    assert "does not apply what it lists" in preflight.try_adapters(Same(), ready)[0]
    local = preflight.prepare(config.load([], []))
    assert preflight.try_adapters(Same(), local) == ()


def test_a_server_that_answers_the_backbone_wrongly_beside_adapters_is_refused():
    class Gathers(ScriptedEngine):
        def complete(self, requests, watch=None):
            last = requests[0].adapter
            named = [r.model_copy(update={"adapter": r.adapter or last}) for r in requests]
            return super().complete(named, watch)

        def _text(self, request: Request) -> str:
            return f"{request.adapter}: {request.messages[0].content}"

    with serving(fake.vllm(*ROLES)) as server:
        few = settings(server.url, "traversal.max_tokens=99", 'engine.adapters={coding = "coding"}')
        ready = preflight.prepare(few)
        with pytest.raises(EngineError, match="give each role an adapter, or none"):
            preflight.try_adapters(Gathers(), ready)
        whole = preflight.prepare(settings(server.url, "traversal.max_tokens=99"))
        assert preflight.try_adapters(Gathers(), whole) == ()  # no role asks the bare backbone


def test_solve_shows_the_badge_and_refuses_before_it_asks(tmp_path: Path, vllm: ModelServer):
    (tmp_path / "sum.json").write_text(SUM.model_dump_json())
    done = mapcoder(tmp_path, "solve", "sum.json", *words(vllm.url))
    assert done.code == 0, done.stderr
    assert "roles      4 LoRA" in done.stderr
    vllm.bodies.clear()
    done = mapcoder(tmp_path, "solve", "sum.json", *words(vllm.url, "engine.model=nothing"))
    assert done.code == 3
    assert vllm.bodies == []
    assert done.stderr.strip().split("\n")[-1].startswith("mapcoder: ")


@pytest.mark.slow  # the judge's self-test
def test_run_tries_the_adapters_records_the_badge_and_reports_it(tmp_path: Path, vllm: ModelServer):
    write_lines(tmp_path / "problems.jsonl", [SUM])
    hidden = HiddenTests(problem_id="sum", tests=(Test(input="5 6", outputs=("11",)),))
    write_lines(tmp_path / "hidden.jsonl", [hidden])
    files = ("run.problems=problems.jsonl", "run.hidden_tests=hidden.jsonl")
    command = ["run", "--name", "r", *words(vllm.url, *files)]
    done = mapcoder(tmp_path, *command)
    assert done.code == 0, done.stderr
    assert "roles     4 LoRA" in done.stderr
    assert "roles: 4 LoRA" in done.stdout
    path = tmp_path / "runs" / "r" / "config.json"
    header = read_record(path, RunHeader)
    assert header.adapters == "4 LoRA"
    assert header.config.engine.server is None  # as the command has it
    assert sum(body["max_tokens"] == 48 for body in vllm.bodies) == 18
    vllm.bodies.clear()
    again = mapcoder(tmp_path, *command)
    assert again.code == 0, again.stderr
    assert vllm.bodies == []  # nothing is owed, so nothing is tried


def test_a_server_that_sends_elsewhere_is_refused():
    with serving({"/v1/models": (307, "")}, headers={"Location": "http://other/v1"}) as server:
        assert "sends elsewhere" in refusal(server)


def test_a_context_that_no_first_prompt_fits_is_refused():
    few = "traversal.max_tokens=256"
    with serving(fake.vllm(*ROLES, context=260)) as server:
        said = refusal(server, few)
        assert "cannot fit the context of 260" in said
    long = SUM.model_copy(update={"id": "long", "statement": "many words " * 4000})
    with serving(fake.vllm(*ROLES, context=8000)) as server:
        ready = preflight.prepare(settings(server.url, few), (SUM, long))
    assert any("prompts of 1 of 2 problems" in line for line in ready.lines)


def test_a_bare_address_is_completed_for_the_engine(vllm: ModelServer):
    ready = preflight.prepare(settings(vllm.url.removesuffix("/v1")))
    assert ready.settings.engine.base_url == vllm.url
    with serving({"/v1/models": (404, "")}) as server:
        ready = preflight.prepare(settings(server.url.removesuffix("/v1")))
    assert ready.settings.engine.base_url == server.url
    assert "asked as engine.server=openai" in ready.lines[0]
    assert "set engine.server" in ready.lines[0]
    assert ready.has_unproven_adapters
