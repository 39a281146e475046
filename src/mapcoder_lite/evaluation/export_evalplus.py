"""A run as EvalPlus's `samples.jsonl`, which `evalplus.evaluate --samples` judges by its own tests.

Source: evalplus 0.3.1, evalplus/data/utils.py (load_solutions) and evalplus/evaluate.py: a line
holds `task_id` and `solution`, the whole program; several samples repeat the task_id; a task
without a line ends the evaluation, hence an attempt without a program is an empty solution.

Knows: run directories, EvalPlus's line and its names of tasks.
Does not know: judges, metrics, terminals.
"""

from dataclasses import dataclass
from pathlib import Path

from mapcoder_lite.errors import StoreError
from mapcoder_lite.jsonl import read_lines, read_record, write_lines
from mapcoder_lite.problem import Language, Record
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.store import RunHeader
from mapcoder_lite.trajectory import Trajectory

_OUR_MBPP, _THEIR_MBPP = "mbpp/", "Mbpp/"


class EvalPlusSample(Record):
    """A line of samples.jsonl."""

    task_id: str
    solution: str


@dataclass(frozen=True, slots=True)
class EvalPlusExport:
    """What was written, and what could not be."""

    num_samples: int
    num_empty: int
    """Attempts without a program; their solution is empty."""
    num_owed: int
    """Attempts that the run still owes."""
    num_extra: int
    """Further attempts at hard problems, left out: pass@k would count them as any other."""


def export_evalplus(run: Path, file: Path) -> EvalPlusExport:
    """Write a run's programs for EvalPlus; the file is replaced whole or not at all.

    Raises:
        StoreError: it is no run directory, a line is damaged, a program is not in Python, or
            nothing was worked on yet.
    """
    num_first = read_record(run / "config.json", RunHeader).config.run.samples
    num_problems = sum(1 for _ in read_lines(run / "problems.jsonl", RunProblem))
    samples: list[EvalPlusSample] = []
    num_extra = 0
    for trajectory in read_lines(run / "trajectories.jsonl", Trajectory):
        if trajectory.sample < num_first:
            samples.append(_sample(run, trajectory))
        else:
            num_extra += 1
    if not samples:
        raise StoreError(f"{run} holds no attempt yet: give the same `mapcoder run` command first")
    write_lines(file, samples)
    return EvalPlusExport(
        num_samples=len(samples),
        num_empty=sum(not sample.solution for sample in samples),
        num_owed=num_problems * num_first - len(samples),
        num_extra=num_extra,
    )


def _sample(run: Path, trajectory: Trajectory) -> EvalPlusSample:
    if trajectory.language is not Language.PYTHON:
        raise StoreError(
            f"{run}: a program is in {trajectory.language.value}, and EvalPlus runs Python alone"
        )
    task_id = _their_name(trajectory.problem_id)
    return EvalPlusSample(task_id=task_id, solution=trajectory.program or "")


def _their_name(problem_id: str) -> str:
    """EvalPlus writes Mbpp/2 where the importer writes mbpp/2; HumanEval's names are the same."""
    if problem_id.startswith(_OUR_MBPP):
        return _THEIR_MBPP + problem_id.removeprefix(_OUR_MBPP)
    return problem_id
