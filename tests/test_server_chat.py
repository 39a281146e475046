"""The OpenAI facade over a real socket, asked by the official client. The teacher answers."""

import re
import threading
from collections.abc import Generator
from pathlib import Path

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.server.chats import MODELS
from mapcoder_lite.settings import ServeConfig
from served import Held, Served, pasted, served, teacher, until

TEACHER = teacher(mistakes=0.0)
PROBLEM = TEACHER.problems[0]
STATEMENT = pasted(PROBLEM)
NO_PASS = "```python\nprint(-1)\n```"


@pytest.fixture(scope="module")
def held() -> Held:
    return Held(TEACHER)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, held: Held) -> Generator[Served]:
    settings = ServeConfig(max_running=2, max_waiting=1)
    folder = tmp_path_factory.mktemp("chat")
    with SandboxJudge(1) as judge, served(folder, judge, held, settings) as service:
        yield service


@pytest.fixture(scope="module")
def client(world: Served) -> Generator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{world.url}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def asked(client: openai.OpenAI, *turns: str, **more: object) -> ChatCompletion:
    """Ask, turns of user and assistant alternating."""
    fields = {"model": "mapcoder-lite", **more}
    return client.chat.completions.create(messages=messages(*turns), **fields)  # type: ignore[call-overload]


def messages(*turns: str) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]


def extension(completion: ChatCompletion | ChatCompletionChunk) -> dict[str, object]:
    return completion.model_extra["x_mapcoder"]  # type: ignore[index]


def content(completion: ChatCompletion) -> str:
    return completion.choices[0].message.content or ""


def test_the_models_are_listed(client: openai.OpenAI):
    assert {model.id for model in client.models.list()} == set(MODELS)
    assert client.models.retrieve("mapcoder-lite").owned_by == "mapcoder-lite"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4")


def test_a_problem_is_solved(client: openai.OpenAI, world: Served):
    done = asked(client, STATEMENT, temperature=0.5)
    text = content(done)
    assert "**Solved on samples** (2 of 2)." in text
    assert "```python\n" in text
    assert "| 1 | AC |" in text
    told = extension(done)
    assert (told["status"], told["mode"]) == ("solved", "solve")
    assert told["ignored"] == ["temperature"]
    finished = world.service.archive.finished(str(told["run"]))
    assert finished is not None and done.usage is not None
    assert done.usage.prompt_tokens == finished.totals.prompt_tokens
    assert done.usage.completion_tokens == finished.totals.completion_tokens
    assert done.choices[0].finish_reason == "stop"
    assert "retrieval" in done.choices[0].message.model_extra["reasoning_content"]  # type: ignore[index]


def test_a_stream_says_the_same(client: openai.OpenAI):
    whole = asked(client, STATEMENT)
    chunks = list(
        client.chat.completions.create(
            model="mapcoder-lite",
            messages=messages(STATEMENT),  # type: ignore[arg-type]
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    marks = re.compile(r"run `\w+`|\| \d+ \|")
    assert marks.sub("", "".join(texts)) == marks.sub("", content(whole))
    lines = [
        (chunk.choices[0].delta.model_extra or {}).get("reasoning_content", "")
        for chunk in chunks
        if chunk.choices
    ]
    assert "plan 1: rank" in "".join(lines)
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert extension(chunks[-2])["status"] == "solved"
    assert chunks[0].choices[0].delta.role == "assistant"


def test_quick_has_one_plan(client: openai.OpenAI, world: Served):
    done = asked(client, STATEMENT, model="mapcoder-lite-quick")
    run = str(extension(done)["run"])
    asked_for = world.service.archive.entry(run).asked.traversal
    assert (asked_for.k, asked_for.t) == (1, 2)


def test_a_solve_that_fails_is_an_answer(client: openai.OpenAI):
    wrong = STATEMENT.replace("## Sample Output 2\n```\n", "## Sample Output 2\n```\n99")
    done = asked(client, wrong, model="mapcoder-lite-quick")
    assert "**Not solved**: the best attempt fails sample 2: WA" in content(done)
    assert extension(done)["status"] == "failed"


def test_hints_climb_a_ladder(client: openai.OpenAI):
    turns = [STATEMENT]
    rungs: list[str] = []
    for _ in range(4):
        rungs.append(content(asked(client, *turns, model="mapcoder-hint")))
        turns += [rungs[-1], "more"]
    assert "**Kind of problem**" in rungs[0] and "**How it is solved**" not in rungs[0]
    assert "**How it is solved**" in rungs[1]
    assert rungs[2].count("**Plan ") == 1
    assert all("```python" not in rung for rung in rungs[:3])
    assert "```python" in rungs[3]


def test_plans_judgements_and_debugging(client: openai.OpenAI):
    plans = content(asked(client, STATEMENT, model="mapcoder-plan"))
    assert plans.count("**Plan ") == 2 and "confidence" in plans
    judged = asked(client, f"{STATEMENT}\n\n{NO_PASS}", model="mapcoder-judge")
    assert "**WA**: 0 of 2 samples passed" in content(judged)
    assert extension(judged)["verdicts"] == [{"test": i, "verdict": "WA"} for i in range(2)]
    assert judged.usage is not None and judged.usage.total_tokens == 0
    later = asked(client, STATEMENT, "I see.", f"Mine:\n{NO_PASS}", model="mapcoder-debug")
    assert extension(later)["status"] == "solved"
    with pytest.raises(openai.BadRequestError, match="no program found"):
        asked(client, STATEMENT, model="mapcoder-judge")


def test_what_is_no_problem_is_one_call(client: openai.OpenAI, world: Served):
    before = world.service.archive.ids()
    titled = asked(client, f"### Task:\nGenerate a title.\n{STATEMENT}")
    assert content(titled).startswith("You said: ### Task:")
    assert extension(titled)["mode"] == "base"
    chatted = asked(client, "hello", seed=3)
    assert "X-MapCoder-Mode: solve" in content(chatted)
    assert extension(chatted)["ignored"] == []
    forced = asked(client, STATEMENT, extra_headers={"X-MapCoder-Mode": "base"})
    assert extension(forced)["why"] == "the X-MapCoder-Mode header"
    streamed = client.chat.completions.create(
        model="mapcoder-base",
        messages=messages("hello"),  # type: ignore[arg-type]
        stream=True,
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == "You said: hello"
    assert world.service.archive.ids() == before


def test_a_follow_up_is_told_of_its_run(client: openai.OpenAI):
    solved = content(asked(client, STATEMENT, model="mapcoder-lite-quick"))
    done = asked(client, STATEMENT, solved, "Why does it work?")
    assert extension(done)["mode"] == "follow_up"
    assert done.usage is not None
    assert done.usage.prompt_tokens > 2 * len(STATEMENT.split())  # problem and program once more


@pytest.mark.parametrize(
    ("fields", "kind", "said"),
    [
        ({"model": "gpt-4"}, openai.NotFoundError, "no model 'gpt-4'"),
        ({"n": 2}, openai.BadRequestError, "n is not supported"),
        ({"tools": [{"type": "function"}]}, openai.BadRequestError, "tools is not supported"),
        ({"response_format": {"type": "json_object"}}, openai.BadRequestError, "response_format"),
        ({"temperature": 9}, openai.BadRequestError, "temperature"),
        ({"extra_headers": {"X-MapCoder-Mode": "x"}}, openai.BadRequestError, "X-MapCoder-Mode"),
    ],
)
def test_what_is_not_there_is_refused(
    client: openai.OpenAI, fields: dict[str, object], kind: type[openai.APIStatusError], said: str
):
    with pytest.raises(kind, match=said) as refused:
        asked(client, STATEMENT, **fields)
    assert refused.value.body is not None


def test_an_interactive_problem_and_broken_json_are_refused(client: openai.OpenAI, world: Served):
    with pytest.raises(openai.BadRequestError, match="interactive"):
        asked(client, "Guess the number.\n\nInteraction\nPrint a query, read the answer.")
    headers = {"content-type": "application/json"}
    broken = httpx.post(f"{world.url}/v1/chat/completions", content="{", headers=headers)
    assert (broken.status_code, broken.json()["error"]["type"]) == (400, "invalid_request_error")
    image = [{"type": "image_url", "image_url": {"url": "data:"}}]
    with pytest.raises(openai.BadRequestError, match="only text is read"):
        client.chat.completions.create(
            model="mapcoder-lite",
            messages=[{"role": "user", "content": image}],  # type: ignore[typeddict-item]
        )


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_client_that_leaves_frees_its_place_within_a_second(
    world: Served, held: Held, is_stream: bool
):
    held.hold(True)
    body = {"model": "mapcoder-lite", "messages": messages(STATEMENT), "stream": is_stream}
    opened = httpx.Client(base_url=world.url)

    def ask() -> None:
        try:
            with opened.stream("POST", "/v1/chat/completions", json=body) as response:
                for _ in response.iter_bytes():
                    pass
        except (httpx.HTTPError, RuntimeError, OSError):
            pass  # it is closed under its hands

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: held.num_held == 1)
    run = world.service.archive.ids()[0]
    for stream in _sockets(opened):
        stream.close()
    assert until(lambda: world.service.solves.num_running == 0) < 3  # a second, on an idle machine
    asking.join()
    held.hold(False)
    finished = world.service.archive.finished(run)
    assert finished is not None and finished.status == "cancelled"
    assert held.num_held == 0


def _sockets(client: httpx.Client):
    """The sockets that a client holds, to be closed as a lost connection is."""
    pool = client._transport._pool  # type: ignore[attr-defined]
    for connection in pool.connections:
        sock = connection._connection._network_stream.get_extra_info("socket")
        sock.shutdown(2)
        yield sock


def test_beyond_the_queue_a_client_is_told_to_come_again(client: openai.OpenAI, held: Held):
    held.hold(True)
    answers: list[ChatCompletion] = []
    threads = [
        threading.Thread(target=lambda: answers.append(asked(client, STATEMENT))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    until(lambda: held.num_held == 2)
    with pytest.raises(openai.RateLimitError) as refused:
        until(lambda: not asked(client, STATEMENT))
    assert refused.value.response.headers["retry-after"] == "5"
    held.hold(False)
    for thread in threads:
        thread.join()
    assert [extension(answer)["status"] for answer in answers] == ["solved"] * 3


def test_a_fault_of_the_engine_is_an_error(tmp_path: Path):
    with SandboxJudge(1) as judge, served(tmp_path, judge, teacher(1)) as service:
        unknown = pasted(teacher(3).problems[2])
        with openai.OpenAI(base_url=f"{service.url}/v1", api_key="none", max_retries=0) as client:
            with pytest.raises(openai.InternalServerError, match="knows only the problems"):
                asked(client, unknown)
            with pytest.raises(openai.APIError, match="knows only the problems"):
                list(
                    client.chat.completions.create(
                        model="mapcoder-lite",
                        messages=messages(unknown),  # type: ignore[arg-type]
                        stream=True,
                    )
                )
