"""What an audit reads: runs and a data set made from them, refused when anything does not fit.

Knows: digests that tie rows to runs and runs to their files, which attempt at a problem is first.
Does not know: what is counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mapcoder_lite.curation.examples import DatasetManifest
from mapcoder_lite.curation.intact import open_intact
from mapcoder_lite.errors import InputError, StoreError
from mapcoder_lite.example import Correction, Example, Provenance
from mapcoder_lite.jsonl import read_lines, read_record
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.store import RunHeader, Unit
from mapcoder_lite.trajectory import CallKind, Grade, Role, Trajectory, digest
from mapcoder_lite.verdict import Verdict


@dataclass(frozen=True, slots=True)
class AuditedRun:
    """A complete, graded run whose judge passed its self-test; trajectories are streamed."""

    path: Path
    header: RunHeader
    problems: Mapping[str, RunProblem]
    passed: Mapping[Unit, bool]
    """Whether each graded unit passed; units whose judge failed are not there."""
    num_unjudged: int
    """Grades IE: the judge's fault, never counted as wrong."""
    corrections: tuple[Correction, ...]
    trajectories_digest: str

    @property
    def name(self) -> str:
        """The name of its directory, as rows say it."""
        return self.path.resolve().name

    @property
    def is_repair(self) -> bool:
        """Whether its trajectories were corrected under a supervisor."""
        return (self.path / "corrections.jsonl").exists()

    def trajectories(self) -> Iterator[Trajectory]:
        """Every trajectory, one at a time."""
        return read_lines(self.path / "trajectories.jsonl", Trajectory)


@dataclass(frozen=True, slots=True)
class Row:
    """What an audit keeps of a training row."""

    role: Role
    kind: CallKind
    provenance: Provenance
    is_validation: bool
    """Whether it is set aside, in a file of its own."""

    @property
    def attempt(self) -> tuple[str, Unit]:
        """The run and unit that the row comes from."""
        return self.provenance.run, Unit(self.provenance.problem_id, self.provenance.sample)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set whose rows are those that its manifest speaks of."""

    path: Path
    manifest: DatasetManifest
    rows: tuple[Row, ...]


def open_run(path: Path) -> AuditedRun:
    """Read a run's small files and check the large ones against its manifest.

    Raises:
        InputError: the run is not complete or not graded.
        StoreError: it is no run directory, or a file of it is not what was written.
        SandboxError: its judge failed the self-test, or was never examined.
    """
    run = open_intact(path)
    problems = {p.problem_id: p for p in read_lines(path / "problems.jsonl", RunProblem)}
    judged = [grade for grade in run.grades if not _is_internal(grade)]
    return AuditedRun(
        path=path,
        header=run.header,
        problems=problems,
        passed={
            Unit(g.problem_id, g.sample): g.is_passed
            for g in judged
            if problems[g.problem_id].defect is None  # to pass faulty tests proves nothing
        },
        num_unjudged=len(run.grades) - len(judged),
        corrections=tuple(read_lines(path / "corrections.jsonl", Correction)),
        trajectories_digest=run.manifest.digests["trajectories.jsonl"],
    )


def open_runs(paths: Sequence[Path]) -> tuple[AuditedRun, ...]:
    """Read the runs that a data set was made from.

    Raises:
        InputError: two have one name, or mean different problems by one id; see also `open_run`.
    """
    runs = tuple(open_run(path) for path in paths)
    names = [run.name for run in runs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two runs are named {twice}: rows say only the name; rename one of them")
    problems_of(runs)
    return runs


def problems_of(runs: Sequence[AuditedRun]) -> dict[str, RunProblem]:
    """Return every problem of the runs, in order of appearance.

    Raises:
        InputError: an id means one problem here and another there.
    """
    problems: dict[str, RunProblem] = {}
    for run in runs:
        for id, problem in run.problems.items():
            known = problems.setdefault(id, problem)
            if (known.tags, known.difficulty) != (problem.tags, problem.difficulty):
                raise InputError(
                    f"{run.path}: problem {id} has other tags or another rating than in an earlier "
                    "run; audit runs of the same problem files together"
                )
    return problems


def open_dataset(path: Path, runs: Sequence[AuditedRun]) -> Dataset:
    """Read a data set and check that it was made from exactly these runs.

    Raises:
        InputError: it was made from others, or from an earlier state of these.
        StoreError: it is no data set, or its rows are not those that were written.
    """
    manifest = read_record(path / "manifest.json", DatasetManifest)
    _refuse_other_runs(path, manifest, runs)
    rows = tuple(row for role in Role for row in _rows(path, role, manifest))
    graded = {(run.name, unit) for run in runs for unit in run.passed}
    strange = next((row for row in rows if row.attempt not in graded), None)
    if strange is not None:
        run, unit = strange.attempt
        raise StoreError(
            f"{path}: a {strange.role} row comes from {unit.problem_id} sample {unit.sample}, "
            f"which run {run} did not grade; make the data set again"
        )
    return Dataset(path, manifest, rows)


def first_attempts(runs: Sequence[AuditedRun]) -> dict[str, bool]:
    """Return whether the first graded attempt at each problem passed.

    Later attempts depend on it: further samples are drawn where the first ones failed, and repair
    takes up what failed. Runs count in their order, those of a repair last.
    """
    outcomes: dict[str, bool] = {}
    for run in sorted(runs, key=lambda run: run.is_repair):
        for unit in sorted(run.passed, key=lambda unit: unit.sample):
            outcomes.setdefault(unit.problem_id, run.passed[unit])
    return outcomes


def _refuse_other_runs(path: Path, manifest: DatasetManifest, runs: Sequence[AuditedRun]) -> None:
    given = {run.name: run.trajectories_digest for run in runs}
    missing, other = manifest.runs.keys() - given.keys(), given.keys() - manifest.runs.keys()
    if missing or other:
        raise InputError(
            f"{path} was made from {', '.join(sorted(manifest.runs))}, not from "
            f"{', '.join(sorted(given))}: name exactly the runs that it was made from"
        )
    changed = [name for name, known in manifest.runs.items() if given[name] != known]
    if changed:
        raise InputError(
            f"{path} was made from another state of {', '.join(changed)}: make it again with "
            "`mapcoder dataset`"
        )


def _rows(path: Path, role: Role, manifest: DatasetManifest) -> list[Row]:
    training = list(read_lines(path / f"{role}.jsonl", Example))
    validation = list(read_lines(path / "validation" / f"{role}.jsonl", Example))
    examples = [*training, *validation]
    if digest([e.model_dump(mode="json") for e in examples]) != manifest.digests.get(role):
        raise StoreError(
            f"{path / f'{role}.jsonl'} does not hold the rows that the manifest speaks of; "
            "make the data set again with `mapcoder dataset`"
        )
    return [
        Row(example.role, example.kind, example.provenance, is_validation=place >= len(training))
        for place, example in enumerate(examples)
    ]


def _is_internal(grade: Grade) -> bool:
    return grade.judgement is not None and grade.judgement.verdict is Verdict.IE
