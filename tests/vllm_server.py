"""A real vLLM on the CPU, started by the very command that `mapcoder serve-cmd vllm` prints.

Knows: the environment of `make test-vllm`, a free port, readiness, how everything is ended.
Does not know: what is asked.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from source_tree import ROOT
from test_cli_main import mapcoder

ENVIRONMENT = ROOT / ".venv-vllm"
LOG = ENVIRONMENT / "server.log"
_urlopen = build_opener(ProxyHandler({})).open  # what stays here is no proxy's business
MAX_START_SECONDS = 300.0
"""A quiet machine takes a tenth of it."""


@dataclass(frozen=True, slots=True)
class VllmServer:
    """A server that runs."""

    address: str
    overrides: tuple[str, ...]
    """The settings that ask it, as the verb printed them, but for the port."""
    start_seconds: float

    def post(self, path: str, **body: object) -> Any:
        request = Request(
            self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with _urlopen(request, timeout=300) as answer:
            return json.load(answer)

    def num_running(self) -> int:
        """Requests in work, as the server's own gauge says."""
        with _urlopen(f"{self.address}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        gauge = next(line for line in lines if line.startswith("vllm:num_requests_running{"))
        return int(float(gauge.rpartition(" ")[2]))


@contextmanager
def started() -> Generator[VllmServer]:
    """Start the server of the pocket weights, wait until it answers, end it whatever happens."""
    done = mapcoder(ROOT, "serve-cmd", "vllm", "-s", "engine.device=cpu")
    assert done.code == 0, done.stderr
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    begun = time.monotonic()
    with LOG.open("wb") as log, _interruptible():
        process = subprocess.Popen(
            ["sh", "-c", f"{done.stdout.strip()} --port {port}"],
            env={**os.environ, "PATH": f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _await(process, address)
            yield VllmServer(address, _overrides(done.stderr, address), time.monotonic() - begun)
        finally:
            _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _overrides(said: str, address: str) -> tuple[str, ...]:
    """Read the settings that the verb printed; the address is the one that was chosen here."""
    words = shlex.split(said.rpartition("ask it with: ")[2])
    settings = [word for word in words if word != "-s"]
    return tuple(
        f"engine.base_url={address}/v1" if word.startswith("engine.base_url=") else word
        for word in settings
    )


def _await(process: "subprocess.Popen[bytes]", address: str) -> None:
    deadline = time.monotonic() + MAX_START_SECONDS
    while True:
        with suppress(URLError, OSError), _urlopen(f"{address}/health", timeout=5):
            return
        tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-30:])
        assert process.poll() is None, f"the server ended with {process.returncode}:\n{tail}"
        assert time.monotonic() < deadline, f"not ready in {MAX_START_SECONDS:.0f} s:\n{tail}"
        time.sleep(0.5)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the server with everything it started: all of it is in the session's own group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(30)
    deadline = time.monotonic() + 10
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)


@contextmanager
def _interruptible() -> Generator[None]:
    """Let SIGTERM end the tests as Ctrl-C does, so that the server is ended too."""
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
