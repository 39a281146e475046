"""The layout that a reply may be held to: fixed text, free text, a whole number, in order.

A grammar says little on purpose: what stands between the tags stays the model's own, so that
holding a model to a layout cannot change what it has to say.

Knows: parts of a layout.
Does not know: which reply has which layout, how an engine or a server enforces it.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mapcoder_lite.problem import Record

Word = Annotated[str, Field(pattern=r"^[!-~]+$")]
"""Visible ASCII; nothing else has the same cases in every dialect of grammars."""


class Fixed(Record):
    """Text that stands as it is."""

    part: Literal["fixed"] = "fixed"
    text: Annotated[str, Field(min_length=1)]


class Free(Record):
    """Any text in which no word of `without` stands, in whatever case; then `until`.

    `until` begins with one of the words, since nothing else says where the text ends.
    """

    part: Literal["free"] = "free"
    until: str
    without: Annotated[tuple[Word, ...], Field(min_length=1)]
    is_filled: bool = False
    """Whether the text holds more than spaces, tabs and line breaks."""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if not self.until.startswith(self.without):
            raise ValueError(f"{self.until!r} begins with none of {self.without}")
        return self


class Whole(Record):
    """A whole number within bounds, both included, without leading zeros."""

    part: Literal["whole"] = "whole"
    low: Annotated[int, Field(ge=0)]
    high: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"no number lies between {self.low} and {self.high}")
        return self


Part = Annotated[Fixed | Free | Whole, Field(discriminator="part")]


class Grammar(Record):
    """The parts of a whole reply, in order."""

    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
