"""How far what a stage keeps has moved from what there was, and how far chance alone would move it.

Knows: labels, weights, the Jensen-Shannon distance, permutations.
Does not know: stages, problems, files.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any

from mapcoder_lite.errors import ConfigError
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import has_statistics

NUM_DRAWS = 1000
SEED = 0


class Shift(Record):
    """The distance of a stage from the whole, beside the distances that chance brings."""

    distance: float
    """Jensen-Shannon, base 2: 0 = the same shares, 1 = nothing in common."""
    chance_mean: float
    """Mean distance when the same weights fall on problems at random."""
    chance_high: float
    """95th percentile of these distances."""
    p: float
    """Share of them that are at least as far (one-sided; never 0)."""


class Population:
    """Problems under their labels; each problem spreads its weight evenly over its labels."""

    def __init__(self, labels: Mapping[str, Sequence[str]]) -> None:
        """Take every problem's labels, at least one each.

        Raises:
            ConfigError: scipy and statsmodels are not installed.
        """
        if not has_statistics():
            raise ConfigError(
                "distances need scipy and statsmodels: pip install 'mapcoder-lite[evaluation]'"
            )
        self._labels = labels
        self._place = {problem: place for place, problem in enumerate(labels)}
        self.names = tuple(sorted({name for names in labels.values() for name in names}))

    def has(self, problems: Iterable[str]) -> bool:
        """Whether all of these are among the population."""
        return self._place.keys() >= set(problems)

    def shares(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Return each label's share of the weight; none at all = no shares."""
        if not any(weights.values()):
            return {}
        found = self._vector(weights) @ self._matrix
        return dict(zip(self.names, (found / found.sum()).tolist(), strict=True))

    @property
    def even_shares(self) -> dict[str, float]:
        """Return each label's share when every problem weighs the same."""
        return self.shares(dict.fromkeys(self._labels, 1.0))

    def shift(self, weights: Mapping[str, float]) -> Shift | None:
        """Compare weights with an even weight; None when nothing weighs anything.

        The reference deals the same weights out to problems at random, so it holds for several
        rows a trajectory and several trajectories a problem, which depend on each other.
        """
        if not any(weights.values()):
            return None
        numpy: Any = import_module("numpy")
        vector, random = self._vector(weights), numpy.random.default_rng(SEED)
        drawn = numpy.stack([random.permutation(vector) @ self._matrix for _ in range(NUM_DRAWS)])
        return self._beside_chance(vector @ self._matrix, drawn)

    def shift_of_others(self, shares: Mapping[str, float], num_problems: int) -> Shift | None:
        """Compare shares of other problems with an even weight of these; None for none of them.

        The reference draws as many problems from these.
        """
        if num_problems == 0:
            return None
        numpy: Any = import_module("numpy")
        random = numpy.random.default_rng(SEED)
        names = (*self.names, *sorted(shares.keys() - set(self.names)))
        strange = numpy.zeros((NUM_DRAWS, len(names) - len(self.names)))
        places = random.integers(len(self._place), size=(NUM_DRAWS, num_problems))
        drawn = numpy.stack([self._matrix[row].sum(axis=0) for row in places])
        found = numpy.array([shares.get(name, 0.0) for name in names])
        return self._beside_chance(found, numpy.hstack([drawn, strange]))

    def _beside_chance(self, found: Any, drawn: Any) -> Shift:
        numpy: Any = import_module("numpy")
        whole = numpy.zeros(len(found))
        whole[: len(self.names)] = self._matrix.sum(axis=0)
        by_chance = _distances(drawn, whole)
        distance = float(_distances(found[None, :], whole)[0])
        # A draw that is as far but for rounding counts as as far.
        num_as_far = int((by_chance >= distance - 1e-9).sum())
        return Shift(
            distance=distance,
            chance_mean=float(by_chance.mean()),
            chance_high=float(numpy.quantile(by_chance, 0.95)),
            p=(1 + num_as_far) / (1 + NUM_DRAWS),
        )

    def _vector(self, weights: Mapping[str, float]) -> Any:
        numpy: Any = import_module("numpy")
        vector = numpy.zeros(len(self._place))
        for problem, weight in weights.items():
            vector[self._place[problem]] = weight
        return vector

    @cached_property
    def _matrix(self) -> Any:
        """Problems by labels; every row sums to 1."""
        numpy: Any = import_module("numpy")
        column = {name: place for place, name in enumerate(self.names)}
        matrix = numpy.zeros((len(self._labels), len(self.names)))
        for row, names in enumerate(self._labels.values()):
            for name in names:
                matrix[row, column[name]] += 1 / len(names)
        return matrix


def distance(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Return the Jensen-Shannon distance of two distributions over labels, base 2, 0 to 1."""
    numpy: Any = import_module("numpy")
    names = sorted(first.keys() | second.keys())
    pair = numpy.array([[shares.get(name, 0.0) for name in names] for shares in (first, second)])
    return float(_distances(pair[:1], pair[1])[0])


def _distances(rows: Any, whole: Any) -> Any:
    """The distance of each row's distribution to the whole's.

    scipy's `jensenshannon` is not a number where rounding makes a divergence of zero negative.
    """
    numpy: Any = import_module("numpy")
    relative_entropy: Any = import_module("scipy.special").rel_entr
    p = rows / rows.sum(axis=1, keepdims=True)
    q = whole / whole.sum()
    middle = (p + q) / 2
    nats = relative_entropy(p, middle).sum(axis=1) + relative_entropy(q, middle).sum(axis=1)
    return numpy.sqrt(numpy.clip(nats / 2 / numpy.log(2), 0, 1))
