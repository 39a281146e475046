"""What a chat request comes to: a run, a judging, or one call of the backbone.

Knows: the models of the facade, their parameters, the gate, what is refused.
Does not know: HTTP, frames, how runs are worked on.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Problem
from mapcoder_lite.server.archive import Archive
from mapcoder_lite.server.bodies import ChatBody, ChatTurn
from mapcoder_lite.server.conversation import (
    Conversation,
    OwnProgram,
    first_problem,
    own_program,
    problem_in,
)
from mapcoder_lite.server.faults import Refused
from mapcoder_lite.server.gate import Decision, Mode, decide
from mapcoder_lite.server.problems import bounded
from mapcoder_lite.server.records import LAST_RUNG, TaskName
from mapcoder_lite.server.service import QUICK, Service, Wanted
from mapcoder_lite.trajectory import Message, Request, Sampling

_log = logging.getLogger(__name__)

MODELS: Mapping[str, str] = {
    "mapcoder-lite": "four agents solve a pasted problem",
    "mapcoder-lite-quick": "the same with one plan and two debug rounds",
    "mapcoder-hint": "a hint, one step further with each answer",
    "mapcoder-plan": "plans with their confidence, no program",
    "mapcoder-debug": "your program corrected by the debugging agent",
    "mapcoder-judge": "verdicts on your program; no model is asked",
    "mapcoder-base": "the bare backbone, passed through",
}
_OF_THE_BASE = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed")
_WITHOUT_EFFECT = frozenset({"user", "stream", "stream_options", "model", "messages", "n"})
"""Of the fields of every request: no parameters, or checked already."""
_HINT_OF_MODE = (
    "\n\n(This was one call of the bare backbone. To have a problem solved, paste its statement "
    "with samples, or send the header X-MapCoder-Mode: solve.)"
)
_BY_MODEL = Decision(Mode.SOLVE, "the model")


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat request, understood."""

    decision: Decision
    ignored: tuple[str, ...]
    wanted: Wanted | None = None
    """A run."""
    request: Request | None = None
    """One call of the backbone."""
    footnote: str = ""
    """Put behind the backbone's reply."""
    own: OwnProgram | None = None
    """To be judged on `problem`."""
    problem: Problem | None = None


def understand(body: ChatBody, mode: str | None, service: Service, client: str) -> Chat:
    """Decide what a chat request comes to.

    Raises:
        Refused: it asks for what is not there, or cannot be understood.
        InputError: the problem cannot be understood or is too large.
    """
    if body.model not in MODELS:
        raise Refused(404, f"no model {body.model[:100]!r}; there are {', '.join(MODELS)}", "model")
    _refuse_unsupported(body)
    overruled = _mode(mode)
    conversation = Conversation.of([(turn.role, _text(turn)) for turn in body.messages])
    if not conversation.asked:
        raise Refused(400, "no message of the user has a text", "messages")
    chat = _understood(body, conversation, overruled, service, client)
    _log.info("chat for %s: %s (%s)", body.model, chat.decision.mode.value, chat.decision.why)
    return chat


def _understood(
    body: ChatBody,
    conversation: Conversation,
    overruled: Mode | None,
    service: Service,
    client: str,
) -> Chat:
    match body.model:
        case "mapcoder-base":
            return _base(body, conversation, Decision(Mode.BASE, "the model"), service)
        case "mapcoder-judge":
            own, problem = _own(conversation, service)
            return Chat(_BY_MODEL, _ignored(body), own=own, problem=problem)
        case "mapcoder-debug":
            own, problem = _own(conversation, service)
            return _run(body, problem, "debug", service, client, own=own)
        case "mapcoder-hint" | "mapcoder-plan":
            return _help(body, conversation, service, client)
        case _:
            decision = decide(conversation, overruled)
            if decision.mode is not Mode.SOLVE:
                return _base(body, conversation, decision, service)
            problem = decision.problem or problem_in(conversation.asked)
            problem = bounded(problem, service.settings)
            return _run(body, problem, "solve", service, client, decision=decision)


def _help(body: ChatBody, conversation: Conversation, service: Service, client: str) -> Chat:
    problem = first_problem(conversation) or problem_in(conversation.asked)
    if body.model == "mapcoder-plan":
        return _run(body, bounded(problem, service.settings), "plan", service, client)
    rung = min(conversation.num_answers + 1, LAST_RUNG)
    tasks: tuple[TaskName, ...] = ("hint", "hint", "plan", "solve")
    return _run(
        body, bounded(problem, service.settings), tasks[rung - 1], service, client, rung=rung
    )


def _run(
    body: ChatBody,
    problem: Problem,
    task: TaskName,
    service: Service,
    client: str,
    *,
    decision: Decision = _BY_MODEL,
    rung: int = LAST_RUNG,
    own: OwnProgram | None = None,
) -> Chat:
    quick = QUICK if body.model == "mapcoder-lite-quick" else None
    wanted = Wanted(
        problem,
        service.traversal.model_copy(update=quick),
        own.language if own else service.language,
        task=task,
        rung=rung,
        source="chat",
        program=own.program if own else None,
        client=body.user or client,
    )
    return Chat(decision, _ignored(body), wanted)


def _base(body: ChatBody, conversation: Conversation, decision: Decision, service: Service) -> Chat:
    turns = conversation.turns
    if decision.mode is Mode.FOLLOW_UP and conversation.last_run is not None:
        turns = (*_shown_run(conversation.last_run, service.archive), *turns)
    if decision.mode is Mode.BASE and body.model == "mapcoder-base":
        turns = tuple(
            Message(role=told.role, content=_text(turn))
            for told, turn in zip(turns, body.messages, strict=True)
        )  # passed through as it came
    is_unasked = decision.why == "nothing that looks like a problem"
    sampling = service.traversal.sampling.model_copy(update=_sampling(body))
    request = Request(messages=turns, sampling=sampling)
    footnote = _HINT_OF_MODE if is_unasked else ""
    ignored = _ignored(body, used=_OF_THE_BASE)
    return Chat(decision, ignored, request=request, footnote=footnote)


def _sampling(body: ChatBody) -> dict[str, object]:
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    given = {
        "temperature": body.temperature,
        "top_p": body.top_p,
        "max_tokens": body.max_completion_tokens or body.max_tokens,
        "seed": body.seed,
        "stop": stop,
    }
    changes: dict[str, object] = {key: value for key, value in given.items() if value is not None}
    return Sampling.model_validate(changes).model_dump(include=set(changes))


def _shown_run(run: str, archive: Archive) -> tuple[Message, ...]:
    """Return what the backbone is told of the run that a follow-up is about."""
    if not archive.has(run):
        return ()
    problem, finished = archive.problem(run), archive.finished(run)
    parts = [f"The problem that was worked on:\n\n{problem.statement}"]
    if finished is not None and finished.program is not None:
        score = f"{finished.num_passed} of {finished.num_tests} samples passed"
        parts.append(f"The program that was written ({score}):\n\n{finished.program}")
    return (Message(role="system", content="\n\n".join(parts)),)


def _own(conversation: Conversation, service: Service) -> tuple[OwnProgram, Problem]:
    own = own_program(conversation.asked)
    if own is None:
        raise Refused(
            400,
            "no program found: put it into a fenced block (```python), and the statement with its "
            "samples above it or in an earlier message",
            "messages",
        )
    try:
        problem: Problem | None = problem_in(own.rest)
    except InputError:
        problem = None
    if problem is None or not problem.public_tests:
        problem = first_problem(conversation) or _run_problem(conversation, service) or problem
    if problem is None:
        raise Refused(400, "no statement found beside the program", "messages")
    return own, bounded(problem, service.settings)


def _run_problem(conversation: Conversation, service: Service) -> Problem | None:
    run = conversation.last_run
    return service.archive.problem(run) if run and service.archive.has(run) else None


def _refuse_unsupported(body: ChatBody) -> None:
    faults = {
        "tools": bool(body.tools),
        "functions": bool(body.functions),
        "n": body.n is not None and body.n != 1,
        "logprobs": bool(body.logprobs),
        "response_format": _is_structured(body.response_format),
    }
    for name, is_wanted in faults.items():
        if is_wanted:
            raise Refused(400, f"{name} is not supported by any model here", name)


def _is_structured(response_format: object) -> bool:
    if response_format is None:
        return False
    return not (isinstance(response_format, dict) and response_format.get("type") == "text")  # pyright: ignore[reportUnknownMemberType]  # any JSON


def _ignored(body: ChatBody, used: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Name the parameters that were given and have no effect."""
    given = {name for name in body.model_fields_set if getattr(body, name) is not None}
    return tuple(sorted(given - _WITHOUT_EFFECT - set(used)))


def _mode(header: str | None) -> Mode | None:
    if header is None or header == "auto":
        return None
    if header not in (Mode.SOLVE.value, Mode.BASE.value):
        raise Refused(400, "X-MapCoder-Mode is solve, base or auto", "X-MapCoder-Mode")
    return Mode(header)


def _text(turn: ChatTurn) -> str:
    """Return a message's text; parts that are no text are refused, for they would be lost."""
    if isinstance(turn.content, str):
        return turn.content
    parts = turn.content or []
    for part in parts:
        if part.type != "text":
            raise Refused(400, f"a part of kind {part.type[:40]!r}: only text is read", "messages")
    return "\n".join(part.text for part in parts)
