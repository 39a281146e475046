"""A server that is wrong, careless or hostile: what it can make the engine do, and what not."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

pytest.importorskip("openai")

from fake_server import Exchange, FakeServer, Manner, cuts, ends, event, fails, says, streams
from mapcoder_lite.engine.openai import OpenAIEngine, Patience
from mapcoder_lite.errors import EngineError, PromptTooLong
from mapcoder_lite.settings import ServerKind
from mapcoder_lite.trajectory import Message, Request, Sampling, Watch
from source_tree import ROOT

KEY = 'sk-very-"secret'
PATIENCE = Patience(0.5, 0.5, 1)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def engine(server: FakeServer) -> Iterator[OpenAIEngine]:
    engine = OpenAIEngine(server.url, "base", api_key=KEY, patience=PATIENCE)
    yield engine
    engine.close()


def ask(text: str = "hi", **fields: object) -> Request:
    return Request.model_validate({"messages": (Message(role="user", content=text),), **fields})


def of_kind(server: FakeServer, kind: ServerKind) -> OpenAIEngine:
    return OpenAIEngine(
        server.url, "base", {"coding": "coding"}, kind=kind, api_key=KEY, patience=PATIENCE
    )


def test_llama_server_is_asked_for_its_adapters_before_every_try(server: FakeServer) -> None:
    coding, planning = ({"path": f"/m/{name}.gguf"} for name in ("coding", "planning"))
    server.pages["/lora-adapters"] = [{"id": 0} | coding, {"id": 1} | planning]

    def loads(exchange: Exchange) -> None:  # as after a restart with another order
        server.pages["/lora-adapters"] = [{"id": 0} | planning, {"id": 1} | coding]
        fails(503, "Loading model")(exchange)

    server.manners = [loads, says("a"), says("b")]
    engine = of_kind(server, ServerKind.LLAMA)
    engine.complete([ask(adapter="coding")])
    server.pages["/lora-adapters"] = [{"id": 0} | coding, {"id": 1} | planning]
    engine.complete([ask(adapter="coding")])
    engine.close()
    used = [[lora["id"] for lora in body["lora"] if lora["scale"]] for body in server.bodies]
    assert used == [[0], [1], [0]]


def test_two_adapters_under_one_id_are_refused(server: FakeServer) -> None:
    paths = ("/m/coding.gguf", "/m/planning.gguf")
    server.pages["/lora-adapters"] = [{"id": 0, "path": path} for path in paths]
    engine = of_kind(server, ServerKind.LLAMA)
    with pytest.raises(EngineError, match="two adapters under one id"):
        engine.complete([ask(adapter="coding")])
    engine.close()
    assert server.bodies == []


ASKS = """
import sys
from mapcoder_lite.engine.openai import OpenAIEngine, Patience
from mapcoder_lite.errors import EngineError
from mapcoder_lite.trajectory import Message, Request
try:
    engine = OpenAIEngine(sys.argv[1], "base", patience=Patience(5, 5, 0))
    print(engine.complete([Request(messages=(Message(role="user", content="hi"),))])[0].text)
except EngineError as error:
    print("EngineError:", error)
"""


def asked_with(environment: dict[str, str], url: str) -> str:
    kept = {name: text for name, text in os.environ.items() if not name.lower().endswith("proxy")}
    done = subprocess.run(
        [sys.executable, "-c", ASKS, url],
        env={**kept, "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_no_proxy_carries_what_stays_on_this_machine(server: FakeServer, scheme: str) -> None:
    proxy = FakeServer()
    variable = {"http": "HTTP_PROXY", "socks5": "ALL_PROXY"}[scheme]
    place = proxy.root.replace("http", scheme, 1)
    assert asked_with({variable: place}, server.url) == "hello"
    proxy.close()
    assert proxy.bodies == []
    assert len(server.bodies) == 1


def test_a_proxy_that_cannot_be_used_is_a_fault_in_words() -> None:
    said = asked_with({"ALL_PROXY": "nonsense://127.0.0.1:1"}, "http://192.0.2.1/v1")
    assert said.startswith("EngineError: no connection to http://192.0.2.1/v1 can be made")
    assert "ALL_PROXY" in said


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_nothing_sent_on(
    server: FakeServer, engine: OpenAIEngine, status: int
) -> None:
    other = FakeServer()
    server.manners = [fails(status, Location=f"{other.url}/chat/completions")]
    with pytest.raises(EngineError, match=rf"sends us to {other.url}.* engine\.base_url"):
        engine.complete([ask()])
    other.close()
    assert other.bodies == []
    assert len(server.bodies) == 1


SILENT = {
    "object": "data: {}\n\n",
    "choices": 'data: {"choices": []}\n\n',
    "empty": event(choices=[{"index": 0, "delta": {"content": ""}}]),
    "event": "event: ping\n",
    "count": event(choices=[], usage={"prompt_tokens": 1, "completion_tokens": 1}),
}
SILENT_LINE = json.dumps({"message": {"role": "assistant", "content": ""}, "done": False}) + "\n"


def repeats(server: FakeServer, first: str, piece: str) -> Manner:
    def play(exchange: Exchange) -> None:
        exchange.send(first)
        while not exchange.is_gone(0.05):
            exchange.send(piece)
        server.gone.set()

    return play


@pytest.mark.parametrize("name", SILENT)
def test_what_says_nothing_is_silence(server: FakeServer, engine: OpenAIEngine, name: str) -> None:
    server.manners = [repeats(server, event("h"), SILENT[name]), says("ok")]
    assert engine.complete([ask()])[0].text == "ok"
    assert server.gone.wait(1)


def test_empty_lines_of_ollama_are_silence_and_its_thoughts_are_not(server: FakeServer) -> None:
    done = json.dumps({"message": {"content": "ok"}, "done": True, "done_reason": "stop"}) + "\n"
    thought = json.dumps({"message": {"content": "", "thinking": "hm"}}) + "\n"
    engine = of_kind(server, ServerKind.OLLAMA)
    server.manners = [repeats(server, thought, SILENT_LINE), streams([done])]
    assert engine.complete([ask()])[0].text == "ok"
    assert server.gone.wait(1)
    server.manners = [streams([*[thought] * 8, done], pause_seconds=0.1)]
    assert engine.complete([ask()])[0].text == "ok"
    engine.close()
    assert len(server.bodies) == 3


@pytest.mark.parametrize("field", ["content", "reasoning_content"])
def test_a_reply_without_end_is_given_up(
    server: FakeServer, engine: OpenAIEngine, field: str
) -> None:
    piece = event(choices=[{"index": 0, "delta": {field: "on and on " * 20}}])
    server.manners = [repeats(server, piece, piece)]
    with pytest.raises(EngineError, match=r"the server ignores max_tokens: .*at most 8 tokens"):
        engine.complete([ask(sampling=Sampling(max_tokens=8))])
    assert server.gone.wait(1)
    assert len(server.bodies) == 1


AFTER_THE_END = {
    "text": [event("he"), event(finish="length"), event("x"), *ends("length")],
    "another reason": [event("he"), event(finish="length"), *ends("stop")],
    "after all": [event("he"), *ends(), event("x")],
}


@pytest.mark.parametrize("name", AFTER_THE_END)
def test_nothing_may_follow_the_end(server: FakeServer, engine: OpenAIEngine, name: str) -> None:
    server.manners = [streams(AFTER_THE_END[name]), says("ok")]
    assert engine.complete([ask()])[0].text == "ok"
    assert len(server.bodies) == 2


def test_text_after_ollamas_end_is_trouble(server: FakeServer) -> None:
    done = json.dumps({"message": None, "done": True, "done_reason": "stop"}) + "\n"
    line = json.dumps({"message": {"content": "ok"}}) + "\n"
    server.manners = [streams([line, done, line]), streams([line, done])]
    engine = of_kind(server, ServerKind.OLLAMA)
    assert engine.complete([ask()])[0].text == "ok"
    engine.close()
    assert len(server.bodies) == 2


def test_of_several_replies_the_first_is_taken(server: FakeServer, engine: OpenAIEngine) -> None:
    both = [{"index": 1, "delta": {"content": "B"}}, {"index": 0, "delta": {"content": "A"}}]
    other = [{"index": 1, "delta": {"content": "B"}, "finish_reason": "length"}]
    server.manners = [streams([event(choices=both), event(choices=other), *ends()])]
    completion = engine.complete([ask()])[0]
    assert (completion.text, completion.finish_reason) == ("A", "stop")


def test_what_is_null_is_as_if_left_out(server: FakeServer, engine: OpenAIEngine) -> None:
    usage = {"prompt_tokens": None, "completion_tokens": 3, "prompt_tokens_details": None}
    last = event(choices=None, usage=usage)
    null = event(choices=[{"index": 0, "delta": None, "finish_reason": None}])
    server.manners = [streams([null, event("ok"), event(finish="stop"), last, "data: [DONE]\n\n"])]
    completion = engine.complete([ask()])[0]
    assert (completion.text, completion.usage.completion_tokens) == ("ok", 3)
    assert len(server.bodies) == 1


def test_fewer_tokens_than_none_are_not_sound(server: FakeServer, engine: OpenAIEngine) -> None:
    server.manners = [says("a", usage={"prompt_tokens": -11, "completion_tokens": 3}), says("b")]
    assert engine.complete([ask()])[0].text == "b"


@pytest.mark.parametrize("date", ["Fri, 02 Jan 1998 03:04:05 -0000", "nan", "-5", "0"])
def test_a_server_that_asks_for_no_wait_is_not_besieged(
    server: FakeServer, engine: OpenAIEngine, date: str
) -> None:
    server.manners = [fails(503, Retry_After=date), says("ok")]
    started = time.monotonic()
    assert engine.complete([ask()])[0].text == "ok"
    assert time.monotonic() - started >= 0.25


def test_a_whole_reply_whose_connection_breaks_is_taken(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    def breaks(exchange: Exchange) -> None:
        exchange.send("".join([event("ok"), *ends()]))
        exchange.cut()

    server.manners = [breaks]
    assert engine.complete([ask()])[0].text == "ok"
    assert len(server.bodies) == 1


def test_too_many_that_names_the_context_is_asked_again(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    server.manners = [fails(429, "tokens a minute; maximum context length is 9"), says("ok")]
    assert engine.complete([ask()])[0].text == "ok"


def test_a_field_is_given_up_only_once_it_helped(
    server: FakeServer, engine: OpenAIEngine, caplog: pytest.LogCaptureFixture
) -> None:
    server.manners = [fails(400, "your text about the seed of a plant")]
    with caplog.at_level(logging.WARNING), pytest.raises(EngineError, match="seed of a plant"):
        engine.complete([ask()])
    server.manners = [says("ok")]
    engine.complete([ask()])
    assert "seed" in server.bodies[-1]
    assert "left out" not in caplog.text


def test_an_error_that_names_its_field_is_about_no_other(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    error = {"error": {"message": "unlike seed, top_p must be 1", "param": "top_p"}}
    server.manners = [lambda exchange: exchange.fail(400, {}, json.dumps(error))]
    with pytest.raises(EngineError, match="top_p must be 1"):
        engine.complete([ask()])
    assert len(server.bodies) == 1


TELLS = {
    "refusal": fails(401, f"bad key {KEY}"),
    "finish": says(f"your key is {KEY}", finish=f"bad {KEY}"),
    "stream": streams([f"your key is {KEY}\n"] * 3),
    "escaped": streams([f"your key is {json.dumps(KEY)}\n"] * 3),
}


@pytest.mark.parametrize("name", TELLS)
def test_no_failure_tells_the_key(
    server: FakeServer, engine: OpenAIEngine, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.manners = [TELLS[name]]
    with pytest.raises(EngineError, match=r"\*\*\*") as caught:
        engine.complete([ask()])
    assert "secret" not in str(caught.value) + caplog.text


def test_a_page_that_is_no_list_of_adapters_does_not_tell_the_key(server: FakeServer) -> None:
    server.pages["/lora-adapters"] = {"headers": "x" * 190 + KEY}
    engine = of_kind(server, ServerKind.LLAMA)
    with pytest.raises(EngineError, match=r"llama-server only.*\*\*\*") as caught:
        engine.complete([ask(adapter="coding")])
    engine.close()
    assert "sk-very" not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-secret\r", "sk-secret\n", "sk-sécret"])
def test_a_key_that_no_header_can_carry_is_refused(server: FakeServer, key: str) -> None:
    with pytest.raises(EngineError, match=r"engine\.api_key_env") as caught:
        OpenAIEngine(server.url, "base", api_key=key)
    assert "cret" not in str(caught.value)


def test_an_error_or_a_line_without_end_is_read_up_to_a_bound(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    sent: list[int] = []

    def pours(exchange: Exchange) -> None:
        for _ in range(300):
            sent.append(1)
            exchange.send("x" * 100_000)

    def large(exchange: Exchange) -> None:
        exchange.fail(400, {}, "maximum context length" + "x" * 30_000_000)

    server.manners = [pours, large]
    with pytest.raises(PromptTooLong) as caught:
        engine.complete([ask()])
    assert len(str(caught.value)) < 3000
    assert len(sent) < 200


def test_an_engine_that_a_listener_closes_ends(server: FakeServer, engine: OpenAIEngine) -> None:
    server.manners = [server.hangs(event("h"))]
    faults: list[BaseException] = []

    def work() -> None:
        try:
            engine.complete([ask()], Watch(on_text=lambda _, text: engine.close()))
        except EngineError as error:
            faults.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(5)
    assert ["closed before" in str(fault) for fault in faults] == [True]
    assert server.gone.wait(1)


def test_a_cut_reply_is_owed_again_and_a_refused_one_is_not(
    server: FakeServer, engine: OpenAIEngine
) -> None:
    server.manners = [says("half", finish="length")]
    with pytest.raises(EngineError, match="give the server more context") as caught:
        engine.complete([ask()])
    assert not isinstance(caught.value, PromptTooLong)
    server.manners = [cuts("he"), fails(400, "prompt is too long")]
    with pytest.raises(PromptTooLong):
        engine.complete([ask()])
