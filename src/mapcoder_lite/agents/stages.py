"""What is told of questions while they are asked, answered and read.

Knows: events, which question is which stage, how often a growing reply is told of.
Does not know: prompts, how replies are read, who listens.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TypedDict

from pydantic import JsonValue, TypeAdapter

from mapcoder_lite.events import (
    BackendRetry,
    BudgetWarning,
    FormatFailed,
    StageDelta,
    StageFinished,
    StageStarted,
    Teller,
)
from mapcoder_lite.trajectory import Call, CallKind, Completion, Retry, Role, Watch

_DELTA_SECONDS = 0.04
"""Between two events of one growing reply; tokens come faster than anybody reads."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One question that is asked."""

    number: int
    call: CallKind
    plan: int | None
    round: int
    ask: int
    """From 1."""


@dataclass(slots=True)
class Stages:
    """Numbers the questions of one attempt and tells of them, if anybody listens."""

    teller: Teller | None = None
    num_begun: int = 0

    def begin(self, asked: Sequence[tuple[CallKind, int | None, int]], ask: int) -> "Batch":
        """Tell that questions go to the engine together: their kinds, plans and rounds."""
        stages = [
            Stage(self.num_begun + place, *question, ask)
            for place, question in enumerate(asked, start=1)
        ]
        self.num_begun += len(stages)
        if self.teller is not None:
            for stage in stages:
                self.teller.tell(StageStarted(**_named(stage), ask=ask))
        return Batch(stages, self.teller)


@dataclass(slots=True)
class Batch:
    """Questions that are being answered together."""

    stages: Sequence[Stage]
    teller: Teller | None
    _untold: dict[int, str] = field(default_factory=dict[int, str])
    """By place, the text of a reply that was not told of yet."""
    _told_at: dict[int, float] = field(default_factory=dict[int, float])
    _lock: Lock = field(default_factory=Lock)  # protects both of them

    def watch(self, watch: Watch) -> Watch:
        """Return the watch that tells of growing replies and retries too."""
        if self.teller is None:
            return watch
        return Watch(watch.cancellation, self._grow, watch.on_completion, self._retry)

    def finish(self, place: int, call: Call, answer: object, *, is_final: bool) -> None:
        """Tell that a reply was read, or could not be."""
        if self.teller is None:
            return
        stage, completion = self.stages[place], call.completion
        self._flush(place)
        finished = StageFinished(
            **_named(stage),
            ask=stage.ask,
            finish=completion.finish_reason,
            ms=round(1000 * completion.seconds),
            usage=completion.usage,
            model=completion.model,
            adapter_digest=completion.adapter_digest,
            format_ok=call.failure is None,
            note=call.note,
            answer=_as_json(answer),
        )
        self.teller.tell(finished, call)
        self._warn(stage, call, completion, is_final=is_final)

    def _warn(self, stage: Stage, call: Call, completion: Completion, *, is_final: bool) -> None:
        if self.teller is None:
            return
        if completion.finish_reason == "length":
            used, limit = completion.usage.completion_tokens, call.request.sampling.max_tokens
            self.teller.tell(
                BudgetWarning(what="reply_tokens", used=used, limit=limit, stage=stage.number)
            )
        if call.failure is not None:
            self.teller.tell(
                FormatFailed(
                    **_named(stage),
                    failure=call.failure.kind,
                    detail=call.failure.detail,
                    position=call.failure.position,
                    is_final=is_final,
                )
            )

    def _grow(self, place: int, text: str) -> None:
        with self._lock:
            self._untold[place] = self._untold.get(place, "") + text
            is_due = time.monotonic() - self._told_at.get(place, 0.0) >= _DELTA_SECONDS
        if is_due:
            self._flush(place)

    def _flush(self, place: int) -> None:
        with self._lock:
            text = self._untold.pop(place, "")
            self._told_at[place] = time.monotonic()
        if text and self.teller is not None:
            self.teller.tell(StageDelta(stage=self.stages[place].number, text=text))

    def _retry(self, place: int, retry: Retry) -> None:
        if self.teller is not None:
            self.teller.tell(
                BackendRetry(
                    reason=retry.reason,
                    wait_seconds=retry.wait_seconds,
                    stage=self.stages[place].number,
                )
            )


class _Named(TypedDict):
    stage: int
    agent: Role
    call: CallKind
    plan: int | None
    round: int


def _named(stage: Stage) -> _Named:
    return {
        "stage": stage.number,
        "agent": stage.call.role,
        "call": stage.call,
        "plan": stage.plan,
        "round": stage.round,
    }


def _as_json(answer: object) -> JsonValue:
    """Return a parsed reply, a record or a dataclass or a plain value, as JSON has it."""
    adapter: TypeAdapter[object] = TypeAdapter(type(answer))
    return adapter.dump_python(answer, mode="json")
