"""Two systems paired by problem: who solved what, and whether the difference is chance.

Knows: pairs, which problems are common, the tests, what is mixed and must be said.
Does not know: how numbers are shown, single runs' metrics.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd, lcm

from mapcoder_lite.config import changed_settings
from mapcoder_lite.errors import StoreError
from mapcoder_lite.evaluation.run_files import RunFiles, is_internal
from mapcoder_lite.evaluation.systems import SEED_SETTINGS, System, meaning_of, origin_of
from mapcoder_lite.problem import Record
from mapcoder_lite.run_problem import RunProblem, band_of, band_order, tags_of
from mapcoder_lite.statistics import Mean, holm, mcnemar, resampled_gain, sign_flip


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


class Difference(Record):
    """How the second system fares against the first on the same problems."""

    num_problems: int
    first: float
    """Share of its attempts that passed, as the mean over problems."""
    second: float
    gain: Mean
    """The second share less the first; its interval is drawn over problems."""
    num_gained: int
    """Problems of which the second passed a larger share."""
    num_lost: int
    p: float
    """Two-sided: the exact McNemar test, where each problem has one attempt a side; else the exact
    sign-flip test of the problems' differences."""
    pairs: Pairs | None
    """None: a problem has several attempts."""


class LabelDifference(Record):
    """The same on the problems of one tag, or of one band of ratings."""

    label: str
    difference: Difference
    p_holm: float
    """The p after Holm's correction over the labels of the table."""
    sound: Difference | None
    """Without problems of known defects; None when no problem has one, or no other is left."""
    p_holm_sound: float | None
    """Of `sound`, over the labels that have one."""


class Setting(Record):
    """A setting, or another fact, that is not the same in both."""

    key: str
    first: str
    """Several values where runs of the system differ."""
    second: str


class Duel(Record):
    """Two systems, overall."""

    first: str
    second: str
    raw: Difference
    sound: Difference | None
    """Without problems of known defects; None when there are none such, or no others."""
    num_left_out: int
    """Problems that only one of them has a scored attempt at."""
    num_unlike: int
    """Problems left out since one id means two problems: title or number of tests differ."""
    doubts: tuple[str, ...]
    """What may make the difference another's: sentences for the reader."""
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two systems and the problems that both attempted."""

    first: System
    second: System
    problems: Mapping[str, RunProblem]
    """Of both, in the first one's order."""
    ours: Mapping[str, Sequence[bool]]
    theirs: Mapping[str, Sequence[bool]]
    num_left_out: int
    num_unlike: int

    def difference(self, ids: Iterable[str]) -> Difference:
        """Compare the two on some of the problems, at least one."""
        rows = [(self.ours[id], self.theirs[id]) for id in ids]
        gains, unit = gains_of(rows)
        pairs = None
        if self.first.has_one_attempt and self.second.has_one_attempt:
            pairs = counted_pairs((ours[0], theirs[0]) for ours, theirs in rows)
        return Difference(
            num_problems=len(rows),
            first=sum(_share(ours) for ours, _ in rows) / len(rows),
            second=sum(_share(theirs) for _, theirs in rows) / len(rows),
            gain=resampled_gain(gains, unit),
            num_gained=sum(gain > 0 for gain in gains),
            num_lost=sum(gain < 0 for gain in gains),
            p=pairs.p if pairs else sign_flip(gains),
            pairs=pairs,
        )

    def duel(self) -> Duel:
        """Compare the two overall."""
        return Duel(
            first=self.first.name,
            second=self.second.name,
            raw=self.difference(self.problems),
            sound=self._sound(self.problems),
            num_left_out=self.num_left_out,
            num_unlike=self.num_unlike,
            doubts=tuple(_doubts(self.first, self.second)),
            settings=tuple(_settings(self.first, self.second)),
        )

    def tags(self) -> tuple[LabelDifference, ...]:
        """A row a tag, the commonest first."""
        rows = self._labels(tags_of)
        return tuple(sorted(rows, key=lambda row: (-row.difference.num_problems, row.label)))

    def ratings(self) -> tuple[LabelDifference, ...]:
        """A row a band of ratings, the lowest first."""
        return tuple(sorted(self._labels(band_of), key=lambda row: band_order(row.label)))

    def changed(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Name the problems of which the second passed more, and those of which it passed less."""
        gains, _ = gains_of([(self.ours[id], self.theirs[id]) for id in self.problems])
        gained = tuple(id for id, gain in zip(self.problems, gains, strict=True) if gain > 0)
        return gained, tuple(id for id, g in zip(self.problems, gains, strict=True) if g < 0)

    def _labels(self, labels_of: Callable[[RunProblem], Sequence[str]]) -> list[LabelDifference]:
        ids: dict[str, list[str]] = {}
        for id, problem in self.problems.items():
            for label in labels_of(problem):
                ids.setdefault(label, []).append(id)
        found = {label: self.difference(of) for label, of in ids.items()}
        sound = {label: kept for label, of in ids.items() if (kept := self._sound(of)) is not None}
        corrected, corrected_sound = _corrected(found), _corrected(sound)
        return [
            LabelDifference(
                label=label,
                difference=difference,
                p_holm=corrected[label],
                sound=sound.get(label),
                p_holm_sound=corrected_sound.get(label),
            )
            for label, difference in found.items()
        ]

    def _sound(self, ids: Iterable[str]) -> Difference | None:
        """Compare the two on those without known defects, if some problem has one."""
        kept = [id for id in ids if self.problems[id].defect is None]
        is_told = any(problem.defect is not None for problem in self.problems.values())
        return self.difference(kept) if kept and is_told else None


def _corrected(found: Mapping[str, Difference]) -> dict[str, float]:
    ps = holm([difference.p for difference in found.values()])
    return dict(zip(found, ps, strict=True))


def paired(first: System, second: System) -> Pairing:
    """Pair two systems by problem.

    Raises:
        StoreError: they share no problem that both have a scored attempt at.
    """
    ours, theirs = first.scores(), second.scores()
    common = [id for id in ours.attempts if id in theirs.attempts]
    same = {
        id: _with_defect(ours.problems[id], theirs.problems[id])
        for id in common
        if meaning_of(ours.problems[id]) == meaning_of(theirs.problems[id])
    }
    if not same:
        raise StoreError(
            f"{first.name} and {second.name} share no graded problem: nothing can be paired"
        )
    return Pairing(
        first,
        second,
        same,
        {id: [grade.is_passed for grade in ours.attempts[id]] for id in same},
        {id: [grade.is_passed for grade in theirs.attempts[id]] for id in same},
        num_left_out=len(ours.problems.keys() | theirs.problems.keys()) - len(common),
        num_unlike=len(common) - len(same),
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
    return counted_pairs((first[i], second[i]) for i in ids)


def counted_pairs(words: Iterable[tuple[bool, bool]]) -> Pairs:
    """Count pairs of words, and test their difference.

    Raises:
        ConfigError: statsmodels is absent.
    """
    seen = Counter(words)
    return Pairs(
        num_both=seen[True, True],
        num_only_first=seen[True, False],
        num_only_second=seen[False, True],
        num_neither=seen[False, False],
        p=mcnemar(seen[True, False], seen[False, True]),
    )


def gains_of(rows: Sequence[tuple[Sequence[bool], Sequence[bool]]]) -> tuple[list[int], int]:
    """Return the problems' differences of shares, and of what unit they are whole numbers.

    They are as small as they can be; a difference of 3 with a unit of 4 is 3/4.
    """
    whole = lcm(*(len(words) for row in rows for words in row))
    found = [whole * sum(b) // len(b) - whole * sum(a) // len(a) for a, b in rows]
    divisor = gcd(whole, *found)
    return [difference // divisor for difference in found], whole // divisor


def _share(words: Sequence[bool]) -> float:
    return sum(words) / len(words)


def _with_defect(first: RunProblem, second: RunProblem) -> RunProblem:
    """The problem, defective if either run knows it to be."""
    return first if first.defect else first.model_copy(update={"defect": second.defect})


def _doubts(first: System, second: System) -> Iterator[str]:
    """Yield what is not alike in all runs of both and may be what the difference comes of."""
    runs = (*first.runs, *second.runs)
    if len({run.header.problems_digest for run in runs}) > 1:
        yield (
            "the runs were not given the same problems and tests, or not as many: problems are "
            "paired by id, where title and number of tests agree"
        )
    if len({run.examination.judge_version for run in runs}) > 1:
        yield (
            "the runs were judged by different versions of the judge: a difference may be the "
            "judge's; `mapcoder grade RUN` judges a run again by today's"
        )
    tiers = dict.fromkeys(run.examination.isolation.tier for run in runs)
    if len(tiers) > 1:
        yield f"the judges kept programs in differently: {' and '.join(tiers)}"
    numbers = _num_attempts(first), _num_attempts(second)
    if numbers[0] != numbers[1]:
        yield (
            f"{numbers[0]} against {numbers[1]} attempts a problem: shares of attempts are compared"
        )


def _num_attempts(system: System) -> int:
    return sum(run.header.config.run.samples for run in system.runs)


def _settings(first: System, second: System) -> Iterator[Setting]:
    """Yield what differs between the two, of all their runs; seeds may differ without a word."""
    runs = (*first.runs, *second.runs)
    base = first.runs[0].header.config
    changes = [changed_settings(base, run.header.config) for run in runs]
    common = {key: old for of in changes for key, old, _ in of}
    told = [
        common | {key: new for key, _, new in of} | origin_of(run)
        for of, run in zip(changes, runs, strict=True)
    ]
    silent = SEED_SETTINGS if len(runs) > 2 else frozenset[str]()
    for key in [*sorted(common.keys() - silent), *origin_of(first.runs[0])]:
        values = [_written(one[key]) for one in told]
        ours, theirs = values[: len(first.runs)], values[len(first.runs) :]
        if set(ours) != set(theirs):
            yield Setting(key=key, first=_all(ours), second=_all(theirs))


def _all(values: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(values))


def _written(value: object) -> str:
    return "-" if value is None else str(value)
