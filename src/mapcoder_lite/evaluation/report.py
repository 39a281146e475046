"""Metrics and comparisons as plain text that reads well on a terminal and in a log.

Knows: words, columns, percent signs.
Does not know: where numbers come from, terminals, colours.
"""

from collections.abc import Iterable, Sequence

from mapcoder_lite.evaluation.compare import Comparison, Pairs
from mapcoder_lite.evaluation.costs import Costs, Spent
from mapcoder_lite.evaluation.metrics import Metrics
from mapcoder_lite.evaluation.scores import LabelScore
from mapcoder_lite.examination import Examination, rules_of
from mapcoder_lite.run_problem import UNRATED, UNTAGGED
from mapcoder_lite.statistics import Mean, Rate
from mapcoder_lite.verdict import JUDGE_VERSION


def run_report(metrics: Metrics) -> str:
    """Say everything that one run's metrics hold, what is left out first."""
    return "\n".join(
        [
            f"run {metrics.run}   engine {metrics.engine}",
            f"roles: {metrics.adapters or 'adapters not recorded (the run is older)'}",
            _judge(metrics.examination),
            *_rules(metrics),
            *_left_out(metrics),
            "",
            *_table([("", "passed", "of", "share", "95 % interval"), *_rates(metrics)]),
            *_suspects(metrics),
            *_flakes(metrics),
            *_labels("tag", metrics.tags, metrics.num_defective),
            *_labels("rating", metrics.ratings, metrics.num_defective),
            "",
            *_table(_costs(metrics)),
            _spent(metrics.spent),
            "",
            *_table(_roles(metrics)),
            f"units with any: {metrics.num_unreadable} of {metrics.num_solved_units}",
            "",
            f"verdicts on hidden tests: {_listed(metrics.verdicts)}",
            f"ends: {_listed(metrics.stops)}",
        ]
    )


def comparison_report(comparison: Comparison) -> str:
    """Say who solved what and how likely such a difference is by chance."""
    head = ("paired by problem", "both", "only A", "only B", "neither", "A", "B", "p")
    rows = [head, _pairs_row("raw", comparison.raw)]
    if comparison.sound is not None:
        rows.append(_pairs_row("sound subset", comparison.sound))
    lines = [f"A = {comparison.first}", f"B = {comparison.second}", *_table(rows)]
    if comparison.num_left_out:
        lines.append(
            f"left out: {comparison.num_left_out} problems that are not graded in both runs"
        )
    if not comparison.has_same_problems:
        lines.append("the runs did not read the same files: problems are paired by id alone")
    if not comparison.has_same_judge:
        lines.append("the runs were judged by different versions of the judge: a difference may be")
        lines.append("the judge's; `mapcoder grade RUN` judges a run again by today's")
    return "\n".join([*lines, "p: exact McNemar test, two-sided, on first samples"])


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


def _window(metrics: Metrics) -> list[str]:
    if metrics.since is None and metrics.until is None:
        return []
    since, until = metrics.since or "the first day", metrics.until or "the last"
    line = f"problems that came out from {since} to {until}; left out: {metrics.num_outside} others"
    return [line + (f", {metrics.num_undated} without a date" if metrics.num_undated else "")]


def _left_out(metrics: Metrics) -> list[str]:
    owed = metrics.num_units - metrics.num_solved_units
    lines = [
        *_window(metrics),
        f"{metrics.num_problems} problems x {metrics.num_samples} samples = "
        f"{metrics.num_units - metrics.num_extra} units, "
        f"{metrics.num_solved_units - metrics.num_extra} worked through",
    ]
    if metrics.num_extra:
        lines.append(
            f"further samples where passes lacked: {metrics.num_extra} units, in costs, verdicts "
            "and failures, not in pass@1"
        )
    if owed:
        lines.append(f"incomplete: {owed} units are owed; the same command goes on with them")
    if metrics.num_errors:
        lines.append(f"errors of the house, not scored: {metrics.num_errors} units (errors.jsonl)")
    if metrics.num_internal:
        lines.append(f"internal errors of the judge, not scored: {metrics.num_internal} grades")
    if metrics.passed is None:
        lines.append("not graded: the run had no hidden tests")
    elif metrics.num_ungraded:
        lines.append(f"not graded yet: {metrics.num_ungraded} units")
    if metrics.num_defective:
        lines.append(f"problems with defective hidden tests: {metrics.num_defective}")
    return lines


def _rates(metrics: Metrics) -> Iterable[Sequence[str]]:
    if metrics.passed is not None:
        yield _rate_row("pass@1, hidden tests", metrics.passed)
    if metrics.passed_sound is not None and metrics.num_defective:
        yield _rate_row("pass@1, sound subset", metrics.passed_sound)
    for row in metrics.pass_at_k[1:]:
        yield _mean_row(f"pass@{row.k}, hidden tests", row.raw, row.num_problems)
        if row.sound is not None and metrics.num_defective:
            yield _mean_row(f"pass@{row.k}, sound subset", row.sound, row.num_sound)
    yield _rate_row("solved on samples", metrics.public)


def _rate_row(name: str, rate: Rate) -> Sequence[str]:
    counts = (str(rate.num_passed), str(rate.num_total))
    return (name, *counts, percent(rate.share), interval(rate.low, rate.high))


def _mean_row(name: str, mean: Mean, num_problems: int) -> Sequence[str]:
    return (name, "-", str(num_problems), percent(mean.mean), interval(mean.low, mean.high))


def percent(share: float | None) -> str:
    """Write a share in per cent; `-` = there is none."""
    return "-" if share is None else f"{100 * share:.1f} %"


def interval(low: float | None, high: float | None) -> str:
    """Write an interval in per cent; `-` = there is none."""
    return "-" if low is None or high is None else f"{100 * low:.1f} .. {100 * high:.1f} %"


def _suspects(metrics: Metrics) -> list[str]:
    found = metrics.suspects
    if found is None or not found.num_units:
        return []
    passed = found.passed
    return [
        f"suspect: {found.num_units} wrong answers to problems of which several answers are right "
        f"and no checker knows them ({found.num_problems} problems); were they right, pass@1 were "
        f"{percent(passed.share)} ({interval(passed.low, passed.high)})"
    ]


def _flakes(metrics: Metrics) -> list[str]:
    found = metrics.flakes
    if found is None:
        return []
    lines: list[str] = []
    if found.units.num_total:
        lines.append(
            f"judge near its limits: {found.num_doubtful} runs repeated alone, {found.num_flipped} "
            f"got another verdict, in {found.units.num_passed} of {found.units.num_total} units "
            f"({interval(found.units.low, found.units.high)})"
        )
    if found.num_unrecorded:
        lines.append(
            f"judge near its limits: not recorded in {found.num_unrecorded} units (older verdicts)"
        )
    return lines


def _labels(kind: str, rows: Sequence[LabelScore], num_defective: int) -> list[str]:
    """The table of tags or ratings, unless the problems have none."""
    if len(rows) < 2 and all(row.label in (UNRATED, UNTAGGED) for row in rows):
        return []
    head = (kind, "passed", "of", "share", "95 % interval")
    if not num_defective:
        return ["", *_table([head, *(_rate_row(row.label, row.passed) for row in rows)])]
    cells = [
        (*_rate_row(row.label, row.passed), *_rate_row("", row.passed_sound)[1:]) for row in rows
    ]
    return ["", *_table([(*head, "sound", "of", "share", "95 % interval"), *cells])]


def _costs(metrics: Metrics) -> list[Sequence[str]]:
    rows = [_costs_row("a problem", metrics.costs_a_problem)]
    if metrics.num_solved_units > metrics.num_problems:
        rows.insert(0, _costs_row("an attempt", metrics.costs))
    if metrics.costs_a_pass is not None:
        rows.append(_costs_row("a solved problem", metrics.costs_a_pass))
    head = ("took, on average", "calls", "prompt tokens", "reply tokens", "dollars", "seconds")
    return [head, *rows]


def _costs_row(name: str, costs: Costs) -> Sequence[str]:
    return (
        name,
        f"{costs.calls:.2f}",
        f"{costs.prompt_tokens:.0f}",
        f"{costs.completion_tokens:.0f}",
        dollars(costs.dollars),
        f"{costs.seconds:.2f}",
    )


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


def dollars(amount: float | None) -> str:
    """Write an amount to a hundredth of a cent; `-` = unknown."""
    return "-" if amount is None else f"{amount:,.4f}"


def _roles(metrics: Metrics) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [
        ("role", "calls", "format failures", "share", "95 % interval", "reply tokens", "kinds")
    ]
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
                _listed(failures.kinds),
            )
        )
    return rows


def _pairs_row(name: str, pairs: Pairs) -> Sequence[str]:
    counts = (pairs.num_both, pairs.num_only_first, pairs.num_only_second, pairs.num_neither)
    totals = (pairs.num_both + pairs.num_only_first, pairs.num_both + pairs.num_only_second)
    return (
        name,
        *map(str, counts),
        *(f"{total}/{pairs.num_total}" for total in totals),
        f"{pairs.p:.3g}",
    )


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Align the first column left, the others right."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
