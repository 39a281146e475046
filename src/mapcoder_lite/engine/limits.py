"""How many requests a server is sent at a time: fewer when it is too many, more while it is not.

Additive increase, multiplicative decrease, as in TCP: every reply of a full house raises the
limit by one part of itself, hence by one a round trip; "too many" cuts it once a round trip, for
what comes back of the same burst says nothing new.

Knows: limits on requests and tokens in flight, whose turn it is.
Does not know: servers, connections, clocks, why something failed.
"""

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from threading import Lock
from weakref import WeakValueDictionary

from mapcoder_lite.engine.address import one_name

_DECREASE = 0.7  # of the limit; the mean of 0.7 and 1 leaves little idle


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that may be in flight."""

    max_in_flight: int = 32
    """Requests."""
    max_tokens_in_flight: int | None = None
    """Tokens of prompts and replies; None = no limit."""


class Outcome(Enum):
    """What an admitted request says of the server's load."""

    ANSWERED = "answered"
    OVERLOADED = "overloaded"
    OTHER = "other"
    """Nothing: it was called off, or failed for another reason."""


@dataclass(frozen=True, slots=True, eq=False)
class Admission:
    """Leave to send one request, to be given back."""

    tokens: int
    round_trip: int
    """How often the limit had been cut when the request was let in."""


class Gate:
    """Lets requests in, first come, first served; used from many threads."""

    def __init__(self, limits: Limits) -> None:
        self._lock = Lock()  # protects every field below
        self._limits = limits
        self._limit = float(limits.max_in_flight)
        self._round_trip = 0
        self._in_flight = 0
        self._tokens = 0
        self._waiting: deque[tuple[int, Future[Admission]]] = deque()

    @property
    def limit(self) -> int:
        """Requests that may be in flight now, from 1 to the most allowed."""
        return int(self._limit)

    @property
    def in_flight(self) -> int:
        """Requests that are in flight."""
        return self._in_flight

    def enter(self, tokens: int) -> Future[Admission]:
        """Queue for admission; a request above the limit on tokens goes alone.

        Who no longer wants it calls `give_up`.
        """
        future = Future[Admission]()
        with self._lock:
            self._waiting.append((tokens, future))
        self._admit()
        return future

    def leave(self, admission: Admission, outcome: Outcome) -> None:
        """Give an admission back, and learn from what became of the request."""
        with self._lock:
            is_full = self._in_flight >= self.limit
            if admission.round_trip == self._round_trip:
                self._learn(outcome, is_full)
            self._in_flight -= 1
            self._tokens -= admission.tokens
        self._admit()

    def give_up(self, waiting: Future[Admission]) -> None:
        """Leave the queue; an admission that came after all is given back."""
        if waiting.cancel():
            self._admit()  # it may have held up smaller ones behind it
        else:
            waiting.add_done_callback(lambda done: self.leave(done.result(), Outcome.OTHER))

    def narrow(self, limits: Limits) -> None:
        """Keep to these limits too."""
        with self._lock:
            tokens = [
                limit.max_tokens_in_flight
                for limit in (limits, self._limits)
                if limit.max_tokens_in_flight is not None
            ]
            most = min(limits.max_in_flight, self._limits.max_in_flight)
            self._limits = Limits(most, min(tokens, default=None))
            self._limit = min(self._limit, float(most))

    def _learn(self, outcome: Outcome, is_full: bool) -> None:
        if outcome is Outcome.OVERLOADED:
            self._limit = max(1.0, min(self._limit, self._in_flight) * _DECREASE)
            self._round_trip += 1
        elif outcome is Outcome.ANSWERED and is_full:
            self._limit = min(float(self._limits.max_in_flight), self._limit + 1 / self._limit)

    def _admit(self) -> None:
        admitted: list[tuple[Future[Admission], Admission]] = []
        with self._lock:
            while self._waiting:
                tokens, future = self._waiting[0]
                if not future.cancelled() and not self._has_room(tokens):
                    break
                self._waiting.popleft()
                if future.set_running_or_notify_cancel():
                    self._in_flight += 1
                    self._tokens += tokens
                    admitted.append((future, Admission(tokens, self._round_trip)))
        for future, admission in admitted:  # outside the lock, for it calls whoever waits
            future.set_result(admission)

    def _has_room(self, tokens: int) -> bool:
        if self._in_flight == 0:
            return True
        most = self._limits.max_tokens_in_flight
        return self._in_flight < self.limit and (most is None or self._tokens + tokens <= most)


_gates: WeakValueDictionary[tuple[str, str], Gate] = WeakValueDictionary()
_gates_lock = Lock()  # protects `_gates`


def shared_gate(endpoint: str, model: str, limits: Limits) -> Gate:
    """Return the gate of a model at an endpoint, one a process; the narrowest limits hold."""
    with _gates_lock:
        gate = _gates.setdefault((one_name(endpoint), model), Gate(limits))
    gate.narrow(limits)
    return gate
