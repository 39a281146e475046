"""The problem of a request: whole, pasted or bundled, and within what the service takes.

Knows: bundled problems, bounds of what is taken from strangers.
Does not know: HTTP, how problems are solved.
"""

from collections.abc import Mapping
from functools import cache
from itertools import islice

from mapcoder_lite.data.load import parse_problem_text
from mapcoder_lite.errors import InputError
from mapcoder_lite.pocket.world import problem_set
from mapcoder_lite.practice.guard import Guard, warning_of
from mapcoder_lite.problem import Problem
from mapcoder_lite.server.bodies import ParsedProblem, ProblemChoice
from mapcoder_lite.server.faults import NotFound
from mapcoder_lite.settings import ServeConfig

NUM_BUNDLED = 200
"""The first problems of the pocket test set, those that evaluations take too."""
_MAX_PASTED_CHARACTERS = 1_000_000
"""Of a statement and its samples in one text."""
_MAX_CPU_SECONDS = 30.0
_MAX_MEMORY_BYTES = 2 * 2**30


@cache
def bundled() -> Mapping[str, Problem]:
    """Return the bundled problems by id."""
    puzzles = islice(problem_set("test"), NUM_BUNDLED)
    return {puzzle.problem.id: puzzle.problem for puzzle in puzzles}


def bundled_problem(name: str) -> Problem:
    """Return a bundled problem.

    Raises:
        NotFound: there is none of that name.
    """
    problem = bundled().get(name)
    if problem is None:
        raise NotFound(f"no bundled problem {name[:100]!r}; GET /api/problems lists them")
    return problem


def chosen(choice: ProblemChoice, settings: ServeConfig) -> Problem:
    """Return the problem of a request.

    Raises:
        InputError: none is given or several, it cannot be understood, or it is too large.
        NotFound: there is no bundled problem of that name.
    """
    given = [choice.problem, choice.text, choice.problem_id]
    if sum(one is not None for one in given) != 1:
        raise InputError("give exactly one of problem, text and problem_id")
    if choice.problem is not None:
        return bounded(choice.problem, settings)
    if choice.problem_id is not None:
        return bundled_problem(choice.problem_id)
    return bounded(pasted(choice.text or ""), settings)


def pasted(text: str) -> Problem:
    """Read a pasted statement or problem.json.

    Raises:
        InputError: it cannot be understood, or is too long.
    """
    refuse_long(text)
    return parse_problem_text(text)


def refuse_long(text: str) -> None:
    """Refuse a text before anything is searched in it.

    Raises:
        InputError: it is too long to be read.
    """
    if len(text) > _MAX_PASTED_CHARACTERS:
        raise InputError(
            f"a text of {len(text)} characters, more than the {_MAX_PASTED_CHARACTERS} that are "
            "read: leave out large samples"
        )


def parsed(text: str, settings: ServeConfig, guard: Guard) -> ParsedProblem:
    """Read a pasted text, and say what is doubtful of it, a contest's rules among that.

    Raises:
        InputError: it cannot be understood, or is too large.
    """
    problem = bounded(pasted(text), settings)
    warnings: list[str] = []
    if not problem.public_tests:
        warnings.append("no samples found: nothing that is written can be tested or called solved")
    elif any(not test.input.strip() for test in problem.public_tests):
        warnings.append("a sample has an empty input")
    if guard is not Guard.OFF and (said := warning_of(problem)) is not None:
        warnings.append(said)
    return ParsedProblem(problem=problem, warnings=tuple(warnings))


def bounded(problem: Problem, settings: ServeConfig) -> Problem:
    """Return a problem that the service takes.

    Raises:
        InputError: it is larger than that, or asks for more than a stranger is given.
    """
    num_tests = len(problem.public_tests)
    if num_tests > settings.max_tests:
        raise InputError(f"{num_tests} samples, more than the {settings.max_tests} that are taken")
    texts = (
        problem.title,
        problem.statement,
        problem.input_spec,
        problem.output_spec,
        problem.notes,
    )
    length = sum(map(len, texts))
    if length > settings.max_statement_chars:
        raise InputError(
            f"a statement of {length} characters, more than the {settings.max_statement_chars} "
            "that are taken"
        )
    limits = problem.limits
    if limits.cpu_seconds > _MAX_CPU_SECONDS or limits.memory_bytes > _MAX_MEMORY_BYTES:
        raise InputError(
            f"limits of {limits.cpu_seconds:g} s and {limits.memory_bytes} bytes; "
            f"{_MAX_CPU_SECONDS:g} s and {_MAX_MEMORY_BYTES} bytes are the most"
        )
    return problem
