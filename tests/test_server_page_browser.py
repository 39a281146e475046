"""The service's page in a real Chromium: the scripted teacher answers, a real judge judges."""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.trajectory import Request
from page_browser import TabClock, at, chromium, missing_browser, opened_page
from served import Held, Served, Teacher, pasted, served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(missing_browser() is not None, reason=missing_browser() or ""),
]

HOSTILE = (
    "</pre></script><script>globalThis.pwned = 1</script><img src=x onerror='globalThis.pwned = 2'>"
    "<svg onload='globalThis.pwned = 3'><a href='javascript:globalThis.pwned = 4'>go</a>"
    "<style>* { display: none }</style>"
    "\u202e0 == 1 if\u200b"
)
SEEN = HOSTILE.replace("\u202e", "\\u{202e}").replace("\u200b", "\\u{200b}")
NUM_KNOWN = 40
EMOJI_REPLY = "😀😀<root><problem>"


class Author(Teacher):
    """The teacher, who after `spoil` writes markup into whatever is asked."""

    is_hostile = False

    def _text(self, request: Request) -> str:
        said = super()._text(request)
        return f"{said}\n{HOSTILE}" if self.is_hostile and request.adapter == "planning" else said


@pytest.fixture(scope="module")
def author() -> Author:
    return Author(NUM_KNOWN, 2.0)


@pytest.fixture(scope="module")
def held(author: Author) -> Held:
    return Held(author)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, held: Held) -> Generator[Served]:
    with SandboxJudge(1) as judge, served(tmp_path_factory.mktemp("page"), judge, held) as service:
        yield service


@pytest.fixture(scope="module")
def browser() -> Generator[Any]:
    with chromium() as found:
        yield found


def solved(world: Served, problem: Any, **wanted: Any) -> tuple[str, list[dict[str, Any]]]:
    """Solve without the page; return the run and its events."""
    body = {"problem": problem.model_dump(mode="json"), **wanted}
    run = httpx.post(f"{world.url}/api/solve", json=body).json()["run"]
    events = httpx.get(f"{world.url}/api/runs/{run}/events", timeout=60).text
    lines = [line[6:] for line in events.splitlines() if line.startswith("data: ")]
    return run, [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def debugged(world: Served, author: Author) -> str:
    """A run with a program that was corrected."""
    for problem in author.problems:
        run, events = solved(world, problem)
        if any(event["kind"] == "code.version" and event["diff"] for event in events):
            return run
    raise AssertionError("the teacher never erred")


def test_a_pasted_problem_is_looked_over_and_solved_live(
    browser: Any, world: Served, held: Held, author: Author
) -> None:
    author.is_hostile = False
    with at(browser, world) as tab:
        tab.fill("#statement", pasted(author.problems[0]))
        tab.click("text=Read it")
        samples = tab.locator(".sample")
        samples.first.wait_for()
        count = samples.count()
        tab.click("text=Add a sample")
        assert samples.count() == count + 1
        tab.fill(f"[aria-label='Input of sample {count + 1}']", "9 9\n")
        tab.click(f"[aria-label='Remove sample {count + 1}']")
        assert samples.count() == count
        held.hold(True)
        tab.click("button.main")
        tab.wait_for_selector(".node.asking")  # drawn while the agent writes
        held.hold(False)
        tab.wait_for_selector("#run ~ [role=status] .status:not(.is-running)")
        tab.wait_for_selector("text=What each agent took")
        assert tab.locator(".node.r-retrieval").count() >= 1


def test_the_draft_outlives_a_reload(browser: Any, world: Served) -> None:
    with at(browser, world) as tab:
        tab.fill("#statement", "half a statem")
        tab.reload()
        assert tab.input_value("#statement") == "half a statem"
        tab.fill("#statement", '{"id": 1}')
        tab.click("text=Read it")
        assert "not a Problem" in tab.inner_text(".fault")
        assert tab.input_value("#statement") == '{"id": 1}'
        tab.faults.clear()  # the browser itself reports the refusal


def test_a_program_is_shown_as_what_changed(browser: Any, world: Served, debugged: str) -> None:
    with at(browser, world, f"runs/{debugged}") as tab:
        tab.locator(".group .switch", has_text="2").first.click()
        tab.wait_for_selector(".diff tr.come")
        assert tab.locator(".diff tr.gone").count() > 0
        tab.click("text=whole")
        assert tab.locator(".diff").count() == 0
        tab.keyboard.press("[")
        tab.wait_for_selector("text=Program 1 of plan")
        assert tab.locator(".looked").inner_text().count("Expected") == 1


def test_an_edited_plan_is_run_on_from(browser: Any, world: Served, debugged: str) -> None:
    with at(browser, world, f"runs/{debugged}") as tab:
        tab.wait_for_selector("dl.pairs")
        tab.click("article.step >> nth=1 >> text=Edit")
        field = tab.locator("article.step textarea")
        field.fill(field.input_value() + "\n9. Mind the end.")
        tab.click("text=Run on from here")
        tab.wait_for_selector("text=run on from an edited plan")
        tab.wait_for_selector("dl.pairs")
        assert debugged not in tab.evaluate("location.hash")
        assert "Mind the end." in tab.inner_text("article.step >> nth=0")
        assert "confidence 100" in tab.inner_text("article.step >> nth=0")


def test_a_call_is_shown_word_for_word(browser: Any, world: Served, debugged: str) -> None:
    call = httpx.get(f"{world.url}/api/runs/{debugged}/calls/1").json()
    with at(browser, world, f"runs/{debugged}") as tab:
        tab.click(".node.r-retrieval")
        shown = tab.locator("dialog pre.text")
        shown.first.wait_for()
        texts = shown.all_text_contents()
        assert texts == [call["reply"], *(message["content"] for message in call["messages"])]
        tab.keyboard.press("Escape")
        tab.wait_for_selector("dialog", state="detached")
        assert tab.evaluate("location.hash") == f"#runs/{debugged}"


def test_the_place_where_reading_failed_is_marked(browser: Any, world: Served) -> None:
    call = {
        "stage": 1, "agent": "retrieval", "call": "retrieval", "plan": None, "round": 0, "ask": 1,
        "ms": 5, "usage": {"prompt_tokens": 1, "cached_tokens": 0, "completion_tokens": 1},
        "finish": "stop", "failure": {"kind": "no_root", "detail": "no root", "position": 2},
        "messages": [], "reply": EMOJI_REPLY, "adapter": None, "adapter_digest": None,
        "sampling": {}, "grammar": False, "model": "m", "note": None,
    }  # fmt: skip
    run = httpx.get(f"{world.url}/api/runs").json()["runs"][0]["id"]
    with at(browser, world) as tab:
        tab.route("**/calls/1", lambda route: route.fulfill(json=call))
        tab.goto(f"{world.url}/#runs/{run}/calls/1")
        tab.wait_for_selector("dialog mark")
        said = tab.inner_text("dialog pre.text >> nth=0")
        assert said == EMOJI_REPLY[:2] + "reading failed here" + EMOJI_REPLY[2:]


def test_hints_come_one_at_a_time(browser: Any, world: Served, author: Author) -> None:
    author.is_hostile = False
    with at(browser, world) as tab:
        tab.fill("#statement", pasted(author.problems[3]))
        tab.click("text=Read it")
        tab.click("text=A hint only")
        rungs = tab.locator(".ladder > li")
        tab.wait_for_selector("pre[aria-label='Kind of problem']")
        num_runs = len(httpx.get(f"{world.url}/api/runs?limit=200").json()["runs"])
        assert tab.locator(".ladder pre").count() == 1
        rungs.nth(1).locator("text=Show").click()
        tab.wait_for_selector("pre[aria-label='How it is solved']")
        assert len(httpx.get(f"{world.url}/api/runs?limit=200").json()["runs"]) == num_runs
        rungs.nth(2).locator("text=Show").click()
        tab.wait_for_selector("pre[aria-label='Plan']")
        assert tab.locator(".ladder .code").count() == 0
        rungs.nth(3).locator("text=Show").click()
        tab.wait_for_selector(".ladder .code")


def test_what_a_model_writes_is_only_text(browser: Any, world: Served, author: Author) -> None:
    author.is_hostile = True
    problem = author.problems[0].model_copy(update={"title": HOSTILE})
    run, events = solved(world, problem)
    author.is_hostile = False
    assert any(HOSTILE[:20] in event.get("text", "") for event in events)
    with at(browser, world, f"runs/{run}") as tab:
        tab.wait_for_selector("dl.pairs")
        assert SEEN in tab.text_content("#run")
        for place in ("runs", "", f"runs/{run}/calls/2"):
            tab.goto(f"{world.url}/#{place}")
            tab.wait_for_timeout(300)
        tab.wait_for_selector("dialog pre")
        assert SEEN in tab.text_content("dialog")
        assert tab.evaluate("globalThis.pwned") is None
        assert tab.locator("main img, main script, main iframe, main style").count() == 0


@contextmanager
def breaking(world: Served, num_events: int) -> Generator[tuple[str, list[str | None]]]:
    """Stand before the service and cut the first stream; yield address and Last-Event-IDs heard."""
    heard: list[str | None] = []

    class Between(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {k: v for k, v in self.headers.items() if k.lower() == "last-event-id"}
            answer = httpx.get(world.url + self.path, headers=headers)
            body = answer.content
            if "/events" in self.path:
                heard.append(self.headers.get("Last-Event-ID"))
                if len(heard) == 1:
                    body = b"".join(one + b"\n\n" for one in body.split(b"\n\n")[:num_events])
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["content-type"])
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Between) as between:
        Thread(target=between.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{between.server_port}", heard
        between.shutdown()


def test_a_broken_line_is_taken_up_where_it_broke(
    browser: Any, world: Served, debugged: str
) -> None:
    with (
        breaking(world, 5) as (url, heard),
        opened_page(browser, is_offline=False) as tab,
    ):
        tab.goto(f"{url}/#runs/{debugged}")
        tab.wait_for_selector("text=The line to the service is broken")
        tab.wait_for_selector("dl.pairs")
        assert tab.locator("text=The line to the service is broken").count() == 0
        calls = httpx.get(f"{world.url}/api/runs/{debugged}").json()["calls"]
        assert tab.locator(".node:not(.r-judge)").count() == calls
    assert heard == [None, "5"]


def test_a_waiting_run_is_called_off(browser: Any, world: Served, held: Held, author: Author):
    held.hold(True)
    problem = author.problems[1].model_dump(mode="json")
    run = httpx.post(f"{world.url}/api/solve", json={"problem": problem}).json()["run"]
    with at(browser, world, f"runs/{run}") as tab:
        tab.click("text=Call it off")
        tab.wait_for_selector("section .is-cancelled")
    held.hold(False)
    assert httpx.get(f"{world.url}/api/runs/{run}").json()["status"] == "cancelled"


def test_two_thousand_samples_are_filtered_at_once(browser: Any, world: Served) -> None:
    samples = [{"input": f"case {n}\n", "outputs": [f"{n * n}\n"]} for n in range(2000)]
    problem = {"id": "many", "statement": "Square it.", "public_tests": samples}
    with at(browser, world) as tab:
        tab.fill("#statement", json.dumps(problem))
        tab.click("text=Read it")
        tab.wait_for_selector("text=2,000 samples")
        assert tab.locator(".sample").count() < 40
        clock = TabClock(tab)
        before = clock.seconds()
        tab.fill("[aria-label='Filter samples']", "case 1999")
        tab.wait_for_selector("text=1 shown")
        assert clock.seconds() - before < 1.0
        assert tab.input_value("[aria-label='Output of sample 2000']") == f"{1999 * 1999}\n"


def told(events: list[dict[str, Any]]) -> str:
    head = {"v": 1, "ts": "2026-11-26T10:00:00.000+00:00", "run": "R"}
    lines = [{**head, "n": n, **event} for n, event in enumerate(events, start=1)]
    return "".join(
        f"id: {line['n']}\nevent: {line['kind']}\ndata: {json.dumps(line)}\n\n" for line in lines
    )


def test_two_thousand_verdicts_are_filtered_at_once(
    browser: Any, world: Served, debugged: str
) -> None:
    verdict = {"kind": "test.verdict", "version": 1, "cpu_ms": 1.0, "wall_ms": 1.0, "rss_kb": 1,
               "got": "", "stderr": "", "isolation": "bubblewrap", "speed_factor": 1.0}  # fmt: skip
    program = {"kind": "code.version", "version": 1, "plan": None, "round": 0, "diff": None,
               "language": "python", "program": "print(1)", "is_repeat": False}  # fmt: skip
    verdicts = [
        {**verdict, "test": n, "verdict": "AC" if n % 9 else "WA", "reason": f"case {n}"}
        for n in range(2000)
    ]
    totals = dict.fromkeys(("calls", "prompt_tokens", "cached_tokens", "completion_tokens"), 0)
    end = {"kind": "run.finished", "status": "failed", "stop": None, "detail": None,
           "program": None, "language": "python", "version": 1, "num_passed": 1777,
           "num_tests": 2000, "totals": {**totals, "ms": 1}, "agents": {}}  # fmt: skip
    body = told([program, *verdicts, end])
    with at(browser, world) as tab:
        tab.route(
            "**/events?*", lambda route: route.fulfill(content_type="text/event-stream", body=body)
        )
        tab.goto(f"{world.url}/#runs/{debugged}")
        tab.wait_for_selector("dl.pairs")
        assert 0 < tab.locator(".verdict-row").count() < 40
        clock = TabClock(tab)
        before = clock.seconds()
        tab.fill("[aria-label='Filter verdicts']", "case 1998")
        tab.wait_for_selector("text=1 shown")
        assert clock.seconds() - before < 1.0
        tab.fill("[aria-label='Filter verdicts']", "")
        tab.select_option("[aria-label='Verdict']", "WA")
        tab.wait_for_selector("text=223 shown")


def test_a_run_that_is_not_there_is_not_waited_for(browser: Any, world: Served) -> None:
    with at(browser, world, f"runs/{'0' * 26}") as tab:
        tab.wait_for_selector("text=there is no run 0000")
        tab.wait_for_timeout(2500)  # longer than a broken line waits
        assert len([url for url in tab.asked if "/events" in url]) == 1
        tab.faults.clear()  # the browser itself reports the refusals


def test_a_call_that_is_not_there_is_said_to_be(browser: Any, world: Served, debugged: str) -> None:
    with at(browser, world, f"runs/{debugged}/calls/999") as tab:
        tab.wait_for_selector("dialog >> text=There is no such call: the run asked")
        tab.goto(f"{world.url}/#runs/{debugged}/calls/abc")
        tab.wait_for_selector("dialog >> text=“abc” is no call")
        assert not [url for url in tab.asked if "/api/" in url and "/calls/" in url]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(browser: Any, world: Served, debugged: str, scheme: str) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme}
    status = httpx.get(f"{world.url}/api/status").json()
    status["engine"]["label"] = "backbone-" * 20
    lines = {"problems": [{"id": "long", "title": "A long title " * 9, "difficulty": 800}]}
    with at(browser, world, **phone) as tab:
        tab.route("**/api/status", lambda route: route.fulfill(json=status))
        tab.route("**/api/problems?*", lambda route: route.fulfill(json=lines))
        tab.reload()
        tab.wait_for_selector("text=backbone-backbone")
        right = "node => node.getBoundingClientRect().right"
        assert tab.locator("select").evaluate(right) < tab.locator(".drop").evaluate(right)
        for place in ("", "runs", f"runs/{debugged}", f"runs/{debugged}/calls/1", "evaluations"):
            tab.goto(f"{world.url}/#{place}")
            tab.wait_for_timeout(300)
            assert tab.evaluate("document.documentElement.scrollWidth") <= 360, place


def test_keys_and_colours(browser: Any, world: Served) -> None:
    with at(browser, world) as tab:
        tab.wait_for_selector("#statement")
        tab.keyboard.press("2")
        tab.wait_for_selector("#runs")
        tab.keyboard.press("/")
        assert tab.evaluate("document.activeElement.type") == "search"
        tab.evaluate("document.activeElement.blur()")
        tab.keyboard.press("?")
        tab.wait_for_selector("dialog[aria-label='Keys']")
        tab.keyboard.press("Escape")
        paper = "getComputedStyle(document.body).backgroundColor"
        tab.click("[aria-label^='Colours']")
        light = tab.evaluate(paper)
        tab.click("[aria-label^='Colours']")
        tab.reload()
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
        assert tab.evaluate(paper) != light


def test_every_control_has_a_name(browser: Any, world: Served, debugged: str) -> None:
    with at(browser, world, f"runs/{debugged}") as tab:
        for place in ("", "runs", f"runs/{debugged}"):
            tab.goto(f"{world.url}/#{place}")
            tab.wait_for_timeout(300)
            tree = tab.locator("body").aria_snapshot()
            nameless = re.findall(
                r"- (?:button|link|textbox|combobox|checkbox)(?: \[.*\])?:?$", tree, re.M
            )
            assert nameless == [], place
