"""What attempts cost and how replies failed, counted from trajectories that pass by once.

Knows: calls, tokens, seconds, dollars; per attempt, problem, solved problem and role.
Does not know: verdicts, how numbers are shown.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.engine.prices import Prices
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import clustered_counts
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Call, Completion, Request, Role, StopReason, Trajectory


class RoleFailures(Record):
    """How often a role's reply could not be read, and what its replies took."""

    num_calls: int
    num_failures: int
    low: float | None = None
    """Of the 95 % interval of the share that could not be read; problems are the clusters."""
    high: float | None = None
    kinds: dict[str, int]
    """Failures by their stable short name."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    """Of all calls together, each as long as its engine took."""


class Costs(Record):
    """What a run took, as means.

    An answer that served twice counts twice here, and once in what was spent.
    """

    calls: float = 0.0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    dollars: float | None = None
    """None = an engine has no price, or its server counts no tokens; never taken for nothing."""
    seconds: float = 0.0

    def times(self, factor: float) -> "Costs":
        """Return the same for another number of units."""
        return Costs(
            calls=self.calls * factor,
            prompt_tokens=self.prompt_tokens * factor,
            completion_tokens=self.completion_tokens * factor,
            dollars=None if self.dollars is None else self.dollars * factor,
            seconds=self.seconds * factor,
        )


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


@dataclass(slots=True)
class Bill:
    """Sums over completions."""

    prices: Prices
    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    dollars: float | None = 0.0

    def add(self, request: Request, completion: Completion) -> None:
        """Add one completion."""
        usage = completion.usage
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


def spent(calls: Iterable[StoredCall], prices: Prices) -> Spent:
    """Sum stored answers, those of earlier runs apart."""
    bill, num_reused = Bill(prices), 0
    for call in calls:
        if call.reused_from is not None:
            num_reused += 1
            continue
        bill.add(call.request, call.completion)
    return Spent(
        calls=bill.calls,
        prompt_tokens=bill.prompt_tokens,
        cached_tokens=bill.cached_tokens,
        completion_tokens=bill.completion_tokens,
        dollars=bill.known_dollars,
        num_reused=num_reused,
    )


@dataclass(slots=True)
class _RoleTally:
    """Running counts of one role."""

    calls: Counter[str] = field(default_factory=Counter[str])
    """By problem."""
    failures: Counter[str] = field(default_factory=Counter[str])
    """By problem."""
    kinds: Counter[str] = field(default_factory=Counter[str])
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def add(self, problem_id: str, call: Call) -> None:
        """Count one call."""
        self.calls[problem_id] += 1
        self.prompt_tokens += call.completion.usage.prompt_tokens
        self.completion_tokens += call.completion.usage.completion_tokens
        self.seconds += call.completion.seconds
        if call.failure is not None:
            self.failures[problem_id] += 1
            self.kinds[call.failure.kind] += 1

    def failed(self, has_intervals: bool) -> RoleFailures:
        """Return the record."""
        found = None
        if has_intervals and self.calls:
            found = clustered_counts([(self.failures[id], n) for id, n in self.calls.items()])
        return RoleFailures(
            num_calls=self.calls.total(),
            num_failures=self.failures.total(),
            low=found.low if found else None,
            high=found.high if found else None,
            kinds=dict(sorted(self.kinds.items())),
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            seconds=self.seconds,
        )


class Tally:
    """Running counts over trajectories."""

    def __init__(self, num_samples: int, prices: Prices) -> None:
        self._bill = Bill(prices)
        self.units: set[Unit] = set()
        self.on_samples: dict[Unit, bool] = {}
        """Of the attempts made at every problem: whether all public tests passed."""
        self._num_samples = num_samples
        self.num_unreadable = 0
        self.stops: Counter[str] = Counter()
        self._roles: defaultdict[Role, _RoleTally] = defaultdict(_RoleTally)
        self._seconds = 0.0

    def add(self, trajectory: Trajectory) -> None:
        """Count one trajectory."""
        unit = Unit(trajectory.problem_id, trajectory.sample)
        self.units.add(unit)
        if unit.sample < self._num_samples:
            self.on_samples[unit] = trajectory.stop is StopReason.SOLVED
        self.stops[trajectory.stop.value] += 1
        self._seconds += trajectory.seconds
        self.num_unreadable += any(call.failure is not None for call in trajectory.calls)
        for call in trajectory.calls:
            self._bill.add(call.request, call.completion)
            self._roles[call.role].add(trajectory.problem_id, call)

    @property
    def costs(self) -> Costs:
        """Of all attempts together."""
        return Costs(
            calls=self._bill.calls,
            prompt_tokens=self._bill.prompt_tokens,
            completion_tokens=self._bill.completion_tokens,
            dollars=self._bill.known_dollars,
            seconds=self._seconds,
        )

    def roles(self, has_intervals: bool) -> dict[Role, RoleFailures]:
        """Every role, in the order of the pipeline."""
        return {role: self._roles[role].failed(has_intervals) for role in Role}
