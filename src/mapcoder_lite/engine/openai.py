"""A model behind a server: any OpenAI-compatible one, vLLM, SGLang, llama-server or Ollama.

Replies are streamed, so that a server that hangs is told from one that thinks. A reply that was
cut off is asked for again; its text is handed on once: the second try is compared with what was
handed on already and continues it, and one that differs is trouble like a cut.

Knows: completions over HTTP, retries, calling off, limits on what is in flight.
Does not know: how the server runs, environment variables, roles, prompts, problems.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from types import MappingProxyType

from mapcoder_lite.engine import servers
from mapcoder_lite.engine.chat import (
    Complaint,
    EventReply,
    Lines,
    OllamaReply,
    Shown,
    StreamedReply,
    Trouble,
)
from mapcoder_lite.engine.connection import Connection
from mapcoder_lite.engine.limits import Limits, Outcome, shared_gate
from mapcoder_lite.engine.loop import LoopThread, closed, each_as_it_ends
from mapcoder_lite.engine.truncation import check_after, check_before, likely_tokens
from mapcoder_lite.errors import Cancelled, EngineError
from mapcoder_lite.settings import ServerKind
from mapcoder_lite.trajectory import Cancellation, Completion, Request, Retry, Watch

_log = logging.getLogger(__name__)

_MAX_BACKOFF_SECONDS = 30.0
_MAX_RETRY_AFTER_SECONDS = 300.0
_FAREWELL_SECONDS = 1.0  # for the end of a response whose reply is whole; then it is dropped


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often a server is waited for."""

    first_token_seconds: float = 300.0
    idle_seconds: float = 60.0
    """Between two tokens."""
    max_retries: int = 5


class OpenAIEngine:
    """Answers over HTTP, many requests at a time; every retry is logged."""

    def __init__(
        self,
        base_url: str,
        model: str,
        adapters: Mapping[str, str] = MappingProxyType({}),
        *,
        kind: ServerKind = ServerKind.OPENAI,
        context_tokens: int | None = None,
        api_key: str | None = None,
        patience: Patience = Patience(),
        limits: Limits = Limits(),
    ) -> None:
        """Connect to a server.

        `adapters` maps adapters to their names on the server, `model` answers where the request
        names none; `context_tokens` is what prompt and reply may have together, if known.

        Raises:
            EngineError: the `openai` package is not installed, or key or proxy are not usable.
        """
        base_url = base_url.rstrip("/")
        self._served = servers.Served(kind, base_url, model, dict(adapters), context_tokens)
        self._patience = patience
        self._connection = Connection(base_url, api_key)
        self._gate = shared_gate(base_url, model, limits)
        self._changes: dict[str, servers.Change] = {}
        """By the field that the server refuses."""
        self._is_counting = True
        self._loop = LoopThread[Completion]("openai-engine")

    def __repr__(self) -> str:
        return f"OpenAIEngine({self._served.base_url!r}, {self._served.model!r})"

    @property
    def identity(self) -> str:
        """Server and names on it; the server's weights cannot be seen from here."""
        served = self._served
        names = " ".join(f"{adapter}={name}" for adapter, name in sorted(served.adapters.items()))
        return f"{served.kind.value} {served.base_url} {served.model} {names}".strip()

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order, each by its own exchange.

        Raises:
            UnknownAdapter: an adapter has no name here, or the server does not know it.
            PromptTooLong: prompt and reply do not fit, as is known before or the server says.
            Cancelled: the watch's cancellation was used.
            EngineError: the server failed for good, or its reply is not sound or was cut.
        """
        watch = watch or Watch()
        cancellation = watch.cancellation or Cancellation()
        if cancellation.is_cancelled:
            raise _cancelled()
        futures = self._loop.start(
            [partial(self._ask, request, watch.of([i])) for i, request in enumerate(requests)]
        )
        try:
            with cancellation.heard_by(lambda: _cancel(futures)):
                _await(futures, watch)
        finally:
            _cancel(futures)  # also when the waiting was interrupted
        if any(future.cancelled() for future in futures):
            raise _cancelled() if cancellation.is_cancelled else closed()
        return [future.result() for future in futures]

    def close(self) -> None:
        """Call everything off and end the connections."""
        self._loop.close(self._connection.close)

    async def _ask(self, request: Request, watch: Watch) -> Completion:
        """Send one request until it is answered or fails for good; no failure tells the key."""
        try:
            completion = await self._answer(request, Shown(_text_of(watch)), watch)
        except EngineError as error:
            raise type(error)(self._connection.hidden(str(error))) from None
        check_after(request, completion, self._served.context_tokens)
        return completion

    async def _answer(self, request: Request, shown: Shown, watch: Watch) -> Completion:
        check_before(request, self._served.context_tokens)
        started = monotonic()
        num_tries = 1
        while True:
            try:
                async with self._admitted(likely_tokens(request)):
                    return await self._try(request, shown, started)
            except Trouble as trouble:
                await self._wait(trouble, num_tries, watch)
                num_tries += 1

    @asynccontextmanager
    async def _admitted(self, tokens: int) -> AsyncGenerator[None]:
        waiting = self._gate.enter(tokens)
        try:
            admission = await asyncio.wrap_future(waiting)
        except asyncio.CancelledError:
            self._gate.give_up(waiting)
            raise
        outcome = Outcome.OTHER
        try:
            yield
            outcome = Outcome.ANSWERED
        except Trouble as trouble:
            outcome = Outcome.OVERLOADED if trouble.is_overload else Outcome.OTHER
            raise
        finally:
            self._gate.leave(admission, outcome)

    async def _try(self, request: Request, shown: Shown, started: float) -> Completion:
        """Ask once; a field that the server refuses is reworded, which is no new try."""
        changes: dict[str, servers.Change] = dict(self._changes)
        loras = await self._known_loras()
        while True:
            body = servers.body_of(request, self._served, loras)
            body = servers.reworded(body, changes)
            try:
                reply = await self._read_reply(body, request.sampling.max_tokens, shown)
                break
            except Complaint as complaint:
                change = self._change(complaint, body)
                if change is None:
                    raise self._fault(complaint, body) from None
                changes[change.field] = change
        self._keep(changes)
        completion = reply.completion(monotonic() - started)
        shown.end()
        if not reply.has_usage and self._is_counting:
            self._is_counting = False
            _log.warning(
                "%s counts no tokens: they are recorded as 0, and a prompt that it cuts is not "
                "noticed",
                self._served.base_url,
            )
        return completion

    def _fault(self, complaint: Complaint, body: servers.Body) -> EngineError | Trouble:
        return complaint.fault(self._served.base_url, str(body.get("model", self._served.model)))

    def _change(self, complaint: Complaint, body: servers.Body) -> servers.Change | None:
        """Return what may please a hosted model; None when that cannot help."""
        if self._served.kind is not ServerKind.OPENAI or complaint.status not in (400, 422):
            return None
        return servers.change_for(str(complaint), complaint.field, body)

    def _keep(self, changes: Mapping[str, servers.Change]) -> None:
        """Keep the changes that led to an answer for all later requests."""
        for field in changes.keys() - self._changes.keys():
            change = self._changes[field] = changes[field]
            what = f"is sent as {change.name}" if change.name else "is left out from now on"
            _log.warning(
                "%s refuses %s, which %s: %s", self._served.base_url, field, what, change.reason
            )

    async def _read_reply(self, body: servers.Body, max_tokens: int, shown: Shown) -> StreamedReply:
        kind = OllamaReply if self._served.kind is ServerKind.OLLAMA else EventReply
        reply = kind(str(body["model"]), max_tokens)
        shown.restart()
        lines = Lines()
        async with self._exchange(reply) as silence:
            response = await self._connection.post(self._served.url, body)
            try:
                async for piece in response.aiter_bytes():
                    for line in lines.feed(piece):
                        self._take(line, reply, shown, silence)
                for line in lines.end():
                    self._take(line, reply, shown, silence)
            finally:
                await response.aclose()
        return reply

    def _take(
        self, line: bytes, reply: StreamedReply, shown: Shown, silence: asyncio.Timeout
    ) -> None:
        text = reply.take(line)
        if text is None:
            return
        seconds = _FAREWELL_SECONDS if reply.is_over else self._patience.idle_seconds
        silence.reschedule(asyncio.get_running_loop().time() + seconds)
        shown.add(text)

    @asynccontextmanager
    async def _exchange(
        self, reply: StreamedReply | None = None
    ) -> AsyncGenerator[asyncio.Timeout]:
        """Turn what goes wrong on the way into trouble or a complaint."""
        from httpx2 import HTTPError
        from openai import APIConnectionError, APITimeoutError

        hidden = self._connection.hidden
        try:
            async with asyncio.timeout(self._patience.first_token_seconds) as silence:
                yield silence
        except TimeoutError:
            if reply is None or not reply.is_over:
                raise Trouble("the server fell silent and timed out", is_overload=True) from None
        except (APIConnectionError, HTTPError) as error:
            if reply is None or not reply.is_over:
                is_overload = isinstance(error, APITimeoutError)
                raise Trouble(
                    hidden(f"{error} ({error.__cause__})"), is_overload=is_overload
                ) from None
        except Complaint as complaint:
            raise Complaint(
                hidden(str(complaint)),
                status=complaint.status,
                retry_after_seconds=complaint.retry_after_seconds,
                field=complaint.field,
            ) from None

    async def _known_loras(self) -> tuple[servers.Lora, ...]:
        """Return the adapters of a llama-server, which it calls by number, anew each time."""
        url = self._served.loras_url
        if url is None:
            return ()
        try:
            async with self._exchange():
                text = await self._connection.page(url)
        except Complaint as complaint:
            if complaint.status == 404:
                raise servers.no_llama_server(str(complaint)) from None
            raise self._fault(complaint, {}) from None
        return servers.read_loras(text)

    async def _wait(self, trouble: Trouble, num_tries: int, watch: Watch) -> None:
        """Wait as the server asks, else ever longer; raise when tries or patience are used up."""
        base_url, reason = self._served.base_url, self._connection.hidden(str(trouble))
        most_tries = self._patience.max_retries + 1
        if num_tries >= most_tries:
            raise EngineError(
                f"{base_url} did not answer in {num_tries} tries; the last: {reason}"
            ) from None
        told = trouble.retry_after_seconds or 0.0
        if told > _MAX_RETRY_AFTER_SECONDS:
            raise EngineError(
                f"{base_url} asks to wait {told:.0f} s, longer than the "
                f"{_MAX_RETRY_AFTER_SECONDS:.0f} s we wait; try again later: {reason}"
            ) from None
        ceiling = min(_MAX_BACKOFF_SECONDS, 0.5 * 2 ** (num_tries - 1))
        # Spread, lest all come back together; a server that says 0 is not besieged either.
        seconds = max(told, ceiling * random.uniform(0.5, 1.0))
        _log.warning(
            "try %d of %d failed, next in %.1f s: %s", num_tries, most_tries, seconds, reason
        )
        if watch.on_retry is not None:
            watch.on_retry(0, Retry(reason, seconds))
        await asyncio.sleep(seconds)


def _text_of(watch: Watch) -> Callable[[str], None] | None:
    return None if watch.on_text is None else partial(watch.on_text, 0)


def _await(futures: Sequence[Future[Completion]], watch: Watch) -> None:
    """Wait until all are done, whatever became of them; show the replies as they come."""
    ended = each_as_it_ends(futures)
    for _ in futures:
        place = ended.get()
        future = futures[place]
        if watch.on_completion and not future.cancelled() and future.exception() is None:
            watch.on_completion(place, future.result())


def _cancel(futures: Sequence[Future[Completion]]) -> None:
    for future in reversed(futures):  # who waits last first: else a freed place would go to it
        future.cancel()


def _cancelled() -> Cancelled:
    return Cancelled("the requests were called off before they were answered")
