"""Passing trajectories become training rows: the steps that the final program rests on.

Knows: which step of a trajectory earns a row, and why; duplicates.
Does not know: engines, tokens, training.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from mapcoder_lite.agents import parse
from mapcoder_lite.errors import InputError
from mapcoder_lite.example import Example, Provenance
from mapcoder_lite.jsonl import read_lines, read_record, write_lines, write_record
from mapcoder_lite.problem import Record
from mapcoder_lite.store import Manifest
from mapcoder_lite.trajectory import Call, CallKind, Grade, Message, Role, Trajectory, Trial, digest

PASS_FILTER = "passed all hidden tests"


class DatasetManifest(Record):
    """What a dataset was made from and what was left out at each stage."""

    schema_version: Literal[1] = 1
    runs: dict[str, str]
    """Run name to the digest of its trajectories."""
    num_trajectories: int
    num_passed: int
    num_steps: int
    """Calls in the passing trajectories."""
    num_kept: int
    """Calls that the final programs rest on."""
    num_rows: int
    """Rows left after duplicates were removed."""
    num_rows_by_kind: dict[CallKind, int]
    digests: dict[Role, str]
    """Hex SHA-256 of the rows of each role."""


def write_dataset(
    runs: Sequence[Path], folder: Path, *, keep_failed: bool = False
) -> DatasetManifest:
    """Write one file of rows a role from complete, graded runs; the manifest comes last.

    `keep_failed` switches the pass filter off, for measuring what the filter is worth.

    Raises:
        InputError: a run is not complete or not graded, or no row is left.
        StoreError: a file of a run is damaged.
    """
    counts: Counter[str] = Counter()
    kept = list(_unique(_kept_examples(runs, counts, keep_failed=keep_failed)))
    if not kept:
        names = ", ".join(map(str, runs))
        raise InputError(
            f"no row is left of {names}: {counts['trajectories']} trajectories, "
            f"{counts['passed']} passed all hidden tests; run more problems or a better teacher"
        )
    folder.mkdir(parents=True, exist_ok=True)
    by_role = {role: [row for row in kept if row.role is role] for role in Role}
    for role, rows in by_role.items():
        write_lines(folder / f"{role}.jsonl", rows)
    manifest = DatasetManifest(
        runs={run.name: _trajectories_digest(run) for run in runs},
        num_trajectories=counts["trajectories"],
        num_passed=counts["passed"],
        num_steps=counts["steps"],
        num_kept=counts["kept"],
        num_rows=len(kept),
        num_rows_by_kind=dict(Counter(row.kind for row in kept)),
        digests={role: _rows_digest(rows) for role, rows in by_role.items()},
    )
    write_record(folder / "manifest.json", manifest)
    return manifest


def steps_that_count(trajectory: Trajectory) -> list[int]:
    """Return the positions of the calls that the final program rests on.

    These are the retrieval reply that was read; the plan that was followed; its confidence and
    those ranked below it, for they let it be tried first; and the one call that wrote the program.
    A plan that was tried and dropped, a program that failed and a patch that did not mend it are
    not among them.
    """
    trial = _final_trial(trajectory)
    if trial is None:
        return []
    followed = _confidence(trajectory, trial.plan_index)
    return [
        position
        for position, step in enumerate(trajectory.steps)
        if isinstance(step, Call) and step.failure is None and _counts(step, trial, followed)
    ]


def _counts(call: Call, trial: Trial, followed: int) -> bool:
    match call.kind:
        case CallKind.RETRIEVAL:
            return True
        case CallKind.PLAN:
            return call.plan_index == trial.plan_index
        case CallKind.CONFIDENCE:
            return call.plan_index == trial.plan_index or _stated(call) < followed
        case CallKind.CODING:
            return call.plan_index == trial.plan_index and trial.round == 0
        case CallKind.DEBUGGING:
            return call.plan_index == trial.plan_index and trial.round == call.round


def _trajectories_digest(run: Path) -> str:
    return read_record(run / "manifest.json", Manifest).digests["trajectories.jsonl"]


def _rows_digest(rows: Sequence[Example]) -> str:
    return digest([row.model_dump(mode="json") for row in rows])


def _final_trial(trajectory: Trajectory) -> Trial | None:
    """The trial that first judged the submitted program."""
    return next((t for t in trajectory.trials if t.program == trajectory.program), None)


def _confidence(trajectory: Trajectory, plan_index: int) -> int:
    """The confidence of a plan; 0 when its reply could not be read, as in the traversal."""
    for call in trajectory.calls:
        if call.kind is CallKind.CONFIDENCE and call.plan_index == plan_index and not call.failure:
            return _stated(call)
    return 0


def _stated(call: Call) -> int:
    return parse.confidence(call.completion)


def _kept_examples(
    runs: Sequence[Path], counts: Counter[str], *, keep_failed: bool
) -> Iterator[Example]:
    for run in runs:
        passed = _passed_units(run)
        for trajectory in read_lines(run / "trajectories.jsonl", Trajectory):
            counts["trajectories"] += 1
            has_passed = (trajectory.problem_id, trajectory.sample) in passed
            counts["passed"] += has_passed
            if has_passed or keep_failed:
                counts["steps"] += len(trajectory.calls)
                yield from _examples(run.name, trajectory, counts, keep_failed=keep_failed)


def _passed_units(run: Path) -> set[tuple[str, int]]:
    if not (run / "manifest.json").exists():
        raise InputError(f"{run} is not a complete run: give its command again to finish it")
    grades = list(read_lines(run / "grades.jsonl", Grade))
    if not grades:
        raise InputError(f"{run} is not graded: run it with run.hidden_tests set")
    return {(grade.problem_id, grade.sample) for grade in grades if grade.is_passed}


def _examples(
    run: str, trajectory: Trajectory, counts: Counter[str], *, keep_failed: bool
) -> Iterator[Example]:
    for position in steps_that_count(trajectory):
        step = trajectory.steps[position]
        assert isinstance(step, Call)
        counts["kept"] += 1
        yield Example(
            prompt=step.request.messages,
            completion=(Message(role="assistant", content=step.completion.text),),
            role=step.role,
            kind=step.kind,
            provenance=Provenance(
                run=run,
                problem_id=trajectory.problem_id,
                sample=trajectory.sample,
                call_index=position,
                model=step.completion.model,
                kept_by="no filter" if keep_failed else PASS_FILTER,
            ),
        )


def _unique(rows: Iterable[Example]) -> Iterator[Example]:
    """Leave out rows that say exactly what an earlier one says."""
    seen: set[str] = set()
    for row in rows:
        key = digest([message.content for message in (*row.prompt, *row.completion)])
        if key not in seen:
            seen.add(key)
            yield row
