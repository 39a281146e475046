"""What a chat-completions server says, read strictly: replies, waiting times, complaints.

Knows: the wire format of an answer, what makes it sound.
Does not know: connections, retries, requests.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pydantic import BaseModel, ValidationError

from mapcoder_lite.errors import EngineError
from mapcoder_lite.trajectory import Completion, Usage

_TOO_LONG = ("context_length_exceeded", "exceed_context_size", "maximum context length")


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _PromptDetails(BaseModel):
    cached_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None


class _Answer(BaseModel):
    model: str | None = None
    choices: list[_Choice]
    usage: _Usage | None = None


def read_completion(text: str, *, model: str, seconds: float) -> Completion:
    """Read one answer of a server; `model` names it where the answer does not.

    Raises:
        EngineError: the answer is malformed, empty, or ended in a way that is not known.
    """
    try:
        answer = _Answer.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise _unsound(f"{where}: {first['msg']}", text) from None
    if not answer.choices:
        raise _unsound("it has no choices", text)
    choice = answer.choices[0]
    reason = choice.finish_reason
    if reason != "stop" and reason != "length":
        raise _unsound(f"unknown finish reason {reason!r}", text)
    if choice.message.content is None:
        raise _unsound(f"it has no content (finish reason {reason!r})", text)
    return Completion(
        text=choice.message.content,
        finish_reason=reason,
        usage=_read_usage(answer.usage or _Usage()),
        seconds=seconds,
        model=answer.model or model,
    )


def retry_after_seconds(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return how long the server asks to wait: seconds or a date; None when it does not say."""
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass  # not a number, hence a date (RFC 9110, 10.2.3)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def says_too_long(complaint: str) -> bool:
    """Tell whether a refusal is about the context; servers word it differently."""
    lowered = complaint.lower()
    return any(words in lowered for words in _TOO_LONG)


def _read_usage(usage: _Usage) -> Usage:
    details = usage.prompt_tokens_details or _PromptDetails()
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=details.cached_tokens or 0,
        completion_tokens=usage.completion_tokens,
    )


def _unsound(reason: str, text: str) -> EngineError:
    return EngineError(f"the server's answer is not sound: {reason}; it began {text[:200]!r}")
