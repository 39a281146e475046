"""Runs become a data set: rows a role, what was left out at each stage, a manifest.

Knows: the stages and their order, the files of a data set.
Does not know: which step earns a row, how likeness or overlap is measured, training.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from mapcoder_lite.curation.decontamination import Contamination, Finding, decontaminate
from mapcoder_lite.curation.flagged import Flagged
from mapcoder_lite.curation.harvest import NO_FILTER, open_runs, rows_of
from mapcoder_lite.curation.lengths import measured
from mapcoder_lite.curation.quoting import quotations
from mapcoder_lite.curation.replacing import put_back, replaced
from mapcoder_lite.curation.selection import (
    balanced,
    is_validation,
    without_copies,
    without_near_copies,
)
from mapcoder_lite.curation.sources import SourceCount, problems_of, sources_of
from mapcoder_lite.data.nearness import words_of
from mapcoder_lite.errors import InputError, StoreError
from mapcoder_lite.example import Example
from mapcoder_lite.jsonl import write_lines, write_record
from mapcoder_lite.problem import Problem, Record
from mapcoder_lite.settings import DatasetConfig
from mapcoder_lite.trajectory import CallKind, Role, digest

R = TypeVar("R", bound=Example)

_OURS = re.compile(
    r"(retrieval|planning|coding|debugging|flagged)\.jsonl$|validation$|manifest\.json$|audit"
)
"""What a folder of a data set holds; an audit speaks of the rows and goes with them."""


class LengthCount(Record):
    """How long the rows of a role are, in tokens of prompt and completion together."""

    median: int
    percentile_95: int
    longest: int


class DatasetManifest(Record):
    """What a data set was made from and what was left out at each stage, in their order."""

    schema_version: Literal[1] = 1
    runs: dict[str, str]
    """Run name to the digest of its trajectories."""
    prompts_digests: tuple[str, ...] = ()
    """Of the prompts' templates that the runs were asked with; a run older than this says none."""
    settings: DatasetConfig
    num_trajectories: int
    num_defective: int
    """Of problems whose hidden tests have a known fault; left out."""
    num_passed: int
    num_steps: int
    """Calls in the passing trajectories."""
    num_kept: int
    """Calls that the final programs rest on."""
    num_silent: int
    """Rows left after those that speak of a supervisor's feedback were removed."""
    num_distinct: int
    """Rows left after equal ones were removed."""
    num_unlike: int
    """Rows left after near duplicates were removed."""
    num_clean: int
    """Rows left after those that overlap with an evaluation set were removed."""
    num_rows: int
    """Rows left after no problem and role has more than its share; all that are written."""
    num_validation: int
    """Of these, set aside for validation."""
    num_failed: int
    """Of these, from attempts whose program failed; only with `keep` set to all."""
    num_problems: int
    """That have a row."""
    num_rows_by_kind: dict[CallKind, int]
    most_rows_per_problem: dict[Role, tuple[int, int]]
    """Of one problem, before and after the cap."""
    tokens: dict[Role, LengthCount]
    counted_by: tuple[str, ...]
    """Who counted the tokens."""
    contamination: Contamination | None = None
    """None: no evaluation set was named."""
    digests: dict[Role, str]
    """Hex SHA-256 of the rows of each role, validation last."""
    sources: tuple[SourceCount, ...] | None = None
    """Whose problems the rows show; None: a data set older than this."""


def write_dataset(runs: Sequence[Path], folder: Path, settings: DatasetConfig) -> DatasetManifest:
    """Write the rows of complete, graded runs: a file a role, and one of its validation rows.

    The folder is replaced whole or not at all.

    Raises:
        InputError: a run is not complete or not graded, or no row is left.
        SandboxError: a run's judge is not to be believed.
        StoreError: a file of a run is damaged, or the folder holds something else than a data set.
        ConfigError: a library that a setting needs is not installed.
    """
    put_back(folder)
    _refuse_to_replace(folder)
    opened = open_runs(runs)
    counts: Counter[str] = Counter()
    keeps_failed = settings.keep == "all"
    earned = [row for run in opened for row in rows_of(run, counts, keeps_failed=keeps_failed)]
    quoting = quotations(earned, {run.path.resolve().name: run.corrections for run in opened})
    silent = _without(quoting, earned)
    distinct = list(without_copies(silent))
    unlike = without_near_copies(distinct, settings.near_duplicate)
    problems = problems_of(opened)
    found = compared(unlike, problems, settings)
    clean = found.clean if found is not None and settings.drop_overlap else unlike
    rows = balanced(clean, settings.max_rows_per_problem)
    if not rows:
        raise InputError(_nothing_left(runs, counts, len(distinct), len(clean)))
    if settings.tokenizer is not None:
        rows = list(measured(rows, Path(settings.tokenizer)))
    parts = _split(rows, settings)
    manifest = DatasetManifest(
        runs={run.path.resolve().name: run.trajectories_digest for run in opened},
        prompts_digests=tuple(sorted({d for run in opened if (d := run.header.prompts_digest)})),
        settings=settings,
        num_trajectories=counts["trajectories"],
        num_defective=counts["defective"],
        num_passed=counts["passed"],
        num_steps=counts["steps"],
        num_kept=len(earned),
        num_silent=len(silent),
        num_distinct=len(distinct),
        num_unlike=len(unlike),
        num_clean=len(clean),
        num_rows=len(rows),
        num_validation=sum(len(validation) for _, validation in parts.values()),
        num_failed=sum(row.provenance.kept_by == NO_FILTER for row in rows),
        num_problems=len({row.provenance.problem_id for row in rows}),
        num_rows_by_kind=dict(Counter(row.kind for row in rows)),
        most_rows_per_problem={
            role: (_most_of_a_problem(clean, role), _most_of_a_problem(rows, role)) for role in Role
        },
        tokens=_lengths(rows),
        counted_by=tuple(sorted({row.tokens.counted_by for row in rows})),
        contamination=found.summary if found is not None else None,
        digests={role: _digest([*train, *later]) for role, (train, later) in parts.items()},
        sources=sources_of(rows, problems),
    )
    flagged = [*quoting, *(found.flagged if found is not None else ())]
    _write(folder, parts, flagged if flagged or settings.against else None, manifest)
    return manifest


def _without(flagged: Sequence[Flagged], rows: Sequence[Example]) -> list[Example]:
    replies = [one.reply for one in flagged]
    return [row for row in rows if row.provenance not in replies]


def compared(
    rows: Sequence[R], problems: Mapping[str, Problem], settings: DatasetConfig
) -> Finding[R] | None:
    """Compare rows with the evaluation sets; None when none is named. `problems` are the rows'.

    Raises:
        InputError: a set cannot be read, or the problems of the rows are no longer the same.
        ConfigError: a library is not installed.
    """
    if not settings.against:
        return None
    unknown = {row.provenance.problem_id for row in rows if not _is_asked_by(row, problems)}
    if unknown:
        raise InputError(
            f"the statements of {len(unknown)} problems, first {min(unknown)}, are not in the "
            "files that the runs name in run.problems, or are no longer those that the agents were "
            "shown, so that they cannot be compared with dataset.against: put the files back"
        )
    return decontaminate(rows, problems, settings)


def _is_asked_by(row: Example, problems: Mapping[str, Problem]) -> bool:
    """Whether the row's prompt shows the statement that the files have."""
    problem = problems.get(row.provenance.problem_id)
    shown = " ".join(word for m in row.prompt for word in words_of(m.content))
    return problem is not None and " ".join(words_of(problem.statement)) in shown


Parts = Mapping[Role, tuple[list[Example], list[Example]]]
"""Rows to train on and to validate on."""


def _split(rows: Sequence[Example], settings: DatasetConfig) -> Parts:
    parts: dict[Role, tuple[list[Example], list[Example]]] = {role: ([], []) for role in Role}
    for row in rows:
        id = row.provenance.problem_id
        is_later = is_validation(id, settings.validation_share, settings.seed)
        parts[row.role][is_later].append(row)
    return parts


def _refuse_to_replace(folder: Path) -> None:
    """Refuse a folder that holds anything but a data set: what is replaced is removed."""
    names = ("manifest.json", *(f"{role}.jsonl" for role in Role))
    is_dataset = all((folder / name).is_file() for name in names)
    is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not (is_free or is_dataset):
        raise StoreError(
            f"{folder} is there and is no data set, so it is not replaced: take another --name"
        )
    strange = [] if is_free else [p.name for p in folder.iterdir() if not _OURS.match(p.name)]
    if strange:
        raise StoreError(
            f"{folder} holds {min(strange)}, which is no file of a data set and would be removed "
            "with the old one: move it, or take another --name"
        )


def _write(
    folder: Path, parts: Parts, flagged: Sequence[Flagged] | None, manifest: DatasetManifest
) -> None:
    """Write all files, the manifest last."""
    with replaced(folder) as fresh:
        (fresh / "validation").mkdir()
        for role, (train, validation) in parts.items():
            write_lines(fresh / f"{role}.jsonl", train)
            write_lines(fresh / "validation" / f"{role}.jsonl", validation)
        if flagged is not None:
            write_lines(fresh / "flagged.jsonl", flagged)
        write_record(fresh / "manifest.json", manifest)


def _lengths(rows: Sequence[Example]) -> dict[Role, LengthCount]:
    lengths: dict[Role, LengthCount] = {}
    for role in Role:
        counts = sorted(r.tokens.prompt + r.tokens.completion for r in rows if r.role is role)
        if counts:
            lengths[role] = LengthCount(
                median=counts[len(counts) // 2],
                percentile_95=counts[len(counts) * 95 // 100],
                longest=counts[-1],
            )
    return lengths


def _most_of_a_problem(rows: Sequence[Example], role: Role) -> int:
    counts = Counter(row.provenance.problem_id for row in rows if row.role is role)
    return max(counts.values(), default=0)


def _digest(rows: Sequence[Example]) -> str:
    return digest([row.model_dump(mode="json") for row in rows])


def _nothing_left(
    runs: Sequence[Path], counts: Counter[str], num_distinct: int, num_clean: int
) -> str:
    names = ", ".join(map(str, runs))
    if num_distinct and not num_clean:
        return (
            f"all {num_distinct} rows of {names} overlap with an evaluation set: see whether "
            "dataset.against names the problems that were run, or raise dataset.max_containment"
        )
    return (
        f"no row is left of {names}: {counts['trajectories']} trajectories, "
        f"{counts['passed']} passed all hidden tests, {counts['defective']} of problems with "
        "defective tests; run more problems or a better teacher"
    )
