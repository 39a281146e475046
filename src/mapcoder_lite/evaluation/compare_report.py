"""Systems side by side and paired, as lines and tables.

Knows: words, columns, percent signs.
Does not know: where numbers come from, terminals, Markdown.
"""

from collections.abc import Iterator, Sequence

from mapcoder_lite.evaluation.compare import Difference, Duel, LabelDifference, Setting
from mapcoder_lite.evaluation.report import (
    COSTS,
    INTERVAL,
    Row,
    costs_cells,
    missing,
    percent,
    weighing,
)
from mapcoder_lite.evaluation.report import interval as written_interval
from mapcoder_lite.evaluation.standings import (
    SIGNIFICANT,
    Comparison,
    Standings,
    SystemRow,
    Test,
)
from mapcoder_lite.run_problem import UNRATED, UNTAGGED
from mapcoder_lite.statistics import Mean
from mapcoder_lite.tables import Block, Table

_P_NOTE = (
    "gain: share of attempts passed less the other's, by problem; its interval draws problems "
    "(bootstrap). p, two-sided: the exact McNemar test where problems have one attempt a side, "
    "else the exact sign-flip test of problems"
)
_FEW_NOTE = "intervals of fewer than some 30 problems are too narrow; p values are exact"
_HOLM_NOTE = "p, Holm: corrected for the lines of the table"

MAX_NAMES = 30
"""Problems gained, or lost, that are named."""


def standings_blocks(found: Standings) -> list[Block]:
    """Say how every system did, and each against one of them."""
    blocks: list[Block] = [*_systems(found.systems)]
    for row in found.systems:
        blocks += [f"{row.name}: {line}" for line in _left_out(row)]
    if found.tests:
        blocks.append(_tests(found))
    for test in found.tests:
        name = f"{test.duel.first} against {test.duel.second}"
        blocks += [f"{name}: {line}" for line in _caveats(test.duel)]
        if test.duel.settings:
            changes = "; ".join(f"{s.key} {s.first} -> {s.second}" for s in test.duel.settings)
            blocks.append(f"{name} differ in: {changes}")
    return blocks


def comparison_blocks(found: Comparison) -> list[Block]:
    """Say who solved what, how likely such a difference is by chance, and what it took."""
    duel = found.duel
    return [
        f"A = {found.first.name}",
        f"B = {found.second.name}",
        *_systems((found.first, found.second), ("A", "B")),
        *(f"A: {line}" for line in _left_out(found.first)),
        *(f"B: {line}" for line in _left_out(found.second)),
        *_cells(duel),
        _paired(duel),
        *_caveats(duel),
        _verdict(found),
        few("gained, passed by B more than by A", found.gained),
        few("lost, passed by A more than by B", found.lost),
        *_settings(duel.settings),
        *_labels("by tag", found.tags),
        *_labels("by rating", found.ratings),
    ]


def _systems(rows: Sequence[SystemRow], names: Sequence[str] | None = None) -> Iterator[Table]:
    names = names or [row.name for row in rows]
    is_defective = any(row.num_defective for row in rows)
    is_repeated = any(len(row.runs) > 1 for row in rows)
    head: Row = ("", "problems", "attempts", "passed", "of", "pass@1", INTERVAL)
    head = (*head, *(("sound", INTERVAL) if is_defective else ()))
    head = (*head, *(("worst .. best run",) if is_repeated else ()), "unreadable")
    cells = [
        (name, *_rates(row, is_defective=is_defective, is_repeated=is_repeated))
        for name, row in zip(names, rows, strict=True)
    ]
    notes = ("several runs of a system are its seeds, pooled by problem",) if is_repeated else ()
    unreadable = "unreadable: attempts with a reply that could not be read"
    weighed = [
        f"{name}: {line}"
        for name, row in zip(names, rows, strict=True)
        for line in weighing(row.passed, row.pass_at_k)
    ]
    notes = (*notes, unreadable, *weighed)
    yield Table("pass@1 on the hidden tests", head, tuple(cells), notes)
    yield from _pass_at_k(rows, names)
    costs = [(name, *_costs(row)) for name, row in zip(names, rows, strict=True)]
    a_pass = tuple(f"{word} a solved" for word in ("calls", "reply tokens", "dollars", "seconds"))
    yield Table("costs of a problem, and of a solved one", ("", *COSTS, *a_pass), tuple(costs))


def _left_out(row: SystemRow) -> Iterator[str]:
    yield from missing(row)
    if row.seed_differences:
        yield f"its runs differ in more than the seed: {', '.join(row.seed_differences)}"


def _rates(row: SystemRow, *, is_defective: bool, is_repeated: bool) -> Row:
    passed, sound = row.passed, row.passed_sound
    cells: Row = (
        str(row.num_problems),
        str(row.num_attempts),
        str(passed.num_passed),
        str(passed.num_total),
        percent(passed.share),
        written_interval(passed.low, passed.high),
    )
    if is_defective:
        cells = (*cells, percent(sound.share), written_interval(sound.low, sound.high))
    if is_repeated:
        cells = (*cells, f"{percent(row.lowest)} .. {percent(row.highest)}")
    return (*cells, f"{row.num_unreadable} of {row.num_done}")


def _pass_at_k(rows: Sequence[SystemRow], names: Sequence[str]) -> Iterator[Table]:
    ks = sorted({at.k for row in rows for at in row.pass_at_k} - {1})
    if not ks:
        return
    is_defective = any(row.num_defective for row in rows)
    head = tuple(f"pass@{k}" for k in ks)
    cells: list[Row] = []
    for name, row in zip(names, rows, strict=True):
        found = {at.k: at for at in row.pass_at_k}
        raw = (_mean(found[k].raw if k in found else None) for k in ks)
        sound = (_mean(found[k].sound if k in found else None) for k in ks if is_defective)
        cells.append((name, *raw, *sound))
    sound_head = tuple(f"sound, {title}" for title in head if is_defective)
    yield Table("pass@k on the hidden tests", ("", *head, *sound_head), tuple(cells))


def _mean(mean: Mean | None) -> str:
    if mean is None:
        return "-"
    return f"{percent(mean.mean)} ({written_interval(mean.low, mean.high)})"


def _costs(row: SystemRow) -> Row:
    each = costs_cells(row.costs_a_pass) if row.costs_a_pass else ("-",) * len(COSTS)
    calls, _, replies, dollars, seconds = each
    return (*costs_cells(row.costs_a_problem), calls, replies, dollars, seconds)


def _tests(found: Standings) -> Table:
    is_told = any(test.duel.sound is not None for test in found.tests)
    head: Row = ("", "common", "gained", "lost", "gain", INTERVAL, "p", "p, Holm")
    if is_told:
        head = (*head, "sound", "gain", INTERVAL, "p", "p, Holm")
    rows = tuple(_test(test, is_told=is_told) for test in found.tests)
    return Table(f"against {found.against}", head, rows, (_P_NOTE, _HOLM_NOTE))


def _test(test: Test, *, is_told: bool) -> Row:
    raw, sound = test.duel.raw, test.duel.sound
    cells: Row = (
        test.duel.second,
        str(raw.num_problems),
        str(raw.num_gained),
        str(raw.num_lost),
        *_gain(raw),
        written_p(test.p_holm),
    )
    if not is_told:
        return cells
    if sound is None or test.p_holm_sound is None:
        return (*cells, *("-",) * 5)
    return (*cells, str(sound.num_problems), *_gain(sound), written_p(test.p_holm_sound))


def _gain(difference: Difference) -> Row:
    gain = difference.gain
    return (f"{100 * gain.mean:+.1f} points", _points(gain), written_p(difference.p))


def _points(gain: Mean) -> str:
    if gain.low is None or gain.high is None:
        return "-"
    return f"{100 * gain.low:+.1f} .. {100 * gain.high:+.1f}"


def written_p(p: float) -> str:
    """Write a p value; the page shows it so, too."""
    return f"{p:.3g}"


def _cells(duel: Duel) -> Iterator[Table]:
    """The 2x2 tables, where each problem has one attempt a side."""
    rows: list[Row] = []
    for name, difference in (("all problems", duel.raw), ("sound subset", duel.sound)):
        if difference is not None and difference.pairs is not None:
            of = difference.pairs
            counts = (of.num_both, of.num_only_first, of.num_only_second, of.num_neither)
            rows.append((name, *map(str, counts)))
    if rows:
        yield Table("solved by", ("", "both", "only A", "only B", "neither"), tuple(rows))


def _paired(duel: Duel) -> Table:
    head = ("", "common", "A", "B", "gained", "lost", "gain of B", INTERVAL, "p")
    rows: list[Row] = [("all problems", *_sides(duel.raw))]
    if duel.sound is not None:
        rows.append(("sound subset", *_sides(duel.sound)))
    return Table("paired by problem", head, tuple(rows), (_P_NOTE,))


def _sides(difference: Difference) -> Row:
    return (
        str(difference.num_problems),
        percent(difference.first),
        percent(difference.second),
        str(difference.num_gained),
        str(difference.num_lost),
        *_gain(difference),
    )


def _caveats(duel: Duel) -> Iterator[str]:
    if duel.num_left_out:
        yield (
            f"the {duel.raw.num_problems} problems that both have graded are compared; left out: "
            f"{duel.num_left_out} problems that are not graded in both"
        )
    if duel.num_unlike:
        yield (
            f"left out: {duel.num_unlike} ids that mean two problems (title or number of tests "
            "differ)"
        )
    yield from duel.doubts


def _verdict(found: Comparison) -> str:
    raw = found.duel.raw
    if found.is_regression:
        return f"B is significantly worse than A (p {written_p(raw.p)})"
    if raw.p < SIGNIFICANT:
        return f"B is significantly better than A (p {written_p(raw.p)})"
    return f"no significant difference (p {written_p(raw.p)}): these problems cannot tell A from B"


def few(title: str, ids: Sequence[str]) -> str:
    """Count problems and name the first of them."""
    names = ", ".join(ids[:MAX_NAMES])
    more = f" and {len(ids) - MAX_NAMES} more (--json names all)" if len(ids) > MAX_NAMES else ""
    return f"{title}: {len(ids)}{' - ' if ids else ''}{names}{more}"


def _settings(settings: Sequence[Setting]) -> Iterator[str]:
    if not settings:
        yield "settings: the same in both"
    for setting in settings:
        yield f"differs: {setting.key}: A {setting.first}, B {setting.second}"


def _labels(title: str, rows: Sequence[LabelDifference]) -> Iterator[Table]:
    """The table of tags or ratings, unless the problems have none."""
    if all(row.label in (UNRATED, UNTAGGED) for row in rows):
        return
    is_told = any(row.sound is not None for row in rows)
    head = ("", "problems", "A", "B", "gained", "lost", "gain of B", INTERVAL, "p", "p, Holm")
    if is_told:
        head = (*head, "sound", *head[2:])
    cells = tuple(
        (
            row.label,
            *_label_sides(row.difference, row.p_holm),
            *(_label_sides(row.sound, row.p_holm_sound) if is_told else ()),
        )
        for row in rows
    )
    yield Table(title, head, cells, (_HOLM_NOTE, _FEW_NOTE))


def _label_sides(difference: Difference | None, p_holm: float | None) -> Row:
    if difference is None or p_holm is None:
        return ("-",) * 9
    return (*_sides(difference), written_p(p_holm))
