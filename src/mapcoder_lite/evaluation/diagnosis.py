"""Why one attempt failed, told from its trajectory and its grade alone.

A failed attempt has one class, the first that fits in the order of `FailureClass`, and any number
of marks. Both say what stands on the record; what it suggests of the cause is a guess, and said to
be one (`MEANINGS`). MapCoder-Lite names the classes format failure, error propagation and debugger
loops; docs/evaluation.md has the whole table.

Knows: steps, verdicts, which programs are the same.
Does not know: runs, counts, which role was responsible (that takes replays).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from mapcoder_lite.evaluation.sameness import is_hard_coded, normal_form
from mapcoder_lite.trajectory import CallKind, Grade, StopReason, Trajectory, Trial
from mapcoder_lite.verdict import Verdict


class FailureClass(StrEnum):
    """What became of a failed attempt; the first that fits."""

    TOO_LONG = "too_long"
    """A prompt and its reply did not fit the model's context."""
    UNREADABLE = "unreadable"
    """It ended without a program, because no recall or no plan could be read, or because the
    original traversal ends at the first reply that cannot be."""
    NO_PROGRAM = "no_program"
    """It ended without a program, because no reply held one."""
    NOT_COMPILING = "not_compiling"
    """The submitted program does not compile."""
    UNTESTED = "untested"
    """The submitted program was never tried: no public tests, or a traversal that tries none."""
    DEBUGGER_LOOP = "debugger_loop"
    """The samples were never passed, and on every plan that was debugged some patch changed nothing
    or gave an earlier program of the attempt back."""
    SAMPLES_FAILED = "samples_failed"
    """The samples were never passed, and debugging did not go round in circles."""
    HARD_CODED = "hard_coded"
    """Passed the samples by printing their outputs as constants."""
    OVER_LIMITS = "over_limits"
    """Passed the samples, and took too much time, memory or output on a hidden test."""
    OVERFITTED = "overfitted"
    """Passed the samples, and answers a hidden test wrongly or breaks on it."""


class Mark(StrEnum):
    """What else stands on the record of an attempt."""

    UNREAD_REPLY = "unread_reply"
    SAME_PLAN = "same_plan"
    SAME_PROGRAM = "same_program"
    PLANS_FAIL_ALIKE = "plans_fail_alike"
    IDLE_PATCH = "idle_patch"
    REPEATED_PATCH = "repeated_patch"
    HARMFUL_PATCH = "harmful_patch"
    DEBUGGING_WITHOUT_EFFECT = "debugging_without_effect"
    PLANS_LEFT = "plans_left"
    BETTER_DROPPED = "better_dropped"


class Meaning(NamedTuple):
    """What a mark rests on, and what it may mean."""

    evidence: str
    guess: str


MEANINGS: Mapping[Mark, Meaning] = {
    Mark.UNREAD_REPLY: Meaning("a reply could not be read", "its role does not know its layout"),
    Mark.SAME_PLAN: Meaning(
        "two plans are the same text",
        "retrieval recalled one problem twice, or planning ignores it",
    ),
    Mark.SAME_PROGRAM: Meaning(
        "the first programs of two different plans are the same", "coding ignores the plan"
    ),
    Mark.PLANS_FAIL_ALIKE: Meaning(
        "the first programs of all tried plans, two or more, print the same on every public test",
        "the error stands before the plans part: in retrieval, or in how the problem is read",
    ),
    Mark.IDLE_PATCH: Meaning(
        "a patch gives the program back that it was to mend", "debugging has no idea"
    ),
    Mark.REPEATED_PATCH: Meaning(
        "a patch gives an earlier program of the attempt back", "debugging goes round in circles"
    ),
    Mark.HARMFUL_PATCH: Meaning(
        "a patch passes fewer public tests than the program before it",
        "debugging breaks what works",
    ),
    Mark.DEBUGGING_WITHOUT_EFFECT: Meaning(
        "patches were judged, and none changed the verdict or the number of public tests passed",
        "the error stands before debugging",
    ),
    Mark.PLANS_LEFT: Meaning(
        "a plan was written and never coded", "it might have passed; `mapcoder plans` tries it"
    ),
    Mark.BETTER_DROPPED: Meaning(
        "another program passed more public tests than the one submitted",
        "the traversal chooses badly",
    ),
}


class Patch(StrEnum):
    """What a program of debugging is, beside those before it in its attempt."""

    IDLE = "idle"
    """The program that it was to mend."""
    REPEATED = "repeated"
    """Another one that was tried before."""
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Patched:
    """One debug round whose program was judged."""

    plan_index: int | None
    patch: Patch
    gain: int
    """Public tests passed, less those that the program before it passed."""
    is_same_verdict: bool


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one attempt shows."""

    failure: FailureClass | None
    """None: it passed."""
    marks: tuple[Mark, ...]
    patches: tuple[Patched, ...]


_UNREADABLE = (StopReason.NO_RECALL, StopReason.NO_PLAN, StopReason.LOST)
_LIMITS = (Verdict.TLE, Verdict.MLE, Verdict.OLE)


def diagnose(trajectory: Trajectory, grade: Grade) -> Diagnosis:
    """Tell an attempt's class and marks; a grade IE says nothing, so do not ask with one."""
    form = _forms(trajectory)
    patches = tuple(_patches(trajectory.trials, form))
    failure = None if grade.is_passed else _class(trajectory, grade, patches)
    found = _marks(trajectory, patches, form)
    return Diagnosis(failure, tuple(mark for mark in Mark if mark in found), patches)


def submitted(trajectory: Trajectory) -> Trial | None:
    """Return the trial that first judged the submitted program; None: it was never tried."""
    return next((t for t in trajectory.trials if t.program == trajectory.program), None)


def _class(trajectory: Trajectory, grade: Grade, patches: Sequence[Patched]) -> FailureClass:
    trial = submitted(trajectory)
    if trajectory.stop is StopReason.TOO_LONG:
        return FailureClass.TOO_LONG
    if grade.judgement is None:
        is_unread = trajectory.stop in _UNREADABLE
        return FailureClass.UNREADABLE if is_unread else FailureClass.NO_PROGRAM
    if grade.judgement.verdict is Verdict.CE:
        return FailureClass.NOT_COMPILING
    if trial is None or trial.judgement.verdict is Verdict.SK:
        return FailureClass.UNTESTED
    if not trial.judgement.is_accepted:
        is_loop = _is_loop(patches)
        return FailureClass.DEBUGGER_LOOP if is_loop else FailureClass.SAMPLES_FAILED
    outputs = [r.stdout_excerpt for r in trial.judgement.results if not r.is_truncated]
    if is_hard_coded(trial.program, trial.language, outputs):
        return FailureClass.HARD_CODED
    is_over = grade.judgement.verdict in _LIMITS
    return FailureClass.OVER_LIMITS if is_over else FailureClass.OVERFITTED


def _is_loop(patches: Sequence[Patched]) -> bool:
    debugged = {p.plan_index for p in patches}
    looping = {p.plan_index for p in patches if p.patch is not Patch.NEW}
    return bool(debugged) and debugged == looping


def _marks(
    trajectory: Trajectory, patches: Sequence[Patched], form: Callable[[str], str]
) -> set[Mark]:
    plans = _plans(trajectory)
    firsts = _first_trials(trajectory)
    kinds = {p.patch for p in patches}
    trial = submitted(trajectory)
    most = max((t.judgement.num_passed for t in trajectory.trials), default=0)
    holds = {
        Mark.UNREAD_REPLY: any(call.failure is not None for call in trajectory.calls),
        Mark.SAME_PLAN: len(set(plans.values())) < len(plans),
        Mark.SAME_PROGRAM: _has_same_program(firsts, plans, form),
        Mark.PLANS_FAIL_ALIKE: _fail_alike(list(firsts.values())),
        Mark.IDLE_PATCH: Patch.IDLE in kinds,
        Mark.REPEATED_PATCH: Patch.REPEATED in kinds,
        Mark.HARMFUL_PATCH: any(p.gain < 0 for p in patches),
        Mark.DEBUGGING_WITHOUT_EFFECT: bool(patches)
        and all(p.gain == 0 and p.is_same_verdict for p in patches),
        Mark.PLANS_LEFT: bool(plans.keys() - trajectory.coded_plans - firsts.keys()),
        Mark.BETTER_DROPPED: trial is not None and trial.judgement.num_passed < most,
    }
    return {mark for mark, is_held in holds.items() if is_held}


def _patches(trials: Sequence[Trial], form: Callable[[str], str]) -> Iterator[Patched]:
    """Compare every program of debugging with those tried before it."""
    seen: set[str] = set()
    before: dict[int | None, Trial] = {}
    for trial in trials:
        old = before.get(trial.plan_index)
        if trial.round > 0 and old is not None:
            patch = Patch.NEW
            if form(trial.program) == form(old.program):
                patch = Patch.IDLE
            elif form(trial.program) in seen:
                patch = Patch.REPEATED
            gain = trial.judgement.num_passed - old.judgement.num_passed
            same = trial.judgement.verdict is old.judgement.verdict
            yield Patched(trial.plan_index, patch, gain, same)
        seen.add(form(trial.program))
        before[trial.plan_index] = trial


def _forms(trajectory: Trajectory) -> Callable[[str], str]:
    """Return the normal form of an attempt's programs, each made once, none for a lone program."""
    programs = {trial.program for trial in trajectory.trials}
    if len(programs) < 2:
        return lambda program: program
    known = {program: normal_form(program, trajectory.language) for program in programs}
    return known.__getitem__


def _plans(trajectory: Trajectory) -> dict[int, str]:
    """The readable plans by their index, white space evened out."""
    return {
        call.plan_index: " ".join(call.completion.text.split())
        for call in trajectory.calls
        if call.kind is CallKind.PLAN and call.failure is None and call.plan_index is not None
    }


def _first_trials(trajectory: Trajectory) -> dict[int, Trial]:
    """The first trial of every plan; a draft is of none."""
    firsts: dict[int, Trial] = {}
    for trial in trajectory.trials:
        if trial.plan_index is not None:
            firsts.setdefault(trial.plan_index, trial)
    return firsts


def _has_same_program(
    firsts: Mapping[int, Trial], plans: Mapping[int, str], form: Callable[[str], str]
) -> bool:
    texts: defaultdict[str, set[str]] = defaultdict(set)
    for index, trial in firsts.items():
        if index in plans:
            texts[form(trial.program)].add(plans[index])
    return any(len(several) > 1 for several in texts.values())


def _fail_alike(firsts: Sequence[Trial]) -> bool:
    """Whether two or more programs, none of which passes, do the same on every test."""
    if len(firsts) < 2 or any(trial.judgement.is_accepted for trial in firsts):
        return False
    done = [
        [(result.verdict, result.stdout_sha256) for result in trial.judgement.results]
        for trial in firsts
    ]
    return bool(done[0]) and all(first == second for first, second in pairwise(done))
