"""`mapcoder listen`: what the extension sends becomes files; the rest is asked for."""

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from mapcoder_lite.cli import budget, engines, options
from mapcoder_lite.cli.engines import has_pocket_weights
from mapcoder_lite.cli.listen import Desk, Solver
from mapcoder_lite.data.companion import cph_path
from mapcoder_lite.data.load import load_problem
from mapcoder_lite.errors import BudgetSpent
from mapcoder_lite.pocket.world import problem_set
from mapcoder_lite.practice.guard import Guard
from mapcoder_lite.practice.inbox import Inbox
from mapcoder_lite.practice.receiver import Receiver
from mapcoder_lite.problem import Problem
from test_cli_main import SOURCE, Done, mapcoder
from test_data_single import COMPANION, STATEMENT

CONTEST = COMPANION | {"url": "https://atcoder.jp/contests/abc380/tasks/abc380_a"}
PATIENCE_SECONDS = 240.0
"""A busy machine may take a minute to load the weights."""
SCRIPTED = ("judge.workers=1", "judge.speed_factor=1", "engine.kind=teacher")
SCRIPT = tuple(word for setting in SCRIPTED for word in ("-s", setting))
"""An engine that is quickly opened, and never asked here."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


def post(port: int, body: dict[str, Any]) -> None:
    """Send a problem as soon as somebody listens."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                assert answer.status == 200
            return
        except urllib.error.URLError:
            assert time.monotonic() < until
            time.sleep(0.05)


def listen(folder: Path, body: dict[str, Any], *words: str) -> Done:
    """Have one problem received."""
    port = free_port()
    sender = threading.Thread(target=post, args=(port, body))
    sender.start()
    try:
        return mapcoder(folder, "listen", "--once", "--port", str(port), *words)
    finally:
        sender.join()


def test_a_problem_becomes_files_and_no_model_is_asked(tmp_path: Path):
    (tmp_path / "castle.txt").write_text(STATEMENT)
    done = listen(tmp_path, COMPANION, "--statement", "castle.txt", "-s", "engine.kind=openai")
    assert done.code == 0, done.stderr
    path = tmp_path / "G.-Castle-Defence.json"
    cph = cph_path(tmp_path.resolve() / "G.-Castle-Defence.py")
    assert done.stdout.splitlines() == [path.name, str(cph)]
    problem = load_problem(path)
    assert (problem.title, problem.statement) == ("G. Castle Defence", "Guard it.")
    assert path.with_suffix(".md").read_text() == STATEMENT
    shown = json.loads(cph.read_text())
    assert (shown["srcPath"], shown["tests"][0]["input"]) == (
        str(tmp_path.resolve() / "G.-Castle-Defence.py"),
        "5\n",
    )
    assert "mapcoder hint G.-Castle-Defence.json" in done.stderr


def test_without_a_statement_it_is_said_where_to_put_it(tmp_path: Path):
    done = listen(tmp_path, COMPANION, "--solve", *SCRIPT)
    assert done.code == 1, done.stderr
    assert "put the problem's text into G.-Castle-Defence.md" in done.stderr
    assert not (tmp_path / "G.-Castle-Defence.py").exists()
    (tmp_path / "G.-Castle-Defence.md").write_text(STATEMENT)
    done = listen(tmp_path, COMPANION, "--json", "-s", "run.language=cpp")
    assert "G.-Castle-Defence.md, there already" in done.stderr
    said = json.loads(done.stdout)
    assert said["problem"] == "G.-Castle-Defence.json"
    assert ".cpp_" in said["files"][-1]


def test_a_statement_that_cannot_be_read_is_kept_to_be_mended(tmp_path: Path):
    (tmp_path / "G.-Castle-Defence.md").write_text("## Interaction\n\nTalk.\n")
    done = listen(tmp_path, COMPANION)
    assert done.code == 0, done.stderr
    assert "interactive" in done.stderr and "mend it" in done.stderr
    assert (tmp_path / "G.-Castle-Defence.json").exists()


@pytest.mark.parametrize(("guard", "is_warned"), [("warn", True), ("off", False)])
def test_a_contests_problem_comes_with_its_rule(tmp_path: Path, guard: str, is_warned: bool):
    done = listen(tmp_path, CONTEST, "--guard", guard)
    assert done.code == 0, done.stderr
    assert ("generative AI is banned" in done.stderr) is is_warned
    assert (tmp_path / "abc380_a.json").exists()


@pytest.mark.parametrize(
    ("guard", "code", "said"),
    [
        ("block", 8, "no model was asked"),
        ("warn", 3, "knows only the problems of `mapcoder pocket"),
    ],
)
def test_what_is_not_solved_is_said_and_the_problem_kept(
    tmp_path: Path, guard: str, code: int, said: str
):
    (tmp_path / "castle.txt").write_text(STATEMENT)
    words = ("--solve", "--statement", "castle.txt", "--guard", guard)
    done = listen(tmp_path, CONTEST, *words, *SCRIPT)
    assert (done.code, said in done.stderr) == (code, True), done.stderr
    assert load_problem(tmp_path / "abc380_a.json").statement == "Guard it."
    assert not (tmp_path / "abc380_a.py").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--statement", "nowhere.md"), 6, "cannot read nowhere.md"),
        (("--out", "file.md"), 6, "--out file.md is no folder"),
        (("--solve", "-s", "engine.kind=openai"), 2, "needs engine.model and engine.base_url"),
        (("--solve", "-s", "budget.dollars=1", *SCRIPT), 2, "price of every engine"),
        (("--guard", "maybe"), 2, ""),
    ],
)
def test_bad_input_is_said_before_anything_is_awaited(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
):
    (tmp_path / "file.md").write_text(STATEMENT)
    done = mapcoder(tmp_path, "listen", "--port", "0", *words)
    assert done.code == code
    assert said in done.stderr


def test_a_second_listener_says_who_has_the_port(tmp_path: Path):
    with Receiver(0, lambda fields: "") as first:
        done = mapcoder(tmp_path, "listen", "--port", str(first.port))
    assert done.code == 2
    assert f"`mapcoder listen` runs already on port {first.port}" in done.stderr


@contextmanager
def on_a_terminal(folder: Path, *words: str) -> Generator[tuple[subprocess.Popen[bytes], int]]:
    """The command with a terminal of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mapcoder_lite", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": SOURCE, "PATH": "/nowhere", "NO_COLOR": "1"},
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.communicate()
        os.close(ours)


def shown_until(terminal: int, words: str) -> str:
    """What the terminal shows up to some words."""
    text = ""
    until = time.monotonic() + PATIENCE_SECONDS
    while words not in text:
        assert time.monotonic() < until, text
        if select.select([terminal], [], [], 1.0)[0]:
            text += os.read(terminal, 4096).decode()
    return text


def test_a_statement_is_pasted_and_hostile_names_command_no_terminal(tmp_path: Path):
    port = free_port()
    body = COMPANION | {"name": "G. \x1b[2JCastle", "url": ""}
    with on_a_terminal(tmp_path, "listen", "--port", str(port), "--once") as (process, terminal):
        post(port, body)
        shown = shown_until(terminal, "> ")
        assert "\x1b[2J" not in shown and "␛[2JCastle" in shown
        assert "from the clipboard" not in shown  # no tool is on its path
        os.write(terminal, b"# Castle\n\nGuard it.\n\nTwice.\n.\n")
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    name = out.decode().splitlines()[0]
    assert load_problem(tmp_path / name).statement == "Guard it.\n\nTwice."


def test_a_line_that_a_terminal_may_have_cut_is_named(tmp_path: Path):
    port = free_port()
    with on_a_terminal(tmp_path, "listen", "--port", str(port), "--once") as (process, terminal):
        post(port, COMPANION)
        shown_until(terminal, "> ")
        os.write(terminal, b"Guard it.\n" + b"x" * 5000 + b"\n.\n")
        assert "its end may be missing" in shown_until(terminal, "clipboard or the file")
        process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0


def test_hints_come_one_by_one_to_who_asks_for_them(tmp_path: Path):
    problem = next(iter(problem_set("test"))).problem
    (tmp_path / "p.json").write_text(problem.model_dump_json())
    words = ("hint", "p.json", *SCRIPT, "-s", "engine.mistakes=0")
    with on_a_terminal(tmp_path, *words) as (process, terminal):
        shown_until(terminal, "enough: ")
        os.write(terminal, b"\n")
        shown_until(terminal, "enough: ")
        os.write(terminal, b"q\n")
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert [line for line in out.decode().splitlines() if line[:1].strip()] == ["kind:", "idea:"]


def test_ctrl_c_says_what_is_left_and_loses_nothing(tmp_path: Path):
    port = free_port()
    with on_a_terminal(tmp_path, "listen", "--port", str(port)) as (process, terminal):
        for number in range(3):
            post(port, COMPANION | {"name": f"P{number}", "url": f"https://e.org/{number}"})
        shown_until(terminal, "> ")
        process.send_signal(signal.SIGINT)
        shown = shown_until(terminal, "their files are written")
        assert process.wait(PATIENCE_SECONDS) == 130
    assert "stopped by SIGINT" in shown and "P0.json: stopped in the middle" in shown
    assert "2 problems that came were not gone through" in shown
    assert sorted(p.name for p in tmp_path.iterdir()) == ["P0.json", "P1.json", "P2.json"]


def test_a_spent_budget_leaves_the_best_attempt_beside_an_older_program(tmp_path: Path):
    problem = next(islice(problem_set("test"), 3, None)).problem
    sent = COMPANION | {
        "name": problem.title,
        "url": "",
        "tests": [{"input": t.input, "output": t.outputs[0]} for t in problem.public_tests],
    }
    words = ("engine.kind=teacher", "engine.mistakes=1", "traversal.k=1", "budget.calls=4")
    settings = options.resolve(None, [*words, "judge.workers=1", "judge.speed_factor=1"])
    inbox = Inbox(tmp_path)
    with (
        engines.opened_engine(settings, (problem,)) as engine,
        engines.opened_judge(settings) as judge,
    ):
        solver = Solver(settings, budget.bounding(settings)(engine), judge)
        desk = Desk(settings, Guard.OFF, solver, json=False)
        name = inbox.accept(sent)
        older = (tmp_path / name).with_suffix(".py")
        older.write_text("mine = 1\n")
        assert desk.handle(inbox.take(), as_page(problem)) == BudgetSpent.exit_code
        inbox.accept(sent)
        assert desk.handle(inbox.take(), as_page(problem)) == BudgetSpent.exit_code  # for all
    assert older.read_text() == "mine = 1\n"
    (best,) = set(tmp_path.glob("*.py")) - {older}
    assert best.name == f"{older.stem}-2.py"
    assert "print" in best.read_text()


@pytest.mark.slow
@pytest.mark.skipif(not has_pocket_weights(), reason="the pocket weights are not here")
def test_told_to_solve_it_writes_the_program_beside_an_older_one(tmp_path: Path):
    problem = next(iter(problem_set("test"))).problem
    (tmp_path / "statement.md").write_text(as_page(problem))
    sent = COMPANION | {
        "name": problem.title,
        "url": "",
        "tests": [{"input": t.input, "output": t.outputs[0]} for t in problem.public_tests],
    }
    (tmp_path / "The-Two-Smallest.py").write_text("mine = 1\n")
    words = ("--solve", "--statement", "statement.md", "-s", "engine.num_threads=1")
    done = listen(tmp_path, sent, *words, "-s", "judge.workers=1", "-s", "judge.speed_factor=1")
    assert done.code == 0, done.stderr
    assert "solved on samples" in done.stderr
    assert (tmp_path / "The-Two-Smallest.py").read_text() == "mine = 1\n"
    program = tmp_path / "The-Two-Smallest-2.py"
    judged = mapcoder(tmp_path, "judge", program.name, "The-Two-Smallest.json")
    assert judged.code == 0, judged.stdout
    assert cph_path(program.resolve()).exists()


def as_page(problem: Problem) -> str:
    return (
        f"# {problem.title}\n\n{problem.statement}\n\n## Input\n\n{problem.input_spec}\n\n"
        f"## Output\n\n{problem.output_spec}\n"
    )
