"""Which of the earned rows a data set keeps: no duplicates, no problem too often, a fair split.

Every choice is the same for the same rows in the same order.

Knows: rows, likeness of rows, problems.
Does not know: runs, files, evaluation sets.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from mapcoder_lite.data.nearness import NearTexts, words_of
from mapcoder_lite.example import Example
from mapcoder_lite.trajectory import CallKind, Role, digest

R = TypeVar("R", bound=Example)


def without_copies(rows: Iterable[R]) -> Iterator[R]:
    """Leave out rows that say exactly what an earlier one says."""
    seen: set[str] = set()
    for row in rows:
        key = digest([message.content for message in (*row.prompt, *row.completion)])
        if key not in seen:
            seen.add(key)
            yield row


def without_near_copies(rows: Sequence[R], threshold: float) -> list[R]:
    """Leave out rows that are like an earlier kept one of their role and kind, prompt included.

    Raises:
        ConfigError: datasketch is not installed.
    """
    if threshold >= 1:
        return list(rows)
    known: dict[CallKind, NearTexts] = {}
    kept: list[R] = []
    for number, row in enumerate(rows):
        if row.kind not in known:
            known[row.kind] = NearTexts(threshold)  # takes a twentieth of a second
        texts = known[row.kind]
        words = words_of("\n".join(m.content for m in (*row.prompt, *row.completion)))
        if not texts.similar(words):
            texts.add(number, words)
            kept.append(row)
    return kept


def balanced(rows: Sequence[R], most: int | None) -> list[R]:
    """Keep at most so many rows a problem and role, in the order given.

    The attempts at a problem take turns, and so do the kinds of a role: no attempt and no kind
    loses a row before another has given as many.
    """
    if most is None:
        return list(rows)
    turns: Counter[tuple[str, str, int, CallKind]] = Counter()
    groups: defaultdict[tuple[str, Role], list[tuple[int, int]]] = defaultdict(list)
    for place, row in enumerate(rows):
        origin = row.provenance
        attempt = (origin.problem_id, origin.run, origin.sample, row.kind)
        groups[origin.problem_id, row.role].append((turns[attempt], place))
        turns[attempt] += 1
    kept = {place for group in groups.values() for _, place in sorted(group)[:most]}
    return [row for place, row in enumerate(rows) if place in kept]


def is_validation(problem_id: str, share: float, seed: int) -> bool:
    """Whether a problem's rows are set aside; alike for every data set with this seed."""
    value = hashlib.sha256(f"{seed}/{problem_id}".encode()).digest()
    return int.from_bytes(value[:8]) < share * 2**64
