"""What a problem family is: dimensions to choose from and a function that writes the problem.

Knows: dimensions, choices, single changes of a choice (the seeded mistakes).
Does not know: which families there are, how problems are split or judged.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from mapcoder_lite.pocket.words import Choices, Wording

Dimensions = dict[str, tuple[str | int, ...]]


@dataclass(frozen=True, slots=True)
class Draft:
    """A problem as its family writes it."""

    statement: str
    input_spec: str
    output_spec: str
    recall: str
    """The task in one plain sentence, as a teacher would recall it."""
    plan: tuple[str, ...]
    """Steps in order, without numbers."""
    program: str
    make_input: Callable[[Random, int], str]
    """Input for a level: 0 small, 1 typical, 2 edge case."""


@dataclass(frozen=True, slots=True)
class Family:
    """Problems of one kind, told apart by independent choices."""

    name: str
    title: str
    algorithm: str
    """Name of the algorithm, a colon, how it works."""
    tags: tuple[str, ...]
    difficulty: int
    dimensions: Dimensions
    write: Callable[[Choices, Wording], Draft]

    def choose(self, random: Random) -> Choices:
        """Draw one option of every dimension."""
        return {name: random.choice(options) for name, options in self.dimensions.items()}

    def composition(self, choices: Choices) -> str:
        """Name what is asked, constants aside; the unit by which problems are split.

        Choices that make no difference beside the others do not count.
        """
        constants = {
            name: options[0]
            for name, options in self.dimensions.items()
            if isinstance(options[0], int)
        }
        return f"{self.name}: {self._program({**choices, **constants})}"

    def mistakes(self, choices: Choices) -> Iterator[Choices]:
        """Every set of choices that differs in one dimension and has another program."""
        return self._wrong(choices, self._options())

    def mistake(self, choices: Choices, random: Random) -> Choices:
        """One of the mistakes, each as likely as any other."""
        options = self._options()
        random.shuffle(options)
        return next(self._wrong(choices, options))

    def _options(self) -> list[tuple[str, str | int]]:
        return [(name, option) for name, options in self.dimensions.items() for option in options]

    def _wrong(self, choices: Choices, options: list[tuple[str, str | int]]) -> Iterator[Choices]:
        right = self._program(choices)
        for name, option in options:
            changed = {**choices, name: option}
            if option != choices[name] and self._program(changed) != right:
                yield changed

    def _program(self, choices: Choices) -> str:
        return self.write(choices, Wording(Random(0))).program


def numbered(plan: tuple[str, ...]) -> str:
    """The plan as text, one numbered step a line."""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(plan, 1))


def lines(*parts: str) -> str:
    """A program of the given lines."""
    return "\n".join(parts)


def steps_unless_empty(nothing: str, printed: str) -> tuple[str, str]:
    """The last steps of a plan that prints something else when the list b is empty."""
    return f"If b is empty print {nothing}.", f"Else print {printed}."


def lines_unless_empty(nothing: str, printed: str) -> tuple[str, str, str, str]:
    """The last lines of such a plan's program."""
    return "if not b:", f"    print({nothing})", "else:", f"    print({printed})"
