"""Pass rates of a run: overall, of k samples, by tag and rating, raw and without faulty tests.

Knows: which attempts count, when units are independent, what is suspect.
Does not know: files, costs, how numbers are shown.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from mapcoder_lite.evaluation.run_files import is_internal
from mapcoder_lite.problem import Record
from mapcoder_lite.run_problem import RunProblem, band_of, band_order, tags_of
from mapcoder_lite.statistics import Mean, Rate, pass_at, rate, resampled, wilson
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Grade
from mapcoder_lite.verdict import Verdict

KS = (1, 2, 3, 5, 10, 20, 50, 100, 200)


class PassAtK(Record):
    """The unbiased estimate of pass@k, over the problems with at least k scored samples."""

    k: int
    num_problems: int
    raw: Mean
    num_sound: int
    sound: Mean | None
    """Over problems whose hidden tests have no known defect; None: there are none."""


class LabelScore(Record):
    """pass@1 over the problems of one tag, or of one band of ratings."""

    label: str
    num_problems: int
    passed: Rate
    passed_sound: Rate


class Suspects(Record):
    """Wrong answers that may be right: several answers are, and no checker knows them all."""

    num_problems: int
    """Problems of that kind."""
    num_units: int
    """Attempts at them whose verdict is WA."""
    passed: Rate
    """pass@1 if all those were right."""
    passed_sound: Rate


class Flakes(Record):
    """How steady the judge was: runs near a limit, which it repeats alone on a quiet machine."""

    num_doubtful: int
    """Runs that were repeated."""
    num_flipped: int
    """Those of them that then got another verdict."""
    units: Rate
    """Attempts with such a run, of those whose judge recorded it."""
    num_unrecorded: int
    """Attempts judged before that was recorded; they are not in the rate."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The scored attempts of a run: those made at every problem whose judge did not fail."""

    problems: Mapping[str, RunProblem]
    attempts: Mapping[str, Sequence[Grade]]
    """By problem; problems without a scored attempt are not there."""
    has_intervals: bool

    def rate(self, ids: Iterable[str] | None = None) -> Rate:
        """pass@1 over these problems, or all."""
        return self._rate(ids, lambda id: [g.is_passed for g in self.attempts[id]])

    def sound(self, ids: Iterable[str] | None = None) -> list[str]:
        """Those of these problems whose hidden tests have no known defect."""
        return [id for id in self._ids(ids) if self.problems[id].defect is None]

    def pass_at_k(self, num_samples: int) -> tuple[PassAtK, ...]:
        """Return pass@k for round k up to the number of samples, and for that number."""
        ks = sorted({k for k in KS if k < num_samples} | {num_samples})
        return tuple(row for k in ks if (row := self._pass_at(k)) is not None)

    def tags(self) -> tuple[LabelScore, ...]:
        """A row a tag, the commonest first."""
        rows = self._labels(tags_of)
        return tuple(sorted(rows, key=lambda row: (-row.num_problems, row.label)))

    def ratings(self) -> tuple[LabelScore, ...]:
        """A row a band of ratings, the lowest first."""
        return tuple(sorted(self._labels(band_of), key=lambda row: band_order(row.label)))

    def suspects(self) -> Suspects | None:
        """Return what changes if suspect answers are right; None: the run does not say."""
        known = [p for p in self.problems.values() if p.has_unlisted_answers is not None]
        if not known:
            return None
        doubtful = {p.problem_id for p in known if p.has_unlisted_answers}

        def is_suspect(id: str, grade: Grade) -> bool:
            return id in doubtful and is_wrong_answer(grade)

        def if_right(id: str) -> list[bool]:
            return [g.is_passed or is_suspect(id, g) for g in self.attempts[id]]

        return Suspects(
            num_problems=len(doubtful),
            num_units=sum(
                is_suspect(id, grade) for id, of in self.attempts.items() for grade in of
            ),
            passed=self._rate(None, if_right),
            passed_sound=self._rate(self.sound(), if_right),
        )

    def flakes(self) -> Flakes:
        """Count verdicts that a busy machine had caused until they were judged again."""
        judged = {
            id: [g.judgement for g in of if g.judgement is not None]
            for id, of in self.attempts.items()
        }
        recorded = {id: [j for j in of if j.num_flipped is not None] for id, of in judged.items()}
        all_recorded = [judgement for of in recorded.values() for judgement in of]
        return Flakes(
            num_doubtful=sum(j.num_doubtful or 0 for j in all_recorded),
            num_flipped=sum(j.num_flipped or 0 for j in all_recorded),
            units=rate_of(
                [[bool(j.num_flipped) for j in of] for of in recorded.values() if of],
                self.has_intervals,
            ),
            num_unrecorded=sum(map(len, judged.values())) - len(all_recorded),
        )

    def _pass_at(self, k: int) -> PassAtK | None:
        values = {
            id: pass_at(k, len(of), sum(grade.is_passed for grade in of))
            for id, of in self.attempts.items()
            if len(of) >= k
        }
        if not values:
            return None
        sound = [values[id] for id in self.sound(values)]
        return PassAtK(
            k=k,
            num_problems=len(values),
            raw=self._mean(list(values.values())),
            num_sound=len(sound),
            sound=self._mean(sound) if sound else None,
        )

    def _labels(self, labels_of: Callable[[RunProblem], Sequence[str]]) -> list[LabelScore]:
        ids: defaultdict[str, list[str]] = defaultdict(list)
        for id in self.attempts:
            for label in labels_of(self.problems[id]):
                ids[label].append(id)
        return [
            LabelScore(
                label=label,
                num_problems=len(found),
                passed=self.rate(found),
                passed_sound=self.rate(self.sound(found)),
            )
            for label, found in ids.items()
        ]

    def _rate(self, ids: Iterable[str] | None, words_of: Callable[[str], list[bool]]) -> Rate:
        words = [words_of(id) for id in self._ids(ids)]
        return rate_of(words, self.has_intervals)

    def _mean(self, values: Sequence[Fraction]) -> Mean:
        """The mean over problems; where each says but yes or no, Wilson's interval holds."""
        total = float(sum(values))
        mean = total / len(values)
        if not self.has_intervals:
            return Mean(mean=mean, low=None, high=None)
        if set(values) <= {0, 1}:
            low, high = wilson(total, len(values))
            return Mean(mean=mean, low=low, high=high)
        return resampled([(value, 1) for value in values])

    def _ids(self, ids: Iterable[str] | None) -> Iterable[str]:
        return self.attempts if ids is None else ids


def rate_of(words: Sequence[Sequence[bool]], has_intervals: bool) -> Rate:
    """Return the rate of words that come some a problem: Wilson's interval where one does.

    Samples of one problem depend on each other: there problems are drawn, by the bootstrap.
    """
    num_passed, num_total = sum(map(sum, words)), sum(map(len, words))
    if not has_intervals or max(map(len, words), default=0) <= 1:
        return rate(num_passed, num_total, has_intervals)
    found = resampled([(sum(of), len(of)) for of in words])
    return Rate(num_passed=num_passed, num_total=num_total, low=found.low, high=found.high)


def is_wrong_answer(grade: Grade) -> bool:
    """Whether the program answered, and not as listed."""
    return grade.judgement is not None and grade.judgement.verdict is Verdict.WA


def is_scored(unit: Unit, grade: Grade, num_samples: int) -> bool:
    """Whether an attempt is in pass@1: not a further one where passes lacked, not IE."""
    return unit.sample < num_samples and not is_internal(grade)


def scored(grades: Mapping[Unit, Grade], num_samples: int) -> dict[str, list[Grade]]:
    """Return the attempts that count, by problem."""
    attempts: defaultdict[str, list[Grade]] = defaultdict(list)
    for unit, grade in grades.items():
        if is_scored(unit, grade, num_samples):
            attempts[unit.problem_id].append(grade)
    return dict(attempts)
