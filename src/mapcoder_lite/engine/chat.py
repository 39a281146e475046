"""What a chat server says, read strictly as it comes in: replies, waiting times, complaints.

Knows: how a streamed reply comes (server-sent events, Ollama's lines), what makes it whole, which
failures may pass.
Does not know: connections, retries, requests.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from mapcoder_lite.engine.wire import Event, OllamaPart, Said, ServerError
from mapcoder_lite.errors import EngineError, PromptTooLong, UnknownAdapter
from mapcoder_lite.trajectory import Completion, Usage

MAX_LINE_BYTES = 1_000_000
"""Of a line, an error, a page: more is not read."""

_REFUSED_STATUS = frozenset({400, 413, 422})
_RETRIED_STATUS = frozenset({408, 409, 429})
_OVERLOAD_STATUS = frozenset({408, 429, 503, 504, 529})
_TOO_LONG = (
    "context_length_exceeded",
    "exceed_context_size",
    "exceeds maximum allowed length",
    "exceeds the available context size",
    "exceeds the context length",
    "exceeds the context window",
    "input is too long",
    "max_model_len",
    "max_new_tokens` must be <=",
    "maximum context length",
    "maximum model length",
    "model's context length",
    "prompt is too long",
)
_CHARACTERS_A_TOKEN = 16  # far above any mean, so that only what never ends is beyond it

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
        self,
        reason: str,
        *,
        status: int | None = None,
        retry_after_seconds: float | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.status = status
        """HTTP status, also one told within a stream; None: not told."""
        self.retry_after_seconds = retry_after_seconds
        self.field = field
        """The field of the request that it is about; None: not told."""

    def fault(self, base_url: str, model: str) -> EngineError | Trouble:
        """Return what to raise: trouble that may pass, or the end of the request."""
        reason, status = str(self), self.status
        if status in _REFUSED_STATUS and says_too_long(reason):
            return PromptTooLong(f"shorten the prompt or max_tokens: {base_url} says {reason}")
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
        self._rest = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that are whole now.

        Raises:
            Trouble: a line has no end.
        """
        *lines, rest = piece.split(b"\n")
        if lines:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        self._rest += rest
        if len(self._rest) > MAX_LINE_BYTES:
            raise _unsound(f"a line of more than {MAX_LINE_BYTES} bytes", bytes(self._rest))
        return lines

    def end(self) -> list[bytes]:
        """Return what no line feed ended."""
        rest = bytes(self._rest)
        self._rest.clear()
        return [rest]


class StreamedReply:
    """One reply as its lines come in."""

    def __init__(self, model: str, max_tokens: int) -> None:
        self.is_over = False
        """Whether the server said that nothing follows."""
        self._max_tokens = max_tokens
        self._num_pieces = self._num_characters = 0
        self._texts: list[str] = []
        self._finish_reason: str | None = None
        self._usage: Usage | None = None
        self._model = model

    def take(self, line: bytes) -> str | None:
        """Read one line; return the text that it adds, None when it is no progress at all.

        Progress is text, a thought, the end, or a new count.

        Raises:
            Trouble: the line is not sound.
            Complaint: the server gave up.
            EngineError: the reply has no end.
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
                f"{self._text!r}"
            )
        return Completion(
            text=self._text,
            finish_reason=reason,
            usage=self._usage or Usage(),
            seconds=seconds,
            model=self._model,
        )

    def _add(
        self, said: Said, finish_reason: str | None, usage: Usage | None, line: bytes
    ) -> str | None:
        text, thought = said.content or "", said.thought
        is_ended = self.is_over or self._finish_reason is not None
        if is_ended and (text or finish_reason not in (None, self._finish_reason)):
            raise _unsound("something follows the end of the reply", line)
        is_progress = bool(text or thought or (finish_reason and not is_ended))
        is_progress = is_progress or usage not in (None, self._usage)
        self._finish_reason = finish_reason or self._finish_reason
        self._usage = usage or self._usage
        self._texts.append(text)
        self._count(text + thought)
        return text if is_progress else None

    def _count(self, said: str) -> None:
        """Give up a reply without end; pieces may be parts of a token, so characters count too."""
        self._num_pieces += bool(said)
        self._num_characters += len(said)
        longest = self._max_tokens * _CHARACTERS_A_TOKEN
        if self._num_pieces > self._max_tokens and self._num_characters > longest:
            raise EngineError(
                f"the server ignores max_tokens: {self._num_pieces} pieces, "
                f"{self._num_characters} characters came where at most {self._max_tokens} tokens "
                "were asked for; use a server that keeps to the limit"
            )

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
            text = self._take_event(line)
            self.is_over = True
            return text
        if field == b"error":
            raise Complaint(value.decode(errors="replace"))
        if field not in _FIELDS:
            raise _unsound("it is no stream of events", line)
        value = value.strip()
        if field != b"data" or not value:
            return None
        if value == b"[DONE]":
            was_over, self.is_over = self.is_over, True
            return None if was_over else ""
        return self._take_event(value)

    def _take_event(self, text: bytes) -> str | None:
        event = _read(Event, text)
        if event.error is not None:
            raise _complaint(event.error)
        self._model = event.model or self._model
        choice = event.choice
        said, reason = (Said(), None) if choice is None else (choice.said, choice.finish_reason)
        return self._add(said, reason or None, event.counted, text)


class OllamaReply(StreamedReply):
    """Ollama's own stream: a JSON object a line, the last one with the counts."""

    def take(self, line: bytes) -> str | None:
        """Read one line of the stream."""
        if not line.strip():
            return None
        part = _read(OllamaPart, line)
        if part.error is not None:
            raise _complaint(part.error)
        self._model = part.model or self._model
        reason = (part.done_reason or "unnamed") if part.done else None
        usage = part.counted if part.done else None
        text = self._add(part.message or Said(), reason, usage, line)
        self.is_over = self.is_over or bool(part.done)
        return text


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
        seconds = float(value)
    except ValueError:
        pass  # not a number, hence a date (RFC 9110, 10.2.3)
    else:
        return None if math.isnan(seconds) else max(0.0, seconds)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)  # what "-0000" is read as
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def says_too_long(complaint: str) -> bool:
    """Tell whether a refusal is about the context; servers word it differently."""
    lowered = complaint.lower()
    return any(words in lowered for words in _TOO_LONG)


def _read(wire: type[Wire], line: bytes) -> Wire:
    try:
        return wire.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "a line"
        raise _unsound(f"{where}: {first['msg']}", line) from None


def _unsound(reason: str, line: bytes) -> Trouble:
    began = line.decode(errors="replace")
    return Trouble(f"the server's answer is not sound: {reason}; it began {began!r}")


def _complaint(error: ServerError | str) -> Complaint:
    if isinstance(error, str):
        return Complaint(error)
    status = error.code if isinstance(error.code, int) else None
    return Complaint(error.model_dump_json(), status=status, field=error.param)
