"""Seeded contest problems with hidden tests, split by composition and wording.

Knows: families, splits, how tests are drawn and answered.
Does not know: models, prompts, the judge.
"""

import hashlib
import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from types import CodeType
from typing import Literal

from mapcoder_lite.pocket.families import FAMILIES
from mapcoder_lite.pocket.family import Draft, Family
from mapcoder_lite.pocket.words import Choices, Wording
from mapcoder_lite.problem import HiddenTests, Limits, Problem, Source, Test

Split = Literal["train", "validation", "test"]
NUM_PUBLIC_TESTS = 2
MAX_DRAWS = 3000
"""Draws without a new problem after which a family counts as used up."""
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


def puzzles(
    split: Split,
    seed: int,
    *,
    families: tuple[Family, ...] = FAMILIES,
    hidden_levels: tuple[int, ...] = HIDDEN_LEVELS,
) -> Iterator[Puzzle]:
    """Distinct problems of a split, families in a seeded turn, until no family has a new one.

    A test problem has both a composition and a combination of wordings that training never uses;
    a validation problem a composition that it never uses. One hidden test a level is drawn.
    """
    random = Random(f"{split}/{seed}")
    seen: set[str] = set()
    waiting = deque(random.sample(families, len(families)))
    while waiting:
        family = waiting.popleft()
        found = _new_draft(family, split, random, seen)
        if found is not None:
            waiting.append(family)
            seen.add(found[1].statement)
            yield _puzzle(family, *found, random, split, hidden_levels)


def split_of(name: str) -> Split:
    """The split that a composition or a combination of wordings belongs to."""
    bucket = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10
    return "test" if bucket < 2 else "validation" if bucket == 2 else "train"


def _new_draft(
    family: Family, split: Split, random: Random, seen: set[str]
) -> tuple[Choices, Draft] | None:
    """A draft of the split that was not seen; None when a long search finds none."""
    for _ in range(MAX_DRAWS):
        choices = family.choose(random)
        wording = Wording(random)
        draft = family.write(choices, wording)
        words = split_of(f"{family.name}:{wording.picked}")
        fits = words == split or (split == "validation" and words == "train")
        if fits and split_of(family.composition(choices)) == split and draft.statement not in seen:
            return choices, draft
    return None


def _puzzle(
    family: Family,
    choices: Choices,
    draft: Draft,
    random: Random,
    split: Split,
    hidden_levels: tuple[int, ...],
) -> Puzzle:
    identifier = f"pocket-{family.name}-{hashlib.sha256(draft.statement.encode()).hexdigest()[:10]}"
    public = _tests(draft, random, (0,) * NUM_PUBLIC_TESTS)
    hidden = _tests(draft, random, hidden_levels)
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
    gold = compile(draft.program, "gold", "exec")
    return tuple(Test(input=text, outputs=(_printed(gold, text),)) for text in inputs)


def _printed(gold: CodeType, text: str) -> str:
    """What a gold program prints on an input; only the generator's own programs are run here."""
    rows = iter(text.split("\n"))
    printed = io.StringIO()
    exec(gold, {"input": lambda: next(rows), "print": partial(print, file=printed)})  # our own text
    return printed.getvalue()
