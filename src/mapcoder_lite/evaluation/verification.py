"""A saved report computed again from its run's records, and the records held against each other.

Knows: which numbers are compared, what must agree with what.
Does not know: how numbers come about, how programs are judged, problems' files.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isclose
from pathlib import Path
from typing import Literal, cast

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.engine.replay import stored_key
from mapcoder_lite.errors import StoreError
from mapcoder_lite.evaluation.metrics import SCHEMA_VERSION as METRICS_VERSION
from mapcoder_lite.evaluation.metrics import Metrics, measure_opened
from mapcoder_lite.evaluation.run_files import RunFiles, open_run
from mapcoder_lite.jsonl import file_digest, read_lines, read_record
from mapcoder_lite.problem import Record
from mapcoder_lite.store import Manifest, RunHeader, Unit, light_grades
from mapcoder_lite.trajectory import Call, Completion, Grade, Request, Trajectory, program_digest
from mapcoder_lite.verdict import Judgement, Verdict

SCHEMA_VERSION = 1
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


class Verification(Record):
    """What `mapcoder verify` found."""

    schema_version: Literal[1] = SCHEMA_VERSION
    run: str
    num_values: int
    """Of the saved report, each compared."""
    differing: tuple[Differing, ...]
    num_calls: int
    """Of trajectories, each held against calls.jsonl."""
    num_replayed: int
    """Those of a repair that are not there so: what the run that is repaired was answered."""
    num_grades: int
    """Each held against its trajectory's program."""
    num_unnamed: int
    """Grades that do not say which program they judge: they are older than that."""
    faults: tuple[str, ...]
    """Records that do not agree, one sentence each."""
    num_further_faults: int = 0
    """Beyond those told."""

    @property
    def is_sound(self) -> bool:
        """Whether every number matches and all records agree."""
        return not self.differing and not self.faults


def verify(path: Path) -> Verification:
    """Compute a run's saved report again, and hold its records against each other.

    Raises:
        StoreError: there is no saved report, it is of another version, or a line is damaged.
        SandboxError: the run's judge failed its self-test, or was never examined.
        ConfigError: the report has intervals and statsmodels is absent.
    """
    saved, run = saved_report(path), open_run(path)
    has_intervals = saved.public.low is not None
    count = _Agreement(run, _answers(run))
    metrics = measure_opened(run, has_intervals=has_intervals, on_trajectory=count.add)
    differing, num_values = compared(saved, metrics)
    faults = [*_file_faults(run), *count.faults()]
    return Verification(
        run=path.name,
        num_values=num_values,
        differing=differing,
        num_calls=count.num_calls,
        num_replayed=count.num_replayed,
        num_grades=count.num_grades,
        num_unnamed=count.num_unnamed,
        faults=tuple(faults[:MOST_FAULTS]),
        num_further_faults=max(0, len(faults) - MOST_FAULTS),
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
    """Return the values that differ between two records of one kind, and how many there are."""
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
    return dict(_walk("", record.model_dump(mode="json")))


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
    for name, wanted in sealed.digests.items():
        if not (path / name).exists():
            yield f"{name}, which manifest.json names, is gone"
        elif file_digest(path / name) != wanted:
            yield f"{name} is not the file that manifest.json was written for"


def _answers(run: RunFiles) -> tuple[dict[str, bytes], list[str]]:
    """Return the digest of every stored completion by its question, and keys that are wrong."""
    found: dict[str, bytes] = {}
    faults: list[str] = []
    header = run.header
    for number, call in enumerate(read_lines(run.path / "calls.jsonl", StoredCall), start=1):
        found.setdefault(_question(call.request), _digest(call.completion))
        # a repair stores what two engines answer, and its header names one of them
        if not run.is_repair and call.key != stored_key(header.engine_identity, call.request):
            faults.append(f"calls.jsonl, line {number}: the key is not that of its request")
    return found, faults


def _question(request: Request) -> str:
    return f"{request.key} {request.guidance or ''}"


def _digest(completion: Completion) -> bytes:
    return hashlib.sha256(completion.model_dump_json().encode()).digest()[:16]


@dataclass(slots=True)
class _Agreement:
    """Holds trajectories, as they pass by, against stored calls and grades."""

    run: RunFiles
    answers: tuple[dict[str, bytes], list[str]]
    num_calls: int = 0
    num_grades: int = 0
    num_unnamed: int = 0
    num_replayed: int = 0
    _units: Counter[Unit] = field(default_factory=Counter[Unit])
    _faults: list[str] = field(default_factory=list[str])

    def add(self, trajectory: Trajectory) -> None:
        """Hold one trajectory against the rest."""
        unit = Unit(trajectory.problem_id, trajectory.sample)
        self._units[unit] += 1
        if self._units[unit] == 2:
            self._faults.append(f"{_name(unit)} has more than one trajectory")
        for place, call in enumerate(trajectory.calls):
            self.num_calls += 1
            self._add_call(f"{_name(unit)}, call {place} ({call.kind.value})", call)
        grade = self.run.grades.get(unit)
        if grade is not None:
            self.num_grades += 1
            self._faults += [f"{_name(unit)}: {fault}" for fault in self._grade(trajectory, grade)]

    def faults(self) -> Iterator[str]:
        """Everything that does not agree."""
        yield from self.answers[1]
        yield from self._faults
        light = light_grades(self.run.path)
        grades = Counter(Unit(grade.problem_id, grade.sample) for grade in light)
        for unit, number in grades.items():
            if unit not in self._units:
                yield f"{_name(unit)} has a grade and no trajectory"
            if number > 1:
                yield f"{_name(unit)} has more than one grade"

    def _add_call(self, where: str, call: Call) -> None:
        stored = self.answers[0].get(_question(call.request))
        if stored == _digest(call.completion):
            return
        if self.run.is_repair:
            self.num_replayed += 1
        elif stored is None:
            self._faults.append(f"{where} is not in calls.jsonl")
        else:
            self._faults.append(f"{where} has another completion than calls.jsonl")

    def _grade(self, trajectory: Trajectory, grade: Grade) -> Iterator[str]:
        judgement = grade.judgement
        if (trajectory.program is None) != (judgement is None):
            words = "no program, and a" if judgement else "a program, and no"
            yield f"the trajectory has {words} judgement"
            return
        if trajectory.program is None or judgement is None:
            return
        if grade.program_sha256 is None:
            self.num_unnamed += 1
        elif grade.program_sha256 != program_digest(trajectory.program):
            yield "the grade is of another program than the trajectory's"
        yield from _judgement_faults(judgement)
        wanted = self.run.problems[trajectory.problem_id].num_hidden_tests
        if wanted is not None and judgement.num_total != wanted:
            yield f"judged on {judgement.num_total} tests; the problem has {wanted}"
        if judgement.language is not trajectory.language:
            yield f"judged as {judgement.language.value}, written in {trajectory.language.value}"


def _judgement_faults(judgement: Judgement) -> Iterator[str]:
    passed, run, total = judgement.num_passed, judgement.num_run, judgement.num_total
    if not passed <= run <= total:
        yield f"{passed} tests passed of {run} run of {total}"
    is_all = passed == total > 0
    if (judgement.verdict is Verdict.AC) != is_all:
        yield f"verdict {judgement.verdict.value} with {passed} of {total} tests passed"


def _name(unit: Unit) -> str:
    return f"{unit.problem_id} sample {unit.sample}"
