"""Put questions to an engine: one batch, each reply parsed, what cannot be parsed asked once more.

Knows: requests, replies, the second ask.
Does not know: what the questions are about, how prompts read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mapcoder_lite.errors import FormatError
from mapcoder_lite.grammar import Grammar
from mapcoder_lite.trajectory import (
    NUM_ASKS,
    Call,
    CallKind,
    Completion,
    Engine,
    FormatFailure,
    Message,
    Request,
    Sampling,
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
        requests = [request(questions[i], manner, re_ask) for i in unanswered]
        completions = manner.engine.complete(requests) if requests else []
        failed: list[int] = []
        for i, sent, completion in zip(unanswered, requests, completions, strict=True):
            values[i], call = _read(questions[i], sent, completion)
            record(call)
            if call.failure is not None:
                failed.append(i)
        unanswered = failed
    return values


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
        failure = FormatFailure(kind=error.kind, detail=str(error))
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
