"""A run on a real Ray cluster of two nodes: solvers, judges, keeper, node and driver are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")

from fake_server import USAGE, Exchange, FakeServer, says
from mapcoder_lite.calls import StoredCall
from mapcoder_lite.config import prepare_ray
from mapcoder_lite.jsonl import read_lines, write_lines
from mapcoder_lite.problem import HiddenTests, Test
from mapcoder_lite.trajectory import Grade, Message, Request, Trajectory
from test_cli_main import SOURCE
from test_cli_run import SUM, ScriptedEngine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("ray") is None, reason="Ray is not installed: pip install 'mapcoder-lite[ray]'"
    ),
]

NUM_PROBLEMS = 16
SECONDS_A_REPLY = 0.3


class Agents(FakeServer):
    """Answers every role from a script, after a while; keeps no connection's question twice."""

    def __init__(self, seconds: float = SECONDS_A_REPLY) -> None:
        super().__init__()
        script = ScriptedEngine()

        def answer(exchange: Exchange) -> None:
            time.sleep(seconds)
            messages = tuple(Message.model_validate(m) for m in exchange.body["messages"])
            request = Request(messages=messages, adapter=exchange.body["model"])
            num_tokens = sum(len(message.content) for message in messages) // 3
            says(script._text(request), usage={**USAGE, "prompt_tokens": num_tokens})(exchange)

        self.manners = [answer]

    @property
    def num_asked(self) -> Counter[str]:
        """How often each question was asked, those of the first trial aside."""
        asked = [b for b in self.bodies if any("Case" in m["content"] for m in b["messages"])]
        return Counter(_question(b["model"], b["messages"]) for b in asked)


def _question(role: str, messages: list[dict[str, str]]) -> str:
    return json.dumps([role, [message["content"] for message in messages]])


def stored_questions(folder: Path) -> set[str]:
    calls = read_lines(folder / "calls.jsonl", StoredCall)
    return {
        _question(c.request.adapter or "", [m.model_dump() for m in c.request.messages])
        for c in calls
    }


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Problems that differ in their statements only."""
    problems = [
        SUM.model_copy(update={"id": f"sum{n}", "statement": f"Case {n}: add two numbers."})
        for n in range(NUM_PROBLEMS)
    ]
    tests = (Test(input="5 6", outputs=("11",)),)
    write_lines(tmp_path / "problems.jsonl", problems)
    write_lines(
        tmp_path / "hidden_tests.jsonl",
        [HiddenTests(problem_id=problem.id, tests=tests) for problem in problems],
    )
    return tmp_path


@pytest.fixture
def server() -> Iterator[Agents]:
    server = Agents()
    yield server
    server.close()


@dataclass(slots=True)
class Command:
    """`mapcoder run` in a process of its own."""

    world: Path
    name: str
    settings: tuple[str, ...]

    def start(self) -> "subprocess.Popen[bytes]":
        words = [word for setting in self.settings for word in ("-s", setting)]
        with (self.world / f"{self.name}.txt").open("ab") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "mapcoder_lite", "run", "--name", self.name, *words],
                cwd=self.world,
                env={**os.environ, "PYTHONPATH": SOURCE},
                stdout=said,
                stderr=said,
            )

    @property
    def folder(self) -> Path:
        return self.world / "runs" / self.name

    @property
    def said(self) -> str:
        return (self.world / f"{self.name}.txt").read_text(errors="replace")

    def num_done(self) -> int:
        path = self.folder / "trajectories.jsonl"
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def wait_for(self, num_done: int, process: "subprocess.Popen[bytes]") -> None:
        until = time.monotonic() + 240
        while self.num_done() < num_done:
            assert process.poll() is None, self.said
            assert time.monotonic() < until, self.said
            time.sleep(0.02)

    def outcome(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Trajectories and grades by problem, times and meters left out."""
        trajectories = read_lines(self.folder / "trajectories.jsonl", Trajectory)
        grades = read_lines(self.folder / "grades.jsonl", Grade)
        return (
            {t.problem_id: _timeless(t.model_dump(mode="json")) for t in trajectories},
            {g.problem_id: _timeless(g.model_dump(mode="json")) for g in grades},
        )


_OF_THE_MOMENT = ("seconds", "_ms", "_kb", "milliseconds", "is_cached")


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if not k.endswith(_OF_THE_MOMENT)}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def command(world: Path, server: Agents, name: str, *more: str) -> Command:
    settings = (
        "run.problems=problems.jsonl", "run.hidden_tests=hidden_tests.jsonl", "run.concurrency=4",
        "traversal.k=2", "traversal.t=1", "judge.speed_factor=4", "engine.kind=openai",
        f"engine.base_url={server.url}", "engine.model=base", "engine.server=openai", *more,
    )  # fmt: skip
    return Command(world, name, settings)


@dataclass(slots=True)
class TwoNodes:
    """A cluster of two nodes on this machine; the second may be killed."""

    cluster: Any
    second: Any

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def kill_second(self) -> None:
        self.cluster.remove_node(self.second, allow_graceful=False)

    def kill(self, actor: str) -> None:
        """Kill -9 one process of an actor on the first node."""
        raylet = self.cluster.head_node.all_processes["raylet"][0].process.pid
        pids = [pid for pid in _children(raylet) if actor in _title(pid)]
        assert pids, f"no {actor} on the first node"
        os.kill(pids[0], signal.SIGKILL)


def _children(parent: int) -> list[int]:
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


@pytest.fixture
def two_nodes() -> Iterator[TwoNodes]:
    prepare_ray(stays_here=True)  # before Ray is imported
    from ray.cluster_utils import Cluster

    node = {
        "num_cpus": 1, "resources": {"judge": 1}, "node_ip_address": "127.0.0.1",
        "include_dashboard": False, "object_store_memory": 100_000_000,
    }  # fmt: skip
    cluster = Cluster(initialize_head=True, head_node_args=node)
    second = cluster.add_node(**{k: v for k, v in node.items() if k != "include_dashboard"})
    yield TwoNodes(cluster, second)
    cluster.shutdown()


def test_whatever_is_killed_every_problem_is_done_once(
    world: Path, server: Agents, two_nodes: TwoNodes
):
    run = command(
        world, server, "cluster", "run.executor=ray", f"cluster.address={two_nodes.address}"
    )
    process = run.start()
    run.wait_for(2, process)
    two_nodes.kill("_Keeper")
    run.wait_for(4, process)
    process.kill()  # the driver: the same command goes on
    process.wait()
    stored = stored_questions(run.folder)
    before = server.num_asked

    process = run.start()
    run.wait_for(7, process)
    two_nodes.kill("_Judge")
    run.wait_for(9, process)
    two_nodes.kill("_Solver")
    run.wait_for(11, process)
    later_stored = stored_questions(run.folder)
    later = server.num_asked
    two_nodes.kill_second()
    assert process.wait(240) == 0, run.said

    problems = Counter(
        t.problem_id for t in read_lines(run.folder / "trajectories.jsonl", Trajectory)
    )
    assert problems == {f"sum{n}": 1 for n in range(NUM_PROBLEMS)}
    assert "was lost and is replaced" in (run.folder / "log.txt").read_text()
    # what was stored was never asked again; only what was under way at a kill was
    asked = server.num_asked
    assert all(asked[question] == before[question] for question in stored)
    assert all(asked[question] == later[question] for question in later_stored)
    keys = Counter(call.key for call in read_lines(run.folder / "calls.jsonl", StoredCall))
    assert set(keys.values()) == {1}

    threads = command(world, server, "threads")
    assert threads.start().wait(120) == 0, threads.said
    assert run.outcome() == threads.outcome()


def test_a_cluster_of_its_own_begins_and_ends_with_the_run(world: Path, server: Agents):
    run = command(world, server, "own", "run.executor=ray", "cluster.solvers=1", "run.limit=4")
    process = run.start()
    assert process.wait(240) == 0, run.said
    assert run.num_done() == 4
    assert set(server.num_asked.values()) == {1}
    again = run.start()
    assert again.wait(240) == 0, run.said
    assert set(server.num_asked.values()) == {1}
