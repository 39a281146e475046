"""Answers in the frames of OpenAI's chat API: whole, or chunk by chunk.

Knows: the shape of completions, chunks, usage.
Does not know: what is answered, HTTP.
"""

import json
import time
from dataclasses import dataclass, field
from typing import Literal

from mapcoder_lite.events import RunFinished, run_id
from mapcoder_lite.problem import Record
from mapcoder_lite.server.bodies import Extension
from mapcoder_lite.trajectory import Usage


class Said(Record):
    """The message of an answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    reasoning_content: str | None
    """The stage lines of a run."""


class Choice(Record):
    """The one choice of an answer."""

    index: int = 0
    message: Said
    logprobs: None = None
    finish_reason: Literal["stop", "length"]


class CachedTokens(Record):
    """Of the prompt tokens."""

    cached_tokens: int


class TokensUsed(Record):
    """The tokens of all agents, as OpenAI counts them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens


class ChatAnswer(Record):
    """A whole answer of POST /v1/chat/completions."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: tuple[Choice]
    usage: TokensUsed
    x_mapcoder: Extension


@dataclass(slots=True)
class Frame:
    """One answer that is being given."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{run_id()}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(
        self,
        content: str,
        reasoning: str,
        usage: Usage,
        extension: Extension,
        finish: Literal["stop", "length"] = "stop",
    ) -> ChatAnswer:
        """Return a completion."""
        said = Said(content=content, reasoning_content=reasoning or None)
        return ChatAnswer(
            id=self.id,
            created=self.created,
            model=self.model,
            choices=(Choice(message=said, finish_reason=finish),),
            usage=usage_of(usage),
            x_mapcoder=extension,
        )

    def first(self) -> str:
        """Return the chunk that says who speaks."""
        return self._chunk({"role": "assistant", "content": ""})

    def reasoning(self, line: str) -> str:
        """Return the chunk of a stage line."""
        return self._chunk({"reasoning_content": f"{line}\n"})

    def content(self, text: str) -> str:
        """Return a chunk of the answer."""
        return self._chunk({"content": text})

    def last(self, extension: Extension, finish: str = "stop") -> str:
        """Return the chunk that ends the answer."""
        more = {"x_mapcoder": extension.model_dump(mode="json")}
        return self._chunk({}, finish, **more)

    def usage(self, usage: Usage) -> str:
        """Return the chunk that tells the usage."""
        nothing: list[object] = []
        told = usage_of(usage).model_dump()
        return json.dumps({**self._head(), "choices": nothing, "usage": told})

    def _chunk(self, delta: dict[str, str], finish: str | None = None, **more: object) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return json.dumps({**self._head(), "choices": [choice], **more})

    def _head(self) -> dict[str, object]:
        kind = "chat.completion.chunk"
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def usage_of(usage: Usage) -> TokensUsed:
    """Return the tokens as OpenAI counts them."""
    return TokensUsed(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        prompt_tokens_details=CachedTokens(cached_tokens=usage.cached_tokens),
    )


def usage_of_run(finished: RunFinished | None) -> Usage:
    """Return the tokens of all agents of a run."""
    if finished is None:
        return Usage()
    totals = finished.totals
    return Usage(
        prompt_tokens=totals.prompt_tokens,
        cached_tokens=totals.cached_tokens,
        completion_tokens=totals.completion_tokens,
    )
