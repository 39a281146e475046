"""A model behind any OpenAI-compatible server; adapters are model names there.

Knows: chat completions over HTTP, retries, what a sound reply looks like.
Does not know: how the server runs, environment variables, roles, prompts, problems.
"""

import logging
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mapcoder_lite.engine.chat import read_completion, retry_after_seconds, says_too_long
from mapcoder_lite.engine.reply import row_seed
from mapcoder_lite.errors import EngineError, PromptTooLong, UnknownAdapter
from mapcoder_lite.trajectory import Completion, Request, Watch, digest

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

_log = logging.getLogger(__name__)

_NO_KEY = "none"  # the client insists on a key; servers without keys ignore it
_RETRIED_STATUS = frozenset({408, 409, 429})
_MAX_BACKOFF_SECONDS = 30.0
_MAX_RETRY_AFTER_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class _Trouble:
    """A failure that may pass."""

    reason: str
    retry_after_seconds: float | None = None
    """None: the server does not say."""


class OpenAIEngine:
    """Answers over HTTP, several requests at a time; every retry is logged."""

    def __init__(
        self,
        base_url: str,
        model: str,
        adapters: Mapping[str, str] = MappingProxyType({}),
        *,
        api_key: str | None = None,
        timeout_seconds: float = 300.0,
        max_retries: int = 5,
        max_connections: int = 32,
        extra_body: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        """Connect to a server.

        `adapters` maps adapter names to model names of the server, `model` answers where the
        request names none; `extra_body` goes with every request (a server's own fields).

        Raises:
            EngineError: the `openai` package is not installed.
        """
        self._client = _client(base_url, api_key, timeout_seconds)
        self._base_url = base_url
        self._model = model
        self._adapters = dict(adapters)
        self._api_key = api_key
        self._max_retries = max_retries
        self._extra_body = dict(extra_body)
        self._is_closing = Event()
        self._pool = ThreadPoolExecutor(max_connections, thread_name_prefix="openai-engine")

    def __repr__(self) -> str:
        return f"OpenAIEngine({self._base_url!r}, {self._model!r})"

    @property
    def identity(self) -> str:
        """Server, model names and extra fields; the server's weights cannot be seen from here."""
        names = " ".join(f"{adapter}={name}" for adapter, name in sorted(self._adapters.items()))
        extra = f" extra@{digest(self._extra_body)[:16]}" if self._extra_body else ""
        return f"openai {self._base_url} {self._model} {names}{extra}".strip()

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order, each over its own connection.

        Raises:
            UnknownAdapter: an adapter has no model name, or the server does not know it.
            PromptTooLong: the server says that prompt and reply do not fit.
            EngineError: the server failed for good, or its reply is not sound.
        """
        bodies = [self._body(request) for request in requests]
        futures: list[Future[Completion]] = []
        try:
            futures.extend(self._pool.submit(self._ask, body) for body in bodies)
            return [future.result() for future in futures]
        except (CancelledError, RuntimeError) as error:
            if not self._is_closing.is_set():
                raise
            raise _closed() from error
        finally:
            for future in futures:
                future.cancel()

    def close(self) -> None:
        """End retries and connections; what waits fails."""
        self._is_closing.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _body(self, request: Request) -> dict[str, Any]:  # Any: the client's own argument types
        if request.grammar is not None:
            raise EngineError("the openai engine does not support grammars: leave `grammar` out")
        sampling = request.sampling
        return {
            "model": self._model_name(request.adapter),
            "messages": [message.model_dump() for message in request.messages_sent],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": row_seed(sampling.seed, request.attempt),
            "stop": list(sampling.stop) or None,
            "n": 1,
            "extra_body": self._extra_body,
        }

    def _model_name(self, adapter: str | None) -> str:
        if adapter is None:
            return self._model
        if adapter not in self._adapters:
            known = ", ".join(sorted(self._adapters)) or "none"
            raise UnknownAdapter(f"adapter {adapter!r} has no model name here; named: {known}")
        return self._adapters[adapter]

    def _ask(self, body: dict[str, Any]) -> Completion:  # Any: as above
        """Send one request until it is answered or fails for good."""
        started = monotonic()
        num_tries = 1
        while isinstance(outcome := self._try(body), _Trouble):
            self._wait(outcome, num_tries)
            num_tries += 1
        return read_completion(outcome, model=body["model"], seconds=monotonic() - started)

    def _try(self, body: dict[str, Any]) -> str | _Trouble:  # Any: as above
        """Return the text of the server's answer, or trouble that may pass."""
        from openai import APIConnectionError, APIStatusError

        if self._is_closing.is_set():
            raise _closed()
        try:
            raw: Any = self._client.chat.completions.with_raw_response  # its wrapper is untyped
            return raw.create(**body).text
        except APIStatusError as error:
            if error.status_code not in _RETRIED_STATUS and error.status_code < 500:
                raise self._refusal(error, body["model"]) from None
            return _Trouble(self._redacted(error), retry_after_seconds(error.response.headers))
        except APIConnectionError as error:
            return _Trouble(self._redacted(f"{error} ({error.__cause__})"))

    def _wait(self, trouble: "_Trouble", num_tries: int) -> None:
        """Wait as the server asks, else ever longer; raise when tries or patience are used up."""
        if num_tries > self._max_retries:
            raise EngineError(
                f"{self._base_url} did not answer in {num_tries} tries; the last: {trouble.reason}"
            )
        seconds = trouble.retry_after_seconds
        if seconds is None:
            ceiling = min(_MAX_BACKOFF_SECONDS, 0.5 * 2 ** (num_tries - 1))
            seconds = ceiling * random.uniform(0.5, 1.0)  # spread, lest all come back together
        if seconds > _MAX_RETRY_AFTER_SECONDS:
            raise EngineError(
                f"{self._base_url} asks to wait {seconds:.0f} s, longer than the "
                f"{_MAX_RETRY_AFTER_SECONDS:.0f} s we wait: {trouble.reason}; try again later"
            )
        _log.warning(
            "try %d of %d failed, next in %.1f s: %s",
            num_tries,
            self._max_retries + 1,
            seconds,
            trouble.reason,
        )
        if self._is_closing.wait(seconds):
            raise _closed()

    def _refusal(self, error: "APIStatusError", model: str) -> EngineError:
        reason = self._redacted(error)
        if says_too_long(reason):
            return PromptTooLong(f"{self._base_url}: {reason}; shorten the prompt or max_tokens")
        if error.status_code == 404:
            return UnknownAdapter(f"{self._base_url} does not know the model {model!r}: {reason}")
        return EngineError(f"{self._base_url} refused a request to {model!r}: {reason}")

    def _redacted(self, error: object) -> str:
        """Return an error's text without the key, which some servers repeat."""
        text = str(error)[:1000]
        return text.replace(self._api_key, "***") if self._api_key else text


def _client(base_url: str, api_key: str | None, timeout_seconds: float) -> "OpenAI":
    try:
        from openai import OpenAI
    except ImportError as error:
        raise EngineError(
            "the openai engine needs the package `openai`: install mapcoder-lite[openai]"
        ) from error
    client = OpenAI(
        base_url=base_url,
        api_key=api_key or _NO_KEY,
        timeout=timeout_seconds,
        max_retries=0,  # ours are logged
    )
    client.organization = client.project = None  # the client took them from the environment
    return client


def _closed() -> EngineError:
    return EngineError("the engine was closed before it answered: open another one")
