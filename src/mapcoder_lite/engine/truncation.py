"""Nothing is cut in silence: what a server did to prompt and reply, told from the token counts.

Knows: requests, completions, the context of a server.
Does not know: tokenizers, servers, connections.
"""

from mapcoder_lite.errors import PromptTooLong, Truncated
from mapcoder_lite.trajectory import Completion, Request


def least_tokens(request: Request) -> int:
    """Return a number of tokens that a prompt has at least: no token spans two words.

    Earlier replies do not count: chat templates may leave out what a model thought.
    """
    said = [message for message in request.messages_sent if message.role != "assistant"]
    return sum(len(message.content.split()) for message in said)


def likely_tokens(request: Request) -> int:
    """Return about how many tokens prompt and longest reply are; three bytes a token is much."""
    prompt = sum(len(message.content.encode()) for message in request.messages_sent) // 3
    return prompt + request.sampling.max_tokens


def check_before(request: Request, context_tokens: int | None) -> None:
    """Refuse a request that cannot fit, whatever the tokenizer.

    Raises:
        PromptTooLong: not even the least number of tokens fits.
    """
    least, longest = least_tokens(request), request.sampling.max_tokens
    if context_tokens is not None and least + longest > context_tokens:
        raise PromptTooLong(
            f"a prompt of at least {least} tokens and a reply of up to {longest} do not fit a "
            f"context of {context_tokens} tokens; shorten the prompt or traversal.max_tokens, or "
            "start the server with a longer context"
        )


def check_after(request: Request, completion: Completion, context_tokens: int | None) -> None:
    """Refuse a reply to a prompt that was cut, or that was cut short itself.

    A completion without counts passes. What a server cut, another may not: it is a fault of the
    server, no limit that is known for good; a context that is known is such a limit.

    Raises:
        PromptTooLong: the reply ended where the known context did, before it had all it may.
        Truncated: the counts cannot be those of the whole prompt and reply.
    """
    prompt, reply = completion.usage.prompt_tokens, completion.usage.completion_tokens
    if prompt == reply == 0:
        return
    longest, least = request.sampling.max_tokens, least_tokens(request)
    counts = (
        f"the prompt counts {prompt} tokens, the reply {reply} of at most {longest}, together "
        f"{prompt + reply}"
    )
    if 0 < prompt < least:
        raise _cut(
            f"the server cut the prompt, which has {least} words, or counts only what its cache "
            f"lacks, as Ollama 0.30 did: {counts}"
        )
    if completion.finish_reason == "length" and reply < longest:
        if context_tokens is not None and prompt + longest > context_tokens:
            raise PromptTooLong(
                f"{counts}, and the context of {context_tokens} tokens held no more; shorten the "
                "prompt or traversal.max_tokens, or start the server with a longer context"
            )
        raise _cut(f"the server cut the reply short for lack of context: {counts}")
    if context_tokens is not None and prompt + reply > context_tokens:
        raise _cut(f"more was said than a context of {context_tokens} tokens holds: {counts}")


def _cut(reason: str) -> Truncated:
    return Truncated(
        f"{reason}; shorten the prompt or traversal.max_tokens, or give the server more context"
    )
