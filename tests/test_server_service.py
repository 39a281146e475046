"""What the service does at its end, for clients that leave, and with what a kill leaves behind."""

import json
import shutil
import socket
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from mapcoder_lite.errors import StoreError
from mapcoder_lite.events import run_id
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.problem import Language
from mapcoder_lite.server import faults
from mapcoder_lite.server.archive import Archive
from mapcoder_lite.server.faults import Refused
from mapcoder_lite.server.lane import LaneFull
from mapcoder_lite.server.service import Rules, Service, Wanted
from mapcoder_lite.settings import ServeConfig, TraversalConfig
from mapcoder_lite.trajectory import Message, Request, Watch
from served import Held, Served, served, teacher, until

TEACHER = teacher(mistakes=1.0)
PROBLEM = TEACHER.problems[0]
TRAVERSAL = TraversalConfig(k=2, t=2)
ONE = ServeConfig(max_running=1, max_waiting=4)
HELLO = {"model": "mapcoder-base", "messages": [{"role": "user", "content": "hello"}]}
ENDLESS = "while True:\n    pass\n"
QUICK_WORKERS = 8


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
    with served(tmp_path_factory.mktemp("service"), judge, held, ONE) as service:
        yield service


def service_in(folder: Path, judge: SandboxJudge, held: Held) -> Service:
    settings = ONE.model_copy(update={"folder": str(folder)})
    return Service(held, judge, settings, TRAVERSAL, Language.PYTHON, Rules())


def wanted(client: str = "") -> Wanted:
    return Wanted(PROBLEM, TRAVERSAL, Language.PYTHON, client=client)


def sent(url: str, path: str, body: object) -> socket.socket:
    """Send a request, and wait for no answer."""
    port = int(url.rpartition(":")[2])
    text = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    opened = socket.create_connection(("127.0.0.1", port))
    opened.sendall(f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text)
    return opened


def test_what_goes_on_or_waits_at_the_end_is_interrupted(
    tmp_path: Path, judge: SandboxJudge, held: Held
):
    held.hold(True)
    service = service_in(tmp_path / "served", judge, held)
    runs = [service.start(wanted(client)).id for client in "abc"]
    until(lambda: held.num_held == 1)
    service.stop()  # as the signal does; then a client's stream is closed for it
    with pytest.raises(LaneFull, match="stopped"):
        service.start(wanted("d"))
    live = service.live(runs[0])
    assert live is not None
    service.cancel(live)
    until(lambda: service.live(runs[0]) is None)
    assert service.solves.num_waiting == 2  # none of those began
    service.close()
    held.hold(False)
    archive = Archive(tmp_path / "served")
    ended = [archive.finished(run) for run in runs]
    assert [end and (end.status, end.exit_code) for end in ended] == [("interrupted", 130)] * 3
    assert [end.n == 1 for end in ended if end] == [False, True, True]
    assert archive.num_interrupted == 0  # all was said before
    archive.close()


def test_an_interrupted_run_says_what_it_had_come_to(
    tmp_path: Path, judge: SandboxJudge, held: Held
):
    service = service_in(tmp_path / "served", judge, held)
    run = service.start(wanted())
    until(lambda: service.live(run.id) is None)
    service.close()
    events = tmp_path / "served" / run.id / "events.jsonl"
    *before, last = events.read_text().splitlines(keepends=True)
    events.write_text("".join(before))  # what a kill would leave
    archive = Archive(tmp_path / "served")
    ended, whole = archive.finished(run.id), json.loads(last)
    assert ended is not None and ended.status == "interrupted"
    shown = ended.model_dump(mode="json")
    for name in ("n", "program", "version", "num_passed", "num_tests", "agents"):
        assert shown[name] == whole[name], name
    assert shown["totals"] | {"ms": 0} == whole["totals"] | {"ms": 0}
    assert shown["totals"]["calls"] > 0
    assert 0 <= shown["totals"]["ms"] <= whole["totals"]["ms"] + 50
    archive.close()


def test_a_folder_that_says_nothing_is_left_out(
    world: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    empty = world.folder / "served" / run_id()
    (empty / "calls").mkdir(parents=True)
    for _ in range(2):
        listed = httpx.get(f"{world.url}/api/runs")
        assert listed.status_code == 200
        assert empty.name not in {run["id"] for run in listed.json()["runs"]}
    assert sum(empty.name in record.getMessage() for record in caplog.records) == 1
    shutil.rmtree(empty)
    torn = tmp_path / f".{run_id()}.begun"
    torn.mkdir()
    archive = Archive(tmp_path)
    assert archive.ids() == [] and not torn.exists()
    archive.close()


def test_runs_are_listed_while_they_begin(tmp_path: Path, judge: SandboxJudge, held: Held):
    service = service_in(tmp_path / "served", judge, held)
    held.hold(True)
    asked = service.start(wanted()).asked
    (tmp_path / "served" / asked.id).chmod(0o700)
    with pytest.raises(StoreError, match="free the disk"):
        service.archive.begin(asked, PROBLEM)  # its name is taken: nothing half is shown
    assert service.archive.ids() == [asked.id]
    service.close()
    held.hold(False)


def test_a_waiting_client_that_hangs_up_leaves_its_place(world: Served, held: Held):
    held.hold(True)
    quick = world.service.quick
    clients = [f"{number}" for number in range(QUICK_WORKERS + 4)]
    hung = [sent(world.url, "/v1/chat/completions", HELLO | {"user": one}) for one in clients]
    until(lambda: (held.num_held, quick.num_waiting) == (QUICK_WORKERS, 4))
    for is_stream in (False, True):
        full = httpx.post(f"{world.url}/v1/chat/completions", json=HELLO | {"stream": is_stream})
        assert (full.status_code, full.headers["retry-after"]) == (429, "5")
    for one in hung:
        one.close()
    assert until(lambda: (held.num_held, quick.num_waiting) == (0, 0)) < 5
    held.hold(False)


def test_a_judging_that_is_hung_up_on_is_no_fault(world: Served):
    slow = PROBLEM.model_copy(
        update={"limits": PROBLEM.limits.model_copy(update={"cpu_seconds": 20.0})}
    )
    body = {"problem": slow.model_dump(mode="json"), "program": ENDLESS}
    with closing(sent(world.url, "/api/judge", body)):
        until(lambda: world.service.quick.num_running == 1)
    assert until(lambda: world.service.quick.num_running == 0) < 5
    sound = {"problem_id": PROBLEM.id, "program": "print(-1)"}
    assert httpx.post(f"{world.url}/api/judge", json=sound).json()["verdict"] == "WA"
    gone = faults.response("/api/judge", faults.fault_of(Refused(499, "the client has gone")))
    assert (gone.status_code, b"the client has gone" in bytes(gone.body)) == (499, True)


def test_a_client_has_half_of_the_waiting_places(world: Served, held: Held):
    held.hold(True)
    runs = [world.service.start(wanted("greedy")) for _ in range(3)]
    until(lambda: held.num_held == 1)
    with pytest.raises(LaneFull, match="2 requests of this client wait"):
        world.service.start(wanted("greedy"))
    other = world.service.start(wanted("other"))
    assert world.service.solves.place(other.job) == 1
    for run in (other, *runs):
        world.service.cancel(run)
    held.hold(False)


def test_one_question_more_is_a_place_less(world: Served, held: Held):
    held.hold(True)
    request = Request(messages=(Message(role="user", content="a"),))
    futures = [world.service.call(request, Watch(), f"{one}") for one in range(12)]
    assert until(lambda: world.service.quick.num_waiting == 4) < 5
    assert all(future.cancel() for future in futures if not future.running())
    assert world.service.quick.num_waiting == 0
    held.hold(False)
    assert [future.result().text for future in futures if not future.cancelled()]


def test_half_a_character_is_refused_at_the_door(world: Served):
    halved = {"model": "mapcoder-lite", "messages": [{"role": "user", "content": "a\ud800"}]}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "\udfff"}}
    for path, body in (("/v1/chat/completions", halved), ("/mcp", call)):
        headers = {"content-type": "application/json"}
        answer = httpx.post(f"{world.url}{path}", content=json.dumps(body), headers=headers)
        assert (answer.status_code, "half a character" in answer.text) == (400, True)
    broken = httpx.post(
        f"{world.url}/v1/chat/completions",
        content=b'{"a"',
        headers={"content-type": "application/json"},
    )
    error = broken.json()["error"]
    assert (broken.status_code, error["param"]) == (400, None)
    assert error["message"].startswith("broken JSON at character 4: Expecting ':'")
