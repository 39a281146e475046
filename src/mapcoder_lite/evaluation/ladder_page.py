"""A ladder as a Markdown page: rates, tests, failures, costs, noise, forgetting, what is missing.

Knows: headings, columns, percent signs.
Does not know: where numbers come from, pictures, terminals.
"""

from collections.abc import Iterable, Mapping, Sequence

from mapcoder_lite.evaluation.forgetting import ForgottenRow
from mapcoder_lite.evaluation.ladder import Ladder, Repeated, RungRow
from mapcoder_lite.evaluation.readability import Readability
from mapcoder_lite.statistics import Rate
from mapcoder_lite.trajectory import Role

Cells = Sequence[Sequence[str]]
"""Rows of a table, its head first."""


def ladder_page(
    ladder: Ladder,
    readabilities: Mapping[str, Readability],
    forgotten: Sequence[ForgottenRow],
    plots: Sequence[str] = (),
) -> str:
    """Return the whole page; `plots` are names of files beside it."""
    parts = [
        "# The ladder",
        "Every number is counted from run directories by `mapcoder pocket ladder`.",
        *(f"![{name}]({name})" for name in plots),
        *_section("pass@1 on the hidden tests", rate_cells(ladder), _rate_note(ladder)),
        *_section("Several seeds", _repeated(ladder.repeated), _SEED_NOTE),
        *_section("Paired tests", _tests(ladder), _TEST_NOTE),
        *_section("Replies that could not be read", _failures(ladder.rungs), _FAILURE_NOTE),
        *_section("What it took", _costs(ladder.rungs), _COST_NOTE),
        *_section("Noisy statements", _noise(readabilities), _NOISE_NOTE),
        *_section("Forgetting", _forgetting(forgotten), _FORGETTING_NOTE),
        *_section("Missing", [("what", "why"), *ladder.missing.items()], ""),
    ]
    return "\n\n".join(parts) + "\n"


def rate_cells(ladder: Ladder) -> Cells:
    """Return the table of rates; it is what a terminal shows."""
    head = (
        *("rung", "what answers", "passed", "of", "share", "95 % interval"),
        *("of the common", "95 % interval"),
    )
    return [head, *(_rates(row) for row in ladder.rungs)]


def _rates(row: RungRow) -> Sequence[str]:
    counts = (str(row.passed.num_passed), str(row.passed.num_total))
    own = (_share(row.passed), _interval(row.passed))
    return (row.name, row.words, *counts, *own, _share(row.common), _interval(row.common))


def _repeated(rows: Iterable[Repeated]) -> Cells:
    head = ("recipe", "rungs", "mean", "95 % interval", "worst .. best", "against", "p", "p, Holm")
    return [
        head,
        *(
            (
                row.recipe,
                ", ".join(row.rungs),
                _share(row.passed),
                _interval(row.passed),
                f"{100 * row.lowest:.1f} .. {100 * row.highest:.1f} %",
                row.against or "-",
                _p(row.p),
                _p(row.p_corrected),
            )
            for row in rows
        ),
    ]


def _tests(ladder: Ladder) -> Cells:
    head = ("rung", "against", "common problems", "gained", "lost", "p", "p, Holm")
    return [
        head,
        *(
            (
                test.rung,
                test.against,
                *map(str, (test.num_common, test.num_gained, test.num_lost)),
                _p(test.p),
                _p(test.p_corrected),
            )
            for test in ladder.tests
        ),
    ]


def _failures(rungs: Iterable[RungRow]) -> Cells:
    head = ("rung", "problems with any", "95 % interval", *(role.value for role in Role), "kinds")
    return [head, *(_failures_of(row) for row in rungs)]


def _failures_of(row: RungRow) -> Sequence[str]:
    roles = [f"{row.roles[role].num_failures} of {row.roles[role].num_calls}" for role in Role]
    kinds = [
        f"{role.value} {kind} {count}"
        for role in Role
        for kind, count in row.roles[role].kinds.items()
    ]
    some = f"{row.unreadable.num_passed} of {row.unreadable.num_total}"
    return (row.name, some, _interval(row.unreadable), *roles, ", ".join(kinds) or "none")


def _costs(rungs: Iterable[RungRow]) -> Cells:
    head = (
        "rung",
        "rows learnt from",
        "calls",
        "prompt tokens",
        "reply tokens",
        "seconds",
        "calls a pass",
        "prompt tokens a pass",
        "reply tokens a pass",
        "parameters, M",
        "MB as float32",
    )
    return [head, *(_costs_of(row) for row in rungs)]


def _costs_of(row: RungRow) -> Sequence[str]:
    mean, each, size = row.costs, row.costs_a_pass, row.num_parameters
    return (
        row.name,
        "-" if row.num_rows is None else f"{row.num_rows:,}",
        f"{mean.calls:.2f}",
        f"{mean.prompt_tokens:.0f}",
        f"{mean.completion_tokens:.0f}",
        f"{mean.seconds:.2f}",
        "-" if each is None else f"{each.calls:.2f}",
        "-" if each is None else f"{each.prompt_tokens:.0f}",
        "-" if each is None else f"{each.completion_tokens:.0f}",
        "-" if size is None else f"{size / 1e6:.2f}",
        "-" if size is None else f"{4 * size / 1e6:.1f}",
    )


def _noise(readabilities: Mapping[str, Readability]) -> Cells:
    rows: list[Sequence[str]] = [
        ("run", "noise", "readable", "95 % interval", "a little", "more", "much", "unreadable")
    ]
    for name, found in readabilities.items():
        for row in found.rows:
            levels = [_share(row.levels[n]) if n in row.levels else "-" for n in (1, 2, 3)]
            kinds = ", ".join(f"{kind} {count}" for kind, count in row.failures.items())
            own = (_share(row.readable), _interval(row.readable))
            rows.append((name, row.noise, *own, *levels, kinds or "none"))
    return rows


def _forgetting(forgotten: Iterable[ForgottenRow]) -> Cells:
    rows: list[Sequence[str]] = [("model", "loss", "change", "95 % interval")]
    for row in forgotten:
        low, high = row.change.low, row.change.high
        interval = "-" if low is None or high is None else f"{low:+.4f} .. {high:+.4f}"
        rows.append((row.name, f"{row.loss:.4f}", f"{row.change.mean:+.4f}", interval))
    return rows


def _section(title: str, cells: Cells, note: str) -> Iterable[str]:
    """A heading, a table and its note; nothing at all where there are no rows."""
    if len(cells) > 1:
        yield f"## {title}"
        yield _table(cells)
        if note:
            yield note


def _table(cells: Cells) -> str:
    head, *rows = [f"| {' | '.join(row)} |" for row in cells]
    rule = f"| {' | '.join('---' for _ in cells[0])} |"
    return "\n".join([head, rule, *rows])


def _share(rate: Rate) -> str:
    return "-" if rate.share is None else f"{100 * rate.share:.1f} %"


def _interval(rate: Rate) -> str:
    if rate.low is None or rate.high is None:
        return "-"
    return f"{100 * rate.low:.1f} .. {100 * rate.high:.1f}"


def _p(p: float | None) -> str:
    return "-" if p is None else f"{p:.2g}"


def _rate_note(ladder: Ladder) -> str:
    return (
        "95 % Wilson intervals; a problem whose judge failed is left out. The last two columns are "
        f"of the {ladder.num_common} problems that all finished rungs graded."
    )


_SEED_NOTE = (
    "Trainings that differ by their seed alone, on the common problems. The interval is Wilson's "
    "with a problem's attempts as one cluster, and the p that of the sign-flip test of problems: "
    "both know nothing of seeds that were not tried, hence the range."
)
_TEST_NOTE = (
    "Exact McNemar tests, two-sided, on the problems that both rungs graded. Holm's correction is "
    "over all tests of this page."
)
_FAILURE_NOTE = (
    "Failures of calls, each ask counted; an unreadable reply is asked for once more. Problems "
    "with any: at least one of their calls failed, with its 95 % Wilson interval in per cent."
)
_COST_NOTE = (
    "Means over problems; `a pass`: all that was used, divided by the problems that passed. "
    "Seconds are by the clock from a problem's first question to its last, beside as many others "
    "as run.concurrency. Parameters: of all backbones and adapters that answer."
)
_NOISE_NOTE = (
    "The retrieval agent alone, asked once about problems whose statements are spoilt; the share "
    "of replies that could be read. Over three levels, with a problem's replies as one cluster."
)
_FORGETTING_NOTE = (
    "Nats a reply token on chats of the backbone's pre-training mix that no training saw, and the "
    "difference to the bare backbone on the same chats, which are the units of the interval."
)
