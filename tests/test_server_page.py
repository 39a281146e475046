"""The built page: it is what web/ makes, small, and asks nobody but its own service."""

import gzip
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from mapcoder_lite.server.page import BUILT
from source_tree import ROOT

MAX_GZIP_BYTES = 250_000
SHARED = ROOT / "src/mapcoder_lite/evaluation/page"
ROOT_FILES = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")


def sources() -> set[Path]:
    web = ROOT / "web"
    return {
        *(web / name for name in ROOT_FILES),
        *(path for path in (web / "src").rglob("*") if path.is_file()),
        SHARED / "page.css",
        SHARED / "trajectory.css",
    }


def built() -> list[Path]:
    return [BUILT / "index.html", *sorted((BUILT / "assets").iterdir())]


def test_it_was_built_from_these_sources() -> None:
    lines = (BUILT / "sources.txt").read_text().splitlines()
    recorded = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = {
        path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sources()
    }
    stale = sorted(name for name, _ in recorded.items() ^ found.items())
    assert not stale, f"run `make web`: {sorted(set(stale))} changed since the page was built"


def zipped(paths: Iterable[Path]) -> int:
    return sum(len(gzip.compress(path.read_bytes())) for path in paths)


def test_the_page_is_small_and_its_first_view_draws_no_plot() -> None:
    named = re.findall(r'"/(assets/[\w.-]+)"', (BUILT / "index.html").read_text())
    first = [BUILT / "index.html", *(BUILT / name for name in named)]
    plots = [path for path in built() if "uplot" in path.read_text(encoding="utf-8")]
    assert {path.suffix for path in plots} == {".js", ".css"}
    assert sorted(first + plots) == sorted(built())
    assert zipped(built()) < MAX_GZIP_BYTES


@pytest.mark.parametrize("path", built(), ids=lambda path: path.suffix)
def test_it_names_no_other_host(path: Path) -> None:
    hosts = set(re.findall(r"(?:https?:)?//([\w-]+\.[\w.-]+)", path.read_text(encoding="utf-8")))
    assert hosts <= {"www.w3.org"}, hosts  # names of markup, which are not fetched


def test_its_script_never_reads_text_as_markup() -> None:
    ways = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySet|document\.write|eval\("
    )
    texts = {path: path.read_text(encoding="utf-8") for path in sources() if "src" in path.parts}
    assert [path.name for path, text in texts.items() if ways.search(text)] == []
