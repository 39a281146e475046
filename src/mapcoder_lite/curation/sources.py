"""Whose problems the rows of a data set show, and under which licence these came.

Knows: problems' sources, rows.
Does not know: which licence allows what, how rows are made.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from mapcoder_lite.curation.harvest import GradedRun
from mapcoder_lite.data.problem_json import read_problems
from mapcoder_lite.example import Example
from mapcoder_lite.problem import Problem, Record

UNKNOWN = "unknown"
"""Name of the source of problems that the files do not hold any more."""


class SourceCount(Record):
    """What a data set shows of one source."""

    name: str
    licence: str | None
    """As the problems say; None: they do not."""
    num_problems: int
    num_rows: int


def problems_of(runs: Sequence[GradedRun]) -> dict[str, Problem]:
    """Return the problems of the files that the runs name, by id; files that are gone have none.

    Raises:
        InputError: a file is no file of problems.
    """
    problems: dict[str, Problem] = {}
    for run in runs:
        path = run.header.config.run.problems
        if path and Path(path).exists():
            problems |= {problem.id: problem for problem in read_problems(Path(path))}
    return problems


def sources_of(rows: Sequence[Example], problems: Mapping[str, Problem]) -> tuple[SourceCount, ...]:
    """Count problems and rows of each source and licence, the largest first."""
    num_rows: Counter[tuple[str, str | None]] = Counter()
    ids: dict[tuple[str, str | None], set[str]] = {}
    for row in rows:
        problem = problems.get(row.provenance.problem_id)
        source = None if problem is None else problem.source
        key = (UNKNOWN, None) if source is None else (source.name, source.licence)
        num_rows[key] += 1
        ids.setdefault(key, set()).add(row.provenance.problem_id)
    return tuple(
        SourceCount(name=key[0], licence=key[1], num_problems=len(ids[key]), num_rows=count)
        for key, count in num_rows.most_common()
    )
