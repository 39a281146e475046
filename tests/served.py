"""A service on a real socket of this process, in a thread: the scripted teacher, a real judge.

Knows: how the service is put together without the command line.
Does not know: what the tests ask of it.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Thread

import uvicorn

from mapcoder_lite.errors import Cancelled
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.pocket.teacher import MistakeRates, TeacherEngine
from mapcoder_lite.pocket.world import problem_set
from mapcoder_lite.problem import Language, Problem
from mapcoder_lite.server import app, listening
from mapcoder_lite.server.safety import Door
from mapcoder_lite.server.service import Rules, Service
from mapcoder_lite.settings import ServeConfig, TraversalConfig
from mapcoder_lite.trajectory import Cancellation, Completion, Engine, Request, Watch


@dataclass(frozen=True, slots=True)
class Served:
    """A service that listens."""

    url: str
    service: Service
    folder: Path


class Held:
    """An engine that keeps every caller waiting until it is let go or calls off."""

    identity = "held"

    def __init__(self, inner: Engine) -> None:
        self.inner = inner
        self.is_holding = False
        self.num_held = 0
        self._changed = threading.Condition()

    def complete(self, requests: list[Request], watch: Watch | None = None) -> list[Completion]:
        calling_off = (watch or Watch()).cancellation or Cancellation()
        with calling_off.heard_by(self._wake), self._changed:
            self.num_held += 1
            self._changed.wait_for(lambda: not self.is_holding or calling_off.is_cancelled)
            self.num_held -= 1
        if calling_off.is_cancelled:
            raise Cancelled("called off")
        return self.inner.complete(requests, watch)

    def hold(self, is_holding: bool) -> None:
        with self._changed:
            self.is_holding = is_holding
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        pass


class Teacher(TeacherEngine):
    """The scripted teacher, and the problems that it knows; anything else it chats about."""

    def __init__(self, count: int, mistakes: float) -> None:
        known = list(islice(problem_set("test"), count))
        super().__init__(known, MistakeRates().times(mistakes))
        self.problems = tuple(puzzle.problem for puzzle in known)

    def _text(self, request: Request) -> str:
        if request.adapter is None:
            return f"You said: {request.messages[-1].content[:200]}"
        return super()._text(request)


def teacher(count: int = 20, mistakes: float = 0.0) -> Teacher:
    return Teacher(count, mistakes)


def pasted(problem: Problem) -> str:
    """Return a problem as a person pastes it into a chat."""
    parts = [
        f"# {problem.title}",
        problem.statement,
        f"## Input\n{problem.input_spec}",
        f"## Output\n{problem.output_spec}",
    ]
    for number, test in enumerate(problem.public_tests, start=1):
        parts.append(f"## Sample Input {number}\n```\n{test.input.rstrip()}\n```")
        parts.append(f"## Sample Output {number}\n```\n{test.outputs[0].rstrip()}\n```")
    return "\n\n".join(parts)


@contextmanager
def served(
    folder: Path,
    judge: SandboxJudge,
    engine: Engine,
    settings: ServeConfig | None = None,
    *,
    token: str | None = None,
    rules: Rules | None = None,
) -> Generator[Served]:
    settings = (settings or ServeConfig()).model_copy(
        update={"folder": str(folder / "served"), "evaluations": str(folder / "runs")}
    )
    traversal = TraversalConfig(k=2, t=2)
    service = Service(engine, judge, settings, traversal, Language.PYTHON, rules or Rules())
    bound = listening.bound("127.0.0.1", 0, token)
    application = app.application(service, Door.of("127.0.0.1", (), token), label="a teacher")
    server = uvicorn.Server(
        uvicorn.Config(application, log_level="error", proxy_headers=False, server_header=False)
    )
    thread = Thread(target=lambda: asyncio.run(server.serve(sockets=[bound])), daemon=True)
    thread.start()
    until(lambda: server.started)
    try:
        yield Served(listening.address(bound), service, folder)
    finally:
        server.should_exit = True
        thread.join()
        bound.close()


def until(is_so: Callable[[], bool], seconds: float = 30.0) -> float:
    """Wait for something; return how long that took."""
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() - started < seconds, "it did not come about"
        time.sleep(0.01)
    return time.monotonic() - started
