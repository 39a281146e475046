"""A scripted supervisor: blames failed attempts by ground truth, with seeded mistakes.

It stands where a strong LLM stands in the paper: it sees only the prompt. What is right is what the
generator wrote, compared as text, so a program that is right in other words counts as wrong: sound
for the scripted teacher as student, who never writes such a one.

Knows: puzzles, the supervisor's prompt, which replies of an attempt are wrong.
Does not know: the pipeline, tests, the judge.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from itertools import zip_longest
from random import Random

from mapcoder_lite.agents import parse
from mapcoder_lite.agents.parse import Accusation
from mapcoder_lite.errors import FormatError
from mapcoder_lite.pocket.family import numbered
from mapcoder_lite.pocket.problems import Puzzle
from mapcoder_lite.pocket.script import Script
from mapcoder_lite.pocket.teacher import MUST_BE, known_puzzle, planned
from mapcoder_lite.problem import Language
from mapcoder_lite.trajectory import (
    Call,
    CallKind,
    Completion,
    Request,
    Role,
    Trajectory,
)

_STEP = re.compile(
    r"^### Step (?P<place>\d+): (?P<title>retrieval|planning, plan|planning, confidence in plan"
    r"|planning, trace of plan|coding, plan|coding, without a plan|debugging, plan)"
    r"(?: (?P<plan>\d+))?(?:, round (?P<round>\d+))?$",
    re.MULTILINE,
)
_NEXT = re.compile(r"^### (?:Step \d+: |The end$)", re.MULTILINE)
_UNREAD = "\n(This reply could not be read: "
_SUBMITTED = re.compile(r"the program of step (\d+) was submitted")
_KINDS = {
    "retrieval": CallKind.RETRIEVAL,
    "planning, plan": CallKind.PLAN,
    "planning, confidence in plan": CallKind.CONFIDENCE,
    "planning, trace of plan": CallKind.TRACE,
    "coding, plan": CallKind.CODING,
    "coding, without a plan": CallKind.CODING,
    "debugging, plan": CallKind.DEBUGGING,
}
_WRITERS = (CallKind.CODING, CallKind.DEBUGGING)


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """How often the supervisor errs, as shares of its replies."""

    wrong_role: float = 0.15
    """It names another role that was asked, and cannot say what is wrong."""
    unusable: float = 0.05
    """Its reply cannot be used."""

    def times(self, factor: float) -> "ErrorRates":
        """Return all rates multiplied, at most 1."""
        return ErrorRates(*(min(1.0, factor * rate) for rate in astuple(self)))


class SupervisorEngine(Script[ErrorRates]):
    """Answers the supervisor's question about puzzles that it knows."""

    name = "pocket-supervisor"

    def __init__(self, known: Iterable[Puzzle], rates: ErrorRates | None = None, seed: int = 0):
        super().__init__(known, rates or ErrorRates(), seed)

    def _text(self, request: Request) -> str:
        question = request.messages_sent[-1].content
        puzzle = known_puzzle(self._puzzles, question)
        return self._reply(question, puzzle, Random(f"{self._seed}/{request.key}"))

    def _reply(self, question: str, puzzle: Puzzle, random: Random) -> str:
        answers = _read(question)
        if not answers:
            return "There is nothing to judge."
        guilty = _first_wrong(puzzle, answers, _submitted(question)) or answers[-1]
        if random.random() < self._rates.unusable:
            return random.choice(
                [
                    "The program is wrong.",
                    parse.render_blame(Accusation("tester", "1", "It is wrong.", "Test more.")),
                    parse.render_blame(Accusation(guilty.role, "none", "It is wrong.", "Again.")),
                ]
            )
        others = [answer for answer in answers if answer.role is not guilty.role]
        if others and random.random() < self._rates.wrong_role:
            return _accusation(random.choice(others), "Something is wrong with this reply.")
        return _accusation(guilty, _remedy(puzzle, guilty))


@dataclass(frozen=True, slots=True)
class _Answer:
    """One reply of an attempt, whether read in a trajectory or in a supervisor's prompt."""

    place: int
    kind: CallKind
    plan_index: int | None
    round: int
    text: str
    is_readable: bool

    @property
    def role(self) -> Role:
        return self.kind.role

    @property
    def completion(self) -> Completion:
        return Completion(text=self.text, finish_reason="stop")


def wrong_steps(puzzle: Puzzle, trajectory: Trajectory) -> list[int]:
    """Return the positions of the calls that are wrong by ground truth.

    Wrong is: a reply that could not be read; retrieval that names another family's algorithm; a
    plan that is not the right one; a confidence on the wrong side of 50; a program that is neither
    right nor what its plan says; a patch that does not mend the program.
    """
    answers = _answers(trajectory)
    return [answer.place for answer in answers if _is_wrong(puzzle, answer, answers)]


def culprit(puzzle: Puzzle, trajectory: Trajectory) -> int | None:
    """Return the first wrong call that the submitted program rests on; without a program, the first
    wrong call. None: none is known to be wrong.

    Confidences are left out: no program rests on one.
    """
    trial = next((t for t in trajectory.trials if t.program == trajectory.program), None)
    written = None if trial is None else (trial.plan_index, trial.round)
    guilty = _first_wrong(puzzle, _answers(trajectory), written)
    return None if guilty is None else guilty.place


def _answers(trajectory: Trajectory) -> list[_Answer]:
    return [
        _Answer(
            place, step.kind, step.plan_index, step.round, step.completion.text, not step.failure
        )
        for place, step in enumerate(trajectory.steps)
        if isinstance(step, Call)
    ]


def _read(question: str) -> list[_Answer]:
    """Find the replies of an attempt in a supervisor's prompt."""
    answers: list[_Answer] = []
    for found in _STEP.finditer(question):
        following = _NEXT.search(question, found.end())
        section = question[found.end() : following.start() if following else len(question)]
        text, unread, _ = section.partition(_UNREAD)
        plan = None if found["plan"] is None else int(found["plan"])
        kind = _KINDS[found["title"]]
        round = int(found["round"] or 0)
        answers.append(_Answer(int(found["place"]), kind, plan, round, text.strip(), not unread))
    return answers


def _submitted(question: str) -> tuple[int | None, int] | None:
    """Plan and round of the submitted program."""
    found = _SUBMITTED.findall(question)
    writers = {a.place: a for a in _read(question) if a.kind in _WRITERS}
    writer = writers.get(int(found[-1])) if found else None
    return None if writer is None else (writer.plan_index, writer.round)


def _first_wrong(
    puzzle: Puzzle, answers: Sequence[_Answer], written: tuple[int | None, int] | None
) -> _Answer | None:
    """The first wrong reply on the path of the program of this plan and round."""
    for answer in answers:
        is_path = written is None or _leads_to(answer, *written)
        if answer.kind is CallKind.CONFIDENCE or not is_path:
            continue
        if _is_wrong(puzzle, answer, answers):
            return answer
    return None


def _leads_to(answer: _Answer, plan_index: int | None, round: int) -> bool:
    if not answer.is_readable:
        return False  # asked again, or the path ended there
    if answer.kind is CallKind.RETRIEVAL:
        return plan_index is not None
    return answer.plan_index == plan_index and answer.round <= round


def _is_wrong(puzzle: Puzzle, answer: _Answer, answers: Sequence[_Answer]) -> bool:
    if not answer.is_readable:
        return True
    try:
        match answer.kind:
            case CallKind.RETRIEVAL:
                return parse.recall(answer.completion).algorithm != puzzle.family.algorithm
            case CallKind.PLAN:
                return not _is_right_plan(puzzle, answer.text)
            case CallKind.CONFIDENCE:
                is_sure = parse.confidence(answer.completion) > 50
                return is_sure is not _is_right_plan(puzzle, _plan_of(answer, answers))
            case CallKind.TRACE:
                return not _is_right_trace(puzzle, answer, _plan_of(answer, answers))
            case CallKind.CODING:
                plan = planned(puzzle, _corrected(answer, answers) or _plan_of(answer, answers))
                return _program(answer) not in (puzzle.draft.program, plan.program)
            case CallKind.DEBUGGING:
                return _program(answer) != puzzle.draft.program
    except FormatError:
        return True


def _is_right_plan(puzzle: Puzzle, plan: str) -> bool:
    return plan.strip() == numbered(puzzle.draft.plan)


def _is_right_trace(puzzle: Puzzle, answer: _Answer, plan: str) -> bool:
    """Whether a trace says of its plan what is so, and corrects a wrong one rightly if at all."""
    traced = parse.trace(answer.completion)
    if traced.plan is not None:
        return _is_right_plan(puzzle, traced.plan)
    return traced.is_right is _is_right_plan(puzzle, plan)


def _corrected(answer: _Answer, answers: Sequence[_Answer]) -> str | None:
    """The plan that a trace put in the place of a reply's."""
    for other in answers:
        is_its = other.kind is CallKind.TRACE and other.plan_index == answer.plan_index
        if is_its and other.is_readable:
            return parse.trace(other.completion).plan
    return None


def _plan_of(answer: _Answer, answers: Sequence[_Answer]) -> str:
    """The plan that a reply was given to."""
    plans = [
        other.text.strip()
        for other in answers
        if other.kind is CallKind.PLAN
        and other.is_readable
        and other.plan_index == answer.plan_index
    ]
    return plans[-1] if plans else ""


def _program(answer: _Answer) -> str:
    return parse.program(answer.completion, Language.PYTHON).strip()


def _remedy(puzzle: Puzzle, answer: _Answer) -> str:
    """Say what the reply ought to have said, at the first place where it does not."""
    match answer.kind:
        case CallKind.RETRIEVAL:
            return f"Write the whole layout. The algorithm {MUST_BE}{puzzle.family.algorithm}"
        case CallKind.PLAN | CallKind.CONFIDENCE | CallKind.TRACE:
            written = [re.sub(r"^\d+\. ", "", line) for line in answer.text.split("\n")]
            return _first_difference("Step", written, puzzle.draft.plan)
        case CallKind.CODING | CallKind.DEBUGGING:
            try:
                written = _program(answer).split("\n")
            except FormatError:
                written = []
            return _first_difference("Line", written, puzzle.draft.program.split("\n"))


def _first_difference(word: str, written: Sequence[str], right: Sequence[str]) -> str:
    for number, (line, wanted) in enumerate(zip_longest(written, right), 1):
        if line != wanted and wanted is not None:
            return f"{word} {number} is wrong, it {MUST_BE}{wanted}"
    return f"It must end with {word.lower()} {len(right)}."


def _accusation(answer: _Answer, feedback: str) -> str:
    reason = f"The reply of {answer.role} is the first that is wrong."
    return parse.render_blame(Accusation(answer.role, str(answer.place), reason, feedback))
