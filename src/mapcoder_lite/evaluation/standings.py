"""Several systems side by side, and each against one of them.

Knows: rows of a table of systems, seeds pooled, what a comparison of two adds.
Does not know: how a test is made, how numbers are shown.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from mapcoder_lite.evaluation.compare import Duel, LabelDifference, Pairing, paired
from mapcoder_lite.evaluation.costs import Costs
from mapcoder_lite.evaluation.metrics import Metrics, measure_opened
from mapcoder_lite.evaluation.scores import PassAtK
from mapcoder_lite.evaluation.systems import System
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import Rate, holm

STANDINGS_VERSION = 2
COMPARISON_VERSION = 3
SIGNIFICANT = 0.05


class SystemRow(Record):
    """What a table says of one system; several runs are pooled, problems being the units."""

    name: str
    runs: tuple[str, ...]
    engine: str
    """Of its first run."""
    num_problems: int
    num_attempts: int
    """Attempts at every problem, of all its runs together."""
    num_owed: int
    """Attempts that are not done yet."""
    num_errors: int
    """Those of them that failed through the house's fault."""
    num_internal: int
    """Grades IE: the judge's fault, never counted as wrong."""
    num_ungraded: int
    """Attempts with a trajectory and no grade."""
    num_torn_bytes: dict[str, int]
    """Of files whose last line was not written whole, all runs together."""
    seed_differences: tuple[str, ...]
    """What is not alike in its runs beside the seed: they may not be one system."""
    passed: Rate
    passed_sound: Rate
    num_defective: int
    lowest: float
    """pass@1 of the worst of its runs."""
    highest: float
    """And of the best."""
    pass_at_k: tuple[PassAtK, ...]
    costs_a_problem: Costs
    """Means over problems and runs."""
    costs_a_pass: Costs | None
    """All that all attempts of all runs used, divided by the problems that each run passed, summed;
    None = none was."""
    num_unreadable: int
    """Attempts with at least one reply that could not be read."""
    num_done: int
    """Attempts with a trajectory."""


class Test(Record):
    """One line of the tests: a system against the one that all are compared with."""

    __test__ = False

    duel: Duel
    p_holm: float
    """Of all problems, after Holm's correction over the lines of the table."""
    p_holm_sound: float | None
    """The same on the sound subset; None where there is none of its own."""


class Standings(Record):
    """Several systems, and each against one of them."""

    schema_version: Literal[2] = STANDINGS_VERSION
    against: str
    systems: tuple[SystemRow, ...]
    tests: tuple[Test, ...]


class Comparison(Record):
    """Two systems paired by problem."""

    schema_version: Literal[3] = COMPARISON_VERSION
    first: SystemRow
    second: SystemRow
    duel: Duel
    gained: tuple[str, ...]
    """Problems of which the second passed a larger share."""
    lost: tuple[str, ...]
    tags: tuple[LabelDifference, ...]
    ratings: tuple[LabelDifference, ...]

    @property
    def standings(self) -> Standings:
        """The same as a table of two; of one line, Holm's correction changes nothing."""
        sound = self.duel.sound
        test = Test(duel=self.duel, p_holm=self.duel.raw.p, p_holm_sound=sound.p if sound else None)
        return Standings(against=self.first.name, systems=(self.first, self.second), tests=(test,))

    @property
    def is_regression(self) -> bool:
        """Whether the second is significantly worse, at 5 %, two-sided."""
        return self.duel.raw.gain.mean < 0 and self.duel.raw.p < SIGNIFICANT


def standings(systems: Sequence[System], against: int = 0) -> Standings:
    """Count every system and test each against the one at a place.

    Raises:
        StoreError: two share no graded problem, or a line is damaged.
        ConfigError: statsmodels is absent.
    """
    pairings = [
        paired(systems[against], system) for place, system in enumerate(systems) if place != against
    ]
    return Standings(
        against=systems[against].name,
        systems=tuple(system_row(system) for system in systems),
        tests=_tests([pairing.duel() for pairing in pairings]),
    )


def comparison(first: System, second: System) -> Comparison:
    """Compare two systems overall, problem by problem, and by tag and rating.

    Raises:
        StoreError: they share no graded problem, or a line is damaged.
        ConfigError: statsmodels is absent.
    """
    pairing: Pairing = paired(first, second)
    gained, lost = pairing.changed()
    return Comparison(
        first=system_row(first),
        second=system_row(second),
        duel=pairing.duel(),
        gained=gained,
        lost=lost,
        tags=pairing.tags(),
        ratings=pairing.ratings(),
    )


def system_row(system: System) -> SystemRow:
    """Count one system; its runs' trajectories are read once."""
    found = [measure_opened(run) for run in system.runs]
    scores = system.scores()
    num_attempts = sum(metrics.num_samples for metrics in found)
    total, num_passed = _total(found), sum(metrics.num_problems_passed for metrics in found)
    shares = [metrics.passed.share or 0.0 for metrics in found if metrics.passed is not None]
    return SystemRow(
        name=system.name,
        runs=tuple(metrics.run for metrics in found),
        engine=found[0].engine,
        num_problems=len(scores.problems),
        num_attempts=num_attempts,
        num_owed=sum(metrics.num_owed for metrics in found),
        num_errors=sum(metrics.num_errors for metrics in found),
        num_internal=sum(metrics.num_internal for metrics in found),
        num_ungraded=sum(metrics.num_ungraded for metrics in found),
        num_torn_bytes=_added(metrics.num_torn_bytes for metrics in found),
        seed_differences=system.seed_differences(),
        passed=scores.rate(),
        passed_sound=scores.rate(scores.sound()),
        num_defective=sum(p.defect is not None for p in scores.problems.values()),
        lowest=min(shares),
        highest=max(shares),
        pass_at_k=scores.pass_at_k(num_attempts),
        costs_a_problem=total.times(1 / max(1, sum(m.num_problems_begun for m in found))),
        costs_a_pass=total.times(1 / num_passed) if num_passed else None,
        num_unreadable=sum(metrics.num_unreadable for metrics in found),
        num_done=sum(metrics.num_solved_units for metrics in found),
    )


def _tests(duels: Sequence[Duel]) -> tuple[Test, ...]:
    corrected = holm([duel.raw.p for duel in duels])
    sound = iter(holm([duel.sound.p for duel in duels if duel.sound is not None]))
    return tuple(
        Test(duel=duel, p_holm=p, p_holm_sound=next(sound) if duel.sound is not None else None)
        for duel, p in zip(duels, corrected, strict=True)
    )


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    added: Counter[str] = Counter()
    for of in counts:
        added.update(of)
    return dict(added)


def _total(found: Sequence[Metrics]) -> Costs:
    """What all attempts of all runs took."""
    totals = [metrics.costs.times(metrics.num_solved_units) for metrics in found]
    priced = [costs.dollars for costs in totals if costs.dollars is not None]
    return Costs(
        calls=sum(costs.calls for costs in totals),
        prompt_tokens=sum(costs.prompt_tokens for costs in totals),
        completion_tokens=sum(costs.completion_tokens for costs in totals),
        dollars=sum(priced) if len(priced) == len(totals) else None,
        seconds=sum(costs.seconds for costs in totals),
    )
