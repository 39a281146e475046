"""Further attempts at the problems that lack passes, more of them the harder their kind is.

A filter that keeps what passed keeps easy problems: at one attempt, a problem of a kind that
passes one time in five is in the data one time in five. DART-Math (2407.13690) shows this bias of
rejection sampling, and draws until each problem has its passes. Here a round draws so many attempts
as bring them as likely as not: few rounds are needed, each of which waits for its last attempt.

Knows: pass rates of tags and ratings, how many attempts are likely to be enough.
Does not know: how an attempt is made or graded, when a round is over.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mapcoder_lite.errors import ConfigError
from mapcoder_lite.run_problem import RunProblem
from mapcoder_lite.runner import FollowUp
from mapcoder_lite.settings import RunConfig
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Grade
from mapcoder_lite.verdict import Verdict

K = TypeVar("K")

TARGET_CHANCE = 0.5
"""Of the passes that a problem lacks to be there after a round. More saves rounds and wastes
attempts: where 3.4 a problem were enough one by one, 0.5 made 5.7 in 4 rounds, 0.9 11.2 in 3."""
WEIGHT_OF_WHOLE = 8.0
"""Attempts that the whole's pass rate counts for beside those of a tag or stratum."""
WEIGHT_OF_STRATUM = 4.0
"""Attempts that the stratum's pass rate counts for beside a problem's own."""
RATING_BAND = 200

Stratum = tuple[str | None, int | None]
"""A problem's hardest tag and its band of ratings; None where it has none."""


@dataclass(frozen=True, slots=True)
class Score:
    """Attempts that were judged soundly, and how many passed."""

    num_passed: int = 0
    num_judged: int = 0

    def towards(self, rate: float, weight: float) -> float:
        """The pass rate as a Beta posterior's mean: `weight` attempts at `rate` came before."""
        return (self.num_passed + weight * rate) / (self.num_judged + weight)


def follow_up(settings: RunConfig, problems: Sequence[RunProblem]) -> FollowUp | None:
    """Return what names the units of a run's next round; None when no passes are asked for.

    Raises:
        ConfigError: passes are asked for and nothing is graded, or no further sample is allowed.
    """
    if settings.wanted_passes == 0:
        return None
    if settings.hidden_tests is None:
        raise ConfigError(
            f"run.wanted_passes={settings.wanted_passes} needs run.hidden_tests: without grades "
            "nobody knows which problems lack passes"
        )
    if settings.max_samples < settings.samples:
        raise ConfigError(
            f"run.max_samples={settings.max_samples} is less than run.samples={settings.samples}: "
            "it is the most attempts a problem, the first ones included"
        )

    def more(units: Sequence[Unit], grades: Sequence[Grade]) -> Sequence[Unit]:
        return next_units(settings, problems, units, grades)

    return more


def next_units(
    settings: RunConfig,
    problems: Sequence[RunProblem],
    units: Sequence[Unit],
    grades: Sequence[Grade],
) -> list[Unit]:
    """Return the attempts of the next round; none when every problem has its passes or the cap.

    A problem of which n attempts were judged and x passed, in a stratum with pass rate r, passes
    with a chance that follows Beta(w r + x, w (1 - r) + n - x), w being WEIGHT_OF_STRATUM. It gets
    the least number m of attempts of which the passes that it still lacks come out with
    TARGET_CHANCE, by the beta-binomial law; at most so many that it has run.max_samples in all.

    Rates are those of the first attempts alone: later ones are made where passes lack, so that all
    together would make every stratum look harder than it is. Grades IE are the judge's fault and
    count as no attempt; a problem that has none else, or whose hidden tests are defective, gets no
    more, nor does it tell how hard its kind is.

    The same question always gets the same answer, in whatever order units and grades stand.
    """
    sound = [problem for problem in problems if problem.defect is None]
    rates = _rates(sound, _scores(grade for grade in grades if grade.sample < settings.samples))
    scores = _scores(grades)
    used = Counter(unit.problem_id for unit in units)
    chosen: list[Unit] = []
    for problem in sound:
        id, score = problem.problem_id, scores.get(problem.problem_id)
        if score is None or score.num_passed >= settings.wanted_passes:
            continue
        number = num_attempts(
            settings.wanted_passes - score.num_passed,
            score,
            rates[id],
            at_most=settings.max_samples - used[id],
        )
        chosen += [Unit(id, used[id] + index) for index in range(number)]
    return chosen


def num_attempts(num_lacking: int, score: Score, rate: float, *, at_most: int) -> int:
    """Return the least number of attempts that bring the passes with TARGET_CHANCE.

    `score` is the problem's own, `rate` its stratum's; `at_most` bounds the answer.
    """
    a = WEIGHT_OF_STRATUM * rate + score.num_passed
    b = WEIGHT_OF_STRATUM * (1 - rate) + score.num_judged - score.num_passed
    # Chances of 0, 1, ... passes so far, the last entry: enough. Given k passes of n attempts, the
    # next passes with (a + k) / (a + b + n), the mean of the Beta posterior (Polya's urn).
    chances = [1.0] + [0.0] * num_lacking
    for number in range(at_most):
        if chances[-1] >= TARGET_CHANCE:
            return number
        for k in reversed(range(num_lacking)):
            passing = chances[k] * (a + k) / (a + b + number)
            chances[k] -= passing
            chances[k + 1] += passing
    return max(0, at_most)


def _scores(grades: Iterable[Grade]) -> dict[str, Score]:
    """What was judged soundly, by problem id."""
    judged: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    for grade in grades:
        if grade.judgement is None or grade.judgement.verdict is not Verdict.IE:
            judged[grade.problem_id] += 1
            passed[grade.problem_id] += grade.is_passed
    return {id: Score(passed[id], number) for id, number in judged.items()}


def _rates(problems: Sequence[RunProblem], scores: Mapping[str, Score]) -> dict[str, float]:
    """The pass rate of each problem's stratum, by problem id, shrunk towards the whole's."""
    judged = [problem for problem in problems if problem.problem_id in scores]
    # One pass and one failure more, so that a whole that always failed leaves a chance.
    whole = _sum(scores[p.problem_id] for p in judged).towards(0.5, 2.0)
    of_tags = _pooled([(tag, scores[p.problem_id]) for p in judged for tag in set(p.tags)])
    tags = {tag: score.towards(whole, WEIGHT_OF_WHOLE) for tag, score in of_tags.items()}
    strata = {problem.problem_id: _stratum(problem, tags) for problem in problems}
    of_strata = _pooled([(strata[p.problem_id], scores[p.problem_id]) for p in judged])
    return {
        id: of_strata.get(stratum, Score()).towards(whole, WEIGHT_OF_WHOLE)
        for id, stratum in strata.items()
    }


def _stratum(problem: RunProblem, tags: Mapping[str, float]) -> Stratum:
    known = [tag for tag in problem.tags if tag in tags]
    hardest = min(known, key=lambda tag: (tags[tag], tag), default=None)
    return hardest, None if problem.difficulty is None else problem.difficulty // RATING_BAND


def _pooled(scores: Iterable[tuple[K, Score]]) -> dict[K, Score]:
    pooled: dict[K, Score] = {}
    for key, score in scores:
        pooled[key] = _sum((pooled.get(key, Score()), score))
    return pooled


def _sum(scores: Iterable[Score]) -> Score:
    num_passed = num_judged = 0
    for score in scores:
        num_passed += score.num_passed
        num_judged += score.num_judged
    return Score(num_passed, num_judged)
