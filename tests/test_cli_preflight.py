"""What `solve` and `run` ask of a server before their first request, and what they say of it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import model_servers as fake
from mapcoder_lite import config
from mapcoder_lite.cli import preflight, terminal
from mapcoder_lite.errors import EngineError, UnknownAdapter
from mapcoder_lite.jsonl import read_record, write_lines
from mapcoder_lite.problem import HiddenTests, Test
from mapcoder_lite.settings import ServerKind
from mapcoder_lite.store import RunHeader
from mapcoder_lite.trajectory import Request, Usage
from model_servers import ROLES, ModelServer, Route, serving
from test_cli_backends import agents, settings, words
from test_cli_main import mapcoder
from test_cli_run import SUM, ScriptedEngine

pytest.importorskip("openai")


@pytest.fixture
def vllm() -> Iterator[ModelServer]:
    with serving(agents(fake.vllm(*ROLES, context=8192))) as server:
        yield server


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
    tried = preflight.tried(Same(), ready)
    assert "does not apply what it lists" in tried.lines[-1]
    assert tried.badge == "4 LoRA, not all applied when tried"
    local = preflight.prepare(config.load([], []))
    assert preflight.tried(Same(), local) == local


def test_prompts_that_are_cut_or_not_counted_are_doubted_before_a_run():
    class Counting(ScriptedEngine):
        def __init__(self, most: int) -> None:
            super().__init__()
            self._most = most

        def complete(self, requests, watch=None):
            answers = super().complete(requests, watch)
            counts = [min(self._most, len(r.messages[0].content.split())) for r in requests]
            return [
                answer.model_copy(update={"usage": Usage(prompt_tokens=count)})
                for answer, count in zip(answers, counts, strict=True)
            ]

        def _text(self, request: Request) -> str:
            return f"{request.adapter}: {request.messages[0].content}"

    with serving(fake.hosted("base")) as server:
        ready = preflight.prepare(settings(server.url, "engine.adapters=false"))
    assert preflight.tried(Counting(10**6), ready).lines == ready.lines
    assert "prompts are cut" in preflight.tried(Counting(4096), ready).lines[-1]
    assert "no prompt tokens are counted" in preflight.tried(Counting(0), ready).lines[-1]


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
            preflight.tried(Gathers(), ready)
        whole = preflight.prepare(settings(server.url, "traversal.max_tokens=99"))
        lines = preflight.tried(Gathers(), whole).lines
        assert not any("beside adapters" in line for line in lines)  # no role asks the bare one


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
    complete = vllm.routes["/v1/chat/completions"]
    assert callable(complete)
    busy = [(503, '{"error": {"message": "\x1b[2J"}}')]
    vllm.routes["/v1/chat/completions"] = lambda body: busy.pop() if busy else complete(body)
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
    assert sum(body["max_tokens"] == 1 for body in vllm.bodies) == 1 + 3  # one was asked again
    log = (tmp_path / "runs" / "r" / "log.txt").read_text()
    assert "try 1 of 6 failed" in log
    assert "\x1b" not in log + done.stderr
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


def test_what_the_engine_warns_of_is_shown_as_text_and_recorded(
    capsys: pytest.CaptureFixture[str],
):
    lines: list[str] = []
    log = logging.getLogger("mapcoder_lite.engine.openai")
    with terminal.telling(lines.append):
        log.warning("try %d failed: %s", 1, "\x1b]0;pwned\x07\nbusy")
    log.info("not a warning")
    shown = capsys.readouterr().err
    assert lines == ["try 1 failed: \u241b]0;pwned\u2407 busy"]
    assert shown == f"{lines[0]}\n"


def test_a_retry_reaches_the_terminal_without_control_characters(tmp_path: Path):
    routes = agents(fake.vllm(*ROLES, context=8192))
    complete = routes["/v1/chat/completions"]
    assert callable(complete)
    tries: list[int] = []

    def flaky(body: dict[str, Any]) -> Route:
        tries.append(1)
        if len(tries) == 1:
            return 503, '{"error": {"message": "\x1b]0;pwned\x07"}}'
        return complete(body)

    (tmp_path / "sum.json").write_text(SUM.model_dump_json())
    with serving(routes | {"/v1/chat/completions": flaky}) as server:
        done = mapcoder(tmp_path, "solve", "sum.json", *words(server.url))
    assert done.code == 0, done.stderr
    assert "try 1 of 6 failed" in done.stderr
    assert "\x1b" not in done.stderr
