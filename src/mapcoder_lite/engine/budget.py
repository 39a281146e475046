"""A hard budget: what would exceed it is never sent.

Before a request goes out, the most that its answer can use up is set aside; when the answer is
there, what it did use takes its place. So the bound holds however many requests are in flight: at
the end as much as one answer's upper estimate stays unused. A request that fits only when others
have been answered waits for them.

Not covered: what a server takes for tries that failed, since no count of theirs ever comes.

Knows: calls, tokens, dollars, hours; requests under way.
Does not know: stores (stored answers never come here), servers, units.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import Condition
from time import monotonic

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.engine.prices import Prices, most_usage, usage_of
from mapcoder_lite.errors import BudgetSpent, Cancelled, ConfigError
from mapcoder_lite.settings import BudgetConfig
from mapcoder_lite.trajectory import Completion, Engine, Request, Usage, Watch

_SECONDS_AN_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Spending:
    """What was used up."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt tokens."""
    completion_tokens: int = 0
    dollars: float | None = 0.0
    """None = something had no price."""

    @property
    def tokens(self) -> int:
        """Of prompts and replies together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "Spending") -> "Spending":
        is_known = self.dollars is not None and other.dollars is not None
        return Spending(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
            (self.dollars or 0.0) + (other.dollars or 0.0) if is_known else None,
        )

    def __sub__(self, other: "Spending") -> "Spending":
        return self + Spending(
            -other.calls,
            -other.prompt_tokens,
            -other.cached_tokens,
            -other.completion_tokens,
            None if other.dollars is None else -other.dollars,
        )


NOTHING = Spending()


def spent_by(calls: Iterable[StoredCall], prices: Prices) -> Spending:
    """Return what a run's own answers used up; those of an earlier run cost nothing again."""
    spent = NOTHING
    for call in calls:
        if call.reused_from is None:
            spent += spending(call.request, usage_of(call.request, call.completion), prices)
    return spent


def spending(request: Request, usage: Usage, prices: Prices) -> Spending:
    """Return what one answer uses up."""
    return Spending(
        1,
        usage.prompt_tokens,
        usage.cached_tokens,
        usage.completion_tokens,
        prices.dollars(request, usage),
    )


class Account:
    """What is spent and set aside of one budget, by all engines that draw on it."""

    def __init__(
        self,
        budget: BudgetConfig,
        prices: Prices,
        spent: Spending = NOTHING,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Begin with what earlier sittings of the run spent; hours begin now.

        Raises:
            ConfigError: a budget in dollars and an engine without a price.
        """
        if budget.dollars is not None and prices.unknown_roles:
            roles = ", ".join(prices.unknown_roles)
            raise ConfigError(
                f"budget.dollars needs the price of every engine; there is none for {roles}: "
                "-s 'engine.price={prompt = 0.5, completion = 1.5}', in dollars a million tokens, "
                "and so in [roles], [[teachers]] and, for a repair, [supervisor]"
            )
        self._budget = budget
        self.prices = prices
        self._clock = clock
        self._begun = clock()
        self._spent = spent
        self._reserved = NOTHING
        self._has_room = Condition()  # protects `_spent` and `_reserved`

    @property
    def spent(self) -> Spending:
        """What was used up, by earlier sittings too."""
        return self._spent

    def reserve(self, wanted: Spending, watch: Watch) -> None:
        """Set aside what is wanted, as soon as others leave it.

        Raises:
            BudgetSpent: it does not fit what is left.
            Cancelled: it was called off while it waited.
        """
        cancellation = watch.cancellation
        with cancellation.heard_by(self._wake) if cancellation else nullcontext(), self._has_room:
            while True:
                if cancellation is not None and cancellation.is_cancelled:
                    raise Cancelled("the requests were called off before they were sent")
                self._check_hours()
                lacking = self._lacking(self._spent + self._reserved + wanted)
                if lacking is None:
                    self._reserved += wanted
                    return
                if self._reserved.calls == 0:
                    raise BudgetSpent(lacking)
                self._has_room.wait()

    def release(self, reserved: Spending, used: Spending) -> None:
        """Put what was used in the place of what was set aside."""
        with self._has_room:
            self._reserved -= reserved
            self._spent += used
            self._has_room.notify_all()

    def _wake(self) -> None:
        with self._has_room:
            self._has_room.notify_all()

    def _lacking(self, total: Spending) -> str | None:
        """Say what a total exceeds; None = nothing."""
        bounds = {
            "calls": (self._spent.calls, total.calls, self._budget.calls),
            "tokens": (self._spent.tokens, total.tokens, self._budget.tokens),
            "dollars": (self._spent.dollars, total.dollars, self._budget.dollars),
        }
        for name, (spent, needed, bound) in bounds.items():
            if bound is not None and (needed is None or needed > bound):
                return (
                    f"budget.{name}={bound:g}: {_number(spent)} are spent, and the next answers "
                    f"might bring it to {_number(needed)}, so they were not asked for; a larger "
                    f"budget.{name} goes on"
                )
        return None

    def _check_hours(self) -> None:
        hours = self._budget.hours
        if hours is not None and self._clock() - self._begun >= hours * _SECONDS_AN_HOUR:
            raise BudgetSpent(f"budget.hours={hours:g} of this sitting have passed")


class BudgetedEngine:
    """Passes requests on as long as the account surely holds them; used from many threads."""

    def __init__(self, inner: Engine, account: Account) -> None:
        self._inner = inner
        self.account = account

    @property
    def identity(self) -> str:
        """The inner engine's: a budget changes no answer."""
        return self._inner.identity

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order.

        Raises:
            BudgetSpent: not all of them fit what is left; none of them was sent.
            EngineError: the inner engine failed; what it had answered by then is counted.
        """
        watch = watch or Watch()
        most = [spending(request, most_usage(request), self.account.prices) for request in requests]
        self.account.reserve(sum(most, NOTHING), watch)
        is_open = [True] * len(requests)

        def settle(place: int, completion: Completion) -> None:
            request = requests[place]
            if is_open[place]:
                is_open[place] = False
                used = spending(request, usage_of(request, completion), self.account.prices)
                self.account.release(most[place], used)
            if watch.on_completion is not None:
                watch.on_completion(place, completion)

        try:
            completions = self._inner.complete(requests, replace(watch, on_completion=settle))
            for place, completion in enumerate(completions):
                if is_open[place]:  # an engine that shows nothing as it comes
                    settle(place, completion)
        finally:
            for place in range(len(requests)):
                if is_open[place]:
                    self.account.release(most[place], NOTHING)
        return completions

    def close(self) -> None:
        """Close the inner engine."""
        self._inner.close()


def _number(value: float | None) -> str:
    if value is None:
        return "an unknown number"
    return f"{value:,.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"
