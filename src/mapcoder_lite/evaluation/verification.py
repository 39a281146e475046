"""A saved report computed again from its run's records, and whether the records are as sealed.

Knows: which numbers are compared, which files must have which digests.
Does not know: how numbers come about, which records must agree, problems' files.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isclose
from pathlib import Path
from typing import Literal, cast

from mapcoder_lite.attribution import Attribution, Lattice
from mapcoder_lite.errors import InputError, StoreError
from mapcoder_lite.evaluation.agreement import Agreement
from mapcoder_lite.evaluation.attribution import AttributionTable, attribution_table
from mapcoder_lite.evaluation.metrics import SCHEMA_VERSION as METRICS_VERSION
from mapcoder_lite.evaluation.metrics import Metrics, measure_opened
from mapcoder_lite.evaluation.run_files import RunFiles, open_run
from mapcoder_lite.jsonl import file_digest, read_lines, read_record
from mapcoder_lite.problem import Record
from mapcoder_lite.store import Manifest, RunHeader
from mapcoder_lite.trajectory import Completion, Grade

SCHEMA_VERSION = 2
TOLERANCE = 1e-9
"""Relative: another machine may add in another order."""
MOST_FAULTS = 100
"""Told of each kind; the others are counted."""


class Differing(Record):
    """A number of the saved report that its records do not bring."""

    key: str
    """As `passed.num_passed`."""
    saved: str
    computed: str


class Recount(Record):
    """attribution.json, which reports show, counted again from the grades of its replays."""

    num_values: int
    """Of the saved table, each compared."""
    differing: tuple[Differing, ...]


class Verification(Record):
    """What `mapcoder verify` found."""

    schema_version: Literal[2] = SCHEMA_VERSION
    run: str
    is_sealed: bool
    """Whether manifest.json is there, whose digests say what the files were when the run was
    complete. Without it a record that was changed whole is not noticed."""
    num_values: int
    """Of the saved report, each compared."""
    differing: tuple[Differing, ...]
    num_calls: int
    """Of trajectories, each held against calls.jsonl."""
    num_replayed: int
    """Those of a repair that are not there so: what the run that is repaired was answered."""
    num_trials: int
    """Each held against the replies before it and its problem."""
    num_grades: int
    """Each held against its trajectory's program."""
    num_unnamed: int
    """Grades that do not say which program they judge: they are older than that."""
    faults: tuple[str, ...]
    """Records that do not agree, one sentence each."""
    num_further_faults: int = 0
    """Beyond those told."""
    attribution: Recount | None = None
    """None: the run has none."""

    @property
    def is_sound(self) -> bool:
        """Whether every number matches and all records agree."""
        differing = self.differing + (self.attribution.differing if self.attribution else ())
        return not differing and not self.faults


Count = Callable[[Iterable[Grade], Lattice], Sequence[Attribution]]
"""What the grades of replays say of each failure."""


def verify(path: Path, confidence: Callable[[Completion], int], count: Count) -> Verification:
    """Compute a run's saved report again, and hold its records against each other.

    `confidence` reads a confidence's reply; `count` makes attributions of replays.

    Raises:
        StoreError: there is no saved report, it is of another version, or a line is damaged.
        SandboxError: the run's judge failed its self-test, or was never examined.
        ConfigError: the report has intervals and statsmodels is absent.
    """
    saved, run = saved_report(path), open_run(path)
    has_intervals = saved.public.low is not None
    held = Agreement(run)
    metrics = measure_opened(
        run, has_intervals=has_intervals, confidence=confidence, on_trajectory=held.add
    )
    differing, num_values = compared(saved, metrics)
    attribution, of_attribution = _recount(run, count)
    faults = [*_file_faults(run), *of_attribution, *held.faults()]
    return Verification(
        run=metrics.run,
        is_sealed=(path / "manifest.json").exists(),
        num_values=num_values,
        differing=differing,
        num_calls=held.num_calls,
        num_replayed=held.num_replayed,
        num_trials=held.num_trials,
        num_grades=held.num_grades,
        num_unnamed=held.num_unnamed,
        faults=tuple(faults[:MOST_FAULTS]),
        num_further_faults=max(0, len(faults) - MOST_FAULTS),
        attribution=attribution,
    )


def _recount(run: RunFiles, count: Count) -> tuple[Recount | None, list[str]]:
    """Count the run's attribution again; tell also which of its files do not agree."""
    file, folder = run.path / "attribution.json", run.path / "attribution"
    if not file.exists():
        return None, []
    saved, grades = read_record(file, AttributionTable), folder / "truth" / "grades.jsonl"
    if not grades.exists():
        raise StoreError(f"{grades} is gone, of which {file} was counted")
    found = count(read_lines(grades, Grade), saved.lattice)
    faults = [f"attribution/truth: {fault}" for fault in _file_faults(open_run(folder / "truth"))]
    if not _are_equal(list(read_lines(folder / "attributions.jsonl", Attribution)), found):
        faults.append("attribution/attributions.jsonl is not what its replays' grades bring")
    try:
        computed = attribution_table(
            found,
            {id: problem.tags for id, problem in run.problems.items()},
            run=saved.run,
            trajectories=file_digest(run.path / "trajectories.jsonl"),
            student=run.header.engine_identity,
            teacher=saved.teacher,
            num_failed=run.num_failed,
        )
    except InputError as error:
        raise StoreError(f"{grades} holds too few replays for {file}: {error}") from error
    differing, num_values = compared(saved, computed)
    return Recount(num_values=num_values, differing=differing), faults


def _are_equal(kept: Sequence[Record], found: Sequence[Record]) -> bool:
    return len(kept) == len(found) and not any(
        compared(one, other)[0] for one, other in zip(kept, found, strict=True)
    )


def saved_report(path: Path) -> Metrics:
    """Return metrics.json of a run.

    Raises:
        StoreError: it is not there, of another version, or damaged.
    """
    saved = path / "metrics.json"
    if not saved.exists():
        read_record(path / "config.json", RunHeader)  # a folder that is no run is said to be none
        raise StoreError(f"{path} holds no saved report: `mapcoder report {path}` writes one")
    try:
        version = json.loads(saved.read_bytes()).get("schema_version")
    except (ValueError, AttributeError) as error:
        raise StoreError(f"{saved} is damaged: `mapcoder report {path}` writes it anew") from error
    if version != METRICS_VERSION:
        raise StoreError(
            f"{saved} is of version {version}, and this is version {METRICS_VERSION}: "
            f"`mapcoder report {path}` writes it anew"
        )
    return read_record(saved, Metrics)


def compared(saved: Record, computed: Record) -> tuple[tuple[Differing, ...], int]:
    """Return the values that differ between two records of one kind, and how many there are.

    The run's name is none of them: it is the folder's, which may be called otherwise meanwhile.
    """
    before, after = _leaves(saved), _leaves(computed)
    keys = [*before, *(key for key in after if key not in before)]
    differing = tuple(
        Differing(key=key, saved=_told(before, key), computed=_told(after, key))
        for key in keys
        if not _is_equal(before.get(key, _ABSENT), after.get(key, _ABSENT))
    )
    return differing, len(keys)


_ABSENT = object()


def _leaves(record: Record) -> dict[str, object]:
    return dict(_walk("", record.model_dump(mode="json", exclude={"run"})))


def _walk(key: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in cast(dict[str, object], value).items():
            yield from _walk(f"{key}.{name}" if key else name, inner)
    elif isinstance(value, list):
        for place, inner in enumerate(cast(list[object], value)):
            yield from _walk(f"{key}[{place}]", inner)
    else:
        yield key, value


def _is_equal(saved: object, computed: object) -> bool:
    if isinstance(saved, float) and isinstance(computed, float):
        return isclose(saved, computed, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return saved == computed


def _told(leaves: Mapping[str, object], key: str) -> str:
    return json.dumps(leaves[key]) if key in leaves else "absent"


def _file_faults(run: RunFiles) -> Iterator[str]:
    """What the small files say that does not agree."""
    header, path = run.header, run.path
    saved = json.loads((path / "config.json").read_bytes())["config"]
    # settings that came later change the digest of an older run's; they are not in its file
    is_of_today = saved == header.config.model_dump(mode="json")
    if is_of_today and header.config.digest != header.config_digest:
        yield "config.json: its settings do not have the digest that it names"
    manifest = path / "manifest.json"
    if not manifest.exists():
        return
    sealed = read_record(manifest, Manifest)
    if sealed.config_digest != header.config_digest:
        yield "manifest.json is of other settings than config.json"
    if sealed.header_digest not in (None, header.digest):
        yield "config.json is not the one that manifest.json was written for"
    for name, wanted in sealed.digests.items():
        if not (path / name).exists():
            yield f"{name}, which manifest.json names, is gone"
        elif file_digest(path / name) != wanted:
            yield f"{name} is not the file that manifest.json was written for"
