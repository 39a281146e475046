"""The headings of contest statements, in the wordings that the large sites use.

Knows: which words open which part, Markdown and plain forms of a heading.
Does not know: what is done with the parts.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """What a stretch of a statement is."""

    STATEMENT = "statement"
    INPUT = "input"
    OUTPUT = "output"
    EXAMPLES = "examples"
    """Announces samples; holds none itself."""
    SAMPLE_INPUT = "sample input"
    SAMPLE_OUTPUT = "sample output"
    NOTE = "note"
    INTERACTION = "interaction"


@dataclass(frozen=True, slots=True)
class Heading:
    """The part that a line opens, and what stands behind the heading on the same line."""

    part: Part
    rest: str = ""


_NUMBER = r"(?:\s*[#(]?\d+\)?)?"
_SAMPLE = rf"(?:sample|example)s?{_NUMBER}"
_WORDINGS: dict[Part, str] = {
    Part.SAMPLE_INPUT: rf"{_SAMPLE} inputs?{_NUMBER}|input (?:sample|example){_NUMBER}",
    Part.SAMPLE_OUTPUT: rf"{_SAMPLE} outputs?{_NUMBER}|output (?:sample|example){_NUMBER}",
    Part.EXAMPLES: rf"(?:{_SAMPLE}(?: tests?| cases?| test cases?)?|sample data){_NUMBER}",
    Part.INPUT: rf"(?:the )?inputs?(?: format| specifications?| data)?{_NUMBER}",
    Part.OUTPUT: rf"(?:the )?outputs?(?: format| specifications?| data)?{_NUMBER}",
    Part.NOTE: rf"notes?|explanations?{_NUMBER}|hints?|"
    rf"explanation (?:of|for) (?:sample|example)s?(?: (?:in|out)put)?{_NUMBER}",
    Part.INTERACTION: r"interaction(?: protocol)?",
    Part.STATEMENT: r"(?:problem )?statement|(?:problem )?description|problem|task|"
    r"constraints?|scoring|subtasks?|limits",
}
_PATTERN = re.compile(
    "|".join(f"(?P<{part.name}>{words})" for part, words in _WORDINGS.items()), re.IGNORECASE
)
# On one line with its content only these: "Input: 3 4"; "Note: ..." may open a paragraph anywhere.
_INLINE = (Part.SAMPLE_INPUT, Part.SAMPLE_OUTPUT, Part.INPUT, Part.OUTPUT, Part.NOTE)
_INLINE_FORM = re.compile(
    r"[*_]{0,2}([A-Za-z][A-Za-z ]*?(?:\s*[#(]?\d+\)?)?)(?::[*_]{0,2}|[*_]{2}:)(?=\s)"
)
_MAX_CHARACTERS = 100
"""Of a heading: longer lines are content, and are not searched."""
_FENCE = re.compile(r"\s*(?:```|~~~|</?pre>\s*$)", re.IGNORECASE)


def heading(line: str) -> Heading | None:
    """Read a line as a heading, or None when it is content."""
    text = line.strip()
    if not text or len(line) - len(line.lstrip()) > 3:  # indented code in Markdown
        return None
    if len(text) <= _MAX_CHARACTERS and (part := _part(_bare(text))) is not None:
        return Heading(part)
    return _inline(text)


def is_fence(line: str) -> bool:
    """Whether a line opens or closes a block of literal text."""
    return _FENCE.match(line) is not None


def _part(words: str) -> Part | None:
    found = _PATTERN.fullmatch(words)
    return None if found is None else Part[found.lastgroup or ""]


def _bare(text: str) -> str:
    """Take Markdown's marks, a closing colon and a pasted "Copy" button off a line."""
    text = text.lstrip("#").strip().strip("*_-=").strip().rstrip(":").strip("*_ ")
    return re.sub(r"\s*\bcopy$|(?<=put)copy$", "", text, flags=re.IGNORECASE)


def _inline(line: str) -> Heading | None:
    found = _INLINE_FORM.match(line[:_MAX_CHARACTERS])
    rest = line[found.end() :].strip() if found else ""
    part = _part(found[1].strip()) if found and rest else None
    return Heading(part, rest) if part is not None and part in _INLINE else None
