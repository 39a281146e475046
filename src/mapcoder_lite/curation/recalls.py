"""How varied a teacher's retrieval replies are, and whether they could help.

Knows: names of algorithms, entropy, near duplicates, which names go with which tags.
Does not know: files, which replies became rows.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import log2

from mapcoder_lite.agents import parse
from mapcoder_lite.data.nearness import words_of
from mapcoder_lite.problem import Record
from mapcoder_lite.trajectory import Call, CallKind, Exemplar, Trajectory, digest

MAX_NAME_LENGTH = 60
"""A longer beginning is a sentence, not the name of an algorithm."""
NUM_LISTED = 10
NEAR = 0.8
"""Share of word triples in common from which two texts count as near duplicates."""
WORDS = 3

NAMES_OF_TAGS: Mapping[str, tuple[str, ...]] = {
    "binary search": ("binary search", "bisection"),
    "bitmasks": ("bit", "bits", "bitmask", "bitwise", "xor"),
    "brute force": ("brute force", "exhaustive", "enumeration", "backtracking", "recursion"),
    "combinatorics": ("combinatorics", "counting principle", "binomial"),
    "constructive algorithms": ("constructive", "construction"),
    "data structures": ("segment tree", "fenwick", "heap", "stack", "queue", "priority queue"),
    "dfs and similar": ("dfs", "depth first", "bfs", "breadth first", "flood fill"),
    "divide and conquer": ("divide and conquer",),
    "dp": ("dp", "dynamic programming", "memoization", "knapsack"),
    "dsu": ("dsu", "union find", "disjoint set"),
    "flows": ("flow", "max flow", "matching"),
    "games": ("game", "games", "game theory", "nim", "minimax"),
    "geometry": ("geometry", "convex hull"),
    "graphs": ("graph", "graphs", "bfs", "dfs", "dijkstra", "topological", "shortest path"),
    "greedy": ("greedy",),
    "grids": ("grid", "grids", "flood fill"),
    "hashing": ("hashing", "hash", "counting"),
    "implementation": ("implementation", "simulation", "filtering", "adjacent pairs"),
    "math": ("math", "mathematics", "arithmetic", "digits", "gcd", "number theory"),
    "number theory": ("number theory", "gcd", "sieve", "modular", "prime", "factorization"),
    "pairs": ("adjacent pairs", "pairs"),
    "prefix sums": ("prefix sum", "prefix sums"),
    "shortest paths": ("shortest path", "dijkstra", "bellman", "floyd", "bfs", "breadth first"),
    "sliding window": ("sliding window",),
    "sortings": ("sort", "sorting"),
    "strings": ("string", "strings", "letters", "palindrome", "kmp", "suffix"),
    "trees": ("tree", "trees", "lca"),
    "two pointers": ("two pointers", "two pointer", "sliding window", "scanning"),
}
"""A problem's tag to names of algorithms that say it (Codeforces' tags and pocket's)."""


class Diversity(Record):
    """How many different algorithms are named, and how evenly."""

    num_named: int
    """Replies whose algorithm has a name."""
    num_distinct: int
    entropy_bits: float
    effective: float
    """2 to the entropy: as many algorithms named equally often would be as varied."""
    top_share: float
    top: dict[str, int]
    """The most frequent names."""


class Recalls(Record):
    """What a teacher's readable retrieval replies hold, one reply an attempt."""

    num_attempts: int
    """Without corrected attempts that replay the reply of the attempt they correct."""
    num_read: int
    """Attempts with a readable reply."""
    num_unnamed: int
    """Of those, replies whose algorithm begins with a sentence instead of a name."""
    algorithms: Diversity
    by_tag: dict[str, Diversity]
    num_exemplars: int
    num_twins: int
    """Exemplars that nearly repeat an earlier one of their reply: a plan asked for in vain."""
    num_replies_with_twins: int
    num_copies: int
    """Exemplars whose description stands nearly whole in the prompt: the problem itself."""
    num_told: int
    """Replies whose algorithm's name and whose problem's tags are both known words."""
    num_agreeing: int
    """Of those, replies whose name goes with a tag of the problem."""


@dataclass(slots=True)
class RecallTally:
    """Running counts over trajectories."""

    num_attempts: int = 0
    num_read: int = 0
    num_unnamed: int = 0
    num_exemplars: int = 0
    num_twins: int = 0
    num_replies_with_twins: int = 0
    num_copies: int = 0
    num_told: int = 0
    num_agreeing: int = 0
    _seen: set[str] = field(default_factory=set[str])
    _names: Counter[str] = field(default_factory=Counter[str])
    _by_tag: defaultdict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter[str])
    )

    def add(self, trajectory: Trajectory, tags: Sequence[str]) -> None:
        """Count one attempt at a problem of these tags; a reply that a repair replays is known."""
        call = _reply_read(trajectory)
        reply = call.completion.text if call else ""
        known = digest([trajectory.problem_id, trajectory.sample, reply])
        if known in self._seen:
            return
        self._seen.add(known)
        self.num_attempts += 1
        if call is None:
            return
        self.num_read += 1
        recall = parse.recall(call.completion)
        self._add_exemplars(recall.exemplars, call.request.messages[-1].content)
        self._add_name(name_of(recall.algorithm), tags)

    def recalls(self) -> Recalls:
        """Return all counts."""
        return Recalls(
            num_attempts=self.num_attempts,
            num_read=self.num_read,
            num_unnamed=self.num_unnamed,
            algorithms=diversity(self._names),
            by_tag={tag: diversity(names) for tag, names in sorted(self._by_tag.items())},
            num_exemplars=self.num_exemplars,
            num_twins=self.num_twins,
            num_replies_with_twins=self.num_replies_with_twins,
            num_copies=self.num_copies,
            num_told=self.num_told,
            num_agreeing=self.num_agreeing,
        )

    def _add_exemplars(self, exemplars: Sequence[Exemplar], prompt: str) -> None:
        triples = [_triples(exemplar.description) for exemplar in exemplars]
        twins = {b for a, b in combinations(range(len(triples)), 2) if near(triples[a], triples[b])}
        asked = _triples(prompt)
        self.num_exemplars += len(triples)
        self.num_twins += len(twins)
        self.num_replies_with_twins += bool(twins)
        self.num_copies += sum(len(own & asked) >= NEAR * len(own) for own in triples)

    def _add_name(self, name: str | None, tags: Sequence[str]) -> None:
        if name is None:
            self.num_unnamed += 1
            return
        self._names[name] += 1
        for tag in tags:
            self._by_tag[tag][name] += 1
        agrees = goes_with(name, tags)
        if agrees is not None:
            self.num_told += 1
            self.num_agreeing += agrees


def name_of(algorithm: str) -> str | None:
    """Return the part before the colon, in small letters; None when that is no name."""
    name = " ".join(re.findall(r"\w+", algorithm.partition(":")[0].partition("\n")[0].casefold()))
    return name if 0 < len(name) <= MAX_NAME_LENGTH else None


def goes_with(name: str, tags: Sequence[str]) -> bool | None:
    """Whether an algorithm's name says one of the tags; None where it cannot be told."""
    known = NAMES_OF_TAGS.keys() & set(tags)
    padded = f" {name} "
    said = {
        tag for tag, names in NAMES_OF_TAGS.items() if any(f" {word} " in padded for word in names)
    }
    return bool(known & said) if known and said else None


def diversity(names: Counter[str]) -> Diversity:
    """Count names; no names at all have no entropy and the effective number 0."""
    total = names.total()
    shares = [count / total for count in names.values()]
    entropy = -sum(share * log2(share) for share in shares) if len(shares) > 1 else 0.0
    return Diversity(
        num_named=total,
        num_distinct=len(names),
        entropy_bits=entropy,
        effective=2**entropy if total else 0.0,
        top_share=max(shares, default=0.0),
        top=dict(sorted(names.items(), key=lambda pair: (-pair[1], pair[0]))[:NUM_LISTED]),
    )


def near(first: frozenset[tuple[str, ...]], second: frozenset[tuple[str, ...]]) -> bool:
    """Whether two texts' word triples are nearly the same (Jaccard)."""
    return len(first & second) >= NEAR * len(first | second)


def _reply_read(trajectory: Trajectory) -> Call | None:
    readable = (c for c in trajectory.calls if c.kind is CallKind.RETRIEVAL and c.failure is None)
    return next(readable, None)


def _triples(text: str) -> frozenset[tuple[str, ...]]:
    """The runs of three words of a text; a shorter text is one run."""
    words = words_of(text)
    last = max(1, len(words) - WORDS + 1)
    return frozenset(tuple(words[start : start + WORDS]) for start in range(last))
