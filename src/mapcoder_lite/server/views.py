"""Runs, calls and problems as /api shows them.

Knows: which of a record's facts stand where.
Does not know: HTTP, how runs are worked on.
"""

from mapcoder_lite.problem import Problem
from mapcoder_lite.server import bodies
from mapcoder_lite.server.archive import Entry
from mapcoder_lite.server.service import LiveRun, Service
from mapcoder_lite.trajectory import NUM_ASKS, Call


def problem_line(problem: Problem) -> bodies.ProblemLine:
    """Return a problem as a list shows it."""
    return bodies.ProblemLine(
        id=problem.id,
        title=problem.title,
        tags=problem.tags,
        difficulty=problem.difficulty,
        num_tests=len(problem.public_tests),
    )


def summary(service: Service, run: str) -> bodies.RunSummary:
    """Return a run as a list shows it."""
    live = service.live(run)
    return bodies.RunSummary.model_validate(_facts(service, live, service.archive.entry(run)))


def detail(service: Service, run: str) -> bodies.RunDetail:
    """Return a run with all but its events and calls."""
    live = service.live(run)
    entry = service.archive.entry(run)
    num_events = live.writer.num_events if live else entry.finished.n if entry.finished else 0
    return bodies.RunDetail.model_validate(
        {
            **_facts(service, live, entry),
            "problem": service.archive.problem(run),
            "request": entry.asked,
            "finished": entry.finished,
            "num_events": num_events,
        }
    )


def call_line(number: int, call: Call) -> bodies.CallLine:
    """Return a call as a list shows it."""
    return bodies.CallLine.model_validate(_call_facts(number, call))


def call_detail(number: int, call: Call) -> bodies.CallDetail:
    """Return a call whole."""
    request, completion = call.request, call.completion
    return bodies.CallDetail.model_validate(
        {
            **_call_facts(number, call),
            "messages": request.messages_sent,
            "reply": completion.text,
            "adapter": request.adapter,
            "adapter_digest": completion.adapter_digest,
            "sampling": request.sampling,
            "grammar": request.grammar is not None,
            "model": completion.model,
            "note": call.note,
        }
    )


def _call_facts(number: int, call: Call) -> dict[str, object]:
    return {
        "stage": number,
        "agent": call.role,
        "call": call.kind,
        "plan": call.plan_index,
        "round": call.round,
        "ask": 1 + call.request.attempt % NUM_ASKS,
        "ms": round(1000 * call.completion.seconds),
        "usage": call.completion.usage,
        "finish": call.completion.finish_reason,
        "failure": call.failure,
    }


def _facts(service: Service, live: LiveRun | None, entry: Entry) -> dict[str, object]:
    asked, finished = entry.asked, entry.finished
    place = None if live is None else service.solves.place(live.job)
    if finished is not None:
        status: str = finished.status.value
    else:
        status = "running" if place is None else "waiting"
    totals = finished.totals if finished else None
    return {
        "id": asked.id,
        "created": asked.created,
        "title": asked.title,
        "problem_id": asked.problem_id,
        "task": asked.task,
        "source": asked.source,
        "status": status,
        "position": place,
        "k": asked.traversal.k,
        "t": asked.traversal.t,
        "traversal": asked.traversal.name.value,
        "language": asked.language,
        "num_passed": finished.num_passed if finished else 0,
        "num_tests": asked.num_tests,
        "calls": totals.calls if totals else 0,
        "tokens": totals.prompt_tokens + totals.completion_tokens if totals else 0,
        "ms": totals.ms if totals else 0,
        "usd": totals.usd if totals else None,
        "forked_from": asked.edit.run if asked.edit else None,
    }
