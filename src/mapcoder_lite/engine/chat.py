"""What a chat server says, read strictly as it comes in: replies, waiting times, complaints.

Knows: the wire formats of a streamed reply (server-sent events, Ollama's lines), what makes it
whole, which failures may pass.
Does not know: connections, retries, requests.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from mapcoder_lite.errors import EngineError, PromptTooLong, UnknownAdapter
from mapcoder_lite.trajectory import Completion, Usage

_RETRIED_STATUS = frozenset({408, 409, 429})
_OVERLOAD_STATUS = frozenset({408, 429, 503, 504, 529})
_TOO_LONG = (
    "context_length_exceeded",
    "exceed_context_size",
    "exceeds the available context size",
    "exceeds the context length",
    "exceeds the context window",
    "maximum context length",
    "maximum model length",
    "max_model_len",
    "model's context length",
)

_FIELDS = frozenset({b"", b"data", b"event", b"id", b"retry"})  # "" of comments and empty lines

Wire = TypeVar("Wire", bound=BaseModel)


class Trouble(Exception):
    """A failure that may pass; it never leaves the engine."""

    def __init__(
        self, reason: str, *, retry_after_seconds: float | None = None, is_overload: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds
        """None: the server does not say."""
        self.is_overload = is_overload
        """Whether fewer requests at a time would help."""


class Complaint(Exception):
    """A server's own word that it does not answer; it never leaves the engine."""

    def __init__(
        self, reason: str, *, status: int | None = None, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(reason)
        self.status = status
        """HTTP status, also one told within a stream; None: not told."""
        self.retry_after_seconds = retry_after_seconds

    def fault(self, base_url: str, model: str) -> EngineError | Trouble:
        """Return what to raise: trouble that may pass, or the end of the request."""
        reason, status = str(self), self.status
        if says_too_long(reason):
            return PromptTooLong(f"{base_url}: {reason}; shorten the prompt or max_tokens")
        if status is None or status >= 500 or status in _RETRIED_STATUS:
            return Trouble(
                reason,
                retry_after_seconds=self.retry_after_seconds,
                is_overload=status in _OVERLOAD_STATUS,
            )
        if status == 404:
            return UnknownAdapter(f"{base_url} does not know the model {model!r}: {reason}")
        return EngineError(f"{base_url} refused a request to {model!r}: {reason}")


class Lines:
    """Cuts what comes in at line feeds only: a reply may hold other ends of lines, as U+2028."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that are whole now."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return lines

    def end(self) -> list[bytes]:
        """Return what no line feed ended."""
        rest, self._rest = self._rest, b""
        return [rest]


class StreamedReply:
    """One reply as its lines come in."""

    def __init__(self, model: str) -> None:
        self.is_over = False
        """Whether the server said that nothing follows."""
        self._texts: list[str] = []
        self._finish_reason: str | None = None
        self._usage: Usage | None = None
        self._model = model

    def take(self, line: bytes) -> str | None:
        """Read one line; return the text that it adds, None when it says nothing at all.

        Raises:
            Trouble: the line is not sound.
            Complaint: the server gave up.
        """
        raise NotImplementedError

    @property
    def has_usage(self) -> bool:
        """Whether the server counted the tokens."""
        return self._usage is not None

    def completion(self, seconds: float) -> Completion:
        """Return the whole reply; tokens that the server does not count are 0.

        Raises:
            Trouble: the stream was cut.
            EngineError: the reply ended in a way that is not known.
        """
        reason = self._finish_reason
        if reason is None or not (self.is_over or self.has_usage):
            raise Trouble(f"the stream was cut after {len(self._text)} characters")
        if reason != "stop" and reason != "length":
            raise EngineError(
                f"the server's answer is not sound: unknown finish reason {reason!r}; it began "
                f"{self._text[:200]!r}"
            )
        return Completion(
            text=self._text,
            finish_reason=reason,
            usage=self._usage or Usage(),
            seconds=seconds,
            model=self._model,
        )

    def _add(self, said: "_Said") -> str:
        self._texts.append(said.content or "")
        return self._texts[-1]

    @property
    def _text(self) -> str:
        return "".join(self._texts)


class EventReply(StreamedReply):
    """Server-sent events of the OpenAI API; comments and other fields say nothing.

    A whole answer in one line, from a server that does not stream, is read as well.
    """

    def take(self, line: bytes) -> str | None:
        """Read one line of the stream."""
        line = line.strip()
        field, _, value = line.partition(b":")
        if line.startswith(b"{"):
            self.is_over = True
            return self._take_event(line)
        if field == b"error":
            raise Complaint(value.decode(errors="replace"))
        if field not in _FIELDS:
            raise _unsound("it is no stream of events", line)
        value = value.strip()
        if field != b"data" or not value:
            return None
        if value == b"[DONE]":
            self.is_over = True
            return ""
        return self._take_event(value)

    def _take_event(self, text: bytes) -> str | None:
        event = _read(_Event, text)
        if event.error is not None:
            raise _complaint(event.error)
        self._model = event.model or self._model
        self._usage = event.counted or self._usage
        if not event.choices:
            return ""
        choice = event.choices[0]
        self._finish_reason = choice.finish_reason or self._finish_reason
        if choice.finish_reason is None and choice.said.is_silent:
            return None
        return self._add(choice.said)


class OllamaReply(StreamedReply):
    """Ollama's own stream: a JSON object a line, the last one with the counts."""

    def take(self, line: bytes) -> str | None:
        """Read one line of the stream."""
        if not line.strip():
            return None
        part = _read(_OllamaPart, line)
        if part.error is not None:
            raise _complaint(part.error)
        self._model = part.model or self._model
        if part.done:
            self.is_over = True
            self._finish_reason = part.done_reason or "unnamed"
            if part.eval_count is not None:
                self._usage = Usage(
                    prompt_tokens=part.prompt_eval_count or 0,
                    cached_tokens=part.prompt_eval_cached_count or 0,
                    completion_tokens=part.eval_count,
                )
        return self._add(part.message)


class Shown:
    """The text of a reply that was handed on, which another try must not repeat."""

    def __init__(self, on_text: Callable[[str], None] | None) -> None:
        self._on_text = on_text
        self._text = ""
        self._place = 0
        """Characters of the present try."""

    def restart(self) -> None:
        """Begin another try."""
        self._place = 0

    def add(self, text: str) -> None:
        """Hand on what is new of a try's next text.

        Raises:
            Trouble: the try says something else than an earlier one.
        """
        if self._on_text is None or not text:
            return
        old = self._text[self._place : self._place + len(text)]
        if not text.startswith(old):
            raise _another_text()
        self._place += len(text)
        if new := text[len(old) :]:
            self._text += new
            self._on_text(new)

    def end(self) -> None:
        """End a try whose reply is whole.

        Raises:
            Trouble: it says less than was handed on.
        """
        if self._place < len(self._text):
            raise _another_text()


def _another_text() -> Trouble:
    return Trouble("another try gave another text than the one already handed on")


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


class _Said(BaseModel):
    content: str | None = None
    reasoning_content: str | None = None  # no part of the reply, but a sign of life
    reasoning: str | None = None

    @property
    def is_silent(self) -> bool:
        """Whether it is as empty as the events that only name the speaker."""
        return not (self.content or self.reasoning_content or self.reasoning)


class _Choice(BaseModel):
    delta: _Said = _Said()
    message: _Said | None = None
    finish_reason: str | None = None

    @property
    def said(self) -> _Said:
        return self.message or self.delta


class _PromptDetails(BaseModel):
    cached_tokens: int | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek

    @property
    def cached(self) -> int | None:
        details = self.prompt_tokens_details or _PromptDetails()
        if details.cached_tokens is not None:
            return details.cached_tokens
        return self.prompt_cache_hit_tokens


class _Timings(BaseModel):
    """What llama-server adds to the last event."""

    cache_n: int = 0
    prompt_n: int = 0
    predicted_n: int = 0


class _Event(BaseModel):
    model: str | None = None
    choices: list[_Choice] = []
    usage: _Usage | None = None
    timings: _Timings | None = None
    error: "_Error | str | None" = None

    @property
    def counted(self) -> Usage | None:
        usage, timings = self.usage, self.timings
        if usage is not None:
            cached = usage.cached
            if cached is None:
                cached = timings.cache_n if timings is not None else 0
            # Some leave what the model thought out of the second count, but not out of the third.
            reply = max(usage.completion_tokens, usage.total_tokens - usage.prompt_tokens)
            return Usage(
                prompt_tokens=usage.prompt_tokens, cached_tokens=cached, completion_tokens=reply
            )
        if timings is not None:
            return Usage(
                prompt_tokens=timings.cache_n + timings.prompt_n,
                cached_tokens=timings.cache_n,
                completion_tokens=timings.predicted_n,
            )
        return None


class _OllamaPart(BaseModel):
    model: str | None = None
    message: _Said = _Said()
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    prompt_eval_cached_count: int | None = None  # part of the count before
    eval_count: int | None = None
    error: "_Error | str | None" = None


class _Error(BaseModel, extra="allow"):
    code: int | str | None = None


def _read(wire: type[Wire], line: bytes) -> Wire:
    try:
        return wire.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "a line"
        raise _unsound(f"{where}: {first['msg']}", line) from None


def _unsound(reason: str, line: bytes) -> Trouble:
    began = line[:200].decode(errors="replace")
    return Trouble(f"the server's answer is not sound: {reason}; it began {began!r}")


def _complaint(error: _Error | str) -> Complaint:
    if isinstance(error, str):
        return Complaint(error)
    status = error.code if isinstance(error.code, int) else None
    return Complaint(error.model_dump_json(), status=status)
