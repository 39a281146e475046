"""The page's tour: from a statement to the passed verdict, and a wrong program corrected; pictures.

Command: python benchmarks/tour.py docs/tour

The real service on the pocket backbone, the page in the system's Chromium. A bundled problem is
solved as a visitor solves it; then a program with one mistake, as its author might have written it,
is given to the debugging agent. Ends with 1 where either is not solved.

Knows: what a visitor does, when the page shows it.
Does not know: how problems are solved, what docs/tour.md says of the pictures.
"""

import re
import shutil
import sys
import tempfile
from io import BytesIO
from itertools import islice
from pathlib import Path
from random import Random

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from service import Service, pasted

from mapcoder_lite.pocket.problems import Puzzle
from mapcoder_lite.pocket.words import Wording
from mapcoder_lite.pocket.world import problem_set

SETTINGS = ("judge.workers=1", "traversal.k=2", "traversal.t=2")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESK = {"width": 1200, "height": 800}
PHONE = {"width": 390, "height": 780}
NUM_COLOURS = 256
PATIENCE_MS = 300_000
"""A busy machine may take minutes for a solve."""


def main() -> None:
    folder = Path(sys.argv[1])
    executable = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if executable is None:
        raise SystemExit("no Chromium is installed (Debian: apt-get install chromium)")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as kept, sync_playwright() as playwright:
        service = Service(Path(kept), SETTINGS)
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        try:
            walk(browser, service.url, folder)
        finally:
            browser.close()
            service.stop()
    total = sum(path.stat().st_size for path in folder.glob("*.png"))
    print(f"{len(list(folder.glob('*.png')))} pictures, {total / 1000:.0f} kB in {folder}")


def walk(browser: Browser, url: str, folder: Path) -> None:
    """Do what a visitor does, and take the pictures."""
    puzzle = next(islice(problem_set("test"), 1))
    tab = opened(browser, url, DESK, "light")
    tab.fill("#statement", pasted(puzzle.problem))
    tab.locator("#statement").evaluate("at => at.scrollTop = 0")
    taken(tab, folder, "1-statement")
    tab.click("text=Read it")
    tab.locator(".sample").first.wait_for()
    taken(tab, folder, "2-samples")
    tab.click("button.main")
    tab.wait_for_selector(".node.r-planning.asking", timeout=PATIENCE_MS)
    tab.locator(".growing pre", has_text=re.compile(r".{40}", re.DOTALL)).wait_for()
    taken(tab, folder, "3-running")
    ended(tab)
    taken(tab, folder, "4-solved")
    taken(tab, folder, "5-plans", of="#plans")
    solved = tab.evaluate("location.hash")
    tab.goto(f"{url}/#")
    tab.click("text=My own program")
    tab.fill("[aria-label=Program]", mistaken(puzzle))
    tab.click("text=Have it debugged")
    tab.wait_for_selector("h2#run")
    ended(tab)
    tab.locator(".group .switch", has=tab.locator(".chip:not(.v-AC)")).first.click()
    taken(tab, folder, "6-failed", of="#versions")
    dark = opened(browser, f"{url}/{tab.evaluate('location.hash')}", DESK, "dark")
    dark.wait_for_selector(".diff tr.come")
    taken(dark, folder, "7-debugged", of="#versions")
    phone = opened(browser, f"{url}/{solved}", PHONE, "light")
    phone.wait_for_selector("dl.pairs")
    taken(phone, folder, "8-phone")


def mistaken(puzzle: Puzzle) -> str:
    choices = puzzle.family.mistake(puzzle.choices, Random(1))
    return puzzle.family.write(choices, Wording(Random(0))).program


def ended(tab: Page) -> None:
    """Wait for a run's end; it must be the good one."""
    tab.wait_for_selector("dl.pairs", timeout=PATIENCE_MS)
    status = tab.inner_text("#run ~ [role=status]")
    if status != "solved on samples":
        raise SystemExit(f"the tour's run ended otherwise: {status}")


def opened(browser: Browser, url: str, viewport: dict[str, int], scheme: str) -> Page:
    context = browser.new_context(viewport=viewport, color_scheme=scheme)
    tab = context.new_page()
    tab.set_default_timeout(60_000)
    tab.goto(url)
    return tab


def taken(tab: Page, folder: Path, name: str, of: str | None = None) -> None:
    """Take a picture of what is in sight, from a heading on if one is named."""
    if of is not None:
        tab.locator(of).first.evaluate(
            "at => scrollTo(0, at.getBoundingClientRect().top + scrollY - 70)"
        )
    tab.wait_for_timeout(300)
    picture = Image.open(BytesIO(tab.screenshot())).convert("RGB")
    small = picture.quantize(NUM_COLOURS, dither=Image.Dither.NONE)
    small.save(folder / f"{name}.png", optimize=True)
    print(name)


if __name__ == "__main__":
    main()
