"""Ctrl-C and its like during `mapcoder judge`: an end at once that says how far it came."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from mapcoder_lite.errors import SandboxError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.languages import TOOLCHAINS, missing_tools
from mapcoder_lite.judge.sandbox import Tier
from mapcoder_lite.problem import Checker, Language, Limits, Test
from process_tree import descendants, inheriting_orphans, settles
from test_cli_main import SOURCE

SUM = "print(sum(map(int, input().split())))"
LOOP = "while True: pass"
SLOW_TO_COMPILE = """
constexpr long f(long n) {
    long s = 0;
    for (long i = 0; i < n; i++) for (long j = 0; j < n; j++) s += i * j % 7;
    return s;
}
template <int n> struct A { static constexpr long value = f(1200 + n); };
int main() { return A<1>::value + A<2>::value + A<3>::value + A<4>::value > 1; }
"""
LOOPS = {
    Language.PYTHON: LOOP,
    Language.JAVASCRIPT: "for (;;) ;",
    Language.CPP: SLOW_TO_COMPILE,
}
PATIENT = Limits(cpu_seconds=60.0)
SECONDS = 4.0
"""It takes less than 1 on a machine without other work."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the sandbox's user may enter, with nothing in it but what is asked for."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def present(language: Language) -> Language:
    if missing := missing_tools(TOOLCHAINS[language]):
        pytest.skip(f"{', '.join(missing)} not found")
    return language


def write_inputs(folder: Path, language: Language) -> None:
    tests = [{"input": "1 2", "outputs": ["3"]}]
    limits = {"cpu_seconds": PATIENT.cpu_seconds}
    problem = {"id": "add", "statement": "s", "public_tests": tests, "limits": limits}
    (folder / "add.json").write_text(json.dumps(problem))
    loops = [{"program": LOOPS[language] + " " * n, "language": language.value} for n in range(20)]
    rows = [{"program": SUM}, *loops]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@contextlib.contextmanager
def judging(folder: Path, *words: str) -> Generator[subprocess.Popen[str]]:
    """A command in a process group of its own, as a shell makes one, once its first row is out."""
    (folder / "tmp").mkdir(mode=0o755)
    more = {"PYTHONPATH": SOURCE, "TMPDIR": str(folder / "tmp"), "HOME": str(folder)}
    command = [sys.executable, "-m", "mapcoder_lite", "judge", "rows.jsonl", "add.json", *words]
    with inheriting_orphans():
        process = subprocess.Popen(
            [*command, "--jobs", "2", "-s", "judge.speed_factor=1"],
            cwd=folder,
            env={**os.environ, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("tier", ["bubblewrap", "landlock"])
@pytest.mark.parametrize("language", LOOPS)
def test_ctrl_c_ends_it_at_once_and_leaves_nothing(folder: Path, language: Language, tier: Tier):
    write_inputs(folder, present(language))
    others = set(descendants(os.getpid()))  # of tests before
    with judging(folder, "-s", f"judge.tier={tier}") as process:
        assert process.stdout is not None
        said = [process.stdout.readline(), process.stdout.readline()]
        time.sleep(0.5)  # the others are at work
        before = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.01)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)  # whoever is in doubt presses it twice
        _, errors = process.communicate(timeout=60)
        taken = time.monotonic() - before
        assert "AC" in said[1]
        assert errors.splitlines()[-1] == (
            "stopped by SIGINT: the first 1 of 21 were judged: 1 programs: AC 1"
        )
        assert process.returncode == 130
        assert taken < SECONDS
        assert settles(lambda: set(descendants(os.getpid())) <= others)
        assert list((folder / "tmp").iterdir()) == []


def test_sigterm_does_the_same(folder: Path):
    write_inputs(folder, Language.PYTHON)
    with judging(folder, "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["judgement"]["verdict"] == "AC"
        process.terminate()
        out, errors = process.communicate(timeout=60)
        assert (process.returncode, out) == (143, "")
        assert "stopped by SIGTERM: the first 1 of 21 were judged" in errors


def test_a_cancelled_judge_raises_and_says_so():
    tests = (Test(input="", outputs=("",)),)
    met: list[BaseException] = []

    def ask() -> None:
        with pytest.raises(SandboxError, match="the judge was cancelled") as refusal:
            judge.judge(LOOP, Language.PYTHON, tests, limits=PATIENT, checker=Checker())
        met.append(refusal.value)

    with SandboxJudge(2) as judge:
        threads = [threading.Thread(target=ask) for _ in range(6)]  # more than there are workers
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        before = time.monotonic()
        judge.cancel()
        judge.cancel()
        for thread in threads:
            thread.join(timeout=30)
        assert time.monotonic() - before < SECONDS
        assert len(met) == 6
        ask()
    assert len(met) == 7
