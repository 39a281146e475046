"""What is said to a model and what became of it: requests, calls, trials, trajectories.

Knows: roles, messages, completions, the ordered steps of one attempt at one problem.
Does not know: engines, prompts, parsing, files.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Annotated, Literal, Protocol, TypeVar

from pydantic import Field

from mapcoder_lite.grammar import Grammar
from mapcoder_lite.problem import Language, Record
from mapcoder_lite.verdict import Judgement

SCHEMA_VERSION = 1

T = TypeVar("T")


class Role(StrEnum):
    """The four agents, in the order of the pipeline (MapCoder 2405.11403, section 3)."""

    RETRIEVAL = "retrieval"
    PLANNING = "planning"
    CODING = "coding"
    DEBUGGING = "debugging"


class CallKind(StrEnum):
    """What a role was asked for; planning is asked for three things."""

    RETRIEVAL = "retrieval"
    PLAN = "plan"
    CONFIDENCE = "confidence"
    TRACE = "trace"
    """A plan followed by hand on the public tests, in place of a confidence."""
    CODING = "coding"
    DEBUGGING = "debugging"

    @property
    def role(self) -> Role:
        """The role whose adapter answers."""
        if self in (CallKind.PLAN, CallKind.CONFIDENCE, CallKind.TRACE):
            return Role.PLANNING
        return Role(self.value)


class Message(Record):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Sampling(Record):
    """How a reply is drawn; every field is always sent, so no server default slips in."""

    temperature: Annotated[float, Field(ge=0, le=100)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Annotated[int, Field(gt=0)] = 2048
    seed: int = 0
    stop: tuple[str, ...] = ()


NUM_ASKS = 2
"""How often a question is asked at most: the first ask and one more."""


class Request(Record):
    """One question to a model: to the backbone (adapter None) or to a role's adapter."""

    messages: tuple[Message, ...]
    adapter: str | None = None
    sampling: Sampling = Sampling()
    grammar: Grammar | None = None
    """The layout that the reply is held to; None = the model is free to break it."""
    attempt: int = 0
    """Tells otherwise equal requests apart: the sample number and the re-ask."""
    guidance: str | None = None
    """A supervisor's feedback; sent to the model, yet no part of the key or of a trained prompt."""

    @property
    def sample(self) -> int:
        """Number of the sample that the request belongs to."""
        return self.attempt // NUM_ASKS

    @property
    def key(self) -> str:
        """Digest of everything that changes the answer, guidance excluded."""
        fields = self.model_dump(mode="json", exclude={"guidance"})
        return digest(fields)

    @property
    def messages_sent(self) -> tuple[Message, ...]:
        """The messages as the model sees them, guidance appended to the last one."""
        if self.guidance is None:
            return self.messages
        last = self.messages[-1]
        guided = last.model_copy(update={"content": f"{last.content}\n\n{self.guidance}"})
        return (*self.messages[:-1], guided)


class Usage(Record):
    """Tokens of one completion."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


class Completion(Record):
    """A model's reply."""

    text: str
    finish_reason: Literal["stop", "length"]
    usage: Usage = Usage()
    seconds: float = 0.0
    model: str = ""
    """Name of the backbone or endpoint that answered."""
    adapter_digest: str | None = None


class Exemplar(Record):
    """A recalled problem and how to solve it."""

    description: str
    planning: str


class Recall(Record):
    """A parsed retrieval reply."""

    exemplars: Annotated[tuple[Exemplar, ...], Field(min_length=1)]
    algorithm: str


class FormatFailure(Record):
    """Why a reply could not be parsed."""

    kind: str
    """Stable short name, such as `no_root`, `no_program`, `bad_confidence`, `cut_off`."""
    detail: str
    position: int | None = None
    """Character of the reply at which reading failed, where that is known."""


class Call(Record):
    """A step: one question to one role and its reply."""

    step: Literal["call"] = "call"
    kind: CallKind
    request: Request
    completion: Completion
    failure: FormatFailure | None = None
    note: str | None = None
    """What of a parsed reply is not used, such as exemplars beyond k."""
    plan_index: int | None = None
    """Which recalled exemplar, hence which plan, the call belongs to; None = no plan."""
    round: int = 0
    """Debug round, from 1; 0 outside debugging."""

    @property
    def role(self) -> Role:
        """The role that was asked."""
        return self.kind.role


class Trial(Record):
    """A step: one program judged on the public tests."""

    step: Literal["trial"] = "trial"
    program: str
    language: Language
    judgement: Judgement
    plan_index: int | None
    """Which plan the program was written from; None = no plan."""
    round: int = 0


Step = Annotated[Call | Trial, Field(discriminator="step")]


class StopReason(StrEnum):
    """Why a traversal ended."""

    SOLVED = "solved"
    """A program passed every public test; the hidden tests are not known here."""
    EXHAUSTED = "exhausted"
    """All plans and debug rounds, or the only program, were used."""
    UNTESTED = "untested"
    """The problem has no public tests; the first program was taken, and not called solved."""
    NO_RECALL = "no_recall"
    """The retrieval replies could not be parsed."""
    NO_PLAN = "no_plan"
    """No plan came back."""
    NO_PROGRAM = "no_program"
    """No reply held a program."""
    ANSWERED = "answered"
    """What was asked for was no program, and it came: a hint, plans."""
    LOST = "lost"
    """A reply that could not be read ended the attempt: a defect of the original traversal."""
    TOO_LONG = "too_long"
    """A prompt and its reply did not fit the model's context; nothing was cut."""
    ERROR = "error"
    """The house failed; see `error`."""


class Trajectory(Record):
    """One attempt at one problem, in the order in which things happened."""

    schema_version: Literal[1] = SCHEMA_VERSION
    problem_id: str
    sample: int = 0
    """n-th attempt at the problem, as in pass@k."""
    steps: tuple[Step, ...] = ()
    program: str | None = None
    """The chosen program: the one that passes most public tests, the earliest on a tie; the
    original traversal's defects may choose another, also one that no trial judged."""
    language: Language = Language.PYTHON
    stop: StopReason
    detail: str | None = None
    """What the stop reason rests on, such as the lengths of a prompt that was too long."""
    error: str | None = None
    """The house's failure; such a trajectory is no attempt and is owed again."""
    seconds: float = 0.0

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls, in order."""
        return tuple(step for step in self.steps if isinstance(step, Call))

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials, in order."""
        return tuple(step for step in self.steps if isinstance(step, Trial))

    @property
    def coded_plans(self) -> set[int]:
        """The plans that a program was asked for, whether the reply could be read or not."""
        coding = (call.plan_index for call in self.calls if call.kind is CallKind.CODING)
        return {index for index in coding if index is not None}


class Grade(Record):
    """A trajectory's program judged on the hidden tests; kept in its own file."""

    schema_version: Literal[1] = SCHEMA_VERSION
    problem_id: str
    sample: int = 0
    program_sha256: str | None = None
    """Hex, of the judged program in UTF-8; None where there is none, or the grade is older."""
    judgement: Judgement | None = None
    """None when the trajectory holds no program."""

    @property
    def is_passed(self) -> bool:
        """Whether the program passed every hidden test."""
        return self.judgement is not None and self.judgement.is_accepted


class Cancellation:
    """Calls requests off, from any thread; whoever works on them hears of it at once."""

    def __init__(self) -> None:
        self._lock = Lock()  # protects both fields below
        self._is_cancelled = False
        self._listeners: list[Callable[[], None]] = []

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_cancelled

    def cancel(self) -> None:
        """Call off; a second time is without effect."""
        with self._lock:
            self._is_cancelled = True
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()

    @contextmanager
    def heard_by(self, listener: Callable[[], None]) -> Generator[None]:
        """Within, call the listener once when cancelled: at once if it already is."""
        with self._lock:
            is_late = self._is_cancelled
            if not is_late:
                self._listeners.append(listener)
        if is_late:
            listener()
        try:
            yield
        finally:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)


@dataclass(frozen=True, slots=True)
class Retry:
    """A question that is asked again after a fault on the way."""

    reason: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class Watch:
    """What a caller sees of its requests while they are answered, and how it calls them off."""

    cancellation: Cancellation | None = None
    on_text: Callable[[int, str], None] | None = None
    """Gets a request's index and the text just added to its reply; called by the engine's own
    threads, so it must be quick. All texts of a request together are its completion's text."""
    on_completion: Callable[[int, Completion], None] | None = None
    """Gets a request's index and its completion as soon as it is there; called by the thread that
    called `complete`, and what it raises ends that call."""
    on_retry: Callable[[int, Retry], None] | None = None
    """Gets a request's index and why it is asked again; called by the engine's own threads."""

    def of(self, places: Sequence[int]) -> "Watch":
        """Return the watch of some of the requests, which an inner engine counts from 0."""

        return Watch(
            self.cancellation,
            _moved(self.on_text, places),
            _moved(self.on_completion, places),
            _moved(self.on_retry, places),
        )

    def answer(self, index: int, completion: Completion) -> None:
        """Show a reply that came whole."""
        if self.on_text is not None:
            self.on_text(index, completion.text)
        if self.on_completion is not None:
            self.on_completion(index, completion)


def _moved(
    listener: Callable[[int, T], None] | None, places: Sequence[int]
) -> Callable[[int, T], None] | None:
    if listener is None:
        return None
    return lambda index, news: listener(places[index], news)


class Engine(Protocol):
    """Answers requests; safe to call from many threads, and a batch may mix adapters."""

    @property
    def identity(self) -> str:
        """Names backbone, adapters and their digests; changes when any answer may change."""
        ...

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order; what one of them lacks does not end the others.

        Raises:
            EngineError: a request cannot be answered; the others were, and `watch` saw them.
                Nothing is cut or skipped in silence.
            Cancelled: the watch's cancellation was used.
        """
        ...

    def close(self) -> None:
        """Free the model or the connections; pending requests fail."""
        ...


def program_digest(program: str) -> str:
    """Hex SHA-256 of a program's text."""
    return hashlib.sha256(program.encode("utf-8", "surrogatepass")).hexdigest()


def digest(value: object) -> str:
    """Hex SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
