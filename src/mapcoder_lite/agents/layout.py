"""The XML layouts that the agents ask for: of each, what is written, read and enforced.

Renderer, known tags and grammar of a layout all come from one description, so that they cannot
disagree. Plans, programs and corrections have no layout: they are free text.

Knows: which tags stand where, which of them repeat.
Does not know: prompts, what the texts mean, how a model is held to a grammar.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mapcoder_lite.agents.markup import CDATA_OPEN, Tags, escape
from mapcoder_lite.grammar import Fixed, Free, Grammar, Part, Whole


class Content(StrEnum):
    """What stands in a leaf."""

    TEXT = "text"
    """Any text, also none."""
    FILLED = "filled"
    """Any text but blank."""
    PER_CENT = "per_cent"
    """A whole number from 0 to 100."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A tag around text."""

    name: str
    content: Content = Content.FILLED


@dataclass(frozen=True, slots=True)
class Box:
    """A tag around leaves and boxes, each on a line of its own."""

    name: str
    parts: tuple["Leaf | Box", ...]
    is_repeated: bool = False
    """Whether it stands as often as was asked for, rather than once."""


RECALL = Box(
    "root",
    (
        Box("problem", (Leaf("description"), Leaf("planning")), is_repeated=True),
        Leaf("algorithm"),
    ),
)
CONFIDENCE = Box("root", (Leaf("explanation", Content.TEXT), Leaf("confidence", Content.PER_CENT)))
TRACE = Box(
    "root",
    (Leaf("trace", Content.TEXT), Leaf("verdict"), Leaf("plan", Content.TEXT)),
)
BLAME = Box("root", (Leaf("agent"), Leaf("step"), Leaf("reason", Content.TEXT), Leaf("feedback")))
"""What a supervisor answers; it is no agent."""


def render(root: Box, texts: Sequence[str], *, times: int = 1) -> str:
    """Return the layout with its leaves filled in order; what repeats stands `times` times."""
    pieces = list(_pieces(root, times))
    leaves = [piece for piece in pieces if isinstance(piece, Leaf)]
    if len(leaves) != len(texts):
        raise ValueError(f"{len(texts)} texts for {len(leaves)} leaves of <{root.name}>")
    remaining = iter(texts)
    return "".join(
        piece if isinstance(piece, str) else escape(next(remaining)) + _end(piece)
        for piece in pieces
    )


def tags(root: Box) -> Tags:
    """Return the tags that a reply in the layout is read by."""
    parts = list(_below(root))
    return Tags(
        root.name,
        frozenset(part.name for part in parts if isinstance(part, Box)),
        frozenset(part.name for part in parts if isinstance(part, Leaf)),
    )


def grammar(root: Box, *, times: int = 1) -> Grammar:
    """Return what a reply is held to: everything `render` writes, and nothing that is misread.

    The text of a leaf is free but for what a reader would take for markup: an end tag, the leaf's
    own tag again, CDATA.
    """
    parts: list[Part] = []
    for part in (part for piece in _pieces(root, times) for part in _enforced(piece)):
        last = parts[-1] if parts else None
        if isinstance(last, Fixed) and isinstance(part, Fixed):
            parts[-1] = Fixed(text=last.text + part.text)
        else:
            parts.append(part)
    return Grammar(parts=tuple(parts))


def _enforced(piece: str | Leaf) -> tuple[Part, ...]:
    if isinstance(piece, str):
        return (Fixed(text=piece),)
    if piece.content is Content.PER_CENT:
        return Whole(low=0, high=100), Fixed(text=_end(piece))
    without = ("</", f"<{piece.name}", CDATA_OPEN)
    is_filled = piece.content is Content.FILLED
    return (Free(until=_end(piece), without=without, is_filled=is_filled),)


def _pieces(box: Box, times: int) -> Iterator[str | Leaf]:
    """Yield the text of a layout; a leaf stands for what it holds and its end tag."""
    yield f"<{box.name}>"
    for part in box.parts:
        if isinstance(part, Leaf):
            yield f"\n<{part.name}>"
            yield part
            continue
        for _ in range(times if part.is_repeated else 1):
            yield "\n"
            yield from _pieces(part, times)
    yield f"\n{_end(box)}"


def _below(box: Box) -> Iterator[Leaf | Box]:
    for part in box.parts:
        yield part
        if isinstance(part, Box):
            yield from _below(part)


def _end(part: Leaf | Box) -> str:
    return f"</{part.name}>"
