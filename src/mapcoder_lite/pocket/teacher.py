"""A scripted teacher: answers the four roles from ground truth, with seeded mistakes.

It stands where a strong LLM stands in the paper: it sees only the prompt, and every role errs at
a set rate, so that the pass filter has real work to do.

Knows: puzzles, the layout of the prompts, the layouts that the agents' parsers read.
Does not know: the pipeline, tests, the judge.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from mapcoder_lite.agents import parse
from mapcoder_lite.errors import EngineError
from mapcoder_lite.pocket.corpus import exemplar_of, review
from mapcoder_lite.pocket.family import Draft, numbered
from mapcoder_lite.pocket.problems import FAMILIES, Puzzle
from mapcoder_lite.pocket.words import Choices, Wording
from mapcoder_lite.problem import Language
from mapcoder_lite.trajectory import Completion, Recall, Request, Usage, Watch, digest

_STATEMENT = re.compile(r"^# [^\n]*\n(.*?)\n\nInput: ", re.DOTALL | re.MULTILINE)
_PLAN = re.compile(r"\n\nPlan:\n(.*?)(?:\n\nProgram:\n|\Z)", re.DOTALL)
_ALGORITHM = re.compile(r"\n\nAlgorithm: ([^\n]*)")
_COUNT = re.compile(r"Recall (\d+) ")


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


class TeacherEngine:
    """Answers any request about a puzzle that it knows; equal requests get equal replies."""

    def __init__(self, known: Iterable[Puzzle], rates: MistakeRates | None = None, seed: int = 0):
        self._puzzles: Mapping[str, Puzzle] = {p.problem.statement: p for p in known}
        self._rates = rates or MistakeRates()
        self._seed = seed

    @property
    def identity(self) -> str:
        """Changes with the puzzles, the rates and the seed."""
        return f"pocket-teacher/{digest([sorted(self._puzzles), repr(self._rates), self._seed])}"

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request.

        Raises:
            EngineError: a prompt shows no puzzle that the teacher knows, or a grammar is asked for.
        """
        completions = [self._completion(request) for request in requests]
        for index, completion in enumerate(completions):
            (watch or Watch()).answer(index, completion)
        return completions

    def close(self) -> None:
        """Nothing is held."""

    def _completion(self, request: Request) -> Completion:
        if request.grammar is not None:
            raise EngineError(
                "the teacher is a script and cannot be held to a layout: "
                "leave traversal.structured off"
            )
        question = request.messages[-1].content
        puzzle = self._puzzle(question)
        text = self._reply(question, puzzle, Random(f"{self._seed}/{request.key}"))
        # Words stand for tokens: a script has no tokenizer.
        usage = Usage(
            prompt_tokens=sum(len(message.content.split()) for message in request.messages),
            completion_tokens=len(text.split()),
        )
        return Completion(text=text, finish_reason="stop", usage=usage, model="pocket-teacher")

    def _puzzle(self, question: str) -> Puzzle:
        found = _STATEMENT.search(question)
        puzzle = self._puzzles.get(found[1]) if found else None
        if puzzle is None:
            raise EngineError(
                "the pocket teacher knows only the problems of `mapcoder pocket problems`; "
                f"this prompt shows another one: {question[:80]!r}. Use a local or openai engine."
            )
        return puzzle

    def _reply(self, question: str, puzzle: Puzzle, random: Random) -> str:
        if question.startswith("Recall "):
            return self._recall(question, puzzle, random)
        if question.startswith("Check the plan"):
            return self._confidence(question, puzzle, random)
        if question.startswith("Write a step-by-step plan"):
            return numbered(self._plan(question, puzzle, random).plan)
        if " program below fails " in question.partition("\n")[0]:
            return self._debugging(question, puzzle, random)
        return self._coding(question, puzzle, random)

    def _recall(self, question: str, puzzle: Puzzle, random: Random) -> str:
        found = _COUNT.search(question)
        count = int(found[1]) if found else 1
        family = puzzle.family
        if random.random() < self._rates.wrong_algorithm:
            family = random.choice([other for other in FAMILIES if other != family])
        source = Puzzle(family, family.choose(random), puzzle.draft, puzzle.problem, puzzle.hidden)
        exemplars = tuple(exemplar_of(source, random) for _ in range(count))
        text = parse.render_recall(Recall(exemplars=exemplars, algorithm=family.algorithm))
        if random.random() < self._rates.broken_xml:
            return text.partition("<algorithm>")[0]  # as if it had been forgotten
        return text

    def _plan(self, question: str, puzzle: Puzzle, random: Random) -> Draft:
        """A plan; misled by a wrong algorithm, half of the plans are wrong."""
        misled = _field(_ALGORITHM, question) != puzzle.family.algorithm
        rate = 0.5 if misled else self._rates.wrong_plan
        return _wrong(puzzle, random) if random.random() < rate else puzzle.draft

    def _confidence(self, question: str, puzzle: Puzzle, random: Random) -> str:
        plan = tuple(re.sub(r"^\d+\. ", "", step) for step in _field(_PLAN, question).split("\n"))
        explanation = review(puzzle, plan)
        is_right = explanation.startswith("Yes")
        if random.random() < self._rates.wrong_confidence:
            is_right = not is_right
        number = random.randint(16, 19) * 5 if is_right else random.randint(1, 6) * 5
        text = parse.render_confidence(number, explanation)
        if random.random() < self._rates.broken_xml:
            return text.replace(f"<confidence>{number}", f"<confidence>{number} of 100 or so")
        return text

    def _coding(self, question: str, puzzle: Puzzle, random: Random) -> str:
        """The program of the plan as given; a plan that is not recognised is ignored."""
        draft = _planned(puzzle, _field(_PLAN, question))
        if random.random() < self._rates.wrong_program:
            draft = _wrong(puzzle, random)
        return parse.render_program(draft.program, Language.PYTHON)

    def _debugging(self, question: str, puzzle: Puzzle, random: Random) -> str:
        plan, draft = _field(_PLAN, question), puzzle.draft
        draw = random.random()
        if draw < self._rates.idle_patch:
            draft = _planned(puzzle, plan)
        elif draw < self._rates.idle_patch + self._rates.wrong_patch:
            draft = _wrong(puzzle, random)
        return parse.render_debugging(numbered(draft.plan), draft.program, Language.PYTHON)


def _field(pattern: re.Pattern[str], question: str) -> str:
    found = pattern.search(question)
    return found[1].strip() if found else ""


def _wrong(puzzle: Puzzle, random: Random) -> Draft:
    return _written(puzzle, random.choice(list(puzzle.family.mistakes(puzzle.choices))))


def _planned(puzzle: Puzzle, plan: str) -> Draft:
    """The draft that a plan belongs to: the right one, one with a mistake, else the right one."""
    for choices in (puzzle.choices, *puzzle.family.mistakes(puzzle.choices)):
        draft = _written(puzzle, choices)
        if numbered(draft.plan) == plan:
            return draft
    return puzzle.draft


def _written(puzzle: Puzzle, choices: Choices) -> Draft:
    return puzzle.family.write(choices, Wording(Random(0)))
