"""How many units may fail through the house's fault before a run stops."""

from pathlib import Path

import pytest

from mapcoder_lite.problem import Problem
from mapcoder_lite.runner import run
from mapcoder_lite.trajectory import Trajectory
from test_runner import EQUAL, name_it, opened, threads, work


@pytest.mark.parametrize(
    ("share", "num_ended"),
    [(0.2, 20), (0.34, 100), (None, 100)],  # every third unit fails
)
def test_a_share_of_errors_ends_the_run_once_it_says_something(
    tmp_path: Path, share: float | None, num_ended: int
):
    todo, tried = work(100), list[str]()

    def sometimes(problem: Problem, sample: int) -> Trajectory:
        tried.append(problem.id)
        if len(tried) % 3 == 0:
            raise OSError("the server is gone")
        return name_it(problem, sample)

    with opened(tmp_path, todo) as directory:
        outcome = run(
            todo,
            threads(todo, sometimes, EQUAL),
            directory,
            max_errors=1000,
            max_error_share=share,
        )
        assert len(directory.solved_units()) == outcome.num_done
    assert len(tried) == num_ended
    assert outcome.num_errors == num_ended // 3
    assert outcome.num_done == num_ended - num_ended // 3


def test_only_the_trajectories_that_lack_a_grade_are_read_whole(tmp_path: Path):
    todo = work(5)
    with opened(tmp_path, todo) as directory:
        run(todo, threads(todo, name_it, EQUAL), directory)
    lines = (tmp_path / "grades.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "grades.jsonl").write_text("".join(lines[:-1]))
    with opened(tmp_path, todo) as directory:
        (ungraded,) = directory.trajectories_of(directory.solved_units() - directory.graded_units())
        assert ungraded.problem_id == "p4"
        outcome = run(todo, threads(todo, name_it, EQUAL), directory)
    assert outcome.is_complete
    assert (tmp_path / "trajectories.jsonl").read_text().count("\n") == 5
