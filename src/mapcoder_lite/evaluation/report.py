"""One run's metrics as lines and tables.

Knows: words, columns, percent signs.
Does not know: where numbers come from, terminals, Markdown.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import isclose

from mapcoder_lite.evaluation.costs import Costs, Spent
from mapcoder_lite.evaluation.metrics import Metrics
from mapcoder_lite.evaluation.scores import LabelScore, PassAtK
from mapcoder_lite.evaluation.standings import SystemRow
from mapcoder_lite.examination import Examination, rules_of
from mapcoder_lite.run_problem import UNRATED, UNTAGGED
from mapcoder_lite.statistics import Mean, Rate
from mapcoder_lite.tables import Block, Table, text
from mapcoder_lite.verdict import JUDGE_VERSION

Row = tuple[str, ...]
INTERVAL = "95 % interval"


def run_report(metrics: Metrics) -> str:
    """Say everything that one run's metrics hold, what is left out first."""
    return text(run_blocks(metrics))


def run_blocks(metrics: Metrics) -> list[Block]:
    """Return the same as lines and tables."""
    return [
        f"run {metrics.run}   engine {metrics.engine}",
        f"roles: {metrics.adapters or 'adapters not recorded (the run is older)'}",
        _judge(metrics.examination),
        *_rules(metrics),
        *_left_out(metrics),
        Table(
            "pass rates",
            ("", "passed", "of", "share", INTERVAL),
            tuple(_rates(metrics)),
            tuple(weighing(metrics.passed, metrics.pass_at_k)),
        ),
        *_suspects(metrics),
        *_flakes(metrics),
        *_labels("by tag", metrics.tags, metrics.num_defective),
        *_labels("by rating", metrics.ratings, metrics.num_defective),
        _costs(metrics),
        _spent(metrics.spent),
        _roles(metrics),
        f"units with any: {metrics.num_unreadable} of {metrics.num_solved_units}",
        f"verdicts on hidden tests: {listed(metrics.verdicts)}",
        f"ends: {listed(metrics.stops)}",
    ]


def weighing(passed: Rate | None, at: Sequence[PassAtK]) -> Iterator[str]:
    """Say that pass@1 of attempts is not that of problems, where it is not."""
    if passed is None or passed.share is None or not at or at[0].k != 1:
        return
    if not isclose(passed.share, at[0].raw.mean):
        yield (
            "problems have unequal numbers of scored attempts: here pass@1 weighs attempts alike; "
            f"weighing problems alike, as pass@k and paired gains do, {percent(at[0].raw.mean)}"
        )


def percent(share: float | None) -> str:
    """Write a share in per cent; `-` = there is none."""
    return "-" if share is None else f"{100 * share:.1f} %"


def interval(low: float | None, high: float | None) -> str:
    """Write an interval in per cent; `-` = there is none."""
    return "-" if low is None or high is None else f"{100 * low:.1f} .. {100 * high:.1f} %"


def dollars(amount: float | None) -> str:
    """Write an amount to a hundredth of a cent; `-` = unknown."""
    return "-" if amount is None else f"{amount:,.4f}"


def costs_cells(costs: Costs) -> Row:
    """Write what something took, under `COSTS`."""
    return (
        f"{costs.calls:.2f}",
        f"{costs.prompt_tokens:.0f}",
        f"{costs.completion_tokens:.0f}",
        dollars(costs.dollars),
        f"{costs.seconds:.2f}",
    )


COSTS: Row = ("calls", "prompt tokens", "reply tokens", "dollars", "seconds")


def listed(counts: dict[str, int]) -> str:
    """Write counts by their names, or `none`."""
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _judge(examination: Examination) -> str:
    languages = ", ".join(examination.languages)
    return (
        f"judge {examination.isolation.tier}, self-test of {examination.examined} "
        f"({languages}): {examination.num_verdicts} of {examination.num_verdicts} verdicts right"
    )


def _rules(metrics: Metrics) -> list[str]:
    version = metrics.examination.judge_version
    if metrics.passed is None or version == JUDGE_VERSION:
        return []
    return [
        f"judged {rules_of(version)}, not by today's version {JUDGE_VERSION}: `mapcoder grade RUN` "
        "judges its programs again"
    ]


def _left_out(metrics: Metrics) -> Iterator[str]:
    yield from _window(metrics)
    yield (
        f"{metrics.num_problems} problems x {metrics.num_samples} samples = "
        f"{metrics.num_units - metrics.num_extra} units, "
        f"{metrics.num_solved_units - metrics.num_extra} worked through"
    )
    if metrics.num_extra:
        yield (
            f"further samples where passes lacked: {metrics.num_extra} units, in costs, verdicts "
            "and failures, not in pass@1"
        )
    if metrics.passed is None:
        yield "not graded: the run had no hidden tests"
    yield from missing(metrics)
    if metrics.num_defective:
        yield f"problems with defective hidden tests: {metrics.num_defective}"


def missing(found: Metrics | SystemRow) -> Iterator[str]:
    """Say what a run, or a system, has not done, and which attempts say nothing."""
    if found.num_owed:
        yield f"incomplete: {found.num_owed} units are owed; the same command goes on with them"
    if found.num_torn_bytes:
        yield (
            f"torn last lines, as a kill leaves them, not counted and owed again: "
            f"{', '.join(f'{name} {n} bytes' for name, n in found.num_torn_bytes.items())}"
        )
    if found.num_errors:
        yield f"errors of the house, not scored: {found.num_errors} units (errors.jsonl)"
    if found.num_internal:
        yield f"internal errors of the judge, not scored: {found.num_internal} grades"
    if found.passed is not None and found.num_ungraded:
        yield f"not graded yet: {found.num_ungraded} units"


def _window(metrics: Metrics) -> Iterator[str]:
    if metrics.since is None and metrics.until is None:
        return
    since, until = metrics.since or "the first day", metrics.until or "the last"
    undated = f", {metrics.num_undated} without a date" if metrics.num_undated else ""
    yield (
        f"problems that came out from {since} to {until}; left out: {metrics.num_outside} others"
        f"{undated}"
    )


def _rates(metrics: Metrics) -> Iterable[Row]:
    if metrics.passed is not None:
        yield _rate_row("pass@1, hidden tests", metrics.passed)
    if metrics.passed_sound is not None and metrics.num_defective:
        yield _rate_row("pass@1, sound subset", metrics.passed_sound)
    for row in metrics.pass_at_k[1:]:
        yield _mean_row(f"pass@{row.k}, hidden tests", row.raw, row.num_problems)
        if row.sound is not None and metrics.num_defective:
            yield _mean_row(f"pass@{row.k}, sound subset", row.sound, row.num_sound)
    yield _rate_row("solved on samples", metrics.public)


def _rate_row(name: str, rate: Rate) -> Row:
    counts = (str(rate.num_passed), str(rate.num_total))
    return (name, *counts, percent(rate.share), interval(rate.low, rate.high))


def _mean_row(name: str, mean: Mean, num_problems: int) -> Row:
    return (name, "-", str(num_problems), percent(mean.mean), interval(mean.low, mean.high))


def _suspects(metrics: Metrics) -> Iterator[str]:
    found = metrics.suspects
    if found is None or not found.num_units:
        return
    passed = found.passed
    yield (
        f"suspect: {found.num_units} wrong answers to problems of which several answers are right "
        f"and no checker knows them ({found.num_problems} problems); were they right, pass@1 were "
        f"{percent(passed.share)} ({interval(passed.low, passed.high)})"
    )


def _flakes(metrics: Metrics) -> Iterator[str]:
    found = metrics.flakes
    if found is None:
        return
    if found.units.num_total:
        yield (
            f"judge near its limits: {found.num_doubtful} runs repeated alone, {found.num_flipped} "
            f"got another verdict, in {found.units.num_passed} of {found.units.num_total} units "
            f"({interval(found.units.low, found.units.high)})"
        )
    if found.num_unrecorded:
        yield (
            f"judge near its limits: not recorded in {found.num_unrecorded} units (older verdicts)"
        )


def _labels(title: str, rows: Sequence[LabelScore], num_defective: int) -> Iterator[Table]:
    """The table of tags or ratings, unless the problems have none."""
    if all(row.label in (UNRATED, UNTAGGED) for row in rows):
        return
    head: Row = ("", "passed", "of", "share", INTERVAL)
    cells = [_rate_row(row.label, row.passed) for row in rows]
    if num_defective:
        head = (*head, "sound", "of", "share", INTERVAL)
        sound = [_rate_row("", row.passed_sound)[1:] for row in rows]
        cells = [(*raw, *rest) for raw, rest in zip(cells, sound, strict=True)]
    yield Table(title, head, tuple(cells))


def _costs(metrics: Metrics) -> Table:
    rows = [("a problem", *costs_cells(metrics.costs_a_problem))]
    if metrics.num_solved_units > metrics.num_problems:
        rows.insert(0, ("an attempt", *costs_cells(metrics.costs)))
    if metrics.costs_a_pass is not None:
        rows.append(("a solved problem", *costs_cells(metrics.costs_a_pass)))
    return Table("costs, on average", ("", *COSTS), tuple(rows))


def _spent(spent: Spent) -> str:
    parts = [
        f"{spent.calls:,} calls",
        f"{spent.prompt_tokens:,} prompt tokens ({spent.cached_tokens:,} cached)",
        f"{spent.completion_tokens:,} reply tokens",
        f"{dollars(spent.dollars)} dollars",
    ]
    if spent.num_reused:
        parts.append(f"{spent.num_reused:,} more answers of earlier runs")
    return f"spent by all sittings: {', '.join(parts)}"


def _roles(metrics: Metrics) -> Table:
    head = ("", "calls", "failures", "share", INTERVAL, "reply tokens", "kinds")
    rows: list[Row] = []
    for role, failures in metrics.roles.items():
        share = failures.num_failures / failures.num_calls if failures.num_calls else None
        rows.append(
            (
                role.value,
                str(failures.num_calls),
                str(failures.num_failures),
                percent(share),
                interval(failures.low, failures.high),
                str(failures.completion_tokens),
                listed(failures.kinds),
            )
        )
    return Table("format failures", head, tuple(rows))
