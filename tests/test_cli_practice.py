"""`mapcoder hint` and `mapcoder debug`: the agents help a person, no more than they are asked."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from mapcoder_lite.cli.engines import has_pocket_weights
from mapcoder_lite.events import Teller
from mapcoder_lite.pipeline import debug_task, work_on
from mapcoder_lite.pocket.problems import Puzzle
from mapcoder_lite.pocket.words import Wording
from mapcoder_lite.pocket.world import problem_set
from mapcoder_lite.practice import guard, hints
from mapcoder_lite.practice.guard import Guard
from mapcoder_lite.problem import Problem, Source
from mapcoder_lite.trajectory import Completion, Request, StopReason, Watch
from mapcoder_lite.traversals.attempt import Dials
from test_cli_main import Done, mapcoder

JUDGE = ("-s", "judge.workers=1", "-s", "judge.speed_factor=1")
TEACHER = (*JUDGE, "-s", "engine.kind=teacher", "-s", "engine.mistakes=0")
CLUMSY = (*JUDGE, "-s", "engine.kind=teacher", "-s", "engine.mistakes=100")


@pytest.fixture(scope="module")
def puzzle() -> Puzzle:
    return next(islice(problem_set("test"), 1))


@pytest.fixture
def folder(tmp_path: Path, puzzle: Puzzle) -> Path:
    """A problem, its right program and one with a mistake."""
    (tmp_path / "p.json").write_text(puzzle.problem.model_dump_json())
    (tmp_path / "right.py").write_text(puzzle.draft.program + "\n")
    (tmp_path / "wrong.py").write_text(mistaken(puzzle) + "\n")
    return tmp_path


def mistaken(puzzle: Puzzle) -> str:
    choices = puzzle.family.mistake(puzzle.choices, Random(1))
    return puzzle.family.write(choices, Wording(Random(0))).program


def hint(folder: Path, *words: str, engine: tuple[str, ...] = TEACHER) -> Done:
    return mapcoder(folder, "hint", "p.json", *words, *engine)


def test_the_first_hint_names_the_kind_and_costs_one_call(folder: Path, puzzle: Puzzle):
    done = hint(folder)
    assert done.code == 0, done.stderr
    kind, _, idea = puzzle.family.algorithm.partition(": ")
    assert done.stdout == f"kind:\n    {kind}\n"
    assert idea not in done.stdout + done.stderr
    assert "1 calls" in done.stderr


def test_each_level_adds_a_rung_and_nothing_is_asked_twice(folder: Path, puzzle: Puzzle):
    done = hint(folder, "--level", "4", "--json")
    assert done.code == 0, done.stderr
    rungs = json.loads(done.stdout)
    assert [rung["rung"] for rung in rungs] == ["kind", "idea", "plan", "program"]
    assert rungs[1]["text"].startswith(puzzle.family.algorithm)
    assert puzzle.draft.plan[0] in rungs[2]["text"]
    assert rungs[3] == {"rung": "program", "text": puzzle.draft.program, "stop": "solved"}
    shorter = json.loads(hint(folder, "--level", "3", "--json").stdout)
    assert shorter == rungs[:3]


def test_replies_that_cannot_be_read_end_the_ladder(folder: Path):
    done = hint(folder, "--level", "3", engine=CLUMSY)
    assert done.code == 4
    assert "kind: the model's replies could not be read, twice" in done.stderr
    assert done.stdout == ""


def test_whoever_takes_no_more_pays_for_no_more(puzzle: Puzzle):
    """The last rung replays what the first ones were told; judged by a judge that is not there."""
    asked: list[Request] = []

    class Telling:
        identity = "telling"

        def complete(self, requests: list[Request], watch: Watch | None = None) -> list[Completion]:
            asked.extend(requests)
            return [Completion(text=self._text(r), finish_reason="stop") for r in requests]

        def _text(self, request: Request) -> str:
            question = request.messages[-1].content
            if question.startswith("Recall"):
                exemplar = "<problem><description>d</description><planning>p</planning></problem>"
                return f"<root>{exemplar}<algorithm>greedy: take the best</algorithm></root>"
            if question.startswith("Check"):
                return "<root><explanation>e</explanation><confidence>50</confidence></root>"
            return "1. Print 1."

        def close(self) -> None:
            pass

    rungs = hints.climb(puzzle.problem, Telling(), _NoJudge(), Dials(k=1), Teller(lambda *_: None))
    assert (next(rungs).text, len(asked)) == ("greedy", 1)
    assert (next(rungs).text, len(asked)) == ("greedy: take the best\n\nA similar problem: d", 1)
    assert (next(rungs).text, len(asked)) == ("1. Print 1.", 3)
    last = next(rungs)
    assert last.trajectory is not None and last.trajectory.stop is StopReason.NO_PROGRAM
    assert len(asked) == 5  # a program was asked for twice; all else was known
    assert len({request.key for request in asked}) == 5


class _NoJudge:
    """Of programs that never come."""

    @property
    def isolation(self) -> None:
        raise AssertionError

    def judge(self, *args: object, **more: object) -> None:
        raise AssertionError

    def close(self) -> None:
        raise AssertionError


def debug(folder: Path, *words: str, engine: tuple[str, ...] = TEACHER) -> Done:
    return mapcoder(folder, "debug", *words, "p.json", *engine)


def test_a_wrong_program_is_corrected_and_its_file_left_alone(folder: Path, puzzle: Puzzle):
    before = (folder / "wrong.py").read_text()
    done = debug(folder, "wrong.py")
    assert done.code == 0, done.stderr
    assert done.stdout == puzzle.draft.program + "\n"
    assert (folder / "wrong.py").read_text() == before
    for line in ("your program:", "test   1  ", "round 1: the agent answers", "after round 1:"):
        assert line in done.stderr
    changed = [line for line in done.stderr.splitlines() if line.startswith(("  +", "  -"))]
    assert changed
    assert "solved on samples after 1 rounds" in done.stderr


def test_a_program_that_passes_is_asked_nothing_about(folder: Path, puzzle: Puzzle):
    done = debug(folder, "right.py", "--json")
    assert done.code == 0, done.stderr
    trajectory = json.loads(done.stdout)
    assert (len(trajectory["steps"]), trajectory["program"]) == (1, puzzle.draft.program + "\n")
    assert "nothing to debug" in done.stderr


def test_where_nothing_helps_the_users_own_program_comes_back(folder: Path):
    done = debug(folder, "wrong.py", "-s", "traversal.t=0")
    assert done.code == 1, done.stderr
    assert done.stdout == (folder / "wrong.py").read_text()
    assert "NOT solved in 0 rounds; yours is printed" in done.stderr


def test_only_the_debugging_agent_is_asked(puzzle: Puzzle):
    roles: list[str | None] = []

    class Idle:
        identity = "idle"

        def complete(self, requests: list[Request], watch: Watch | None = None) -> list[Completion]:
            roles.extend(request.adapter for request in requests)
            return [Completion(text="no program", finish_reason="stop") for _ in requests]

        def close(self) -> None:
            pass

    from mapcoder_lite.judge.judge import SandboxJudge

    with SandboxJudge(1) as judge:
        found = work_on(debug_task("print(0)"), puzzle.problem, Idle(), judge, Dials())
    assert roles == ["debugging", "debugging"]
    assert (found.stop, found.program) == (StopReason.EXHAUSTED, "print(0)")


@pytest.mark.slow
@pytest.mark.skipif(not has_pocket_weights(), reason="the pocket weights are not here")
def test_the_packaged_weights_give_hints_and_debug(folder: Path, puzzle: Puzzle):
    pocket = (*JUDGE, "-s", "engine.kind=pocket", "-s", "engine.num_threads=1")
    done = hint(folder, "--level", "2", "-s", "traversal.k=1", engine=pocket)
    assert done.code == 0, done.stderr
    assert puzzle.family.algorithm in done.stdout
    done = debug(folder, "wrong.py", "-s", "traversal.t=1", engine=pocket)
    assert (done.code, done.stdout) == (0, puzzle.draft.program + "\n"), done.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://atcoder.jp/contests/abc380/tasks/abc380_a", "abc380 is of AtCoder"),
        ("https://atcoder.jp/contests/arc190/tasks/arc190_b", "generative AI is banned"),
        ("https://atcoder.jp/contests/agc070/tasks/agc070_a", "contest agc070 at atcoder.jp"),
        ("https://codeforces.com/contest/954/problem/G", "contest 954 at codeforces.com"),
        ("https://codeforces.com/gym/100001/problem/A", "contest 100001"),
        ("https://codeforces.com/problemset/problem/954/G", None),
        ("https://open.kattis.com/problems/hello", None),
        ("http://[", None),
        (None, None),
    ],
)
def test_the_guard_says_what_an_address_shows(url: str | None, said: str | None):
    found = guard.warning(url)
    assert found is None if said is None else (said in (found or ""))
    assert found is None or "known here" in found  # never that help is allowed


@pytest.mark.parametrize("verb", ["hint", "debug"])
def test_a_blocking_guard_asks_no_model(folder: Path, puzzle: Puzzle, verb: str):
    source = Source(name="c", url="https://atcoder.jp/contests/abc380/tasks/abc380_a")
    problem = puzzle.problem.model_copy(update={"source": source})
    (folder / "p.json").write_text(problem.model_dump_json())
    ask: Callable[..., Done] = hint if verb == "hint" else debug
    words = ("wrong.py",) if verb == "debug" else ()
    done = ask(folder, *words, "--guard", "block", engine=("-s", "engine.kind=openai"))
    assert done.code == 8
    assert "no model was asked" in done.stderr
    assert done.stdout == ""


def test_a_guard_that_is_off_says_nothing():
    source = Source(name="c", url="https://atcoder.jp/contests/abc380/tasks/abc380_a")
    problem = Problem(id="a", statement="s", source=source)
    assert guard.heed(problem, Guard.OFF) is None
    assert "abc380" in (guard.heed(problem, Guard.WARN) or "")


def test_a_program_of_no_known_language_is_refused(folder: Path):
    (folder / "wrong.txt").write_text("print(1)")
    done = debug(folder, "wrong.txt")
    assert (done.code, "no language has the suffix" in done.stderr) == (6, True)
