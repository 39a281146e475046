"""Inputs of a known shape as trees: read from a text, drawn at random, made smaller.

A tree knows which number counts what, so that leaving something out corrects its count, and every
smaller input has the shape that the samples have.

Knows: shapes, random numbers, ways to make an input smaller.
Does not know: programs, how an input is found to fail.
"""

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from mapcoder_lite.practice.minimise import is_whole, lowered, minimised
from mapcoder_lite.practice.shape import Column, Line, Lines, Part, Repeat, Row, lines_of

_LEAST_SEEN = 3
"""Observations that make a relation between two numbers more than chance."""
_LARGE_SHARE = 0.2
"""Of the drawn inputs that may hold numbers as large as the samples', as only those overflow."""
_MAX_LETTERS = 3
"""Of a drawn word: few, so that they meet again."""


@dataclass(slots=True, eq=False)
class Cell:
    """One token; what it depends on are other cells of the same tree."""

    text: str
    column: Column
    known: dict[int, "Cell"] = field(default_factory=dict[int, "Cell"])
    """The numbers before it, by the name of their column."""

    @property
    def number(self) -> int:
        """The token as a whole number."""
        return int(self.text)


@dataclass(slots=True, eq=False)
class Node:
    """A line of tokens, or blocks of lines, as many as a cell counts."""

    count: Cell | None
    """None = always as many."""
    items: list["Cell | list[Node]"]
    separator: str = " "
    is_permutation: bool = False


Tree = list[Node]


class Unlike(ValueError):
    """A text that has not the shape."""


def fitted(shape: tuple[Part, ...], samples: Sequence[str]) -> tuple[Part, ...]:
    """Return a shape with what its samples say of the numbers' relations.

    Raises:
        Unlike: a sample has not the shape.
    """
    cells = [cell for text in samples for cell in _cells(read(shape, text))]
    counts = {
        node.count.column.name
        for text in samples
        for node in _nodes(read(shape, text))
        if node.count
    }
    seen: defaultdict[int, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.column.kind == "whole" and cell.column.name not in counts:
            seen[cell.column.name].append(cell)
    behind = set(_behind(shape))
    found = {name: _related(group, counts, name in behind) for name, group in seen.items()}
    return _with_columns(shape, found)


def read(shape: tuple[Part, ...], text: str) -> Tree:
    """Read a text into a tree.

    Raises:
        Unlike: it has not the shape.
    """
    lines = lines_of(text)
    tree = _read(shape, lines, {})
    if lines:
        raise Unlike("lines are left over")
    return tree


def written(tree: Tree) -> str:
    """Return the text of a tree, a line end behind every line."""
    return "".join(line + "\n" for line in _lines(tree))


def drawn(shape: tuple[Part, ...], random: Random, size: int) -> Tree:
    """Draw an input whose counts are at most `size`, and whose numbers are small, if not always."""
    is_large = random.random() < _LARGE_SHARE
    return _Drawing(random, size, is_large).parts(shape, {})


def smaller(tree: Tree, fails: Callable[[str], bool]) -> Tree:
    """Return a tree that still fails: nothing counted in it can be left out alone, and no number
    lowered by one."""
    tree = copy.deepcopy(tree)
    while True:
        before = written(tree)
        for passage in (_leave_out, _lower):
            place = 0
            while place < len(cells := list(_cells(tree))):
                passage(tree, cells[place], fails)
                place += 1
        if written(tree) == before:
            return tree


def _read(parts: tuple[Part, ...], lines: Lines, known: dict[int, Cell]) -> Tree:
    tree: Tree = []
    for part in parts:
        if isinstance(part, Repeat):
            count = known[part.count]
            blocks = [_read(part.parts, lines, dict(known)) for _ in range(_bounded(count, lines))]
            tree.append(Node(count, list(blocks)))
            continue
        tokens = lines.pop(0) if lines else []
        if isinstance(part, Row):
            tree.append(_read_row(part, tokens, known))
            continue
        if len(tokens) != len(part.columns):
            raise Unlike(f"{len(tokens)} tokens where {len(part.columns)} are expected")
        cells = [_read_cell(*pair, known) for pair in zip(tokens, part.columns, strict=True)]
        tree.append(Node(None, list(cells)))
    return tree


def _read_row(row: Row, tokens: list[str], known: dict[int, Cell]) -> Node:
    texts = tokens if row.separator else list("".join(tokens))
    count = known[row.count]
    if len(texts) != count.number or (not row.separator and len(tokens) != 1):
        raise Unlike(f"{len(texts)} tokens where {count.text} are counted")
    cells = [_read_cell(text, row.column, known, is_named=False) for text in texts]
    return Node(count, list(cells), row.separator, row.is_permutation)


def _read_cell(text: str, column: Column, known: dict[int, Cell], *, is_named: bool = True) -> Cell:
    if column.kind == "whole" and not is_whole(text):
        raise Unlike(f"{text!r} is no whole number")
    cell = Cell(text, column, dict(known))
    if is_named and column.kind == "whole":
        known[column.name] = cell
    return cell


def _bounded(count: Cell, lines: Lines) -> int:
    if count.number > len(lines):
        raise Unlike(f"{len(lines)} lines where {count.text} or more are counted")
    return count.number


def _lines(tree: Tree) -> Iterator[str]:
    for node in tree:
        if any(isinstance(item, list) for item in node.items):
            for item in node.items:
                yield from _lines(item if isinstance(item, list) else [])
        elif node.items:
            yield node.separator.join(cell.text for cell in node.items if isinstance(cell, Cell))


def _nodes(tree: Tree) -> Iterator[Node]:
    for node in tree:
        yield node
        for item in node.items:
            if isinstance(item, list):
                yield from _nodes(item)


def _cells(tree: Tree) -> Iterator[Cell]:
    for node in _nodes(tree):
        yield from (item for item in node.items if isinstance(item, Cell))


def _leave_out(tree: Tree, count: Cell, fails: Callable[[str], bool]) -> None:
    """Leave out what a cell counts, if it does; it stays 1, or 0 where a sample has 0."""
    counted = [(node, node.items) for node in _nodes(tree) if node.count is count]
    if not counted or count.number < 1:
        return

    def keep(kept: Sequence[int]) -> None:
        count.text = str(len(kept))
        for node, items in counted:
            node.items = [items[index] for index in kept]
            if node.is_permutation:
                _renumber([item for item in node.items if isinstance(item, Cell)])

    least = min(1, max(0, count.column.low))
    kept = minimised(
        range(count.number),
        lambda kept: len(kept) >= least and _is_failing(tree, lambda: keep(kept), fails),
    )
    if len(kept) < count.number:
        keep(kept)
        _clamp(tree)


def _lower(tree: Tree, cell: Cell, fails: Callable[[str], bool]) -> None:
    """Lower a number that counts nothing, or leave out letters of a word."""

    def say(text: str) -> None:
        cell.text = text

    def is_failing(text: str) -> bool:
        return _is_failing(tree, lambda: say(text), fails)

    row = next(node for node in _nodes(tree) if any(item is cell for item in node.items))
    if cell.column.kind == "word" and row.separator:
        say("".join(minimised(cell.text, lambda kept: bool(kept) and is_failing("".join(kept)))))
    is_counting = any(node.count is cell for node in _nodes(tree))
    if cell.column.kind == "whole" and not is_counting and not row.is_permutation:
        floor = cell.known.get(cell.column.floor or 0)
        target = _plainest(cell.column, cell.number)
        target = target if floor is None else max(target, floor.number)
        say(str(lowered(cell.number, target, lambda number: is_failing(str(number)))))
    _clamp(tree)


def _is_failing(tree: Tree, change: Callable[[], None], fails: Callable[[str], bool]) -> bool:
    """Ask of the tree under a change, which is taken back."""
    texts = [(cell, cell.text) for cell in _cells(tree)]
    items = [(node, node.items) for node in _nodes(tree)]
    change()
    _clamp(tree)
    is_failing = fails(written(tree))
    for node, kept in items:
        node.items = kept
    for cell, text in texts:
        cell.text = text
    return is_failing


def _renumber(cells: list[Cell]) -> None:
    for rank, cell in enumerate(sorted(cells, key=lambda cell: cell.number), start=1):
        cell.text = str(rank)


def _plainest(column: Column, number: int) -> int:
    """Return the plainest number of a column: 1 where no sample has less, else 0."""
    target = 1 if column.low >= 1 else 0
    return min(number, target) if number >= 0 else target


def _clamp(tree: Tree) -> None:
    """Keep numbers within the counts that bound them, and not below the one before them."""
    for cell in _cells(tree):
        bound, floor = (
            cell.known.get(cell.column.bound or 0),
            cell.known.get(cell.column.floor or 0),
        )
        if bound is not None and cell.number > bound.number:
            cell.text = bound.text
        if floor is not None and cell.number < floor.number:
            cell.text = floor.text


def _related(cells: list[Cell], counts: set[int], has_neighbour: bool) -> Column:
    """Return the column of these cells with the relations that all of them keep."""
    column = cells[0].column
    if len(cells) < _LEAST_SEEN:
        return column
    shared = set(cells[0].known).intersection(*(cell.known for cell in cells))
    bounds = [
        name
        for name in sorted(shared & counts)
        if all(0 <= cell.number <= cell.known[name].number for cell in cells)
    ]
    before = column.name - 1
    is_above = (
        has_neighbour
        and before in shared - counts
        and all(cell.number >= cell.known[before].number for cell in cells)
    )
    return replace(column, bound=next(iter(bounds), None), floor=before if is_above else None)


def _behind(parts: tuple[Part, ...]) -> Iterator[int]:
    """Yield the names of the columns that stand behind another one; names go up by one there."""
    for part in parts:
        if isinstance(part, Repeat):
            yield from _behind(part.parts)
        elif isinstance(part, Line):
            yield from (column.name for column in part.columns[1:])


def _with_columns(parts: tuple[Part, ...], found: dict[int, Column]) -> tuple[Part, ...]:
    changed: list[Part] = []
    for part in parts:
        if isinstance(part, Repeat):
            changed.append(replace(part, parts=_with_columns(part.parts, found)))
        elif isinstance(part, Row):
            changed.append(replace(part, column=found.get(part.column.name, part.column)))
        else:
            columns = tuple(found.get(column.name, column) for column in part.columns)
            changed.append(Line(columns))
    return tuple(changed)


@dataclass(slots=True)
class _Drawing:
    """Draws the parts of one input."""

    random: Random
    size: int
    is_large: bool

    def parts(self, parts: tuple[Part, ...], known: dict[int, Cell]) -> Tree:
        """Draw parts in order; what later ones count on is known by then."""
        counting = set(_counting(parts))
        return [self._part(part, known, counting) for part in parts]

    def _part(self, part: Part, known: dict[int, Cell], counting: set[int]) -> Node:
        if isinstance(part, Repeat):
            count = known[part.count]
            return Node(count, [self.parts(part.parts, dict(known)) for _ in range(count.number)])
        if isinstance(part, Row):
            return self._row(part, known)
        cells: list[Cell | list[Node]] = []
        for column in part.columns:
            cell = Cell("", column, dict(known))
            is_count = column.name in counting
            cell.text = str(self._count(column)) if is_count else self._token(cell)
            if column.kind == "whole":
                known[column.name] = cell
            cells.append(cell)
        return Node(None, cells)

    def _row(self, row: Row, known: dict[int, Cell]) -> Node:
        count = known[row.count]
        cells = [Cell("", row.column, dict(known)) for _ in range(count.number)]
        numbers = list(range(1, len(cells) + 1))
        self.random.shuffle(numbers)
        for cell, number in zip(cells, numbers, strict=True):
            is_spelled = not row.separator
            letter = self.random.choice(row.column.letters or "01") if is_spelled else ""
            cell.text = str(number) if row.is_permutation else letter or self._token(cell)
        return Node(count, list(cells), row.separator, row.is_permutation)

    def _count(self, column: Column) -> int:
        return self.random.randint(min(1, max(0, column.low)), max(1, self.size))

    def _token(self, cell: Cell) -> str:
        column = cell.column
        if column.kind == "word":
            length = self.random.randint(1, max(1, self.size))
            letters = self.random.sample(column.letters, min(len(column.letters), _MAX_LETTERS))
            return "".join(self.random.choice(letters) for _ in range(length))
        low = -self.size if column.low < 0 else min(1, column.low)
        high = max(column.high, self.size) if self.is_large else max(1, self.size)
        if column.kind == "real":
            return f"{self.random.uniform(low, high):.{column.digits}f}"
        bound, floor = cell.known.get(column.bound or 0), cell.known.get(column.floor or 0)
        high = high if bound is None else min(high, bound.number)
        low = low if floor is None else max(low, floor.number)
        return str(self.random.randint(low, max(low, high)))


def _counting(parts: tuple[Part, ...]) -> Iterator[int]:
    """Yield the names of the columns that count something, at any depth."""
    for part in parts:
        if isinstance(part, Row | Repeat):
            yield part.count
        if isinstance(part, Repeat):
            yield from _counting(part.parts)
