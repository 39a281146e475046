"""`mapcoder supervisors --dry-run`: what every stage that is owed will take.

Knows: where the stages' files lie, which units they owe, how the forecast is written.
Does not know: how numbers are made, engines. Imported only inside verbs: it is heavy.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mapcoder_lite.attribution import Lattice, sets_of
from mapcoder_lite.calls import StoredCall
from mapcoder_lite.cli.forecast import amount_lines, pace_of, table_lines, written
from mapcoder_lite.cli.forecast_repair import prompt_sizes
from mapcoder_lite.config import Config
from mapcoder_lite.curation.baselines import always_coder, at_random, majority
from mapcoder_lite.curation.bench import Graded
from mapcoder_lite.curation.counterfactual import replay_of, replay_units
from mapcoder_lite.curation.discarded import OF_FAILED, OF_PASSED, dropped_programs, plans_left
from mapcoder_lite.curation.injection import Faults, injection_of, injection_units
from mapcoder_lite.curation.label import Label
from mapcoder_lite.engine.prices import prices_of
from mapcoder_lite.evaluation.forecast import Engines, Owing, seen_in
from mapcoder_lite.evaluation.forecast_repair import Supervising, blame_assumptions, supervising
from mapcoder_lite.evaluation.forecast_supervisors import (
    Attempts,
    Stage,
    SupervisorsForecast,
    corrected_once,
    drawn_again,
    injected,
    replayed,
    supervisors_forecast,
    tried_first,
)
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.settings import EngineConfig
from mapcoder_lite.store import Unit, units_in
from mapcoder_lite.trajectory import Call, CallKind, Grade, Trajectory

RULES = tuple(rule.name for rule in (always_coder(), majority(()), at_random()))


@dataclass(frozen=True, slots=True)
class Bill:
    """What is measured, by whom, and where it is kept."""

    settings: Config
    run: Graded
    folder: Path
    supervisors: Mapping[str, EngineConfig]

    @property
    def shape(self) -> Owing:
        """No attempt, of the run's traversal."""
        dials = self.settings.traversal
        return Owing(0, 0, dials.k, dials.t, traversal=dials.name)

    def attempts(self, units: Sequence[Unit]) -> Owing:
        """Return attempts to be made, by whether their problems have public tests."""
        untested = sum(not self.run.problems[unit.problem_id].public_tests for unit in units)
        return replace(self.shape, num_tested=len(units) - untested, num_untested=untested)

    def engines(self, settings: Config) -> Engines:
        """Return who answers, as a configuration says it; tokens are those of the run."""
        seen = seen_in(read_lines(self.run.path / "calls.jsonl", StoredCall))
        pace = pace_of(settings.engine, self.settings, self.shape.k)
        return Engines(seen, prices_of(settings), pace)

    def done(self, stage: str) -> set[Unit]:
        """Return what a stage has done."""
        return units_in(self.folder / stage / "trajectories.jsonl")


def foreseen_injection(
    bill: Bill, faults: Faults, num_faults: int, num_replays: int
) -> SupervisorsForecast:
    """Return what labels by injection, and all that follows, will take; nothing is written.

    Raises:
        StoreError: a line of the run or of a stage is damaged.
    """
    units = injection_units(bill.run.passing.values(), faults, num_faults)
    done = bill.done("truth")
    first = Counter(_kind(bill, unit) for unit in units if unit not in done)
    replays: Counter[CallKind] = Counter()
    for unit in _may_fail(bill, units):
        at = injection_of(unit)
        again = (replace(at, replay=number).unit for number in range(1, num_replays + 1))
        replays[_kind(bill, unit)] += sum(one not in done for one in again)
    student = bill.engines(bill.settings)
    return _whole(
        bill,
        injected(first, replays, bill.shape, student),
        units,
        bill.run.passing.values(),
        f"labels: {len(units)} injections, made again with the good reply where they fail; none "
        "or all of them become labelled failures, until that is known",
    )


def foreseen_replay(
    bill: Bill, teacher: Config, lattice: Lattice, num_replays: int
) -> SupervisorsForecast:
    """Return what labels by replay, and all that follows, will take; nothing is written.

    Raises:
        StoreError: a line of the run or of a stage is damaged.
    """
    truth, labelling = _replays(bill, teacher, lattice, num_replays)
    labelling += "; none or all of the failures are labelled, until that is known"
    return _whole(bill, truth, [*bill.run.failed], bill.run.failed.values(), labelling)


def foreseen_attribution(
    bill: Bill, teacher: Config, lattice: Lattice, num_replays: int
) -> SupervisorsForecast:
    """Return what attribution by replay alone will take; nothing is written.

    Raises:
        StoreError: a line of the run or of the stage is damaged.
    """
    truth, labelling = _replays(bill, teacher, lattice, num_replays)
    said = [labelling, "an unreadable reply is asked for once more, which is not counted"]
    return supervisors_forecast([truth], [], bill.engines(bill.settings), said)


def foreseen_plans(bill: Bill, *, is_live: bool, passed_too: bool) -> SupervisorsForecast:
    """Return what judging dropped programs and trying plans will take; nothing is written.

    Raises:
        StoreError: a line of the run or of a stage is damaged.
    """
    failed = bill.run.failed
    num_programs = len({*dropped_programs(failed)} - bill.done("programs"))
    wanted = {OF_FAILED: failed} if is_live else {}
    if passed_too:
        wanted[OF_PASSED] = bill.run.passing
    student = bill.engines(bill.settings)
    stages = [
        tried_first(name, bill.attempts([*({*plans_left(attempts)} - bill.done(name))]), student)
        for name, attempts in wanted.items()
    ]
    return supervisors_forecast(
        stages,
        [],
        student,
        [
            f"{num_programs} programs are judged, for which nobody is asked",
            "a plan: one program and up to t patches; an unreadable reply is asked for once more, "
            "which is not counted",
        ],
    )


def _replays(bill: Bill, teacher: Config, lattice: Lattice, num_replays: int) -> tuple[Stage, str]:
    """The stage of replays, and what its numbers rest on."""
    units, done = replay_units(bill.run.failed, lattice, num_replays), bill.done("truth")
    draws = {unit: Unit(unit.problem_id, replay_of(unit).draws) for unit in units}
    owed = {draw for unit, draw in draws.items() if unit not in done}
    begun = {draw for unit, draw in draws.items() if unit in done}
    truth = replayed(
        sets_of(lattice),
        sum(unit not in done for unit in units),
        Attempts(bill.attempts([*(owed - begun)]), bill.attempts([*owed])),
        bill.engines(bill.settings),
        bill.engines(teacher),
    )
    return truth, (
        f"labels: {len(units)} replays of {len(bill.run.failed)} failures, equal questions asked "
        "once"
    )


def supervisors_forecast_text(found: SupervisorsForecast, run: Path, folder: Path) -> str:
    """Say it to a person, what it rests on last."""
    return "\n".join(
        [
            f"run           {run}",
            f"folder        {folder}",
            *amount_lines(found, found.hours),
            "",
            *table_lines(
                "stage", [(f"{one.stage}, {written(one.units)} units", one) for one in found.stages]
            ),
            "",
            *table_lines("who", [(str(one.role), one) for one in found.roles]),
            "",
            *(f"* {assumption}" for assumption in found.assumptions),
        ]
    )


def _whole(
    bill: Bill,
    truth: Stage,
    candidates: Sequence[Unit],
    attempts: Iterable[Trajectory],
    labelling: str,
) -> SupervisorsForecast:
    """Add the stages after the labels, which are shown attempts about like these."""
    student, sizes = bill.engines(bill.settings), prompt_sizes(bill.run.problems, attempts)
    asked = {name: _supervising(bill, name, sizes) for name in bill.supervisors}

    def failures(stage: str) -> Attempts:
        return _failures(bill, stage, candidates, is_labelled=not truth.units.high)

    stages = [
        truth,
        drawn_again(failures("resampling"), student),
        *(corrected_once(name, failures(name), student, who) for name, who in asked.items()),
        *(corrected_once(rule, failures(_folder(rule)), student, None) for rule in RULES),
    ]
    said = [labelling, *blame_assumptions(bill.shape)]
    return supervisors_forecast(stages, [*asked.values()], student, said)


def _failures(bill: Bill, stage: str, candidates: Sequence[Unit], *, is_labelled: bool) -> Attempts:
    """The labelled failures that a stage owes; before they are known, none to all candidates."""
    if not is_labelled:
        return Attempts(bill.shape, bill.attempts(candidates))
    labels = read_lines(bill.folder / "labels.jsonl", Label)
    done = bill.done(stage)
    owed = bill.attempts([label.unit for label in labels if label.unit not in done])
    return Attempts(owed, owed)


def _supervising(bill: Bill, name: str, sizes: Sequence[int]) -> Supervising:
    engine = bill.supervisors[name]
    calls = read_lines(bill.folder / name / "calls.jsonl", StoredCall)
    return supervising(sizes, calls, engine.price, pace_of(engine, bill.settings, 1))


def _may_fail(bill: Bill, units: Iterable[Unit]) -> Iterable[Unit]:
    """The injections that did not pass, or are owed."""
    grades = read_lines(bill.folder / "truth" / "grades.jsonl", Grade)
    passed = {Unit(grade.problem_id, grade.sample) for grade in grades if grade.is_passed}
    return (unit for unit in units if unit not in passed)


def _kind(bill: Bill, unit: Unit) -> CallKind:
    at = injection_of(unit)
    call = bill.run.passing[at.passed].steps[at.position]
    assert isinstance(call, Call)
    return call.kind


def _folder(rule: str) -> str:
    return rule.replace(" ", "-")
