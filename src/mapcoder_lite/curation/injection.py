"""Failures whose culprit is known: a faulty reply is put into an attempt that passed.

One call on the path to the passing program gets a faulty reply; what was asked before it stands as
it was, what comes after is asked of the student anew. Where the program now fails the hidden tests
while replays with the good reply in the same place all pass, the faulty reply is the cause
(AgenTracer 2509.03312 injects alike). The replays are the re-sampling baseline: without them a
later role's bad luck would be put down to the fault.

Knows: where faults go and come from, how injections are numbered, when a fault gets the blame.
Does not know: engines, files, supervisors, the pocket world.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from mapcoder_lite import pipeline
from mapcoder_lite.curation.label import Label, Truth
from mapcoder_lite.curation.rerun import forked, renumbered
from mapcoder_lite.curation.steps import steps_that_count
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Problem, Record
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Call, CallKind, Completion, Engine, Grade, Role, Trajectory
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.verdict import Judge, Verdict

SCHEMA_VERSION = 1

FIRST_INJECTED_SAMPLE = 1_000_000
"""Injections are numbered from here, so that no draw of the run itself comes back."""
_FIRST_TO_FAIL = (CallKind.RETRIEVAL, CallKind.PLAN, CallKind.CODING)
MAX_STEPS = 1000
MAX_FAULTS = 20
MAX_REPLAYS = 9


class Faults(Protocol):
    """Where faulty replies come from."""

    def count(self, problem_id: str, call: Call) -> int:
        """Return how many faulty replies to a call there are."""
        ...

    def fault(self, problem_id: str, call: Call, number: int) -> Completion:
        """Return one of them.

        Raises:
            EngineError: it could not be had.
        """
        ...


class Donors:
    """Faults from failed attempts at the same problem: what the same role said there.

    Such a reply may be sound, since another role may have failed; it then breaks nothing, and no
    label comes of it.
    """

    def __init__(self, failed: Iterable[Trajectory]) -> None:
        self._replies: dict[tuple[str, CallKind], dict[str, Completion]] = {}
        for trajectory in failed:
            for call in trajectory.calls:
                if call.failure is None:
                    of = self._replies.setdefault((trajectory.problem_id, call.kind), {})
                    of.setdefault(call.completion.text, call.completion)

    def count(self, problem_id: str, call: Call) -> int:
        """Return how many replies differ from the call's own."""
        return len(self._others(problem_id, call))

    def fault(self, problem_id: str, call: Call, number: int) -> Completion:
        """Return the n-th of them, in the order in which they were met."""
        return self._others(problem_id, call)[number]

    def _others(self, problem_id: str, call: Call) -> list[Completion]:
        replies = self._replies.get((problem_id, call.kind), {})
        return [reply for text, reply in replies.items() if text != call.completion.text]


class Erring:
    """Faults from an engine that errs, asked the very question of the call."""

    def __init__(self, engine: Engine, num_faults: int = 1) -> None:
        self._engine = engine
        self._num_faults = num_faults

    def count(self, problem_id: str, call: Call) -> int:
        """As many as were ordered."""
        return self._num_faults

    def fault(self, problem_id: str, call: Call, number: int) -> Completion:
        """Ask for the n-th reply.

        Raises:
            EngineError: the engine cannot answer.
        """
        return self._engine.complete([renumbered(call.request, number)])[0]


class RoleInjections(Record):
    """What came of the faults put into one role's replies."""

    num_injected: int = 0
    num_failed: int = 0
    """Injected attempts that then failed the hidden tests."""
    num_labelled: int = 0
    """Of these, those whose replays with the good reply all passed: the labelled ones."""
    num_replays: int = 0
    """Replays with the good reply, of the injected attempts that failed."""
    num_replays_failed: int = 0
    """The re-sampling baseline: broken by later roles' draws alone."""

    @property
    def attributable(self) -> float | None:
        """Share of the failures that the fault explains beyond re-sampling: (f - b) / f.

        The baseline b is taken where injections failed, hence on the harder attempts: a lower
        bound. None when nothing failed.
        """
        if not self.num_failed or not self.num_replays:
            return None
        by_fault = self.num_failed / self.num_injected
        by_chance = self.num_replays_failed / self.num_replays
        return max(0.0, (by_fault - by_chance) / by_fault)


class InjectionTally(Record):
    """How a run's passing attempts became labelled failures."""

    schema_version: Literal[1] = SCHEMA_VERSION
    num_passing: int
    """Attempts of the run that passed the hidden tests."""
    num_internal: int
    """Grades IE: the judge's fault; such an injection or replay says nothing."""
    roles: dict[Role, RoleInjections]


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault put into a passing attempt, or a replay of it without the fault, as numbered."""

    passed: Unit
    position: int
    """Of the call among the attempt's steps."""
    fault: int
    replay: int = 0
    """0 = with the fault; from 1 on, replays with the good reply."""

    @property
    def unit(self) -> Unit:
        """The unit that is done."""
        if not (self.position < MAX_STEPS and self.fault < MAX_FAULTS):
            raise InputError(
                f"{self.passed.problem_id}, step {self.position}, fault {self.fault}: at most "
                f"{MAX_STEPS} steps and {MAX_FAULTS} faults a call can be injected"
            )
        if self.replay > MAX_REPLAYS:
            raise InputError(f"{self.replay} replays of an injection: at most {MAX_REPLAYS}")
        row = (self.passed.sample * MAX_STEPS + self.position) * MAX_FAULTS + self.fault
        number = FIRST_INJECTED_SAMPLE + row * (MAX_REPLAYS + 1) + self.replay
        return Unit(self.passed.problem_id, number)

    @property
    def draws(self) -> int:
        """The sample whose draws are used: the first replay shares those of the injection."""
        replay = 0 if self.replay == 1 else self.replay
        return Injection(self.passed, self.position, self.fault, replay).unit.sample


def injection_of(unit: Unit) -> Injection:
    """Return what a unit stands for."""
    row, replay = divmod(unit.sample - FIRST_INJECTED_SAMPLE, MAX_REPLAYS + 1)
    row, fault = divmod(row, MAX_FAULTS)
    sample, position = divmod(row, MAX_STEPS)
    return Injection(Unit(unit.problem_id, sample), position, fault, replay)


def points(trajectory: Trajectory) -> list[int]:
    """Return where a fault may go: the calls that the passing program rests on, but for two kinds.

    A wrong confidence only reorders the plans. Debugging is asked only where an earlier reply had
    failed already, so that a fault of its own would never be the first one: whether it or the
    earlier reply is responsible would be a matter of words.
    """
    return [
        position
        for position in steps_that_count(trajectory)
        if _call(trajectory, position).kind in _FIRST_TO_FAIL
    ]


def injection_units(passing: Iterable[Trajectory], faults: Faults, num_faults: int) -> list[Unit]:
    """Return the units of all injections; an early look has some of every attempt and role."""
    places = [(t, position) for t in passing for position in points(t)]
    return [
        Injection(Unit(trajectory.problem_id, trajectory.sample), position, number).unit
        for number in range(num_faults)
        for trajectory, position in places
        if number < faults.count(trajectory.problem_id, _call(trajectory, position))
    ]


def replay_units(units: Sequence[Unit], grades: Iterable[Grade], num_replays: int) -> list[Unit]:
    """Return the replays that are not among the units, of every injection that made it fail."""
    present = set(units)
    wanted = [
        Injection(i.passed, i.position, i.fault, replay).unit
        for i in map(injection_of, _failed(grades))
        for replay in range(1, num_replays + 1)
        if i.replay == 0
    ]
    return [unit for unit in wanted if unit not in present]


def injected(
    problem: Problem,
    sample: int,
    passing: Mapping[Unit, Trajectory],
    faults: Faults,
    student: Engine,
    judge: Judge,
    dials: Dials,
) -> Trajectory:
    """Make the attempt that an injection's unit asks for.

    Raises:
        EngineError: an engine cannot answer.
        SandboxError: the judge cannot judge.
    """
    injection = injection_of(Unit(problem.id, sample))
    trajectory = passing[injection.passed]
    call = _call(trajectory, injection.position)
    reply = call.completion
    if injection.replay == 0:
        reply = faults.fault(problem.id, call, injection.fault)
    engine = forked(
        trajectory, injection.position, reply, student, sample=sample, draws=injection.draws
    )
    return pipeline.solve(problem, engine, judge, dials, sample=sample)


def labels(
    trajectories: Iterable[Trajectory],
    grades: Sequence[Grade],
    passing: Mapping[Unit, Trajectory],
    num_replays: int,
) -> list[Label]:
    """Label every injected attempt that failed while all its replays passed.

    The position of the fault is looked up in the failed attempt itself, whose steps it shares up
    to there.
    """
    passed = {_unit(grade) for grade in grades if grade.is_passed}
    blamed = {
        unit for unit in _failed(grades) if _is_to_blame(injection_of(unit), passed, num_replays)
    }
    found = [t for t in trajectories if Unit(t.problem_id, t.sample) in blamed]
    return [_label(trajectory, passing, num_replays) for trajectory in found]


def tally(
    units: Iterable[Unit],
    grades: Sequence[Grade],
    passing: Mapping[Unit, Trajectory],
    labels: Sequence[Label],
) -> InjectionTally:
    """Count what became of the injections, by the role that was given the fault."""
    failed, internal = set(_failed(grades)), {_unit(g) for g in grades if _is_internal(g)}
    blamed = {label.unit for label in labels}
    counts = {role: dict.fromkeys(RoleInjections.model_fields, 0) for role in Role}
    for unit in units:
        injection = injection_of(unit)
        of = counts[_call(passing[injection.passed], injection.position).role]
        if unit in internal:
            continue
        if injection.replay:
            of["num_replays"] += 1
            of["num_replays_failed"] += unit in failed
        else:
            of["num_injected"] += 1
            of["num_failed"] += unit in failed
            of["num_labelled"] += unit in blamed
    return InjectionTally(
        num_passing=len(passing),
        num_internal=len(internal),
        roles={role: RoleInjections.model_validate(of) for role, of in counts.items()},
    )


def _label(trajectory: Trajectory, passing: Mapping[Unit, Trajectory], num_replays: int) -> Label:
    injection = injection_of(Unit(trajectory.problem_id, trajectory.sample))
    call = _call(passing[injection.passed], injection.position)
    asked = renumbered(call.request, trajectory.sample - injection.passed.sample).key
    position = next(
        index
        for index, step in enumerate(trajectory.steps)
        if isinstance(step, Call) and step.request.key == asked
    )
    return Label(
        problem_id=trajectory.problem_id,
        sample=trajectory.sample,
        truth=Truth.INJECTION,
        role=call.role,
        call_index=position,
        repair_sets=((call.role,),),
        # Laplace's rule: what all replays passing says of the next one.
        certainty=(num_replays + 1) / (num_replays + 2),
    )


def _is_to_blame(injection: Injection, passed: set[Unit], num_replays: int) -> bool:
    return injection.replay == 0 and all(
        Injection(injection.passed, injection.position, injection.fault, replay).unit in passed
        for replay in range(1, num_replays + 1)
    )


def _failed(grades: Iterable[Grade]) -> list[Unit]:
    return [_unit(g) for g in grades if not g.is_passed and not _is_internal(g)]


def _is_internal(grade: Grade) -> bool:
    return grade.judgement is not None and grade.judgement.verdict is Verdict.IE


def _call(trajectory: Trajectory, position: int) -> Call:
    step = trajectory.steps[position]
    assert isinstance(step, Call)
    return step


def _unit(record: Grade) -> Unit:
    return Unit(record.problem_id, record.sample)
