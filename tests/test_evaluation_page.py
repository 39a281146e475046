import base64
import hashlib
import json
import re
import zlib
from datetime import date
from enum import Enum
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.agents import parse
from mapcoder_lite.errors import StoreError
from mapcoder_lite.evaluation.diagnosis import FailureClass
from mapcoder_lite.evaluation.page.packing import BREAK, SharedTexts, Texts
from mapcoder_lite.evaluation.page.redaction import HIDDEN, redacted
from mapcoder_lite.evaluation.page.writing import SCRIPTS, STYLES, write_page
from mapcoder_lite.evaluation.run_files import Window, open_run
from mapcoder_lite.evaluation.standings import standings
from mapcoder_lite.evaluation.systems import open_systems
from mapcoder_lite.jsonl import read_lines, write_record
from mapcoder_lite.statistics import holm, sign_flip
from mapcoder_lite.tables import one_line
from mapcoder_lite.trajectory import Call, CallKind, StopReason, Trajectory
from mapcoder_lite.verdict import Verdict
from page_run import INSTRUCTION, attributed, say, written_run
from test_cli_main import mapcoder

AC, WA, TLE, IE = Verdict.AC, Verdict.WA, Verdict.TLE, Verdict.IE
HOSTILE = '</script><script>globalThis.pwned = 1</script><img src=x onerror="globalThis.pwned = 2">'
KEY = "sk-abcdefghijklmnopqrstuvwx"


TITLES = [HOSTILE, "Two"]


class Page(HTMLParser):
    """What a browser would make of the file: every script and style with its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: dict[str, str] = {}
        self.style = self.script = self.policy = ""
        self._inside: tuple[str, dict[str, str | None]] = ("", {})
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = (tag, dict(attrs))
        self.tags.append(self._inside)
        if self._inside[1].get("http-equiv") == "Content-Security-Policy":
            self.policy = self._inside[1]["content"] or ""

    def handle_data(self, data: str) -> None:
        tag, attributes = self._inside
        if tag == "style":
            self.style += data
        elif tag == "script" and "id" in attributes:
            name = attributes["id"] or ""
            self.blocks[name] = self.blocks.get(name, "") + data
        elif tag == "script":
            self.script += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = ("", {})

    @property
    def overview(self) -> dict[str, Any]:
        return json.loads(self.blocks["overview"])

    def inflated(self, name: str) -> Any:
        return json.loads(zlib.decompress(base64.b64decode(self.blocks[name])))

    def texts(self, place: int) -> Any:
        """The problem's attempts, and what turns numbers of paragraphs into text."""
        shared, own = self.inflated("shared"), self.inflated(f"t{place}")

        def text(places: list[int]) -> str:
            return BREAK.join(shared[-1 - n] if n < 0 else own["texts"][n] for n in places)

        return own["runs"], text


def page_of(path: Path, *runs: Path) -> Page:
    return systems_page(path, *map(str, runs))


def systems_page(path: Path, *names: str) -> Page:
    systems = open_systems(names)
    runs = [run for system in systems for run in system.runs]
    found = standings(systems) if len(runs) > 1 else None
    write_page(runs, path, parse.confidence, found)
    return Page(path)


def asset(name: str) -> str:
    return files("mapcoder_lite.evaluation.page").joinpath(name).read_text(encoding="utf-8")


def hostile(kind: CallKind, problem_id: str) -> str:
    return f"{say(kind, problem_id)}\n\n{HOSTILE} <!-- {KEY} \u2028 \x1b[31m\n\n/home/mary/keys"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def runs(folder: Path) -> tuple[Path, Path]:
    first = written_run(
        folder / "first", [AC, WA, TLE, None, AC], speak=hostile, titles=TITLES, samples=2
    )
    return first, written_run(folder / "second", [AC, AC, WA, IE, WA, AC], titles=TITLES, samples=2)


@pytest.fixture(scope="module")
def page(folder: Path, runs: tuple[Path, Path]) -> Page:
    return page_of(folder / "page.html", *runs)


def test_the_page_holds_every_trajectory_to_the_letter(page: Page, runs: tuple[Path, Path]):
    places = {row["id"]: place for place, row in enumerate(page.overview["rows"])}
    num_calls = 0
    for number, run in enumerate(runs):
        for kept in read_lines(run / "trajectories.jsonl", Trajectory):
            attempts, text = page.texts(places[kept.problem_id])
            shown = attempts[number][kept.sample]
            assert text(shown["program"] or []) == redacted(kept.program or "")
            for step, packed in zip(kept.steps, shown["steps"], strict=True):
                if isinstance(step, Call):
                    num_calls += 1
                    assert text(packed["reply"]) == redacted(step.completion.text)
                    messages = [(role, text(places)) for role, places in packed["messages"]]
                    assert messages == [(m.role, m.content) for m in step.request.messages]
                else:
                    assert text(packed["program"]) == step.program
                    verdicts = [result[0] for result in packed["judgement"]["results"]]
                    assert verdicts == [r.verdict.value for r in step.judgement.results]
    assert num_calls > 100


def test_the_rows_say_what_the_grades_say(page: Page):
    verdicts = [
        [[a["verdict"] for a in run] for run in row["runs"]] for row in page.overview["rows"]
    ]
    assert verdicts[1] == [["WA", "WA"], ["AC", "AC"]]
    assert verdicts[3] == [["no program"] * 2, ["IE"] * 2]
    assert verdicts[5] == [[], ["AC", "AC"]]
    assert page.overview["rows"][5]["in"] == [False, True]
    assert page.overview["rows"][0]["runs"][0][0]["tokens"] == [700, 70]


def test_what_a_model_wrote_cannot_leave_its_block(page: Page):
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    assert len(scripts) == len(page.blocks) + 1
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert page.overview["rows"][0]["title"] == HOSTILE
    attempts, text = page.texts(0)
    assert HOSTILE in text(attempts[0][0]["steps"][0]["reply"])


def test_the_policy_lets_run_what_is_in_the_file_and_nothing_else(page: Page):
    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    parts = dict(part.split(" ", 1) for part in page.policy.split("; "))
    assert parts["default-src"] == "'none'"
    assert parts["script-src"] == f"'sha256-{digest(page.script)}'"
    assert parts["style-src"] == f"'sha256-{digest(page.style)}'"
    assert "unsafe" not in page.policy and "http" not in page.policy


def test_nothing_is_fetched_and_no_text_is_parsed_as_markup():
    for name in (*SCRIPTS, *STYLES, "page.html"):
        source = asset(name).replace("http://www.w3.org/2000/svg", "")
        assert not re.findall(
            r"https?:|//cdn|url\(|@import|\bimport\(|\bfetch\(|XMLHttpRequest|WebSocket|EventSource"
            r"|sendBeacon|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\("
            r"|new Function|DOMParser|srcdoc|<script src|<link",
            source,
        ), name


def test_both_pages_and_the_terminal_hide_nothing():
    """One set in three places; tabs and ends of lines are what a page is laid out by."""
    source = Path(__file__).parent.parent / "web" / "src" / "seen.ts"
    own, served = (
        re.search(r"const UNSEEN = /(.+)/gu;", text)
        for text in (asset("dom.js"), source.read_text(encoding="utf-8"))
    )
    assert own is not None and served is not None and own[1] == served[1]
    shown = re.compile(re.sub(r"\\u\{(\w+)\}", r"\\U000\1", own[1]))
    for code in (*range(0x10000), *range(0xE0000, 0xE0080)):
        character = chr(code)
        is_shown = shown.match(character) is not None
        assert is_shown == (one_line(character) != character and character not in "\t\n\r"), code


def test_keys_and_home_folders_stay_at_home(page: Page):
    attempts, text = page.texts(0)
    reply = text(attempts[0][0]["steps"][0]["reply"])
    assert KEY not in reply and HIDDEN in reply
    assert reply.endswith("~/keys")


def test_no_label_of_a_run_is_left_as_it_is(tmp_path: Path):
    """Tags, ids and defects come from whoever made the problems."""
    run = written_run(tmp_path / "run", [AC, WA])
    file = run / "problems.jsonl"
    for label in ('"graphs"', '"dp"'):
        file.write_text(file.read_text().replace(label, f'"{KEY}"'))
    assert KEY in file.read_text()
    page = tmp_path / "page.html"
    write_page([open_run(run)], page, parse.confidence)
    shown = Page(page)
    assert HIDDEN in json.dumps(shown.overview["rows"]) and HIDDEN in json.dumps(
        shown.overview["runs"][0]["metrics"]["tags"]
    )
    assert KEY not in page.read_text()


def test_a_paragraph_of_many_problems_is_kept_once(page: Page):
    shared = page.inflated("shared")
    assert shared.count(INSTRUCTION) == 1
    own = [page.inflated(f"t{place}")["texts"] for place in range(len(page.overview["rows"]))]
    assert sum(texts.count(INSTRUCTION) for texts in own) == 3
    assert all(len(set(texts)) == len(texts) for texts in own)


@given(st.lists(st.lists(st.text("ab\n", max_size=12), max_size=4), max_size=6))
def test_any_texts_come_back(problems: list[list[str]]):
    shared = SharedTexts()
    for said in problems:
        texts = Texts(shared)
        kept = [texts.add(text) for text in said]
        shared.leave(texts.paragraphs)
        for places, text in zip(kept, said, strict=True):
            paragraphs = [
                shared.paragraphs[-1 - n] if n < 0 else texts.paragraphs[n] for n in places
            ]
            assert BREAK.join(paragraphs) == text


def test_runs_of_one_name_are_told_apart(tmp_path: Path):
    runs = [written_run(tmp_path / place / "r", [AC]) for place in ("old", "new")]
    page = page_of(tmp_path / "page.html", *runs)
    assert [run["name"] for run in page.overview["runs"]] == ["old/r", "new/r"]


def test_settings_that_differ_are_said(tmp_path: Path):
    first = written_run(tmp_path / "a", [AC])
    second = written_run(tmp_path / "b", [AC], traversal={"k": 1})
    page = page_of(tmp_path / "page.html", first, second)
    assert page.overview["systems"]["tests"][0]["duel"]["settings"] == ["traversal.k: 3 → 1"]


def test_systems_stand_on_the_page_as_the_terminal_tells_them(tmp_path: Path):
    """Seeds pooled, each system against the first, p values corrected for their number."""
    written_run(tmp_path / "base", [WA] * 7)
    written_run(tmp_path / "one", [AC] * 6 + [WA])
    written_run(tmp_path / "two", [AC] * 7, traversal={"seed": 1})
    written_run(tmp_path / "other", [AC] * 3 + [WA] * 4)
    names = ("base", "one+two", "other")
    done = mapcoder(tmp_path, "report", *names, "--html", "page.html")
    assert done.code == 0, done.stderr
    found = Page(tmp_path / "page.html").overview["systems"]
    assert (found["names"], found["numRuns"]) == (list(names), [1, 2, 1])
    cells = [[cell for row in block["rows"] for cell in row] for block in tables_of(found)]
    assert [block["title"] for block in tables_of(found)] == [
        *("pass@1 on the hidden tests", "pass@k on the hidden tests"),
        *("costs of a problem, and of a solved one", "against base"),
    ]
    printed = done.stdout.split()
    assert all(word in printed for row in cells for cell in row for word in cell.split())
    (pooled, alone) = found["tests"]
    assert (pooled["second"], pooled["duel"]["raw"]["num_problems"]) == ("one+two", 7)
    assert pooled["duel"]["raw"]["p"] == sign_flip([2] * 6 + [1])
    ps = [pooled["duel"]["raw"]["p"], alone["duel"]["raw"]["p"]]
    assert [pooled["p"], alone["p"]] == [
        [f"{p:.3g}", f"{corrected:.3g}"] for p, corrected in zip(ps, holm(ps), strict=True)
    ]
    assert pooled["p"] == ["0.0156", "0.0312"]


def tables_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [block for block in found["blocks"] if isinstance(block, dict)]


def test_a_comparison_of_two_has_its_page_too(tmp_path: Path):
    written_run(tmp_path / "a", [WA] * 6)
    written_run(tmp_path / "b", [AC] * 6)
    done = mapcoder(tmp_path, "compare", "a", "b", "--html", "page.html", "--json")
    (test,) = Page(tmp_path / "page.html").overview["systems"]["tests"]
    assert test["duel"]["raw"]["p"] == json.loads(done.stdout)["duel"]["raw"]["p"] == 1 / 32
    assert test["p"] == ["0.0312", "0.0312"]


def test_a_funnel_is_drawn_where_an_audit_lies(tmp_path: Path):
    run = written_run(tmp_path / "r", [AC])
    assert page_of(tmp_path / "page.html", run).overview["runs"][0]["funnel"] is None
    stage = {"name": "problems", "unit": "problems", "count": 3, "parts": {}}
    audit = {"dataset": "d", "funnel": {"stages": [stage]}, "tags": {}}
    (run / "audit.json").write_text(json.dumps(audit))
    funnel = page_of(tmp_path / "page.html", run).overview["runs"][0]["funnel"]
    assert funnel == {
        "dataset": "d",
        "stages": [{"name": "problems", "unit": "problems", "count": 3}],
    }


def test_an_attribution_is_drawn_where_it_lies_and_told_from_an_older_one(tmp_path: Path):
    run = written_run(tmp_path / "r", [AC, WA])
    table = attributed(run)
    found = page_of(tmp_path / "page.html", run).overview["runs"][0]["attribution"]
    shares = {role["role"]: role["share"]["mean"] for role in found["roles"]}
    assert shares == {"retrieval": 0, "planning": 0, "coding": 5 / 6, "debugging": 0}
    assert found["isCurrent"] and found["teacher"] == f"key {HIDDEN}"
    write_record(run / "attribution.json", table.model_copy(update={"trajectories": "older"}))
    found = page_of(tmp_path / "page.html", run).overview["runs"][0]["attribution"]
    assert not found["isCurrent"]


def test_failures_and_confidences_are_counted_as_attempts_are_packed(page: Page):
    first = page.overview["runs"][0]
    assert (first["failures"]["num_graded"], first["failures"]["num_failed"]) == (10, 6)
    assert first["calibration"]["hidden"]["num_plans"] == 8
    classes = [row["runs"][0][0]["failure"] for row in page.overview["rows"][:5]]
    assert classes == [None, "overfitted", "over_limits", "unreadable", None]


def test_one_id_of_two_problems_is_no_one_row(tmp_path: Path):
    first = written_run(tmp_path / "a", [AC, WA], titles=["One", "Two"])
    second = written_run(tmp_path / "b", [AC, WA], titles=["One", "Another"])
    page = page_of(tmp_path / "page.html", first, second)
    assert [row["isOne"] for row in page.overview["rows"]] == [True, False]


def test_days_that_were_not_asked_for_are_not_in_the_page(tmp_path: Path):
    run = written_run(tmp_path / "r", [AC, WA, AC], dates=["2024-01-01", "2025-01-01", None])
    opened = open_run(run, Window(since=date(2024, 6, 1)))
    write_page([opened], tmp_path / "page.html", parse.confidence)
    assert [row["id"] for row in Page(tmp_path / "page.html").overview["rows"]] == ["p1"]


@pytest.mark.parametrize("words", [Verdict, StopReason, FailureClass, CallKind])
def test_the_script_has_words_for_everything(words: type[Enum]):
    source = "".join(map(asset, SCRIPTS))
    missing = [word for word in words if not re.search(rf"^  {word.value}: ", source, re.M)]
    assert missing == []


def test_a_damaged_line_leaves_the_old_page(tmp_path: Path):
    run = written_run(tmp_path / "r", [AC, WA])
    page = tmp_path / "page.html"
    page.write_text("old")
    opened = open_run(run)
    lines = (run / "trajectories.jsonl").read_text().splitlines()
    damaged = lines[1].replace('"kind":"coding"', '"kind":"singing"')
    (run / "trajectories.jsonl").write_text(f"{lines[0]}\n{damaged}\n")
    with pytest.raises(StoreError, match="not a Trajectory"):
        write_page([opened], page, parse.confidence)
    assert page.read_text() == "old"
    assert [path.name for path in tmp_path.glob("page*")] == ["page.html"]


def test_the_command_writes_the_page(tmp_path: Path):
    written_run(tmp_path / "r", [AC, WA])
    done = mapcoder(tmp_path, "report", "r", "--html", "page.html")
    assert done.code == 0, done.stderr
    assert "written: page.html" in done.stderr
    assert len(Page(tmp_path / "page.html").overview["rows"]) == 2


def test_no_page_of_a_judge_that_failed_its_self_test(tmp_path: Path):
    written_run(tmp_path / "r", [AC], is_trusted=False)
    done = mapcoder(tmp_path, "report", "r", "--html", "page.html")
    assert done.code == 5
    assert not (tmp_path / "page.html").exists()
