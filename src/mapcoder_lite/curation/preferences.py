"""Runs become preferences: pairs of replies to one prompt, and replies with a label.

Nothing is sampled: finished runs already hold several replies to the same prompt, of further
samples, second asks, other engines and corrections, and know what came of each.

Knows: the stages and their order, which replies answer the same prompt, the files.
Does not know: what an outcome rests on, how likeness or overlap is measured, training.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Literal, TypeVar

from mapcoder_lite.curation.decontamination import Contamination, Finding
from mapcoder_lite.curation.examples import compared
from mapcoder_lite.curation.harvest import GradedRun, open_runs, row_of
from mapcoder_lite.curation.lengths import measured
from mapcoder_lite.curation.outcomes import Ground, outcomes
from mapcoder_lite.curation.replacing import put_back, replaced
from mapcoder_lite.curation.selection import balanced, is_validation, without_near_copies
from mapcoder_lite.curation.sources import problems_of
from mapcoder_lite.errors import InputError, StoreError
from mapcoder_lite.example import Labelled, Pair, PairTokens
from mapcoder_lite.jsonl import read_lines, read_record, write_lines, write_record
from mapcoder_lite.problem import Record
from mapcoder_lite.settings import DatasetConfig
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import CallKind, Message, Role, digest

T = TypeVar("T", Pair, Labelled)

Form = Literal["pairs", "labels"]
FORMS: tuple[Form, ...] = ("pairs", "labels")
"""Folders of the two forms of rows."""

Question = tuple[CallKind, tuple[Message, ...]]
"""A prompt: the same one whoever answered it, however often, under whatever guidance."""


class RoleCount(Record):
    """How many rows a role has, validation included, and how long their replies are."""

    num_pairs: int
    num_good: int
    """Labelled rows that led to a pass."""
    num_bad: int
    median_good: int
    """Tokens of the good labelled replies; 0 when there are none."""
    median_bad: int


class PreferenceManifest(Record):
    """What preferences were made from and what was left out at each stage, in their order."""

    schema_version: Literal[1] = 1
    runs: dict[str, str]
    """Run name to the digest of its trajectories."""
    prompts_digests: tuple[str, ...] = ()
    """Of the prompts that the runs asked with, as far as they say."""
    settings: DatasetConfig
    num_trajectories: int
    num_defective: int
    """Of problems whose hidden tests have a known fault; left out."""
    num_unjudged: int
    """Whose judge failed; left out."""
    num_passed: int
    num_outcomes: dict[Ground, int]
    """Calls, by what their outcome rests on."""
    num_distinct: int
    """Different replies to the same prompt, those left out whose prompt has none that passed and
    whose own outcome does not suffice without."""
    num_unlike: int
    """Left after near duplicates were removed, good and bad ones apart."""
    num_clean: int
    """Left after those that overlap with an evaluation set were removed."""
    num_labels: int
    """Left after no problem and role has more than its share of good, or of bad ones."""
    num_pairs: int
    """Made of the clean rows, within the same share of a problem and role."""
    num_validation: dict[Form, int]
    """Of these, set aside for validation."""
    num_problems: dict[Form, int]
    num_pairs_by_kind: dict[CallKind, int]
    num_pairs_by_ground: dict[Ground, int]
    """By what the rejection rests on."""
    num_guided: int
    """Pairs whose chosen reply was written under a supervisor's feedback."""
    num_mixed: int
    """Pairs of two models."""
    roles: dict[Role, RoleCount]
    counted_by: tuple[str, ...]
    contamination: Contamination | None = None
    """None: no evaluation set was named."""
    digests: dict[Form, dict[Role, str]]
    """Hex SHA-256 of the rows, validation last."""


def write_preferences(
    runs: Sequence[Path], folder: Path, settings: DatasetConfig
) -> PreferenceManifest:
    """Write pairs and labelled replies of complete, graded runs, a file a role and form.

    The folder is replaced whole or not at all.

    Raises:
        InputError: a run is not complete or not graded, or no row is left.
        SandboxError: a run's judge is not to be believed.
        StoreError: a file of a run is damaged, or the folder holds something else.
        ConfigError: a library that a setting needs is not installed.
    """
    put_back(folder)
    _refuse_to_replace(folder)
    opened = open_runs(runs)
    counts: Counter[str] = Counter()
    distinct = _distinct(row for run in opened for row in _judged(run, counts))
    unlike = _without_near_copies(distinct, settings.near_duplicate)
    found = compared(unlike, problems_of(opened), settings)
    clean = found.clean if found is not None and settings.drop_overlap else unlike
    if settings.tokenizer is not None:
        clean = list(measured(clean, Path(settings.tokenizer)))
    labels, pairs = _capped(clean, settings.max_rows_per_problem), _pairs(clean, settings)
    if not labels:
        raise InputError(_nothing_left(runs, counts, len(distinct)))
    parts: dict[Form, Parts] = {
        "pairs": _split(pairs, settings),
        "labels": _split(labels, settings),
    }
    manifest = PreferenceManifest(
        runs={run.path.resolve().name: run.trajectories_digest for run in opened},
        prompts_digests=tuple(sorted({d for run in opened if (d := run.header.prompts_digest)})),
        settings=settings,
        num_trajectories=counts["trajectories"],
        num_defective=counts["defective"],
        num_unjudged=counts["unjudged"],
        num_passed=counts["passed"],
        num_outcomes={ground: counts[ground] for ground in Ground},
        num_distinct=len(distinct),
        num_unlike=len(unlike),
        num_clean=len(clean),
        num_labels=len(labels),
        num_pairs=len(pairs),
        num_validation={form: sum(len(v) for _, v in parts[form].values()) for form in FORMS},
        num_problems={"pairs": _num_problems(pairs), "labels": _num_problems(labels)},
        num_pairs_by_kind=dict(Counter(pair.kind for pair in pairs)),
        num_pairs_by_ground=dict(Counter(Ground(pair.rejected_from.kept_by) for pair in pairs)),
        num_guided=sum(pair.chosen_from.is_guided for pair in pairs),
        num_mixed=sum(pair.chosen_from.model != pair.rejected_from.model for pair in pairs),
        roles={role: _counted(role, labels, pairs) for role in Role},
        counted_by=tuple(sorted({row.tokens.counted_by for row in labels})),
        contamination=found.summary if found is not None else None,
        digests={form: {r: _digest(*rows) for r, rows in parts[form].items()} for form in FORMS},
    )
    _write(folder, parts, found, manifest)
    return manifest


def open_preferences(folder: Path, runs: Mapping[str, str]) -> tuple[list[Pair], list[Labelled]]:
    """Read all pairs and labelled replies, validation last of a role.

    `runs` are the names of the runs that they must come from, and their trajectories' digests.

    Raises:
        InputError: they come from other runs, or from another state of these.
        StoreError: there are none, or they are not those that were written.
    """
    manifest = read_record(folder / "manifest.json", PreferenceManifest)
    if manifest.runs != runs:
        raise InputError(
            f"{folder} was made from {', '.join(sorted(manifest.runs))} as they were then, not "
            f"from {', '.join(sorted(runs))} as they are: name those runs, or make it again with "
            "`mapcoder preferences`"
        )
    pairs = [row for role in Role for row in _read(folder, "pairs", role, Pair, manifest)]
    labels = [row for role in Role for row in _read(folder, "labels", role, Labelled, manifest)]
    return pairs, labels


def _read(
    folder: Path, form: Form, role: Role, kind: type[T], manifest: PreferenceManifest
) -> list[T]:
    train, validation = (
        list(read_lines(folder / form / part / f"{role}.jsonl", kind))
        for part in ("", "validation")
    )
    if _digest(train, validation) != manifest.digests[form][role]:
        raise StoreError(
            f"{folder / form / f'{role}.jsonl'} does not hold the rows that the manifest speaks "
            "of; make them again with `mapcoder preferences`"
        )
    return [*train, *validation]


def _judged(run: GradedRun, counts: Counter[str]) -> list[Labelled]:
    """The replies of a run that have an outcome, by problem, sample and step."""

    def place(row: Labelled) -> tuple[int, int]:
        return run.places[row.provenance.problem_id], row.provenance.sample

    return sorted(_with_outcome(run, counts), key=place)


def _with_outcome(run: GradedRun, counts: Counter[str]) -> Iterator[Labelled]:
    for trajectory in run.trajectories():
        unit = Unit(trajectory.problem_id, trajectory.sample)
        counts["trajectories"] += 1
        counts["passed"] += unit in run.passed and unit.problem_id not in run.defective
        if unit.problem_id in run.defective:
            counts["defective"] += 1
        elif unit not in run.passed | run.failed:
            counts["unjudged"] += 1
        else:
            for one in outcomes(trajectory, has_passed=unit in run.passed):
                counts[one.ground] += 1
                row = row_of(run, trajectory, one.position, one.ground)
                yield Labelled(**dict(row), label=one.is_good)


def _distinct(rows: Iterable[Labelled]) -> list[Labelled]:
    """Keep each reply to a prompt once; one that ever led to a pass is good.

    What speaks against a reply only beside a better one needs the better one.
    """
    replies: dict[tuple[Question, str], Labelled] = {}
    for row in rows:
        key = _question(row), row.completion[0].content
        if key not in replies or (row.label and not replies[key].label):
            replies[key] = row
    passed = {_question(row) for row in replies.values() if row.label}
    corrected = {_question(row) for row in replies.values() if row.label and _is_guided(row)}

    def is_sound(row: Labelled) -> bool:
        ground = Ground(row.provenance.kept_by)
        better = corrected if ground is Ground.CORRECTED else passed
        return not ground.is_relative or _question(row) in better

    return [row for row in replies.values() if is_sound(row)]


def _is_guided(row: Labelled) -> bool:
    return row.provenance.is_guided


def _question(row: Labelled) -> Question:
    return row.kind, row.prompt


def _without_near_copies(rows: Sequence[Labelled], threshold: float) -> list[Labelled]:
    """Leave out near copies of good rows among the good, of bad among the bad.

    A bad reply that is nearly a good one teaches most of all.
    """
    return [
        row
        for is_good in (True, False)
        for row in without_near_copies([r for r in rows if r.label is is_good], threshold)
    ]


def _capped(rows: Sequence[Labelled], most: int | None) -> list[Labelled]:
    return [
        row
        for is_good in (True, False)
        for row in balanced([r for r in rows if r.label is is_good], most)
    ]


def _pairs(rows: Sequence[Labelled], settings: DatasetConfig) -> list[Pair]:
    """Pair every bad reply with a good one to the same prompt, the good ones taking turns.

    One of the same model is taken where there is any: two models differ in more than in what is
    right, and that would be learnt.
    """
    good: defaultdict[tuple[Question, str | None], list[Labelled]] = defaultdict(list)
    for row in rows:
        if row.label:
            good[_question(row), row.provenance.model].append(row)
            good[_question(row), None].append(row)
    turns = {key: cycle(replies) for key, replies in good.items()}
    rejected = [row for row in rows if not row.label and (_question(row), None) in turns]
    return [
        _pair(next(turns.get((question, row.provenance.model), turns[question, None])), row)
        for row in balanced(rejected, settings.max_rows_per_problem)
        for question in (_question(row),)
    ]


def _pair(chosen: Labelled, rejected: Labelled) -> Pair:
    return Pair(
        prompt=chosen.prompt,
        chosen=chosen.completion,
        rejected=rejected.completion,
        role=chosen.role,
        kind=chosen.kind,
        chosen_from=chosen.provenance,
        rejected_from=rejected.provenance,
        tokens=PairTokens(
            prompt=chosen.tokens.prompt,
            chosen=chosen.tokens.completion,
            rejected=rejected.tokens.completion,
            counted_by=chosen.tokens.counted_by,
        ),
    )


Parts = Mapping[Role, tuple[list[Labelled | Pair], list[Labelled | Pair]]]
"""Rows to train on and to validate on."""


def _split(rows: Sequence[Labelled | Pair], settings: DatasetConfig) -> Parts:
    parts: Parts = {role: ([], []) for role in Role}
    for row in rows:
        is_later = is_validation(_problem_of(row), settings.validation_share, settings.seed)
        parts[row.role][is_later].append(row)
    return parts


def _problem_of(row: Labelled | Pair) -> str:
    origin = row.rejected_from if isinstance(row, Pair) else row.provenance
    return origin.problem_id


def _num_problems(rows: Sequence[Labelled | Pair]) -> int:
    return len({_problem_of(row) for row in rows})


def _counted(role: Role, labels: Sequence[Labelled], pairs: Sequence[Pair]) -> RoleCount:
    good, bad = (
        sorted(r.tokens.completion for r in labels if r.role is role and r.label is is_good)
        for is_good in (True, False)
    )
    return RoleCount(
        num_pairs=sum(pair.role is role for pair in pairs),
        num_good=len(good),
        num_bad=len(bad),
        median_good=good[len(good) // 2] if good else 0,
        median_bad=bad[len(bad) // 2] if bad else 0,
    )


def _digest(train: Sequence[Labelled | Pair], validation: Sequence[Labelled | Pair]) -> str:
    return digest([row.model_dump(mode="json") for row in (*train, *validation)])


def _refuse_to_replace(folder: Path) -> None:
    """Refuse a folder that holds anything but preferences: what is replaced is removed."""
    is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not (is_free or all((folder / form).is_dir() for form in FORMS)):
        raise StoreError(
            f"{folder} is there and holds no preferences, so it is not replaced: take another "
            "--name"
        )


def _write(
    folder: Path,
    parts: Mapping[Form, Parts],
    found: Finding[Labelled] | None,
    manifest: PreferenceManifest,
) -> None:
    """Write all files, the manifest last."""
    with replaced(folder) as fresh:
        for form, roles in parts.items():
            (fresh / form / "validation").mkdir(parents=True)
            for role, (train, validation) in roles.items():
                write_lines(fresh / form / f"{role}.jsonl", train)
                write_lines(fresh / form / "validation" / f"{role}.jsonl", validation)
        if found is not None:
            write_lines(fresh / "flagged.jsonl", found.flagged)
        write_record(fresh / "manifest.json", manifest)


def _nothing_left(runs: Sequence[Path], counts: Counter[str], num_distinct: int) -> str:
    names = ", ".join(map(str, runs))
    if num_distinct:
        return (
            f"all {num_distinct} replies of {names} overlap with an evaluation set: see whether "
            "dataset.against names the problems that were run, or raise dataset.max_containment"
        )
    return (
        f"no reply of {names} has an outcome: {counts['trajectories']} trajectories, "
        f"{counts['defective']} of problems with defective tests, {counts['unjudged']} not judged; "
        "run more problems"
    )
