"""Evaluations on the service's page, in a real Chromium."""

from collections.abc import Generator
from typing import Any

import pytest

from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.verdict import Verdict
from page_browser import at, chromium, missing_browser
from page_run import attributed, written_run
from served import Served, served, teacher

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(missing_browser() is not None, reason=missing_browser() or ""),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    folder = tmp_path_factory.mktemp("evaluations")
    with SandboxJudge(1) as judge, served(folder, judge, teacher(1)) as service:
        yield service


@pytest.fixture(scope="module")
def browser() -> Generator[Any]:
    with chromium() as found:
        yield found


def test_evaluations_are_measured_and_compared(browser: Any, world: Served) -> None:
    runs = world.folder / "runs"
    verdicts = [Verdict.AC, Verdict.WA, Verdict.WA, Verdict.TLE, Verdict.AC]
    attributed(written_run(runs / "before", verdicts))
    written_run(runs / "after", [Verdict.AC, Verdict.AC, Verdict.AC, Verdict.WA, Verdict.AC])
    written_run(runs / "doubtful", [Verdict.AC], is_trusted=False)
    with at(browser, world, "evaluations") as tab:
        tab.click("text=before")
        tab.wait_for_selector("text=2 of 5")
        assert "graphs" in tab.inner_text("section[aria-label='By tag']")
        tab.wait_for_selector("text=Confidence of submitted plans")
        assert tab.locator(".confidence circle").count() > 0
        tab.wait_for_selector("text=Which agent mends the failures")
        assert "0.83" in tab.inner_text("table.heated tbody tr:first-child td:nth-child(5)")
        tab.fill("[aria-label='Filter problems']", "TLE")
        tab.wait_for_selector("text=1 shown")
        tab.go_back()
        tab.check("[aria-label='Compare before']")
        tab.check("[aria-label='Compare after']")
        tab.click("text=Compare the two")
        tab.wait_for_selector("text=+40.0 points")
        assert "p = 0.500" in tab.inner_text("section >> nth=0")
    with at(browser, world, "evaluations/doubtful") as tab:
        tab.wait_for_selector(".fault")
        assert tab.locator(".tile").count() == 0  # no score of a judge that is not trusted
        tab.faults.clear()  # the browser itself reports the refusal
