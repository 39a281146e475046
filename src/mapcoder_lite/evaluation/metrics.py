"""The numbers of one run, from its run directory alone.

Knows: what is counted, what is left out and said, the sound subset, the window of dates.
Does not know: how each number comes about, how numbers are shown, how a run was made.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.engine.prices import prices_of
from mapcoder_lite.evaluation.calibration import Calibration
from mapcoder_lite.evaluation.costs import Costs, RoleFailures, Spent, Tally, spent
from mapcoder_lite.evaluation.failures import Failures
from mapcoder_lite.evaluation.findings import FindingsCount
from mapcoder_lite.evaluation.run_files import ALL_DAYS, RunFiles, Window, is_internal, open_run
from mapcoder_lite.evaluation.scores import (
    Flakes,
    LabelScore,
    PassAtK,
    Scores,
    Suspects,
    rate_of,
    scored,
)
from mapcoder_lite.examination import Examination
from mapcoder_lite.jsonl import num_torn_bytes, read_lines
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import Rate
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Completion, Grade, Role, Trajectory

SCHEMA_VERSION = 3
LINES = ("trajectories.jsonl", "grades.jsonl", "calls.jsonl", "errors.jsonl")


class Metrics(Record):
    """metrics.json: everything that a report of one run says."""

    schema_version: Literal[3] = SCHEMA_VERSION
    run: str
    engine: str
    adapters: str | None = None
    """Which roles adapters answer, as `4 LoRA`; None: the run does not say."""
    examination: Examination
    """The judge's self-test; without one that was passed there are no metrics."""
    since: date | None = None
    """First day of publication that is counted; None = all since ever."""
    until: date | None = None
    """The last one; None = all until today."""
    num_outside: int = 0
    """Problems of the run that came out elsewhen: nothing here counts them, but `spent`."""
    num_undated: int = 0
    """Problems of the run left out because their day is not known."""
    num_problems: int
    num_samples: int
    """Attempts at every problem; pass@1 counts these alone."""
    num_extra: int = 0
    """Attempts beyond these, made where passes lacked; a pass rate that counted them would be that
    of the hard problems above all. Costs, verdicts and failures count them."""
    num_units: int
    """All attempts, the extra ones included."""
    num_solved_units: int
    """Units with a trajectory."""
    num_errors: int
    """Units that failed through the house's fault and are owed; never counted as wrong."""
    num_internal: int
    """Grades IE: the judge's fault, never counted as wrong."""
    num_ungraded: int
    """Units with a trajectory and no grade."""
    num_torn_bytes: dict[str, int] = Field(default_factory=dict[str, int])
    """Of files whose last line was not written whole; it is not counted, and owed again."""
    passed: Rate | None
    """pass@1 on the hidden tests, of the attempts made at every problem; None when the run does
    not grade."""
    passed_sound: Rate | None
    """The same over problems whose hidden tests have no known defect."""
    num_defective: int
    pass_at_k: tuple[PassAtK, ...] = ()
    """For round k up to the number of samples; none when the run does not grade."""
    num_problems_begun: int = 0
    """Problems with a trajectory: the divisor of `costs_a_problem`."""
    num_problems_passed: int = 0
    """Problems with an attempt that passed, further attempts included as in the costs: the divisor
    of `costs_a_pass`."""
    tags: tuple[LabelScore, ...] = ()
    """pass@1 by tag, the commonest first; none when the run does not grade."""
    ratings: tuple[LabelScore, ...] = ()
    """pass@1 by band of ratings, the lowest first; none when the run does not grade."""
    suspects: Suspects | None = None
    """None: the run does not grade, or is older than this."""
    flakes: Flakes | None = None
    """None: the run does not grade."""
    public: Rate
    """Of the same attempts, those whose program passed all public tests."""
    costs: Costs
    """Means over units with a trajectory."""
    costs_a_problem: Costs = Costs()
    """Means over problems with a trajectory: all attempts at a problem together."""
    costs_a_pass: Costs | None = None
    """All that all attempts used, divided by the problems that one of them passed; None = none."""
    spent: Spent
    roles: dict[Role, RoleFailures]
    num_unreadable: int
    """Units with at least one reply that could not be read."""
    verdicts: dict[str, int]
    """Hidden-test verdicts; `no program` for units without one."""
    stops: dict[str, int]
    failures: Failures | None = None
    """Why units failed; None: the run does not grade, or nobody read confidences."""
    calibration: Calibration | None = None
    """What plans' confidences are worth; None as above."""

    @property
    def num_owed(self) -> int:
        """Units without a trajectory."""
        return self.num_units - self.num_solved_units


def measure(
    path: Path,
    *,
    window: Window = ALL_DAYS,
    has_intervals: bool = True,
    confidence: Callable[[Completion], int] | None = None,
) -> Metrics:
    """Read a run directory, complete or not, and count.

    `confidence` reads a confidence's reply; without it failures and confidences are not counted.

    Raises:
        StoreError: it is no run directory, or a line is damaged.
        SandboxError: its judge failed the self-test, or was never examined.
        InputError: no problem of the run came out within the window.
        ConfigError: intervals are asked for and statsmodels is absent.
    """
    run = open_run(path, window)
    return measure_opened(run, has_intervals=has_intervals, confidence=confidence)


def measure_opened(
    run: RunFiles,
    *,
    has_intervals: bool = True,
    confidence: Callable[[Completion], int] | None = None,
    on_trajectory: Callable[[Trajectory], object] | None = None,
) -> Metrics:
    """Count the same of a run whose small files are read.

    Trajectories are read once; `on_trajectory` is shown each, for who counts something else.
    """
    path, settings = run.path, run.header.config.run
    tally = Tally(settings.samples, prices := prices_of(run.header.config, is_repair=run.is_repair))
    count = FindingsCount(run, confidence) if confidence and run.is_graded else None
    _show_all(run.trajectories(), tally.add, count and count.add, on_trajectory)
    found = count.result(has_intervals=has_intervals) if count else None
    grades, scores = run.grades, _scores(run, has_intervals)
    num_extra = len(tally.units) - len(tally.on_samples)
    num_passed = _num_problems(unit for unit, grade in grades.items() if grade.is_passed)
    num_begun = _num_problems(tally.units)
    return Metrics(
        run=path.resolve().name,
        engine=run.header.engine_identity,
        adapters=run.header.adapters,
        examination=run.examination,
        since=run.window.since,
        until=run.window.until,
        num_outside=len(run.outside),
        num_undated=len(run.undated),
        num_problems=len(run.problems),
        num_samples=settings.samples,
        num_extra=num_extra,
        num_units=len(run.problems) * settings.samples + num_extra,
        num_solved_units=len(tally.units),
        num_errors=len(_failed(path, run.problems) - tally.units),
        num_internal=sum(map(is_internal, grades.values())),
        num_ungraded=len(tally.units - grades.keys()),
        num_torn_bytes={name: n for name in LINES if (n := num_torn_bytes(path / name))},
        num_defective=sum(p.defect is not None for p in run.problems.values()),
        public=rate_of(_by_problem(tally.on_samples), has_intervals),
        costs=tally.costs.times(1 / max(1, len(tally.units))),
        costs_a_problem=tally.costs.times(1 / max(1, num_begun)),
        costs_a_pass=tally.costs.times(1 / num_passed) if num_passed else None,
        spent=spent(read_lines(path / "calls.jsonl", StoredCall), prices),
        roles=tally.roles(has_intervals),
        num_unreadable=tally.num_unreadable,
        verdicts=_counted(_verdict(grade) for grade in grades.values()),
        stops=dict(tally.stops.most_common()),
        num_problems_begun=num_begun,
        num_problems_passed=num_passed,
        passed=scores.rate() if scores else None,
        passed_sound=scores.rate(scores.sound()) if scores else None,
        pass_at_k=scores.pass_at_k(settings.samples) if scores else (),
        tags=scores.tags() if scores else (),
        ratings=scores.ratings() if scores else (),
        suspects=scores.suspects() if scores else None,
        flakes=scores.flakes() if scores else None,
        failures=found and found.failures,
        calibration=found and found.calibration,
    )


def _scores(run: RunFiles, has_intervals: bool) -> Scores | None:
    if not run.is_graded:
        return None
    return Scores(run.problems, scored(run.grades, run.header.config.run.samples), has_intervals)


def _num_problems(units: Iterable[Unit]) -> int:
    return len({unit.problem_id for unit in units})


def _show_all(
    trajectories: Iterable[Trajectory], *counters: Callable[[Trajectory], object] | None
) -> None:
    for trajectory in trajectories:
        for count in counters:
            if count is not None:
                count(trajectory)


def _failed(path: Path, problems: Container[str]) -> set[Unit]:
    lines = read_lines(path / "errors.jsonl", Trajectory)
    return {Unit(t.problem_id, t.sample) for t in lines if t.problem_id in problems}


def _by_problem(words: Mapping[Unit, bool]) -> list[list[bool]]:
    found: defaultdict[str, list[bool]] = defaultdict(list)
    for unit, word in words.items():
        found[unit.problem_id].append(word)
    return list(found.values())


def _verdict(grade: Grade) -> str:
    return grade.judgement.verdict.value if grade.judgement is not None else "no program"


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
