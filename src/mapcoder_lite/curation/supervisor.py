"""A supervisor reads a failed attempt and names the one call that is to be made again.

MapCoder-Lite 2509.17489: the supervisor sees the whole trace, names one responsible agent and
writes feedback to it. Of the hidden tests it learns that they failed, nothing else.

Knows: what a supervisor is shown, which of its replies can be used.
Does not know: what becomes of its word, hidden tests, files.
"""

import re
from dataclasses import dataclass
from typing import Protocol

from mapcoder_lite.agents import parse, prompt
from mapcoder_lite.agents.prompt import TraceEntry
from mapcoder_lite.errors import FormatError, PromptTooLong
from mapcoder_lite.example import Blame
from mapcoder_lite.problem import Problem
from mapcoder_lite.trajectory import (
    NUM_ASKS,
    Call,
    CallKind,
    Completion,
    Engine,
    FormatFailure,
    Message,
    Request,
    Role,
    Sampling,
    StopReason,
    Trajectory,
    Trial,
)

_STEP = re.compile(r"[0-9]{1,6}")
_WRITERS = (CallKind.CODING, CallKind.DEBUGGING)
_ENDS = {
    StopReason.SOLVED: "a program passed all public tests",
    StopReason.EXHAUSTED: "all plans and debug rounds were used",
    StopReason.UNTESTED: "there are no public tests; the first program was taken",
    StopReason.NO_RECALL: "no reply of retrieval could be read",
    StopReason.NO_PLAN: "no reply of planning could be read",
    StopReason.NO_PROGRAM: "no reply of coding held a program",
    StopReason.LOST: "a reply could not be read",
    StopReason.TOO_LONG: "a prompt did not fit the model's context",
}


class Supervisor(Protocol):
    """Says who is responsible for a failed attempt."""

    @property
    def name(self) -> str:
        """Stands in corrections and tables."""
        ...

    def blame(self, problem: Problem, trajectory: Trajectory, round: int) -> Blame | FormatFailure:
        """Say which call is to be made again, or why the reply was of no use.

        Raises:
            EngineError: it cannot be asked.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelSupervisor:
    """A model of any engine as supervisor; it is asked twice at most a round."""

    engine: Engine
    sampling: Sampling
    retry_temperature: float = 0.8
    """Least temperature of the second ask; cold, a model would only repeat itself."""

    @property
    def name(self) -> str:
        """The engine's identity."""
        return self.engine.identity

    def blame(self, problem: Problem, trajectory: Trajectory, round: int) -> Blame | FormatFailure:
        """Ask, and once more when the reply is of no use; then the failure is returned.

        A trace that does not fit the supervisor's context is a failure too, of kind `too_long`.

        Raises:
            EngineError: it cannot be asked.
        """
        messages = question(problem, trajectory)
        failure = FormatFailure(kind="no_reply", detail="the supervisor was not asked")
        for re_ask in range(NUM_ASKS):
            request = self._request(messages, round, re_ask)
            try:
                return read_blame(self.engine.complete([request])[0], trajectory)
            except PromptTooLong as error:
                return FormatFailure(kind="too_long", detail=str(error))
            except FormatError as error:
                failure = FormatFailure(kind=error.kind, detail=str(error))
        return failure

    def _request(self, messages: tuple[Message, ...], round: int, re_ask: int) -> Request:
        """No two rounds or asks share a key or a seed."""
        attempt = (round - 1) * NUM_ASKS + re_ask
        temperature = self.sampling.temperature
        if re_ask:
            temperature = max(temperature, self.retry_temperature)
        drawn = {"temperature": temperature, "seed": self.sampling.seed + attempt}
        return Request(
            messages=messages, sampling=self.sampling.model_copy(update=drawn), attempt=attempt
        )


def question(problem: Problem, trajectory: Trajectory) -> tuple[Message, ...]:
    """Return what a supervisor is asked about a failed attempt: all of it, nothing shortened.

    Only what programs printed is quoted as an excerpt, as the agents' own test reports do.
    """
    entries = [_entry(problem, trajectory, place) for place in range(len(trajectory.steps))]
    return prompt.supervisor(problem, entries, _end(trajectory))


def read_blame(completion: Completion, trajectory: Trajectory) -> Blame:
    """Read a supervisor's reply and hold it against the attempt that it speaks of.

    Raises:
        FormatError: `cut_off`, `no_root`, `mismatched_tag`, `bad_blame`; `unknown_role` for what is
            no agent, `absent_role` for one that was never asked, `bad_step` for a step that is no
            call of this agent, `no_feedback` without a word to it.
    """
    said = parse.blame(completion)
    role = _role(said.agent, trajectory)
    place = _place(said.step, role, trajectory)
    if not said.feedback.strip():
        raise FormatError(f"no feedback for {role}", kind="no_feedback")
    return Blame(call_index=place, role=role, reason=said.reason, feedback=said.feedback)


def _role(agent: str, trajectory: Trajectory) -> Role:
    name = agent.strip().lower()
    if name not in set(Role):
        detail = f"{agent[:60]!r} is no agent; there are {', '.join(Role)}"
        raise FormatError(detail, kind="unknown_role")
    role = Role(name)
    if all(call.role is not role for call in trajectory.calls):
        raise FormatError(f"{role} was never asked in this attempt", kind="absent_role")
    return role


def _place(step: str, role: Role, trajectory: Trajectory) -> int:
    steps = trajectory.steps
    place = int(step) if _STEP.fullmatch(step.strip()) else len(steps)
    call = steps[place] if place < len(steps) else None
    if not isinstance(call, Call) or call.role is not role:
        raise FormatError(f"step {step[:60]!r} is no call of {role}", kind="bad_step")
    return place


def _entry(problem: Problem, trajectory: Trajectory, place: int) -> TraceEntry:
    step = trajectory.steps[place]
    if isinstance(step, Trial):
        report = prompt.report(problem.public_tests, step.judgement)
        writer = _writer(trajectory, place, step)
        return TraceEntry(place, f"test run of the program of step {writer}", report=report)
    fault = "" if step.failure is None else f"{step.failure.kind}, {step.failure.detail}"
    return TraceEntry(place, _title(step), step.completion.text, fault)


def _title(call: Call) -> str:
    match call.kind:
        case CallKind.RETRIEVAL:
            return "retrieval"
        case CallKind.PLAN:
            return f"planning, plan {call.plan_index}"
        case CallKind.CONFIDENCE:
            return f"planning, confidence in plan {call.plan_index}"
        case CallKind.TRACE:
            return f"planning, trace of plan {call.plan_index}"
        case CallKind.CODING:
            is_planned = call.plan_index is not None
            return f"coding, plan {call.plan_index}" if is_planned else "coding, without a plan"
        case CallKind.DEBUGGING:
            return f"debugging, plan {call.plan_index}, round {call.round}"


def _writer(trajectory: Trajectory, place: int, trial: Trial) -> int:
    """The call that wrote the program of a trial: the last one before it that could be read."""
    return max(
        before
        for before, step in enumerate(trajectory.steps[:place])
        if isinstance(step, Call)
        and step.kind in _WRITERS
        and step.failure is None
        and (step.plan_index, step.round) == (trial.plan_index, trial.round)
    )


def _end(trajectory: Trajectory) -> str:
    ended = _ENDS.get(trajectory.stop, trajectory.stop.value)
    chosen = "no program was submitted"
    for place, step in enumerate(trajectory.steps):
        if isinstance(step, Trial) and step.program == trajectory.program:
            writer = _writer(trajectory, place, step)
            chosen = f"the program of step {writer} was submitted and failed the hidden tests"
            break
    return f"The attempt ended because {ended}; {chosen}."
