"""The system's Chromium through Playwright, for pages that must do without a network.

Knows: where Chromium lies, how a file is opened offline.
Does not know: what is looked for in a page.
"""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from served import Served

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def missing_browser() -> str | None:
    """Why no browser can be had; None = one can."""
    if find_spec("playwright") is None:
        return "playwright is not installed (dependency group dev)"
    if not any(map(shutil.which, NAMES)):
        return "no Chromium is installed (Debian: apt-get install chromium)"
    return None


@contextmanager
def chromium() -> Generator[Any]:
    """A headless browser; nothing is downloaded."""
    from playwright.sync_api import sync_playwright

    executable = next(path for path in map(shutil.which, NAMES) if path)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened_page(browser: Any, *, is_offline: bool = True, **options: Any) -> Generator[Any]:
    """A tab; what goes wrong in it stands in `tab.faults`, what it asks for in `tab.asked`."""
    context = browser.new_context(offline=is_offline, **options)
    tab = context.new_page()
    tab.faults = []
    tab.on("console", lambda message: tab.faults.append(message.text))
    tab.on("pageerror", lambda error: tab.faults.append(str(error)))
    tab.on("dialog", lambda dialog: (tab.faults.append("a dialog"), dialog.dismiss()))
    tab.asked = []
    tab.on("request", lambda request: tab.asked.append(request.url))
    yield tab
    context.close()


@contextmanager
def at(browser: Any, world: Served, place: str = "", **options: Any) -> Generator[Any]:
    """A tab at a place of the page; afterwards nothing went wrong and nobody else was asked."""
    with opened_page(browser, is_offline=False, **options) as tab:
        tab.set_default_timeout(20_000)
        tab.goto(f"{world.url}/#{place}")
        yield tab
        assert tab.faults == []
        assert [url for url in tab.asked if not url.startswith((world.url, "data:"))] == []


def page_address(path: Path, place: str = "") -> str:
    return path.resolve().as_uri() + place


class TabClock:
    """The processor time of a tab's main thread, which the machine's other work cannot lengthen."""

    def __init__(self, tab: Any) -> None:
        self._tab = tab
        self._session = tab.context.new_cdp_session(tab)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds(self) -> float:
        """Spent so far, all that is waiting to be drawn included."""
        drawn = "new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"
        self._tab.evaluate(drawn)
        found = self._session.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in found if metric["name"] == "TaskDuration")
