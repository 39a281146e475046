"""Attributions against the truth that only the generator knows: who made the first wrong reply.

The culprit of a failed attempt is the role of the first wrong call that its submitted program rests
on (`pocket.supervisor.culprit`). Set beside it are the role with the greatest share, the role that
the failure is put down to, and three rules that read no replay.

Knows: culprits, hit rates, paired tests.
Does not know: files, how attempts were replayed.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Literal

from mapcoder_lite.attribution import Attribution, mender, top_role
from mapcoder_lite.errors import InputError
from mapcoder_lite.pocket.problems import Puzzle
from mapcoder_lite.pocket.supervisor import culprit
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import Rate, clustered, holm, sign_flip
from mapcoder_lite.trajectory import Call, Role, Trajectory

SCHEMA_VERSION = 1


class Naming(Record):
    """How one way of naming a role does."""

    name: str
    is_rule: bool
    """Whether it reads no replay."""
    hit: Rate
    """Named the culprit; naming nobody is a miss."""
    num_nobody: int
    named: dict[Role, dict[str, int]]
    """How often each role, or `nobody`, was named, by the culprit."""


class Test(Record):
    """Two ways of naming on the same failures; the p is of the sign-flip test by problem."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    first: str
    second: str
    num_only_first: int
    num_only_second: int
    p: float
    p_holm: float


class CulpritTable(Record):
    """What `mapcoder pocket culprits` prints."""

    schema_version: Literal[1] = SCHEMA_VERSION
    run: str
    num_failures: int
    num_unknown: int
    """Failures of which no call is known to be wrong; left out."""
    culprits: dict[Role, int]
    namings: tuple[Naming, ...]
    set_hit: Rate
    """The culprit is in a minimal repair set."""
    set_hit_at_random: float
    """What a role drawn at random among those asked would have of that, on average."""
    tests: tuple[Test, ...]
    """Each naming that reads replays against each rule."""


@dataclass(frozen=True, slots=True)
class Case:
    """One failure whose culprit is known."""

    attribution: Attribution
    culprit: Role
    asked: tuple[Role, ...]
    """Roles that were asked in the attempt."""


def case(attribution: Attribution, trajectory: Trajectory, puzzle: Puzzle) -> Case | None:
    """Return a failure with its culprit; None where none is known."""
    place = culprit(puzzle, trajectory)
    if place is None:
        return None
    call = trajectory.steps[place]
    assert isinstance(call, Call)
    asked = {call.role for call in trajectory.calls}
    return Case(attribution, call.role, tuple(role for role in Role if role in asked))


def culprit_table(run: str, cases: Sequence[Case], num_unknown: int) -> CulpritTable:
    """Compare what is named with the culprits.

    Raises:
        InputError: no culprit is known.
        ConfigError: statsmodels is not installed.
    """
    if not cases:
        raise InputError(f"{run}: no failure has a culprit that the generator knows")
    readers: dict[str, Callable[[Case], Role | None]] = {
        "greatest share": lambda of: top_role(of.attribution),
        "put down to": lambda of: mender(of.attribution),
    }
    rules = _rules(cases)
    named = {name: [way(of) for of in cases] for name, way in {**readers, **rules}.items()}
    return CulpritTable(
        run=run,
        num_failures=len(cases),
        num_unknown=num_unknown,
        culprits={role: sum(of.culprit is role for of in cases) for role in Role},
        namings=tuple(_naming(cases, n, said, n in rules) for n, said in named.items()),
        set_hit=clustered(
            (of.attribution.problem_id, _is_in_a_set(of, of.culprit)) for of in cases
        ),
        set_hit_at_random=sum(_chance(of) for of in cases) / len(cases),
        tests=_tests(cases, named, [(reader, rule) for reader in readers for rule in rules]),
    )


def _rules(cases: Sequence[Case]) -> Mapping[str, Callable[[Case], Role | None]]:
    """Always coder; the most frequent culprit of the other half of the problems; a fair draw."""
    learned = {
        half: Counter(of.culprit for of in cases if _half(of) != half).most_common(1)
        for half in (0, 1)
    }

    def majority(of: Case) -> Role | None:
        most = learned[_half(of)]
        return most[0][0] if most else None

    def at_random(of: Case) -> Role | None:
        return Random(f"{of.attribution.problem_id}/{of.attribution.sample}").choice(of.asked)

    return {"always coder": lambda _: Role.CODING, "majority": majority, "random": at_random}


def _naming(cases: Sequence[Case], name: str, said: Sequence[Role | None], is_rule: bool) -> Naming:
    counts = Counter(
        (of.culprit, role.value if role else "nobody") for of, role in zip(cases, said, strict=True)
    )
    words = (*(role.value for role in Role), "nobody")
    return Naming(
        name=name,
        is_rule=is_rule,
        hit=clustered(
            (of.attribution.problem_id, of.culprit is role)
            for of, role in zip(cases, said, strict=True)
        ),
        num_nobody=sum(role is None for role in said),
        named={role: {word: counts[role, word] for word in words} for role in Role},
    )


def _tests(
    cases: Sequence[Case],
    named: Mapping[str, Sequence[Role | None]],
    pairs: Sequence[tuple[str, str]],
) -> tuple[Test, ...]:
    found: list[Test] = []
    for first, second in pairs:
        leads: Counter[str] = Counter()
        only: Counter[int] = Counter()
        for of, a, b in zip(cases, named[first], named[second], strict=True):
            lead = (a is of.culprit) - (b is of.culprit)
            leads[of.attribution.problem_id] += lead
            only[lead] += 1
        p = sign_flip(leads.values())
        found.append(
            Test(
                first=first,
                second=second,
                num_only_first=only[1],
                num_only_second=only[-1],
                p=p,
                p_holm=p,
            )
        )
    corrected = holm([test.p for test in found])
    return tuple(
        test.model_copy(update={"p_holm": p}) for test, p in zip(found, corrected, strict=True)
    )


def _is_in_a_set(of: Case, role: Role) -> bool:
    return any(role in roles for roles in of.attribution.repair_sets)


def _chance(of: Case) -> float:
    return sum(_is_in_a_set(of, role) for role in of.asked) / len(of.asked)


def _half(of: Case) -> int:
    return sha256(of.attribution.problem_id.encode()).digest()[0] % 2
