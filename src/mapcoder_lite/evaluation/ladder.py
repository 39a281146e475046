"""Several runs as one ladder: each rung's rates and costs, and paired tests between rungs.

Knows: run directories, the problems that rungs share, which tests are corrected together.
Does not know: what a rung is made of, how runs are made, pages, pictures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from mapcoder_lite.config import differences
from mapcoder_lite.errors import StoreError
from mapcoder_lite.evaluation.compare import Pairs, first_samples, pairs_of
from mapcoder_lite.evaluation.costs import Costs, RoleFailures
from mapcoder_lite.evaluation.metrics import Metrics, measure
from mapcoder_lite.evaluation.run_files import RunFiles, open_run
from mapcoder_lite.problem import Record
from mapcoder_lite.statistics import Rate, clustered, holm, rate, sign_flip
from mapcoder_lite.trajectory import Role

SCHEMA_VERSION = 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rung:
    """A run that is to stand in the ladder."""

    name: str
    """Of its run directory."""
    words: str
    """What it is, for a reader."""
    against: tuple[str, ...] = ()
    """Rungs that it is tested against."""
    recipe: str | None = None
    """Rungs of one recipe differ by their seed alone."""
    num_parameters: int | None = None
    """Of all models and adapters that answer; None = not known."""
    num_rows: int | None = None
    """That its adapters or models learnt from; None = nothing was learnt, or it is not known."""


class Paired(Record):
    """A rung against another on the problems that both graded; exact McNemar test, two-sided."""

    rung: str
    against: str
    num_common: int
    num_gained: int
    """Problems that only the rung passed."""
    num_lost: int
    """Problems that only the other passed."""
    p: float
    p_corrected: float
    """After Holm's correction over all tests of the ladder."""


class RungRow(Record):
    """What one finished run says."""

    name: str
    words: str
    passed: Rate
    """pass@1 on all of the run's problems."""
    common: Rate
    """pass@1 on the problems that all finished rungs graded."""
    unreadable: Rate
    """Problems with at least one reply that could not be read."""
    roles: dict[Role, RoleFailures]
    costs: Costs
    """A problem, on average."""
    costs_a_pass: Costs | None
    """All that was used, divided by the problems passed; None = none was."""
    num_parameters: int | None
    num_rows: int | None
    settings: tuple[str, ...]
    """In what the run's settings differ from the first finished rung's."""


class Repeated(Record):
    """The rungs of one recipe together, on the common problems."""

    recipe: str
    rungs: tuple[str, ...]
    passed: Rate
    """Of all attempts of all rungs; its interval has a problem's attempts as one cluster, and knows
    nothing of seeds that were not tried."""
    lowest: float
    highest: float
    """Share of the worst and of the best rung."""
    against: str | None
    p: float | None
    """Sign-flip test of problems, the rungs' mean against that rung; None = there is none."""
    p_corrected: float | None


class Ladder(Record):
    """ladder.json: every number of the table, from the run directories."""

    schema_version: Literal[1] = SCHEMA_VERSION
    num_common: int
    """Problems that all finished rungs graded."""
    rungs: tuple[RungRow, ...]
    repeated: tuple[Repeated, ...]
    tests: tuple[Paired, ...]
    missing: dict[str, str]
    """What is not in it, rungs above all, and why."""


@dataclass(frozen=True, slots=True)
class _Finished:
    """A rung with what its run directory holds."""

    rung: Rung
    run: RunFiles
    metrics: Metrics
    passed: Mapping[str, bool]
    """Problem ids with whether the first sample passed."""


def read_ladder(rungs: Sequence[Rung], folder: Path) -> Ladder:
    """Read the runs `folder/<rung>` that are finished, and name those that are not.

    Raises:
        StoreError: none is finished, a run is damaged, or runs cannot stand in one table: they
            share no problem, mean different problems by one id, or were judged by different rules.
        SandboxError: a run's judge failed the self-test, or was never examined.
        ConfigError: statsmodels is absent.
    """
    missing = {rung.name: why for rung in rungs if (why := _why_missing(folder / rung.name))}
    finished = [_finished(rung, folder) for rung in rungs if rung.name not in missing]
    if not finished:
        raise StoreError(f"{folder} holds no finished rung of {len(rungs)}: make them first")
    common = _common_problems([one.run for one in finished], [one.passed for one in finished])
    pairs = [(one, other, _pairs(one, other)) for one, other in _tests(finished)]
    repeated = [_repeated(group, finished, common) for group in _recipes(finished)]
    ps = [p.p for _, _, p in pairs] + [one.p for one in repeated if one.p is not None]
    corrected = iter(holm(ps))
    return Ladder(
        num_common=len(common),
        rungs=tuple(_row(one, finished[0], common) for one in finished),
        tests=tuple(_paired(*pair, next(corrected)) for pair in pairs),
        repeated=tuple(
            one if one.p is None else one.model_copy(update={"p_corrected": next(corrected)})
            for one in repeated
        ),
        missing=missing,
    )


def _why_missing(run: Path) -> str | None:
    if not (run / "config.json").is_file():
        return "not begun"
    return None if (run / "manifest.json").is_file() else "begun, units are owed"


def _finished(rung: Rung, folder: Path) -> _Finished:
    run = open_run(folder / rung.name)
    return _Finished(rung, run, measure(run.path), first_samples(run))


def _common_problems(
    runs: Sequence[RunFiles], passed: Sequence[Mapping[str, bool]]
) -> frozenset[str]:
    """The problems that all runs graded; refuse runs that cannot be compared."""
    first = runs[0]
    for run in runs[1:]:
        shared = first.problems.keys() & run.problems.keys()
        strange = sorted(id for id in shared if first.problems[id] != run.problems[id])
        if strange:
            raise StoreError(
                f"{first.path} and {run.path} mean different problems by {strange[0]}: make one of "
                "them again, of the same problem files"
            )
        if first.examination.judge_version != run.examination.judge_version:
            raise StoreError(
                f"{first.path} and {run.path} were judged by different rules: judge both by "
                "today's, with `mapcoder grade RUN`"
            )
    common = frozenset(id for id in passed[0] if all(id in of_run for of_run in passed))
    if not common:
        raise StoreError("the finished rungs share no graded problem: they are no ladder")
    return common


def _tests(finished: Sequence[_Finished]) -> list[tuple[_Finished, _Finished]]:
    known = {one.rung.name: one for one in finished}
    return [(one, known[name]) for one in finished for name in one.rung.against if name in known]


def _pairs(one: _Finished, other: _Finished) -> Pairs:
    return pairs_of(one.passed.keys() & other.passed.keys(), one.passed, other.passed)


def _paired(one: _Finished, other: _Finished, pairs: Pairs, p_corrected: float) -> Paired:
    return Paired(
        rung=one.rung.name,
        against=other.rung.name,
        num_common=pairs.num_total,
        num_gained=pairs.num_only_first,
        num_lost=pairs.num_only_second,
        p=pairs.p,
        p_corrected=p_corrected,
    )


def _row(one: _Finished, first: _Finished, common: frozenset[str]) -> RungRow:
    metrics, passed = one.metrics, one.passed
    num_passed = sum(passed.values())
    units_a_pass = metrics.num_solved_units / num_passed if num_passed else None
    return RungRow(
        name=one.rung.name,
        words=one.rung.words,
        passed=rate(num_passed, len(passed), with_interval=True),
        common=rate(sum(passed[id] for id in common), len(common), with_interval=True),
        unreadable=rate(metrics.num_unreadable, metrics.num_solved_units, with_interval=True),
        roles=metrics.roles,
        costs=metrics.costs,
        costs_a_pass=metrics.costs.times(units_a_pass) if units_a_pass else None,
        num_parameters=one.rung.num_parameters,
        num_rows=one.rung.num_rows,
        settings=differences(first.run.header.config, one.run.header.config),
    )


def _recipes(finished: Sequence[_Finished]) -> list[list[_Finished]]:
    """The finished rungs of every recipe that more than one of them follows."""
    groups: dict[str, list[_Finished]] = {}
    for one in finished:
        if one.rung.recipe is not None:
            groups.setdefault(one.rung.recipe, []).append(one)
    return [group for group in groups.values() if len(group) > 1]


def _repeated(
    group: Sequence[_Finished], finished: Sequence[_Finished], common: frozenset[str]
) -> Repeated:
    ids = sorted(common)
    shares = [sum(one.passed[id] for id in ids) / len(ids) for one in group]
    base = next((b for b in finished if b.rung.name in group[0].rung.against), None)
    return Repeated(
        recipe=str(group[0].rung.recipe),
        rungs=tuple(one.rung.name for one in group),
        passed=clustered((id, one.passed[id]) for id in ids for one in group),
        lowest=min(shares),
        highest=max(shares),
        against=base.rung.name if base else None,
        p=_flipped(group, base, ids) if base else None,
        p_corrected=None,
    )


def _flipped(group: Sequence[_Finished], base: _Finished, ids: Sequence[str]) -> float:
    """The p of the problems' differences: how often a seed passed less how often the base would."""
    return sign_flip(
        sum(one.passed[id] for one in group) - len(group) * base.passed[id] for id in ids
    )
