"""Whether something that an attempt dropped would have passed: its other programs, its other plans.

*Programs*: everything that was written on the way and not submitted is judged on the hidden tests.
*Plans*: one that was ranked later and never coded is tried first, by the unchanged `solve()` over
the recorded replies, in which this plan's confidence alone is the highest. What it takes is asked
with the attempt's own draws: it is what the attempt would have said. If the plan does not pass its
samples, the recorded way is gone on with.

Knows: which programs and plans were dropped, how their units are numbered, what came of them.
Does not know: engines, files, hidden tests.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mapcoder_lite import pipeline
from mapcoder_lite.agents import parse
from mapcoder_lite.curation.bench import Bench, Stage, Stored
from mapcoder_lite.curation.rerun import Renumbered
from mapcoder_lite.engine.replay import ReplayEngine
from mapcoder_lite.errors import FormatError, InputError
from mapcoder_lite.problem import Problem, Record
from mapcoder_lite.runner import SolveUnit
from mapcoder_lite.statistics import sign_flip
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import (
    Call,
    CallKind,
    Completion,
    Engine,
    Grade,
    StopReason,
    Trajectory,
    Trial,
)
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.verdict import Judge, Verdict

SCHEMA_VERSION = 1

OF_FAILED, OF_PASSED = "plans-of-failed", "plans-of-passed"
"""Stages: plans of attempts that failed, and of those that passed."""
MAX_STEPS = 10_000
"""A unit's sample is that of its attempt times this, and the place of a program, or a plan."""

Attempts = Mapping[Unit, Trajectory]


class Find(Record):
    """Something that a failed attempt dropped and that passes the hidden tests."""

    problem_id: str
    sample: int
    plan_index: int | None
    round: int | None
    """Of a program that was written; None: the plan was never coded before."""
    passes_samples: bool
    """Whether it also passes the public tests; a written one that does not was rightly dropped by
    what was known, and samples and hidden tests disagree."""


class Order(Record):
    """The surest plan first against the first recalled one, where every plan's worth is known.

    A plan works when a program of it passes the public tests and the hidden ones.
    """

    num_attempts: int
    """With two stated plans or more, passed attempts included, and no plan unknown."""
    num_surest: int
    """Whose surest plan works."""
    num_recalled: int
    """Whose first recalled plan works."""
    num_any: int
    """Any plan works: what a perfect ranking would reach."""
    num_only_surest: int
    num_only_recalled: int
    p: float
    """Of the sign-flip test by problem."""


class PlansTable(Record):
    """plans.json: what the attempts of a run dropped, and what of it passes."""

    schema_version: Literal[1] = SCHEMA_VERSION
    run: str
    trajectories: str
    """Hex SHA-256 of the run's trajectories.jsonl: of which state of it this speaks."""
    num_failed: int
    num_programs: int
    """Programs of failed attempts that were written and not submitted."""
    num_plans_left: int
    """Plans of failed attempts that were never coded, nor one of the same text."""
    num_plans_tried: int
    """Of these, tried now; 0 without an engine."""
    num_written_pass: int
    """Failed attempts that had written a program which passes."""
    num_plans_pass: int
    """Failed attempts of which a plan that was never coded passes."""
    num_either: int
    finds: tuple[Find, ...]
    order: Order | None
    """None: plans of passed attempts were not tried."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a plan that was tried first."""

    of: Unit
    """The attempt."""
    plan_index: int
    passes_samples: bool
    is_passed: bool


def dropped_programs(attempts: Attempts) -> list[Unit]:
    """Return a unit for each program that was tried and not submitted, each text once."""
    return [
        _numbered(unit, place)
        for unit, trajectory in attempts.items()
        for place in _dropped(trajectory)
    ]


def plans_left(attempts: Attempts) -> list[Unit]:
    """Return a unit for each plan, ranked by a confidence, of which no equal one was coded."""
    return [
        _numbered(unit, index)
        for unit, trajectory in attempts.items()
        for index in _left(trajectory)
    ]


def judged_programs(bench: Bench, attempts: Attempts) -> list[Find]:
    """Judge every dropped program on the hidden tests; return those that pass.

    Raises:
        Unfinished: programs are owed.
    """

    def solver(stored: Stored) -> SolveUnit:
        def solve(problem: Problem, sample: int) -> Trajectory:
            trial = _trial(attempts, Unit(problem.id, sample))
            return Trajectory(
                problem_id=problem.id,
                sample=sample,
                program=trial.program,
                language=trial.language,
                stop=StopReason.EXHAUSTED,
            )

        return solve

    units = tuple(dropped_programs(attempts))
    if not units:
        return []
    stage = Stage("programs", "judged again, nobody asked", units)
    with bench.carried_out(stage, solver) as directory:
        passed = [_unit(grade) for grade in directory.grades.read() if grade.is_passed]
    return [_written(attempts, unit) for unit in passed]


def tried_plans(bench: Bench, name: str, attempts: Attempts) -> list[Tried]:
    """Try every plan that is left first; return what came of each that the judge could judge.

    `name` is that of the stage's folder.

    Raises:
        Unfinished: plans are owed.
    """

    def solver(stored: Stored) -> SolveUnit:
        live = stored(bench.student)

        def solve(problem: Problem, sample: int) -> Trajectory:
            unit, index = _attempt_of(Unit(problem.id, sample))
            return tried_first(problem, attempts[unit], index, live, bench.judge, bench.dials)

        return solve

    units = tuple(plans_left(attempts))
    if not units:
        return []
    who = f"plans tried first by {bench.student.identity}"
    with bench.carried_out(Stage(name, who, units), solver) as directory:
        grades = {_unit(grade): grade for grade in directory.grades.read()}
        return [
            _outcome(trajectory, grades[_unit(trajectory)])
            for trajectory in directory.trajectories.read()
            if not _is_internal(grades[_unit(trajectory)])
        ]


def tried_first(
    problem: Problem,
    trajectory: Trajectory,
    plan_index: int,
    live: Engine,
    judge: Judge,
    dials: Dials,
) -> Trajectory:
    """Make an attempt again in which one plan is the surest.

    Raises:
        EngineError: the live engine cannot answer.
        SandboxError: the judge cannot judge.
    """
    known = {c.request.key: _ranked(c, plan_index) for c in trajectory.calls}
    sample = _numbered(_unit(trajectory), plan_index).sample
    engine = Renumbered(ReplayEngine(known, live), trajectory.sample - sample)
    return pipeline.solve(problem, engine, judge, dials, sample=sample)


def plans_table(
    run: str,
    trajectories: str,
    failed: Attempts,
    written: Sequence[Find],
    tried: Sequence[Tried],
    order: Order | None,
) -> PlansTable:
    """Count what failed attempts dropped; plans tried of passed attempts are not among it."""
    own = [one for one in tried if one.of in failed]
    plans = [
        Find(
            problem_id=one.of.problem_id,
            sample=one.of.sample,
            plan_index=one.plan_index,
            round=None,
            passes_samples=one.passes_samples,
        )
        for one in own
        if one.is_passed
    ]
    by_program, by_plan = ({Unit(f.problem_id, f.sample) for f in f} for f in (written, plans))
    return PlansTable(
        run=run,
        trajectories=trajectories,
        num_failed=len(failed),
        num_programs=len(dropped_programs(failed)),
        num_plans_left=len(plans_left(failed)),
        num_plans_tried=len(own),
        num_written_pass=len(by_program),
        num_plans_pass=len(by_plan),
        num_either=len(by_program | by_plan),
        finds=(*written, *plans),
        order=order,
    )


def order_of(attempts: Attempts, passed: Iterable[Unit], tried: Sequence[Tried]) -> Order:
    """Compare the surest plan with the first recalled one over attempts, passed ones among them."""
    works = {(one.of, one.plan_index): one.is_passed for one in tried}
    is_passed = set(passed)
    rows: list[tuple[str, bool, bool, bool]] = []
    for unit, trajectory in attempts.items():
        ranked, coded = _ranking(trajectory), trajectory.coded_plans
        worth: dict[int, bool] = {}
        for twins in _twins(trajectory):
            if not coded.isdisjoint(twins):
                is_best = unit in is_passed and _submitted_plan(trajectory) in twins
                worth |= dict.fromkeys(twins, is_best)
            elif (unit, twins[0]) in works:
                worth |= dict.fromkeys(twins, works[unit, twins[0]])
        if len(ranked) > 1 and len(worth) == len(ranked):
            rows.append(
                (unit.problem_id, worth[ranked[0]], worth[min(ranked)], any(worth.values()))
            )
    leads: defaultdict[str, int] = defaultdict(int)
    for problem, surest, recalled, _ in rows:
        leads[problem] += surest - recalled
    return Order(
        num_attempts=len(rows),
        num_surest=sum(surest for _, surest, _, _ in rows),
        num_recalled=sum(recalled for _, _, recalled, _ in rows),
        num_any=sum(any_works for _, _, _, any_works in rows),
        num_only_surest=sum(surest and not recalled for _, surest, recalled, _ in rows),
        num_only_recalled=sum(recalled and not surest for _, surest, recalled, _ in rows),
        p=sign_flip(leads.values()),
    )


def _dropped(trajectory: Trajectory) -> list[int]:
    """The places of the trials whose program was not submitted, each text once."""
    seen = {trajectory.program}
    places: list[int] = []
    for place, step in enumerate(trajectory.steps):
        if isinstance(step, Trial) and step.program not in seen:
            seen.add(step.program)
            places.append(place)
    return places


def _left(trajectory: Trajectory) -> list[int]:
    """The first plan of each text that was never coded."""
    coded = trajectory.coded_plans
    return [twins[0] for twins in _twins(trajectory) if coded.isdisjoint(twins)]


def _twins(trajectory: Trajectory) -> list[list[int]]:
    """The ranked plans, those of one text together: all that is asked of them is the same."""
    texts = {c.plan_index: c.completion.text.strip() for c in _readable(trajectory, CallKind.PLAN)}
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index in sorted(_ranking(trajectory)):
        groups[texts.get(index, f"plan {index}, not recorded")].append(index)
    return list(groups.values())


def _readable(trajectory: Trajectory, kind: CallKind) -> list[Call]:
    return [call for call in trajectory.calls if call.kind is kind and call.failure is None]


def _ranking(trajectory: Trajectory) -> list[int]:
    """The plans that were asked to be ranked, the surest first, as the traversal has them."""
    sure = {c.plan_index: 0 for c in trajectory.calls if c.kind is CallKind.CONFIDENCE}
    for call in _readable(trajectory, CallKind.CONFIDENCE):
        sure[call.plan_index] = _stated(call.completion)
    plans = sorted((index, confidence) for index, confidence in sure.items() if index is not None)
    return [index for index, _ in sorted(plans, key=lambda pair: -pair[1])]


def _ranked(call: Call, plan_index: int) -> Completion:
    """The recorded reply; of confidences, the plan's alone is 100."""
    if call.kind is not CallKind.CONFIDENCE:
        return call.completion
    if call.plan_index == plan_index:
        text = parse.render_confidence(100, "This plan is tried first.")
    elif call.failure is None and _stated(call.completion) >= 100:
        text = parse.render_confidence(99, "Another plan is tried first.")
    else:
        return call.completion
    return call.completion.model_copy(update={"text": text, "finish_reason": "stop"})


def _stated(completion: Completion) -> int:
    try:
        return parse.confidence(completion)
    except FormatError:  # the original traversal may have read what we cannot
        return 0


def _submitted_plan(trajectory: Trajectory) -> int | None:
    trial = next((t for t in trajectory.trials if t.program == trajectory.program), None)
    return None if trial is None else trial.plan_index


def _outcome(trajectory: Trajectory, grade: Grade) -> Tried:
    unit, index = _attempt_of(_unit(trajectory))
    is_public = any(t.judgement.is_accepted for t in trajectory.trials if t.plan_index == index)
    return Tried(unit, index, is_public, is_public and grade.is_passed)


def _written(attempts: Attempts, unit: Unit) -> Find:
    attempt, _ = _attempt_of(unit)
    trial = _trial(attempts, unit)
    return Find(
        problem_id=attempt.problem_id,
        sample=attempt.sample,
        plan_index=trial.plan_index,
        round=trial.round,
        passes_samples=trial.judgement.is_accepted,
    )


def _trial(attempts: Attempts, unit: Unit) -> Trial:
    attempt, place = _attempt_of(unit)
    step = attempts[attempt].steps[place]
    assert isinstance(step, Trial)
    return step


def _numbered(unit: Unit, place: int) -> Unit:
    if place >= MAX_STEPS:
        raise InputError(f"{unit.problem_id}: an attempt of more than {MAX_STEPS} steps")
    return Unit(unit.problem_id, unit.sample * MAX_STEPS + place)


def _attempt_of(unit: Unit) -> tuple[Unit, int]:
    sample, place = divmod(unit.sample, MAX_STEPS)
    return Unit(unit.problem_id, sample), place


def _unit(record: Trajectory | Grade) -> Unit:
    return Unit(record.problem_id, record.sample)


def _is_internal(grade: Grade) -> bool:
    return grade.judgement is not None and grade.judgement.verdict is Verdict.IE
