"""Read the XML of a model's reply, tolerantly and in linear time.

A strict XML parser refuses most replies of small models for an unescaped `<` or a code fence
around the root. Here only a known set of tags is markup; every other `<` and `&` is text. Leaves
hold text, containers hold leaves. A missing or wrong end tag is mended where one reading is left:
the leaf ends at the next known tag. Where an end tag could close two things, the reply is refused.

Knows: tags, CDATA, entities.
Does not know: what the tags mean.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from mapcoder_lite.errors import FormatError

CDATA_OPEN = "<![CDATA["
"""Starts a section whose text is no markup."""
_CDATA_CLOSE = "]]>"
_WHITE_SPACE = " \t\r\n"  # as XML has it; any other is text
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_ENTITY = re.compile(r"&(?:(lt|gt|amp|quot|apos)|#([0-9]{1,7})|#x([0-9a-fA-F]{1,6}));")


class Mark(StrEnum):
    """What an event of a reply is."""

    OPEN = "open"
    CLOSE = "close"
    LEAF = "leaf"


@dataclass(frozen=True, slots=True)
class Event:
    """A container that opens or closes, or a whole leaf with its text."""

    mark: Mark
    name: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Tags:
    """The known tags of a reply; the root is a container."""

    root: str
    containers: frozenset[str]
    leaves: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Token:
    name: str
    is_close: bool
    start: int
    end: int


def escape(text: str) -> str:
    """Return the text as XML character data; `>` stays readable except in `]]>`."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("]]>", "]]&gt;")


def unescape(text: str) -> str:
    """Replace XML's own entities and character references once; any other `&` stays."""
    return _ENTITY.sub(_character, text)


def read(text: str, tags: Tags) -> Iterator[Event]:
    """Yield the events of the first root element; text around the root is passed over.

    A missing start or end of the root is forgiven.

    Raises:
        FormatError: `no_root` without any known tag, `mismatched_tag` where end tags contradict.
    """
    tokens = _tokens(text, tags)
    if not tokens:
        detail = f"the reply holds no <{tags.root}>; it begins {text[:60]!r}"
        raise FormatError(detail, kind="no_root", position=0)
    position = next((i for i, t in enumerate(tokens) if _is_root_start(t, tags)), 0)
    while position < len(tokens):
        token = tokens[position]
        position += 1
        if token.name == tags.root:
            if token.is_close:
                return
        elif token.name in tags.containers:
            yield Event(Mark.CLOSE if token.is_close else Mark.OPEN, token.name)
        elif not token.is_close:
            stop, position = _leaf_end(tokens, position - 1, tags)
            if stop < len(tokens):
                inner = text[token.end : tokens[stop].start]
            else:
                inner = text[token.end :].rstrip().removesuffix("```")
            yield Event(Mark.LEAF, token.name, _content(inner))


def _is_root_start(token: _Token, tags: Tags) -> bool:
    return token.name == tags.root and not token.is_close


def _leaf_end(tokens: Sequence[_Token], start: int, tags: Tags) -> tuple[int, int]:
    """Return the index of the token that ends a leaf, and where reading goes on.

    The search stops at the leaf's own end tag or at the next start of the same leaf, so that all
    searches together pass every token at most once for each kind of leaf.
    """
    name = tokens[start].name
    first = None  # the first tag that would end the leaf if its own end tag is missing
    first_close = None
    for i in range(start + 1, len(tokens)):
        token = tokens[i]
        if token.name == name:
            if token.is_close:
                if first_close is not None:
                    raise _mismatch(name, tokens[first_close])
                return i, i + 1
            first = i if first is None else first
            break
        if token.is_close and first_close is None:
            first_close = i
        if first is None and not _is_root_start(token, tags):
            first = i
    if first is None:
        return len(tokens), len(tokens)
    is_wrong_end = tokens[first].is_close and tokens[first].name in tags.leaves
    return first, first + 1 if is_wrong_end else first


def _mismatch(name: str, token: _Token) -> FormatError:
    detail = f"</{token.name}> stands inside <{name}>, which ends later"
    return FormatError(detail, kind="mismatched_tag", position=token.start)


def _tokens(text: str, tags: Tags) -> list[_Token]:
    """Return the known tags in order, those inside closed CDATA sections left out."""
    names = "|".join(sorted(tags.containers | tags.leaves | {tags.root}))
    pattern = re.compile(rf"<!\[CDATA\[|\]\]>|<(/?)((?ai:{names}))(?:\s[^<>]*)?/?>")
    matches = list(pattern.finditer(text))
    tokens: list[_Token] = []
    hidden_to = 0
    closes = _closes(matches)
    for match in matches:
        if match.start() < hidden_to:
            continue
        if match.group(2):
            is_close = match.group(1) == "/"
            tokens.append(_Token(match.group(2).lower(), is_close, match.start(), match.end()))
        else:
            hidden_to = closes.get(match.start(), hidden_to)
    return tokens


def _closes(matches: Sequence[re.Match[str]]) -> dict[int, int]:
    """Map each CDATA start to its end; one that meets another start first is never closed."""
    marks = [m for m in matches if not m.group(2)]
    return {
        a.start(): b.end()
        for a, b in pairwise(marks)
        if a.group() == CDATA_OPEN and b.group() == _CDATA_CLOSE
    }


def _content(raw: str) -> str:
    """Return a leaf's text: CDATA taken as it stands, entities replaced elsewhere."""
    raw = raw.strip(_WHITE_SPACE)
    if raw.startswith(CDATA_OPEN):
        # `]]>` inside code ends a section early; what wraps the whole leaf is one section.
        whole = raw.removeprefix(CDATA_OPEN)
        if whole.endswith(_CDATA_CLOSE) or _CDATA_CLOSE not in whole:
            whole = whole.removesuffix(_CDATA_CLOSE)
            return whole.replace(_CDATA_CLOSE + CDATA_OPEN, "").strip(_WHITE_SPACE)
    return "".join(_character_data(raw))


def _character_data(raw: str) -> Iterator[str]:
    position = 0
    while (start := raw.find(CDATA_OPEN, position)) >= 0:
        end = raw.find(_CDATA_CLOSE, start)
        if end < 0:
            break
        yield unescape(raw[position:start])
        yield raw[start + len(CDATA_OPEN) : end]
        position = end + len(_CDATA_CLOSE)
    yield unescape(raw[position:])


def _character(match: re.Match[str]) -> str:
    name, decimal, hexadecimal = match.groups()
    if name:
        return _ENTITIES[name]
    code = int(decimal) if decimal else int(hexadecimal, 16)
    is_character = 0 < code < 0xD800 or 0xDFFF < code <= 0x10FFFF
    return chr(code) if is_character else match.group()
