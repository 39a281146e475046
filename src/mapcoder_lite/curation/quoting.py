"""Replies that speak of a supervisor's feedback, which the trained prompt does not show.

Who learns from such a reply learns to speak of guidance that is not there. What the feedback says
of the matter may stand in a reply that heeds it, word for word; what it says to the agent may not.

Knows: how a reply betrays that it was guided.
Does not know: runs, files, which rows are kept otherwise.
"""

from collections.abc import Iterable, Mapping, Sequence

from mapcoder_lite.curation.flagged import Flagged
from mapcoder_lite.data.nearness import words_of
from mapcoder_lite.example import Correction, Example
from mapcoder_lite.store import Unit

RUN_WORDS = 8
"""Words in a row that make a quotation."""
_TO_THE_AGENT = frozenset(
    [
        *("you", "your", "yours", "wrong", "incorrect", "incorrectly", "mistake", "mistakes"),
        *("mistaken", "misses", "missed", "overlooks", "overlooked", "forgets", "forgot"),
    ]
)
"""Words of one that speaks to an agent about its reply; an answer's own matter has none."""
_SAID = ("suggested", "pointed out", "advised", "recommended")
_BEFORE = ("previous", "last", "earlier", "first")
_ANSWERS = ("answer", "reply", "response", "attempt", "plan", "program", "solution")
_WHAT = [
    *("reviewer", "reviewers", "supervisor", "feedback", "guidance"),
    *(f"{who} {said}" for who in ("as", "you") for said in _SAID),
    *(f"my {before} {answer}" for before in _BEFORE for answer in _ANSWERS),
]
_PHRASES = tuple(tuple(words_of(phrase)) for phrase in _WHAT)
_EXCERPT_WORDS = 40

Words = tuple[str, ...]


def betrayal(reply: str, question: str, feedback: Iterable[str]) -> str | None:
    """Return the words by which a reply shows that it was guided; None: it does not.

    They are a phrase that names a reviewer or an answer given before, or eight words in a row of
    the feedback with one among them that speaks to the agent. What the question says too may be
    said.
    """
    said, asked = words_of(reply), words_of(question)
    for phrase in _PHRASES:
        if _has(said, phrase) and not _has(asked, phrase):
            return " ".join(phrase)
    common = _grams(said) - _grams(asked)
    for text in feedback:
        for run in _runs(words_of(text), common):
            if _TO_THE_AGENT.intersection(run):
                return " ".join(run[:_EXCERPT_WORDS])
    return None


def quotations(
    rows: Iterable[Example], corrections: Mapping[str, Mapping[Unit, Sequence[Correction]]]
) -> list[Flagged]:
    """Return the guided rows that speak of feedback; corrections are by run and attempt.

    Only a reply that was written under feedback has seen any. All feedback of its attempt counts,
    whichever call it was for.
    """
    found: list[Flagged] = []
    for row in rows:
        origin = row.provenance
        if not origin.is_guided:
            continue
        rounds = corrections[origin.run][Unit(origin.problem_id, origin.sample)]
        words = betrayal(
            "\n".join(message.content for message in row.completion),
            "\n".join(message.content for message in row.prompt),
            [one.blame.feedback for one in rounds if one.blame is not None],
        )
        if words is not None:
            flag = Flagged(problem_id=origin.problem_id, reply=origin, by="quotation", words=words)
            found.append(flag)
    return found


def _runs(words: Sequence[str], common: set[Words]) -> Iterable[Sequence[str]]:
    """The longest runs of words of which every eight in a row are common."""
    start = None
    for place in range(len(words) - RUN_WORDS + 2):
        is_common = tuple(words[place : place + RUN_WORDS]) in common
        if is_common and start is None:
            start = place
        elif not is_common and start is not None:
            yield words[start : place + RUN_WORDS - 1]
            start = None


def _grams(words: Sequence[str]) -> set[Words]:
    return {tuple(words[i : i + RUN_WORDS]) for i in range(len(words) - RUN_WORDS + 1)}


def _has(words: Sequence[str], phrase: Words) -> bool:
    return any(
        tuple(words[place : place + len(phrase)]) == phrase
        for place, word in enumerate(words)
        if word == phrase[0]
    )
