"""A scripted teacher: answers the four roles from ground truth, with seeded mistakes.

It stands where a strong LLM stands in the paper: it sees only the prompt, and every role errs at
a set rate, so that the pass filter has real work to do. Under a supervisor's feedback that speaks
of a role's fault the role errs rarely; feedback that does not is of no help.

Knows: puzzles, the layout of the prompts, the layouts that the agents' parsers read.
Does not know: the pipeline, tests, the judge.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from random import Random

from mapcoder_lite.agents import parse, prompt
from mapcoder_lite.agents.parse import Tracing
from mapcoder_lite.errors import EngineError
from mapcoder_lite.pocket.corpus import exemplar_of, review
from mapcoder_lite.pocket.family import Draft, numbered
from mapcoder_lite.pocket.problems import FAMILIES, Puzzle
from mapcoder_lite.pocket.script import Script
from mapcoder_lite.pocket.words import Choices, Wording
from mapcoder_lite.problem import Language
from mapcoder_lite.trajectory import Recall, Request

_STATEMENT = re.compile(r"^# [^\n]*\n(.*?)\n\nInput: ", re.DOTALL | re.MULTILINE)
_PLAN = re.compile(r"\n\nPlan:\n(.*?)(?:\n\nProgram:\n|\Z)", re.DOTALL)
_ALGORITHM = re.compile(r"\n\nAlgorithm: ([^\n]*)")
_RECALL = "Recall "
_PLANNING = "Write a step-by-step plan"
_TRACE = "Trace the plan"
_THOUGHTFUL = " Think step by step first: "
_ANALOGICAL = re.compile(r" First recall (\d+) different problems ")
_COUNT = re.compile(r"Recall (\d+) ")

MUST_BE = "must be: "
"""Precedes, in feedback, the line of a reply that was wrong, as it ought to be."""
HEEDED = 0.1
"""What is left of a role's mistakes under feedback that speaks of its fault."""


@dataclass(frozen=True, slots=True)
class MistakeRates:
    """How often each role errs, as shares of its replies."""

    wrong_algorithm: float = 0.08
    broken_xml: float = 0.05
    wrong_plan: float = 0.15
    wrong_confidence: float = 0.10
    wrong_program: float = 0.35
    idle_patch: float = 0.10
    """The patch gives the same program back."""
    wrong_patch: float = 0.10
    misled_plan: float = 0.50
    """Wrong plans where the algorithm is wrong."""

    def times(self, factor: float) -> "MistakeRates":
        """Return all rates multiplied, at most 1."""
        return MistakeRates(*(min(1.0, factor * rate) for rate in astuple(self)))


class TeacherEngine(Script[MistakeRates]):
    """Answers the four roles' questions about puzzles that it knows."""

    name = "pocket-teacher"

    def __init__(
        self,
        known: Iterable[Puzzle],
        rates: MistakeRates | None = None,
        seed: int = 0,
        *,
        is_stubborn: bool = False,
    ):
        """A stubborn teacher errs alike at a problem and task in every attempt."""
        super().__init__(known, rates or MistakeRates(), seed)
        self._is_stubborn = is_stubborn

    @property
    def identity(self) -> str:
        """Says also whether it is stubborn."""
        return f"{super().identity} stubborn" if self._is_stubborn else super().identity

    def _text(self, request: Request) -> str:
        question, _, told = request.messages_sent[-1].content.partition(f"\n\n{prompt.GUIDANCE}")
        puzzle = known_puzzle(self._puzzles, question)
        seed = f"{self._seed}/{request.key}"
        if self._is_stubborn:  # the first line is the task
            seed = f"{self._seed}/{puzzle.problem.id}/{question.partition(chr(10))[0]}"
        # The key leaves guidance out, and who is told something new thinks anew.
        random = Random(f"{seed}/{told}" if told else seed)
        return self._reply(question, puzzle, self._rates_under(told, question, puzzle), random)

    def _rates_under(self, told: str, question: str, puzzle: Puzzle) -> MistakeRates:
        """The rates at which a question is answered wrongly; `told` is the feedback, if any."""
        is_heeded = any(f"{MUST_BE}{line}" in told for line in _truth(question, puzzle))
        return self._rates.times(HEEDED) if is_heeded else self._rates

    def _reply(self, question: str, puzzle: Puzzle, rates: MistakeRates, random: Random) -> str:
        if question.startswith(_RECALL):
            return self._recall(question, puzzle, rates, random)
        if question.startswith("Check the plan"):
            return self._confidence(question, puzzle, rates, random)
        if question.startswith(_TRACE):
            return self._trace(question, puzzle, rates, random)
        if question.startswith(_PLANNING):
            return numbered(self._plan(question, puzzle, rates, random).plan)
        if _is_debugging(question):
            return self._debugging(question, puzzle, rates, random)
        if not _field(_PLAN, question):
            return self._alone(question, puzzle, rates, random)
        return self._coding(question, puzzle, rates, random)

    def _recall(self, question: str, puzzle: Puzzle, rates: MistakeRates, random: Random) -> str:
        found = _COUNT.search(question)
        count = int(found[1]) if found else 1
        family = puzzle.family
        if random.random() < rates.wrong_algorithm:
            family = random.choice([other for other in FAMILIES if other != family])
        source = Puzzle(family, family.choose(random), puzzle.draft, puzzle.problem, puzzle.hidden)
        exemplars = tuple(exemplar_of(source, random) for _ in range(count))
        text = parse.render_recall(Recall(exemplars=exemplars, algorithm=family.algorithm))
        if random.random() < rates.broken_xml:
            return text.partition("<algorithm>")[0]  # as if it had been forgotten
        return text

    def _plan(self, question: str, puzzle: Puzzle, rates: MistakeRates, random: Random) -> Draft:
        """A plan; a wrong algorithm misleads it, none does not."""
        misled = _field(_ALGORITHM, question) not in ("", puzzle.family.algorithm)
        rate = rates.misled_plan if misled else rates.wrong_plan
        return _wrong(puzzle, random) if random.random() < rate else puzzle.draft

    def _confidence(
        self, question: str, puzzle: Puzzle, rates: MistakeRates, random: Random
    ) -> str:
        explanation = review(puzzle, _steps(_field(_PLAN, question)))
        is_right = explanation.startswith("Yes")
        if random.random() < rates.wrong_confidence:
            is_right = not is_right
        number = random.randint(16, 19) * 5 if is_right else random.randint(1, 6) * 5
        text = parse.render_confidence(number, explanation)
        if random.random() < rates.broken_xml:
            return text.replace(f"<confidence>{number}", f"<confidence>{number} of 100 or so")
        return text

    def _coding(self, question: str, puzzle: Puzzle, rates: MistakeRates, random: Random) -> str:
        """The program of the plan as given; a plan that is not recognised is ignored."""
        draft = planned(puzzle, _field(_PLAN, question))
        if random.random() < rates.wrong_program:
            draft = _wrong(puzzle, random)
        return parse.render_program(draft.program, Language.PYTHON)

    def _alone(self, question: str, puzzle: Puzzle, rates: MistakeRates, random: Random) -> str:
        """The program of a plan of one's own, which errs as one that is written down."""
        first = question.partition("\n")[0]
        recalled = _ANALOGICAL.search(first)
        is_wrong = recalled is not None and random.random() < rates.wrong_algorithm
        misled = random.random() < (rates.misled_plan if is_wrong else rates.wrong_plan)
        draft = _wrong(puzzle, random) if misled else puzzle.draft
        said = numbered(draft.plan) if _THOUGHTFUL in first else ""
        if recalled is not None:
            similar = [exemplar_of(puzzle, random) for _ in range(int(recalled[1]))]
            said = "\n".join(f"{one.description}\n{one.planning}" for one in similar)
        if random.random() < rates.wrong_program:
            draft = _wrong(puzzle, random)
        program = parse.render_program(draft.program, Language.PYTHON)
        return f"{said}\n\n{program}" if said else program

    def _trace(self, question: str, puzzle: Puzzle, rates: MistakeRates, random: Random) -> str:
        """A verdict that errs as a confidence, and a correction that errs as a patch."""
        plan = _field(_PLAN, question)
        is_right = plan == numbered(puzzle.draft.plan)
        if random.random() < rates.wrong_confidence:
            is_right = not is_right
        draft = _wrong(puzzle, random) if random.random() < rates.wrong_patch else puzzle.draft
        tracing = Tracing(is_right, None if is_right else numbered(draft.plan))
        text = parse.render_trace(review(puzzle, _steps(plan)), tracing)
        if random.random() < rates.broken_xml:
            return text.replace("<verdict>", "<verdict>mostly ")
        return text

    def _debugging(self, question: str, puzzle: Puzzle, rates: MistakeRates, random: Random) -> str:
        plan, draft = _field(_PLAN, question), puzzle.draft
        draw = random.random()
        if draw < rates.idle_patch:
            draft = planned(puzzle, plan)
        elif draw < rates.idle_patch + rates.wrong_patch:
            draft = _wrong(puzzle, random)
        return parse.render_debugging(numbered(draft.plan), draft.program, Language.PYTHON)


def known_puzzle(known: Mapping[str, Puzzle], question: str) -> Puzzle:
    """Return the puzzle that a prompt shows, of those known by their statements.

    Raises:
        EngineError: it shows no puzzle, or one that is not known.
    """
    found = _STATEMENT.search(question)
    puzzle = known.get(found[1]) if found else None
    if puzzle is None:
        raise EngineError(
            "the pocket world's script knows only the problems of `mapcoder pocket problems`; "
            f"this prompt shows another one: {question[:80]!r}. Use a local or openai engine."
        )
    return puzzle


def planned(puzzle: Puzzle, plan: str) -> Draft:
    """The draft that a plan belongs to: the right one, one with a mistake, else the right one."""
    for choices in (puzzle.choices, *puzzle.family.mistakes(puzzle.choices)):
        draft = _written(puzzle, choices)
        if numbered(draft.plan) == plan:
            return draft
    return puzzle.draft


def _truth(question: str, puzzle: Puzzle) -> tuple[str, ...]:
    """The lines of the right answer to a question."""
    if question.startswith(_RECALL):
        return (puzzle.family.algorithm,)
    if question.startswith("Check the plan"):
        return ()
    if question.startswith((_PLANNING, _TRACE)):
        return puzzle.draft.plan
    return tuple(puzzle.draft.program.splitlines())


def _steps(plan: str) -> tuple[str, ...]:
    return tuple(re.sub(r"^\d+\. ", "", step) for step in plan.split("\n"))


def _is_debugging(question: str) -> bool:
    return " program below fails " in question.partition("\n")[0]


def _field(pattern: re.Pattern[str], question: str) -> str:
    found = pattern.search(question)
    return found[1].strip() if found else ""


def _wrong(puzzle: Puzzle, random: Random) -> Draft:
    return _written(puzzle, puzzle.family.mistake(puzzle.choices, random))


def _written(puzzle: Puzzle, choices: Choices) -> Draft:
    return puzzle.family.write(choices, Wording(Random(0)))
