"""What every run of the service keeps to, on every way in: its budget, the guard of contests."""

import asyncio
from collections.abc import Generator

import httpx
import openai
import pytest
from mcp.client import Client

from mapcoder_lite.engine.prices import Prices
from mapcoder_lite.errors import ConfigError, EngineError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.practice.guard import Guard
from mapcoder_lite.problem import Source
from mapcoder_lite.server.service import Rules
from mapcoder_lite.settings import BudgetConfig, PriceConfig
from mapcoder_lite.trajectory import Request
from served import Held, Served, Teacher, pasted, served
from test_server_mcp import Editor


class Chatty(Teacher):
    """The teacher, who says something of any other problem too."""

    def _text(self, request: Request) -> str:
        try:
            return super()._text(request)
        except EngineError:
            return "1. Print 1."


TEACHER = Chatty(20, 0.0)
PROBLEM = TEACHER.problems[0]
CONTEST = "https://atcoder.jp/contests/abc380/tasks/abc380_a"
OF_A_CONTEST = PROBLEM.model_copy(update={"source": Source(name="atcoder", url=CONTEST)})
LINKED = f"{CONTEST}\n\n{pasted(PROBLEM)}"
PRICED = Prices(PriceConfig(prompt=1.0, completion=2.0))
BODY = {"problem": OF_A_CONTEST.model_dump(mode="json")}


@pytest.fixture(scope="module")
def judge() -> Generator[SandboxJudge]:
    with SandboxJudge(1) as opened:
        yield opened


@pytest.fixture(scope="module")
def thrifty(tmp_path_factory: pytest.TempPathFactory, judge: SandboxJudge) -> Generator[Served]:
    """A service whose engine has a price, and that allows a run at most 50 calls."""
    rules = Rules(BudgetConfig(calls=50), PRICED)
    with served(tmp_path_factory.mktemp("thrifty"), judge, TEACHER, rules=rules) as service:
        yield service


@pytest.fixture(scope="module")
def counted() -> Held:
    return Held(TEACHER)


@pytest.fixture(scope="module")
def strict(
    tmp_path_factory: pytest.TempPathFactory, judge: SandboxJudge, counted: Held
) -> Generator[Served]:
    """A service without prices, whose guard blocks."""
    rules = Rules(guard=Guard.BLOCK)
    with served(tmp_path_factory.mktemp("strict"), judge, counted, rules=rules) as service:
        yield service


def ended(world: Served, **body: object) -> dict[str, object]:
    """Solve, and return how the run ended."""
    asked = {"problem_id": PROBLEM.id, **body}
    begun = httpx.post(f"{world.url}/api/solve", json=asked)
    assert begun.status_code == 202, begun.text
    run = f"{world.url}{begun.headers['location']}"
    httpx.get(f"{run}/events", timeout=60)  # to its end
    return httpx.get(run).json()


def test_a_run_says_what_its_answers_cost(thrifty: Served):
    run = ended(thrifty)
    totals = run["finished"]["totals"]  # type: ignore[index]
    cost = (totals["prompt_tokens"] + 2 * totals["completion_tokens"]) / 1e6
    assert run["status"] == "solved"
    assert totals["usd"] == pytest.approx(cost) and run["usd"] == totals["usd"]
    agents = run["finished"]["agents"].values()  # type: ignore[index]
    assert sum(one["usd"] for one in agents) == pytest.approx(cost)


def test_a_budget_ends_a_run_before_it_is_exceeded(thrifty: Served):
    run = ended(thrifty, budget={"calls": 3})
    finished = run["finished"]
    assert (run["status"], finished["exit_code"], finished["stop"]) == ("failed", 7, None)  # type: ignore[index]
    assert "budget.calls=3" in finished["detail"]  # type: ignore[index]
    assert run["calls"] == 3  # recall and two plans; how sure they are would be two more
    poor = ended(thrifty, budget={"dollars": 0.01})
    assert poor["status"] == "failed" and 0 < poor["usd"] <= 0.01  # type: ignore[operator]


def test_nobody_is_given_more_than_the_service_allows(thrifty: Served, strict: Served):
    request = ended(thrifty, budget={"calls": 1000, "tokens": 90_000})["request"]
    kept = {name: value for name, value in request["budget"].items() if value}  # type: ignore[index]
    assert kept == {"calls": 50, "tokens": 90_000}
    limits = httpx.get(f"{thrifty.url}/api/status").json()["limits"]
    assert limits["budget"]["calls"] == 50
    body = {"problem_id": PROBLEM.id, "budget": {"dollars": 1}}
    unpriced = httpx.post(f"{strict.url}/api/solve", json=body)
    assert (unpriced.status_code, "no price" in unpriced.json()["detail"]) == (422, True)
    with pytest.raises(ConfigError, match="price of every engine"):
        Rules(BudgetConfig(dollars=1))


def test_a_fork_keeps_to_the_budget_of_its_run(thrifty: Served):
    run = ended(thrifty, budget={"calls": 40})
    plan = {"plan": 0, "text": "1. Do as the statement says."}
    forked = httpx.post(f"{thrifty.url}/api/runs/{run['id']}/fork", json=plan).json()["run"]
    request = httpx.get(f"{thrifty.url}/api/runs/{forked}").json()["request"]
    assert request["budget"]["calls"] == 40


def test_a_tool_takes_a_budget(thrifty: Served):
    async def main() -> None:
        async with Client(f"{thrifty.url}/mcp") as client:
            editor = Editor(client)
            budget = {"calls": 3}
            said = await editor.ended("solve_problem", statement=pasted(PROBLEM), budget=budget)
            assert "failed" in said and "budget.calls=3" in said
            assert "3 calls" in said and " dollars" in said.splitlines()[0]
            fault = await editor.fault("solve_problem", statement="s", budget={"calls": 0})
            assert "budget.calls" in fault

    asyncio.run(main())


def test_a_contests_problem_is_warned_of_on_every_way_in(thrifty: Served):
    begun = httpx.post(f"{thrifty.url}/api/solve", json=BODY).json()
    assert "generative AI is banned" in begun["warnings"][0]
    read = httpx.post(f"{thrifty.url}/api/problems", json={"text": LINKED}).json()
    assert "abc380" in read["warnings"][0]
    plain = httpx.post(f"{thrifty.url}/api/solve", json={"problem_id": PROBLEM.id}).json()
    assert plain["warnings"] == []
    with openai.OpenAI(base_url=f"{thrifty.url}/v1", api_key="none") as client:
        message = {"role": "user", "content": LINKED}
        whole = client.chat.completions.create(model="mapcoder-plan", messages=[message])  # type: ignore[list-item]
        assert "abc380" in whole.model_extra["x_mapcoder"]["warnings"][0]  # type: ignore[index]
        stream = client.chat.completions.create(
            model="mapcoder-plan",
            messages=[message],  # type: ignore[list-item]
            stream=True,
        )
        lines = [chunk.choices[0].delta.model_extra for chunk in stream if chunk.choices]
        assert "abc380" in next(line["reasoning_content"] for line in lines if line)

    async def main() -> None:
        async with Client(f"{thrifty.url}/mcp") as client:
            assert "abc380" in await Editor(client).ok("make_plan", statement=LINKED)

    asyncio.run(main())


def test_a_blocking_guard_asks_no_model(strict: Served, counted: Held):
    counted.hold(True)  # whoever asked it would wait for ever
    refused = httpx.post(f"{strict.url}/api/solve", json=BODY)
    assert (refused.status_code, refused.json()["title"]) == (403, "Forbidden")
    assert "no model was asked" in refused.json()["detail"]
    with openai.OpenAI(base_url=f"{strict.url}/v1", api_key="none", max_retries=0) as client:
        message = {"role": "user", "content": LINKED}
        for model in ("mapcoder-lite", "mapcoder-hint"):
            with pytest.raises(openai.PermissionDeniedError, match="no model was asked"):
                client.chat.completions.create(model=model, messages=[message])  # type: ignore[list-item]

    async def main() -> None:
        async with Client(f"{strict.url}/mcp") as client:
            assert "no model was asked" in await Editor(client).fault("get_hint", statement=LINKED)

    asyncio.run(main())
    judged = httpx.post(f"{strict.url}/api/judge", json={**BODY, "program": "print(1)"})
    assert judged.status_code == 200  # a judge is no model
    assert httpx.get(f"{strict.url}/api/runs").json()["runs"] == []
