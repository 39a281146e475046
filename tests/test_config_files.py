"""The configurations that are shipped: each is found by its own command, resolves and opens."""

import re
from pathlib import Path

import pytest

from mapcoder_lite import config
from mapcoder_lite.cli import engines
from mapcoder_lite.settings import EngineConfig, EngineKind
from mapcoder_lite.trajectory import Message, Request
from source_tree import ROOT

FILES = sorted((ROOT / "configs").glob("*.toml"))
HTTP = [path.name for path in FILES if path.name.split("-")[0] in ("distill", "repair", "student")]


def every_engine(settings: config.Config) -> list[EngineConfig]:
    named = (settings.engine, *settings.teachers, *settings.roles.values(), settings.supervisor)
    return [engine for engine in named if engine is not None]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_first_line_is_the_command_that_runs_it(path: Path):
    first = path.read_text().partition("\n")[0]
    assert re.match(rf"# mapcoder [a-z]+ .*-c configs/{re.escape(path.name)}( |$)", first)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_resolves_and_survives_being_stored(path: Path):
    settings = config.load([path])
    assert config.Config.model_validate_json(settings.model_dump_json()) == settings
    assert config.differences(settings, config.load([path])) == ()


@pytest.mark.parametrize("name", HTTP)
def test_its_servers_are_named_whole(name: str):
    pytest.importorskip("openai")
    settings = config.load([ROOT / "configs" / name])
    servers = [e for e in every_engine(settings) if e.kind is EngineKind.OPENAI]
    assert servers
    for server in servers:
        assert server.context_tokens is not None
        assert server.context_tokens > settings.traversal.max_tokens
        engine = engines.open_one(server.model_copy(update={"api_key_env": None}))
        assert str(server.model) in engine.identity
        engine.close()


def test_the_teachers_of_the_cluster_take_turns():
    settings = config.load([ROOT / "configs" / "distill-ray.toml"])
    assert settings.run.executor == "ray"
    assert len(settings.engine.replicas) == 2
    assert settings.run.samples == 1 + len(settings.teachers)


def request(adapter: str | None, attempt: int) -> Request:
    return Request(messages=(Message(role="user", content="q"),), adapter=adapter, attempt=attempt)


ANSWERED = config.Config.model_validate(
    {
        "engine": {"kind": "openai", "model": "first", "base_url": "http://a/v1"},
        "teachers": [{"kind": "openai", "model": "second", "base_url": "http://b/v1"}],
        "roles": {"coding": {"kind": "openai", "model": "coder", "base_url": "http://c/v1"}},
    }
)


def test_samples_go_to_teachers_in_turn_and_roles_to_their_own():
    routes = [
        engines.route(frozenset(ANSWERED.roles), 2, request("planning", attempt))
        for attempt in range(6)
    ]
    assert routes == ["teacher 0", "teacher 0", "teacher 1", "teacher 1", "teacher 0", "teacher 0"]
    assert engines.route(frozenset(ANSWERED.roles), 2, request("coding", 3)) == "coding"
    assert engines.route(frozenset(ANSWERED.roles), 2, request(None, 0)) == "teacher 0"


def test_the_identity_of_several_engines_names_each():
    pytest.importorskip("openai")
    with engines.opened_engine(ANSWERED) as engine:
        assert all(name in engine.identity for name in ("first", "second", "coder", "http://c/v1"))
    alone = ANSWERED.model_copy(update={"roles": {}, "teachers": ()})
    with engines.opened_engine(alone) as engine:
        assert "routed" not in engine.identity


def test_patience_and_replicas_may_change_on_resume_another_teacher_may_not():
    changed = ANSWERED.model_dump(mode="json")
    changed["teachers"][0]["max_retries"] = 9
    changed["engine"]["replicas"] = ["http://d/v1"]
    changed["run"]["executor"] = "ray"
    changed["cluster"]["solvers"] = 7
    assert config.differences(ANSWERED, config.Config.model_validate(changed)) == ()
    changed["teachers"][0]["model"] = "third"
    assert config.differences(ANSWERED, config.Config.model_validate(changed)) == (
        "teachers.0.model: 'second' -> 'third'",
    )
