"""`mapcoder serve` as a process: the pocket backbone answers; it is killed, and started again."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import pytest

from mapcoder_lite.cli.engines import has_pocket_weights
from served import pasted, teacher, until

pytestmark = pytest.mark.slow

SOURCE = str(Path(__file__).parents[1] / "src")
FAST = ("judge.speed_factor=1", "judge.workers=1", "traversal.k=2", "traversal.t=1")


@contextmanager
def serving(folder: Path, *settings: str) -> Generator[tuple[str, subprocess.Popen[str]]]:
    words = [sys.executable, "-m", "mapcoder_lite", "serve", "--port", "0"]
    for setting in (*FAST, *settings):
        words += ["-s", setting]
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    process = subprocess.Popen(
        words, cwd=folder, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    assert process.stderr is not None
    said: list[str] = []
    try:
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"listening +(http://[\w.:]+)", line):
                yield found[1], process
                return
        raise AssertionError("".join(said))
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.skipif(not has_pocket_weights(), reason="the pocket weights are not here")
def test_the_pocket_backbone_solves_through_the_official_client(tmp_path: Path):
    problem = teacher(1).problems[0]
    with (
        serving(tmp_path, "engine.kind=pocket", "engine.num_threads=1") as (url, process),
        openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
    ):
        chunks = list(
            client.chat.completions.create(
                model="mapcoder-lite",
                messages=[{"role": "user", "content": pasted(problem)}],
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        told = chunks[-2].model_extra["x_mapcoder"]  # type: ignore[index]
        assert told["status"] in ("solved", "failed")
        assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens > 50
        events = httpx.get(f"{url}/api/runs/{told['run']}/events?format=jsonl").text
        assert events.count('"stage.delta"') > 10  # the replies grow as they are written
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_after_a_kill_every_run_is_there(tmp_path: Path):
    kind = "engine.kind=teacher"
    with serving(tmp_path, kind) as (url, process):
        names = [one["id"] for one in httpx.get(f"{url}/api/problems").json()["problems"]]
        done = httpx.post(f"{url}/api/solve", json={"problem_id": names[0]}).json()["run"]
        until(lambda: httpx.get(f"{url}/api/runs/{done}").json()["finished"] is not None)
        ended = httpx.get(f"{url}/api/runs/{done}").json()["finished"]
        begun = [
            httpx.post(f"{url}/api/solve", json={"problem_id": name}).json()["run"]
            for name in names
        ]
        process.kill()
        process.wait()
    with serving(tmp_path, kind) as (url, _):
        assert httpx.get(f"{url}/api/runs/{done}").json()["finished"] == ended
        listed = {
            run["id"]: run["status"]
            for run in httpx.get(f"{url}/api/runs?limit=200").json()["runs"]
        }
        assert set(begun) <= set(listed)
        assert set(listed.values()) <= {"solved", "failed", "interrupted"}
        assert "interrupted" in {listed[run] for run in begun}
