"""How much of an evaluation problem stands in another text.

Words are runs of letters and digits, NFKC, lower case: case, punctuation, spacing and markup hide
no copy. Two measures, both from 0 to 1:

* containment: the share of the evaluation problem's distinct n-grams of words that the text holds;
  a copy within a longer text counts in full. s1 (2501.19393) and open-r1 call a problem
  contaminated when any 8-gram is shared: containment above 0.
* similarity: of the two texts as wholes, by MinHash; a reworded copy keeps much of it.

Knows: statements, n-grams, evaluation problems by set and id.
Does not know: rows, runs, what becomes of a text that overlaps.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from mapcoder_lite.data.nearness import NearTexts, words_of
from mapcoder_lite.errors import InputError
from mapcoder_lite.problem import Problem, Record

_LEAST_SIMILARITY = 0.3
"""Below it texts count as not similar at all."""
_EXCERPT_WORDS = 40


class Match(Record):
    """The evaluation problem that a text overlaps with most by one measure, and how much."""

    evaluation_set: str
    problem_id: str
    score: float
    """Containment or similarity, 0 to 1."""
    excerpt: str = ""
    """The longest run of words that both hold, its first 40 words."""


@dataclass(frozen=True, slots=True)
class _Target:
    evaluation_set: str
    problem_id: str
    num_grams: int


class OverlapIndex:
    """Evaluation problems by their n-grams; asking costs as much as the text is long."""

    def __init__(self, ngram_words: int = 8) -> None:
        """Prepare for n-grams of so many words.

        Raises:
            ConfigError: datasketch is not installed.
        """
        self._ngram_words = ngram_words
        self._lengths = {ngram_words}  # a shorter problem is one n-gram of its own length
        self._targets: list[_Target] = []
        self._holders: defaultdict[int, list[int]] = defaultdict(list)  # n-gram -> targets
        self._near = NearTexts(_LEAST_SIMILARITY)

    def __len__(self) -> int:
        return len(self._targets)

    def add(self, evaluation_set: str, problems: Sequence[Problem]) -> None:
        """Look for these problems from now on.

        Raises:
            InputError: the statement of one holds no word.
        """
        for problem in problems:
            words = words_of(statement_of(problem))
            if not words:
                raise InputError(f"{evaluation_set}: the statement of {problem.id} holds no word")
            length = min(self._ngram_words, len(words))
            grams = set(_grams(words, length))
            number = len(self._targets)
            self._lengths.add(length)
            self._targets.append(_Target(evaluation_set, problem.id, len(grams)))
            self._near.add(number, words)
            for gram in grams:
                self._holders[gram].append(number)

    def contained(self, text: str) -> Match | None:
        """Return the evaluation problem of which a text holds the largest share of n-grams."""
        words = words_of(text)
        shared = self._shared(words)
        return self._best(
            {n: count / self._targets[n].num_grams for n, count in shared.items()}, words
        )

    def similar(self, text: str) -> Match | None:
        """Return the evaluation problem that a text is most like as a whole; None below 0.3."""
        words = words_of(text)
        return self._best(self._near.similar(words), words)

    def _best(self, scores: dict[int, float], words: Sequence[str]) -> Match | None:
        if not scores:
            return None
        best = max(scores, key=lambda number: (scores[number], -number))
        target = self._targets[best]
        return Match(
            evaluation_set=target.evaluation_set,
            problem_id=target.problem_id,
            score=scores[best],
            excerpt=self._longest_run(words, best),
        )

    def _shared(self, words: Sequence[str]) -> Counter[int]:
        """Count the distinct n-grams that the words share with each target."""
        shared: Counter[int] = Counter()
        for length in self._lengths:
            for gram in set(_grams(words, length)):
                shared.update(self._holders.get(gram, ()))
        return shared

    def _longest_run(self, words: Sequence[str], number: int) -> str:
        """Join n-grams of the target that follow each other in the words, the most there are."""
        best = range(0)
        for length in sorted(self._lengths):
            start = 0
            for place, gram in enumerate(_grams(words, length)):
                if number not in self._holders.get(gram, ()):
                    start = place + 1
                elif place + length - start > len(best):
                    best = range(start, place + length)
        return " ".join(words[best.start : best.stop][:_EXCERPT_WORDS])


def statement_of(problem: Problem) -> str:
    """All that a problem says in words; its title and samples are no proof of a copy."""
    parts = (problem.statement, problem.input_spec, problem.output_spec, problem.notes)
    return "\n".join(part for part in parts if part)


def _grams(words: Sequence[str], length: int) -> list[int]:
    """Digests of all runs of `length` words, in order; 64 bits, alike within this process."""
    return [hash(tuple(words[i : i + length])) for i in range(len(words) - length + 1)]
