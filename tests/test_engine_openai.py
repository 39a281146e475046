import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("openai")

from mapcoder_lite.engine.chat import read_completion, retry_after_seconds
from mapcoder_lite.engine.openai import OpenAIEngine
from mapcoder_lite.errors import EngineError, PromptTooLong, UnknownAdapter
from mapcoder_lite.grammar import Fixed, Grammar
from mapcoder_lite.trajectory import Message, Request, Sampling

KEY = "sk-very-secret"


def answer(text: str | None = "hello", finish: str | None = "stop", **extra: object) -> str:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    usage = {
        "prompt_tokens": 11,
        "completion_tokens": 3,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 8},
    }
    whole = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "served",
        "usage": usage,
    }
    return json.dumps(whole | {"choices": [choice | {"finish_reason": finish}]} | extra)


class Server:
    """A real HTTP server that answers from a list, its last entry for ever."""

    def __init__(self) -> None:
        self.replies: list[tuple[int, dict[str, str], str]] = [(200, {}, answer())]
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.delay_seconds = 0.0
        self.echoes = False
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, headers, text = server.take(
                    body, {name.lower(): value for name, value in self.headers.items()}
                )
                time.sleep(server.delay_seconds)
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                with suppress(BrokenPipeError):  # the client may have timed out
                    self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def take(
        self, body: dict[str, Any], headers: dict[str, str]
    ) -> tuple[int, dict[str, str], str]:
        with self._lock:
            self.bodies.append(body)
            self.headers.append(headers)
            if self.echoes:
                return 200, {}, answer(body["messages"][-1]["content"].upper())
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def engine(server: Server) -> Iterator[OpenAIEngine]:
    engine = OpenAIEngine(
        server.url, "base", {"coding": "coder-lora"}, api_key=KEY, max_retries=2, timeout_seconds=5
    )
    yield engine
    engine.close()


def ask(text: str = "hi", adapter: str | None = None, **fields: object) -> Request:
    messages = (Message(role="system", content="s"), Message(role="user", content=text))
    return Request.model_validate({"messages": messages, "adapter": adapter, **fields})


def test_a_reply_with_its_usage(engine: OpenAIEngine) -> None:
    completion = engine.complete([ask()])[0]
    assert (completion.text, completion.finish_reason, completion.model) == (
        "hello",
        "stop",
        "served",
    )
    assert completion.usage.prompt_tokens == 11
    assert completion.usage.cached_tokens == 8
    assert completion.usage.completion_tokens == 3
    assert completion.seconds > 0


def test_every_sampling_field_is_sent(server: Server, engine: OpenAIEngine) -> None:
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
            "max_tokens": 33,
            "seed": 5,
            "stop": ["</root>"],
            "n": 1,
        }
    ]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_defaults_are_sent_too_and_attempts_differ_in_seed(
    server: Server, engine: OpenAIEngine
) -> None:
    engine.complete([ask()])
    engine.complete([ask(attempt=1)])
    first, second = server.bodies
    assert (first["model"], first["temperature"], first["top_p"]) == ("base", 0.0, 1.0)
    assert first["seed"] == 0
    assert second["seed"] not in (0, 1)


def test_extra_fields_go_with_every_request(server: Server) -> None:
    engine = OpenAIEngine(server.url, "base", extra_body={"repetition_penalty": 1.0})
    engine.complete([ask()])
    engine.close()
    assert server.bodies[0]["repetition_penalty"] == 1.0
    assert engine.identity != OpenAIEngine(server.url, "base").identity


def test_a_batch_is_answered_in_order_and_at_once(server: Server, engine: OpenAIEngine) -> None:
    server.echoes = True
    server.delay_seconds = 0.2
    started = time.monotonic()
    texts = [c.text for c in engine.complete([ask(f"q{i}") for i in range(8)])]
    assert texts == [f"Q{i}" for i in range(8)]
    assert time.monotonic() - started < 8 * 0.2


def test_too_many_requests_waits_as_told_and_says_so(
    server: Server, engine: OpenAIEngine, caplog: pytest.LogCaptureFixture
) -> None:
    server.replies = [(429, {"Retry-After": "0.3"}, '{"error": {}}'), (200, {}, answer())]
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        assert engine.complete([ask()])[0].text == "hello"
    assert time.monotonic() - started >= 0.3
    assert "try 1 of 3 failed, next in 0.3 s" in caplog.text
    assert KEY not in caplog.text


def test_a_server_that_stays_broken_is_given_up(server: Server, engine: OpenAIEngine) -> None:
    server.replies = [(500, {"Retry-After": "0"}, f'{{"error": {{"message": "boom {KEY}"}}}}')]
    with pytest.raises(EngineError, match=r"did not answer in 3 tries; the last: .*500") as caught:
        engine.complete([ask()])
    assert len(server.bodies) == 3
    assert KEY not in str(caught.value)


def test_too_long_a_wait_is_not_waited(server: Server, engine: OpenAIEngine) -> None:
    server.replies = [(429, {"Retry-After": "4000"}, "{}")]
    with pytest.raises(EngineError, match="asks to wait 4000 s"):
        engine.complete([ask()])


def test_a_refusal_is_not_retried(server: Server, engine: OpenAIEngine) -> None:
    server.replies = [(401, {}, f'{{"error": {{"message": "bad key {KEY}"}}}}')]
    with pytest.raises(EngineError, match=r"refused a request to 'base': .*bad key \*\*\*"):
        engine.complete([ask()])
    assert len(server.bodies) == 1


def test_a_context_complaint_is_a_prompt_too_long(server: Server, engine: OpenAIEngine) -> None:
    complaint = "This model's maximum context length is 2048 tokens, you asked for 9000."
    server.replies = [(400, {}, json.dumps({"error": {"message": complaint}}))]
    with pytest.raises(PromptTooLong, match=r"2048 .* 9000"):
        engine.complete([ask()])


def test_an_unknown_model_is_an_unknown_adapter(server: Server, engine: OpenAIEngine) -> None:
    server.replies = [(404, {}, '{"error": {"message": "no such model"}}')]
    with pytest.raises(UnknownAdapter, match="coder-lora"):
        engine.complete([ask(adapter="coding")])


def test_an_unmapped_adapter_never_reaches_the_server(server: Server, engine: OpenAIEngine) -> None:
    with pytest.raises(UnknownAdapter, match="'poetry' has no model name here; named: coding"):
        engine.complete([ask(), ask(adapter="poetry")])
    assert server.bodies == []


def test_a_grammar_is_refused(engine: OpenAIEngine) -> None:
    with pytest.raises(EngineError, match="grammar"):
        engine.complete([ask(grammar=Grammar(parts=(Fixed(text="x"),)))])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<html>proxy</html>", "not sound"),
        ('{"choices": [', "not sound"),
        ("{}", "choices: Field required"),
        (answer(choices=[]), "no choices"),
        (answer(text=None), "no content"),
        (answer(finish="content_filter"), "unknown finish reason 'content_filter'"),
        (answer(finish=None), "unknown finish reason None"),
    ],
)
def test_an_unsound_answer_is_refused(
    server: Server, engine: OpenAIEngine, text: str, reason: str
) -> None:
    server.replies = [(200, {}, text)]
    with pytest.raises(EngineError, match=reason):
        engine.complete([ask()])
    assert len(server.bodies) == 1


def test_a_cut_reply_says_length(server: Server, engine: OpenAIEngine) -> None:
    server.replies = [(200, {}, answer("half", "length"))]
    assert engine.complete([ask()])[0].finish_reason == "length"


def test_an_answer_without_usage_counts_nothing() -> None:
    completion = read_completion(answer(usage=None, model=None), model="asked", seconds=1.0)
    assert completion.usage.prompt_tokens == 0
    assert completion.model == "asked"


def test_a_slow_server_times_out(server: Server) -> None:
    server.delay_seconds = 1.0
    engine = OpenAIEngine(server.url, "base", timeout_seconds=0.1, max_retries=0)
    with pytest.raises(EngineError, match=r"did not answer in 1 tries; the last: .*timed out"):
        engine.complete([ask()])
    engine.close()


def test_nobody_listening_is_said(server: Server) -> None:
    server.close()
    engine = OpenAIEngine(server.url, "base", max_retries=0)
    with pytest.raises(EngineError, match=r"did not answer in 1 tries; the last: .*refused"):
        engine.complete([ask()])
    engine.close()


def test_closing_ends_a_wait(server: Server, engine: OpenAIEngine) -> None:
    server.replies = [(429, {"Retry-After": "60"}, "{}")]
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
    time.sleep(0.1)
    engine.close()
    thread.join(timeout=5)
    assert [("closed" in str(fault)) for fault in faults] == [True]
    with pytest.raises(EngineError, match="closed"):
        engine.complete([ask()])


def test_the_key_is_in_no_repr(engine: OpenAIEngine) -> None:
    assert KEY not in repr(engine) + str(engine) + engine.identity
    assert "coding=coder-lora" in engine.identity


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    date = format_datetime(now + timedelta(seconds=7), usegmt=True)
    assert retry_after_seconds({"retry-after": "2.5"}) == 2.5
    assert retry_after_seconds({"retry-after": date}, now) == 7
    assert retry_after_seconds({"retry-after": "-3"}) == 0
    assert retry_after_seconds({"retry-after": "soon"}) is None
    assert retry_after_seconds({}) is None
