"""Put questions to an engine: one batch, each reply parsed, what cannot be parsed asked once more.

Knows: requests, replies, the second ask, when each is told of.
Does not know: what the questions are about, how prompts read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mapcoder_lite.agents.stages import Stages
from mapcoder_lite.errors import FormatError
from mapcoder_lite.grammar import Grammar
from mapcoder_lite.trajectory import (
    NUM_ASKS,
    Call,
    CallKind,
    Cancellation,
    Completion,
    Engine,
    FormatFailure,
    Message,
    Request,
    Sampling,
    Watch,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """A prompt and how its reply is read."""

    kind: CallKind
    messages: tuple[Message, ...]
    parse: Callable[[Completion], T]
    grammar: Grammar | None = None
    """The layout of the reply; None = free text."""
    plan_index: int | None = None
    round: int = 0
    note: Callable[[T], str | None] = lambda _: None
    """Says what is not used of a parsed reply, for the record."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How questions are asked throughout one attempt at a problem."""

    engine: Engine
    sampling: Sampling
    retry_temperature: float
    sample: int
    is_structured: bool = False
    """Whether replies are held to their layouts."""
    num_asks: int = NUM_ASKS
    """How often a question is asked at most."""
    stages: Stages = field(default_factory=Stages)
    """Who is told of every question."""
    cancellation: Cancellation | None = None
    """Calls off what is being asked."""


def ask(
    questions: Sequence[Question[T]], manner: Manner, record: Callable[[Call], None]
) -> list[T | None]:
    """Return each question's value, or None where no reply could be parsed.

    All questions go to the engine together, then those that failed. The second ask has a number
    and a seed of its own and is warmer, since a cold model would only repeat itself.

    Raises:
        EngineError: the engine cannot answer.
    """
    values: list[T | None] = [None] * len(questions)
    unanswered = list(range(len(questions)))
    for re_ask in range(manner.num_asks):
        read = _answered([questions[i] for i in unanswered], manner, re_ask)
        failed: list[int] = []
        for i, (value, call) in zip(unanswered, read, strict=True):
            values[i] = value
            record(call)
            if call.failure is not None:
                failed.append(i)
        unanswered = failed
    return values


def _answered(
    questions: Sequence[Question[T]], manner: Manner, re_ask: int
) -> list[tuple[T | None, Call]]:
    """Ask together; each reply is read, and told of, as soon as it is there."""
    if not questions:
        return []
    requests = [request(question, manner, re_ask) for question in questions]
    asked = [(question.kind, question.plan_index, question.round) for question in questions]
    batch = manner.stages.begin(asked, re_ask + 1)
    read: dict[int, tuple[T | None, Call]] = {}

    def take(place: int, completion: Completion) -> None:
        if place not in read:
            value, call = read[place] = _read(questions[place], requests[place], completion)
            batch.finish(place, call, value, is_final=re_ask + 1 == manner.num_asks)

    watch = batch.watch(Watch(manner.cancellation, on_completion=take))
    for place, completion in enumerate(manner.engine.complete(requests, watch)):
        take(place, completion)  # of an engine that shows nothing as it comes
    return [read[place] for place in range(len(requests))]


def request(question: Question[T], manner: Manner, re_ask: int = 0) -> Request:
    """Return the request; no two samples or asks of one question share a key or a seed."""
    attempt = manner.sample * NUM_ASKS + re_ask
    temperature = manner.sampling.temperature
    if re_ask:
        temperature = max(temperature, manner.retry_temperature)
    seed = manner.sampling.seed + attempt
    return Request(
        messages=question.messages,
        adapter=question.kind.role.value,
        sampling=manner.sampling.model_copy(update={"temperature": temperature, "seed": seed}),
        grammar=question.grammar if manner.is_structured else None,
        attempt=attempt,
    )


def _read(question: Question[T], sent: Request, completion: Completion) -> tuple[T | None, Call]:
    value, failure, note = None, None, None
    try:
        value = question.parse(completion)
        note = question.note(value)
    except FormatError as error:
        failure = FormatFailure(kind=error.kind, detail=str(error), position=error.position)
    call = Call(
        kind=question.kind,
        request=sent,
        completion=completion,
        failure=failure,
        note=note,
        plan_index=question.plan_index,
        round=question.round,
    )
    return value, call
