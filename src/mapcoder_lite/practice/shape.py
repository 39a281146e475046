"""What the inputs of a problem look like, so far as its samples tell: lines, counts, tokens.

A shape is a guess. It holds what every sample holds: which number counts which tokens or lines,
which numbers stay within a count, which rows are permutations. Of what a statement demands beyond
that (a tree, distinct names) it knows nothing.

Knows: how lines repeat, which ways to read the same samples there are.
Does not know: random numbers, programs, statements.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal

from mapcoder_lite.practice.minimise import is_whole

MAX_SHAPES = 6
"""Ways to read the samples that are told apart."""
_MAX_TRIED = 2000
"""Beginnings of readings that are followed; samples of many lines have many."""
_MAX_PARTS = 30
"""Parts behind and within one another; more than a person would call a shape."""
_MAX_BLOCK_LINES = 3
_REAL = re.compile(r"-?[0-9]+\.[0-9]+")

Lines = list[list[str]]


@dataclass(frozen=True, slots=True)
class Column:
    """The tokens of one place, as the samples have them."""

    name: int
    """Tells the columns of a shape apart."""
    kind: Literal["whole", "real", "word"]
    low: int = 0
    high: int = 0
    """Least and greatest number, or length of a word."""
    letters: str = ""
    digits: int = 0
    """Behind the point of a real number."""
    bound: int | None = None
    """The name of a count that it never exceeds."""
    floor: int | None = None
    """The name of the column before it that it is never below."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of so many columns."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of tokens of one kind, counted by a column before it."""

    count: int
    column: Column
    separator: str = " "
    is_permutation: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """Parts that come again and again, counted by a column before them."""

    count: int
    parts: tuple["Part", ...]


Part = Line | Row | Repeat


@dataclass(frozen=True, slots=True)
class _Instance:
    """The rest of a sample, or of a block in it, and the numbers before it by column."""

    lines: Lines
    known: dict[int, int] = field(default_factory=dict[int, int])


def shapes_of(samples: Sequence[str]) -> list[tuple[Part, ...]]:
    """Return the shapes that all samples have, the likeliest first; none where no line is counted
    alike in all of them."""
    instances = [_Instance(lines_of(text)) for text in samples]
    instances = [instance for instance in instances if instance.lines]
    if not instances:
        return []
    return list(islice(_Reader().readings(instances, ()), MAX_SHAPES))


def lines_of(text: str) -> Lines:
    """Return the tokens of every line that has some."""
    return [line.split() for line in text.splitlines() if line.split()]


@dataclass(slots=True)
class _Reader:
    """Reads samples line by line, in every way that fits all of them."""

    num_names: int = 0
    num_tried: int = 0

    def readings(
        self, instances: list[_Instance], scope: tuple[int, ...], depth: int = 0
    ) -> Iterator[tuple[Part, ...]]:
        """Yield the ways in which the rest of all instances can be read, behind `depth` parts."""
        self.num_tried += 1
        if not any(instance.lines for instance in instances):
            yield ()
            return
        is_endless = depth > _MAX_PARTS or self.num_tried > _MAX_TRIED
        if is_endless or not all(instance.lines for instance in instances):
            return
        depth += 1
        for name in reversed(scope):
            yield from self._whole_repeats(instances, name, scope, depth)
        for part, rest, names in self._first_lines(instances, scope):
            for tail in self.readings(rest, scope + names, depth):
                yield part, *tail
        for name in reversed(scope):
            yield from self._part_repeats(instances, name, scope, depth)

    def _whole_repeats(
        self, instances: list[_Instance], name: int, scope: tuple[int, ...], depth: int
    ) -> Iterator[tuple[Part, ...]]:
        """Yield readings in which the rest is a repeat, of blocks of one length or of their own."""
        if not _repeats(instances, name):
            return
        first = instances[0]
        size = len(first.lines) // first.known[name]
        if size <= _MAX_BLOCK_LINES and all(
            len(i.lines) == size * i.known[name] for i in instances
        ):
            blocks = [block for i in instances for block in _cut(i, i.known[name], size)]
            for parts in self.readings(blocks, scope, depth):
                yield (Repeat(name, parts),)
        for column in range(min(len(i.lines[0]) for i in instances)):
            found = [_cut_by_head(i, i.known[name], column) for i in instances]
            if all(found):
                blocks = [block for cut in found for block in cut]
                for parts in self.readings(blocks, scope, depth):
                    yield (Repeat(name, parts),)

    def _part_repeats(
        self, instances: list[_Instance], name: int, scope: tuple[int, ...], depth: int
    ) -> Iterator[tuple[Part, ...]]:
        """Yield readings that begin with a repeat of one line, and go on behind it."""
        if not _repeats(instances, name):
            return
        if not all(len(i.lines) > i.known[name] for i in instances):
            return
        blocks = [block for i in instances for block in _cut(i, i.known[name], 1)]
        rest = [replace(i, lines=i.lines[i.known[name] :]) for i in instances]
        for parts in self.readings(blocks, scope, depth):
            for tail in self.readings(rest, scope, depth):
                yield Repeat(name, parts), *tail

    def _first_lines(
        self, instances: list[_Instance], scope: tuple[int, ...]
    ) -> Iterator[tuple[Part, list[_Instance], tuple[int, ...]]]:
        """Yield the ways to read the first line: counted, counted letter by letter, fixed."""
        firsts = [instance.lines[0] for instance in instances]
        rest = [replace(i, lines=i.lines[1:]) for i in instances]
        for name in reversed(scope):
            counts = [instance.known[name] for instance in instances]
            if max(counts) > 1 and counts == [len(first) for first in firsts]:
                yield self._row(name, firsts), rest, ()
            if _is_spelled(firsts, counts):
                letters = [list(first[0]) for first in firsts]
                yield replace(self._row(name, letters), separator=""), rest, ()
        if len({len(first) for first in firsts}) == 1:
            columns = tuple(self._column(list(tokens)) for tokens in zip(*firsts, strict=True))
            names = tuple(column.name for column in columns if column.kind == "whole")
            known = [_knowing(i, tokens, columns) for i, tokens in zip(rest, firsts, strict=True)]
            yield Line(columns), known, names

    def _row(self, name: int, rows: list[list[str]]) -> Row:
        column = self._column([token for row in rows for token in row])
        is_permutation = max(map(len, rows)) > 2 and all(
            sorted(row) == sorted(str(n + 1) for n in range(len(row))) for row in rows
        )
        return Row(name, column, is_permutation=is_permutation)

    def _column(self, tokens: list[str]) -> Column:
        self.num_names += 1
        if all(map(is_whole, tokens)):
            numbers = [int(token) for token in tokens]
            return Column(self.num_names, "whole", min(numbers), max(numbers))
        if all(_REAL.fullmatch(token) for token in tokens):
            digits = max(len(token.partition(".")[2]) for token in tokens)
            reals = [float(token) for token in tokens]
            low, high = int(min(reals)), int(max(reals)) + 1
            return Column(self.num_names, "real", low, high, digits=digits)
        lengths = [len(token) for token in tokens]
        letters = "".join(sorted(set("".join(tokens))))
        return Column(self.num_names, "word", min(lengths), max(lengths), letters)


def _repeats(instances: list[_Instance], name: int) -> bool:
    """Whether a count may count lines: at least one everywhere, and more than one somewhere."""
    counts = [instance.known[name] for instance in instances]
    return min(counts) >= 1 and max(counts) > 1


def _is_spelled(firsts: list[list[str]], counts: list[int]) -> bool:
    """Whether lines are single words whose letters are counted; `100` behind a 3 is a number."""
    if max(counts) < 2 or any(len(first) != 1 for first in firsts):
        return False
    words = [first[0] for first in firsts]
    is_number = all(map(is_whole, words)) and not set("".join(words)) <= {"0", "1"}
    return not is_number and [len(word) for word in words] == counts


def _cut(instance: _Instance, count: int, size: int) -> list[_Instance]:
    """Return so many blocks of so many lines."""
    starts = range(0, count * size, size)
    return [replace(instance, lines=instance.lines[at : at + size]) for at in starts]


def _cut_by_head(instance: _Instance, count: int, column: int) -> list[_Instance]:
    """Return blocks whose first line counts their further lines; none if they do not come out."""
    blocks: list[_Instance] = []
    lines = instance.lines
    for _ in range(count):
        if not lines or len(lines[0]) <= column or not is_whole(lines[0][column]):
            return []
        size = 1 + int(lines[0][column])
        if size < 1 or len(lines) < size:
            return []
        blocks.append(replace(instance, lines=lines[:size]))
        lines = lines[size:]
    return [] if lines else blocks


def _knowing(rest: _Instance, first: list[str], columns: tuple[Column, ...]) -> _Instance:
    known = {
        column.name: int(token)
        for column, token in zip(columns, first, strict=True)
        if column.kind == "whole"
    }
    return replace(rest, known={**rest.known, **known})
