"""A contest statement in Markdown or plain text, read into a Problem.

Knows: the headings of Codeforces, AtCoder and Kattis pages and of hand-written files.
Does not know: files, JSON, what the statement means.
"""

import math
import re
from dataclasses import dataclass, field

from pydantic import ValidationError

from mapcoder_lite.data.headings import Part, heading, is_fence
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Limits, Problem, Source, Test

EXPECTED = (
    "expected a problem statement, best with the headings Input, Output and Example "
    "(each example with its Input and Output)"
)

_UNIT_BYTES = {"k": 2**10, "m": 2**20, "g": 2**30}
# No gap is of any length: a long one would be searched again from each of its characters.
_TIME = re.compile(
    r"^[^\w\n]{0,20}(?:cpu )?time limit(?: per test)?\W{0,20}?"
    r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|sec|seconds?)\b",
    re.IGNORECASE | re.MULTILINE,
)
# AtCoder writes both limits on one line, so memory need not begin a line.
_MEMORY = re.compile(
    r"(?:^|/)[^\w\n]{0,20}memory limit(?: per test)?\W{0,20}?"
    r"(\d+(?:\.\d+)?)\s*([kmg])(?:i?b|(?:ilo|ega|iga)bytes?)\b",
    re.IGNORECASE | re.MULTILINE,
)
# A Codeforces page opens with "input / standard input / output / standard output".
_STREAMS = re.compile(
    r"^[^\w\n]{0,20}(?:input|output)\W{1,20}standard (?:input|output)\W{0,20}$",
    re.IGNORECASE | re.MULTILINE,
)


_SAYS_INTERACTIVE = re.compile(
    r"\bthis (?:is an interactive (?:problem|task)|(?:problem|task) is interactive)\b",
    re.IGNORECASE,
)
# Neither is enough alone: stories flush, fast output is not flushed, and queries may be given.
_FLUSHES = re.compile(
    r"(?<!not )(?<!never )(?<!avoid )\bf?flush(?:ing)?\b.{0,40}\b(?:output|stdout|buffer|stream)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"[\"'`“‘$«]\s?\?\s|\b(?:mak|ask|print)(?:e|ing)? (?:an? |the |your |any |each |every )?quer"
    r"|\binteractor\b",
    re.IGNORECASE,
)
_SAMPLES = (Part.SAMPLE_INPUT, Part.SAMPLE_OUTPUT)


@dataclass(slots=True)
class _Section:
    """The lines under one heading."""

    part: Part
    lines: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip()


class InteractiveProblem(InputError):
    """A problem whose input depends on what the program says."""


def parse_statement(text: str, problem_id: str) -> Problem:
    """Read a statement; one without samples gives a problem without public tests.

    Raises:
        InputError: there is no statement, a sample lacks its other half, or the problem is
            interactive.
    """
    limits, body = _take_limits(text.replace("\r\n", "\n").replace("\r", "\n"))
    title, body = _take_title(body)
    sections = _sections(body)
    if _is_interactive(sections):
        raise InteractiveProblem(
            "an interactive problem: only problems with fixed inputs can be judged"
        )
    statement = _joined(sections, Part.STATEMENT)
    if not statement:
        raise InputError(f"no statement found: {EXPECTED}")
    tests, remarks = _tests(sections)
    notes = [note for note in (_joined(sections, Part.NOTE), *remarks) if note]
    return Problem(
        id=problem_id,
        title=title,
        statement=statement,
        input_spec=_joined(sections, Part.INPUT),
        output_spec=_joined(sections, Part.OUTPUT),
        notes="\n\n".join(notes),
        public_tests=tests,
        limits=limits,
        source=Source(name="statement"),
    )


def _take_limits(text: str) -> tuple[Limits, str]:
    """Read time and memory limits and take them, with the stream lines, out of the text."""
    given: dict[str, float] = {}
    time, memory = _TIME.search(text), _MEMORY.search(text)
    if time is not None:
        scale = 0.001 if time[2].lower().startswith("m") else 1.0
        given["cpu_seconds"] = float(time[1]) * scale
    if memory is not None:
        memory_bytes = float(memory[1]) * _UNIT_BYTES[memory[2].lower()]
        if math.isinf(memory_bytes):
            raise InputError(f"a memory limit of {len(memory[1])} digits: no machine has so much")
        given["memory_bytes"] = int(memory_bytes)
    for pattern in (_MEMORY, _TIME, _STREAMS):
        text = pattern.sub("", text)
    if 0 in given.values():
        raise InputError("a limit of 0: give limits above 0, or leave them out")
    try:
        return Limits.model_validate(given), text
    except ValidationError as error:
        what = error.errors()[0]
        raise InputError(f"{what['loc'][0]} of {what['input']:g}: {what['msg']}") from error


def _take_title(text: str) -> tuple[str, str]:
    """Take a title: a first-level heading, or a short first line followed by a blank one."""
    lines = text.strip("\n").split("\n")
    first = lines[0].strip()
    if is_fence(first) or (heading(first) is not None and not first.startswith("# ")):
        return "", text
    rest = "\n".join(lines[1:])
    if first.startswith("# ") and heading(first) is None:
        return first.removeprefix("# ").strip(), rest
    is_short = 0 < len(first) <= 100 and not first.endswith((".", ":", "?", ","))
    if is_short and len(lines) > 1 and not lines[1].strip() and rest.strip():
        return first, rest
    return "", text


def _sections(text: str) -> list[_Section]:
    """Cut the text at its headings; headings inside fenced blocks are content."""
    sections = [_Section(Part.STATEMENT)]
    in_fence = in_examples = False
    seen: set[Part] = set()
    for line in text.split("\n"):
        in_fence = in_fence != is_fence(line)
        found = None if in_fence else heading(line)
        if found is None:
            sections[-1].lines.append(line)
            continue
        part = found.part
        # A second "Input" after the first "Output" opens an example, announced or not.
        in_examples = in_examples or part is Part.EXAMPLES
        if part is Part.INPUT and (in_examples or {Part.INPUT, Part.OUTPUT} <= seen):
            part, in_examples = Part.SAMPLE_INPUT, True
        elif part is Part.OUTPUT and in_examples:
            part = Part.SAMPLE_OUTPUT
        in_examples = in_examples and part is not Part.STATEMENT
        seen.add(part)
        sections.append(_Section(part, [found.rest] if found.rest else []))
    return sections


def _is_interactive(sections: list[_Section]) -> bool:
    """Whether there is a heading of it, or a sentence outside the samples that says so."""
    if any(section.part is Part.INTERACTION for section in sections):
        return True
    told = "\n".join(s.text for s in sections if s.part not in _SAMPLES)
    if _SAYS_INTERACTIVE.search(told):
        return True
    return _FLUSHES.search(told) is not None and _ASKS.search(told) is not None


def _joined(sections: list[_Section], part: Part) -> str:
    return "\n\n".join(s.text for s in sections if s.part is part and s.text)


def _tests(sections: list[_Section]) -> tuple[tuple[Test, ...], list[str]]:
    """Pair sample inputs with sample outputs; prose that follows a sample is a remark."""
    inputs = [_sample(s) for s in sections if s.part is Part.SAMPLE_INPUT]
    outputs = [_sample(s) for s in sections if s.part is Part.SAMPLE_OUTPUT]
    if len(inputs) != len(outputs):
        raise InputError(
            f"{len(inputs)} sample inputs but {len(outputs)} sample outputs: "
            "give every example both an Input and an Output"
        )
    tests = tuple(
        Test(input=given.content + "\n" if given.content else "", outputs=(wanted.content,))
        for given, wanted in zip(inputs, outputs, strict=True)
    )
    return tests, [sample.remark for sample in (*inputs, *outputs) if sample.remark]


@dataclass(frozen=True, slots=True)
class _Sample:
    """One half of an example and the prose that stood beside it."""

    content: str
    remark: str


def _sample(section: _Section) -> _Sample:
    """Take the fenced block if there is one, else the text without prose at its end."""
    fences = [number for number, line in enumerate(section.lines) if is_fence(line)]
    if len(fences) >= 2:
        first, last = fences[0], fences[1]
        around = section.lines[:first] + section.lines[last + 1 :]
        return _Sample("\n".join(section.lines[first + 1 : last]), "\n".join(around).strip())
    blocks = re.split(r"\n[ \t]*\n", _dedented(section.lines).strip("\n"))
    kept = len(blocks)
    while kept > 1 and _is_prose(blocks[kept - 1]):
        kept -= 1
    return _Sample("\n\n".join(blocks[:kept]).strip("\n"), "\n\n".join(blocks[kept:]).strip())


def _dedented(lines: list[str]) -> str:
    """Undo Markdown's indented code: four columns that every line has."""
    full = [line for line in lines if line.strip()]
    if full and all(line.startswith(("    ", "\t")) for line in full):
        return "\n".join(line[1:] if line.startswith("\t") else line[4:] for line in lines)
    return "\n".join(line.rstrip() for line in lines)


def _is_prose(block: str) -> bool:
    """Whether a paragraph is a sentence to a reader rather than a program's text."""
    words = re.findall(r"[A-Za-z]{2,}", block)
    return len(words) >= 4 and block.rstrip().endswith((".", "!", ":"))
