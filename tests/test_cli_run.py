"""The verbs that need a model, driven by a recording: real pipeline, judge, store and reports."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from mapcoder_lite import config, pipeline
from mapcoder_lite.agents import parse
from mapcoder_lite.calls import CallStore
from mapcoder_lite.cli import engines
from mapcoder_lite.engine.replay import ReplayEngine, StoredEngine
from mapcoder_lite.errors import ConfigError, EngineError
from mapcoder_lite.events import EVENT
from mapcoder_lite.jsonl import read_lines, write_lines
from mapcoder_lite.problem import HiddenTests, Language, Problem, Test
from mapcoder_lite.trajectory import (
    Completion,
    Exemplar,
    Message,
    Recall,
    Request,
    Trajectory,
    Watch,
)
from test_cli_main import Done, mapcoder

GOOD = "print(sum(map(int, input().split())))\n"
SUM = Problem(
    id="sum",
    title="Sum",
    statement="Add two [bold]numbers[/bold].",
    public_tests=(Test(input="1 2\n", outputs=("3",)),),
)
HARD = SUM.model_copy(
    update={
        "id": "hard",
        "statement": "Multiply.",
        "public_tests": (Test(input="2 3", outputs=("6",)),),
    }
)
SETTINGS = ["traversal.k=1", "traversal.t=1", "engine.kind=replay", "judge.workers=1"]


class ScriptedEngine:
    """Answers every role; the program always adds, so only sums are solved."""

    identity = "scripted"

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        return [
            Completion(text=self._text(request), finish_reason="stop", model="scripted [red]model")
            for request in requests
        ]

    def close(self) -> None:
        pass

    def _text(self, request: Request) -> str:
        question = request.messages[-1].content
        if request.adapter == "retrieval":
            return parse.render_recall(
                Recall(exemplars=(Exemplar(description="d", planning="p"),), algorithm="adding")
            )
        if question.startswith("Check the plan"):
            return parse.render_confidence(80, "fine")
        if request.adapter == "planning":
            return "Add. \x1b[31mred\x07 [blink]text"
        if request.adapter == "coding":
            return parse.render_program(GOOD, Language.PYTHON)
        return parse.render_debugging("Add", GOOD + "# again\n", Language.PYTHON)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with problems, hidden tests and the recording of a traversal of each."""
    folder = tmp_path_factory.mktemp("world")
    hidden = [
        HiddenTests(problem_id="sum", tests=(Test(input="5 6", outputs=("11",)),)),
        HiddenTests(problem_id="hard", tests=(Test(input="5 6", outputs=("30",)),), defect="cut"),
    ]
    write_lines(folder / "problems.jsonl", [SUM, HARD])
    write_lines(folder / "hidden_tests.jsonl", hidden)
    (folder / "sum.json").write_text(SUM.model_dump_json())
    (folder / "hard.json").write_text(HARD.model_dump_json())
    (folder / "recording").mkdir()
    calls = CallStore(folder / "recording" / "calls.jsonl")
    engine = StoredEngine(ScriptedEngine(), calls)
    settings = config.load([], SETTINGS)
    with engines.opened_judge(settings) as judge:
        for problem in (SUM, HARD):
            pipeline.solve(problem, engine, judge, engines.dials(settings))
    calls.close()
    return folder


def with_settings(folder: Path, *more: str) -> list[str]:
    settings = [*SETTINGS, f"engine.recording={folder / 'recording'}", *more]
    return [word for setting in settings for word in ("-s", setting)]


def run_words(folder: Path, *more: str) -> list[str]:
    problems = ("run.problems=problems.jsonl", "run.hidden_tests=hidden_tests.jsonl")
    return ["run", "--name", "r", *with_settings(folder, *problems, *more)]


def test_solve_prints_the_program_and_says_solved_on_samples(world: Path):
    done = mapcoder(world, "solve", "sum.json", "--replies", *with_settings(world))
    assert done.code == 0, done.stderr
    assert done.stdout == GOOD
    assert "solved on samples" in done.stderr
    assert "replay: replay@" in done.stderr
    # model text is text: no markup is read, no control character passes
    assert "[blink]text" in done.stderr
    assert "scripted [red]model" in done.stderr
    assert "\x1b" not in done.stderr
    assert "\x07" not in done.stderr


def test_solve_prints_its_events_as_lines_of_json(world: Path):
    done = mapcoder(world, "solve", "sum.json", "--jsonl", *with_settings(world))
    assert done.code == 0, done.stderr
    events = [EVENT.validate_json(line) for line in done.stdout.splitlines()]
    assert [event.n for event in events] == list(range(1, len(events) + 1))
    assert events[-1].kind == "run.finished"
    assert events[-1].program == GOOD.rstrip("\n") or events[-1].program == GOOD
    both = mapcoder(world, "solve", "sum.json", "--jsonl", "--json", *with_settings(world))
    assert both.code == 2


def test_solve_says_when_nothing_was_solved(world: Path):
    done = mapcoder(world, "solve", "hard.json", "--json", *with_settings(world))
    assert done.code == 1, done.stderr
    assert "NOT solved" in done.stderr
    assert Trajectory.model_validate_json(done.stdout).stop == "exhausted"


@pytest.fixture(scope="module")
def first_run(world: Path) -> Done:
    return mapcoder(world, *run_words(world))


def test_run_grades_and_reports(world: Path, first_run: Done):
    assert first_run.code == 0, first_run.stderr
    assert "pass@1, hidden tests" in first_run.stdout
    assert "[1/2]" in first_run.stderr
    assert "self-test" in first_run.stderr
    assert "roles     replay" in first_run.stderr
    assert "roles: replay" in first_run.stdout
    files = {path.name for path in (world / "runs" / "r").iterdir()} - {".lock"}
    assert files >= {
        "config.json", "manifest.json", "trajectories.jsonl", "grades.jsonl", "calls.jsonl",
        "metrics.json", "log.txt", "problems.jsonl",
    }  # fmt: skip


def test_the_same_command_does_nothing_twice(world: Path, first_run: Done):
    trajectories = world / "runs" / "r" / "trajectories.jsonl"
    before = trajectories.read_bytes()
    again = mapcoder(world, *run_words(world), "--json")
    assert again.code == 0, again.stderr
    assert trajectories.read_bytes() == before
    metrics = json.loads(again.stdout)
    assert (metrics["passed"]["num_passed"], metrics["passed"]["num_total"]) == (1, 2)
    assert (metrics["passed_sound"]["num_passed"], metrics["passed_sound"]["num_total"]) == (1, 1)


def test_another_command_may_not_write_into_the_run(world: Path, first_run: Done):
    other = mapcoder(world, *run_words(world, "traversal.seed=7"))
    assert other.code == 6
    assert "traversal.seed: 0 -> 7" in other.stderr.strip().split("\n")[-1]


def test_a_dry_run_counts_and_writes_nothing(world: Path):
    words = ["run", "--name", "dry", *with_settings(world, "run.problems=problems.jsonl")]
    done = mapcoder(world, *words, "--dry-run")
    assert done.code == 0, done.stderr
    assert "2 = 2 problems x 1 samples, 2 owed" in done.stdout
    assert "8 to 10" in done.stdout
    assert "nothing will be graded" in done.stderr
    assert not (world / "runs" / "dry").exists()


def test_a_run_with_owed_units_ends_in_9_and_goes_on(world: Path):
    calls = (world / "recording" / "calls.jsonl").read_bytes().splitlines(keepends=True)
    short = world / "short"
    short.mkdir()
    (short / "calls.jsonl").write_bytes(b"".join(calls[:-1]))
    words = [*run_words(world, f"engine.recording={short}"), "--name", "owed"]
    done = mapcoder(world, *words)
    assert done.code == 9, done.stderr
    assert "1 of 2 units are owed" in done.stderr
    assert "ReplayMiss" in done.stderr
    assert "errors of the house, not scored: 1 units" in done.stdout
    errors = list(read_lines(world / "runs" / "owed" / "errors.jsonl", Trajectory))
    assert [error.problem_id for error in errors] == ["hard"]


def test_two_runs_are_reported_side_by_side(world: Path, first_run: Done):
    other = world / "runs" / "other"
    shutil.copytree(world / "runs" / "r", other)
    done = mapcoder(world, "report", "runs/r", "runs/other")
    assert done.code == 0, done.stderr
    assert "against runs/r" in done.stdout
    assert "exact McNemar" in done.stdout
    done = mapcoder(world, "compare", "runs/r", "runs/other")
    assert done.code == 0, done.stderr
    assert "only A" in done.stdout
    done = mapcoder(world, "compare", "runs/r", "runs/other", "--json")
    assert json.loads(done.stdout)["duel"]["raw"]["pairs"]["num_both"] == 1


def test_roles_without_an_adapter_are_answered_by_the_backbone():
    class Echo(ScriptedEngine):
        def _text(self, request: Request) -> str:
            return str(request.adapter)

    engine = engines.RoleAdapters(Echo(), frozenset({"coding"}))
    requests = [Request(messages=(), adapter=name) for name in ("coding", "planning", None)]
    assert [answer.text for answer in engine.complete(requests)] == ["coding", "None", "None"]
    assert engine.identity == "scripted roles=coding"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["engine.kind=local"], "engine.backbone"),
        (["engine.kind=local", "engine.backbone=/nowhere"], "engine.adapters"),
        (["engine.kind=openai"], "engine.base_url"),
        (["engine.kind=openai", "engine.model=m", "engine.base_url=localhost:8000"], "no address"),
        (["engine.kind=replay"], "engine.recording"),
        (["engine.kind=replay", "engine.recording=/nowhere"], "calls.jsonl"),
    ],
)
def test_an_engine_that_lacks_a_setting_names_it(overrides: list[str], words: str):
    settings = config.load([], overrides)
    with pytest.raises(ConfigError, match=words), engines.opened_engine(settings):
        pass


def test_the_teacher_refuses_problems_that_are_not_its_own():
    settings = config.load([], ["engine.kind=teacher"])
    request = Request(messages=(Message(role="user", content="Recall 3 problems"),))
    with (
        engines.opened_engine(settings, (SUM,)) as engine,
        pytest.raises(EngineError, match="pocket"),
    ):
        engine.complete([request])


def test_a_replay_opened_from_a_run_answers_as_recorded(world: Path):
    settings = config.load([], [*SETTINGS, f"engine.recording={world / 'recording'}"])
    with engines.opened_engine(settings) as engine:
        assert isinstance(engine, ReplayEngine)
        assert engine.identity.startswith("replay@")
