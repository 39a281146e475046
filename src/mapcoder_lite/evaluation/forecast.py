"""What a command will ask for before it asks: calls, tokens, dollars and hours, from low to high.

Knows: how many calls a unit makes, what calls used so far, published means, prices, how demands
add up.
Does not know: how the numbers are shown, which units are owed, engines.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.engine.prices import Prices, cost
from mapcoder_lite.problem import Record
from mapcoder_lite.settings import PriceConfig
from mapcoder_lite.trajectory import Role, Usage
from mapcoder_lite.traversal import TraversalName

SCHEMA_VERSION = 1
_SECONDS_AN_HOUR = 3600


class Range(Record):
    """A number between two bounds."""

    low: float
    high: float


class Amounts(Record):
    """What is asked for, and what it takes."""

    calls: Range
    prompt_tokens: Range
    completion_tokens: Range
    dollars: Range | None
    """None = an engine has no price."""


SUPERVISOR: Final = "supervisor"
Asked = Role | Literal["supervisor"]
"""Who is asked; the supervisor is no role."""


class RoleForecast(Amounts):
    """What one role, or the supervisor, will be asked."""

    role: Asked


class Forecast(Amounts):
    """What `run --dry-run` prints."""

    schema_version: Literal[1] = SCHEMA_VERSION
    num_owed: int
    """Units without a trajectory."""
    likely_calls: float | None
    """As many a unit as the finished ones, within `calls`; None = no unit is done."""
    hours: Range | None
    """None = it is not known how long a call takes."""
    roles: tuple[RoleForecast, ...]
    assumptions: tuple[str, ...]
    """What the numbers rest on, one sentence each."""


@dataclass(frozen=True, slots=True)
class Mean:
    """What one call uses on average."""

    prompt_tokens: float
    cached_tokens: float
    completion_tokens: float
    seconds: float | None = None


PUBLISHED = (Mean(576, 0, 283), Mean(1029, 0, 234), Mean(1247, 0, 442), Mean(1266, 0, 466))
"""Tokens a call in released runs of MapCoder (2405.11403): GPT-4 on HumanEval (8,551 / 4,197 tokens
in 14.85 calls), ChatGPT on xCodeEval (19,635 / 4,463 in 19.08), GPT-4 on APPS (23,472 / 8,324 in
18.83) and on xCodeEval (17,143 / 6,312 in 13.54)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the stored calls of a run used."""

    num_calls: int
    means: Mapping[str | None, Mean]
    """By role; None = over all."""

    def of(self, role: Role) -> Mean:
        """Return a role's mean, or that of all calls where it was not asked yet."""
        return self.means.get(role.value) or self.means[None]


@dataclass(frozen=True, slots=True)
class Owing:
    """What the units that are owed need, of those samples whose turn is the same teacher's."""

    num_tested: int
    num_untested: int
    """Of problems without public tests: they end with their first program."""
    k: int
    t: int
    turn: int = 0
    """Which teacher's, as `Prices` counts them."""
    traversal: TraversalName = TraversalName.MAPCODER

    def calls(self, role: Role) -> Range:
        """Return a role's calls without second asks (MapCoder 2405.11403: 2+2k to 1+2k+k(1+t)).

        Defects of the original are not reckoned with.
        """
        tested, untested = self.calls_a_unit(role), self.calls_a_unit(role, is_tested=False)
        return Range(
            low=self.num_tested * tested.low + self.num_untested * untested.low,
            high=self.num_tested * tested.high + self.num_untested * untested.high,
        )

    def calls_a_unit(self, role: Role, *, is_tested: bool = True) -> Range:
        """Return a role's calls in one attempt at a problem with, or without, public tests."""
        match self.traversal:
            case TraversalName.DIRECT | TraversalName.COT | TraversalName.ANALOGICAL:
                return _exactly(1 if role is Role.CODING else 0)
            case TraversalName.SELF_PLANNING:
                return _exactly(1 if role in (Role.PLANNING, Role.CODING) else 0)
            case TraversalName.DRAFT_FIRST:
                is_draft = role is Role.CODING
                later = self._of_agents(role, is_tested=True).high if is_tested else 0
                return Range(low=is_draft, high=is_draft + later)
            case TraversalName.TRACED if role is Role.PLANNING and not is_tested:
                return _exactly(self.k)  # nothing to trace
            case _:
                return self._of_agents(role, is_tested=is_tested)

    def _of_agents(self, role: Role, *, is_tested: bool) -> Range:
        match role:
            case Role.RETRIEVAL:
                return _exactly(1)
            case Role.PLANNING:
                return _exactly(2 * self.k)
            case Role.CODING:
                return Range(low=1, high=self.k if is_tested else 1)
            case Role.DEBUGGING:
                return Range(low=0, high=self.k * self.t if is_tested else 0)


@dataclass(frozen=True, slots=True)
class Pace:
    """How many calls run at the same time."""

    least: int
    most: int


def seen_in(calls: Iterable[StoredCall]) -> Seen | None:
    """Return the means of stored calls whose tokens were counted; None without any."""
    sums: dict[str | None, list[float]] = {}
    counts: dict[str | None, int] = {}
    for call in calls:
        usage = call.completion.usage
        if not (usage.prompt_tokens or usage.completion_tokens):
            continue
        numbers = (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)
        for role in dict.fromkeys((call.request.adapter, None)):
            kept = sums.setdefault(role, [0.0] * 4)
            counts[role] = counts.get(role, 0) + 1
            for place, number in enumerate((*numbers, call.completion.seconds)):
                kept[place] += number
    if not counts:
        return None
    means = {role: Mean(*(one / counts[role] for one in kept)) for role, kept in sums.items()}
    return Seen(counts[None], means)


@dataclass(frozen=True, slots=True)
class Demand:
    """Calls of one role, or of the supervisor, that one engine will be asked for."""

    role: Asked
    calls: Range
    means: Sequence[Mean]
    """What a call uses; several are bounds."""
    price: PriceConfig | None
    pace: Pace

    @property
    def dollars(self) -> Range | None:
        """What the calls cost; None without a price."""
        # A price is linear in tokens: that of a million calls keeps the fractions of a mean.
        each = [cost(self.price, _usage_of_a_million(mean)) for mean in self.means]
        known = [dollars / 1e6 for dollars in each if dollars is not None]
        return _times(self.calls, known) if known else None


@dataclass(frozen=True, slots=True)
class Engines:
    """Who answers the roles, and what is known of it."""

    seen: Seen | None
    prices: Prices
    pace: Pace

    def demands(self, owings: Iterable[Owing]) -> list[Demand]:
        """Return the calls of units that are worked on from the beginning."""
        owings = list(owings)
        return [self.of(role, one.calls(role), one.turn) for role in Role for one in owings]

    def of(self, role: Role, calls: Range, turn: int = 0) -> Demand:
        """Return a role's calls of the teacher whose turn it is."""
        means = [self.seen.of(role)] if self.seen else PUBLISHED
        return Demand(role, calls, means, self.prices.of(role.value, turn), self.pace)


def forecast(
    owings: Sequence[Owing],
    seen: Seen | None,
    prices: Prices,
    pace: Pace,
    calls_a_unit: float | None = None,
) -> Forecast:
    """Multiply calls by means; finished units made `calls_a_unit` on average."""
    demands = Engines(seen, prices, pace).demands(owings)
    num_owed = sum(owing.num_tested + owing.num_untested for owing in owings)
    in_hours = hours(demands)
    has_hours = in_hours is not None
    return Forecast(
        **amounts(demands).model_dump(),
        num_owed=num_owed,
        likely_calls=likely(demands, num_owed, calls_a_unit),
        hours=in_hours,
        roles=by_role(demands),
        assumptions=tuple(_assumptions(owings, seen, prices, pace, has_hours=has_hours)),
    )


def amounts(demands: Iterable[Demand]) -> Amounts:
    """Add up what is asked for; one engine without a price leaves the dollars unknown."""
    demands = list(demands)
    dollars = [demand.dollars for demand in demands]
    known = [one for one in dollars if one is not None]
    return Amounts(
        calls=_sum([demand.calls for demand in demands]),
        prompt_tokens=_sum(
            [_times(d.calls, [mean.prompt_tokens for mean in d.means]) for d in demands]
        ),
        completion_tokens=_sum(
            [_times(d.calls, [mean.completion_tokens for mean in d.means]) for d in demands]
        ),
        dollars=_sum(known) if len(known) == len(dollars) else None,
    )


def by_role(demands: Sequence[Demand]) -> tuple[RoleForecast, ...]:
    """Add up what each is asked for: the roles, then the supervisor if it is asked."""
    asked = {demand.role for demand in demands}
    order: list[Asked] = [*Role, SUPERVISOR]
    return tuple(
        RoleForecast(
            role=role,
            **amounts(demand for demand in demands if demand.role == role).model_dump(),
        )
        for role in order
        if role in asked
    )


def likely(demands: Sequence[Demand], num_owed: int, calls_a_unit: float | None) -> float | None:
    """Return the calls if units go on as the finished ones, within the bounds."""
    if calls_a_unit is None:
        return None
    calls = _sum([demand.calls for demand in demands])
    return min(max(calls_a_unit * num_owed, calls.low), calls.high)


def hours(demands: Sequence[Demand]) -> Range | None:
    """Return how long the calls take; None where a call has not been timed."""
    seconds = [mean.seconds for demand in demands for mean in demand.means]
    if None in seconds or not any(seconds):
        return None
    each = [_times(d.calls, [mean.seconds or 0.0 for mean in d.means]) for d in demands]
    return Range(
        low=sum(s.low / d.pace.most for s, d in zip(each, demands, strict=True)) / _SECONDS_AN_HOUR,
        high=sum(s.high / d.pace.least for s, d in zip(each, demands, strict=True))
        / _SECONDS_AN_HOUR,
    )


def _usage_of_a_million(mean: Mean) -> Usage:
    return Usage(
        prompt_tokens=round(1e6 * mean.prompt_tokens),
        cached_tokens=round(1e6 * mean.cached_tokens),
        completion_tokens=round(1e6 * mean.completion_tokens),
    )


def _assumptions(
    owings: Sequence[Owing], seen: Seen | None, prices: Prices, pace: Pace, *, has_hours: bool
) -> Iterable[str]:
    each = [(role, owings[0].calls_a_unit(role)) for role in Role]
    asked = [f"{role} {_bounds(calls)}" for role, calls in each if calls.high]
    yield (
        f"calls a unit: {', '.join(asked)}; an "
        "unreadable reply is asked for once more, which is not counted, nor are failed tries"
    )
    if owings[0].traversal is TraversalName.ORIGINAL:
        yield "calls a unit are those of mapcoder: what the original's defects change is not known"
    num_untested = sum(owing.num_untested for owing in owings)
    if num_untested:
        yield f"{num_untested} units have no public tests and end with their first program"
    if seen is None:
        yield (
            "tokens a call: 576 to 1,266 of prompts, 234 to 466 of replies, the means of published "
            "runs of MapCoder with GPT-4 and ChatGPT; other models and prompts differ"
        )
    else:
        yield f"tokens a call: the means of this run's {seen.num_calls:,} stored calls, by role"
        yield "answers that are stored already for units that are owed are not taken off"
    unknown = prices.unknown_roles
    if unknown:
        yield f"dollars: unknown, engine.price is not set for {', '.join(unknown)}"
    elif seen is None:
        yield "dollars: engine.price, no prompt token cached"
    else:
        yield "dollars: engine.price, as many prompt tokens cached as so far"
    if has_hours:
        yield f"hours: {pace.least} to {pace.most} calls at a time, as slow as so far; no judging"
    else:
        yield "hours: unknown until a call has been timed"


def _exactly(calls: int) -> Range:
    return Range(low=calls, high=calls)


def _bounds(calls: Range) -> str:
    low, high = f"{calls.low:g}", f"{calls.high:g}"
    return low if low == high else f"{low} to {high}"


def _times(calls: Range, factors: Sequence[float]) -> Range:
    return Range(low=calls.low * min(factors), high=calls.high * max(factors))


def _sum(ranges: Sequence[Range]) -> Range:
    return Range(low=sum(one.low for one in ranges), high=sum(one.high for one in ranges))
