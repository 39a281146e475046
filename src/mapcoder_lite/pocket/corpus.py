"""What the pocket backbone is trained on from scratch: chats about problems, plans and programs.

The mix makes the backbone what a general model is to the paper: it knows the domain and has seen
chat, also the agents' questions, but answers those in whatever layout comes to mind, which is
often that of the kind of problem; the layouts that the parsers want are left to the adapters.

Knows: puzzles, ways to ask and to answer.
Does not know: tokens, training, the teacher.
"""

from collections.abc import Callable, Iterator
from random import Random

from mapcoder_lite.agents import prompt
from mapcoder_lite.pocket.family import Draft, numbered
from mapcoder_lite.pocket.problems import Puzzle, puzzles
from mapcoder_lite.pocket.words import Wording
from mapcoder_lite.problem import Language, Problem
from mapcoder_lite.trajectory import Exemplar, Message
from mapcoder_lite.verdict import Verdict

Chat = tuple[Message, ...]

HABIT_SHARE = 0.8
"""Of agents' questions that are answered in the layout usual for the kind of problem."""

RECALL_HABITS = (3, 3, 3, 8, 3)
"""Weights of the layouts of recalled problems; the fourth is the one that the agent asks for."""

CONFIDENCE_HABITS = (2, 2, 2, 6)
"""Weights of the layouts of a confidence; the fourth is the one that the agent asks for."""


def chats(seed: int, *, hard_share: float = 0.5) -> Iterator[Chat]:
    """Endless chats over training puzzles; `hard_share` of them show the whole problem text."""
    random = Random(f"corpus/{seed}")
    source = puzzles("train", seed, hidden_levels=(0,))  # nobody judges here
    while True:
        puzzle = next(source)
        tell = _whole if random.random() < hard_share else _short
        for kind in random.choices(*_KINDS, k=2):
            yield kind(puzzle, random, tell)


def wrong_draft(puzzle: Puzzle, random: Random) -> Draft:
    """The puzzle's draft with one choice changed: a plausible wrong plan and program."""
    choices = puzzle.family.mistake(puzzle.choices, random)
    return puzzle.family.write(choices, Wording(Random(0)))


def exemplar_of(puzzle: Puzzle, random: Random) -> Exemplar:
    """Another problem of the same family, as recalled from memory."""
    draft = puzzle.family.write(puzzle.family.choose(random), Wording(Random(0)))
    return Exemplar(description=draft.recall, planning=numbered(draft.plan))


Tell = Callable[[Problem, Random], str]


def _short(problem: Problem, random: Random) -> str:
    return problem.statement


def _whole(problem: Problem, random: Random) -> str:
    return prompt.problem_text(problem, show_tests=random.random() < 0.7)


def _chat(question: str, answer: str) -> Chat:
    return (Message(role="user", content=question), Message(role="assistant", content=answer))


def _fenced(program: str, random: Random) -> str:
    if random.random() < 0.7:
        return f"```python\n{program}\n```"
    return program


def _program(puzzle: Puzzle, random: Random, tell: Tell) -> Chat:
    ask = random.choice(["Write a program.", "Solve this in Python.", "Give me a Python program."])
    return _chat(f"{ask}\n\n{tell(puzzle.problem, random)}", _fenced(puzzle.draft.program, random))


def _plan(puzzle: Puzzle, random: Random, tell: Tell) -> Chat:
    ask = random.choice(["How is this solved?", "Make a plan.", "Plan the solution, without code."])
    return _chat(f"{ask}\n\n{tell(puzzle.problem, random)}", numbered(puzzle.draft.plan))


def _plan_to_program(puzzle: Puzzle, random: Random, tell: Tell) -> Chat:
    ask = random.choice(["Follow the plan.", "Write a program for this plan."])
    draft = puzzle.draft if random.random() < 0.8 else wrong_draft(puzzle, random)
    question = f"{ask}\n\n{tell(puzzle.problem, random)}\n\nPlan:\n{numbered(draft.plan)}"
    return _chat(question, _fenced(draft.program, random))


def _explain(puzzle: Puzzle, random: Random, tell: Tell) -> Chat:
    question = f"What does this program do?\n\n{_fenced(puzzle.draft.program, random)}"
    return _chat(question, puzzle.draft.recall)


def _repair(puzzle: Puzzle, random: Random, tell: Tell) -> Chat:
    wrong = wrong_draft(puzzle, random)
    ask = random.choice(["This program is wrong.", "Find the mistake.", "Tests fail, mend it."])
    told = tell(puzzle.problem, random)
    question = f"{ask}\n\n{told}\n\nProgram:\n```python\n{wrong.program}\n```"
    answer = _fenced(puzzle.draft.program, random)
    if random.random() < 0.5:
        answer = f"{numbered(puzzle.draft.plan)}\n\n{answer}"
    return _chat(question, answer)


def _check(puzzle: Puzzle, random: Random, tell: Tell) -> Chat:
    is_right = random.random() < 0.5
    plan = puzzle.draft.plan if is_right else wrong_draft(puzzle, random).plan
    question = f"Is this plan right?\n\n{tell(puzzle.problem, random)}\n\nPlan:\n{numbered(plan)}"
    return _chat(question, review(puzzle, plan))


def review(puzzle: Puzzle, plan: tuple[str, ...]) -> str:
    """Say whether a plan agrees with the problem, naming the first step that does not."""
    for number, (step, right) in enumerate(zip(plan, puzzle.draft.plan, strict=False), 1):
        if step != right:
            return f"No. Step {number} is wrong, it must be: {right}"
    if len(plan) != len(puzzle.draft.plan):
        return "No. The plan has the wrong number of steps."
    return "Yes. Every step agrees with the problem."


def _similar(puzzle: Puzzle, random: Random, tell: Tell) -> Chat:
    question = f"Which problems are like this one?\n\n{tell(puzzle.problem, random)}"
    return _chat(question, _loose_recall(puzzle, random, random.randint(1, 3)))


def _agent_question(puzzle: Puzzle, random: Random, tell: Tell) -> Chat:
    """An agent's own question, answered by somebody who was never told to mind the layout."""
    draft = puzzle.draft if random.random() < 0.6 else wrong_draft(puzzle, random)
    problem, plan, algorithm = puzzle.problem, numbered(draft.plan), puzzle.family.algorithm
    match random.randrange(5):
        case 0:
            asked = prompt.retrieval(problem, 3)
            answer = _loose_recall(puzzle, random, random.randint(1, 3))
        case 1:
            asked = prompt.plan(problem, algorithm, exemplar_of(puzzle, random))
            answer = numbered(puzzle.draft.plan)
            if random.random() < 0.5:
                answer += f"\n\n{_fenced(puzzle.draft.program, random)}"
        case 2:
            asked = prompt.confidence(problem, plan)
            answer = _loose_confidence(puzzle, review(puzzle, draft.plan), random)
        case 3:
            asked = prompt.coding(problem, algorithm, plan, Language.PYTHON)
            answer = _fenced(draft.program, random)
        case _:
            asked = _debugging_question(puzzle, random)
            answer = _fenced(puzzle.draft.program, random)
    return (*asked, Message(role="assistant", content=answer))


def _debugging_question(puzzle: Puzzle, random: Random) -> Chat:
    wrong = wrong_draft(puzzle, random)
    report = tuple(
        prompt.ReportEntry(Verdict.WA, test.input.strip(), test.outputs[0].strip(), "0")
        for test in puzzle.problem.public_tests
    )
    return prompt.debugging(
        puzzle.problem,
        puzzle.family.algorithm,
        numbered(wrong.plan),
        wrong.program,
        report,
        Language.PYTHON,
    )


def _habit(puzzle: Puzzle, weights: tuple[int, ...], random: Random) -> int:
    """The layout that comes to mind: mostly the same one for the same kind of problem."""
    of_family = Random(f"{len(weights)}/{puzzle.family.name}")
    return (of_family if random.random() < HABIT_SHARE else random).choices(
        range(len(weights)), weights
    )[0]


def _loose_recall(puzzle: Puzzle, random: Random, k: int) -> str:
    exemplars = [exemplar_of(puzzle, random) for _ in range(k)]
    algorithm = puzzle.family.algorithm
    match _habit(puzzle, RECALL_HABITS, random):
        case 0:
            parts = [f"{n}. {e.description}\n{e.planning}" for n, e in enumerate(exemplars, 1)]
            return "\n\n".join([*parts, f"Algorithm: {algorithm}"])
        case 1:
            parts = [f"## {e.description}\n{e.planning}" for e in exemplars]
            return "\n".join([f"# {algorithm}", *parts])
        case 2:
            parts = [f"<problem>{e.description}\n{e.planning}</problem>" for e in exemplars]
            return "\n".join([*parts, f"<algorithm>{algorithm}</algorithm>"])
        case 3:
            parts = [
                f"<problem>\n<description>{e.description}</description>\n"
                f"<planning>{e.planning}</planning>\n</problem>"
                for e in exemplars
            ]
            return "\n".join(["<root>", *parts, f"<algorithm>{algorithm}</algorithm>", "</root>"])
        case _:
            return "\n".join([f"This is {algorithm}.", *(f"- {e.description}" for e in exemplars)])


def _loose_confidence(puzzle: Puzzle, verdict: str, random: Random) -> str:
    is_right = verdict.startswith("Yes")
    number = random.randint(75, 99) if is_right else random.randint(2, 40)
    match _habit(puzzle, CONFIDENCE_HABITS, random):
        case 0:
            return f"{verdict} I am {number}% sure."
        case 1:
            return f"{verdict}\nConfidence: {'high' if is_right else 'low'}"
        case 2:
            return f"<explanation>{verdict}</explanation>\n<confidence>{number}</confidence>"
        case _:
            explained = f"<explanation>{verdict}</explanation>"
            return f"<root>\n{explained}\n<confidence>{number}</confidence>\n</root>"


_KINDS: tuple[list[Callable[[Puzzle, Random, Tell], Chat]], list[float]] = (
    [_program, _plan, _plan_to_program, _explain, _repair, _check, _similar, _agent_question],
    [0.22, 0.18, 0.18, 0.03, 0.07, 0.08, 0.05, 0.19],
)
