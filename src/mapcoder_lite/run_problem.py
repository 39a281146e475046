"""What a run keeps of each problem, and the labels under which its problems are counted.

Knows: tags, bands of ratings, dates.
Does not know: runs, attempts, where problems come from.
"""

from typing import Literal

from mapcoder_lite.problem import Record

SCHEMA_VERSION = 1
BAND_WIDTH = 200
UNRATED = "unrated"
UNTAGGED = "untagged"


class RunProblem(Record):
    """What a report must know of a problem of the run, so that it needs no other file."""

    schema_version: Literal[1] = SCHEMA_VERSION
    problem_id: str
    title: str = ""
    tags: tuple[str, ...] = ()
    difficulty: int | None = None
    date: str | None = None
    """ISO 8601 day of publication; None: not known, as of a run older than this."""
    num_public_tests: int = 0
    num_hidden_tests: int | None = None
    """None: the run does not grade."""
    defect: str | None = None
    """Known fault of the hidden tests; the sound subset leaves the problem out."""
    has_unlisted_answers: bool | None = None
    """Whether answers may be right that its tests do not list and its checker does not know, so
    that a wrong answer is suspect; None: the run does not grade, or is older than this."""


def tags_of(problem: RunProblem) -> tuple[str, ...]:
    """Return a problem's tags, each once."""
    return tuple(dict.fromkeys(problem.tags)) or (UNTAGGED,)


def band_of(problem: RunProblem) -> tuple[str]:
    """Return the rating band of a problem, as `1200-1399`; no rating is below 0."""
    if problem.difficulty is None or problem.difficulty < 0:
        return (UNRATED,)
    low = problem.difficulty // BAND_WIDTH * BAND_WIDTH
    return (f"{low}-{low + BAND_WIDTH - 1}",)


def band_order(band: str) -> tuple[int, str]:
    """Sort key of bands: by rating, the unrated last."""
    low = band.rpartition("-")[0]
    return (int(low), band) if low else (1 << 30, band)
