"""How good supervisors are: whom they name against whom the truth names, what correction brings.

All supervisors see the same failures, so every comparison is paired. Several failures may come of
one problem and resemble each other: intervals and tests keep problems whole.

Knows: labels, corrections, hit rates, uplift, paired tests, agreement.
Does not know: how labels were found, how corrections were made, how the table is shown.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from mapcoder_lite.attribution import Lattice
from mapcoder_lite.curation.injection import InjectionTally
from mapcoder_lite.curation.label import Label, Truth
from mapcoder_lite.errors import InputError
from mapcoder_lite.example import Correction
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import Rate, alpha, clustered, holm, sign_flip
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Role

SCHEMA_VERSION = 1

FEW = 30
"""Below so many failures the table says that they are few."""


class Paired(Record):
    """Two answers on the same failures; the p is of the sign-flip test by problem."""

    num_only_first: int
    """Failures that the first alone answers well."""
    num_only_second: int
    num_problems: int
    """Problems at which one answers more failures well than the other: what the test rests on."""
    p: float
    p_holm: float
    """After Holm's correction over all tests of the table."""


class Score(Record):
    """How one supervisor did."""

    supervisor: str
    is_baseline: bool
    """Whether it is a rule that reads nothing."""
    unusable: Rate
    """Replies from which no blame came; each counts as a miss and mends nothing."""
    hit: Rate
    """hit@1: the named role is the responsible one."""
    step: Rate | None
    """The named call is the responsible one; None when the truth does not say which call."""
    set_hit: Rate
    """The named role is in a smallest set of roles that mends the failure."""
    repaired: Rate
    """Failures that pass the hidden tests after one correction."""
    uplift: float
    """Repaired share less the share that passes when the whole attempt is drawn again."""
    against_resampling: Paired
    """Repairs against drawing again."""
    hit_by_role: dict[Role, Rate]
    """hit@1 by the responsible role."""
    named: dict[Role, dict[str, int]]
    """How often each role, or `unusable`, was named, by the responsible role."""


class Duel(Record):
    """Two supervisors on the same failures."""

    first: str
    second: str
    hits: Paired
    repairs: Paired


class ReplayTally(Record):
    """How a run's failures were replayed, and what they were put down to."""

    schema_version: Literal[1] = SCHEMA_VERSION
    lattice: Lattice
    num_replays: int
    """Of each set of roles."""
    num_failures: int
    num_labelled: int
    num_by_luck: int
    """Unlabelled, and drawing again passes at least half of the time."""
    num_only_together: int
    """Unlabelled: only several roles together mend it."""
    num_unmended: int
    """Unlabelled: no set of roles credibly mends it."""
    resampled: float
    """Mean of v(nobody) over the failures."""


class SupervisorTable(Record):
    """supervisors.json: every supervisor on the same labelled failures."""

    schema_version: Literal[1] = SCHEMA_VERSION
    run: str
    truth: Truth
    injections: InjectionTally | None = None
    replays: ReplayTally | None = None
    num_failures: int
    """Labelled failures that every supervisor was shown."""
    num_problems: int
    """Problems that they come from; intervals and tests allow for several failures of one."""
    num_unfinished: int
    """Labelled failures left out, because a correction of them is owed or could not be judged."""
    labels: dict[Role, int]
    """Failures by the responsible role."""
    certainty: float
    """Mean of the labels' certainty."""
    resampled: Rate
    """Failures that pass when the whole attempt is drawn again, unguided."""
    scores: tuple[Score, ...]
    duels: tuple[Duel, ...]
    """Pairs with at least one supervisor that reads."""
    alpha: float | None
    """Krippendorff's alpha of the named roles between the supervisors that read."""
    alpha_note: str | None
    """Why there is no alpha."""

    @property
    def is_small(self) -> bool:
        """Whether the failures are few."""
        return self.num_failures < FEW


@dataclass(frozen=True, slots=True)
class Answers:
    """What one supervisor said and brought, failure by failure."""

    supervisor: str
    is_baseline: bool
    corrections: Mapping[Unit, Correction]


def table(
    run: str,
    truth: Truth,
    labels: Sequence[Label],
    answers: Sequence[Answers],
    resampled: Mapping[Unit, bool],
    *,
    injections: InjectionTally | None = None,
    replays: ReplayTally | None = None,
) -> SupervisorTable:
    """Compare the supervisors on the labelled failures that all of them answered.

    Raises:
        InputError: there is no such failure.
        ConfigError: statsmodels is not installed.
    """
    shown = [
        label
        for label in labels
        if label.unit in resampled and all(label.unit in of.corrections for of in answers)
    ]
    if not shown:
        raise InputError(
            f"{run}: of {len(labels)} labelled failures none could be shown to all supervisors, so "
            "none is measured: give a run with more problems, or another --truth"
        )
    again = [resampled[label.unit] for label in shown]
    scores = [_score(shown, of, again) for of in answers]
    duels = [
        _duel(shown, first, second)
        for first, second in combinations(answers, 2)
        if not (first.is_baseline and second.is_baseline)
    ]
    scores, duels = _corrected(scores, duels)
    agreement, note = _agreement(shown, [of for of in answers if not of.is_baseline])
    return SupervisorTable(
        run=run,
        truth=truth,
        injections=injections,
        replays=replays,
        num_failures=len(shown),
        num_problems=len({label.problem_id for label in shown}),
        num_unfinished=len(labels) - len(shown),
        labels={role: sum(label.role is role for label in shown) for role in Role},
        certainty=sum(label.certainty for label in shown) / len(shown),
        resampled=_rate(shown, again),
        scores=tuple(scores),
        duels=tuple(duels),
        alpha=agreement,
        alpha_note=note,
    )


def is_hit(label: Label, correction: Correction) -> bool:
    """Whether the responsible role was named."""
    return correction.blame is not None and correction.blame.role is label.role


def is_set_hit(label: Label, correction: Correction) -> bool:
    """Whether a role was named that a smallest repair needs."""
    named = correction.blame
    return named is not None and any(named.role in roles for roles in label.repair_sets)


def is_step_hit(label: Label, correction: Correction) -> bool:
    """Whether the responsible call was named."""
    return correction.blame is not None and correction.blame.call_index == label.call_index


def _score(labels: Sequence[Label], of: Answers, again: Sequence[bool]) -> Score:
    said = [of.corrections[label.unit] for label in labels]

    def rate(holds: Callable[[Label, Correction], bool], role: Role | None = None) -> Rate:
        pairs = [p for p in zip(labels, said, strict=True) if role in (None, p[0].role)]
        return clustered((label.problem_id, holds(label, word)) for label, word in pairs)

    repaired = rate(lambda _, word: word.is_passed)
    knows_step = all(label.call_index is not None for label in labels)
    return Score(
        supervisor=of.supervisor,
        is_baseline=of.is_baseline,
        unusable=rate(lambda _, word: word.blame is None),
        hit=rate(is_hit),
        step=rate(is_step_hit) if knows_step else None,
        set_hit=rate(is_set_hit),
        repaired=repaired,
        uplift=(repaired.num_passed - sum(again)) / len(labels),
        against_resampling=_paired(labels, [word.is_passed for word in said], again),
        hit_by_role={role: rate(is_hit, role) for role in Role},
        named=_named(labels, said),
    )


def _named(labels: Sequence[Label], said: Sequence[Correction]) -> dict[Role, dict[str, int]]:
    counts = Counter(
        (label.role, word.blame.role.value if word.blame else "unusable")
        for label, word in zip(labels, said, strict=True)
    )
    words = (*(role.value for role in Role), "unusable")
    return {role: {word: counts[role, word] for word in words} for role in Role}


def _duel(labels: Sequence[Label], first: Answers, second: Answers) -> Duel:
    pairs = [(first.corrections[x.unit], second.corrections[x.unit]) for x in labels]
    hits = [(is_hit(x, a), is_hit(x, b)) for x, (a, b) in zip(labels, pairs, strict=True)]
    return Duel(
        first=first.supervisor,
        second=second.supervisor,
        hits=_paired(labels, [a for a, _ in hits], [b for _, b in hits]),
        repairs=_paired(labels, [a.is_passed for a, _ in pairs], [b.is_passed for _, b in pairs]),
    )


def _paired(labels: Sequence[Label], first: Sequence[bool], second: Sequence[bool]) -> Paired:
    seen = Counter(zip(first, second, strict=True))
    leads: Counter[str] = Counter()
    for label, a, b in zip(labels, first, second, strict=True):
        leads[label.problem_id] += a - b
    p = sign_flip(leads.values())
    return Paired(
        num_only_first=seen[True, False],
        num_only_second=seen[False, True],
        num_problems=sum(lead != 0 for lead in leads.values()),
        p=p,
        p_holm=p,
    )


def _corrected(scores: Sequence[Score], duels: Sequence[Duel]) -> tuple[list[Score], list[Duel]]:
    """Correct every p for all tests of the table."""
    tests = [s.against_resampling for s in scores] + [p for d in duels for p in (d.hits, d.repairs)]
    ps = holm([test.p for test in tests])
    mended = iter(test.model_copy(update={"p_holm": p}) for test, p in zip(tests, ps, strict=True))
    return (
        [s.model_copy(update={"against_resampling": next(mended)}) for s in scores],
        [d.model_copy(update={"hits": next(mended), "repairs": next(mended)}) for d in duels],
    )


def _agreement(
    labels: Sequence[Label], readers: Sequence[Answers]
) -> tuple[float | None, str | None]:
    if len(readers) < 2:
        return None, f"agreement takes two supervisors that read; there is {len(readers)}"
    rows = [
        [blame.role if (blame := of.corrections[label.unit].blame) else None for of in readers]
        for label in labels
    ]
    value = alpha(rows)
    return value, "all usable replies name the same role" if value is None else None


def _rate(labels: Sequence[Label], words: Sequence[bool]) -> Rate:
    return clustered((x.problem_id, word) for x, word in zip(labels, words, strict=True))
