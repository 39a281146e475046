"""The tables of the published runs, as Markdown.

Knows: columns, words, what is marked.
Does not know: how numbers are made.
"""

from collections.abc import Iterable, Sequence
from statistics import fmean

from published_agreement import Disagreement, JudgedRow, Pair, kinds_of
from published_figures import COSTS, NOTES, PRINTED
from published_scores import LEVEL, ROWS, Comparison, Run, Side, num_published, rate_of

from mapcoder_lite.cli.terminal import visible
from mapcoder_lite.examination import Examination

TARGET = 0.99
"""Of the verdicts that count."""
SHOWN = 300


def everything(
    judged: Sequence[JudgedRow],
    runs: Sequence[Run],
    compared: Sequence[Comparison],
    examination: Examination,
) -> list[str]:
    """Return all tables, the judge first."""
    return [
        judge_line(examination),
        *titled("Scores", scores(runs), SCORES_NOTE),
        *titled("Agreement per cell", agreement(judged), AGREEMENT_NOTE),
        *titled("Disagreements", disagreements(judged), DISAGREEMENTS_NOTE),
        *titled("Calls a problem", calls(runs), CALLS_NOTE),
        *titled("Pairs of runs", pairs(compared), PAIRS_NOTE),
        *titled("Notes", [f"* {line}" for line in NOTES], ""),
    ]


SCORES_NOTE = (
    "Published: solved by the verdicts of the released file. Printed: the percentage of the paper; "
    "in brackets the same as a count, marked where the file says another. Here: by our judge, with "
    "Wilson's interval (where rows repeat a problem, on the effective number). Sound subset: "
    "problems whose tests have no known defect; of a repeated problem the first row. On APPS the "
    "published judge could not compare typed outputs and failed them all; ours compares them. MBPP "
    "here is by the tests of the file, the sample included."
)
AGREEMENT_NOTE = (
    "apps:typed is shown and not counted: the published judge could not judge these rows. "
    "mbpp:file and mbpp:published are steps towards the way of the published runs, which "
    "mbpp:shared takes (without the sample, one namespace for all programs of a run); it counts. "
    "humaneval:et is not here: the folder has only its totals."
)
DISAGREEMENTS_NOTE = "All of them, by cell, class and direction."
CALLS_NOTE = (
    "From the files' `api_calls` against the published cost table. Straight: the least number of "
    "calls, the first program passed its samples. Exhausted: all plans and debug rounds used. In "
    "brackets how many of these are solved: as published, by our judge."
)
PAIRS_NOTE = (
    "Runs in the same language on the same problems; the second solved more as published. p: exact "
    "McNemar (where rows repeat a problem, the sign-flip test of problems), after Holm over all "
    f"pairs of the subset, 'better' at {LEVEL}. A conclusion stands if both judges' verdicts lead "
    "to it. Gain: how much more the second solves, relative to the first."
)


def titled(title: str, lines: Sequence[str], note: str) -> list[str]:
    """Return a part with its heading, or nothing if it is empty."""
    return ["", f"### {title}", "", *([note, ""] if note else []), *lines] if lines else []


def judge_line(examination: Examination) -> str:
    names = ", ".join(examination.languages)
    return (
        f"Judge: {examination.isolation.tier}, rules of version {examination.judge_version}; "
        f"self-test of {examination.examined} ({names}): {examination.num_verdicts} of "
        f"{examination.num_verdicts} verdicts right."
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a Markdown table; no table without rows."""
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |", *lines] * bool(
        lines
    )


def scores(runs: Sequence[Run]) -> list[str]:
    head = ("benchmark", "run", "over", "n", "published", "printed %", "here", "here %, 95 %")
    return table(head, (row for run in runs for row in score_rows(run)))


def score_rows(run: Run) -> list[tuple[object, ...]]:
    """Return a row for each set of problems that a run is scored over."""
    rows: list[tuple[object, ...]] = []
    for over, found in run.over().items():
        published, ours = num_published(found), rate_of(found)
        told = printed(run, published) if over == ROWS else ""
        share = f"{percent(ours.share)} ({percent(ours.low)} .. {percent(ours.high)})"
        known = "-" if published is None else published
        cells = (run.benchmark, run.name, over, len(found), known, told, ours.num_passed, share)
        rows.append(cells)
    return rows


def printed(run: Run, published: int | None) -> str:
    """Return the printed figure beside the count that it stands for."""
    share = PRINTED.get((run.name, run.benchmark))
    if share is None:
        return "-"
    count = round(share * len(run.pairs) / 100)
    mark = "" if published in (None, count) else ", **not the file's**"
    return f"{share} ({count}{mark})"


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def agreement(judged: Sequence[JudgedRow]) -> list[str]:
    """One line a cell, then the sum of those that count."""
    head = ("row", "run", "programs", "agree", "%", "counted", "classes of the others")
    rows: list[tuple[object, ...]] = []
    for one in judged:
        if one.not_run:
            rows.append((one.row.name, "", len(one.row.entries), "not run", "", "", one.not_run))
        elif one.is_compared:
            rows.extend(cell_rows(one))
    if not rows:
        return []
    agreeing, total = counted(judged)
    met = "yes" if is_met(judged) else "**no**"
    share = percent_of(agreeing, total)
    last = (f"of those counted, at least {100 * TARGET:g} %", "", total, agreeing, share, "", met)
    return table(head, [*rows, last])


def cell_rows(one: JudgedRow) -> Iterable[tuple[object, ...]]:
    for run, found in one.by_run().items():
        num = sum(pair.agrees for pair in found)
        kinds = kinds_of([other for other in one.disagreements if other.run == run])
        share = percent_of(num, len(found))
        mark = "yes" if one.row.is_counted else "no"
        yield one.row.name, run, len(found), num, share, mark, kinds


def counted(judged: Sequence[JudgedRow]) -> tuple[int, int]:
    """Return how many of the verdicts that count agree, and of how many."""
    found = [pair for one in judged if one.row.is_counted for pair in one.pairs]
    return sum(pair.agrees for pair in found), len(found)


def is_met(judged: Sequence[JudgedRow]) -> bool:
    """Whether enough verdicts agree, and no row that counts was left unjudged."""
    agreeing, total = counted(judged)
    is_whole = not any(one.not_run for one in judged if one.row.is_counted)
    return is_whole and agreeing >= TARGET * total


def percent_of(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}" if whole else "-"


def disagreements(judged: Sequence[JudgedRow]) -> list[str]:
    """Every program that differs, by what they have in common."""
    head = ("row", "run", "class", "here", "published", "n", "problems")
    groups: dict[tuple[str, str, str, str, str], list[str]] = {}
    for one in (found for row in judged for found in row.disagreements):
        published = "solved" if one.is_solved_as_published else "unsolved"
        key = (one.row, one.run, one.kind, one.verdict, published)
        groups.setdefault(key, []).append(one.problem)
    rows = ((*key, len(found), " ".join(found)) for key, found in groups.items())
    return table(head, rows) or ["None."]


def reasons(found: Sequence[Disagreement]) -> list[str]:
    """Return a line for every disagreement with what the judge saw; model text stays one line."""
    return [
        f"{one.row} [{one.kind}] program {one.index} ({one.run}, {one.problem}): {one.verdict} "
        f"here, {'solved' if one.is_solved_as_published else 'unsolved'} as published; "
        + visible(" ".join(one.why.split()))[:SHOWN]
        for one in found
    ]


def calls(runs: Sequence[Run]) -> list[str]:
    head = ("run", "problems", "mean", "published", "straight", "published", "exhausted")
    rows = [row for run in runs if run.benchmark != "HumanEval-ET" and (row := calls_row(run))]
    return table((*head, "published"), rows)


def calls_row(run: Run) -> tuple[object, ...] | None:
    """Return what a run asked of its model; None where its file does not say."""
    numbers = [pair.entry.num_calls for pair in run.pairs if pair.entry.num_calls is not None]
    if len(numbers) < len(run.pairs):
        return None
    cost, mean = COSTS.get(run.name), fmean(numbers)
    if cost is None:
        return (run.name, len(numbers), f"{mean:.2f}", "-", "", "", "", "")
    ends = [
        cell
        for at, known in ((cost.at_least, cost.straight), (cost.at_most, cost.exhausted))
        for cell in (at_calls(run.pairs, at), f"{known[0]} ({known[1]})")
    ]
    return (run.name, len(numbers), f"{mean:.2f}", f"{cost.mean:.2f}", *ends)


def at_calls(pairs: Sequence[Pair], number: int) -> str:
    """Return how many problems took so many calls; of them, those solved by either judge."""
    found = [pair for pair in pairs if pair.entry.num_calls == number]
    ours = sum(pair.is_solved for pair in found)
    return f"{len(found)} ({num_published(found)}, {ours})"


def pairs(compared: Sequence[Comparison]) -> list[str]:
    head = ("first", "second", "over", "n", "published", "p", "gain", "here", "p", "gain", "stands")
    return table(head, map(pair_row, compared))


def pair_row(one: Comparison) -> tuple[object, ...]:
    stands = f"{'yes' if one.stands else '**no**'}: {one.ours.conclusion}"
    return (
        one.first,
        one.second,
        f"{one.benchmark}, {one.over}",
        one.num_pairs,
        *side_cells(one.published),
        *side_cells(one.ours),
        stands,
    )


def side_cells(side: Side) -> tuple[str, str, str]:
    """Return solved by each with those that only one solved, the corrected p, the gain."""
    gain = "-" if side.gain is None else f"{100 * side.gain:+.0f} %"
    alone = f"{side.num_only_first} / {side.num_only_second} alone"
    return f"{side.num_first} : {side.num_second}, {alone}", f"{side.corrected:.2g}", gain
