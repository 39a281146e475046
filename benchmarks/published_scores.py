"""Scores and pairs of the published runs, by the published verdicts and by ours.

Knows: raw and sound subsets, repeated rows, intervals, paired tests with Holm's correction.
Does not know: how programs are judged, tables.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from published_agreement import JudgedRow, Pair

from mapcoder_lite.problem import Language
from mapcoder_lite.statistics import Rate, clustered, holm, rate, sign_flip

LEVEL = 0.05

ROWS, ONCE, SOUND = "all rows", "each problem once", "sound subset"


@dataclass(frozen=True, slots=True)
class Run:
    """A published run: its programs in the file's order."""

    name: str
    benchmark: str
    language: Language
    pairs: tuple[Pair, ...]

    def over(self) -> dict[str, tuple[Pair, ...]]:
        """Return what a score may be taken over: raw first; of a repeated problem the first row."""
        found = {ROWS: self.pairs}
        once = tuple({pair.entry.problem: pair for pair in reversed(self.pairs)}.values())[::-1]
        if len(once) < len(self.pairs):
            found[ONCE] = once
        sound = tuple(pair for pair in once if pair.entry.defect is None)
        if len(sound) < len(once):
            found[SOUND] = sound
        return found


@dataclass(frozen=True, slots=True)
class Side:
    """Two runs on the same programs' problems, by one judge."""

    num_first: int
    num_second: int
    num_only_first: int
    num_only_second: int
    p: float
    """Exact McNemar; where problems come several times the sign-flip test of problems, of which
    it is the special case."""
    corrected: float = 1.0
    """After Holm, over all pairs of the same subset."""

    @property
    def gain(self) -> float | None:
        """By how much more the second solves, relative to the first."""
        return self.num_second / self.num_first - 1 if self.num_first else None

    @property
    def conclusion(self) -> str:
        """Which run is better, if one can be said to be."""
        if self.corrected > LEVEL:
            return "no difference shown"
        return "second better" if self.num_only_second > self.num_only_first else "first better"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs paired by problem; the second solved as many or more as published."""

    first: str
    second: str
    benchmark: str
    over: str
    num_pairs: int
    published: Side
    ours: Side

    @property
    def stands(self) -> bool:
        """Whether our verdicts lead to the published conclusion."""
        return self.published.conclusion == self.ours.conclusion


def runs_of(judged: Sequence[JudgedRow]) -> list[Run]:
    """Put the rows' programs together by run and benchmark."""
    parts: dict[tuple[str, str, Language], list[Pair]] = defaultdict(list)
    for one in judged:
        if one.row.is_score:
            for name, pairs in one.by_run().items():
                parts[name, one.row.benchmark, one.row.language].extend(pairs)
    return [
        Run(*key, tuple(sorted(pairs, key=lambda pair: pair.entry.index)))
        for key, pairs in parts.items()
    ]


def rate_of(pairs: Sequence[Pair]) -> Rate:
    """Return what our judge calls solved; rows of one problem are no independent trials."""
    words = [(pair.entry.problem, pair.is_solved) for pair in pairs if pair.is_judged]
    if len({problem for problem, _ in words}) < len(words):
        return clustered(words)
    return rate(sum(solved for _, solved in words), len(words), with_interval=True)


def num_published(pairs: Sequence[Pair]) -> int | None:
    """Return how many are solved as published; None where that is not known by problem."""
    words = [pair.entry.is_solved for pair in pairs]
    return None if None in words else sum(map(bool, words))


def comparisons(runs: Sequence[Run]) -> list[Comparison]:
    """Pair all runs in the same language on the same problems, raw and on the sound subset.

    Raises:
        ConfigError: statsmodels is not installed.
    """
    found = [one for first, second in combinations(runs, 2) for one in paired(first, second)]
    return [
        corrected
        for over in (ROWS, SOUND)
        for corrected in _corrected([one for one in found if one.over == over])
    ]


def paired(first: Run, second: Run) -> Iterator[Comparison]:
    """Yield the comparisons of two runs, none if they did not answer the same problems."""
    kinds = [(run.benchmark, run.language, problems_of(run)) for run in (first, second)]
    scores = [num_published(run.pairs) for run in (first, second)]
    if kinds[0] != kinds[1] or None in scores:
        return
    if scores[0] > scores[1]:  # type: ignore[operator]  # neither is None
        first, second = second, first
    for over in (ROWS, SOUND):
        if over not in first.over():
            continue
        a, b = by_problem(first.over()[over]), by_problem(second.over()[over])
        both = [(x, y) for x, y in zip(a, b, strict=True) if x.is_judged and y.is_judged]
        yield Comparison(
            first=first.name,
            second=second.name,
            benchmark=first.benchmark,
            over=over,
            num_pairs=len(both),
            published=side(
                [
                    (x.entry.problem, bool(x.entry.is_solved), bool(y.entry.is_solved))
                    for x, y in both
                ]
            ),
            ours=side([(x.entry.problem, x.is_solved, y.is_solved) for x, y in both]),
        )


def problems_of(run: Run) -> list[str]:
    return [pair.entry.problem for pair in by_problem(run.pairs)]


def by_problem(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the programs in the order of their problems, which files do not share."""
    return sorted(pairs, key=lambda pair: pair.entry.problem)


def side(words: Sequence[tuple[str, bool, bool]]) -> Side:
    """Count who solved what, as (problem, first, second), and test the difference."""
    seen = Counter((first, second) for _, first, second in words)
    differences: Counter[str] = Counter()
    for problem, first, second in words:
        differences[problem] += second - first
    both, only_first, only_second = seen[True, True], seen[True, False], seen[False, True]
    p = sign_flip(differences.values())
    return Side(both + only_first, both + only_second, only_first, only_second, p)


def _corrected(found: Sequence[Comparison]) -> list[Comparison]:
    """Apply Holm's correction to all pairs of one subset, each judge's verdicts for themselves."""
    published = holm([one.published.p for one in found])
    ours = holm([one.ours.p for one in found])
    return [
        replace(
            one,
            published=replace(one.published, corrected=p),
            ours=replace(one.ours, corrected=q),
        )
        for one, p, q in zip(found, published, ours, strict=True)
    ]
