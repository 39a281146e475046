import json
import multiprocessing
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite import config
from mapcoder_lite.errors import StoreError
from mapcoder_lite.jsonl import JsonLines, read_lines, read_record, write_lines
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.store import Manifest, RunDirectory, RunHeader, Unit
from mapcoder_lite.trajectory import Completion, Grade, Message, Request, StopReason, Trajectory


def header(*overrides: str, problems: str = "p", engine: str = "e") -> RunHeader:
    settings = config.load([], overrides)
    return RunHeader(
        config=settings,
        config_digest=settings.digest,
        problems_digest=problems,
        engine_identity=engine,
        version="0",
    )


def opened(path: Path, num_problems: int = 0, head: RunHeader | None = None) -> RunDirectory:
    problems = [RunProblem(problem_id=f"p{index}") for index in range(num_problems)]
    return RunDirectory(path, head or header(), problems)


def trajectory(problem_id: str, sample: int = 0) -> Trajectory:
    program = "print('é \u2028 ✓')\n"
    return Trajectory(problem_id=problem_id, sample=sample, program=program, stop=StopReason.SOLVED)


def finish(path: Path, units: list[Unit]) -> None:
    """Do what the runner does: every unit that is owed, trajectory first, then the grade."""
    with opened(path) as run:
        solved = {Unit(t.problem_id, t.sample) for t in run.trajectories.read()}
        graded = {Unit(g.problem_id, g.sample) for g in run.grades.read()}
        for unit in units:
            if unit not in solved:
                request = Request(messages=(Message(role="user", content=unit.problem_id),))
                if run.calls.get(request.key) is None:
                    answer = Completion(text="x\n", finish_reason="stop")
                    run.calls.put(request.key, request, answer)
                run.trajectories.append(trajectory(*unit))
            if unit not in graded:
                run.grades.append(Grade(problem_id=unit.problem_id, sample=unit.sample))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["trajectories.jsonl", "grades.jsonl", "calls.jsonl"]),
    where=st.floats(0, 1),
    num_units=st.integers(1, 6),
)
def test_cut_at_any_byte_no_unit_is_lost_and_none_is_there_twice(
    name: str, where: float, num_units: int
):
    units = [Unit(f"p{index // 2}", index % 2) for index in range(num_units)]
    random.Random(num_units).shuffle(units)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        finish(path, units)
        cut = path / name
        with cut.open("r+b") as file:
            file.truncate(round(where * cut.stat().st_size))
        finish(path, units)
        solved = [
            Unit(t.problem_id, t.sample)
            for t in read_lines(path / "trajectories.jsonl", Trajectory)
        ]
        graded = [Unit(g.problem_id, g.sample) for g in read_lines(path / "grades.jsonl", Grade)]
        keys = [
            json.loads(line)["key"] for line in (path / "calls.jsonl").read_text().split("\n")[:-1]
        ]
    assert sorted(solved) == sorted(units)
    assert sorted(graded) == sorted(units)
    assert len(keys) == len(set(keys))
    if name != "calls.jsonl":  # a lost call of a solved unit is not asked for again
        assert len(keys) == len({unit.problem_id for unit in units})


def test_a_torn_last_line_is_said_in_the_log(tmp_path: Path):
    finish(tmp_path, [Unit("a", 0)])
    with (tmp_path / "trajectories.jsonl").open("ab") as file:
        file.write(b'{"problem_id": "b", "sam')
    opened(tmp_path).close()
    log = (tmp_path / "log.txt").read_text()
    assert "trajectories.jsonl: cut a torn last line of 24 bytes" in log
    assert len((tmp_path / "trajectories.jsonl").read_bytes().splitlines()) == 1


def test_grades_without_their_trajectory_are_dropped_and_said(tmp_path: Path):
    finish(tmp_path, [Unit("a", 0), Unit("b", 0)])
    (tmp_path / "trajectories.jsonl").write_text("")
    with opened(tmp_path) as run:
        assert list(run.grades.read()) == []
    assert "grades.jsonl: dropped 2 without a trajectory" in (tmp_path / "log.txt").read_text()


@pytest.mark.parametrize("name", ["trajectories.jsonl", "calls.jsonl"])
def test_a_damaged_middle_line_names_file_and_line(tmp_path: Path, name: str):
    finish(tmp_path, [Unit(letter, 0) for letter in "abc"])
    lines = (tmp_path / name).read_bytes().splitlines(keepends=True)
    lines[1] = lines[1][:10] + b"\n"
    (tmp_path / name).write_bytes(b"".join(lines))
    with pytest.raises(StoreError, match=rf"{name}, line 2: not a"):
        opened(tmp_path)
    # the lock was let go although opening failed
    with pytest.raises(StoreError, match="line 2"):
        opened(tmp_path)


def test_a_resume_with_other_settings_prints_what_differs(tmp_path: Path):
    opened(tmp_path).close()
    with pytest.raises(StoreError, match=r"traversal\.k: 3 -> 2"):
        opened(tmp_path, head=header("traversal.k=2"))
    with pytest.raises(StoreError, match="the problems or hidden tests"):
        opened(tmp_path, head=header(problems="q"))
    with pytest.raises(StoreError, match="the engine: e -> f"):
        opened(tmp_path, head=header(engine="f"))
    with opened(tmp_path, head=header("run.concurrency=1")) as run:
        assert run.is_resumed


def test_a_run_that_is_older_than_the_badge_is_resumed(tmp_path: Path):
    opened(tmp_path).close()
    saved = json.loads((tmp_path / "config.json").read_text())
    del saved["adapters"]
    (tmp_path / "config.json").write_text(json.dumps(saved))
    with opened(tmp_path, head=header().model_copy(update={"adapters": "4 LoRA"})) as run:
        assert run.is_resumed


def test_a_resume_with_other_adapters_is_refused(tmp_path: Path):
    idle = "4 LoRA, not all applied when tried"
    with opened(tmp_path) as run:
        run.name_adapters("prompts only")
        run.name_adapters("4 LoRA")  # nothing was answered yet
        request = Request(messages=(Message(role="user", content="q"),))
        run.calls.put(request.key, request, Completion(text="x", finish_reason="stop"))
    assert read_record(tmp_path / "config.json", RunHeader).adapters == "4 LoRA"
    with opened(tmp_path) as run:
        run.name_adapters("4 LoRA")
        with pytest.raises(StoreError, match=f"adapters on the server: 4 LoRA -> {idle}"):
            run.name_adapters(idle)
    with pytest.raises(StoreError, match="4 LoRA -> prompts only"):
        opened(tmp_path, head=header().model_copy(update={"adapters": "prompts only"}))


def _try_to_open(path: str, answer: "multiprocessing.Queue[str]") -> None:
    try:
        opened(Path(path)).close()
        answer.put("opened")
    except StoreError as error:
        answer.put(str(error))


def test_two_processes_cannot_write_one_run(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    with opened(tmp_path):
        other = context.Process(target=_try_to_open, args=(str(tmp_path), answer))
        other.start()
        said = answer.get(timeout=30)
        other.join()
    assert "is being written by another process" in said
    opened(tmp_path).close()


def test_the_manifest_comes_last_and_is_taken_back(tmp_path: Path):
    with opened(tmp_path, 2) as run:
        assert not (tmp_path / "manifest.json").exists()
        run.finish(num_problems=2, num_units=6, isolation=None)
        manifest = Manifest.model_validate_json((tmp_path / "manifest.json").read_bytes())
        assert manifest.num_units == 6
        assert set(manifest.digests) >= {"trajectories.jsonl", "grades.jsonl"}
        run.reopen()
    assert not (tmp_path / "manifest.json").exists()


def test_the_first_completion_of_a_key_stays(tmp_path: Path):
    request = Request(messages=(Message(role="user", content="hello"),))
    with opened(tmp_path) as run:
        for text in ("first", "second"):
            run.calls.put(request.key, request, Completion(text=text, finish_reason="stop"))
    with opened(tmp_path) as run:
        stored = run.calls.get(request.key)
        assert stored is not None and stored.text == "first"
        assert len(run.calls) == 1


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "x.jsonl"
    write_lines(path, [RunProblem(problem_id="a")])

    def broken():
        yield RunProblem(problem_id="b")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write_lines(path, broken())
    assert [p.problem_id for p in read_lines(path, RunProblem)] == ["a"]
    assert [p.name for p in tmp_path.iterdir()] == ["x.jsonl"]


def test_a_reader_sees_only_whole_lines(tmp_path: Path):
    path = tmp_path / "x.jsonl"
    lines = JsonLines(path, RunProblem)
    lines.append(RunProblem(problem_id="a"))
    with path.open("ab") as file:
        file.write(b'{"problem')
    assert [p.problem_id for p in read_lines(path, RunProblem)] == ["a"]
    lines.close()
