"""Whether an engine does what it says: tiny requests, their replies held against each other.

What a server says of itself costs nothing and proves little: one may list an adapter and not
apply it, take a seed and not heed it, cut a prompt and not say so. Every request here goes through
the engine itself, so what is examined is what a run will use.

Knows: what replies, token counts and seeds give away.
Does not know: servers, sockets, roles.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mapcoder_lite.errors import EngineError, PromptTooLong, Truncated
from mapcoder_lite.grammar import Fixed, Grammar, Whole
from mapcoder_lite.trajectory import Completion, Engine, Message, Request, Sampling


@dataclass(frozen=True, slots=True)
class Finding:
    """What one kind of request showed."""

    name: str
    is_good: bool | None
    """None: it could not be told."""
    detail: str


Replies = tuple[str, ...]
"""The texts that answer all questions, in order."""

_QUESTIONS = (
    "Recall a problem that is like adding two numbers, and name the algorithm that solves it.",
    "Plan, step by step, how to print the largest of n numbers.",
    "Write a program that reads two numbers and prints their sum.",
)
"""Near to what adapters are trained on: there they differ from the backbone soonest."""

_REPLY_TOKENS = 48
"""Replies often begin alike with an adapter and without: a fence, the reading of the input."""

_SHORT_WORDS, _MIDDLE_WORDS = 64, 128
_LONG_WORDS = 4608
"""More than 4,096 tokens, to which the best-known server cuts by default."""
_CACHED_WORDS = 600
"""Caches go by blocks, of up to some hundred tokens."""

_ANSWER = Grammar(parts=(Fixed(text="<answer>"), Whole(low=0, high=9), Fixed(text="</answer>")))


def examine(
    engine: Engine,
    adapters: Sequence[str] = (),
    *,
    context_tokens: int | None = None,
    has_grammar: bool = False,
) -> tuple[Finding, ...]:
    """Ask everything; some thousand prompt tokens and some hundred of replies.

    `context_tokens` is the loaded context, where it is known: no prompt beyond it is sent.
    """
    findings = [
        _told("usage", lambda: _usage(engine)),
        _told("cached tokens", lambda: _cached(engine)),
        _told("seed", lambda: _seed(engine)),
        examine_prompts(engine, context_tokens),
    ]
    if has_grammar:
        findings.append(_told("grammar", lambda: _grammar(engine)))
    if adapters:
        findings.extend(examine_adapters(engine, adapters))
    return tuple(findings)


def examine_adapters(engine: Engine, adapters: Sequence[str]) -> tuple[Finding, ...]:
    """See whether every adapter changes replies, and leaves the backbone's as they are beside it.

    The backbone is asked alone first: where a batch that mixes it with adapters goes wrong, it is
    the backbone's rows that do. In the batch it comes last, when the adapters are at work.
    """
    try:
        alone = _replies(engine, (None,))[0]
        *adapted, mixed = _replies(engine, (*adapters, None))
        return _idle(adapters, alone, adapted), _mixed(engine, adapters, alone, mixed, adapted)
    except EngineError as error:
        return (Finding("adapters", None, str(error)),)


def examine_prompts(engine: Engine, context_tokens: int | None = None) -> Finding:
    """See whether a long prompt is kept whole, by three prompts' token counts."""
    return _told("whole prompts", lambda: _whole_prompts(engine, context_tokens))


def _idle(adapters: Sequence[str], alone: Replies, adapted: Sequence[Replies]) -> Finding:
    idle = [name for name, replies in zip(adapters, adapted, strict=True) if replies == alone]
    if not idle:
        return Finding("adapters", True, f"{len(adapters)} differ from the backbone")
    return Finding(
        "adapters",
        False,
        f"{', '.join(idle)} answered {len(_QUESTIONS)} questions as the backbone does: the server "
        "does not apply what it lists, or the adapter was never trained",
    )


def _mixed(
    engine: Engine,
    adapters: Sequence[str],
    alone: Replies,
    mixed: Replies,
    adapted: Sequence[Replies],
) -> Finding:
    """Hold the backbone's replies beside adapters against those it gives alone."""
    name = "mixed batch"
    if mixed == alone:
        return Finding(name, True, "the backbone answers the same alone and beside adapters")
    # Rounding depends on the shape of a batch and may turn a reply; only an adapter's own reply,
    # or a change in all of them, is beyond it.
    strange = [n for n, reply in enumerate(mixed) if reply != alone[n]]
    is_taken = any(mixed[n] == replies[n] for n in strange for replies in adapted)
    if not is_taken and len(strange) < len(_QUESTIONS):
        count = f"{len(strange)} of {len(_QUESTIONS)}"
        return Finding(name, None, f"beside adapters {count} replies of the backbone differ")
    if _replies(engine, (None,))[0] != alone:
        return Finding(name, None, "at temperature 0 the backbone's replies vary by themselves")
    if _replies(engine, (*adapters, None))[-1] == alone:
        return Finding(name, None, "beside adapters the backbone differed once, and once not")
    return Finding(
        name,
        False,
        "beside adapters the backbone gives other replies than alone: requests without an adapter "
        "are answered wrongly",
    )


def _replies(engine: Engine, names: Sequence[str | None]) -> list[Replies]:
    """Ask every name every question in one batch; return the texts by name."""
    requests = [_request(question, adapter=name) for name in names for question in _QUESTIONS]
    texts = [completion.text for completion in engine.complete(requests)]
    width = len(_QUESTIONS)
    return [tuple(texts[start : start + width]) for start in range(0, len(texts), width)]


def _usage(engine: Engine) -> Finding:
    usage = _ask(engine, _request(_QUESTIONS[0], max_tokens=4)).usage
    is_good = usage.prompt_tokens > 0 and usage.completion_tokens > 0
    return Finding(
        "usage",
        is_good,
        f"{usage.prompt_tokens} prompt and {usage.completion_tokens} reply tokens counted",
    )


def _cached(engine: Engine) -> Finding:
    request = _request(_words(_CACHED_WORDS, "Keep these words in mind"), max_tokens=1)
    _ask(engine, request)
    usage = _ask(engine, request).usage
    if usage.cached_tokens > 0:
        seen = f"{usage.cached_tokens} of {usage.prompt_tokens} tokens of a repeated prompt"
        return Finding("cached tokens", True, seen)
    return Finding("cached tokens", None, "none counted for a repeated prompt")


def _seed(engine: Engine) -> Finding:
    request = _request("Write twenty random words.", max_tokens=32, temperature=1.0)
    first, second = (_ask(engine, request).text for _ in range(2))
    other = _ask(engine, request.model_copy(update={"attempt": 1})).text
    if first != second:
        return Finding("seed", False, "the same seed gave two replies: a run cannot be repeated")
    if first == other:
        return Finding("seed", None, "another seed gave the same reply")
    return Finding("seed", True, "the same seed, the same reply; another seed, another")


def _grammar(engine: Engine) -> Finding:
    request = _request("Write a poem about the sea.", max_tokens=32)
    text = _ask(engine, request.model_copy(update={"grammar": _ANSWER})).text
    is_held = re.fullmatch(r"<answer>[0-9]</answer>", text.strip()) is not None
    return Finding("grammar", is_held, "held" if is_held else f"the reply was {text[:60]!r}")


def _whole_prompts(engine: Engine, context_tokens: int | None) -> Finding:
    """Foretell a long prompt's token count from two short ones; less means that it was cut."""
    name = "whole prompts"
    short, middle = (_num_prompt_tokens(engine, n) for n in (_SHORT_WORDS, _MIDDLE_WORDS))
    if short == 0:
        said = "no prompt tokens are counted: they are recorded as 0, and a cut is not noticed"
        return Finding(name, None, said)
    a_word = (middle - short) / (_MIDDLE_WORDS - _SHORT_WORDS)
    if a_word <= 0:
        return Finding(name, None, f"{short} and {middle} tokens counted: no count to go by")
    num_words = _LONG_WORDS
    if context_tokens is not None:
        fitting = int(0.9 * (context_tokens - middle) / a_word) + _MIDDLE_WORDS
        num_words = max(_MIDDLE_WORDS, min(num_words, fitting))
    expected = middle + round(a_word * (num_words - _MIDDLE_WORDS))
    try:
        counted = _num_prompt_tokens(engine, num_words)
    except PromptTooLong as error:
        return Finding(name, True, f"a prompt of {expected} tokens is refused: {error}")
    except Truncated as error:
        return Finding(name, False, f"of {expected} prompt tokens: {error}")
    if counted < 0.95 * expected:
        return Finding(
            name, False, f"of {expected} prompt tokens {counted} were counted: prompts are cut"
        )
    return Finding(name, True, f"{counted} of {expected} prompt tokens counted")


def _num_prompt_tokens(engine: Engine, num_words: int) -> int:
    request = _request(_words(num_words, f"{num_words} words follow"), max_tokens=1)
    return _ask(engine, request).usage.prompt_tokens


def _words(number: int, head: str) -> str:
    return f"{head}:{' word' * number}"


def _told(name: str, ask: Callable[[], Finding]) -> Finding:
    """Return a finding; an engine that cannot answer leaves it open, with the reason."""
    try:
        return ask()
    except EngineError as error:
        return Finding(name, None, str(error))


def _ask(engine: Engine, request: Request) -> Completion:
    return engine.complete([request])[0]


def _request(
    text: str,
    *,
    adapter: str | None = None,
    max_tokens: int = _REPLY_TOKENS,
    temperature: float = 0.0,
) -> Request:
    return Request(
        messages=(Message(role="user", content=text),),
        adapter=adapter,
        sampling=Sampling(temperature=temperature, max_tokens=max_tokens),
    )
