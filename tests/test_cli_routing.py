"""Roles, teachers and replicas as a verb uses them: each server is asked for its part."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import model_servers as fake
from mapcoder_lite import config, pipeline
from mapcoder_lite.cli import engines, preflight
from mapcoder_lite.errors import EngineError, UnknownAdapter
from model_servers import ROLES, ModelServer, serving
from test_cli_backends import agents, settings, words
from test_cli_main import mapcoder
from test_cli_run import SUM

pytest.importorskip("openai")


@pytest.fixture
def servers() -> Iterator[list[ModelServer]]:
    """Three servers of the same model; the last has less context."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(serving(agents(fake.vllm(*ROLES, context=context))))
            for context in (8192, 8192, 6000)
        ]


def asked(server: ModelServer) -> Counter[str]:
    return Counter(body["model"] for body in server.bodies)


def other(server: ModelServer) -> str:
    return f'{{kind = "openai", base_url = "{server.url}", model = "base"}}'


def test_every_server_is_asked_what_it_is_and_filled_in(servers: list[ModelServer]):
    first, second, third = servers
    ready = preflight.prepare(
        settings(first.url, f"roles.coding={other(second)}", f"teachers=[{other(third)}]"), (SUM,)
    )
    assert ready.settings.engine.context_tokens == 8192
    assert [t.context_tokens for t in ready.settings.teachers] == [6000]
    assert [e.server for e in ready.settings.roles.values()] == ["vllm"]
    assert ready.badge == "4 LoRA; teacher 1: 4 LoRA; coding: 4 LoRA"


def test_a_role_on_a_server_without_its_adapter_is_refused(servers: list[ModelServer]):
    with serving(fake.vllm("planning")) as poor, pytest.raises(UnknownAdapter, match="retrieval"):
        preflight.prepare(settings(servers[0].url, f"roles.coding={other(poor)}"))


def test_replicas_share_the_smallest_context_and_one_that_is_down_is_said(
    servers: list[ModelServer],
):
    first, second, third = servers
    with serving({}) as server:
        gone = server.url
    replicas = f'engine.replicas=["{second.url}", "{third.url}", "{gone}"]'
    ready = preflight.prepare(settings(first.url, replicas), (SUM,))
    assert ready.settings.engine.context_tokens == 6000
    assert ready.settings.engine.replicas == (second.url, third.url, gone)
    assert [line for line in ready.lines if gone in line and "does not answer" in line]


def test_the_first_address_may_be_down_while_a_replica_is_there(servers: list[ModelServer]):
    with serving({}) as server:
        gone = server.url
    ready = preflight.prepare(settings(gone, f'engine.replicas=["{servers[0].url}"]'), (SUM,))
    assert ready.settings.engine.base_url == gone
    with engines.opened_engine(ready.settings) as engine, pytest.raises(EngineError):
        preflight.prepare(settings(gone))
        engine.close()


def test_solve_sends_each_role_to_its_own_server(tmp_path: Path, servers: list[ModelServer]):
    first, second, _ = servers
    (tmp_path / "sum.json").write_text(SUM.model_dump_json())
    role = ("-s", f"roles.coding={other(second)}")
    done = mapcoder(tmp_path, "solve", "sum.json", *words(first.url), *role)
    assert done.code == 0, done.stderr
    assert "coding: 4 LoRA" in done.stderr
    assert asked(second) == {"coding": 1}
    assert asked(first)["coding"] == 0
    assert asked(first)["planning"] > 0


def test_the_next_sample_is_answered_by_the_next_teacher(servers: list[ModelServer]):
    first, second, _ = servers
    chosen = settings(
        first.url, f"teachers=[{other(second)}]", "traversal.k=1", "traversal.max_tokens=256",
        "judge.workers=1", "judge.speed_factor=4",
    )  # fmt: skip
    with engines.opened_judge(chosen) as judge, engines.opened_engine(chosen) as engine:
        for sample in (0, 1, 2):
            before = [asked(server).total() for server in servers]
            pipeline.solve(SUM, engine, judge, engines.dials(chosen), sample=sample)
            after = [asked(server).total() for server in servers]
            turn = [later > earlier for earlier, later in zip(before, after, strict=True)]
            assert turn == [sample != 1, sample == 1, False]


def test_a_budget_is_not_promised_to_a_cluster_that_would_not_keep_it(tmp_path: Path):
    (tmp_path / "problems.jsonl").write_text(SUM.model_dump_json() + "\n")
    done = mapcoder(
        tmp_path, "run", "-s", "engine.kind=teacher", "-s", "run.problems=problems.jsonl",
        "-s", "run.executor=ray", "-s", "budget.calls=3",
    )  # fmt: skip
    assert done.code == 2
    assert "budget.*" in done.stderr


def test_the_executor_is_threads_unless_said_otherwise():
    assert config.load().run.executor == "threads"
