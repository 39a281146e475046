"""The service against its own OpenAPI document: whatever is sent, it answers as it says."""

from collections.abc import Generator
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


def test_every_path_answers_as_documented(world: Served):
    schema = schemathesis.openapi.from_url(f"{world.url}/openapi.json")
    paths: set[str] = set()
    for found in schema.include(path_regex="^/api").get_all_operations():
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
            if case.path.endswith("/events"):
                case.query = {**(case.query or {}), "format": "jsonl"}  # a stream may have no end
            case.call_and_validate(checks=CHECKS, timeout=60)

        check()
    assert len(paths) >= 14
