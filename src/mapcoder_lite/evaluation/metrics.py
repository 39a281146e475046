"""The numbers of one run, from its run directory alone.

Knows: what counts as passed, what is left out and said, the sound subset.
Does not know: how numbers are shown, how a run was made.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mapcoder_lite.errors import StoreError
from mapcoder_lite.jsonl import read_lines, read_record
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import Rate, rate
from mapcoder_lite.store import Examination, RunHeader, RunProblem, Unit, trusted_examination
from mapcoder_lite.trajectory import Call, Grade, Role, StopReason, Trajectory
from mapcoder_lite.verdict import Verdict

SCHEMA_VERSION = 1


class RoleFailures(Record):
    """How often a role's reply could not be read."""

    num_calls: int
    num_failures: int
    kinds: dict[str, int]
    """Failures by their stable short name."""


class Costs(Record):
    """What the units of a run cost, as means over solved units."""

    calls: float = 0.0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    seconds: float = 0.0


class Metrics(Record):
    """metrics.json: everything that a report of one run says."""

    schema_version: Literal[1] = SCHEMA_VERSION
    run: str
    engine: str
    adapters: str | None = None
    """Which roles adapters answer, as `4 LoRA`; None: the run does not say."""
    examination: Examination
    """The judge's self-test; without one that was passed there are no metrics."""
    num_problems: int
    num_samples: int
    num_units: int
    num_solved_units: int
    """Units with a trajectory."""
    num_errors: int
    """Units that failed through the house's fault and are owed; never counted as wrong."""
    num_internal: int
    """Grades IE: the judge's fault, never counted as wrong."""
    num_ungraded: int
    """Units with a trajectory and no grade."""
    passed: Rate | None
    """pass@1 on the hidden tests; None when the run does not grade."""
    passed_sound: Rate | None
    """The same over problems whose hidden tests have no known defect."""
    num_defective: int
    public: Rate
    """Units whose program passed all public tests."""
    costs: Costs
    roles: dict[Role, RoleFailures]
    verdicts: dict[str, int]
    """Hidden-test verdicts; `no program` for units without one."""
    stops: dict[str, int]


@dataclass(frozen=True, slots=True)
class RunFiles:
    """A run directory's small records; trajectories are streamed."""

    path: Path
    header: RunHeader
    examination: Examination
    problems: Mapping[str, RunProblem]
    grades: Mapping[Unit, Grade]

    def trajectories(self) -> Iterator[Trajectory]:
        """Every trajectory, one at a time."""
        return read_lines(self.path / "trajectories.jsonl", Trajectory)

    @property
    def is_graded(self) -> bool:
        """Whether the run was given hidden tests."""
        return any(p.num_hidden_tests is not None for p in self.problems.values())


def measure(path: Path, *, has_intervals: bool = True) -> Metrics:
    """Read a run directory, complete or not, and count.

    Raises:
        StoreError: it is no run directory, or a line is damaged.
        SandboxError: its judge failed the self-test, or was never examined.
        ConfigError: intervals are asked for and statsmodels is absent.
    """
    run = open_run(path)
    tally = _Tally()
    for trajectory in run.trajectories():
        tally.add(trajectory)
    settings = run.header.config.run
    # Samples of one problem depend on each other: the interval of independent units would lie.
    with_interval = has_intervals and settings.samples == 1
    scored = {u: g for u, g in run.grades.items() if u in tally.units and not is_internal(g)}
    sound = {u: g for u, g in scored.items() if run.problems[u.problem_id].defect is None}
    return Metrics(
        run=path.name,
        engine=run.header.engine_identity,
        adapters=run.header.adapters,
        examination=run.examination,
        num_problems=len(run.problems),
        num_samples=settings.samples,
        num_units=len(run.problems) * settings.samples,
        num_solved_units=len(tally.units),
        num_errors=len(_failed(path) - tally.units),
        num_internal=sum(map(is_internal, run.grades.values())),
        num_ungraded=len(tally.units - run.grades.keys()),
        passed=_passed(scored.values(), with_interval) if run.is_graded else None,
        passed_sound=_passed(sound.values(), with_interval) if run.is_graded else None,
        num_defective=sum(p.defect is not None for p in run.problems.values()),
        public=rate(tally.num_public, len(tally.units), with_interval),
        costs=tally.costs,
        roles=tally.roles(),
        verdicts=_counted(_verdict(grade) for grade in run.grades.values()),
        stops=dict(tally.stops.most_common()),
    )


def open_run(path: Path) -> RunFiles:
    """Read a run directory's small files.

    Raises:
        StoreError: it is no run directory, or a line is damaged.
        SandboxError: its judge failed the self-test, or was never examined.
    """
    header = read_record(path / "config.json", RunHeader)
    examination = trusted_examination(path)
    problems = {p.problem_id: p for p in read_lines(path / "problems.jsonl", RunProblem)}
    grades = {Unit(g.problem_id, g.sample): g for g in read_lines(path / "grades.jsonl", Grade)}
    strange = [unit.problem_id for unit in grades if unit.problem_id not in problems]
    if strange:
        raise StoreError(f"{path}: grades.jsonl names {strange[0]}, which problems.jsonl does not")
    return RunFiles(path, header, examination, problems, grades)


def is_internal(grade: Grade) -> bool:
    """Whether the judge failed, which says nothing of the program."""
    return grade.judgement is not None and grade.judgement.verdict is Verdict.IE


class _Tally:
    """Running counts over trajectories."""

    def __init__(self) -> None:
        self.units: set[Unit] = set()
        self.num_public = 0
        self.stops: Counter[str] = Counter()
        self._calls: Counter[Role] = Counter()
        self._failures: Counter[tuple[Role, str]] = Counter()
        self._prompt_tokens = self._completion_tokens = 0
        self._seconds = 0.0

    def add(self, trajectory: Trajectory) -> None:
        """Count one trajectory."""
        self.units.add(Unit(trajectory.problem_id, trajectory.sample))
        self.num_public += trajectory.stop is StopReason.SOLVED
        self.stops[trajectory.stop.value] += 1
        self._seconds += trajectory.seconds
        for call in trajectory.calls:
            self._add_call(call)

    def _add_call(self, call: Call) -> None:
        self._calls[call.role] += 1
        self._prompt_tokens += call.completion.usage.prompt_tokens
        self._completion_tokens += call.completion.usage.completion_tokens
        if call.failure is not None:
            self._failures[call.role, call.failure.kind] += 1

    @property
    def costs(self) -> Costs:
        """Means over units."""
        num_units = len(self.units) or 1
        return Costs(
            calls=self._calls.total() / num_units,
            prompt_tokens=self._prompt_tokens / num_units,
            completion_tokens=self._completion_tokens / num_units,
            seconds=self._seconds / num_units,
        )

    def roles(self) -> dict[Role, RoleFailures]:
        """Every role, in the order of the pipeline."""
        return {role: self._role(role) for role in Role}

    def _role(self, role: Role) -> RoleFailures:
        kinds = {kind: n for (of, kind), n in sorted(self._failures.items()) if of is role}
        return RoleFailures(
            num_calls=self._calls[role], num_failures=sum(kinds.values()), kinds=kinds
        )


def _failed(path: Path) -> set[Unit]:
    return {Unit(t.problem_id, t.sample) for t in read_lines(path / "errors.jsonl", Trajectory)}


def _verdict(grade: Grade) -> str:
    return grade.judgement.verdict.value if grade.judgement is not None else "no program"


def _passed(grades: Iterable[Grade], with_interval: bool) -> Rate:
    words = [grade.is_passed for grade in grades]
    return rate(sum(words), len(words), with_interval)


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
