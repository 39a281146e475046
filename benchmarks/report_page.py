"""How long the page of a large run takes: written by us, opened and filtered by Chromium.

    PYTHONPATH=src:tests python benchmarks/report_page.py [PROBLEMS]

The run is made up: 11 calls and two trials a problem, with replies of some 1,500 characters.
Processor time is given beside the clock's, which a busy machine lengthens.
Chromium and playwright must be there for the second half.
"""

import resource
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from mapcoder_lite.agents import parse
from mapcoder_lite.evaluation.page.writing import write_page
from mapcoder_lite.evaluation.run_files import open_run
from mapcoder_lite.trajectory import CallKind
from mapcoder_lite.verdict import Verdict
from page_browser import TabClock, chromium, opened_page, page_address
from page_run import say, written_run

WORDS = ("take", "every", "pair", "of", "numbers", "whose", "sum", "is", "even", "and", "largest")
VERDICTS = (Verdict.AC, Verdict.WA, Verdict.AC, Verdict.TLE)
STEPS = {
    "text filtered": "const f = document.getElementById('filter'); f.value = 'problem 77';"
    "f.dispatchEvent(new Event('input'));",
    "verdict filtered": "const v = document.getElementById('verdict'); v.value = '0:WA';"
    "v.dispatchEvent(new Event('change'));",
    "problem opened": "document.querySelector('.row').click();"
    "while (!document.querySelector('.step')) await new Promise((r) => setTimeout(r, 1));",
}


def speak(kind: CallKind, problem_id: str) -> str:
    """A reply that no other problem has."""
    if kind is CallKind.CONFIDENCE:
        return say(kind, problem_id)
    seed = int(problem_id[1:]) + len(kind.value)
    words = [f"{WORDS[n * seed % len(WORDS)]}{n * seed % 977}" for n in range(220)]
    return "\n".join(" ".join(words[n : n + 11]) for n in range(0, 220, 11))


def main(num_problems: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        verdicts = list(islice(cycle(VERDICTS), num_problems))
        run = written_run(Path(folder) / "run", verdicts, speak=speak, plans=4)
        size = sum(path.stat().st_size for path in run.iterdir()) / 1e6
        print(f"{num_problems} problems, {size:.0f} MB of records")
        clock, processor = time.perf_counter(), time.process_time()
        page = Path(folder) / "page.html"
        write_page([open_run(run)], page, parse.confidence)
        clock, processor = time.perf_counter() - clock, time.process_time() - processor
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = page.stat().st_size / 1e6
        print(f"written: {clock:.1f} s, {processor:.1f} s of CPU, {memory:.0f} MiB; {size:.1f} MB")
        with chromium() as browser, opened_page(browser) as tab:
            browse(tab, page)


def browse(tab: Any, page: Path) -> None:
    watch = TabClock(tab)
    clock = time.perf_counter()
    tab.goto(page_address(page, "#problems"))
    tab.wait_for_selector(".row")
    print(f"opened: {time.perf_counter() - clock:.2f} s, {watch.seconds():.2f} s of CPU")
    for name, script in STEPS.items():
        clock, before = time.perf_counter(), watch.seconds()
        tab.evaluate(f"async () => {{ {script} }}")
        after = watch.seconds()
        print(f"{name}: {time.perf_counter() - clock:.2f} s, {after - before:.3f} s of CPU")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
