"""The service over a real socket: REST, events, safety, what is kept. The teacher answers."""

import json
import re
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import httpx
import pytest

from mapcoder_lite.errors import ConfigError, StoreError
from mapcoder_lite.events import EVENT, Event
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import Test
from mapcoder_lite.server.archive import Archive
from mapcoder_lite.server.listening import bound
from mapcoder_lite.settings import ServeConfig
from served import Held, Served, pasted, served, teacher, until

TEACHER = teacher(mistakes=1.0)
PROBLEM = TEACHER.problems[0]
ENDLESS = "while True:\n    pass\n"


@pytest.fixture(scope="module")
def judge() -> Generator[SandboxJudge]:
    with SandboxJudge(1) as opened:
        yield opened


@pytest.fixture(scope="module")
def held() -> Held:
    return Held(TEACHER)


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, judge: SandboxJudge, held: Held
) -> Generator[Served]:
    settings = ServeConfig(max_running=2, max_waiting=4, max_tests=50)
    with served(tmp_path_factory.mktemp("rest"), judge, held, settings) as service:
        yield service


@pytest.fixture(scope="module")
def client(world: Served) -> Generator[httpx.Client]:
    with httpx.Client(base_url=world.url, timeout=60) as opened:
        yield opened


def events_of(client: httpx.Client, run: str, **headers: str) -> list[Event]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    events: list[Event] = []
    with client.stream("GET", f"/api/runs/{run}/events", headers=named) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for block in blocks(response.iter_lines()):
            event = EVENT.validate_json(block["data"])
            assert block["id"] == str(event.n)
            assert block["event"] == event.kind
            events.append(event)
    return events


def blocks(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    block: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            block[name] = value
        elif "data" in block:
            yield block
            block = {}


def begun(client: httpx.Client, **body: object) -> str:
    response = client.post("/api/solve", json={"problem_id": PROBLEM.id, **body})
    assert response.status_code == 202, response.text
    run = response.json()["run"]
    assert response.headers["location"] == f"/api/runs/{run}"
    return run


def status_of(client: httpx.Client, run: str) -> str:
    return client.get(f"/api/runs/{run}").json()["status"]


@pytest.fixture(scope="module")
def done(client: httpx.Client) -> str:
    run = begun(client)
    events_of(client, run)
    return run


def test_a_run_is_told_of_to_its_end_and_again_from_any_event(client: httpx.Client, done: str):
    events = events_of(client, done)
    assert [event.n for event in events] == list(range(1, len(events) + 1))
    assert (events[0].kind, events[-1].kind) == ("run.started", "run.finished")
    assert events_of(client, done, last_event_id="5") == events[5:]
    for number, status in ((len(events), 204), (len(events) - 1, 200)):
        resumed = client.get(f"/api/runs/{done}/events", headers={"last-event-id": str(number)})
        assert resumed.status_code == status  # a browser asks no more after 204
    lines = client.get(f"/api/runs/{done}/events?format=jsonl&after=2").text.splitlines()
    assert [EVENT.validate_json(line) for line in lines] == events[2:]


def test_a_run_is_shown_whole_with_its_calls(client: httpx.Client, done: str):
    detail = client.get(f"/api/runs/{done}").json()
    assert detail["problem"]["id"] == PROBLEM.id
    assert detail["status"] == detail["finished"]["status"]
    assert detail["num_events"] == detail["finished"]["n"]
    calls = client.get(f"/api/runs/{done}/calls").json()["calls"]
    assert [call["stage"] for call in calls] == list(range(1, len(calls) + 1))
    assert detail["calls"] == len(calls)
    first = client.get(f"/api/runs/{done}/calls/1").json()
    assert first["messages"][-1]["content"].startswith("Recall 2 different problems")
    assert first["reply"].startswith("<root>")
    assert client.get(f"/api/runs/{done}/calls/999").status_code == 404
    listed = client.get("/api/runs?limit=1").json()
    assert len(listed["runs"]) == 1


def test_an_edited_plan_runs_on_from_there(client: httpx.Client, done: str):
    plan = "1. Read the numbers.\n2. Do as the statement says."
    response = client.post(f"/api/runs/{done}/fork", json={"plan": 1, "text": plan})
    assert response.status_code == 202, response.text
    events = events_of(client, response.json()["run"])
    assert events[0].forked_from == done
    first = next(event for event in events if event.kind == "plan.scored")
    assert (first.plan, first.text, first.confidence, first.rank) == (1, plan, 100, 1)
    assert next(event for event in events if event.kind == "code.version").plan == 1
    replayed = {event.stage: event for event in events if event.kind == "stage.finished"}
    before = {
        event.stage: event for event in events_of(client, done) if event.kind == "stage.finished"
    }
    assert replayed[1].answer == before[1].answer
    faulty = client.post(f"/api/runs/{done}/fork", json={"plan": 7, "text": plan})
    assert faulty.status_code == 422
    assert "no plan 7" in faulty.json()["detail"]


def test_problems_are_listed_and_read(client: httpx.Client):
    listed = client.get("/api/problems?limit=3&offset=1").json()
    assert (len(listed["problems"]), listed["total"]) == (3, 200)
    assert client.get(f"/api/problems/{PROBLEM.id}").json()["title"] == PROBLEM.title
    read = client.post("/api/problems", json={"text": pasted(PROBLEM)}).json()
    assert len(read["problem"]["public_tests"]) == len(PROBLEM.public_tests)
    bare = client.post("/api/problems", json={"text": "Print the sum of two numbers."}).json()
    assert "no samples found" in bare["warnings"][0]
    hostile = "<script>alert(1)</script>\n\nPrint <b>1</b>."
    shown = client.post("/api/problems", json={"text": hostile})
    assert shown.headers["content-type"] == "application/json"
    assert "script" in shown.json()["problem"]["title"]


def test_a_program_is_judged(client: httpx.Client):
    body = {"problem_id": PROBLEM.id, "program": "print(-1)"}
    judgement = client.post("/api/judge", json=body).json()
    assert (judgement["verdict"], judgement["num_total"]) == ("WA", len(PROBLEM.public_tests))


def test_help_that_is_less_than_a_solve(client: httpx.Client):
    for task in ("hint", "plan"):
        events = events_of(client, begun(client, task=task))
        assert events[-1].status == "answered"
    debugged = events_of(client, begun(client, task="debug", program="print(-1)"))
    assert {e.agent for e in debugged if e.kind == "stage.finished"} == {"debugging"}
    refused = client.post("/api/solve", json={"problem_id": PROBLEM.id, "task": "debug"})
    assert refused.status_code == 422


def test_the_queue_is_bounded_and_what_waits_can_be_called_off(client: httpx.Client, held: Held):
    held.hold(True)
    runs = [begun(client) for _ in range(4)]
    refused = client.post("/api/solve", json={"problem_id": PROBLEM.id})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert refused.json()["title"] == "Too Many Requests"
    assert [status_of(client, run) for run in runs[2:]] == ["waiting"] * 2
    assert client.get(f"/api/runs/{runs[3]}").json()["position"] == 1
    assert client.post(f"/api/runs/{runs[3]}/cancel", json={}).json()["status"] == "cancelled"
    assert [event.kind for event in events_of(client, runs[3])] == ["run.finished"]
    until(lambda: held.num_held == 2)
    client.post(f"/api/runs/{runs[0]}/cancel", json={})
    assert until(lambda: status_of(client, runs[0]) == "cancelled") < 5
    held.hold(False)
    assert events_of(client, runs[1])[-1].status in ("solved", "failed")
    again = client.post(f"/api/runs/{runs[1]}/cancel", json={})
    assert again.status_code == 409


def test_a_judging_is_called_off_while_it_runs(judge: SandboxJudge, client: httpx.Client):
    slow = PROBLEM.model_copy(
        update={
            "limits": PROBLEM.limits.model_copy(update={"cpu_seconds": 20.0}),
            "public_tests": PROBLEM.public_tests * 3,
        }
    )
    body = {"problem": slow.model_dump(mode="json"), "task": "debug", "program": ENDLESS}
    run = client.post("/api/solve", json=body).json()["run"]
    until(lambda: '"code.version"' in client.get(f"/api/runs/{run}/events?format=jsonl").text)
    time.sleep(0.3)  # it runs by now
    client.post(f"/api/runs/{run}/cancel", json={})
    assert until(lambda: status_of(client, run) == "cancelled") < 5
    finished = client.get(f"/api/runs/{run}").json()["finished"]
    assert (finished["num_passed"], finished["num_tests"]) == (0, len(slow.public_tests))
    sound = {"problem_id": PROBLEM.id, "program": "print(-1)"}
    assert client.post("/api/judge", json=sound).json()["verdict"] == "WA"


FAULTS = [
    ("{", 400, "broken json at character 1: expecting"),
    ('{"text": "a\\ud800"}', 400, "half a character"),
    ('{"text": "a\\ud83d\\ude00 \\\\ud800", "k": 0}', 422, "k: input should be greater"),
    ("[]", 422, ""),
    ('{"problem_id": "none"}', 404, "no bundled problem"),
    ("{}", 422, "exactly one"),
    ('{"text": "a", "problem_id": "b"}', 422, "exactly one"),
    ('{"text": "Guess.\\n\\nInteraction\\nAsk."}', 422, "interactive"),
    ('{"problem_id": "p", "k": 1000}', 422, "k"),
    ('{"problem_id": "p", "colour": 1}', 422, "colour"),
]


@pytest.mark.parametrize(("body", "status", "said"), FAULTS)
def test_bad_bodies_get_clear_errors(client: httpx.Client, body: str, status: int, said: str):
    response = client.post("/api/solve", content=body, headers={"content-type": "application/json"})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert said.lower() in response.text.lower()
    assert "Traceback" not in response.text


def test_what_is_too_large_is_refused(client: httpx.Client):
    huge = client.post("/api/problems", json={"text": "a" * 3_000_000})
    assert huge.status_code == 413
    many = PROBLEM.model_copy(update={"public_tests": (Test(input="1", outputs=("1",)),) * 51})
    refused = client.post("/api/solve", json={"problem": many.model_dump(mode="json")})
    assert refused.status_code == 422
    assert "51 samples" in refused.json()["detail"]

    def pieces() -> Iterator[bytes]:
        for _ in range(30):
            yield b"a" * 100_000

    headers = {"content-type": "application/json"}
    chunked = client.post("/api/problems", content=pieces(), headers=headers)
    assert chunked.status_code == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_strangers_are_refused(client: httpx.Client, headers: dict[str, str], status: int):
    response = client.post("/api/problems", content='{"text": "a"}', headers=headers)
    assert response.status_code == status
    assert client.get("/api/status").headers["content-security-policy"].startswith("default-src")


def test_a_token_is_asked_for_where_there_is_one(tmp_path: Path, judge: SandboxJudge):
    with (
        served(tmp_path, judge, TEACHER, token="secret") as service,
        httpx.Client(base_url=service.url) as client,
    ):
        assert client.get("/api/runs").status_code == 401
        assert client.get("/v1/models").json()["error"]["type"] == "authentication_error"
        assert client.get("/", auth=("anybody", "secret")).status_code == 200
        bearer = {"authorization": "Bearer secret"}
        assert client.get("/v1/models", headers=bearer).status_code == 200
    with pytest.raises(ConfigError, match="MAPCODER_TOKEN"):
        bound("0.0.0.0", 0, None)


def test_what_had_not_ended_is_said_to_be_interrupted(
    client: httpx.Client, world: Served, held: Held, done: str, tmp_path: Path
):
    held.hold(True)
    run = begun(client)
    until(lambda: held.num_held == 1)
    copy = tmp_path / "served"  # what a kill would leave
    for name in (run, done):
        for path in (world.folder / "served" / name).rglob("*.json*"):
            target = copy / path.relative_to(world.folder / "served")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    with (copy / run / "events.jsonl").open("ab") as torn:
        torn.write(b'{"v":1,"half')
    held.hold(False)
    events_of(client, run)
    archive = Archive(copy)
    assert archive.num_interrupted == 1
    ended = archive.entry(run).finished
    assert ended is not None and ended.status == "interrupted"
    numbers = [json.loads(line)["n"] for line in archive.events_file(run).open()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert archive.entry(done).finished == EVENT.validate_json(
        (world.folder / "served" / done / "events.jsonl").read_text().splitlines()[-1]
    )
    with pytest.raises(StoreError, match="another process"):
        Archive(copy)
    archive.close()


def test_many_listeners_hear_the_same(client: httpx.Client, world: Served):
    run = begun(client)
    heard: list[list[Event]] = []

    def listen() -> None:
        with httpx.Client(base_url=world.url, timeout=60) as own:
            heard.append(events_of(own, run))

    threads = [threading.Thread(target=listen) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(events == heard[0] for events in heard)
    assert len(heard) == 5


def test_evaluations_are_named_not_joined_to_paths(client: httpx.Client):
    assert client.get("/api/evaluations").json() == {"evaluations": []}
    assert client.get("/api/evaluations/..%2F..%2Fetc").status_code == 404
    assert client.get("/api/evaluations/nothing").status_code == 404


def test_the_page_is_served_under_its_own_policy(client: httpx.Client):
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    scripts = re.findall(r"<script([^>]*)>", page.text)
    assert len(scripts) == 1 and "src=" in scripts[0]  # the policy forbids one that stands in it
    assert client.get(re.findall(r'src="([^"]+)"', scripts[0])[0]).status_code == 200
