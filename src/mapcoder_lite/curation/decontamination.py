"""Keep evaluation problems out of the rows: as the problem of a row, and recalled in a reply.

A problem is checked as a whole, by containment and by similarity; a reply by containment, since a
teacher may recall an evaluation problem among others.

Knows: evaluation sets, training problems, rows, thresholds.
Does not know: how overlap is measured, runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from mapcoder_lite.curation.flagged import Flagged
from mapcoder_lite.data.overlap import Match, OverlapIndex, statement_of
from mapcoder_lite.data.problem_json import read_problems
from mapcoder_lite.errors import InputError
from mapcoder_lite.example import Example
from mapcoder_lite.problem import Problem, Record
from mapcoder_lite.settings import DatasetConfig

R = TypeVar("R", bound=Example)

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 21))


class ThresholdCount(Record):
    """What would be flagged at a threshold."""

    threshold: float
    problems_by_containment: int
    problems_by_similarity: int
    """Below 0.3 as at 0.3."""
    replies_by_containment: int


class Contamination(Record):
    """What was looked for and found, for the manifest."""

    evaluation_sets: dict[str, int]
    """File to its number of problems."""
    num_problems: int
    """Training problems that were compared."""
    num_replies: int
    """Replies that were compared."""
    num_flagged_problems: int
    num_flagged_replies: int
    """Of problems that are not flagged themselves."""
    curve: tuple[ThresholdCount, ...]


@dataclass(frozen=True, slots=True)
class Finding(Generic[R]):
    """The rows without what overlaps, and what does."""

    clean: list[R]
    flagged: list[Flagged]
    summary: Contamination


def decontaminate(
    rows: Sequence[R], problems: Mapping[str, Problem], settings: DatasetConfig
) -> Finding[R]:
    """Compare the problems of the rows, and their replies, with every evaluation problem.

    Raises:
        InputError: an evaluation set cannot be read, or holds no problem.
        ConfigError: datasketch is not installed.
    """
    sets = {path: read_problems(Path(path)) for path in settings.against}
    empty = [path for path, found in sets.items() if not found]
    if empty:
        raise InputError(f"dataset.against: {empty[0]} holds no problem")
    index = OverlapIndex(settings.ngram_words)
    for path, found in sets.items():
        index.add(path, found)
    overlaps = _Overlaps.of(rows, problems, index)
    known = {problem.id: path for path, found in sets.items() for problem in found}
    flagged = list(_flagged_problems(overlaps, known, settings))
    tainted = {one.problem_id for one in flagged}
    flagged += _flagged_replies(rows, overlaps, tainted, settings)
    replies = {one.reply.place for one in flagged if one.reply is not None}
    clean = [row for row in rows if row.provenance.problem_id not in tainted]
    return Finding(
        clean=[row for row in clean if row.provenance.place not in replies],
        flagged=flagged,
        summary=Contamination(
            evaluation_sets={path: len(found) for path, found in sets.items()},
            num_problems=len(overlaps.contained),
            num_replies=len(rows),
            num_flagged_problems=len(tainted),
            num_flagged_replies=len(replies),
            curve=tuple(_curve(overlaps)),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Overlaps:
    """What every problem and reply overlaps with most."""

    contained: Mapping[str, Match | None]
    """By training problem."""
    similar: Mapping[str, Match | None]
    """By training problem."""
    recalled: Sequence[Match | None]
    """By row, of its prompt and reply: a plan is asked for with a recalled exemplar."""

    @staticmethod
    def of(
        rows: Sequence[Example], problems: Mapping[str, Problem], index: OverlapIndex
    ) -> "_Overlaps":
        ids = dict.fromkeys(row.provenance.problem_id for row in rows)
        statements = {id: statement_of(problems[id]) for id in ids}
        return _Overlaps(
            {id: index.contained(text) for id, text in statements.items()},
            {id: index.similar(text) for id, text in statements.items()},
            [index.contained(_said_in(row)) for row in rows],
        )


def _said_in(row: Example) -> str:
    return "\n".join(message.content for message in (*row.prompt, *row.completion))


def _flagged_problems(
    overlaps: _Overlaps, known: Mapping[str, str], settings: DatasetConfig
) -> Iterable[Flagged]:
    """Name each problem once, by the first reason of id, containment, similarity."""
    for id, contained in overlaps.contained.items():
        similar = overlaps.similar[id]
        if id in known:
            same = Match(evaluation_set=known[id], problem_id=id, score=1.0)
            yield Flagged(problem_id=id, by="id", match=same)
        elif contained is not None and contained.score >= settings.max_containment:
            yield Flagged(problem_id=id, by="containment", match=contained)
        elif similar is not None and similar.score >= settings.max_similarity:
            yield Flagged(problem_id=id, by="similarity", match=similar)


def _flagged_replies(
    rows: Sequence[Example], overlaps: _Overlaps, tainted: set[str], settings: DatasetConfig
) -> Iterable[Flagged]:
    for row, match in zip(rows, overlaps.recalled, strict=True):
        origin = row.provenance
        is_over = match is not None and match.score >= settings.max_containment
        if match is not None and is_over and origin.problem_id not in tainted:
            yield Flagged(problem_id=origin.problem_id, reply=origin, by="containment", match=match)


def _curve(overlaps: _Overlaps) -> Iterable[ThresholdCount]:
    measures = [
        [match.score for match in matches if match]
        for matches in (overlaps.contained.values(), overlaps.similar.values(), overlaps.recalled)
    ]
    for threshold in THRESHOLDS:
        contained, similar, recalled = (
            sum(score >= threshold for score in scores) for scores in measures
        )
        yield ThresholdCount(
            threshold=threshold,
            problems_by_containment=contained,
            problems_by_similarity=similar,
            replies_by_containment=recalled,
        )
