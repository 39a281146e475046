"""The layout that a reply may be held to: fixed text, free text, whole numbers, repetition.

A grammar says little on purpose: what stands between the tags stays the model's own, so that
holding a model to a layout cannot change what it has to say.

Knows: parts of a layout.
Does not know: which reply has which layout, how an engine or a server enforces it.
"""

from typing import Annotated, Literal

from pydantic import Field

from mapcoder_lite.problem import Record


class Fixed(Record):
    """Text that stands as it is."""

    part: Literal["fixed"] = "fixed"
    text: Annotated[str, Field(min_length=1)]


class Free(Record):
    """Any text up to the first `until`, then `until` itself."""

    part: Literal["free"] = "free"
    until: Annotated[str, Field(min_length=1)]


class Whole(Record):
    """A whole number within bounds, both included, without leading zeros."""

    part: Literal["whole"] = "whole"
    low: Annotated[int, Field(ge=0)]
    high: Annotated[int, Field(ge=0)]


class Repeated(Record):
    """Parts that stand several times, one after another."""

    part: Literal["repeated"] = "repeated"
    parts: tuple["Part", ...]
    at_least: Annotated[int, Field(ge=0)]
    at_most: Annotated[int, Field(gt=0)]


Part = Annotated[Fixed | Free | Whole | Repeated, Field(discriminator="part")]


class Grammar(Record):
    """The parts of a whole reply, in order."""

    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
