"""A run through a storm: faults at every turn and kill -9 until it is done, none asked twice."""

from itertools import islice
from pathlib import Path

import pytest

import storm
from mapcoder_lite.jsonl import write_lines
from mapcoder_lite.pocket.problems import puzzles
from mapcoder_lite.pocket.teacher import TeacherEngine
from test_cli_main import mapcoder

NUM_PROBLEMS, CONCURRENCY, K = 4, 4, 3


def test_killed_in_a_storm_a_run_ends_as_if_undisturbed(tmp_path: Path):
    known = list(islice(puzzles("train", 7), NUM_PROBLEMS))
    write_lines(tmp_path / "problems.jsonl", [puzzle.problem for puzzle in known])
    write_lines(tmp_path / "hidden_tests.jsonl", [puzzle.hidden for puzzle in known])
    world = storm.Storm(TeacherEngine(known), seed=1)
    words = storm.settings(
        world.server.url, tmp_path, f"run.concurrency={CONCURRENCY}", "judge.workers=1"
    )
    try:
        calm = mapcoder(tmp_path, "run", "--name", "calm", *words)
        assert calm.code == 0, calm.stderr
        world.rates = storm.STORMY
        journey = storm.survive(
            storm.program(tmp_path, "run", "--name", "stormy", *words),
            tmp_path / "runs" / "stormy" / "calls.jsonl",
            world,
            kill_after=(0.1, 1.5),
            seed=3,
            most_kills=2,
        )
    finally:
        world.close()
    runs = tmp_path / "runs"
    assert storm.differences(runs / "calm", runs / "stormy") == []
    assert journey.asked_again == []
    assert journey.lost == []
    assert journey.num_kills >= 1
    assert journey.most_in_air <= CONCURRENCY * K
    assert sum(world.faults.values()) > 0


def test_the_driver_sees_what_is_asked_again_and_what_differs(tmp_path: Path):
    """A driver that sees nothing proves nothing."""
    for name, text in (("a", "x"), ("b", "y")):
        (tmp_path / name).mkdir()
        line = f'{{"problem_id": "p", "sample": 0, "seconds": {len(name)}, "program": "{text}"}}\n'
        for file in ("trajectories.jsonl", "grades.jsonl"):
            (tmp_path / name / file).write_text(line * 2)
    found = storm.differences(tmp_path / "a", tmp_path / "b")
    assert "trajectories.jsonl: ('p', 0)" in found
    assert "grades.jsonl: 2 lines of 1 units" in found
    world = storm.Storm(TeacherEngine([]))
    command = storm.program(tmp_path, "run", "-s", "no=1")
    with pytest.raises(SystemExit, match="ended with 2"):
        storm.survive(command, tmp_path / "calls.jsonl", world, kill_after=(60, 60))
    world.close()
