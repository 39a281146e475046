"""The service against its own OpenAPI document: whatever is sent, it answers as it says."""

from collections.abc import Callable, Generator
from itertools import count
from typing import Any  # a case of the generator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.server.chats import MODELS
from mapcoder_lite.settings import ServeConfig
from served import Served, served, teacher

pytestmark = pytest.mark.slow

CHECKS = (
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    engine = teacher(3)
    with (
        SandboxJudge(1) as judge,
        served(tmp_path_factory.mktemp("api"), judge, engine, ServeConfig()) as service,
    ):
        yield service


def checked(world: Served, path_regex: str, prepare: Callable[[Any, int], None]) -> set[str]:
    """Send every path of a kind whatever its document allows; return the paths."""
    schema = schemathesis.openapi.from_url(f"{world.url}/openapi.json")
    paths: set[str] = set()
    numbers = count()
    for found in schema.include(path_regex=path_regex).get_all_operations():
        operation = found.ok()
        paths.add(operation.path)

        @settings(
            max_examples=6,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            derandomize=True,
        )
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            prepare(case, next(numbers))
            case.call_and_validate(checks=CHECKS, timeout=60)

        check()
    return paths


def test_every_path_answers_as_documented(world: Served):
    def prepare(case: Any, _: int) -> None:
        if case.path.endswith("/events"):
            case.query = {**(case.query or {}), "format": "jsonl"}  # a stream may have no end

    assert len(checked(world, "^/api", prepare)) >= 16


def test_the_facade_answers_as_documented(world: Served):
    models = [*MODELS, "nothing"]

    def prepare(case: Any, number: int) -> None:
        if case.method == "POST" and isinstance(case.body, dict):
            case.body["model"] = models[number % len(models)]
            for name in ("tools", "functions", "n", "logprobs", "response_format"):
                if number % 3:  # else most were refused for these
                    case.body.pop(name, None)
        elif case.path_parameters:
            case.path_parameters["name"] = models[number % len(models)]

    paths = checked(world, "^/v1", prepare)
    assert paths == {"/v1/models", "/v1/models/{name}", "/v1/chat/completions"}
