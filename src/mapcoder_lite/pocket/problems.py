"""Seeded contest problems with hidden tests, split by composition and wording.

Knows: families, splits, how tests are drawn and answered.
Does not know: models, prompts, the judge.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import cycle
from random import Random
from typing import Literal

from mapcoder_lite.pocket import families_lists, families_other
from mapcoder_lite.pocket.family import Draft, Family
from mapcoder_lite.pocket.words import Choices, Wording
from mapcoder_lite.problem import HiddenTests, Limits, Problem, Source, Test

FAMILIES: tuple[Family, ...] = families_lists.FAMILIES + families_other.FAMILIES
Split = Literal["train", "validation", "test"]
NUM_PUBLIC_TESTS = 2
HIDDEN_LEVELS = (0,) * 4 + (1,) * 8 + (2,) * 8
"""Levels of the hidden tests: small, typical and edge cases."""


@dataclass(frozen=True, slots=True)
class Puzzle:
    """A pocket problem together with its ground truth."""

    family: Family
    choices: Choices
    draft: Draft
    problem: Problem
    hidden: HiddenTests


def puzzles(split: Split, seed: int, *, families: tuple[Family, ...] = FAMILIES) -> Iterator[Puzzle]:
    """Endless distinct problems of a split, families in a seeded turn.

    A problem belongs to the test split when neither its composition nor its combination of
    wordings is one that training may use.
    """
    random = Random(f"{split}/{seed}")
    seen: set[str] = set()
    for family in cycle(random.sample(families, len(families))):
        puzzle = next(_of_split(family, split, random))
        if puzzle.problem.statement not in seen:
            seen.add(puzzle.problem.statement)
            yield puzzle


def split_of(name: str) -> Split:
    """The split that a composition or a combination of wordings belongs to."""
    bucket = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10
    return {0: "test", 1: "test", 2: "validation"}.get(bucket, "train")  # type: ignore[return-value]  # literals


def _of_split(family: Family, split: Split, random: Random) -> Iterator[Puzzle]:
    while True:
        choices = family.choose(random)
        wording = Wording(random)
        draft = family.write(choices, wording)
        words = f"{family.name}:{wording.picked}"
        if split_of(family.composition(choices)) == split == split_of(words):
            yield _puzzle(family, choices, draft, random, split)


def _puzzle(family: Family, choices: Choices, draft: Draft, random: Random, split: Split) -> Puzzle:
    identifier = f"pocket-{family.name}-{hashlib.sha256(draft.statement.encode()).hexdigest()[:10]}"
    public = _tests(draft, random, (0,) * NUM_PUBLIC_TESTS)
    hidden = _tests(draft, random, HIDDEN_LEVELS)
    problem = Problem(
        id=identifier,
        title=family.title,
        statement=draft.statement,
        input_spec=draft.input_spec,
        output_spec=draft.output_spec,
        public_tests=public,
        limits=Limits(cpu_seconds=2.0),
        tags=family.tags,
        difficulty=family.difficulty,
        source=Source(name="pocket", licence="Apache-2.0", split=split),
    )
    return Puzzle(family, choices, draft, problem, HiddenTests(problem_id=identifier, tests=hidden))


def _tests(draft: Draft, random: Random, levels: tuple[int, ...]) -> tuple[Test, ...]:
    inputs: dict[str, None] = {}
    for level in levels:
        inputs[draft.make_input(random, level)] = None
    return tuple(Test(input=text, outputs=(answer(draft.program, text),)) for text in inputs)


def answer(program: str, text: str) -> str:
    """What a gold program prints on an input; only the generator's own programs are run here."""
    rows = iter(text.split("\n"))
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(program, "gold", "exec"), {"input": lambda: next(rows)})  # our own text
    return printed.getvalue()
