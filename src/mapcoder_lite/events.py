"""What happens in one attempt at a problem, told as it happens: typed events, numbered and dated.

Terminal, JSON lines, server-sent events and page only render these. docs/api.md lists every field.

Knows: the events, their numbers and times, run ids.
Does not know: who listens, how a problem is solved, how events are shown or kept.
"""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock
from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter

from mapcoder_lite.problem import Language, Record
from mapcoder_lite.trajectory import Call, CallKind, Role, Step, StopReason, Usage
from mapcoder_lite.verdict import Verdict


class Status(StrEnum):
    """How a run ended, in a word."""

    SOLVED = "solved"
    """A program passed every public test."""
    FAILED = "failed"
    UNTESTED = "untested"
    """There were no public tests."""
    ANSWERED = "answered"
    """What was asked for was no program, and it came."""
    CANCELLED = "cancelled"
    ERROR = "error"
    """The house's fault."""
    INTERRUPTED = "interrupted"
    """The process ended before the run did."""


class Head(Record):
    """What every event has; `Teller` fills it in."""

    v: Literal[1] = 1
    ts: str = ""
    """ISO 8601, UTC, milliseconds."""
    run: str = ""
    n: int = 0
    """Number within the run, from 1, without gaps."""


class ProblemNamed(Record):
    """The problem of a run, in short."""

    id: str
    title: str
    num_tests: int


class RunStarted(Head):
    """The first event of a run."""

    kind: Literal["run.started"] = "run.started"
    problem: ProblemNamed
    task: str
    traversal: str
    k: int
    t: int
    language: Language
    engine: str
    """Its identity."""
    sample: int = 0
    forked_from: str | None = None


class Staged(Head):
    """What is said of every question."""

    stage: int
    """Number of the question within the run, from 1."""
    agent: Role
    call: CallKind
    plan: int | None
    round: int


class StageStarted(Staged):
    """A question goes to the engine."""

    kind: Literal["stage.started"] = "stage.started"
    ask: int
    """1, or 2 for the second ask."""


class StageDelta(Head):
    """The reply has grown."""

    kind: Literal["stage.delta"] = "stage.delta"
    stage: int
    text: str


class StageFinished(Staged):
    """The reply is there and was read."""

    kind: Literal["stage.finished"] = "stage.finished"
    ask: int
    finish: Literal["stop", "length"]
    ms: int
    usage: Usage
    model: str
    adapter_digest: str | None
    format_ok: bool
    note: str | None
    answer: JsonValue
    """What the reply was read as; None when it could not be read."""


class FormatFailed(Staged):
    """A reply could not be read."""

    kind: Literal["format.failure"] = "format.failure"
    failure: str
    detail: str
    position: int | None
    """Character of the reply at which reading failed, where that is known."""
    is_final: bool
    """False: it is asked once more."""


class PlanScored(Head):
    """A plan has its place in the order of trial."""

    kind: Literal["plan.scored"] = "plan.scored"
    plan: int
    rank: int
    """From 1."""
    confidence: int | None
    text: str


class CodeVersion(Head):
    """A program is about to be judged on the public tests."""

    kind: Literal["code.version"] = "code.version"
    version: int
    """Number within the run, from 1."""
    plan: int | None
    round: int
    language: Language
    program: str
    diff: str | None
    """Unified, against the program before of the same plan."""
    is_repeat: bool
    """Whether the same program was judged before in this run."""


class TestVerdict(Head):
    """A version was judged on a test, or as a whole where no test could be run."""

    kind: Literal["test.verdict"] = "test.verdict"
    version: int
    test: int | None
    """Index from 0."""
    verdict: Verdict
    cpu_ms: float = 0.0
    wall_ms: float = 0.0
    rss_kb: int = 0
    got: str = ""
    stderr: str = ""
    reason: str = ""
    isolation: str
    speed_factor: float


class DebugRound(Head):
    """A version that failed goes to the debugging agent."""

    kind: Literal["debug.round"] = "debug.round"
    plan: int | None
    round: int
    version: int
    num_passed: int
    num_tests: int


class BudgetWarning(Head):
    """Something is used up, or nearly."""

    kind: Literal["budget.warning"] = "budget.warning"
    what: Literal["reply_tokens", "seconds"]
    used: float
    limit: float
    stage: int | None = None


class BackendRetry(Head):
    """A question goes to the server again, after a fault."""

    kind: Literal["backend.retry"] = "backend.retry"
    reason: str
    wait_seconds: float
    stage: int | None = None


class Failed(Head):
    """The house failed."""

    kind: Literal["error"] = "error"
    error: str
    """Class of the error."""
    message: str
    exit_code: int


class Totals(Record):
    """What a run, or one agent of it, was answered."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    ms: int = 0
    """Of a run by the clock; of an agent the sum of its answers' times."""
    usd: float | None = None
    """None: unknown, which is never taken for nothing."""
    num_unreadable: int = 0
    """Replies that could not be read."""

    def with_call(self, call: Call, dollars: float | None = None) -> "Totals":
        """Return these totals and one more call; one without a price makes the sum unknown."""
        usage = call.completion.usage
        before = self.usd if self.calls else 0.0
        return self.model_copy(
            update={
                "calls": self.calls + 1,
                "prompt_tokens": self.prompt_tokens + usage.prompt_tokens,
                "cached_tokens": self.cached_tokens + usage.cached_tokens,
                "completion_tokens": self.completion_tokens + usage.completion_tokens,
                "ms": self.ms + round(1000 * call.completion.seconds),
                "usd": None if before is None or dollars is None else before + dollars,
                "num_unreadable": self.num_unreadable + (call.failure is not None),
            }
        )


class RunFinished(Head):
    """The last event of a run."""

    kind: Literal["run.finished"] = "run.finished"
    status: Status
    stop: StopReason | None = None
    detail: str | None = None
    exit_code: int
    program: str | None = None
    """The one to submit."""
    language: Language
    version: int | None = None
    """Number of that program."""
    num_passed: int = 0
    num_tests: int = 0
    totals: Totals = Totals()
    agents: dict[Role, Totals] = Field(default_factory=dict[Role, Totals])


Event = Annotated[
    RunStarted
    | StageStarted
    | StageDelta
    | StageFinished
    | FormatFailed
    | PlanScored
    | CodeVersion
    | TestVerdict
    | DebugRound
    | BudgetWarning
    | BackendRetry
    | Failed
    | RunFinished,
    Field(discriminator="kind"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads an event of any kind."""

Listener = Callable[[Event, Step | None], None]
"""Gets every event, in order, one at a time, from whichever thread it happened on. With
`stage.finished` comes the call, and with a version's last `test.verdict` the trial: whole, for who
keeps or shows more than goes into the stream."""


class Teller:
    """Numbers and dates what it is told and passes it on; safe to call from any thread."""

    def __init__(
        self,
        listener: Listener,
        run: str | None = None,
        first: int = 1,
        dollars: Callable[[Call], float | None] = lambda _: None,
    ) -> None:
        """Begin a run's events, or go on with number `first`; `dollars` prices what is told of."""
        self.run = run or run_id()
        self.dollars = dollars
        self._listener = listener
        self._next = first
        self._lock = Lock()  # protects `_next`, and the order in which the listener hears

    def tell(self, event: Event, step: Step | None = None) -> None:
        """Pass an event on."""
        with self._lock:
            head = {"ts": now(), "run": self.run, "n": self._next}
            self._next += 1
            self._listener(event.model_copy(update=head), step)


_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_RANDOM_BITS = 80


def run_id() -> str:
    """Return a new id of 26 characters that sorts by time, to the millisecond (a ULID)."""
    number = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def now() -> str:
    """Return the time as events have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
