"""What went wrong, as the client is told: problem details under /api, OpenAI's errors under /v1.

Knows: which fault is which status, both shapes.
Does not know: where faults happen. Nothing of a traceback goes out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from mapcoder_lite.errors import (
    BudgetSpent,
    Cancelled,
    ContestError,
    EngineError,
    InputError,
    MapCoderError,
    PromptTooLong,
    SandboxError,
)
from mapcoder_lite.problem import Record
from mapcoder_lite.server.lane import LaneFull

RETRY_SECONDS = 5
"""What a client that found no place is told to wait."""
_WHERE = 200


class NotFound(MapCoderError):
    """There is no such thing here."""


class Conflict(MapCoderError):
    """What is asked for does not fit what a run has come to."""


class Refused(MapCoderError):
    """A request that is refused for what it is: its status says why."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param


STATUSES: Mapping[type[MapCoderError], int] = {
    LaneFull: 429,
    NotFound: 404,
    Conflict: 409,
    ContestError: 403,
    InputError: 422,
    PromptTooLong: 422,
    Cancelled: 503,
    EngineError: 502,
    SandboxError: 503,
    BudgetSpent: 503,
}
"""Of the faults of the house; any other is 500."""


class FieldFault(Record):
    """A field that is wrong."""

    where: str
    what: str


class ProblemDetail(Record):
    """RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    remedy: str = ""
    errors: tuple[FieldFault, ...] = ()


class OpenAIErrorBody(Record):
    """What an error of OpenAI's API says."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIFault(Record):
    """An error of OpenAI's API."""

    error: OpenAIErrorBody


_WORDS = {
    401: "the token is missing or wrong",
    403: "unknown Host or foreign Origin, or a contest's problem that the guard blocks",
    413: "the body is too large",
    415: "not application/json",
    429: "the queue is full",
    500: "a bug of ours",
    502: "the engine cannot answer",
    503: "the judge cannot judge",
}
"""What a status says on every path."""


def documented(
    media_type: str, shape: type[Record], more: Mapping[int, str]
) -> dict[int | str, dict[str, object]]:
    """Return what paths may answer instead, for the OpenAPI document; `more` is theirs alone."""
    content = {media_type: {"schema": shape.model_json_schema()}}
    return {
        status: {"description": words, "content": content}
        for status, words in sorted({**_WORDS, **more}.items())
    }


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that went wrong, before it has a shape."""

    status: int
    detail: str
    param: str | None = None
    errors: tuple[FieldFault, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def install(app: FastAPI) -> None:
    """Have an application answer every fault in the shape of its path."""

    async def fault(request: Request, error: Exception) -> Response:
        return response(request.url.path, fault_of(error))

    for kind in (MapCoderError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, fault)


def fault_of(error: Exception) -> Fault:
    """Return what a client is told of an exception."""
    match error:
        case Refused():
            return Fault(error.status, str(error), error.param)
        case RequestValidationError():
            broken = [part for part in error.errors() if part["type"] == "json_invalid"]
            if broken:
                place, reason = broken[0]["loc"][-1], broken[0]["ctx"]["error"]
                return Fault(400, f"broken JSON at character {place}: {reason}"[:_WHERE])
            errors = tuple(_field_fault(part) for part in error.errors())
            detail = "; ".join(f"{one.where}: {one.what}" for one in errors[:5])
            param = errors[0].where if errors else None
            return Fault(422, detail, param, errors)
        case HTTPException():
            return Fault(error.status_code, str(error.detail), headers=error.headers or {})
        case MapCoderError():
            status = next((s for kind, s in STATUSES.items() if isinstance(error, kind)), 500)
            headers = {"Retry-After": str(RETRY_SECONDS)} if status == 429 else {}
            return Fault(status, str(error), headers=headers)
        case _:
            return Fault(500, "a bug of ours; the service's own log says more")


def response(path: str, fault: Fault) -> Response:
    """Return a fault in the shape of its path."""
    body = openai_error(fault) if path.startswith("/v1") else _detail(fault)
    kind = "application/json" if path.startswith("/v1") else "application/problem+json"
    status = 400 if path.startswith("/v1") and fault.status == 422 else fault.status
    return Response(json.dumps(body), status, dict(fault.headers), kind)


def openai_error(fault: Fault) -> dict[str, object]:
    """Return a fault as OpenAI's API tells it."""
    kind = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    default = "invalid_request_error" if fault.status < 500 else "server_error"
    body = OpenAIErrorBody(
        message=fault.detail,
        type=kind.get(fault.status, default),
        param=fault.param,
        code=_CODES.get(fault.status),
    )
    return OpenAIFault(error=body).model_dump()


_CODES = {401: "invalid_api_key", 404: "not_found", 413: "too_large", 429: "queue_full"}


def _detail(fault: Fault) -> dict[str, object]:
    remedy = _REMEDIES.get(fault.status, "")
    detail = ProblemDetail(
        title=_phrase(fault.status),
        status=fault.status,
        detail=fault.detail,
        remedy=remedy,
        errors=fault.errors,
    )
    return detail.model_dump(mode="json")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # one that no standard names, as that of a client that has gone
        return "Request Not Answered"


_REMEDIES = {
    401: "send the token as Authorization: Bearer TOKEN",
    415: "send Content-Type: application/json",
    429: "ask again after the seconds of Retry-After",
    500: "tell us, with what the service's own log says",
}


def _field_fault(part: Mapping[str, object]) -> FieldFault:
    location = part["loc"]
    names = [str(name) for name in location] if isinstance(location, tuple) else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # pydantic's own form
    where = ".".join(names[1:] if names[1:] else names)
    return FieldFault(where=where[:_WHERE], what=str(part["msg"])[:_WHERE])
