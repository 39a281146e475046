"""The page in a real Chromium, opened from the disk without a network."""

from collections.abc import Generator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from mapcoder_lite.agents import parse
from mapcoder_lite.evaluation.page.writing import write_page
from mapcoder_lite.evaluation.run_files import open_run
from mapcoder_lite.evaluation.standings import standings
from mapcoder_lite.evaluation.systems import open_systems
from mapcoder_lite.trajectory import CallKind
from mapcoder_lite.verdict import Verdict
from page_browser import TabClock, chromium, missing_browser, opened_page, page_address
from page_run import attributed, say, written_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(missing_browser() is not None, reason=missing_browser() or ""),
]

AC, WA, TLE = Verdict.AC, Verdict.WA, Verdict.TLE
HOSTILE = (
    "</script><script>globalThis.pwned = 1</script><img src=x onerror='globalThis.pwned = 2'>"
    "<svg onload='globalThis.pwned = 3'><a href='javascript:globalThis.pwned = 4'>go</a>"
    "<style>* { display: none }</style><iframe srcdoc='<script>parent.pwned = 5</script>'></iframe>"
    "\u202e0 == 1 if\u200b"
)
SEEN = HOSTILE.replace("\u202e", "\\u{202e}").replace("\u200b", "\\u{200b}")
FIRST = [AC, WA, TLE, None, AC]
SECOND = [AC, AC, WA, AC, WA]
CONTRAST = """
(selector) => {
  const shown = (colour) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const found = shown(getComputedStyle(at).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  return [...document.querySelectorAll(selector)].filter((node) => node.clientWidth).map((node) => {
    const [a, b] = [light(shown(getComputedStyle(node).color)), light(ground(node))];
    return [node.className, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  });
}
"""


TITLES = [HOSTILE + "{n}", "Two {n}"]


def hostile(kind: CallKind, problem_id: str) -> str:
    return f"{say(kind, problem_id)}\n\n{HOSTILE}"


@pytest.fixture(scope="module")
def browser() -> Generator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    runs = [
        written_run(folder / "first", FIRST, speak=hostile, titles=TITLES),
        written_run(folder / "second", SECOND, titles=TITLES),
    ]
    attributed(runs[0])
    found = standings(open_systems(list(map(str, runs))))
    write_page([open_run(run) for run in runs], folder / "page.html", parse.confidence, found)
    return folder / "page.html"


@pytest.fixture
def tab(browser: Any) -> Generator[Any]:
    """A tab in which nothing may go wrong and nothing may be asked of the network."""
    with opened_page(browser, viewport={"width": 1280, "height": 800}) as found:
        yield found
        assert found.faults == []
        assert [url for url in found.asked if not url.startswith("file:")] == []


def rows(tab: Any) -> list[str]:
    return tab.locator(".row .title").all_text_contents()


def opened_problem(tab: Any, page: Path, place: str) -> None:
    tab.goto(page_address(page, place))
    tab.wait_for_selector("#detail .step")


def test_the_page_opens_from_the_disk_without_a_network(tab: Any, page: Path):
    tab.goto(page_address(page))
    tab.wait_for_selector(".tile")
    assert tab.locator(".tile .big").all_text_contents() == ["40.0 %", "60.0 %"]
    assert tab.locator(".plot svg.drawing").count() >= 6
    assert tab.title() == "first · second – MapCoder-Lite report"


def test_what_was_found_is_drawn_and_only_that(tab: Any, page: Path):
    tab.goto(page_address(page))
    tab.wait_for_selector(".heat")
    titles = tab.locator(".plot h3").all_text_contents()
    assert {"Passed by tag", "Passed by rating", "Failed attempts by class"} <= set(titles)
    assert {"Confidence of submitted plans", "Which role mends the failures"} <= set(titles)
    assert "From problems to training rows" not in titles, "no audit lies in the folders"
    assert tab.locator(".heat").all_text_contents()[:4] == ["0.00", "0.00", "0.83", "0.00"]
    tab.locator(".plot", has_text="Passed by rating").locator("summary").click()
    cells = tab.locator(".plot", has_text="Passed by rating").locator("tbody tr").first
    assert cells.text_content().startswith("800-999 · A first1250.0 %")
    tab.goto(page_address(page, "#problems"))
    tab.select_option("#verdict", "0:class:overfitted")
    assert rows(tab) == ["Two 1"]


def test_what_a_model_wrote_stays_text(tab: Any, page: Path):
    opened_problem(tab, page, "#problem/p0/0/0")
    for summary in tab.locator("#detail summary").all():
        if summary.locator("..").get_attribute("open") is None:
            summary.click()
    shown = tab.locator("#detail pre.text").all_text_contents()
    assert sum(SEEN in text for text in shown) >= 6
    assert rows(tab)[0] == SEEN + "0"
    assert tab.evaluate("globalThis.pwned") is None
    assert tab.locator("main img, main iframe, main style, main script").count() == 0
    assert tab.locator("main a[href^=javascript]").count() == 0


def test_even_text_that_is_parsed_as_markup_cannot_run(tab: Any, page: Path):
    """The policy is the second wall: what the page never does is tried here on purpose."""
    tab.goto(page_address(page))
    tab.wait_for_selector(".tile")
    assert "TrustedHTML" in tab.evaluate(
        "try { document.body.innerHTML = '<b>x</b>'; 'parsed' } catch (error) { error.message }"
    )
    tab.evaluate(
        "const s = document.createElement('script'); s.append('globalThis.pwned = 9');"
        "try { document.body.append(s) } catch {}"
    )
    refused = "fetch('https://example.org/').then(() => 'sent', () => 'refused')"
    assert tab.evaluate(refused) == "refused"
    assert tab.evaluate("globalThis.pwned") is None
    assert tab.faults and all("Content Security Policy" in f or "Trusted" in f for f in tab.faults)
    tab.faults.clear()
    tab.asked.clear()


def test_a_debug_round_is_shown_as_a_difference(tab: Any, page: Path):
    opened_problem(tab, page, "#problem/p1/0/1")
    diff = tab.locator("table.diff")
    assert diff.locator("tr.gone .told").all_text_contents() == ["print(n)"]
    assert diff.locator("tr.come .told").all_text_contents() == ["print(n + 1)  # one more"]
    assert diff.locator("tr.kept .told").all_text_contents() == ["n = int(input())", ""]


def test_every_test_has_its_verdict_in_letters(tab: Any, page: Path):
    opened_problem(tab, page, "#problem/p1/0/0")
    strips = [
        strip.all_text_contents()
        for strip in (s.locator("li") for s in tab.locator(".strip").all())
    ]
    assert strips == [["AC", "AC", "WA"], ["AC", "AC", "WA"], ["AC", "AC", "AC"]]
    assert "input" in tab.locator(".excerpts").first.text_content()


def test_plans_stand_in_one_table(tab: Any, page: Path):
    opened_problem(tab, page, "#problem/p1/0/1")
    cells = tab.locator(".outcome tbody tr").all_text_contents()
    assert cells == ["185not tried––", "2851.1AC 3 of 3"]


def test_filters_narrow_the_list(tab: Any, page: Path):
    tab.goto(page_address(page, "#problems"))
    assert len(rows(tab)) == 5
    tab.fill("#filter", "two dp")
    assert rows(tab) == []
    tab.fill("#filter", "two")
    assert rows(tab) == ["Two 1", "Two 3"]
    tab.select_option("#verdict", "0:no program")
    assert rows(tab) == ["Two 3"]
    tab.click(".found button")
    tab.select_option("#tag", "graphs")
    assert rows(tab) == ["Two 1"]
    tab.select_option("#tag", "")
    tab.select_option("#verdict", "pair:0:1:true:false")
    assert tab.locator(".row").get_attribute("id") == "row4"
    assert tab.locator("#number").text_content() == "1 of 5 problems"


def test_the_keyboard_is_enough(tab: Any, page: Path):
    tab.goto(page_address(page))
    for key, place in (("2", "#problems"), ("j", "p0"), ("j", "p1"), ("k", "p0"), ("j", "p1")):
        tab.keyboard.press(key)
        tab.wait_for_function(f"location.hash.includes('{place}')")
    tab.keyboard.press("n")
    assert tab.evaluate("document.activeElement.id") == "step1"
    tab.keyboard.press("s")
    tab.wait_for_selector(".pair")
    tab.keyboard.press("/")
    tab.wait_for_function("document.activeElement.id === 'filter'")
    tab.keyboard.type("jjj")
    assert tab.locator("#number").text_content() == "0 of 5 problems"
    tab.keyboard.press("Escape")
    assert tab.evaluate("document.activeElement.id") == "rows"
    tab.keyboard.press("h")
    tab.wait_for_function("location.hash === '#problems'")
    tab.keyboard.press("?")
    assert tab.locator("dialog[open]").is_visible()
    tab.keyboard.press("Escape")
    tab.keyboard.press("3")
    tab.wait_for_selector(".fourfold")


def test_two_runs_are_compared(tab: Any, page: Path):
    tab.goto(page_address(page, "#compare"))
    assert tab.locator(".fourfold td strong").all_text_contents() == ["1", "1", "2", "1"]
    assert tab.locator(".change.gained li a").all_text_contents() == ["Two 1", "Two 3"]
    tab.locator(".change.lost li a").click()
    tab.wait_for_selector(".pair .step")
    heads = tab.locator(".both > .pair > .column:first-child h4").all_text_contents()
    assert heads[0] == "recall similar problems"
    assert tab.locator(".alike").count() == 2, "the trials are the same in both"
    tab.goto(page_address(page, "#compare"))
    tab.locator(".fourfold td.gained button").click()
    assert rows(tab) == ["Two 1", "Two 3"]


def test_systems_are_told_and_tested_as_on_the_terminal(browser: Any, tmp_path: Path):
    names = ["base", "one", "two", "other"]
    verdicts = [[WA] * 7, [AC] * 6 + [WA], [AC] * 7, [AC] * 3 + [WA] * 4]
    runs = [written_run(tmp_path / name, of) for name, of in zip(names, verdicts, strict=True)]
    base, one, two, other = map(str, runs)
    systems = open_systems([base, f"{one}+{two}", other])
    opened = [run for system in systems for run in system.runs]
    found = standings(systems)
    write_page(opened, tmp_path / "page.html", parse.confidence, found)
    with opened_page(browser) as tab:
        tab.goto(page_address(tmp_path / "page.html"))
        shown = tab.locator("main").inner_text()
        assert "92.9 %" in shown and f"{found.tests[0].p_holm:.3g}" in shown
        tab.goto(page_address(tmp_path / "page.html", "#compare"))
        told = tab.locator(".compared").inner_text()
        assert f"p = {found.tests[0].p_holm:.3g} after Holm's correction for 2 tests" in told
        assert "pooled by problem" in told
        tab.select_option("select[aria-label='First run']", "2")
        assert "runs of one system" in tab.locator(".compared").inner_text()
        tab.select_option("select[aria-label='First run']", "3")
        assert "tested against" in tab.locator(".compared").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(browser: Any, page: Path, scheme: str):
    with opened_page(browser, color_scheme=scheme) as tab:
        opened_problem(tab, page, "#problem/p1/0/0")
        seen = tab.evaluate(CONTRAST, ".chip, .cell, .role, .note, .sub, .facts, .told span, h4, a")
        assert len(seen) > 30
        assert {name: ratio for name, ratio in seen if ratio < 4.5} == {}


def test_everything_that_can_be_worked_has_a_name(tab: Any, page: Path):
    for place in ("", "#compare", "#problem/p0/0/both"):
        tab.goto(page_address(page, place))
        tab.wait_for_selector("main > div")
        nameless = tab.evaluate(
            "[...document.querySelectorAll('button, select, input, a, [role=region], [role=img],"
            " [role=listbox]')].filter((node) => !(node.textContent.trim() || node.ariaLabel ||"
            " node.getAttribute('aria-label'))).map((node) => node.outerHTML)"
        )
        assert nameless == []
    assert tab.locator("html").get_attribute("lang") == "en"


def test_a_narrow_screen_shows_one_thing_at_a_time(browser: Any, page: Path):
    with opened_page(browser, viewport={"width": 360, "height": 700}) as tab:
        tab.goto(page_address(page, "#problems"))
        assert tab.locator(".list").is_visible() and not tab.locator("#detail").is_visible()
        tab.locator(".row").nth(1).click()
        tab.wait_for_selector("#detail .step")
        assert not tab.locator(".list").is_visible()
        tab.locator(".back").click()
        assert tab.locator(".list").is_visible()
        for place in ("#overview", "#compare", "#problem/p1/0/0", "#problem/p1/0/both"):
            tab.goto(page_address(page, place))
            tab.wait_for_selector("main > div")
            wide = tab.evaluate("document.documentElement.scrollWidth")
            assert wide <= 360, f"{place} is {wide} wide"


def test_2000_problems_are_filtered_in_less_than_a_second(browser: Any, tmp_path: Path):
    """By the processor time of the tab, which the machine's other work does not lengthen."""
    verdicts = list(islice(cycle([AC, WA, None, TLE]), 2000))
    run = written_run(tmp_path / "run", verdicts)
    write_page([open_run(run)], tmp_path / "page.html", parse.confidence)
    with opened_page(browser) as tab:
        watch = TabClock(tab)
        tab.goto(page_address(tmp_path / "page.html", "#problems"))
        tab.wait_for_selector(".row")
        assert tab.locator("#number").text_content() == "2,000 problems"
        assert tab.locator(".row").count() < 60, "only what is in sight is in the document"
        before = watch.seconds()
        tab.fill("#filter", "problem 77")
        tab.select_option("#verdict", "0:WA")
        wanted = [f"Problem {n}" for n in range(2000) if "77" in str(n) and verdicts[n] is WA]
        assert tab.locator("#number").text_content() == f"{len(wanted)} of 2,000 problems"
        assert rows(tab) == wanted[: tab.locator(".row").count()]
        assert watch.seconds() - before < 1.0
