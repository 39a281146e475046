"""What is found of failures and confidences, as tables for a terminal or a page.

Knows: titles, columns, percent signs, which caveats are said beside which number.
Does not know: where numbers come from, terminals, markup.
"""

from collections.abc import Iterator

from mapcoder_lite.evaluation.calibration import Calibration, Estimate, Reliability
from mapcoder_lite.evaluation.diagnosis import MEANINGS
from mapcoder_lite.evaluation.failures import Failures
from mapcoder_lite.statistics import Rate
from mapcoder_lite.tables import Table


def findings_tables(
    failures: Failures | None, calibration: Calibration | None
) -> tuple[Table, ...]:
    """Return everything that was found, in the order in which it is read; none without failures."""
    told: list[Table] = []
    if failures is not None and failures.num_failed:
        told += [_classes(failures), _marks(failures), _formats(failures), _mast(failures)]
    if calibration is not None:
        told += _confidences(calibration)
    return tuple(table for table in told if table.rows)


def _confidences(calibration: Calibration) -> Iterator[Table]:
    for name, found in (("submitted plans, hidden tests", calibration.hidden),
                        ("tried plans, public tests", calibration.public)):  # fmt: skip
        if found is not None:
            yield _reliability(f"Confidence of {name}", found)
    if calibration.order.num_differing:
        yield _order(calibration)


def _classes(failures: Failures) -> Table:
    return Table(
        f"Why {failures.num_failed} of {failures.num_graded} graded units failed",
        ("class", "units", "share", "95 % interval", "verdicts on hidden tests"),
        tuple(
            (
                one.failure.value,
                str(one.share.num_passed),
                *share_and_interval(one.share),
                ", ".join(f"{word} {count}" for word, count in one.verdicts.items()),
            )
            for one in failures.classes
            if one.share.num_passed
        ),
        ("each failed unit is in the first class that fits; docs/evaluation.md explains them",),
    )


def _marks(failures: Failures) -> Table:
    patches = failures.patches
    return Table(
        "What stands on their records",
        ("mark", "failed units", "passed units", "evidence", "a guess"),
        tuple(
            (one.mark.value, counted(one.failed), counted(one.passed), *MEANINGS[one.mark])
            for one in failures.marks
            if one.failed.num_passed
        ),
        (
            "a mark that passed units bear as often explains nothing",
            f"{patches.num_judged} patches were judged: {patches.num_better} pass more public "
            f"tests than the program before, {patches.num_worse} fewer; {patches.num_idle} change "
            f"nothing, {patches.num_repeated} give an earlier program back",
        ),
    )


def _formats(failures: Failures) -> Table:
    return Table(
        "Replies that could not be read",
        ("role", "asked for", "why", "calls", "units", "failed units"),
        tuple(
            (
                one.role.value,
                one.kind.value,
                one.failure,
                *map(str, (one.num_calls, one.num_units, one.num_failed_units)),
            )
            for one in failures.formats
        ),
    )


def _mast(failures: Failures) -> Table:
    return Table(
        "The same in the modes of MAST (2503.13657)",
        ("mode", "name", "failed units", "passed units", "what shows it"),
        tuple(
            (
                mode.code,
                mode.name,
                str(mode.num_failed_units),
                str(mode.num_passed_units),
                mode.reason,
            )
            for mode in failures.mast
            if mode.num_failed_units
        ),
        ("a unit may show several modes; no record can show "
         + ", ".join(m.code for m in failures.mast if m.num_failed_units is None),),
    )  # fmt: skip


def _reliability(title: str, found: Reliability) -> Table:
    scores = f"Brier score {_estimate(found.brier)}, of the pass rate alone "
    scores += f"{found.brier_of_base:.3f}; calibration error {_estimate(found.error)}; AUROC "
    scores += "not defined: all have one outcome" if not found.auroc else _estimate(found.auroc)
    return Table(
        title,
        ("confidence", "plans", "mean", "passed", "95 % interval"),
        tuple(
            (
                f"{one.low} .. {one.high}",
                str(one.passed.num_total),
                f"{100 * one.mean_confidence:.0f} %",
                *share_and_interval(one.passed),
            )
            for one in found.bins
            if one.mean_confidence is not None
        ),
        (scores, *_verdict(found)),
    )


def _verdict(found: Reliability) -> Iterator[str]:
    if found.auroc is not None and found.auroc.low is not None and found.auroc.low <= 0.5:
        yield "the AUROC's interval holds 0.5: the confidences are not shown to tell plans apart"
    if found.brier.value >= found.brier_of_base:
        yield "stating the pass rate for every plan would be nearer the truth than they are"


def _order(calibration: Calibration) -> Table:
    order = calibration.order
    first = order.num_recalled_pass
    return Table(
        "The surest plan first, or the first recalled",
        ("attempts", "number"),
        (
            ("with two plans or more", str(order.num_attempts)),
            ("where the two differ", str(order.num_differing)),
            ("of these, the surest passes its samples", str(order.num_surest_pass)),
            ("the first recalled passes them", f"{first} .. {first + order.num_unknown}"),
        ),
        ("a plan that was never tried may pass or not: `mapcoder plans` tries it",),
    )


def share_and_interval(rate: Rate) -> tuple[str, str]:
    """Return a rate's share and its interval as two cells."""
    share = "-" if rate.share is None else f"{100 * rate.share:.1f} %"
    if rate.low is None or rate.high is None:
        return share, "-"
    return share, f"{100 * rate.low:.1f} .. {100 * rate.high:.1f} %"


def counted(rate: Rate) -> str:
    """Return a rate as a count of a total."""
    return f"{rate.num_passed} of {rate.num_total}"


def _estimate(number: Estimate) -> str:
    if number.low is None or number.high is None:
        return f"{number.value:.3f}"
    return f"{number.value:.3f} ({number.low:.3f} .. {number.high:.3f})"
