"""How often replies can be read as prompts get noisier.

Knows: kinds of noise by name, levels, rates with intervals.
Does not know: how prompts are spoilt, who was asked.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Literal, Protocol

from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import Rate, clustered, rate


class Reading(Protocol):
    """What became of one reply."""

    @property
    def problem_id(self) -> str:
        """The problem that was asked about."""
        ...

    @property
    def noise(self) -> str:
        """Kind of noise."""
        ...

    @property
    def level(self) -> int:
        """How much of it; 0 = none."""
        ...

    @property
    def failure(self) -> str | None:
        """Short name of the format failure; None = the reply could be read."""
        ...


class NoiseRow(Record):
    """Replies under one kind of noise."""

    noise: str
    readable: Rate
    """Over all levels; its interval has a problem's replies as one cluster."""
    levels: dict[int, Rate]
    failures: dict[str, int]
    """Unreadable replies by the short name of what was wrong."""


class Readability(Record):
    """readability.json: first replies to noisy prompts, by kind of noise."""

    schema_version: Literal[1] = 1
    run: str
    engine: str
    adapters: str
    """Which roles adapters answer, as `4 LoRA`."""
    num_problems: int
    rows: tuple[NoiseRow, ...]


def noise_rows(readings: Iterable[Reading]) -> tuple[NoiseRow, ...]:
    """Return a row a kind of noise, in order of appearance.

    Raises:
        ConfigError: statsmodels is absent.
    """
    by_noise: defaultdict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        by_noise[str(reading.noise)].append(reading)
    return tuple(_row(noise, found) for noise, found in by_noise.items())


def _row(noise: str, readings: list[Reading]) -> NoiseRow:
    levels = sorted({reading.level for reading in readings})
    failures = Counter(reading.failure for reading in readings if reading.failure is not None)
    return NoiseRow(
        noise=noise,
        readable=clustered((reading.problem_id, reading.failure is None) for reading in readings),
        levels={level: _rate(readings, level) for level in levels},
        failures=dict(failures.most_common()),
    )


def _rate(readings: list[Reading], level: int) -> Rate:
    words = [reading.failure is None for reading in readings if reading.level == level]
    return rate(sum(words), len(words), with_interval=True)
