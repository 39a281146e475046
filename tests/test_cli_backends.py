"""`mapcoder backends`: what it finds, what it says of it, and the commands that it prints."""

import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import model_servers as fake
from mapcoder_lite import config
from mapcoder_lite.cli.badges import badge, carried_roles
from mapcoder_lite.config import Config
from mapcoder_lite.engine.backend import Backend
from mapcoder_lite.engine.probe import named_endpoint, probe
from mapcoder_lite.settings import ServerKind
from mapcoder_lite.trajectory import Message, Request, Role
from model_servers import ROLES, ModelServer, Route, serving
from source_tree import PACKAGE
from test_cli_main import mapcoder
from test_cli_run import ScriptedEngine

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


def test_the_endpoint_with_a_key_is_the_one_that_is_asked(tmp_path: Path):
    with serving(fake.hosted("123")) as server:
        environment = os.environ | {
            "PYTHONPATH": str(PACKAGE.parent),
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_KEY": "sk-secret",
        }
        code = [sys.executable, "-m", "mapcoder_lite", "backends"]
        done = subprocess.run(
            [*code, "-s", f"engine.base_url={server.url}"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert {asked["authorization"] for asked in server.headers} == {"Bearer sk-secret"}
    assert "engine.api_key_env=OPENAI_API_KEY" in done.stdout
    assert "-s 'engine.model=\"123\"'" in done.stdout


def test_an_address_is_whole_on_a_narrow_terminal(tmp_path: Path):
    with serving({f"/a/rather/long/path{p}": r for p, r in fake.vllm(*ROLES).items()}) as server:
        url = server.url.replace("/v1", "/a/rather/long/path/v1")
        ours, theirs = pty.openpty()
        kept = {k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR", "COLUMNS")}
        environment = kept | {"PYTHONPATH": str(PACKAGE.parent), "TERM": "xterm", "COLUMNS": "80"}
        code = [sys.executable, "-m", "mapcoder_lite", "backends", "--url", url]
        with subprocess.Popen(code, cwd=tmp_path, env=environment, stdout=theirs) as process:
            os.close(theirs)
            shown = b""
            with contextlib.suppress(OSError):  # so a terminal ends
                while piece := os.read(ours, 4096):
                    shown += piece
            assert process.wait(60) == 0
        os.close(ours)
    drawn = [line for line in shown.decode().split("\n") if "\u2502" in line]
    assert any(url in line for line in drawn), shown.decode()
