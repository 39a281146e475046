"""How long the page of a large run takes: written by us, opened and filtered by Chromium.

    PYTHONPATH=src:tests python benchmarks/report_page.py [PROBLEMS]

The run is made up: 8 calls and two trials a problem, with prompts and replies of a real one's length.
Chromium and playwright must be there for the second half.
"""

import resource
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from mapcoder_lite.evaluation.page.writing import write_page
from mapcoder_lite.evaluation.run_files import open_run
from mapcoder_lite.trajectory import CallKind
from mapcoder_lite.verdict import Verdict
from page_browser import chromium, opened_page, page_address
from page_run import written_run

WORDS = [
    "take",
    "every",
    "pair",
    "of",
    "numbers",
    "whose",
    "sum",
    "is",
    "even",
    "and",
    "keep",
    "the",
    "largest",
    "one",
    "for",
    "each",
    "row",
]


def speak(kind: CallKind, problem_id: str) -> str:
    """A reply of some 1,500 characters that no other problem has."""
    start = sum(map(ord, problem_id + kind.value)) % len(WORDS)
    words = [
        f"{word}{int(problem_id[1:]) * n % 977}"
        for n, word in zip(range(220), islice(cycle(WORDS), start, None))
    ]
    return "\n".join(" ".join(words[n : n + 11]) for n in range(0, 220, 11))


def main(num_problems: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        verdicts = list(islice(cycle((Verdict.AC, Verdict.WA, None, Verdict.TLE)), num_problems))
        run = written_run(Path(folder) / "run", verdicts, speak=speak)
        size = sum(path.stat().st_size for path in run.iterdir())
        print(f"{num_problems} problems, {size / 1e6:.0f} MB of records")
        begin = time.perf_counter(), time.process_time()
        page = Path(folder) / "page.html"
        write_page([open_run(run)], page)
        wall, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"written in {wall:.1f} s ({cpu:.1f} s of CPU), {memory:.0f} MiB, {page.stat().st_size / 1e6:.1f} MB"
        )
        browse(page)


def browse(page: Path) -> None:
    with chromium() as browser, opened_page(browser) as tab:
        begin = time.perf_counter()
        tab.goto(page_address(page, "#problems"))
        tab.wait_for_selector(".row")
        print(f"opened in {time.perf_counter() - begin:.2f} s")
        for step in ("filter", "verdict", "problem"):
            print(f"{step}: {timed(tab, step):.0f} ms")


def timed(tab: object, step: str) -> float:
    """Milliseconds from the event to the frame after what it changed."""
    scripts = {
        "filter": "const f = document.getElementById('filter'); f.value = 'problem 77'; f.dispatchEvent(new Event('input'));",
        "verdict": "const v = document.getElementById('verdict'); v.value = '0:WA'; v.dispatchEvent(new Event('change'));",
        "problem": "document.querySelector('.row').click();",
    }
    waits = {
        "problem": "while (!document.querySelector('.step')) await new Promise((r) => setTimeout(r, 1));"
    }
    return tab.evaluate(
        f"async () => {{ const begin = performance.now(); {scripts[step]} {waits.get(step, '')}"
        "await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));"
        "return performance.now() - begin; }"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
