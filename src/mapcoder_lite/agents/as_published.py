"""Read replies as the released code of MapCoder does, its faults included.

Where that code raises, the reply is a format failure here. A reply that reached its token limit is
not told from a whole one. Written from what that code does (paper's repository, `MapCoder.py`).

Knows: CDATA put around leaves, a strict XML parser, the last fenced block.
Does not know: why it is not done so elsewhere; see docs/design.md.
"""

from collections.abc import Iterator
from xml.etree import ElementTree

from mapcoder_lite.agents import fences
from mapcoder_lite.agents.parse import Fix
from mapcoder_lite.errors import FormatError
from mapcoder_lite.trajectory import Completion, Exemplar, Recall

_RECALL = ("algorithm", "description", "code", "planning")
_CONFIDENCE = ("explanation", "confidence")
_OPENINGS = (
    "Python", "Python3", "python", "python3", "C", "c", "C++", "c++", "Java", "java", "Node",
    "node", "Rust", "rust", "PHP", "php", "Go", "go", "Ruby", "ruby", "C#", "c#", "csharp",
)  # fmt: skip
"""Tags in the order they are looked for: the last one that is found anywhere, also as the beginning
of another such as c of cpp, says what opens a block."""


def recall(completion: Completion) -> Recall:
    """Return the recalled problems and the algorithm.

    Raises:
        FormatError: `bad_xml`, `one_exemplar`, `bad_exemplar`, `no_exemplar`, `no_algorithm`.
    """
    root = _root(completion.text, _RECALL)
    problems = root.findall("problem")
    if len(problems) == 1:
        raise FormatError("one recalled problem alone is no list of them", kind="one_exemplar")
    if not problems:
        raise FormatError("no recalled problem in <problem> tags", kind="no_exemplar")
    return Recall(
        exemplars=tuple(
            Exemplar(
                description=_text(problem, "description", "bad_exemplar"),
                planning=_text(problem, "planning", "bad_exemplar"),
            )
            for problem in problems
        ),
        algorithm=_text(root, "algorithm", "no_algorithm"),
    )


def confidence_text(completion: Completion) -> str:
    """Return what stands for a confidence, whatever it is.

    Raises:
        FormatError: `bad_xml`, `bad_confidence`.
    """
    return _text(_root(completion.text, _CONFIDENCE), "confidence", "bad_confidence")


def confidence(text: str) -> int:
    """Return a whole number, of any size.

    Raises:
        FormatError: `bad_confidence`.
    """
    try:
        return int(text.strip())
    except ValueError as error:
        detail = f"confidence {text[:60]!r} is no whole number"
        raise FormatError(detail, kind="bad_confidence") from error


def plan(completion: Completion) -> str:
    """Return the reply as it is."""
    return completion.text


def program(completion: Completion) -> str:
    """Return the last block of the last tag found, or the whole reply where there is no fence.

    The last character comes twice, the second time on a line of its own.

    Raises:
        FormatError: `no_block` for a fence that nothing closes.
    """
    reply = completion.text
    if "```" not in reply:
        return reply
    opening = next((tag for tag in reversed(_OPENINGS) if f"```{tag}" in reply), "")
    blocks = list(_blocks(reply, f"```{opening}"))
    if not blocks:
        raise FormatError("no fenced block is closed", kind="no_block")
    return f"{blocks[-1]}\n{blocks[-1][-1:]}"


def fix(completion: Completion) -> Fix:
    """Return the program, and as plan what stands before the first fence.

    Raises:
        FormatError: `no_block` for a fence that nothing closes.
    """
    before, fence, _ = completion.text.partition("```")
    return Fix((fences.strip_fences(before) or None) if fence else None, program(completion))


def _root(reply: str, leaves: tuple[str, ...]) -> ElementTree.Element:
    for leaf in leaves:
        reply = _in_cdata(reply, leaf)
    reply = reply.replace("```xml", "").replace("```", "")
    for text in (reply, f"<root>\n{reply}\n</root>", f"<root>\n{reply}"):
        try:
            return ElementTree.fromstring(text)
        except (ElementTree.ParseError, ValueError) as error:
            last = error
    raise FormatError(f"the XML is not well formed: {last}", kind="bad_xml")


def _in_cdata(text: str, leaf: str) -> str:
    """Nothing is done where one leaf of the name, of however many, is in CDATA already."""
    if f"<{leaf}><![CDATA[" in text and f"]]></{leaf}>" in text:
        return text
    text = text.replace(f"<{leaf}>", f"<{leaf}><![CDATA[")
    return text.replace(f"</{leaf}>", f"]]></{leaf}>").strip()


def _text(parent: ElementTree.Element, name: str, kind: str) -> str:
    """Return the text of the last child of the name; an empty one reads None."""
    found = parent.findall(name)
    if not found or len(found[-1]):
        raise FormatError(f"<{parent.tag}> lacks a plain <{name}>", kind=kind)
    return str(found[-1].text)


def _blocks(reply: str, opening: str) -> Iterator[str]:
    """Yield what stands between the opening and the next fence, from left to right."""
    position = 0
    while (start := reply.find(opening, position)) >= 0:
        start += len(opening)
        end = reply.find("```", start)
        if end < 0:
            return
        yield reply[start:end]
        position = end + 3
