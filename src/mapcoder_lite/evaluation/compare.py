"""Two runs paired by problem: who solved what, and whether the difference is chance.

Knows: pairs, the exact McNemar test, what is left out and said.
Does not know: how numbers are shown, single runs' metrics.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from mapcoder_lite.errors import StoreError
from mapcoder_lite.evaluation.run_files import RunFiles, is_internal, open_run
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import mcnemar

SCHEMA_VERSION = 1


class Pairs(Record):
    """Units of two runs side by side; the p is of the exact McNemar test."""

    num_both: int
    num_only_first: int
    num_only_second: int
    num_neither: int
    p: float

    @property
    def num_total(self) -> int:
        """Pairs that were compared."""
        return self.num_both + self.num_only_first + self.num_only_second + self.num_neither


class Comparison(Record):
    """Two runs paired by problem, on their first samples."""

    schema_version: Literal[1] = SCHEMA_VERSION
    first: str
    second: str
    raw: Pairs
    sound: Pairs | None
    """Without problems of known defects; None when there are none such."""
    num_left_out: int
    """Problems that only one run graded, or that a judge failed on."""
    has_same_problems: bool
    """Whether both runs read the same problems and hidden tests, to the byte."""
    has_same_judge: bool
    """Whether both runs' verdicts follow the same rules."""


def compare(first: Path, second: Path) -> Comparison:
    """Pair two runs by problem and test whether they differ.

    Raises:
        StoreError: a folder is no graded run directory, or the runs share no graded problem.
        ConfigError: statsmodels is absent.
    """
    a, b = open_run(first), open_run(second)
    passed_a, passed_b = first_samples(a), first_samples(b)
    common = sorted(passed_a.keys() & passed_b.keys())
    if not common:
        raise StoreError(f"{first} and {second} share no graded problem: nothing can be paired")
    sound = [i for i in common if a.problems[i].defect is None and b.problems[i].defect is None]
    return Comparison(
        first=str(first),
        second=str(second),
        raw=pairs_of(common, passed_a, passed_b),
        sound=pairs_of(sound, passed_a, passed_b) if len(sound) < len(common) else None,
        num_left_out=len(a.problems.keys() | b.problems.keys()) - len(common),
        has_same_problems=a.header.problems_digest == b.header.problems_digest,
        has_same_judge=a.examination.judge_version == b.examination.judge_version,
    )


def first_samples(run: RunFiles) -> dict[str, bool]:
    """Return problem ids with whether sample 0 passed; internal errors are left out.

    Raises:
        StoreError: the run was not graded.
    """
    if not run.is_graded:
        raise StoreError(f"{run.path} was not graded: give run.hidden_tests and run it anew")
    return {
        unit.problem_id: grade.is_passed
        for unit, grade in run.grades.items()
        if unit.sample == 0 and not is_internal(grade)
    }


def pairs_of(ids: Iterable[str], first: Mapping[str, bool], second: Mapping[str, bool]) -> Pairs:
    """Count who solved what, and test the difference.

    Raises:
        ConfigError: statsmodels is absent.
    """
    seen = Counter((first[i], second[i]) for i in ids)
    return Pairs(
        num_both=seen[True, True],
        num_only_first=seen[True, False],
        num_only_second=seen[False, True],
        num_neither=seen[False, False],
        p=mcnemar(seen[True, False], seen[False, True]),
    )
