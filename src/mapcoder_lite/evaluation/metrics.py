"""The numbers of one run, from its run directory alone.

Knows: what counts as passed, what is left out and said, the sound subset.
Does not know: how numbers are shown, how a run was made.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.engine.prices import Prices, prices_of
from mapcoder_lite.errors import StoreError
from mapcoder_lite.examination import Examination, passed_examination
from mapcoder_lite.jsonl import read_lines, read_record
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import Rate, rate
from mapcoder_lite.store import RunHeader, RunProblem, Unit, light_grades
from mapcoder_lite.trajectory import Call, Grade, Request, Role, StopReason, Trajectory, Usage
from mapcoder_lite.verdict import Verdict

SCHEMA_VERSION = 1


class RoleFailures(Record):
    """How often a role's reply could not be read."""

    num_calls: int
    num_failures: int
    kinds: dict[str, int]
    """Failures by their stable short name."""


class Costs(Record):
    """What the units of a run cost, as means over solved units.

    An answer that served twice counts twice here, and once in what was spent.
    """

    calls: float = 0.0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    dollars: float | None = None
    """None = an engine has no price, or its server counts no tokens; never taken for nothing."""
    seconds: float = 0.0


class Spent(Record):
    """What a run was answered in all its sittings, each stored answer once."""

    calls: int
    prompt_tokens: int
    cached_tokens: int
    """Of the prompt tokens: those that the server had read before."""
    completion_tokens: int
    dollars: float | None
    """None = unknown, as above."""
    num_reused: int
    """Answers of earlier runs, which cost nothing again and are not in the sums."""


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
    """Attempts at every problem; pass@1 counts these alone."""
    num_extra: int = 0
    """Attempts beyond these, made where passes lacked; a pass rate that counted them would be that
    of the hard problems above all. Costs, verdicts and failures count them."""
    num_units: int
    """All attempts, the extra ones included."""
    num_solved_units: int
    """Units with a trajectory."""
    num_errors: int
    """Units that failed through the house's fault and are owed; never counted as wrong."""
    num_internal: int
    """Grades IE: the judge's fault, never counted as wrong."""
    num_ungraded: int
    """Units with a trajectory and no grade."""
    passed: Rate | None
    """pass@1 on the hidden tests, of the attempts made at every problem; None when the run does
    not grade."""
    passed_sound: Rate | None
    """The same over problems whose hidden tests have no known defect."""
    num_defective: int
    public: Rate
    """Of the same attempts, those whose program passed all public tests."""
    costs: Costs
    spent: Spent
    roles: dict[Role, RoleFailures]
    num_unreadable: int
    """Units with at least one reply that could not be read."""
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
    """Without the single tests' results, which would fill the memory."""

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
    settings = run.header.config.run
    prices = prices_of(run.header.config, is_repair=run.header.source is not None)
    tally = _Tally(settings.samples, prices)
    for trajectory in run.trajectories():
        tally.add(trajectory)
    # Samples of one problem depend on each other: the interval of independent units would lie.
    with_interval = has_intervals and settings.samples == 1
    scored = {u: g for u, g in run.grades.items() if u in tally.base and not is_internal(g)}
    num_extra = len(tally.units) - len(tally.base)
    sound = {u: g for u, g in scored.items() if run.problems[u.problem_id].defect is None}
    return Metrics(
        run=path.name,
        engine=run.header.engine_identity,
        adapters=run.header.adapters,
        examination=run.examination,
        num_problems=len(run.problems),
        num_samples=settings.samples,
        num_extra=num_extra,
        num_units=len(run.problems) * settings.samples + num_extra,
        num_solved_units=len(tally.units),
        num_errors=len(_failed(path) - tally.units),
        num_internal=sum(map(is_internal, run.grades.values())),
        num_ungraded=len(tally.units - run.grades.keys()),
        passed=_passed(scored.values(), with_interval) if run.is_graded else None,
        passed_sound=_passed(sound.values(), with_interval) if run.is_graded else None,
        num_defective=sum(p.defect is not None for p in run.problems.values()),
        public=rate(tally.num_public, len(tally.base), with_interval),
        costs=tally.costs,
        spent=_spent(path, prices),
        roles=tally.roles(),
        num_unreadable=tally.num_unreadable,
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
    examination = passed_examination(path)
    problems = {p.problem_id: p for p in read_lines(path / "problems.jsonl", RunProblem)}
    grades = {Unit(g.problem_id, g.sample): g for g in light_grades(path)}
    strange = [unit.problem_id for unit in grades if unit.problem_id not in problems]
    if strange:
        raise StoreError(f"{path}: grades.jsonl names {strange[0]}, which problems.jsonl does not")
    return RunFiles(path, header, examination, problems, grades)


def is_internal(grade: Grade) -> bool:
    """Whether the judge failed, which says nothing of the program."""
    return grade.judgement is not None and grade.judgement.verdict is Verdict.IE


@dataclass(slots=True)
class _Bill:
    """Sums over completions."""

    prices: Prices
    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    dollars: float | None = 0.0

    def add(self, request: Request, usage: Usage) -> None:
        """Add one completion."""
        self.calls += 1
        self.prompt_tokens += usage.prompt_tokens
        self.cached_tokens += usage.cached_tokens
        self.completion_tokens += usage.completion_tokens
        is_counted = usage.prompt_tokens > 0 or usage.completion_tokens > 0
        dollars = self.prices.dollars(request, usage) if is_counted else None
        is_known = self.dollars is not None and dollars is not None
        self.dollars = (self.dollars or 0.0) + (dollars or 0.0) if is_known else None

    @property
    def known_dollars(self) -> float | None:
        """The sum; None also where nothing was asked of engines without a price."""
        return None if self.calls == 0 and self.prices.unknown_roles else self.dollars


def _spent(path: Path, prices: Prices) -> Spent:
    bill, num_reused = _Bill(prices), 0
    for call in read_lines(path / "calls.jsonl", StoredCall):
        if call.reused_from is not None:
            num_reused += 1
            continue
        bill.add(call.request, call.completion.usage)
    return Spent(
        calls=bill.calls,
        prompt_tokens=bill.prompt_tokens,
        cached_tokens=bill.cached_tokens,
        completion_tokens=bill.completion_tokens,
        dollars=bill.known_dollars,
        num_reused=num_reused,
    )


class _Tally:
    """Running counts over trajectories."""

    def __init__(self, num_samples: int, prices: Prices) -> None:
        self._bill = _Bill(prices)
        self.units: set[Unit] = set()
        self.base: set[Unit] = set()
        """Of the attempts made at every problem."""
        self._num_samples = num_samples
        self.num_public = 0
        self.num_unreadable = 0
        self.stops: Counter[str] = Counter()
        self._calls: Counter[Role] = Counter()
        self._failures: Counter[tuple[Role, str]] = Counter()
        self._seconds = 0.0

    def add(self, trajectory: Trajectory) -> None:
        """Count one trajectory."""
        unit = Unit(trajectory.problem_id, trajectory.sample)
        self.units.add(unit)
        if unit.sample < self._num_samples:
            self.base.add(unit)
            self.num_public += trajectory.stop is StopReason.SOLVED
        self.stops[trajectory.stop.value] += 1
        self._seconds += trajectory.seconds
        self.num_unreadable += any(call.failure is not None for call in trajectory.calls)
        for call in trajectory.calls:
            self._add_call(call)

    def _add_call(self, call: Call) -> None:
        self._calls[call.role] += 1
        self._bill.add(call.request, call.completion.usage)
        if call.failure is not None:
            self._failures[call.role, call.failure.kind] += 1

    @property
    def costs(self) -> Costs:
        """Means over units."""
        num_units = len(self.units) or 1
        dollars = self._bill.known_dollars
        return Costs(
            calls=self._bill.calls / num_units,
            prompt_tokens=self._bill.prompt_tokens / num_units,
            completion_tokens=self._bill.completion_tokens / num_units,
            dollars=None if dollars is None else dollars / num_units,
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
