"""The JSON that chat servers stream, as far as it is read; what is null is as if left out.

Knows: events of the OpenAI API, llama-server's and DeepSeek's additions, Ollama's lines.
Does not know: what makes a reply whole, connections.
"""

from pydantic import BaseModel, NonNegativeInt

from mapcoder_lite.trajectory import Usage

_Count = NonNegativeInt | None


class Said(BaseModel):
    """A piece of a reply."""

    content: str | None = None
    reasoning_content: str | None = None  # no part of the reply, but a sign of life
    reasoning: str | None = None
    thinking: str | None = None  # Ollama

    @property
    def thought(self) -> str:
        """What is no part of the reply."""
        return self.reasoning_content or self.reasoning or self.thinking or ""


class Choice(BaseModel):
    """One of several replies to a request."""

    index: int | None = None
    delta: Said | None = None
    message: Said | None = None
    finish_reason: str | None = None

    @property
    def said(self) -> Said:
        """The piece, whatever it is called."""
        return self.message or self.delta or Said()


class _PromptDetails(BaseModel):
    cached_tokens: _Count = None


class _Usage(BaseModel):
    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    total_tokens: _Count = None
    prompt_tokens_details: _PromptDetails | None = None
    prompt_cache_hit_tokens: _Count = None  # DeepSeek

    @property
    def cached(self) -> int | None:
        details = self.prompt_tokens_details or _PromptDetails()
        if details.cached_tokens is not None:
            return details.cached_tokens
        return self.prompt_cache_hit_tokens


class _Timings(BaseModel):
    """What llama-server adds to the last event."""

    cache_n: _Count = None
    prompt_n: _Count = None
    predicted_n: _Count = None


class ServerError(BaseModel, extra="allow"):
    """A failure told within a stream."""

    code: int | str | None = None
    param: str | None = None


class Event(BaseModel):
    """One event of the OpenAI API, or a whole answer."""

    model: str | None = None
    choices: list[Choice] | None = None
    usage: _Usage | None = None
    timings: _Timings | None = None
    error: ServerError | str | None = None

    @property
    def choice(self) -> Choice | None:
        """The reply that was asked for; there is one."""
        choices = self.choices or []
        return next((choice for choice in choices if not choice.index), None)

    @property
    def counted(self) -> Usage | None:
        """The tokens, where the event counts them."""
        usage, timings = self.usage, self.timings
        if usage is not None:
            cached = usage.cached
            if cached is None:
                cached = (timings.cache_n or 0) if timings is not None else 0
            prompt, reply = usage.prompt_tokens or 0, usage.completion_tokens or 0
            # Some leave what the model thought out of the second count, but not out of the third.
            reply = max(reply, (usage.total_tokens or 0) - prompt)
            return Usage(prompt_tokens=prompt, cached_tokens=cached, completion_tokens=reply)
        if timings is not None:
            cached = timings.cache_n or 0
            return Usage(
                prompt_tokens=cached + (timings.prompt_n or 0),
                cached_tokens=cached,
                completion_tokens=timings.predicted_n or 0,
            )
        return None


class OllamaPart(BaseModel):
    """One line of Ollama's."""

    model: str | None = None
    message: Said | None = None
    done: bool | None = None
    done_reason: str | None = None
    prompt_eval_count: _Count = None
    prompt_eval_cached_count: _Count = None  # part of the count before
    eval_count: _Count = None
    error: ServerError | str | None = None

    @property
    def counted(self) -> Usage | None:
        """The tokens, where the line counts them."""
        if self.eval_count is None:
            return None
        return Usage(
            prompt_tokens=self.prompt_eval_count or 0,
            cached_tokens=self.prompt_eval_cached_count or 0,
            completion_tokens=self.eval_count,
        )
