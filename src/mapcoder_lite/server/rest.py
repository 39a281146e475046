"""/api: problems, solves, runs and their events, judgings, evaluations.

Knows: paths, statuses, which function of the service does what.
Does not know: how runs are worked on, the OpenAI facade.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import JsonValue
from sse_starlette import EventSourceResponse, ServerSentEvent

from mapcoder_lite import __version__
from mapcoder_lite.errors import InputError
from mapcoder_lite.judge.selftest import present_languages
from mapcoder_lite.problem import Problem
from mapcoder_lite.server import bodies, evaluations, problems, views
from mapcoder_lite.server.faults import Conflict, NotFound, ProblemDetail, documented
from mapcoder_lite.server.leaving import unless_gone
from mapcoder_lite.server.news import lines_of
from mapcoder_lite.server.records import Edit
from mapcoder_lite.server.safety import MAX_BODY_BYTES
from mapcoder_lite.server.service import QUICK, LiveRun, Service, Wanted
from mapcoder_lite.trajectory import CallKind, Cancellation
from mapcoder_lite.verdict import Judgement

PING_SECONDS = 10
RunId = Annotated[str, Path(pattern=r"^[0-9A-HJKMNP-TV-Z]{26}$")]
FAULTS = documented(
    "application/problem+json",
    ProblemDetail,
    {
        400: "broken JSON",
        404: "there is no such thing",
        409: "it does not fit what the run has come to",
        422: "a field is wrong, or the problem cannot be taken",
    },
)
"""What every path may answer instead, for the OpenAPI document."""
_STREAM: dict[str, object] = {
    "description": "The events",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}

_NO_MORE: dict[str, object] = {"description": "There are no events after that one, nor will be"}


def router(service: Service, label: str, *, is_judge_trusted: bool) -> APIRouter:
    """Return the paths under /api."""
    api = APIRouter(prefix="/api", responses=FAULTS)
    _add_status(api, service, label, is_judge_trusted)
    _add_problems(api, service)
    _add_runs(api, service)
    _add_events(api, service)
    _add_calls(api, service)
    _add_judge(api, service)
    _add_evaluations(api, service)
    return api


def _add_status(api: APIRouter, service: Service, label: str, is_trusted: bool) -> None:
    settings, traversal = service.settings, service.traversal

    @api.get("/status")
    def status() -> bodies.ServiceStatus:
        """Say who answers and judges, who waits, and what is refused."""
        lane = service.solves
        return bodies.ServiceStatus(
            version=__version__,
            engine=bodies.Engine(identity=service.identity, label=label),
            judge=bodies.Judging(isolation=service.judge.isolation.tier, is_trusted=is_trusted),
            queue=bodies.Queue(
                running=lane.num_running,
                waiting=lane.num_waiting,
                max_running=lane.max_running,
                max_waiting=lane.max_waiting,
            ),
            limits=bodies.LimitsLine(
                body_bytes=MAX_BODY_BYTES,
                statement_chars=settings.max_statement_chars,
                tests=settings.max_tests,
                seconds=settings.max_seconds,
                budget=service.rules.budget,
            ),
            defaults=bodies.Defaults(
                k=traversal.k,
                t=traversal.t,
                traversal=traversal.name.value,
                language=service.language,
            ),
            languages=present_languages(),
        )

    del status


def _add_problems(api: APIRouter, service: Service) -> None:
    @api.get("/problems")
    def listed(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
    ) -> bodies.ProblemList:
        """List the bundled problems."""
        known = list(problems.bundled().values())
        lines = [views.problem_line(problem) for problem in known[offset : offset + limit]]
        return bodies.ProblemList(problems=tuple(lines), total=len(known))

    @api.get("/problems/{name}")
    def one(name: str) -> Problem:
        """Return a bundled problem."""
        return problems.bundled_problem(name)

    @api.post("/problems")
    def read(body: bodies.TextBody) -> bodies.ParsedProblem:
        """Read a pasted text; nothing is stored or run."""
        return problems.parsed(body.text, service.settings, service.rules.guard)

    del listed, one, read


def _add_runs(api: APIRouter, service: Service) -> None:
    @api.post("/solve", status_code=202)
    def solve(body: bodies.SolveBody, request: Request, response: Response) -> bodies.Begun:
        """Begin a run; it goes on whether or not anybody listens."""
        run = service.start(_wanted(body, service, _client(request)))
        return _begun(run, service, response)

    @api.get("/runs")
    def listed(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        before: Annotated[str | None, Query(max_length=26)] = None,
    ) -> bodies.RunList:
        """List the runs, the newest first."""
        ids = [run for run in service.archive.ids() if before is None or run < before]
        shown = [views.summary(service, run) for run in ids[:limit]]
        following = ids[limit - 1] if len(ids) > limit else None
        return bodies.RunList(runs=tuple(shown), next=following)

    @api.get("/runs/{run}")
    def one(run: RunId) -> bodies.RunDetail:
        """Return a run, its problem and how it ended."""
        return views.detail(service, _known(run, service))

    @api.post("/runs/{run}/cancel")
    def cancel(run: RunId, body: bodies.Nothing) -> bodies.RunSummary:
        """Call a run off."""
        live = service.live(_known(run, service))
        if live is None or live.news.is_over:
            raise Conflict(f"run {run} has ended already")
        service.cancel(live)
        return views.summary(service, run)

    @api.post("/runs/{run}/fork", status_code=202)
    def fork(run: RunId, body: bodies.ForkBody, response: Response) -> bodies.Begun:
        """Run on from a plan that was edited."""
        entry = service.archive.entry(_known(run, service))
        if entry.asked.task != "solve":
            raise Conflict(f"run {run} was no solve: it has no plan to run on from")
        if not any(call.kind is CallKind.PLAN for _, call in service.archive.calls(run)):
            raise Conflict(f"run {run} has not written a plan yet")
        wanted = Wanted(
            service.archive.problem(run),
            entry.asked.traversal,
            entry.asked.language,
            source="fork",
            edit=Edit(run=run, plan=body.plan, text=body.text),
            client=entry.asked.client,
            budget=entry.asked.budget,
        )
        return _begun(service.start(wanted), service, response)

    del solve, listed, one, cancel, fork


def _add_events(api: APIRouter, service: Service) -> None:
    @api.get("/runs/{run}/events", responses={200: _STREAM, 204: _NO_MORE}, response_class=Response)
    async def events(
        run: RunId,
        after: Annotated[int, Query(ge=0)] = 0,
        format: Annotated[str, Query(pattern="^(sse|jsonl)$")] = "sse",
        last_event_id: Annotated[str | None, Header(pattern=r"^\d{0,9}$")] = None,
    ) -> Response:
        """Tell of a run: what has happened, then what happens, to its end."""
        path = service.archive.events_file(_known(run, service))
        after = int(last_event_id) if last_event_id else after
        live = service.live(run)
        if format == "jsonl":
            lines = [line async for _, _, line in lines_of(path, None, after)]
            body = "".join(f"{line}\n" for line in lines)
            return Response(body, media_type="application/x-ndjson")
        finished = service.archive.finished(run)
        if finished is not None and after >= finished.n:
            return Response(status_code=204)  # upon which a browser asks no more
        news = None if live is None else live.news

        async def told() -> AsyncGenerator[ServerSentEvent]:
            async for n, kind, line in lines_of(path, news, after):
                yield ServerSentEvent(data=line, event=kind, id=str(n), sep="\n")

        return EventSourceResponse(told(), ping=PING_SECONDS, sep="\n")

    del events


def _add_calls(api: APIRouter, service: Service) -> None:
    @api.get("/runs/{run}/calls")
    def listed(run: RunId) -> bodies.CallList:
        """List a run's calls."""
        calls = service.archive.calls(_known(run, service))
        return bodies.CallList(calls=tuple(views.call_line(n, call) for n, call in calls))

    @api.get("/runs/{run}/calls/{number}")
    def one(run: RunId, number: Annotated[int, Path(ge=1, le=9999)]) -> bodies.CallDetail:
        """Return a call: the exact prompt, the raw reply, where reading failed."""
        call = service.archive.call(_known(run, service), number)
        if call is None:
            raise NotFound(f"run {run} has no call {number}, or it is not answered yet")
        return views.call_detail(number, call)

    del listed, one


def _add_judge(api: APIRouter, service: Service) -> None:
    @api.post("/judge")
    async def judge(body: bodies.JudgeBody, request: Request) -> Judgement:
        """Judge a program on a problem's samples."""
        problem = await asyncio.to_thread(problems.chosen, body, service.settings)
        calling_off = Cancellation()
        future = service.judgement(
            body.program, body.language, problem, calling_off, _client(request)
        )
        return await unless_gone(request, asyncio.wrap_future(future), calling_off.cancel)

    del judge


def _add_evaluations(api: APIRouter, service: Service) -> None:
    folder = service.settings.evaluations

    @api.get("/evaluations")
    def listed() -> bodies.EvaluationList:
        """List the run directories of `mapcoder run`."""
        return bodies.EvaluationList(evaluations=tuple(evaluations.listed(folder)))

    @api.get("/evaluations/compare")
    def compared(first: str, second: str) -> JsonValue:
        """Pair two runs by problem."""
        return evaluations.compared(folder, first, second)

    @api.get("/evaluations/{name}")
    def measured(name: str) -> JsonValue:
        """Return the metrics of a run."""
        return evaluations.measured(folder, name)

    @api.get("/evaluations/{name}/problems")
    def results(
        name: str,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> bodies.ProblemResults:
        """List a run's problems and what became of every attempt."""
        return evaluations.results(folder, name, limit, offset)

    @api.get("/evaluations/{name}/attribution")
    def attributed(name: str) -> bodies.Attributed:
        """Return which agents mend a run's failures."""
        return evaluations.attributed(folder, name)

    del listed, compared, measured, results, attributed


def _wanted(body: bodies.SolveBody, service: Service, client: str) -> Wanted:
    problem = problems.chosen(body, service.settings)
    if (body.task == "debug") != (body.program is not None):
        raise InputError("a program is given with task debug, and with no other")
    changes: dict[str, object] = dict(QUICK) if body.effort == "quick" else {}
    given = {"k": body.k, "t": body.t, "name": body.traversal, "seed": body.seed}
    changes |= {key: value for key, value in given.items() if value is not None}
    if body.traversal is not None:
        changes["defects"] = None
    return Wanted(
        problem,
        service.traversal.model_copy(update=changes),
        body.language or service.language,
        task=body.task,
        program=body.program,
        client=client,
        budget=body.budget,
    )


def _begun(run: LiveRun, service: Service, response: Response) -> bodies.Begun:
    response.headers["Location"] = f"/api/runs/{run.id}"
    place = service.solves.place(run.job) or 0
    return bodies.Begun(run=run.id, position=place, warnings=(run.said,) if run.said else ())


def _known(run: str, service: Service) -> str:
    if not service.archive.has(run):
        raise NotFound(f"there is no run {run}")
    return run


def _client(request: Request) -> str:
    return request.client.host if request.client else ""
