"""Money of a run: a budget that stops it, answers of earlier runs, what a dry run foretells."""

import json
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

import storm
from mapcoder_lite.agents.question import Manner, Question, ask
from mapcoder_lite.calls import CallStore, StoredCall
from mapcoder_lite.engine.replay import StoredEngine
from mapcoder_lite.errors import FormatError
from mapcoder_lite.evaluation.metrics import measure
from mapcoder_lite.jsonl import read_lines, write_lines
from mapcoder_lite.pocket.problems import puzzles
from mapcoder_lite.pocket.teacher import TeacherEngine
from mapcoder_lite.trajectory import Call, CallKind, Completion, Message, Sampling, Trajectory
from test_cli_main import Done, mapcoder

NUM_PROBLEMS = 3
PRICE = "engine.price={prompt = 1, completion = 4}"


class World:
    """A folder with problems, and a server that counts what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        known = list(islice(puzzles("train", 5), NUM_PROBLEMS))
        write_lines(folder / "problems.jsonl", [puzzle.problem for puzzle in known])
        write_lines(folder / "hidden_tests.jsonl", [puzzle.hidden for puzzle in known])
        self.storm = storm.Storm(TeacherEngine(known))

    def run(self, name: str, *settings: str, words: tuple[str, ...] = ()) -> Done:
        self.storm.begin()
        url = self.storm.server.url
        chosen = storm.settings(url, self.folder, "judge.workers=1", *settings)
        return mapcoder(self.folder, "run", "--name", name, *chosen, *words)

    def path(self, name: str) -> Path:
        return self.folder / "runs" / name

    def calls(self, name: str) -> list[StoredCall]:
        return list(read_lines(self.path(name) / "calls.jsonl", StoredCall))


def trajectories(run: Path) -> list[Trajectory]:
    return list(read_lines(run / "trajectories.jsonl", Trajectory))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    done = made.run("whole", PRICE)
    assert done.code == 0, done.stderr
    yield made
    made.storm.close()


def test_a_spent_budget_ends_in_7_and_a_larger_one_goes_on(world: World):
    done = world.run("bounded", "budget.calls=12")
    assert done.code == 7, done.stderr
    assert "budget.calls=12:" in done.stderr
    assert "the same command goes on" in done.stderr
    assert "units are owed" in done.stdout  # the report says what is there
    num_stored = len(world.calls("bounded"))
    assert 9 <= num_stored <= 12  # a batch of three plans fits whole or not at all
    assert num_stored == world.storm.delivered.total()

    again = world.run("bounded", "budget.calls=12")  # what earlier sittings spent counts
    assert again.code == 7
    assert len(world.calls("bounded")) + world.storm.delivered.total() <= 12 + num_stored

    assert world.run("bounded", "budget.calls=1000", PRICE).code == 0
    assert storm.differences(world.path("whole"), world.path("bounded")) == []
    assert "budget.calls=12:" in (world.path("bounded") / "log.txt").read_text()


def test_tokens_and_dollars_bound_a_run_too(world: World):
    done = world.run("tokens", "budget.tokens=6000")
    assert done.code == 7
    spent = measure(world.path("tokens"), has_intervals=False).spent
    assert 0 < spent.prompt_tokens + spent.completion_tokens <= 6000
    done = world.run("dollars", "budget.dollars=0.01", PRICE)
    assert done.code == 7
    dollars = measure(world.path("dollars"), has_intervals=False).spent.dollars
    assert dollars is not None and 0 < dollars <= 0.01
    refused = world.run("unpriced", "budget.dollars=0.01")
    assert refused.code == 2
    assert "needs the price of every engine" in refused.stderr


def test_another_judge_and_other_rounds_ask_for_nothing_anew(world: World):
    whole = world.path("whole")
    done = world.run("other", "judge.speed_factor=2", "traversal.t=2", f"run.reuse=['{whole}']")
    assert done.code == 0, done.stderr
    assert world.storm.received == []
    calls = world.calls("other")
    assert {call.reused_from for call in calls} == {"whole"}
    spent = measure(world.path("other"), has_intervals=False).spent
    assert (spent.calls, spent.num_reused) == (0, len(calls))
    assert spent.dollars is None  # nothing was asked of an engine without a price
    assert "more answers of earlier runs" in done.stdout
    log = (world.path("other") / "log.txt").read_text()
    assert f"reuse {whole}: {len(world.calls('whole'))} stored completions" in log


def test_answers_of_another_engine_are_not_used_and_that_is_said(world: World):
    whole = world.path("whole")
    done = world.run("foreign", "engine.model=tiny", f"run.reuse=['{whole}']", "run.limit=1")
    assert done.code == 0, done.stderr
    assert len(world.storm.received) == len(world.calls("foreign")) > 0
    assert f"reuse {whole}: not used" in (world.path("foreign") / "log.txt").read_text()
    missing = world.run("missing", "run.reuse=['runs/nowhere']")
    assert missing.code == 6
    assert "nowhere" in missing.stderr


def test_another_parser_reads_the_stored_replies(tmp_path: Path):
    """Replies are stored as they came, so that who reads them otherwise pays nothing."""
    (puzzle,) = islice(puzzles("train", 5), 1)
    said: list[str] = []

    class Counted(TeacherEngine):
        def complete(self, requests, watch=None):  # pyright: ignore
            said.extend(request.key for request in requests)
            return super().complete(requests, watch)

    def strict(completion: Completion) -> str:
        raise FormatError("nothing is good enough")

    def tolerant(completion: Completion) -> str:
        return completion.text

    prompt = f"Recall 1 thing\n\n# T\n{puzzle.problem.statement}\n\nInput: x"
    messages = (Message(role="user", content=prompt),)
    earlier: list[Path] = []
    for name, parse in (("a", strict), ("b", tolerant)):
        (tmp_path / name).mkdir()
        store = CallStore(tmp_path / name / "calls.jsonl", earlier)
        manner = Manner(StoredEngine(Counted([puzzle]), store), Sampling(), 0.8, 0)
        kept: list[Call] = []
        answers = ask([Question(CallKind.RETRIEVAL, messages, parse)], manner, kept.append)
        assert (answers == [None]) is (parse is strict)
        earlier = [tmp_path / name]
    assert len(said) == 2  # the ask and the second ask of the strict one


def test_what_a_run_cost_is_in_its_metrics_and_report(world: World):
    metrics = measure(world.path("whole"), has_intervals=False)
    calls = world.calls("whole")
    usages = [call.completion.usage for call in calls]
    assert metrics.spent.calls == len(calls)
    assert metrics.spent.prompt_tokens == sum(usage.prompt_tokens for usage in usages)
    paid = sum(usage.prompt_tokens + 4 * usage.completion_tokens for usage in usages) / 1e6
    assert metrics.spent.dollars == pytest.approx(paid)
    used = [call for t in trajectories(world.path("whole")) for call in t.calls]
    each = [call.completion.usage for call in used]  # equal questions of a unit are paid for once
    cost = sum(usage.prompt_tokens + 4 * usage.completion_tokens for usage in each) / 1e6
    assert metrics.costs.dollars == pytest.approx(cost / NUM_PROBLEMS)
    again = world.run("whole", PRICE)  # a sitting that asks nothing changes nothing
    assert f"{len(calls):,} calls" in again.stdout
    assert measure(world.path("whole"), has_intervals=False).spent == metrics.spent


def test_a_dry_run_foretells_from_published_means_and_then_from_its_own(world: World):
    first = world.run("new", PRICE, words=("--dry-run", "--json"))
    assert first.code == 0, first.stderr
    found = json.loads(first.stdout)
    assert found["num_owed"] == NUM_PROBLEMS
    assert (found["calls"]["low"], found["calls"]["high"]) == (24, 75)
    assert found["dollars"]["low"] > 0
    assert found["hours"] is None
    assert not world.path("new").exists()

    unpriced = world.run("new", words=("--dry-run",))
    assert "dollars       -" in unpriced.stdout
    assert "engine.price is not set for retrieval" in unpriced.stdout

    own = world.run("whole", "run.samples=2", PRICE, words=("--dry-run",))
    assert f"{NUM_PROBLEMS} owed" in own.stdout
    num_stored = len(world.calls("whole"))
    assert f"the means of this run's {num_stored} stored calls" in own.stdout
    num_calls = sum(len(done.calls) for done in trajectories(world.path("whole")))
    assert f"{max(num_calls, 24)} if units go on as the finished ones" in own.stdout
    assert "stored already for units that are owed are not taken off" in own.stdout

    shutil.copytree(world.path("whole"), world.path("torn"))
    lines = (world.path("whole") / "trajectories.jsonl").read_text().splitlines(keepends=True)
    (world.path("torn") / "trajectories.jsonl").write_text(lines[0])
    torn = json.loads(world.run("torn", PRICE, words=("--dry-run", "--json")).stdout)
    assert (torn["num_owed"], torn["calls"]["low"]) == (NUM_PROBLEMS - 1, 16)
    num_calls = len(trajectories(world.path("torn"))[0].calls)
    assert torn["likely_calls"] == min(max(2 * num_calls, 16), 50)
    assert world.storm.received == []
