"""Which steps of a passing trajectory are wrong by the generator's ground truth.

The pass filter sees only the final program: a wrong plan that a coder ignored, or a confidence on
the wrong side that did no harm, passes with it and is taught. In pocket the truth is known.

Knows: puzzles, drafts with one mistake, what each kind of reply must say.
Does not know: files, which steps became rows, how programs are judged.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import NamedTuple

from mapcoder_lite.agents import parse
from mapcoder_lite.errors import InputError, SandboxError
from mapcoder_lite.pocket.family import numbered
from mapcoder_lite.pocket.problems import FAMILIES, Puzzle
from mapcoder_lite.pocket.words import Wording
from mapcoder_lite.problem import Language, Record
from mapcoder_lite.trajectory import Call, CallKind, Trajectory
from mapcoder_lite.verdict import Judge, Verdict

SURE = 50
"""A confidence from here on says that the plan is right."""

_ALGORITHMS = frozenset(family.algorithm for family in FAMILIES)


class Truth(StrEnum):
    """What the ground truth says of a step."""

    RIGHT = "right"
    WRONG = "wrong"
    HARMLESS = "harmless"
    """A plan other than the generator's whose program passes all hidden tests all the same, or a
    confidence in such a plan."""
    UNKNOWN = "unknown"
    """Worded as the generator words nothing, or not to be read."""


class Step(NamedTuple):
    """A call and its truth."""

    position: int
    """Among the trajectory's steps."""
    kind: CallKind
    truth: Truth


class Tally(Record):
    """How many steps of one kind there are, by truth."""

    kind: CallKind
    num_steps: int
    num_wrong: int
    num_harmless: int
    num_unknown: int

    @property
    def share_wrong(self) -> float | None:
        """Known wrong of all; None when there are none."""
        return self.num_wrong / self.num_steps if self.num_steps else None


Passes = Callable[[Puzzle, str, Language], bool]
"""Whether a program passes a puzzle's hidden tests."""


def by_judge(judge: Judge) -> Passes:
    """Return the judge's word on programs, asked once for each; the right one needs no asking."""
    known: dict[tuple[str, str], bool] = {}

    def passes(puzzle: Puzzle, program: str, language: Language) -> bool:
        if program.strip() == puzzle.draft.program.strip():
            return True
        key = puzzle.problem.id, program
        if key not in known:
            known[key] = _is_accepted(judge, puzzle, program, language)
        return known[key]

    return passes


def truths(trajectory: Trajectory, puzzle: Puzzle, passes: Passes) -> list[Step]:
    """Return the truth of every readable call of a trajectory.

    Raises:
        SandboxError: a program could not be judged.
    """
    plans = {
        call.plan_index: _plan_truth(parse.plan(call.completion), puzzle, passes)
        for call in trajectory.calls
        if call.kind is CallKind.PLAN and call.failure is None
    }
    return [
        Step(place, step.kind, _truth(step, plans, puzzle, passes, trajectory.language))
        for place, step in enumerate(trajectory.steps)
        if isinstance(step, Call) and step.failure is None
    ]


@dataclass(slots=True)
class Tallies:
    """Running counts by kind."""

    _counts: Counter[tuple[CallKind, Truth]] = field(
        default_factory=Counter[tuple[CallKind, Truth]]
    )

    def add(self, steps: Iterable[Step]) -> None:
        """Count steps."""
        self._counts.update((step.kind, step.truth) for step in steps)

    def rows(self) -> tuple[Tally, ...]:
        """Return every kind's counts, in the order of the pipeline."""
        return tuple(
            Tally(
                kind=kind,
                num_steps=sum(self._counts[kind, truth] for truth in Truth),
                num_wrong=self._counts[kind, Truth.WRONG],
                num_harmless=self._counts[kind, Truth.HARMLESS],
                num_unknown=self._counts[kind, Truth.UNKNOWN],
            )
            for kind in CallKind
        )


def known_puzzles(problem_ids: Iterable[str], puzzles: Iterable[Puzzle]) -> Mapping[str, Puzzle]:
    """Return the puzzles of these problems; no more are drawn than needed.

    Raises:
        InputError: a problem is none of the puzzles.
    """
    wanted = set(problem_ids)
    found: dict[str, Puzzle] = {}
    for puzzle in puzzles if wanted else ():
        if puzzle.problem.id in wanted:
            found[puzzle.problem.id] = puzzle
            if len(found) == len(wanted):
                break
    missing = sorted(wanted - found.keys())
    if missing:
        raise InputError(
            f"{len(missing)} of {len(wanted)} problems are not of pocket's sets, first "
            f"{missing[0]}: the truth is known only of the problems of `mapcoder pocket problems`"
        )
    return found


def _truth(
    call: Call,
    plans: Mapping[int | None, Truth],
    puzzle: Puzzle,
    passes: Passes,
    language: Language,
) -> Truth:
    match call.kind:
        case CallKind.RETRIEVAL:
            return _recall_truth(parse.recall(call.completion).algorithm, puzzle)
        case CallKind.PLAN:
            return plans[call.plan_index]
        case CallKind.CONFIDENCE:
            plan = plans.get(call.plan_index, Truth.UNKNOWN)
            return _verdict_truth(parse.confidence(call.completion) >= SURE, plan)
        case CallKind.TRACE:
            traced = parse.trace(call.completion)
            plan = plans.get(call.plan_index, Truth.UNKNOWN)
            if traced.plan is not None:
                return _plan_truth(traced.plan, puzzle, passes)
            return _verdict_truth(traced.is_right, plan)
        case CallKind.CODING:
            program = parse.program(call.completion, language)
        case CallKind.DEBUGGING:
            program = parse.fix(call.completion, language).program
    return Truth.RIGHT if passes(puzzle, program, language) else Truth.WRONG


def _is_accepted(judge: Judge, puzzle: Puzzle, program: str, language: Language) -> bool:
    judgement = judge.judge(
        program,
        language,
        puzzle.hidden.tests,
        limits=puzzle.problem.limits,
        checker=puzzle.problem.checker,
        stop_early=True,
        show_tests=False,
    )
    if judgement.verdict is Verdict.IE:
        raise SandboxError(
            f"the judge failed on a program for problem {puzzle.problem.id}; that says nothing of "
            "the program: try again, or see `mapcoder doctor`"
        )
    return judgement.is_accepted


def _recall_truth(algorithm: str, puzzle: Puzzle) -> Truth:
    if algorithm == puzzle.family.algorithm:
        return Truth.RIGHT
    return Truth.WRONG if algorithm in _ALGORITHMS else Truth.UNKNOWN


def _plan_truth(plan: str, puzzle: Puzzle, passes: Passes) -> Truth:
    """Judge a plan by the draft that it belongs to: by what the program of that draft does."""
    if plan == numbered(puzzle.draft.plan):
        return Truth.RIGHT
    for choices in puzzle.family.mistakes(puzzle.choices):
        draft = puzzle.family.write(choices, Wording(Random(0)))  # no plan depends on the wording
        if numbered(draft.plan) == plan:
            is_harmless = passes(puzzle, draft.program, Language.PYTHON)
            return Truth.HARMLESS if is_harmless else Truth.WRONG
    return Truth.UNKNOWN


def _verdict_truth(says_right: bool, plan: Truth) -> Truth:
    if plan in (Truth.HARMLESS, Truth.UNKNOWN):
        return plan
    return Truth.RIGHT if says_right == (plan is Truth.RIGHT) else Truth.WRONG
