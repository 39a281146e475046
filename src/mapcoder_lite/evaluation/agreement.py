"""A run's records held against each other: calls, trials and grades that must fit together.

Knows: what must agree with what, how a judgement's numbers hang together.
Does not know: saved reports, problems' files, how programs are judged.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.engine.replay import stored_key
from mapcoder_lite.evaluation.run_files import RunFiles
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import (
    Call,
    CallKind,
    Completion,
    Grade,
    Request,
    StopReason,
    Trajectory,
    Trial,
    program_digest,
)
from mapcoder_lite.traversal import TraversalName
from mapcoder_lite.verdict import Judgement, Verdict


@dataclass(slots=True)
class Agreement:
    """Holds trajectories, as they pass by, against stored calls and grades."""

    run: RunFiles
    num_calls: int = 0
    num_trials: int = 0
    num_grades: int = 0
    num_unnamed: int = 0
    num_replayed: int = 0
    _answers: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Digest of every stored completion by its question."""
    _units: Counter[Unit] = field(default_factory=Counter[Unit])
    _faults: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        """Read the stored calls.

        Raises:
            StoreError: a line is damaged.
        """
        self._faults += self._stored_calls()

    def add(self, trajectory: Trajectory) -> None:
        """Hold one trajectory against the rest."""
        unit = Unit(trajectory.problem_id, trajectory.sample)
        self._units[unit] += 1
        if self._units[unit] == 2:
            self._faults.append(f"{_name(unit)} has more than one trajectory")
        for place, call in enumerate(trajectory.calls):
            self.num_calls += 1
            self._add_call(f"{_name(unit)}, call {place} ({call.kind.value})", call)
        self._faults += [f"{_name(unit)}{fault}" for fault in self._trials(trajectory)]
        grade = self.run.grades.get(unit)
        if grade is not None:
            self.num_grades += 1
            self._faults += [f"{_name(unit)}: {fault}" for fault in self._grade(trajectory, grade)]

    def faults(self) -> Iterator[str]:
        """Everything that does not agree, when all trajectories have passed by.

        Raises:
            StoreError: a line of grades.jsonl is damaged.
        """
        yield from self._faults
        seen: Counter[Unit] = Counter()
        for grade in read_lines(self.run.path / "grades.jsonl", Grade):
            unit = Unit(grade.problem_id, grade.sample)
            seen[unit] += 1
            if grade.judgement is not None:
                yield from (f"{_name(unit)}: {fault}" for fault in _faults_of(grade.judgement))
        for unit, number in seen.items():
            if unit not in self._units:
                yield f"{_name(unit)} has a grade and no trajectory"
            if number > 1:
                yield f"{_name(unit)} has more than one grade"

    def _stored_calls(self) -> Iterator[str]:
        """Keep what was answered; a call is stored once, under the key of its request."""
        first: dict[str, int] = {}
        header = self.run.header
        for number, call in enumerate(read_lines(self.run.path / "calls.jsonl", StoredCall), 1):
            where = f"calls.jsonl, line {number}"
            self._answers.setdefault(_question(call.request), _digest(call.completion))
            if first.setdefault(call.key, number) != number:
                yield f"{where}: the key stands in line {first[call.key]} already"
            # a repair stores what two engines answer, and its header names one of them
            key = stored_key(header.engine_identity, call.request)
            if not self.run.is_repair and call.key != key:
                yield f"{where}: the key is not that of its request"

    def _add_call(self, where: str, call: Call) -> None:
        stored = self._answers.get(_question(call.request))
        if stored == _digest(call.completion):
            return
        if self.run.is_repair:
            self.num_replayed += 1
        elif stored is None:
            self._faults.append(f"{where} is not in calls.jsonl")
        else:
            self._faults.append(f"{where} has another completion than calls.jsonl")

    def _trials(self, trajectory: Trajectory) -> Iterator[str]:
        wanted = self.run.problems[trajectory.problem_id].num_public_tests
        is_original = self.run.header.config.traversal.name is TraversalName.ORIGINAL
        for place, trial in enumerate(trajectory.trials):
            self.num_trials += 1
            where, judgement = f", trial {place}:", trial.judgement
            yield from (f"{where} {fault}" for fault in _faults_of(judgement))
            if judgement.num_total != wanted:
                yield f"{where} judged on {judgement.num_total} tests; the problem has {wanted}"
            if judgement.language is not trial.language:
                yield f"{where} {_languages(judgement, trial)}"
        if not is_original and trajectory.trials:  # its defects may end or submit otherwise
            yield from _origins(trajectory)
            yield from _ending(trajectory)

    def _grade(self, trajectory: Trajectory, grade: Grade) -> Iterator[str]:
        judgement = grade.judgement
        if (trajectory.program is None) != (judgement is None):
            words = "no program, and a" if judgement else "a program, and no"
            yield f"the trajectory has {words} judgement"
            return
        if trajectory.program is None or judgement is None:
            return
        if grade.program_sha256 is None:
            self.num_unnamed += 1
        elif grade.program_sha256 != program_digest(trajectory.program):
            yield "the grade is of another program than the trajectory's"
        wanted = self.run.problems[trajectory.problem_id].num_hidden_tests
        if wanted is not None and judgement.num_total != wanted:
            yield f"judged on {judgement.num_total} tests; the problem has {wanted}"
        if judgement.language is not trajectory.language:
            yield _languages(judgement, trajectory)


def _origins(trajectory: Trajectory) -> Iterator[str]:
    """Every program that was tried stands in a reply before it; white space is not compared."""
    replies: list[str] = []
    place = 0
    for step in trajectory.steps:
        if isinstance(step, Trial):
            program = _packed(step.program)
            if not any(program in reply for reply in replies):
                yield f", trial {place}: no reply before it holds its program"
            place += 1
        elif step.kind in (CallKind.CODING, CallKind.DEBUGGING):
            replies.append(_packed(step.completion.text))


def _ending(trajectory: Trajectory) -> Iterator[str]:
    """An attempt is solved when a trial passed all public tests, and submits that program."""
    accepted = [trial.program for trial in trajectory.trials if trial.judgement.is_accepted]
    if (trajectory.stop is StopReason.SOLVED) != bool(accepted):
        word = "a trial that passed" if accepted else "no trial that passed"
        yield f": ended as {trajectory.stop.value}, with {word} all public tests"
    elif accepted and trajectory.program not in accepted:
        yield ": the program submitted is not the one that passed all public tests"
    elif trajectory.program not in {trial.program for trial in trajectory.trials}:
        yield ": the program submitted was never tried"


def _faults_of(judgement: Judgement) -> Iterator[str]:
    """What cannot be so in one judgement."""
    passed, run, total = judgement.num_passed, judgement.num_run, judgement.num_total
    if not passed <= run <= total:
        yield f"{passed} tests passed of {run} run of {total}"
    is_all = passed == total > 0
    if (judgement.verdict is Verdict.AC) != is_all:
        yield f"verdict {judgement.verdict.value} with {passed} of {total} tests passed"
    first = judgement.first_failure
    if first is not None and judgement.verdict not in (first.verdict, Verdict.CE):
        yield f"verdict {judgement.verdict.value}, and the first failure is {first.verdict.value}"
    if judgement.results:
        yield from _results(judgement)


def _results(judgement: Judgement) -> Iterator[str]:
    verdicts = [result.verdict for result in judgement.results]
    if len(verdicts) != judgement.num_run:
        yield f"{judgement.num_run} tests run, and {len(verdicts)} results"
    if (num_right := verdicts.count(Verdict.AC)) != judgement.num_passed:
        yield f"{judgement.num_passed} tests passed, and {num_right} results say so"
    failed = [verdict for verdict in verdicts if verdict is not Verdict.AC]
    # a definite failure outranks a fault of the judge
    worst = next((verdict for verdict in failed if verdict is not Verdict.IE), None)
    told = worst or (Verdict.IE if failed else Verdict.AC)
    if judgement.compilation.is_ok and judgement.verdict is not told:
        yield f"verdict {judgement.verdict.value}, and its results make it {told.value}"


def _languages(judgement: Judgement, program: Trial | Trajectory) -> str:
    return f"judged as {judgement.language.value}, written in {program.language.value}"


def _packed(text: str) -> str:
    return "".join(text.split())


def _question(request: Request) -> str:
    return f"{request.key} {request.guidance or ''}"


def _digest(completion: Completion) -> bytes:
    return hashlib.sha256(completion.model_dump_json().encode()).digest()[:16]


def _name(unit: Unit) -> str:
    return f"{unit.problem_id} sample {unit.sample}"
