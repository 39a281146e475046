"""Chat clients by the dozen at one service, for minutes; some leave; at the end it is killed.

Command: python benchmarks/service.py [MINUTES] [CLIENTS] [section.key=value ...]

Every client streams one solve after another under a name of its own and heeds 429. Every few
seconds another one leaves in the middle of an answer, and the time is taken until its run is over.
Memory is that of the service and of all its processes. At the end the service gets SIGKILL while
it works and is started again: what clients were told of as ended must be there as it was, and what
had not ended must be said to be interrupted. Ends with 1 on any fault; writes its table.

Knows: /proc, the command line, how a chat is streamed.
Does not know: how problems are solved.
"""

import asyncio
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import httpx
from tables import heading, write

from mapcoder_lite.problem import Problem
from mapcoder_lite.server.problems import bundled

MARKS = ("<!-- service.py: begin -->", "<!-- service.py: end -->")
RESULTS = Path(__file__).parent / "results.md"
SECONDS_BETWEEN_LEAVERS = 5.0
MAX_GROWTH_SHARE = 0.15
"""Of memory, from the second fifth of the time to the last one."""
NUM_PROBLEMS = 200
SETTINGS = ("serve.max_waiting=46",)
"""With 4 at work a place for each of 50 clients and none for who leaves, so that some are told to
come again."""


@dataclass
class Tally:
    """What the clients met."""

    statuses: Counter[str] = field(default_factory=Counter[str])
    seconds: list[float] = field(default_factory=list[float])
    """Of each answer, the waiting included."""
    solved_by: Counter[int] = field(default_factory=Counter[int])
    num_told_to_wait: int = 0
    faults: list[str] = field(default_factory=list[str])
    ended: dict[str, str] = field(default_factory=dict[str, str])
    """By run, the status that a client was told."""
    freed: list[float] = field(default_factory=list[float])
    """Seconds from leaving to the end of the run."""
    memory: list[tuple[float, int, int]] = field(default_factory=list[tuple[float, int, int]])
    """Time, kilobytes of the service, of all its processes."""


class Service:
    """`mapcoder serve` as a process."""

    def __init__(self, folder: Path, settings: Sequence[str]) -> None:
        words = [sys.executable, "-m", "mapcoder_lite", "serve", "--port", "0"]
        for setting in (*SETTINGS, f"serve.folder={folder}", *settings):
            words += ["-s", setting]
        source = str(Path(__file__).parents[1] / "src")
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": source},
            start_new_session=True,
        )
        self.said: list[str] = []
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said.append(line.rstrip())
            if found := re.search(r"listening +(http://\S+?);?(?: |$)", line):
                self.url = found[1]
                Thread(target=self._read_on, daemon=True).start()
                return
        raise SystemExit("the service did not start:\n" + "\n".join(self.said))

    @property
    def pid(self) -> int:
        return self._process.pid

    def _read_on(self) -> None:
        """Empty what it says, so that it is never held up."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said.append(line.rstrip())

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(60)


def pasted(problem: Problem) -> str:
    parts = [f"# {problem.title}", problem.statement]
    parts += [f"## Input\n{problem.input_spec}", f"## Output\n{problem.output_spec}"]
    for test in problem.public_tests:
        parts.append(f"## Sample Input\n```\n{test.input.rstrip()}\n```")
        parts.append(f"## Sample Output\n```\n{test.outputs[0].rstrip()}\n```")
    return "\n\n".join(parts)


def asking(text: str, user: str) -> dict[str, object]:
    messages = [{"role": "user", "content": text}]
    return {"model": "mapcoder-lite", "stream": True, "user": user, "messages": messages}


async def chat(http: httpx.AsyncClient, number: int, until: float, tally: Tally) -> None:
    """Ask for one solve after another until the time is over."""
    draw = random.Random(number)
    texts = [pasted(problem) for problem in list(bundled().values())[:NUM_PROBLEMS]]
    while time.monotonic() < until:
        started = time.monotonic()
        try:
            status = await ask(http, draw.choice(texts), f"client-{number}", tally)
        except httpx.HTTPError as error:
            if time.monotonic() < until:
                tally.faults.append(f"{type(error).__name__}: {error}")
            return
        if status is None:
            await asyncio.sleep(draw.uniform(0.5, 1.5) * 5)
            continue
        tally.statuses[status] += 1
        tally.solved_by[number] += 1
        tally.seconds.append(time.monotonic() - started)


async def ask(http: httpx.AsyncClient, text: str, user: str, tally: Tally) -> str | None:
    """Stream one answer; None: the queue is full."""
    async with http.stream("POST", "/v1/chat/completions", json=asking(text, user)) as response:
        if response.status_code == 429:
            tally.num_told_to_wait += 1
            if "retry-after" not in response.headers:
                tally.faults.append("a 429 without Retry-After")
            return None
        if response.status_code != 200:
            body = (await response.aread()).decode()
            tally.faults.append(f"{response.status_code}: {body[:200]}")
            return "refused"
        status = "no end"
        async for line in response.aiter_lines():
            if not line.startswith("data: {"):
                continue
            chunk = json.loads(line.removeprefix("data: "))
            if "error" in chunk:
                tally.faults.append(str(chunk["error"])[:200])
                return "error"
            if told := chunk.get("x_mapcoder"):
                status = told["status"]
                tally.ended[told["run"]] = status
        if status == "no end":
            tally.faults.append("a stream without an end")
        return status


async def leave(http: httpx.AsyncClient, until: float, tally: Tally) -> None:
    """Leave in the middle of an answer, again and again."""
    texts = [pasted(problem) for problem in list(bundled().values())[:NUM_PROBLEMS]]
    while time.monotonic() < until:
        await asyncio.sleep(SECONDS_BETWEEN_LEAVERS)
        with suppress(httpx.HTTPError):
            run = await begin_and_leave(http, random.choice(texts))
            if run is not None:
                started = time.monotonic()
                while (await ended(http, run)) is None:
                    await asyncio.sleep(0.02)
                tally.freed.append(time.monotonic() - started)


async def begin_and_leave(http: httpx.AsyncClient, text: str) -> str | None:
    async with http.stream("POST", "/v1/chat/completions", json=asking(text, "leaver")) as response:
        async for line in response.aiter_lines():
            if found := re.search(r"run `(\w{26})`", line):
                return found[1]
    return None


async def ended(http: httpx.AsyncClient, run: str) -> str | None:
    status = (await http.get(f"/api/runs/{run}")).json()["status"]
    return None if status in ("waiting", "running") else status


async def watch(pid: int, until: float, tally: Tally) -> None:
    started = time.monotonic()
    while time.monotonic() < until:
        tree = family(pid)
        sizes = [kilobytes(one) for one in tree]
        tally.memory.append((time.monotonic() - started, kilobytes(pid), sum(sizes)))
        await asyncio.sleep(1.0)


def family(pid: int) -> set[int]:
    """Return a process and all that descend from it."""
    parents: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError, IndexError):
                text = Path(entry.path, "stat").read_text(errors="replace")
                parents[int(entry.name)] = int(text.rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def kilobytes(pid: int) -> int:
    """Return what a process holds alone (PSS, so that shared pages are counted once)."""
    with suppress(OSError):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        if found := re.search(r"^Pss: +(\d+)", text, re.MULTILINE):
            return int(found[1])
    return 0


async def load(url: str, pid: int, minutes: float, num_clients: int, tally: Tally) -> None:
    until = time.monotonic() + 60 * minutes
    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as http,
        asyncio.TaskGroup() as group,
    ):
        for number in range(num_clients):
            group.create_task(chat(http, number, until, tally))
        group.create_task(leave(http, until, tally))
        group.create_task(watch(pid, until, tally))


async def begin_unfinished(url: str) -> list[str]:
    """Begin runs that will not have ended when the service is killed."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        names = list(bundled())[:20]
        answers = [await http.post("/api/solve", json={"problem_id": name}) for name in names]
        return [answer.json()["run"] for answer in answers if answer.status_code == 202]


def lines_of(url: str) -> dict[str, str]:
    """Return the status of every run."""
    statuses: dict[str, str] = {}
    before: str | None = None
    with httpx.Client(base_url=url, timeout=60) as http:
        while True:
            query = {"limit": 200, **({"before": before} if before else {})}
            page = http.get("/api/runs", params=query).json()
            statuses |= {run["id"]: run["status"] for run in page["runs"]}
            before = page["next"]
            if before is None:
                return statuses


def after_the_kill(folder: Path, settings: Sequence[str], begun: list[str], tally: Tally) -> str:
    """Start the service again and compare what it says with what clients were told."""
    again = Service(folder, settings)
    found = lines_of(again.url)
    again.stop()
    for run, status in tally.ended.items():
        if found.get(run) != status:
            tally.faults.append(f"run {run} was {status}, and is {found.get(run)}")
    for run in begun:
        if run not in found:
            tally.faults.append(f"run {run} is gone")
    undecided = [run for run, status in found.items() if status in ("waiting", "running")]
    if undecided:
        tally.faults.append(f"{len(undecided)} runs are not said to be interrupted")
    num_interrupted = sum(status == "interrupted" for status in found.values())
    return f"{len(found)} runs, {num_interrupted} of them interrupted"


def growth(memory: list[tuple[float, int, int]], column: int) -> tuple[float, float]:
    """Return the mean of the second and of the last fifth, in megabytes."""
    fifth = max(1, len(memory) // 5)
    second = [row[column] / 1000 for row in memory[fifth : 2 * fifth]] or [0.0]
    last = [row[column] / 1000 for row in memory[-fifth:]]
    return statistics.mean(second), statistics.mean(last)


def report(tally: Tally, minutes: float, num_clients: int, kept: str) -> list[str]:
    waits = sorted(tally.seconds) or [0.0]
    counts = [tally.solved_by[number] for number in range(num_clients)]
    own, whole = growth(tally.memory, 1), growth(tally.memory, 2)
    freed = sorted(tally.freed) or [0.0]
    kinds = ", ".join(f"{count} {name}" for name, count in tally.statuses.most_common())
    return [
        f"{num_clients} clients, {minutes:g} minutes.",
        "",
        "| | |",
        "|---|---|",
        f"| answers | {sum(tally.statuses.values())}: {kinds} |",
        f"| a minute | {sum(tally.statuses.values()) / minutes:.0f} |",
        f"| seconds an answer, median, 95 %, longest | {statistics.median(waits):.1f}, "
        f"{waits[int(0.95 * (len(waits) - 1))]:.1f}, {waits[-1]:.1f} |",
        f"| told to come again (429) | {tally.num_told_to_wait} |",
        f"| other errors | {len(tally.faults)} |",
        f"| answers a client, fewest, median, most | {min(counts)}, "
        f"{statistics.median(counts):g}, {max(counts)} |",
        f"| left in the middle: seconds until freed, median, longest | {len(tally.freed)}: "
        f"{statistics.median(freed):.2f}, {freed[-1]:.2f} |",
        f"| megabytes of the service, second and last fifth | {own[0]:.0f}, {own[1]:.0f} |",
        f"| megabytes with the judge's workers | {whole[0]:.0f}, {whole[1]:.0f} |",
        f"| after SIGKILL and a start | {kept} |",
    ]


def main() -> None:
    words = [word for word in sys.argv[1:] if "=" not in word]
    settings = [word for word in sys.argv[1:] if "=" in word]
    minutes = float(words[0]) if words else 5.0
    num_clients = int(words[1]) if words[1:] else 50
    before, tally = os.getloadavg(), Tally()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "served"
        service = Service(folder, settings)
        asyncio.run(load(service.url, service.pid, minutes, num_clients, tally))
        begun = asyncio.run(begin_unfinished(service.url))
        service.kill()
        kept = after_the_kill(folder, settings, begun, tally)
    own = growth(tally.memory, 1)
    if own[1] > own[0] * (1 + MAX_GROWTH_SHARE):
        tally.faults.append(f"memory grew from {own[0]:.0f} to {own[1]:.0f} MB")
    lines = report(tally, minutes, num_clients, kept)
    print("\n".join([*lines, *sorted(set(tally.faults))[:20]]))
    if minutes >= 1:
        title = heading("The service under load", "service.py", before)
        write(RESULTS, MARKS, [*title, "", *lines])
    sys.exit(1 if tally.faults else 0)


if __name__ == "__main__":
    main()
