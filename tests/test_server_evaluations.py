"""Runs of `mapcoder run` under /api: what `mapcoder report` says of them, counted once."""

import json
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from mapcoder_lite.evaluation.attribution import AttributionTable
from mapcoder_lite.jsonl import write_record
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.server import evaluations
from mapcoder_lite.verdict import Verdict
from page_run import attributed, written_run
from served import Served, served, teacher
from test_cli_main import mapcoder

VERDICTS = [Verdict.AC, Verdict.WA, None, Verdict.TLE, Verdict.AC]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    folder = tmp_path_factory.mktemp("evaluations")
    written_run(folder / "runs" / "one", VERDICTS, samples=2)
    written_run(folder / "runs" / "doubtful", [Verdict.AC], is_trusted=False)
    with SandboxJudge(1) as judge, served(folder, judge, teacher(1)) as service:
        yield service


def got(world: Served, place: str) -> httpx.Response:
    return httpx.get(f"{world.url}/api/evaluations/{place}", timeout=60)


def test_the_metrics_are_those_of_the_report(world: Served, tmp_path: Path):
    done = mapcoder(tmp_path, "report", str(world.folder / "runs" / "one"), "--json")
    found = got(world, "one").json()
    assert found == json.loads(done.stdout)
    assert found["calibration"]["hidden"]["num_plans"] > 0


def test_every_problem_is_listed_with_its_attempts(world: Served):
    found = got(world, "one/problems").json()
    assert found["total"] == len(VERDICTS)
    attempts = [problem["attempts"] for problem in found["problems"]]
    assert [[one["sample"] for one in each] for each in attempts] == [[0, 1]] * len(VERDICTS)
    told = [each[0]["verdict"] for each in attempts]
    assert told == [verdict.value if verdict else "no program" for verdict in VERDICTS]
    assert attempts[0][0]["hidden"] == [3, 3] and attempts[0][0]["failure"] is None
    assert attempts[1][0]["failure"] is not None
    metrics = got(world, "one").json()
    calls = sum(one["calls"] for each in attempts for one in each)
    assert calls == round(metrics["costs"]["calls"] * metrics["num_solved_units"])
    middle = got(world, "one/problems?limit=2&offset=1").json()["problems"]
    assert middle == found["problems"][1:3]


def test_numbers_are_counted_once_for_every_state_of_a_run(world: Served):
    path = written_run(world.folder / "runs" / "grown", [Verdict.AC])
    for place in ("grown", "grown/problems", "grown/problems", "grown"):
        assert got(world, place).status_code == 200
    before = evaluations._counted.cache_info()
    assert before.misses + before.hits >= 4
    got(world, "grown/problems")
    assert evaluations._counted.cache_info().misses == before.misses
    with (path / "trajectories.jsonl").open("rb+") as file:
        file.truncate()
    (path / "grades.jsonl").write_text("")
    assert got(world, "grown").json()["num_solved_units"] == 0


@pytest.mark.parametrize("place", ["", "/problems"])
def test_a_judge_that_is_not_trusted_gives_no_number(world: Served, place: str):
    refused = got(world, f"doubtful{place}")
    assert refused.status_code == 503
    assert "self-test" in refused.json()["detail"]
    assert got(world, f"nothing{place}").status_code == 404


def test_who_mends_failures_is_said_where_it_was_found(world: Served):
    missing = got(world, "one/attribution")
    assert (missing.status_code, "mapcoder attribute" in missing.json()["detail"]) == (404, True)
    run = written_run(world.folder / "runs" / "replayed", [Verdict.AC, Verdict.WA])
    kept = attributed(run)
    found = got(world, "replayed/attribution").json()
    assert found["is_current"] is True
    assert AttributionTable.model_validate(found["table"]) == kept
    write_record(run / "attribution.json", kept.model_copy(update={"trajectories": "older"}))
    assert got(world, "replayed/attribution").json()["is_current"] is False
