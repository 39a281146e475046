"""The connection to one server: what goes out goes there alone, what comes in is bounded.

Knows: the HTTP client, proxies, redirects, bounds on what is read, how a key is hidden.
Does not know: what is asked or answered, retries.
"""

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mapcoder_lite.engine.address import is_this_machine
from mapcoder_lite.engine.chat import MAX_LINE_BYTES, Complaint, retry_after_seconds
from mapcoder_lite.errors import EngineError

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import AsyncOpenAI

_NO_KEY = "none"  # the client insists on a key; servers without keys ignore it
_CONNECT_SECONDS = 10.0
_MAX_SHOWN = 1000


class Connection:
    """Asks one server; what it refuses is a complaint."""

    def __init__(self, base_url: str, api_key: str | None) -> None:
        """Prepare; nothing is sent yet.

        Raises:
            EngineError: the package `openai` is not installed, or key or proxy are not usable.
        """
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            raise EngineError(
                "the key for the server holds a line end or another character that no header can "
                "carry: set the variable that engine.api_key_env names anew"
            )
        self._disguises = _disguises(api_key) if api_key else ()
        self._client = _client(base_url, api_key)

    async def post(self, url: str, body: dict[str, object]) -> "Response":
        """Send a request; the answer's body is still to be read.

        Raises:
            Complaint: the server refuses.
            EngineError: it sends us elsewhere.
        """
        from httpx2 import Response
        from openai import AsyncStream

        answer: Any = await self._client.post(  # with this cast it is the response itself
            url, cast_to=Response, body=body, stream=True, stream_cls=AsyncStream[object]
        )
        return answer

    async def page(self, url: str) -> str:
        """Read a page up to the bound.

        Raises:
            Complaint: the server refuses.
            EngineError: it sends us elsewhere.
        """
        from httpx2 import Response
        from openai import AsyncStream

        answer: Any = await self._client.get(
            url, cast_to=Response, stream=True, stream_cls=AsyncStream[object]
        )
        try:
            return await _bounded(answer)
        finally:
            await answer.aclose()

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()

    def hidden(self, text: str) -> str:
        """Return a text without the key, which some servers repeat, and not too long."""
        for disguise in self._disguises:
            text = text.replace(disguise, "***")
        return text[:_MAX_SHOWN]


def _disguises(api_key: str) -> tuple[str, ...]:
    """Return how a key may look in a text, as it is and escaped once or twice."""
    forms = {api_key, quote(api_key), quote(api_key, safe="")}
    for _ in range(2):
        forms |= {json.dumps(form)[1:-1] for form in forms} | {repr(form)[1:-1] for form in forms}
    return tuple(sorted(forms, key=len, reverse=True))


def _client(base_url: str, api_key: str | None) -> "AsyncOpenAI":
    try:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient
        from openai import Timeout as Timeouts
    except ImportError as error:
        raise EngineError(
            "the openai engine needs the package `openai`: install mapcoder-lite[openai]"
        ) from error
    try:
        line = DefaultAsyncHttpxClient(
            trust_env=not is_this_machine(base_url),  # no proxy needs to see what stays here
            follow_redirects=False,  # prompts and key are for the named server alone
            event_hooks={"response": [_refuse]},
        )
        client = AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or _NO_KEY,
            timeout=Timeouts(None, connect=_CONNECT_SECONDS),  # silence is measured in tokens
            max_retries=0,  # ours are logged
            http_client=line,
        )
    except (ImportError, ValueError) as error:
        raise EngineError(
            f"no connection to {base_url} can be made: {error}; look at engine.base_url and at "
            "the proxies that HTTP_PROXY, HTTPS_PROXY and ALL_PROXY name"
        ) from error
    client.organization = client.project = None  # the client took them from the environment
    return client


async def _refuse(response: "Response") -> None:
    """Read what is no answer here, bounded; the client would read all of it."""
    if response.status_code < 300:
        return
    if response.status_code < 400:
        place = response.headers.get("location", "an unnamed place")
        raise EngineError(
            f"{response.url} is not there but sends us to {place} (HTTP "
            f"{response.status_code}), which is not followed: prompts and key are for the named "
            "server alone; put the right address into engine.base_url"
        )
    text = await _bounded(response)
    raise Complaint(
        f"HTTP {response.status_code}: {text}",
        status=response.status_code,
        retry_after_seconds=retry_after_seconds(response.headers),
        field=_field_of(text),
    )


async def _bounded(response: "Response") -> str:
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) >= MAX_LINE_BYTES:
            break
    return bytes(body[:MAX_LINE_BYTES]).decode(errors="replace")


def _field_of(text: str) -> str | None:
    """Return the field of the request that an error of the OpenAI API is about."""
    try:
        answer: Any = json.loads(text)
        field = answer["error"]["param"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return field if isinstance(field, str) else None
