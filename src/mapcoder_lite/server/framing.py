"""Answers in the frames of OpenAI's chat API: whole, or chunk by chunk.

Knows: the shape of completions, chunks, usage.
Does not know: what is answered, HTTP.
"""

import json
import time
from dataclasses import dataclass, field

from mapcoder_lite.events import RunFinished, run_id
from mapcoder_lite.server.bodies import Extension
from mapcoder_lite.trajectory import Usage


@dataclass(slots=True)
class Frame:
    """One answer that is being given."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{run_id()}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(
        self, content: str, reasoning: str, usage: Usage, extension: Extension, finish: str = "stop"
    ) -> dict[str, object]:
        """Return a completion."""
        message = {"role": "assistant", "content": content, "refusal": None}
        if reasoning:
            message["reasoning_content"] = reasoning
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        return {
            **self._head("chat.completion"),
            "choices": [choice],
            "usage": usage_of(usage),
            "x_mapcoder": extension.model_dump(mode="json"),
        }

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
        head = self._head("chat.completion.chunk")
        return json.dumps({**head, "choices": nothing, "usage": usage_of(usage)})

    def _chunk(self, delta: dict[str, str], finish: str | None = None, **more: object) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = {**self._head("chat.completion.chunk"), "choices": [choice], **more}
        return json.dumps(chunk)

    def _head(self, kind: str) -> dict[str, object]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def usage_of(usage: Usage) -> dict[str, object]:
    """Return the tokens as OpenAI counts them."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


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
