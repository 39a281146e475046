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


@pytest.fixture(scope="module", autouse=True)
def runs(world: Served) -> None:
    folder = world.folder / "runs"
    verdicts = [Verdict.AC, Verdict.WA, Verdict.WA, Verdict.TLE, Verdict.AC]
    attributed(written_run(folder / "before", verdicts))
    written_run(folder / "after", [Verdict.AC, Verdict.AC, Verdict.AC, Verdict.WA, Verdict.AC])
    written_run(folder / "doubtful", [Verdict.AC], is_trusted=False)


def test_evaluations_are_measured_and_compared(browser: Any, world: Served) -> None:
    with at(browser, world, "evaluations") as tab:
        tab.click("text=before")
        tab.wait_for_selector("text=2 of 5")
        assert "graphs" in tab.inner_text("section[aria-labelledby='tags']")
        tab.wait_for_selector("table.heated")
        assert "0.83" in tab.inner_text("table.heated tbody tr:first-child td:nth-child(5)")
        tab.fill("[aria-label='Filter problems']", "TLE")
        tab.wait_for_selector("text=1 shown")
        tab.go_back()
        tab.check("[aria-label='Compare before']")
        tab.check("[aria-label='Compare after']")
        tab.click("text=Compare the two")
        tab.wait_for_selector("text=+40.0 points")
        assert "p = 0.500" in tab.inner_text("section >> nth=0")


def test_confidence_and_ratings_are_plotted(browser: Any, world: Served) -> None:
    with at(browser, world, "evaluations", color_scheme="light") as tab:
        tab.wait_for_selector("text=before")
        assert not any("drawn-" in url for url in tab.asked)  # only who looks at plots fetches them
        tab.click("text=before")
        confidence = tab.locator("figure .plotted", has=tab.locator("canvas")).first
        confidence.wait_for()
        tab.wait_for_selector("section[aria-labelledby='ratings'] canvas")
        picture = "node => node.querySelector('canvas').toDataURL()"
        light = confidence.evaluate(picture)
        tab.emulate_media(color_scheme="dark")
        tab.wait_for_timeout(100)
        assert confidence.evaluate(picture) != light
        confidence.hover()
        tab.wait_for_selector("text=Stated 80 to 90: 2 of 5 passed")
        tab.click("figure summary")
        assert "2\t5" in tab.inner_text("figure table")  # the numbers, for whoever sees no plot


def test_what_an_evaluation_lacks_is_said(browser: Any, world: Served) -> None:
    with at(browser, world, "evaluations/after") as tab:
        tab.wait_for_selector("text=Not attributed yet: mapcoder attribute")
        tab.faults.clear()  # the browser itself reports the refusal
    with at(browser, world, "evaluations/doubtful") as tab:
        tab.wait_for_selector(".fault")
        assert tab.locator(".tile").count() == 0  # no score of a judge that is not trusted
        tab.faults.clear()  # the browser itself reports the refusal


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_evaluation_fits_a_phone(browser: Any, world: Served, scheme: str) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme}
    with at(browser, world, "evaluations/before", **phone) as tab:
        tab.wait_for_selector("figure canvas")
        tab.wait_for_selector("table.heated")
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        heat = tab.locator(".scroll:has(.heated)").first
        assert heat.evaluate("node => node.scrollWidth <= node.clientWidth")
