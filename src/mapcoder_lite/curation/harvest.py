"""Rows of graded runs: what passing trajectories teach, with where each row comes from.

Knows: run directories, the pass filter, corrections of repaired runs.
Does not know: which of the rows are kept, files of a data set.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mapcoder_lite.curation.intact import open_intact
from mapcoder_lite.curation.steps import steps_that_count
from mapcoder_lite.errors import InputError
from mapcoder_lite.example import Correction, Example, Provenance, RowTokens
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.store import RunHeader, Unit
from mapcoder_lite.trajectory import Call, Grade, Message, Trajectory
from mapcoder_lite.verdict import Verdict

PASS_FILTER = "passed all hidden tests"
NO_FILTER = "no filter"


@dataclass(frozen=True, slots=True)
class GradedRun:
    """A complete run whose grades may be believed."""

    path: Path
    header: RunHeader
    trajectories_digest: str
    passed: frozenset[Unit]
    failed: frozenset[Unit]
    """Judged soundly and not passed; a unit whose judge failed is neither."""
    places: dict[str, int]
    """Of each problem in the order in which the run was given them."""
    defective: frozenset[str]
    """Problems whose hidden tests have a known fault: to pass them proves nothing."""
    corrections: dict[Unit, tuple[Correction, ...]]
    """Of a repaired run, in order."""

    def trajectories(self) -> Iterator[Trajectory]:
        """Yield every trajectory, one at a time."""
        return read_lines(self.path / "trajectories.jsonl", Trajectory)


def open_runs(paths: Sequence[Path]) -> list[GradedRun]:
    """Open the runs that a data set is made from.

    Raises:
        InputError: one is not complete or not graded, or two have the same name.
        SandboxError: a run's judge failed its self-test, or was never examined.
        StoreError: a file of a run is damaged.
    """
    names = Counter(path.resolve().name for path in paths)
    name, count = names.most_common(1)[0]
    if count > 1:
        raise InputError(f"{count} runs are called {name}: rows could not say which they come from")
    return [_open(path) for path in paths]


def rows_of(run: GradedRun, counts: Counter[str], *, keeps_failed: bool) -> list[Example]:
    """Return the rows that a run's trajectories earned; count what was seen of each stage.

    `keeps_failed` lets those teach, too, whose program failed: the pass filter is off.

    They stand by problem, sample and step: attempts end, and are written, in another order in every
    run, and which of two near duplicates stays must not hang on that.
    """

    def place(row: Example) -> tuple[int, int]:
        return run.places[row.provenance.problem_id], row.provenance.sample

    return sorted(_earned(run, counts, keeps_failed=keeps_failed), key=place)


def _earned(run: GradedRun, counts: Counter[str], *, keeps_failed: bool) -> Iterator[Example]:
    for trajectory in run.trajectories():
        unit = Unit(trajectory.problem_id, trajectory.sample)
        counts["trajectories"] += 1
        if unit.problem_id in run.defective:
            counts["defective"] += 1
            continue
        has_passed = unit in run.passed
        counts["passed"] += has_passed
        if has_passed or keeps_failed:
            counts["steps"] += len(trajectory.calls) * has_passed
            yield from _rows(run, trajectory, PASS_FILTER if has_passed else NO_FILTER)


def _rows(run: GradedRun, trajectory: Trajectory, kept_by: str) -> Iterator[Example]:
    for position in steps_that_count(trajectory):
        yield row_of(run, trajectory, position, kept_by)


def row_of(run: GradedRun, trajectory: Trajectory, position: int, kept_by: str) -> Example:
    """Return the row of one call of a run's trajectory, its position among the steps."""
    call = trajectory.steps[position]
    assert isinstance(call, Call)
    corrections = run.corrections.get(Unit(trajectory.problem_id, trajectory.sample), ())
    # Where nobody was blamed nothing was asked again: the last round that did is the trajectory's.
    guided = next((c.guided for c in reversed(corrections) if c.blame is not None), ())
    return Example(
        prompt=call.request.messages,
        completion=(Message(role="assistant", content=call.completion.text),),
        role=call.role,
        kind=call.kind,
        provenance=Provenance(
            run=run.path.resolve().name,
            problem_id=trajectory.problem_id,
            sample=trajectory.sample,
            call_index=position,
            model=call.completion.model,
            kept_by=kept_by,
            round=max((c.round for c in corrections if c.is_changed), default=0),
            is_guided=position in guided,
        ),
        tokens=RowTokens(
            prompt=call.completion.usage.prompt_tokens,
            completion=call.completion.usage.completion_tokens,
            counted_by=call.completion.model,
        ),
    )


def _open(path: Path) -> GradedRun:
    run = open_intact(path)
    corrections: dict[Unit, tuple[Correction, ...]] = {}
    for one in read_lines(path / "corrections.jsonl", Correction):
        unit = Unit(one.problem_id, one.sample)
        corrections[unit] = (*corrections.get(unit, ()), one)
    problems = list(read_lines(path / "problems.jsonl", RunProblem))
    return GradedRun(
        path=path,
        header=run.header,
        trajectories_digest=run.manifest.digests["trajectories.jsonl"],
        passed=frozenset(Unit(g.problem_id, g.sample) for g in run.grades if g.is_passed),
        failed=frozenset(Unit(g.problem_id, g.sample) for g in run.grades if _is_failed(g)),
        places={problem.problem_id: place for place, problem in enumerate(problems)},
        defective=frozenset(p.problem_id for p in problems if p.defect is not None),
        corrections=corrections,
    )


def _is_failed(grade: Grade) -> bool:
    judgement = grade.judgement
    return judgement is None or not (judgement.is_accepted or judgement.verdict is Verdict.IE)
