"""/v1: the service as OpenAI's API, whole and streaming; a client that leaves frees its place.

Knows: paths, headers, how an answer is streamed, what a lost connection means.
Does not know: what a chat asks for, how answers are worded or framed.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from mapcoder_lite.errors import MapCoderError
from mapcoder_lite.events import Status
from mapcoder_lite.problem import Record
from mapcoder_lite.server import wording
from mapcoder_lite.server.bodies import ChatBody, Extension, VerdictLine
from mapcoder_lite.server.chats import MODELS, Chat, understand
from mapcoder_lite.server.faults import (
    Fault,
    OpenAIFault,
    Refused,
    documented,
    fault_of,
    openai_error,
)
from mapcoder_lite.server.framing import ChatAnswer, Frame, usage_of_run
from mapcoder_lite.server.leaving import unless_gone
from mapcoder_lite.server.news import events_of
from mapcoder_lite.server.service import LiveRun, Service
from mapcoder_lite.server.wording import Told
from mapcoder_lite.trajectory import Cancellation, Completion, Usage, Watch
from mapcoder_lite.trajectory import Request as Question

PING_SECONDS = 10
_BEGAN = 1_767_225_600
"""When the models were made, as far as OpenAI's shape wants it: 2026."""


_ANSWERS = {
    "application/json": {"schema": ChatAnswer.model_json_schema()},
    "text/event-stream": {"schema": {"type": "string"}},
}
FAULTS = documented(
    "application/json",
    OpenAIFault,
    {
        400: "it cannot be understood, or asks for what is not there",
        404: "there is no such model",
        422: "never: 400 says it",
    },
)
"""What every path may answer instead, for the OpenAPI document."""


class ModelCard(Record):
    """A model of the facade."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["mapcoder-lite"] = "mapcoder-lite"
    description: str


class ModelList(Record):
    """GET /v1/models."""

    object: Literal["list"] = "list"
    data: tuple[ModelCard, ...]


def router(service: Service) -> APIRouter:
    """Return the paths under /v1."""
    v1 = APIRouter(prefix="/v1", responses=FAULTS)

    @v1.get("/models")
    def models() -> ModelList:
        """List the models."""
        return ModelList(data=tuple(_card(name) for name in MODELS))

    @v1.get("/models/{name}")
    def model(name: str) -> ModelCard:
        """Return a model."""
        if name not in MODELS:
            raise Refused(404, f"no model {name[:100]!r}", "model")
        return _card(name)

    @v1.post(
        "/chat/completions",
        response_model=None,
        responses={200: {"description": "The answer", "content": _ANSWERS}},
    )
    async def chat(
        body: ChatBody,
        request: Request,
        x_mapcoder_mode: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Answer a chat."""
        client = request.client.host if request.client else ""
        understood = await asyncio.to_thread(understand, body, x_mapcoder_mode, service, client)
        exchange = Exchange(service, body, understood, Frame(body.model), body.user or client)
        return await exchange.answer(request)

    del models, model, chat
    return v1


@dataclass(slots=True)
class Exchange:
    """One chat request and its answer."""

    service: Service
    body: ChatBody
    chat: Chat
    frame: Frame
    client: str

    async def answer(self, request: Request) -> Response:
        """Return the answer, or the stream of it.

        Raises:
            LaneFull: too many wait.
        """
        if self.chat.wanted is not None:
            return await self._run(request)
        if self.chat.own is not None:
            return await self._judge(request)
        return await self._call(request)

    async def _run(self, request: Request) -> Response:
        assert self.chat.wanted is not None
        run = await asyncio.to_thread(self.service.start, self.chat.wanted)
        told = Told(run.asked.task, run.asked.rung)
        if self.body.stream:
            return _stream(self._told(run, told), lambda: self.service.cancel(run))
        lines = [run.said] if run.said else []

        async def follow() -> None:
            async for event in events_of(self._path(run), run.news):
                if (line := told.take(event)) is not None:
                    lines.append(line)

        await unless_gone(request, follow(), lambda: self.service.cancel(run))
        if told.error is not None:
            raise Refused(502, told.error.message)
        usage = usage_of_run(told.finished)
        extension = self._extension(told, run)
        return _json(self.frame.whole(wording.answer(told), "\n".join(lines), usage, extension))

    async def _told(self, run: LiveRun, told: Told) -> AsyncGenerator[str]:
        try:
            yield self.frame.first()
            if run.said:
                yield self.frame.reasoning(run.said)
            place = self.service.solves.place(run.job)
            if place:
                yield self.frame.reasoning(f"waiting: {place} before this one")
            async for event in events_of(self._path(run), run.news):
                if (line := told.take(event)) is not None:
                    yield self.frame.reasoning(line)
            if told.error is not None:
                yield json.dumps(openai_error(Fault(502, told.error.message)))
                return
            yield self.frame.content(wording.answer(told))
            for chunk in self._end(usage_of_run(told.finished), self._extension(told, run)):
                yield chunk
        finally:
            self.service.cancel(run)

    async def _judge(self, request: Request) -> Response:
        own, problem = self.chat.own, self.chat.problem
        assert own is not None and problem is not None
        calling_off = Cancellation()
        future = self.service.judgement(
            own.program, own.language, problem, calling_off, self.client
        )
        found = await unless_gone(request, asyncio.wrap_future(future), calling_off.cancel)
        rows = [VerdictLine(test=i, verdict=one.verdict) for i, one in enumerate(found.results)]
        extension = self._plain_extension().model_copy(
            update={
                "status": (Status.SOLVED if found.is_accepted else Status.FAILED).value,
                "verdicts": tuple(rows),
                "num_passed": found.num_passed,
                "num_tests": found.num_total,
            }
        )
        text = wording.judged(found, own.language)
        if not self.body.stream:
            return _json(self.frame.whole(text, "", Usage(), extension))

        async def told() -> AsyncGenerator[str]:
            yield self.frame.first()
            yield self.frame.content(text)
            for chunk in self._end(Usage(), extension):
                yield chunk

        return _stream(told(), lambda: None)

    async def _call(self, request: Request) -> Response:
        asked = self.chat.request
        assert asked is not None
        calling_off = Cancellation()
        if self.body.stream:
            return self._speak(asked, calling_off)
        future = self.service.call(asked, Watch(calling_off), self.client)
        found = await unless_gone(request, asyncio.wrap_future(future), calling_off.cancel)
        text = found.text + self.chat.footnote
        extension = self._plain_extension()
        return _json(self.frame.whole(text, "", found.usage, extension, found.finish_reason))

    def _speak(self, asked: Question, calling_off: Cancellation) -> Response:
        """Take a place, then stream: who finds none is told so by the status."""
        texts: asyncio.Queue[str | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def grow(_: int, text: str) -> None:
            loop.call_soon_threadsafe(texts.put_nowait, text)

        def leave() -> None:
            calling_off.cancel()
            future.cancel()

        future = self.service.call(asked, Watch(calling_off, grow), self.client)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(texts.put_nowait, None))
        return _stream(self._spoken(future, texts, leave), leave)

    async def _spoken(
        self,
        future: Future[Completion],
        texts: asyncio.Queue[str | None],
        leave: Callable[[], None],
    ) -> AsyncGenerator[str]:
        """Yield the backbone's reply as it grows."""
        try:
            yield self.frame.first()
            while (text := await texts.get()) is not None:
                yield self.frame.content(text)
            found = await asyncio.wrap_future(future)
            if self.chat.footnote:
                yield self.frame.content(self.chat.footnote)
            extension = self._plain_extension()
            for chunk in self._end(found.usage, extension, found.finish_reason):
                yield chunk
        except MapCoderError as error:
            yield json.dumps(openai_error(fault_of(error)))
        finally:
            leave()

    def _end(self, usage: Usage, extension: Extension, finish: str = "stop") -> list[str]:
        chunks = [self.frame.last(extension, finish)]
        options = self.body.stream_options
        if options is not None and options.include_usage:
            chunks.append(self.frame.usage(usage))
        return [*chunks, "[DONE]"]

    def _extension(self, told: Told, run: LiveRun) -> Extension:
        finished = told.finished
        plain = self._plain_extension().model_copy(
            update={"warnings": (run.said,) if run.said else ()}
        )
        if finished is None:
            return plain
        verdicts = [VerdictLine(test=v.test, verdict=v.verdict) for v in told.final_verdicts]
        return plain.model_copy(
            update={
                "run": finished.run,
                "status": finished.status.value,
                "verdicts": tuple(verdicts),
                "num_passed": finished.num_passed,
                "num_tests": finished.num_tests,
            }
        )

    def _plain_extension(self) -> Extension:
        decision = self.chat.decision
        return Extension(mode=decision.mode.value, why=decision.why, ignored=self.chat.ignored)

    def _path(self, run: LiveRun) -> Path:
        return self.service.archive.events_file(run.id)


def _stream(chunks: AsyncGenerator[str], leave: Callable[[], None]) -> Response:
    """Return a stream of chunks; `leave` is called too when the client goes before the first."""

    async def events() -> AsyncGenerator[ServerSentEvent]:
        async for chunk in chunks:
            yield ServerSentEvent(data=chunk, sep="\n")

    async def close(_: object) -> None:
        leave()

    return EventSourceResponse(
        events(), ping=PING_SECONDS, sep="\n", client_close_handler_callable=close
    )


def _json(answer: ChatAnswer) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")


def _card(name: str) -> ModelCard:
    return ModelCard(id=name, created=_BEGAN, description=MODELS[name])
