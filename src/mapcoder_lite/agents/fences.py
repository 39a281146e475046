"""Find the program in a model's reply, in linear time.

Fenced blocks are read twice: as Markdown has it (a fence stands on a line of its own), and loosely
(any three backticks), since models forget line breaks and end fences. Of all candidates the best
one is taken: one that parses, is more than a usage example, carries the right tag, is closed, and
stands last. Not the longest: models recall or draft first and answer last; in 265 of 2,370 real
replies a longer block stands before the right one, and in 262 it solves a recalled problem.

Knows: fences, language tags, whether a text parses as Python.
Does not know: prompts, how programs are run.
"""

import ast
import re
import textwrap
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from mapcoder_lite.problem import Language

_TAGS = {
    Language.PYTHON: ("python", "py", "python3", "pypy", "pypy3"),
    Language.C: ("c", "ansi-c"),
    Language.CPP: ("cpp", "c++", "cc", "cxx"),
    Language.JAVA: ("java",),
    Language.JAVASCRIPT: ("javascript", "js", "node", "nodejs"),
    Language.GO: ("go", "golang"),
    Language.RUST: ("rust", "rs"),
    Language.RUBY: ("ruby", "rb"),
    Language.PHP: ("php",),
    Language.CSHARP: ("csharp", "c#", "cs"),
    Language.KOTLIN: ("kotlin", "kt"),
}
_LANGUAGES = {tag: language for language, tags in _TAGS.items() for tag in tags}
_DATA_TAGS = ("text", "txt", "plaintext", "input", "output", "json", "bash", "sh", "console", "xml")
_FENCE_LINE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^`\n]*)$", re.MULTILINE)
_FENCE = re.compile(r"`{3,}(?:[ \t]*([A-Za-z][\w+#.-]*)[ \t]*$)?", re.MULTILINE)
_CODE_START = re.compile(
    r"^(?:import |from \w|def |class |@\w|#!|for |while |\w+ *= ?)", re.MULTILINE
)
_CODE_LINE = re.compile(r"[;{}):,>]$|^(?:end|else|//|#|<\?php|import|package|using|def|puts)\b")
_WHOLE = re.compile(r"^[ \t]*(?:def|class|import|from) |\b(?:input|open)\(", re.MULTILINE)
"""What a usage example such as `print(solve(5))` lacks."""
_PARSING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Block:
    """A candidate for a program and where it stood in the reply."""

    text: str
    tag: str
    is_closed: bool
    start: int
    is_loose: bool = False
    """Whether only the loose reading found it."""


class _Rank(NamedTuple):
    """How good a candidate is; the most telling sign first."""

    parses: bool
    is_whole: bool
    fit: int
    is_closed: bool
    is_strict: bool
    start: int


def find_program(reply: str, language: Language, *, is_cut: bool = False) -> Block | None:
    """Return the block that is most likely the whole program, or None.

    `is_cut` says that the reply reached its token limit: then only closed blocks count.
    """
    blocks = [*_line_blocks(reply), *_loose_blocks(reply)]
    if is_cut:
        blocks = [b for b in blocks if b.is_closed]
    elif not blocks:
        blocks = list(_bare_blocks(reply, language))
    best: tuple[_Rank, Block] | None = None
    for block in map(_trimmed, blocks):
        rank = _rank(block, language) if block.text else None
        if rank is not None and (best is None or rank > best[0]):
            best = rank, block
    return best[1] if best else None


def strip_fences(text: str) -> str:
    """Return the text without its fence lines; what they enclose stays."""
    return _FENCE_LINE.sub("", text).strip()


def fence(program: str, language: Language) -> str:
    """Return the program in a fenced block whose fence is longer than any run of backticks."""
    longest = max((len(run) for run in re.findall(r"`{3,}", program)), default=2)
    ticks = "`" * (longest + 1)
    return f"{ticks}{language.value}\n{program}\n{ticks}"


def is_python(text: str) -> bool:
    """Whether the text parses as Python and does more than state constants and names."""
    try:
        with _PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a model's bad escapes are no concern of the user
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(not isinstance(s, ast.Expr) or isinstance(s.value, ast.Call) for s in tree.body)


def is_whole_python(text: str) -> bool:
    """Whether the text is Python that defines, imports or reads something."""
    return _WHOLE.search(text) is not None and is_python(text)


def _rank(block: Block, language: Language) -> _Rank | None:
    """Return how good a candidate is; None where it cannot be a program in the language."""
    tag = _LANGUAGES.get(block.tag)
    fit = 2 if tag is language else 1 if not block.tag else 0
    if language is Language.PYTHON:
        parses = is_python(block.text)
        # Without a tag, sample output such as `5 3` stands in fences as often as a broken program.
        is_possible = (
            parses or fit == 2 or (fit == 1 and _CODE_START.search(block.text) is not None)
        )
    else:
        # A wrong tag is common and harmless; data, or what is plainly Python, is not.
        parses = fit > 0
        is_possible = parses or not (block.tag in _DATA_TAGS or is_python(block.text))
    if not is_possible:
        return None
    is_whole = language is not Language.PYTHON or _WHOLE.search(block.text) is not None
    return _Rank(parses, is_whole, fit, block.is_closed, not block.is_loose, block.start)


def _trimmed(block: Block) -> Block:
    text = block.text.strip("\r\n").rstrip()
    if text[:1].isspace():  # only then: dedent also alters blank lines inside string literals
        text = textwrap.dedent(text)
    return replace(block, text=text)


def _line_blocks(reply: str) -> Iterator[Block]:
    """Yield blocks as Markdown has them: an end fence has no tag and is as long as its start."""
    opening: re.Match[str] | None = None
    for line in _FENCE_LINE.finditer(reply):
        if opening is None:
            opening = line
        elif line.group(1).startswith(opening.group(1)) and not line.group(2).strip():
            yield _block(reply, opening, line.start(), is_closed=True)
            opening = None
    if opening is not None:
        yield _block(reply, opening, len(reply), is_closed=False)


def _loose_blocks(reply: str) -> Iterator[Block]:
    """Yield what stands between any two fences; a fence with a tag always starts a block."""
    opening: re.Match[str] | None = None
    for run in _FENCE.finditer(reply):
        if opening is not None:
            block = _block(reply, opening, run.start(), is_closed=not run.group(1))
            yield replace(block, is_loose=True)
        opening = run if opening is None or run.group(1) else None
    if opening is not None:
        yield replace(_block(reply, opening, len(reply), is_closed=False), is_loose=True)


def _block(reply: str, opening: re.Match[str], end: int, *, is_closed: bool) -> Block:
    info = opening.group(opening.lastindex or 0).strip("`~ \t{}.").lower()
    words = info.split()  # none where the rest of the line is white space that is no blank
    tag = words[0] if words else ""
    return Block(reply[opening.end() : end], tag, is_closed, opening.start())


def _bare_blocks(reply: str, language: Language) -> Iterator[Block]:
    """Yield the whole reply, or all from its first line of code, where that can be a program."""
    if language is not Language.PYTHON:
        lines = [line.strip() for line in reply.splitlines() if line.strip()]
        if sum(bool(_CODE_LINE.search(line)) for line in lines) * 2 > len(lines):
            yield Block(reply, "", False, 0)
        return
    start = _CODE_START.search(reply)
    for position in sorted({0, start.start() if start else 0}):
        if is_python(reply[position:]):
            yield Block(reply[position:], "", False, position)
            return
