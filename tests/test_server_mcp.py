"""The MCP tools through the official client, over HTTP and over stdio. The teacher answers."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path

import httpx
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextContent

from mapcoder_lite.errors import EngineError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.server.untrusted import MAX_CHARACTERS, marked, visible
from mapcoder_lite.settings import ServeConfig
from mapcoder_lite.trajectory import Completion, Request, Watch
from served import Held, Served, pasted, served, teacher, until

TEACHER = teacher()
PROBLEM = TEACHER.problems[0]
STATEMENT = pasted(PROBLEM)
WRONG = "print(1)\n"
TOOLS = ["solve_problem", "get_hint", "make_plan", "judge_code", "debug_code", "get_run"]
SOURCE = str(Path(__file__).parents[1] / "src")


class Broken(Held):
    """An engine that can be told to fail."""

    fault: str | None = None

    def complete(self, requests: list[Request], watch: Watch | None = None) -> list[Completion]:
        if self.fault is not None:
            raise EngineError(self.fault)
        return super().complete(requests, watch)


@pytest.fixture(scope="module")
def judge() -> Generator[SandboxJudge]:
    with SandboxJudge(1) as opened:
        yield opened


@pytest.fixture(scope="module")
def engine() -> Broken:
    return Broken(TEACHER)


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, judge: SandboxJudge, engine: Broken
) -> Generator[Served]:
    limits = ServeConfig(max_running=1, max_waiting=1, max_tests=50)
    with served(tmp_path_factory.mktemp("mcp"), judge, engine, limits) as service:
        yield service


class Editor:
    """A client that says what came: the text, and whether it is an error."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, **arguments: object) -> tuple[str, bool]:
        result = await self.client.call_tool(tool, arguments)
        (content,) = result.content
        assert isinstance(content, TextContent)
        return content.text, result.is_error

    async def ok(self, tool: str, **arguments: object) -> str:
        text, is_error = await self.call(tool, **arguments)
        assert not is_error, text
        return text

    async def fault(self, tool: str, **arguments: object) -> str:
        text, is_error = await self.call(tool, **arguments)
        assert is_error, text
        assert "Traceback" not in text and "pydantic" not in text
        return text

    async def ended(self, tool: str, **arguments: object) -> str:
        """Begin a run and wait for its end."""
        begun = await self.ok(tool, **arguments)
        return await self.ok("get_run", run=run_in(begun), wait_seconds=50)


def run_in(text: str) -> str:
    found = re.search(r"run `(\w{26})`", text)
    assert found is not None, text
    return found[1]


def over_http(world: Served, do: Callable[[Editor], Awaitable[None]], mode: str = "auto") -> None:
    async def main() -> None:
        async with Client(f"{world.url}/mcp", mode=mode) as client:
            await do(Editor(client))

    asyncio.run(main())


def block(text: str) -> str:
    """The untrusted part of a result."""
    found = re.search(r"<untrusted (\w+)>\n(.*)\n</untrusted \1>$", text, re.S)
    assert found is not None, text
    return found[2]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_problem_is_solved_over_http(world: Served, mode: str):
    async def solve(editor: Editor) -> None:
        listed = (await editor.client.list_tools()).tools
        assert [tool.name for tool in listed] == TOOLS
        text = await editor.ended("solve_problem", statement=STATEMENT, effort="quick")
        assert "solved; 2 of 2 samples passed" in text.partition("\n")[0]
        assert "```python" in block(text)
        asked = world.service.archive.entry(run_in(text)).asked
        assert (asked.source, asked.traversal.k, asked.traversal.t) == ("mcp", 1, 2)

    over_http(world, solve, mode)


def test_help_says_no_more_than_is_asked_for(world: Served):
    async def climb(editor: Editor) -> None:
        kind = await editor.ended("get_hint", statement=STATEMENT)
        assert "**Kind of problem**" in kind and "**How it is solved**" not in kind
        idea = await editor.ended("get_hint", statement=STATEMENT, rung=2)
        assert "**How it is solved**" in idea
        plan = await editor.ended("get_hint", statement=STATEMENT, rung=3)
        assert plan.count("**Plan ") == 1
        plans = await editor.ended("make_plan", statement=STATEMENT)
        assert plans.count("**Plan ") == 2
        assert all("```python" not in text for text in (kind, idea, plan, plans))

    over_http(world, climb)


def test_a_program_is_judged_and_corrected(world: Served):
    async def check(editor: Editor) -> None:
        judged = await editor.ok("judge_code", statement=STATEMENT, program=WRONG)
        assert judged.startswith("WA: 0 of 2 samples passed")
        assert "expected" in block(judged)
        own = [{"input": "", "output": "1"}]
        right = await editor.ok("judge_code", statement=STATEMENT, program=WRONG, samples=own)
        assert right.startswith("AC: 1 of 1 samples passed")
        mended = await editor.ended("debug_code", statement=STATEMENT, program=WRONG)
        assert "solved; 2 of 2" in mended and "```python" in block(mended)

    over_http(world, check)


def test_a_run_is_told_of_while_it_goes_on(world: Served, engine: Broken):
    async def watch(editor: Editor) -> None:
        engine.hold(True)
        first = run_in(await editor.ok("solve_problem", statement=STATEMENT))
        until(lambda: engine.num_held == 1)
        assert "goes on" in await editor.ok("get_run", run=first)
        second = run_in(await editor.ok("solve_problem", statement=STATEMENT))
        assert "waits; 0 before it" in await editor.ok("get_run", run=second, wait_seconds=1)
        full = await editor.fault("solve_problem", statement=STATEMENT)
        assert "ask again later" in full
        engine.hold(False)
        assert "solved" in await editor.ok("get_run", run=second, wait_seconds=50)

    try:
        over_http(world, watch)
    finally:
        engine.hold(False)


def test_a_client_that_leaves_frees_the_judge(world: Served):
    many = [{"input": "", "output": ""}] * 50

    async def leave(editor: Editor) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await editor.call(
                    "judge_code", statement=STATEMENT, program="while True: pass", samples=many
                )
        await asyncio.to_thread(until, lambda: world.service.quick.num_running == 0, 5)

    over_http(world, leave)


def test_what_is_wrong_is_a_tool_error_with_its_remedy(world: Served, engine: Broken):
    async def err(editor: Editor) -> None:
        assert "solve_problem" in await editor.fault("solve")
        assert "statement: Field required" in await editor.fault("solve_problem")
        more = await editor.fault("get_run", run="A" * 26, wait=3)
        assert "wait: Extra inputs" in more
        assert "give an id" in await editor.fault("get_run", run="../../etc\x1b[2J")
        assert "less than or equal to 3" in await editor.fault(
            "get_hint", statement=STATEMENT, rung=4
        )
        many = [{"input": "", "output": ""}] * 51
        assert "51 samples" in await editor.fault("make_plan", statement=STATEMENT, samples=many)
        interactive = "Guess the number.\n\nInteraction\nPrint a query, read the answer."
        assert "interactive" in await editor.fault("solve_problem", statement=interactive)
        bare = "Print the sum of two numbers."
        assert "give them as `samples`" in await editor.fault(
            "judge_code", statement=bare, program=WRONG
        )
        assert "No samples were found" in await editor.ok("make_plan", statement=bare)
        engine.fault = "the server is down\x1b[2J: start it"
        run = run_in(await editor.ok("solve_problem", statement=STATEMENT))
        down = await editor.fault("get_run", run=run, wait_seconds=50)
        assert down == r"the server is down\u{1b}[2J: start it"

    try:
        over_http(world, err)
    finally:
        engine.fault = None


def test_the_guard_stands_before_the_tools(world: Served, judge: SandboxJudge, tmp_path: Path):
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"accept": "application/json, text/event-stream"}
    post = {
        "foreign page": ({"origin": "https://evil.example"}, 403),
        "foreign name": ({"host": "evil.example"}, 403),
        "no JSON": ({"content-type": "text/plain"}, 415),
    }
    for name, (headers, status) in post.items():
        got = httpx.post(f"{world.url}/mcp", json=body, headers={**accept, **headers})
        assert got.status_code == status, name
    assert httpx.get(f"{world.url}/mcp").status_code == 405
    large = httpx.post(f"{world.url}/mcp", json={"x": "y" * 2_000_001}, headers=accept)
    assert large.status_code == 413
    with served(tmp_path, judge, TEACHER, token="secret") as closed:
        assert httpx.post(f"{closed.url}/mcp", json=body, headers=accept).status_code == 401

        async def enter() -> None:
            bearer = {"authorization": "Bearer secret"}
            async with (
                httpx2.AsyncClient(headers=bearer) as opened,
                Client(streamable_http_client(f"{closed.url}/mcp", http_client=opened)) as client,
            ):
                assert len((await client.list_tools()).tools) == len(TOOLS)

        asyncio.run(enter())


COMMAND = [
    "-m", "mapcoder_lite", "mcp",
    *("-s", "engine.kind=teacher", "-s", "judge.speed_factor=1", "-s", "judge.workers=1"),
]  # fmt: skip


def test_a_problem_is_solved_over_stdio(tmp_path: Path):
    process = StdioServerParameters(
        command=sys.executable, args=COMMAND, env={"PYTHONPATH": SOURCE}, cwd=tmp_path
    )

    strays: list[Exception] = []

    async def hear(message: object) -> None:
        if isinstance(message, Exception):  # a line on stdout that is not the protocol's
            strays.append(message)

    async def main() -> str:
        async with Client(stdio_client(process), message_handler=hear) as client:
            editor = Editor(client)
            assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
            text = await editor.ended("solve_problem", statement=STATEMENT)
            assert "solved; 2 of 2" in text and "```python" in block(text)
            return run_in(text)

    run = asyncio.run(main())
    assert not strays
    last = (tmp_path / "runs" / "served" / run / "events.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["status"] == "solved"


@settings(max_examples=50)
@given(st.text(max_size=300))
def test_untrusted_text_cannot_leave_its_marks(text: str):
    assert block(marked(text, "")) == visible(text)
    assert not set(visible(text)) & {"\x1b", "\r", "\u202e", "\u200b", "\U000e0041"}
    assert visible(visible(text)) == visible(text)


def test_untrusted_text_is_bounded_and_says_so():
    shown = marked("a" * (MAX_CHARACTERS + 1), "the whole is elsewhere")
    assert len(block(shown)) == MAX_CHARACTERS
    assert f"of {MAX_CHARACTERS + 1} characters; the whole is elsewhere" in shown
    assert "Cut" not in marked("a" * MAX_CHARACTERS, "")
    assert visible("é 日\u3000\t\n\x1b[2J\u202e") == "é 日\u3000\t\n\\u{1b}[2J\\u{202e}"


@pytest.mark.slow
def test_stdout_is_the_protocols_and_a_signal_ends_it(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, *COMMAND], cwd=tmp_path, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PYTHONPATH": SOURCE},
    )  # fmt: skip
    with process:
        assert process.stdin is not None and process.stdout is not None
        for line in ("{broken", '{"jsonrpc": "2.0", "id": 1, "method": "ping"}'):
            process.stdin.write(f"{line}\n")
        process.stdin.flush()
        lines = [json.loads(process.stdout.readline())]
        process.send_signal(signal.SIGTERM)
        rest, said = process.communicate(timeout=30)
    lines += [json.loads(line) for line in rest.splitlines()]
    assert all(line["jsonrpc"] == "2.0" for line in lines)
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in said and "Traceback" not in said
