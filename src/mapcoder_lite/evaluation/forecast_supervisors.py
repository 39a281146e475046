"""What measuring supervisors will ask for, stage by stage: labels, fresh draws, supervisors, rules.

Knows: what an injection, a replay, a fresh draw and a correction ask for.
Does not know: which units are owed, how a lattice looks, how prompts are written, engines.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mapcoder_lite.evaluation.forecast import (
    SCHEMA_VERSION,
    Amounts,
    Demand,
    Engines,
    Owing,
    Range,
    RoleForecast,
    amounts,
    by_role,
    hours,
)
from mapcoder_lite.evaluation.forecast_repair import (
    Supervising,
    answered_anew,
)
from mapcoder_lite.trajectory import CallKind, Role


class StageForecast(Amounts):
    """What one stage will take."""

    stage: str
    units: Range
    """Owed: attempts that are made, or corrected."""


class SupervisorsForecast(Amounts):
    """What `supervisors --dry-run` prints."""

    schema_version: Literal[1] = SCHEMA_VERSION
    hours: Range | None
    """None = it is not known how long a call takes."""
    stages: tuple[StageForecast, ...]
    """In their order; a supervisor's and a rule's by name."""
    roles: tuple[RoleForecast, ...]
    """Roles of student and teacher, and all supervisors, together."""
    assumptions: tuple[str, ...]
    """What the numbers rest on, one sentence each."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its units and what they ask for."""

    name: str
    units: Range
    demands: Sequence[Demand]


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts of which it is not known how many there will be."""

    least: Owing
    most: Owing

    def calls(self, role: Role) -> Range:
        """Return a role's calls if each is worked on from the beginning."""
        return Range(low=self.least.calls(role).low, high=self.most.calls(role).high)

    @property
    def number(self) -> Range:
        """How many they are."""
        low, high = (owing.num_tested + owing.num_untested for owing in (self.least, self.most))
        return Range(low=low, high=high)


def injected(
    faults: Mapping[CallKind, int],
    replays: Mapping[CallKind, int],
    shape: Owing,
    student: Engines,
) -> Stage:
    """Return the stage that puts so many faults into calls of each kind.

    Of the replays with the good reply at most so many are owed, since only what fails is made
    again; `shape` says k and t.
    """
    kinds = {*faults, *replays}
    demands: list[Demand] = []
    for role in Role:
        least = sum(count * _after(kind, shape)[role].low for kind, count in faults.items())
        most = sum(
            (faults.get(kind, 0) + replays.get(kind, 0)) * _after(kind, shape)[role].high
            for kind in kinds
        )
        demands.append(student.of(role, Range(low=least, high=most)))
    num = sum(faults.values())
    return Stage("truth", Range(low=num, high=num + sum(replays.values())), demands)


def replayed(
    sets: Sequence[frozenset[Role]],
    num_units: int,
    draws: Attempts,
    student: Engines,
    teacher: Engines,
) -> Stage:
    """Return the stage that makes failed attempts again, the roles of a set the teacher's.

    `draws` are failures with numbers of replays, of which each set makes an attempt: all sets share
    their draws, so a role is asked once by what stands before it, however many sets agree up to
    there.
    """
    demands: list[Demand] = []
    for place, role in enumerate(Role):
        upstream = frozenset(list(Role)[: place + 1])
        ways = {roles & upstream for roles in sets}
        calls = draws.calls(role)
        for engines, is_teacher in ((student, False), (teacher, True)):
            num_ways = sum((role in way) is is_teacher for way in ways)
            asked = Range(low=calls.low * min(1, num_ways), high=calls.high * num_ways)
            demands.append(engines.of(role, asked))
    return Stage("truth", Range(low=num_units, high=num_units), demands)


def drawn_again(failures: Attempts, student: Engines) -> Stage:
    """Return the stage that makes every labelled attempt once more as a whole."""
    demands = [student.of(role, failures.calls(role)) for role in Role]
    return Stage("resampling", failures.number, demands)


def corrected_once(
    name: str, failures: Attempts, student: Engines, supervisor: Supervising | None
) -> Stage:
    """Return the stage of one round under a supervisor, or under a rule, for which nobody is asked.

    A rule's word is always of use where the role was asked, which is not known before.
    """
    demands = answered_anew([failures.most], 1, student)
    if supervisor is not None:
        demands.append(supervisor.demand(failures.number))
    return Stage(name, failures.number, demands)


def tried_first(name: str, plans: Owing, student: Engines) -> Stage:
    """Return the stage that codes plans, each of which takes an attempt of its own."""
    num = plans.num_tested + plans.num_untested
    rounds = Range(low=0, high=plans.t * plans.num_tested)
    demands = [
        student.of(Role.CODING, Range(low=num, high=num)),
        student.of(Role.DEBUGGING, rounds),
    ]
    return Stage(name, Range(low=num, high=num), demands)


def supervisors_forecast(
    stages: Sequence[Stage],
    supervisors: Sequence[Supervising],
    student: Engines,
    assumptions: Iterable[str],
) -> SupervisorsForecast:
    """Add the stages up; `assumptions` say what their calls rest on."""
    demands = [demand for stage in stages for demand in stage.demands]
    in_hours = hours(demands)
    return SupervisorsForecast(
        **amounts(demands).model_dump(),
        hours=in_hours,
        stages=tuple(_stage(stage) for stage in stages),
        roles=by_role(demands),
        assumptions=(
            *assumptions,
            *_tokens(student),
            *dict.fromkeys(said for one in supervisors for said in one.assumptions),
            *_money_and_time(demands, student, has_hours=in_hours is not None),
        ),
    )


def _stage(stage: Stage) -> StageForecast:
    found = amounts(stage.demands).model_dump()
    return StageForecast(stage=stage.name, units=stage.units, **found)


def _tokens(student: Engines) -> Iterable[str]:
    if student.seen is None:
        yield "tokens a call of a role: the means of published runs of MapCoder"
        return
    yield (
        f"tokens a call of a role: the means of the run's {student.seen.num_calls:,} stored calls, "
        "a teacher's too"
    )


def _money_and_time(
    demands: Sequence[Demand], student: Engines, *, has_hours: bool
) -> Iterable[str]:
    unknown = dict.fromkeys(str(demand.role) for demand in demands if demand.dollars is None)
    if unknown:
        yield f"dollars: unknown, an engine that answers {', '.join(unknown)} has no price"
    if student.prices.num_turns > 1:
        yield "dollars: [engine] is taken to answer all samples, though [[teachers]] take turns"
    if not has_hours:
        yield "hours: unknown until calls of the roles and of the supervisors have been timed"


def _after(kind: CallKind, shape: Owing) -> dict[Role, Range]:
    """How many calls of each role rest on a call of this kind, if replies can be read."""
    k, t = shape.k, shape.t
    none = Range(low=0, high=0)
    after = {
        Role.RETRIEVAL: none,
        Role.PLANNING: none,
        Role.CODING: Range(low=1, high=k),
        Role.DEBUGGING: Range(low=0, high=k * t),
    }
    match kind:
        case CallKind.RETRIEVAL:
            return {**after, Role.PLANNING: Range(low=2 * k, high=2 * k)}
        case CallKind.PLAN:
            return {**after, Role.PLANNING: Range(low=k, high=k)}
        case _:
            return {**after, Role.CODING: Range(low=0, high=k - 1)}
