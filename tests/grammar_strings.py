"""What a grammar means, read off its record: whether a text follows it, and texts that do."""

import re
from collections.abc import Iterator

from hypothesis import strategies as st

from mapcoder_lite.grammar import Fixed, Free, Grammar, Part, Whole

PIECES = [
    *("<", "/", "</", "<d", "description", "<Description>", "<planning", "<root>", "<problem>"),
    *("</problem>", "<algorithm>", ">", "<![CDATA[", "<![CDATA", "<!", "]]>", "&lt;", "&#32;"),
    *(
        "&#x20;",
        "&amp;",
        "a<b",
        "x",
        "é",
        "漢",
        "🙂",
        "\u017f",
        "\u212a",
        "100",
        "7",
        "0",
        '"',
        "\\",
    ),
    *("'", "```", "--", " ", "\n", "\t"),
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.text(max_size=20),
)


def accepts(grammar: Grammar, text: str) -> bool:
    """Whether the whole text follows the grammar, tried at every place."""
    places = {0}
    for part in grammar.parts:
        places = {end for place in places for end in _ends(part, text, place)}
    return len(text) in places


def strings(grammar: Grammar) -> st.SearchStrategy[str]:
    """Texts that follow the grammar."""
    return st.tuples(*map(_part_strings, grammar.parts)).map("".join)


def near(grammar: Grammar) -> st.SearchStrategy[str]:
    """Texts that follow the grammar, or did until something was cut out or put in."""
    places = st.integers(0, 400)
    return st.builds(_edited, strings(grammar), places, st.integers(0, 6), TEXTS)


def _edited(text: str, place: int, length: int, insert: str) -> str:
    place %= len(text) + 1
    return text[:place] + insert + text[place + length :]


def _ends(part: Part, text: str, place: int) -> Iterator[int]:
    if isinstance(part, Fixed):
        if text.startswith(part.text, place):
            yield place + len(part.text)
    elif isinstance(part, Whole):
        for end in range(place + 1, place + 1 + len(str(part.high))):
            digits = re.fullmatch("0|[1-9][0-9]*", text[place:end])
            if digits and len(text) >= end and part.low <= int(digits[0]) <= part.high:
                yield end
    else:
        for match in re.finditer(re.escape(part.until), text):
            if match.start() >= place and is_free(part, text[place : match.start()]):
                yield match.end()


def is_free(part: Free, text: str) -> bool:
    """Whether a text may stand before the part's end."""
    is_clean = _words(part).search(text) is None
    return is_clean and (not part.is_filled or bool(text.strip(" \t\r\n")))


def _words(part: Free) -> re.Pattern[str]:
    return re.compile(f"(?ai:{'|'.join(map(re.escape, part.without))})")


def _part_strings(part: Part) -> st.SearchStrategy[str]:
    if isinstance(part, Fixed):
        return st.just(part.text)
    if isinstance(part, Whole):
        return st.integers(part.low, part.high).map(str)
    return TEXTS.map(lambda text: _cleaned(part, text) + part.until)


def _cleaned(part: Free, text: str) -> str:
    words = _words(part)
    while words.search(text):
        text = words.sub("", text)
    return text if is_free(part, text) else f"{text}."
