"""An audit as tables and as a Markdown page.

Knows: columns, percent signs.
Does not know: where numbers come from, terminals.
"""

from collections.abc import Iterable, Iterator, Sequence

from mapcoder_lite.curation.audit import Audit, LabelBias
from mapcoder_lite.curation.funnel import Stage
from mapcoder_lite.curation.odds import PassOdds
from mapcoder_lite.curation.recalls import Diversity, Recalls
from mapcoder_lite.curation.rejudging import Rejudged
from mapcoder_lite.curation.shift import Shift
from mapcoder_lite.run_problem import band_order
from mapcoder_lite.statistics import Rate
from mapcoder_lite.tables import Table, escaped, section

_STUDENT_OWN = "student, own problems"


def tables(audit: Audit) -> tuple[Table, ...]:
    """Return everything that an audit says, in the order in which it is read."""
    told = [
        _funnel(audit.funnel.stages),
        _shifts(audit),
        _shares("Tags at every stage, in per cent", audit.tags, sorted(_labels(audit.tags))),
        _shares(
            "Ratings at every stage, in per cent",
            audit.ratings,
            sorted(_labels(audit.ratings), key=band_order),
        ),
        _odds("Pass odds of a tag against all other problems", _by_odds(audit.tags.odds)),
        _odds(
            "Pass odds of a rating band against all other problems",
            sorted(audit.ratings.odds, key=lambda odds: band_order(odds.label)),
        ),
        _recalls(audit.recalls),
        _diversity(audit.recalls),
    ]
    if audit.rejudged is not None:
        told.append(_rejudged(audit.rejudged))
    return tuple(told)


def markdown(audit: Audit, plots: Sequence[str] = ()) -> str:
    """Return the whole audit as a page; `plots` are names of files beside it."""
    runs = [f"* run {escaped(name)}: {escaped(engine)}" for name, engine in audit.runs.items()]
    if audit.student is not None:
        runs.append(f"* student {escaped(audit.student)}")
    parts = [f"# Audit of {escaped(audit.dataset)}", "\n".join(runs)]
    parts += [f"![{escaped(name)}]({name})" for name in plots]
    return "\n\n".join([*parts, *map(section, tables(audit))]) + "\n"


def _funnel(stages: Sequence[Stage]) -> Table:
    rows: list[tuple[str, ...]] = []
    before: dict[str, int] = {}
    for stage in stages:
        unit = "calls" if stage.unit == "rows" else stage.unit  # a row is a call that was kept
        kept = _percent(stage.count, before.get(unit))
        parts = "; ".join(
            f"{by}: {_listed(counts)}" for by, counts in stage.parts.items() if counts
        )
        rows.append((stage.name, stage.unit, str(stage.count), kept, parts))
        before[unit] = stage.count
    return Table(
        "Funnel",
        ("stage", "unit", "count", "of those before", "parts"),
        tuple(rows),
        ("of those before: of the last stage counted in the same unit; a row is a call",),
    )


def _shifts(audit: Audit) -> Table:
    rows = [
        (kind, name, *_shift(shift))
        for kind, bias in (("tags", audit.tags), ("ratings", audit.ratings))
        for name, shift in _all_shifts(bias)
        if shift is not None
    ]
    return Table(
        "Distance from the first stage",
        ("over", "stage", "JS distance", "by chance", "95 % of chance below", "p"),
        tuple(rows),
        (
            "Jensen-Shannon, base 2: 0 = the same shares, 1 = nothing in common. By chance: the "
            f"same counts dealt out to problems at random, {audit.num_draws} times, "
            f"seed {audit.seed}",
            f"{_STUDENT_OWN}: from the problems that the student was given to those it solved",
        )[: 2 if audit.student else 1],
    )


def _all_shifts(bias: LabelBias) -> Iterator[tuple[str, Shift | None]]:
    for stage in bias.stages:
        yield stage.stage, stage.shift
    if bias.student is not None:
        yield _STUDENT_OWN, bias.student.shift


def _shift(shift: Shift) -> tuple[str, ...]:
    numbers = (shift.distance, shift.chance_mean, shift.chance_high)
    return (*(f"{number:.3f}" for number in numbers), _p(shift.p))


def _shares(title: str, bias: LabelBias, labels: Sequence[str]) -> Table:
    columns = {f"{stage.stage} ({stage.num_units})": stage.shares for stage in bias.stages}
    if bias.student is not None:
        columns["given to the student"] = bias.student.shares
    rows = [(label, *(_share_of(shares, label) for shares in columns.values())) for label in labels]
    return Table(
        title,
        ("", *columns),
        tuple(rows),
        ("a problem with several labels counts for each of them in equal parts",),
    )


def _share_of(shares: dict[str, float], label: str) -> str:
    return f"{100 * shares.get(label, 0.0):.1f}" if shares else "-"


def _labels(bias: LabelBias) -> set[str]:
    own = bias.student.shares.keys() if bias.student else set[str]()
    return set(own).union(*(stage.shares.keys() for stage in bias.stages))


def _by_odds(odds: Iterable[PassOdds]) -> list[PassOdds]:
    return sorted(odds, key=lambda o: (-(o.first.share or 0.0), o.label))


def _odds(title: str, odds: Sequence[PassOdds]) -> Table:
    rows = [
        (
            o.label,
            f"{o.first.num_passed}/{o.first.num_total}",
            *_rate(o.first),
            f"{o.ever.num_passed}/{o.ever.num_total}",
            "-" if o.odds_ratio is None else f"{o.odds_ratio:.2f}",
            f"{_bound(o.low)} .. {_bound(o.high)}",
            _p(o.p),
            _p(o.p_holm),
        )
        for o in odds
    ]
    return Table(
        title,
        (
            "",
            "first attempt",
            "share",
            "95 % interval",
            "any attempt",
            "odds ratio",
            "95 % interval of it",
            "p",
            "p by Holm",
        ),
        tuple(rows),
        (
            "one problem counts once; Wilson intervals; odds ratio and its exact interval against "
            "all other problems; p: Fisher's exact test, two-sided; Holm over the table's rows",
        ),
    )


def _recalls(recalls: Recalls) -> Table:
    named, told = recalls.algorithms.num_named, recalls.num_told
    replies, exemplars = recalls.num_read, recalls.num_exemplars
    counts = (
        ("attempts with a readable reply", replies, recalls.num_attempts),
        ("replies that name an algorithm", named, replies),
        ("replies with exemplars that repeat each other", recalls.num_replies_with_twins, replies),
        ("exemplars that repeat one before", recalls.num_twins, exemplars),
        ("exemplars that are the problem itself", recalls.num_copies, exemplars),
        ("names that go with a tag, where both are known", recalls.num_agreeing, told),
    )
    rows = [(name, str(count), str(of), _percent(count, of)) for name, count, of in counts]
    return Table(
        "Retrieval replies",
        ("", "count", "of", "share"),
        tuple(rows),
        ("near duplicates by runs of three words in common, from 80 %",),
    )


def _diversity(recalls: Recalls) -> Table:
    all_tags = {"all": recalls.algorithms, **recalls.by_tag}
    return Table(
        "Algorithms named in retrieval replies",
        ("tag", "replies", "different", "entropy, bits", "effective number", "top share", "top"),
        tuple((tag, *_variety(diversity)) for tag, diversity in all_tags.items()),
        ("effective number: as many algorithms, named equally often, would be as varied",),
    )


def _variety(diversity: Diversity) -> tuple[str, ...]:
    return (
        str(diversity.num_named),
        str(diversity.num_distinct),
        f"{diversity.entropy_bits:.2f}",
        f"{diversity.effective:.1f}",
        f"{100 * diversity.top_share:.1f} %",
        _listed(dict(list(diversity.top.items())[:3])),
    )


def _rejudged(rejudged: Rejudged) -> Table:
    exceptions = [*rejudged.failed, *rejudged.unjudged]
    rows = [
        (e.run, e.problem_id, str(e.sample), e.verdict or "no program", str(e.num_rows))
        for e in exceptions
    ]
    return Table(
        "Judged again from scratch: what did not pass",
        ("run", "problem", "sample", "verdict", "rows"),
        tuple(rows) or (("none", "", "", "", ""),),
        (
            f"{rejudged.num_passed} of {rejudged.num_trajectories} programs passed all hidden "
            f"tests again ({rejudged.num_rows} rows rest on them), isolation "
            f"{rejudged.isolation.tier}",
        ),
    )


def _rate(rate: Rate) -> tuple[str, str]:
    if rate.low is None or rate.high is None:
        return _percent(rate.num_passed, rate.num_total), "-"
    interval = f"{100 * rate.low:.1f} .. {100 * rate.high:.1f} %"
    return _percent(rate.num_passed, rate.num_total), interval


def _percent(count: int, total: int | None) -> str:
    return f"{100 * count / total:.1f} %" if total else "-"


def _bound(number: float | None) -> str:
    return "inf" if number is None else f"{number:.2f}"


def _p(p: float) -> str:
    return f"{p:.2g}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
