"""`mapcoder repair`: a weak student repaired by the scripted supervisor; what is refused."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from mapcoder_lite import config
from mapcoder_lite.calls import StoredCall
from mapcoder_lite.errors import ConfigError
from mapcoder_lite.evaluation.forecast import Range
from mapcoder_lite.evaluation.forecast_repair import RepairForecast
from mapcoder_lite.example import Correction
from mapcoder_lite.jsonl import read_lines, read_record, write_lines, write_record
from mapcoder_lite.pocket.world import problem_set
from mapcoder_lite.store import RunHeader
from mapcoder_lite.trajectory import Grade, Role, StopReason, Trajectory
from mapcoder_lite.verdict import Verdict
from pocket_run import resealed
from test_cli_main import Done, mapcoder

STUDENT = [
    "engine.kind=teacher", "engine.mistakes=3", "traversal.k=2", "traversal.t=1",
    "run.problems=problems.jsonl", "run.hidden_tests=hidden_tests.jsonl",
    "judge.workers=1", "judge.speed_factor=1.0",
]  # fmt: skip
SUPERVISOR = str(Path(__file__).parents[1] / "configs" / "pocket-repair.toml")


def settings(*assignments: str) -> list[str]:
    return [word for text in assignments for word in ("-s", text)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 40 pocket problems and a weak student's run over them."""
    folder = tmp_path_factory.mktemp("world")
    chosen = [puzzle for _, puzzle in zip(range(40), problem_set("train"), strict=False)]
    write_lines(folder / "problems.jsonl", [puzzle.problem for puzzle in chosen])
    write_lines(folder / "hidden_tests.jsonl", [puzzle.hidden for puzzle in chosen])
    done = mapcoder(folder, "run", "--name", "student", *settings(*STUDENT))
    assert done.code == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def repaired(world: Path) -> Done:
    return mapcoder(world, "repair", "runs/student", "-c", SUPERVISOR)


def failed_of(run: Path) -> set[str]:
    return {g.problem_id for g in read_lines(run / "grades.jsonl", Grade) if not g.is_passed}


def test_failed_attempts_are_repaired_into_a_run_of_their_own(world: Path, repaired: Done):
    assert repaired.code == 0, repaired.stderr
    path = world / "runs" / "student-repaired"
    failed, still = failed_of(world / "runs" / "student"), failed_of(path)
    trajectories = list(read_lines(path / "trajectories.jsonl", Trajectory))
    assert {t.problem_id for t in trajectories} == failed
    assert still < failed
    num_repaired = len(failed) - len(still)
    assert f"{num_repaired} of {len(failed)} failed attempts are repaired" in repaired.stdout
    assert num_repaired > len(failed) / 2
    assert f"repairs   student: {len(failed)} of 40 attempts failed" in repaired.stderr
    assert all(call.request.guidance is None for t in trajectories for call in t.calls)
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["num_units"] == len(failed)
    assert "corrections.jsonl" in manifest["digests"]


def test_the_new_run_says_what_it_repairs_and_who_blames(world: Path, repaired: Done):
    header = read_record(world / "runs" / "student-repaired" / "config.json", RunHeader)
    manifest = json.loads((world / "runs" / "student" / "manifest.json").read_text())
    assert header.source is not None
    assert header.source.run == "student"
    assert header.source.trajectories == manifest["digests"]["trajectories.jsonl"]
    assert header.supervisor_identity is not None
    assert header.supervisor_identity.startswith("pocket-supervisor/")
    assert header.config.engine.mistakes == 3, "the engine is the run's own"


def test_the_same_command_asks_nothing_twice(world: Path, repaired: Done):
    path = world / "runs" / "student-repaired"
    before = {name: (path / name).read_bytes() for name in ("calls.jsonl", "corrections.jsonl")}
    again = mapcoder(world, "repair", "runs/student", "-c", SUPERVISOR, "--json")
    assert again.code == 0, again.stderr
    assert {name: (path / name).read_bytes() for name in before} == before
    keys = [call.key for call in read_lines(path / "calls.jsonl", StoredCall)]
    assert len(keys) == len(set(keys))
    found = json.loads(again.stdout)
    corrections = list(read_lines(path / "corrections.jsonl", Correction))
    assert found["num_repaired"] == sum(c.is_passed for c in corrections)
    assert set(found["roles"]) == {"retrieval", "planning", "coding", "debugging"}
    num_rounds = sum(blamed["num_rounds"] for blamed in found["roles"].values())
    assert num_rounds + sum(found["unusable"].values()) == len(corrections)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["supervisor.mistakes=0"], "the supervisor: pocket-supervisor/"),
        (["repair.rounds=3"], "repair.rounds: 2 -> 3"),
        (["engine.mistakes=1"], "engine.mistakes: 3.0 -> 1.0"),
    ],
)
def test_another_command_may_not_write_into_the_repair(
    world: Path, repaired: Done, more: list[str], word: str
):
    done = mapcoder(world, "repair", "runs/student", "-c", SUPERVISOR, *settings(*more))
    assert done.code == 6
    assert "belongs to another command" in done.stderr
    assert word in done.stderr


def test_a_repair_can_be_reported_and_made_into_rows(world: Path, repaired: Done):
    assert "pass@1" in mapcoder(world, "report", "runs/student-repaired").stdout
    done = mapcoder(world, "dataset", "runs/student-repaired", "--name", "rows")
    assert done.code == 0, done.stderr


PRICES = settings(
    "engine.price={prompt = 1, completion = 4}", "supervisor.price={prompt = 10, completion = 40}"
)


def test_a_spent_budget_stops_a_repair_and_a_larger_one_goes_on(world: Path, repaired: Done):
    def repair(*more: str) -> Done:
        chosen = [*PRICES, *settings(*more)]
        words = ["--name", "bounded", "-c", SUPERVISOR]
        return mapcoder(world, "repair", "runs/student", *words, *chosen)

    path, whole = world / "runs" / "bounded", world / "runs" / "student-repaired"
    num_whole = len(list(read_lines(whole / "calls.jsonl", StoredCall)))
    done = repair(f"budget.calls={num_whole // 2}")
    assert done.code == 7, done.stderr
    assert f"budget.calls={num_whole // 2}:" in done.stderr
    calls = list(read_lines(path / "calls.jsonl", StoredCall))
    assert 0 < len(calls) <= num_whole // 2
    assert {call.request.adapter is None for call in calls} == {True, False}
    again = repair(f"budget.calls={num_whole // 2}")  # what is stored counts
    assert again.code == 7
    assert len(list(read_lines(path / "calls.jsonl", StoredCall))) <= num_whole // 2
    assert repair("budget.calls=100000").code == 0
    assert failed_of(path) == failed_of(whole)
    assert len(list(read_lines(path / "calls.jsonl", StoredCall))) == num_whole


def test_dollars_of_a_repair_need_the_supervisors_price(world: Path):
    words = ["-c", SUPERVISOR, *PRICES[:2], *settings("budget.dollars=1")]
    done = mapcoder(world, "repair", "runs/student", "--name", "unpriced", *words)
    assert done.code == 2
    assert "there is none for supervisor" in done.stderr


def foreseen(world: Path, *words: str) -> RepairForecast:
    done = mapcoder(
        world, "repair", "runs/student", "-c", SUPERVISOR, "--dry-run", "--json", *words
    )
    assert done.code == 0, done.stderr
    return RepairForecast.model_validate_json(done.stdout)


def test_a_dry_run_bounds_what_the_repair_then_asks(world: Path, repaired: Done):
    found = foreseen(world, "--name", "dry", *PRICES)
    assert not (world / "runs" / "dry").exists()
    num_failed = len(failed_of(world / "runs" / "student"))
    assert (found.num_owed, found.num_failed, found.rounds) == (num_failed, num_failed, 2)
    calls = list(read_lines(world / "runs" / "student-repaired" / "calls.jsonl", StoredCall))
    asked = Counter(call.request.adapter or "supervisor" for call in calls)
    assert {one.role for one in found.roles} == {*Role, "supervisor"}
    for one in found.roles:
        # A second ask of the supervisor is not counted.
        slack = 0 if one.role in set(Role) else num_failed
        assert one.calls.low <= asked[one.role] <= one.calls.high + slack
    supervisor = next(one for one in found.roles if one.role == "supervisor")
    assert (supervisor.calls.low, supervisor.calls.high) == (num_failed, 2 * num_failed)
    first = [
        sum(len(message.content.encode()) for message in call.request.messages) / 4
        for call in calls
        if call.request.adapter is None and call.request.attempt == 0
    ]
    assert supervisor.prompt_tokens.low == pytest.approx(sum(first)), "the very prompts"
    assert found.dollars is not None and supervisor.dollars is not None
    replies = (234 * num_failed, 466 * 2 * num_failed)
    assert supervisor.dollars.low == pytest.approx((10 * sum(first) + 40 * replies[0]) / 1e6)
    assert supervisor.dollars.high == pytest.approx((20 * sum(first) + 40 * replies[1]) / 1e6)


def test_a_dry_run_takes_off_what_is_done_and_goes_by_what_was_counted(world: Path, repaired: Done):
    assert foreseen(world).calls == Range(low=0, high=0)
    half = world / "runs" / "half"
    shutil.copytree(world / "runs" / "student-repaired", half)
    lines = (half / "trajectories.jsonl").read_bytes().splitlines(keepends=True)
    (half / "trajectories.jsonl").write_bytes(b"".join(lines[:-3]))
    found = foreseen(world, "--name", "half", *PRICES[:2])
    assert (found.num_owed, found.num_failed) == (3, len(lines))
    assert found.likely_calls is not None and found.dollars is None
    assert any("as many tokens a byte as it counted so far" in said for said in found.assumptions)
    assert any("no price is set for supervisor" in said for said in found.assumptions)
    text = mapcoder(world, "repair", "runs/student", "-c", SUPERVISOR, "--dry-run").stdout
    assert f"attempts      {len(lines)} of 40 failed, 0 owed" in text


def copied(world: Path, tmp_path: Path) -> Path:
    run = tmp_path / "student"
    shutil.copytree(world / "runs" / "student", run)
    return run


def refused(world: Path, run: Path, *more: str) -> Done:
    done = mapcoder(world, "repair", str(run), "--name", "refused", *more)
    assert not (world / "runs" / "refused").exists()
    return done


def test_without_a_supervisor_it_is_refused(world: Path):
    done = refused(world, world / "runs" / "student")
    assert done.code == 2
    assert "no supervisor is set" in done.stderr


@pytest.mark.parametrize(
    ("file", "code", "words"),
    [
        ("manifest.json", 6, "not a complete run"),
        ("grades.jsonl", 6, "not graded"),
        ("selftest.json", 5, "passed the self-test"),
        ("config.json", 6, "is this a run directory"),
    ],
)
def test_a_run_that_lacks_something_is_refused(
    world: Path, tmp_path: Path, file: str, code: int, words: str
):
    run = copied(world, tmp_path)
    (run / file).unlink()
    done = refused(world, run, "-c", SUPERVISOR)
    assert done.code == code
    assert words in done.stderr


def test_other_problems_and_other_questions_are_refused(world: Path, tmp_path: Path):
    lines = (world / "hidden_tests.jsonl").read_text().splitlines(keepends=True)
    text = lines[0].replace('"outputs":["', '"outputs":["1', 1)
    (tmp_path / "hidden.jsonl").write_text("".join([text, *lines[1:]]))
    student = world / "runs" / "student"
    moved = settings(f"run.hidden_tests={tmp_path / 'hidden.jsonl'}")
    done = refused(world, student, "-c", SUPERVISOR, *moved)
    assert done.code == 6
    assert "no longer what" in done.stderr
    done = refused(world, student, "-c", SUPERVISOR, *settings("traversal.k=3"))
    assert done.code == 2
    assert "traversal would differ" in done.stderr


def test_a_run_without_failures_is_refused(world: Path, tmp_path: Path):
    run = copied(world, tmp_path)
    grades = list(read_lines(run / "grades.jsonl", Grade))
    passed = next(grade.judgement for grade in grades if grade.is_passed)
    write_lines(run / "grades.jsonl", [g.model_copy(update={"judgement": passed}) for g in grades])
    done = refused(world, run, "-c", SUPERVISOR)
    assert done.code == 6
    assert "is not the file that the run's manifest speaks of" in done.stderr
    resealed(run)
    done = refused(world, run, "-c", SUPERVISOR)
    assert done.code == 6
    assert "none failed that can be repaired" in done.stderr


def test_what_cannot_be_repaired_is_left_out_and_counted(world: Path, tmp_path: Path):
    run = copied(world, tmp_path)
    failed = sorted(failed_of(run))
    grades = list(read_lines(run / "grades.jsonl", Grade))
    broken = next(g.judgement for g in grades if g.judgement)
    broken = broken.model_copy(update={"verdict": Verdict.IE})
    write_lines(
        run / "grades.jsonl",
        [
            g.model_copy(update={"judgement": broken}) if g.problem_id == failed[0] else g
            for g in grades
        ],
    )
    changes = {failed[1]: {"stop": StopReason.TOO_LONG}, failed[2]: {"steps": (), "program": None}}
    write_lines(
        run / "trajectories.jsonl",
        [
            t.model_copy(update=changes.get(t.problem_id, {}))
            for t in read_lines(run / "trajectories.jsonl", Trajectory)
        ],
    )
    resealed(run)
    done = mapcoder(world, "repair", str(run), "-c", SUPERVISOR, "--name", "partial")
    assert done.code == 0, done.stderr
    log = (world / "runs" / "partial" / "log.txt").read_text()
    assert f"repairs student: {len(failed) - 3} of 40 attempts failed" in log
    for reason in ("the judge failed on it", "a prompt was too long", "no call was made"):
        assert f"1 left out: {reason}" in log
    solved = {
        t.problem_id for t in read_lines(world / "runs/partial/trajectories.jsonl", Trajectory)
    }
    assert solved == set(failed[3:])


def test_a_supervisor_that_cannot_be_used_leaves_all_as_it_was(world: Path):
    done = mapcoder(
        world,
        *("repair", "runs/student", "-c", SUPERVISOR, "--name", "useless"),
        *settings("supervisor.mistakes=100"),
    )
    assert done.code == 0, done.stderr
    path = world / "runs" / "useless"
    assert failed_of(path) == failed_of(world / "runs" / "student")
    corrections = list(read_lines(path / "corrections.jsonl", Correction))
    assert len(corrections) == len(failed_of(path))
    assert all(c.failure and not c.blame for c in corrections)
    assert "supervisor of no use, " in done.stdout


def test_settings_stand_over_the_run_s_own(world: Path):
    made = read_record(world / "runs" / "student" / "config.json", RunHeader).config
    assert config.load([], [], made) == made
    more = config.load([], ["engine.mistakes=1", "run.concurrency=9"], made)
    assert more.engine == made.engine.model_copy(update={"mistakes": 1.0})
    assert more.traversal == made.traversal
    other = config.load([], ["engine.kind=pocket"], made)
    assert other.engine == config.load().engine, "another kind takes nothing of the old one"
    assert other.traversal == made.traversal
    with pytest.raises(ConfigError, match="no such setting"):
        config.load([], ["engine.mistake=1"], made)


def test_a_header_without_a_source_is_read_as_before(world: Path, tmp_path: Path):
    header = read_record(world / "runs" / "student" / "config.json", RunHeader)
    assert (header.source, header.supervisor_identity) == (None, None)
    write_record(tmp_path / "config.json", header)
    assert read_record(tmp_path / "config.json", RunHeader) == header
    assert not (world / "runs" / "student" / "corrections.jsonl").exists()
