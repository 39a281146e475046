"""Audit what a teacher's runs became: what was lost on the way, and whom the loss favours.

The paper leaves a bias audit of teacher trajectories open (MapCoder-Lite 2509.17489); a filter that
keeps what passes keeps what is easy (DART-Math 2407.13690).

Knows: the five stages, tags and rating bands as labels, what each stage weighs.
Does not know: how numbers are shown, judges.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mapcoder_lite.curation.evidence import (
    AuditedRun,
    Dataset,
    first_attempts,
    open_dataset,
    open_run,
    open_runs,
    problems_of,
)
from mapcoder_lite.curation.funnel import AttemptTally, Funnel, funnel
from mapcoder_lite.curation.odds import PassOdds, pass_odds
from mapcoder_lite.curation.recalls import Recalls, RecallTally
from mapcoder_lite.curation.rejudging import Rejudged
from mapcoder_lite.curation.shift import NUM_DRAWS, SEED, Population, Shift
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Record
from mapcoder_lite.run_problem import RunProblem, band_of, tags_of

StageName = Literal["problems", "attempts", "passed", "rows", "student"]
LabelsOf = Callable[[RunProblem], tuple[str, ...]]
Weights = Mapping[str, float]
"""Problem id to how many of a stage belong to it."""


class StageShares(Record):
    """How one stage is spread over labels."""

    stage: StageName
    num_units: int
    """Problems, attempts, attempts that passed, rows; problems that the student solved."""
    num_problems: int
    """Different problems that these belong to."""
    shares: dict[str, float]
    """A problem with several tags counts for each of them in equal parts."""
    shift: Shift | None
    """From the first stage; None for the first stage itself, and where nothing is left."""


class StudentBias(Record):
    """A student's solved problems beside the problems that it was given, often another set."""

    run: str
    shares: dict[str, float]
    """Of the problems that it was given."""
    shift: Shift | None
    """From these to those that it solved."""


class LabelBias(Record):
    """The bias over one kind of label."""

    stages: tuple[StageShares, ...]
    odds: tuple[PassOdds, ...]
    student: StudentBias | None = None


class Audit(Record):
    """audit.json: the way from problems to rows, and whom it favours."""

    schema_version: Literal[1] = 1
    dataset: str
    runs: dict[str, str]
    """Run name to the engine that answered."""
    student: str | None = None
    funnel: Funnel
    tags: LabelBias
    ratings: LabelBias
    recalls: Recalls
    num_draws: int = NUM_DRAWS
    """Random deals behind every distance by chance."""
    seed: int = SEED
    rejudged: Rejudged | None = None
    """None: the final programs were not judged again."""


@dataclass(frozen=True, slots=True)
class Solved:
    """The problems that a student was given, and those that it solved at least once."""

    run: AuditedRun

    @property
    def weights(self) -> Weights:
        """1 for each problem solved in any sample."""
        return {unit.problem_id: 1.0 for unit, passed in self.run.passed.items() if passed}

    @property
    def problems(self) -> Mapping[str, RunProblem]:
        """The problems that were graded."""
        graded = {unit.problem_id for unit in self.run.passed}
        return {id: problem for id, problem in self.run.problems.items() if id in graded}


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the bias over any kind of label is computed from."""

    problems: Mapping[str, RunProblem]
    runs: Sequence[AuditedRun]
    stages: Mapping[StageName, Weights]
    """All but the student's, in order."""
    student: Solved | None


def audit(paths: Sequence[Path], folder: Path, *, student: Path | None = None) -> Audit:
    """Read runs and the data set made from them, and count.

    Raises:
        InputError: a run is not complete or not graded, or the data set was made from others.
        StoreError: a file is damaged or was changed.
        SandboxError: the judge of a run failed its self-test, or was never examined.
        ConfigError: scipy and statsmodels are not installed.
    """
    runs = open_runs(paths)
    dataset = open_dataset(folder, runs)
    solved = Solved(open_run(student)) if student else None
    problems = problems_of(runs)
    attempts, recalls = AttemptTally(), RecallTally()
    units: Counter[str] = Counter()
    for run in runs:
        for trajectory in run.trajectories():
            if trajectory.problem_id not in problems:
                raise InputError(
                    f"{run.path}: trajectories.jsonl names {trajectory.problem_id}, which "
                    "problems.jsonl does not"
                )
            attempts.add(run, trajectory)
            recalls.add(trajectory, tags_of(problems[trajectory.problem_id]))
            units[trajectory.problem_id] += 1
    evidence = _Evidence(problems, runs, _stages(runs, units, dataset), solved)
    return Audit(
        dataset=folder.name,
        runs={run.name: run.header.engine_identity for run in runs},
        student=student.name if student else None,
        funnel=funnel(runs, attempts, dataset),
        tags=_bias(evidence, tags_of),
        ratings=_bias(evidence, band_of),
        recalls=recalls.recalls(),
    )


def _stages(
    runs: Sequence[AuditedRun], attempts: Weights, dataset: Dataset
) -> dict[StageName, Weights]:
    """Return what each problem weighs at each stage: how many of the stage's units are its own."""
    passed = Counter(
        unit.problem_id for run in runs for unit, has_passed in run.passed.items() if has_passed
    )
    return {
        "problems": dict.fromkeys(problems_of(runs), 1.0),
        "attempts": attempts,
        "passed": passed,
        "rows": Counter(row.provenance.problem_id for row in dataset.rows),
    }


def _bias(evidence: _Evidence, labels_of: LabelsOf) -> LabelBias:
    labels = {id: labels_of(problem) for id, problem in evidence.problems.items()}
    population = Population(labels)
    stages = [
        _stage(name, weights, population.shares(weights), population.shift(weights))
        for name, weights in evidence.stages.items()
    ]
    stages[0] = stages[0].model_copy(update={"shift": None})
    student = None
    if evidence.student is not None:
        stage, student = _student(evidence.student, population, labels_of)
        stages.append(stage)
    first, passed = first_attempts(evidence.runs), evidence.stages["passed"]
    ever = {id: bool(passed.get(id)) for id in first}
    return LabelBias(stages=tuple(stages), odds=pass_odds(labels, first, ever), student=student)


def _student(
    solved: Solved, population: Population, labels_of: LabelsOf
) -> tuple[StageShares, StudentBias]:
    given = Population({id: labels_of(problem) for id, problem in solved.problems.items()})
    shares = given.shares(solved.weights)
    if population.has(solved.weights):
        shift = population.shift(solved.weights)
    else:
        shift = population.shift_of_others(shares, len(solved.weights))
    bias = StudentBias(
        run=solved.run.name, shares=given.even_shares, shift=given.shift(solved.weights)
    )
    return _stage("student", solved.weights, shares, shift), bias


def _stage(
    name: StageName, weights: Weights, shares: dict[str, float], shift: Shift | None
) -> StageShares:
    return StageShares(
        stage=name,
        num_units=round(sum(weights.values())),
        num_problems=sum(weight > 0 for weight in weights.values()),
        shares=shares,
        shift=shift,
    )
