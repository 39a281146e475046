"""The supervisor table as Markdown that also reads well on a terminal.

Knows: words, columns, which caveats are said beside which number.
Does not know: where numbers come from, terminals.
"""

from collections.abc import Iterator, Sequence

from mapcoder_lite.curation.accuracy import FEW, Duel, Paired, Score, SupervisorTable
from mapcoder_lite.curation.label import Truth
from mapcoder_lite.statistics import Rate
from mapcoder_lite.trajectory import Role


def page(table: SupervisorTable) -> str:
    """Say all that the table holds, what it rests on first."""
    parts = [
        [f"# How good is the supervisor? Run {table.run}, truth by {table.truth}"],
        list(_truth(table)),
        list(_caveats(table)),
        _grid(_scores(table)),
        ["hit@1 by responsible role"],
        _grid(_by_role(table)),
        *(part for score in table.scores if not score.is_baseline for part in _named(score)),
        ["On the same failures: sign-flip test by problem, p after Holm over all tests here"],
        _grid(_tests(table)),
        [_agreement(table)],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _truth(table: SupervisorTable) -> Iterator[str]:
    labels = ", ".join(f"{role} {number}" for role, number in table.labels.items())
    yield (
        f"{table.num_failures} labelled failures of {table.num_problems} problems, responsible: "
        f"{labels}. Their certainty is {table.certainty:.2f} on average."
    )
    if table.replays is not None:
        r = table.replays
        yield (
            f"{r.num_failures} failures replayed ({r.lattice} lattice, {r.num_replays} replays a "
            f"set): {r.num_labelled} labelled; of the others {r.num_by_luck} pass when drawn "
            f"again, {r.num_only_together} need several roles together, {r.num_unmended} are not "
            f"credibly mended by any set. v(nobody) is {r.resampled:.2f} on average."
        )
    if table.injections is not None:
        i = table.injections
        yield (
            f"Faults were put into {i.num_passing} passing attempts; labelled are those where "
            "every replay without the fault passed."
        )
        yield ""
        yield from _grid(
            [
                ("fault in", "injected", "failed", "labelled", "replays without it failed"),
                *(
                    (
                        role.value,
                        str(of.num_injected),
                        str(of.num_failed),
                        str(of.num_labelled),
                        f"{of.num_replays_failed} of {of.num_replays}",
                    )
                    for role, of in i.roles.items()
                ),
            ]
        )
        if i.num_internal:
            yield f"The judge failed on {i.num_internal} attempts; they are not counted."


def _caveats(table: SupervisorTable) -> Iterator[str]:
    if table.is_small:
        yield f"Fewer than {FEW} failures: the intervals are wide, and differences hardly show."
    if table.num_unfinished:
        yield f"{table.num_unfinished} labelled failures are left out: not all were corrected."
    if table.truth is Truth.INJECTION:
        yield (
            "The attempts passed before faults were put in, so drawing them again passes more "
            "often than it does for a run's own failures: judge the uplift against the baselines."
        )


def _scores(table: SupervisorTable) -> list[Sequence[str]]:
    head = ("supervisor", "hit@1", "set hit", "exact step", "unusable", "repaired", "uplift")
    rows = [
        (
            _name(score),
            _share(score.hit),
            _share(score.set_hit),
            _share(score.step) if score.step else "-",
            _share(score.unusable),
            _share(score.repaired),
            f"{100 * score.uplift:+.1f}",
        )
        for score in table.scores
    ]
    again = ("drawn again, unguided", "-", "-", "-", "-", _share(table.resampled), "0")
    return [head, *rows, again]


def _by_role(table: SupervisorTable) -> list[Sequence[str]]:
    head = ("supervisor", *(role.value for role in Role))
    return [
        head,
        *((_name(s), *(_share(s.hit_by_role[role]) for role in Role)) for s in table.scores),
    ]


def _named(score: Score) -> list[list[str]]:
    words = list(score.named[Role.RETRIEVAL])
    rows = [
        (f"{role} responsible", *(str(counts[word]) for word in words))
        for role, counts in score.named.items()
    ]
    return [[f"Whom {score.supervisor} names"], _grid([("", *words), *rows])]


def _tests(table: SupervisorTable) -> list[Sequence[str]]:
    head = ("first", "second", "of", "only first", "only second", "problems", "p", "p (Holm)")
    rows = [
        (s.supervisor, "drawn again", "repairs", *_paired(s.against_resampling))
        for s in table.scores
    ]
    return [head, *rows, *(row for duel in table.duels for row in _duel(duel))]


def _duel(duel: Duel) -> Iterator[Sequence[str]]:
    yield (duel.first, duel.second, "hits", *_paired(duel.hits))
    yield (duel.first, duel.second, "repairs", *_paired(duel.repairs))


def _paired(pair: Paired) -> Sequence[str]:
    counts = (pair.num_only_first, pair.num_only_second, pair.num_problems)
    return (*map(str, counts), f"{pair.p:.3g}", f"{pair.p_holm:.3g}")


def _agreement(table: SupervisorTable) -> str:
    if table.alpha is None:
        return f"Krippendorff's alpha between supervisors: none, {table.alpha_note}."
    return f"Krippendorff's alpha between the supervisors that read: {table.alpha:.2f}"


def _name(score: Score) -> str:
    return f"({score.supervisor})" if score.is_baseline else score.supervisor


def _share(rate: Rate) -> str:
    if rate.share is None or rate.low is None or rate.high is None:
        return "-"
    return f"{100 * rate.share:.1f} % ({100 * rate.low:.0f}..{100 * rate.high:.0f})"


def _grid(rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
