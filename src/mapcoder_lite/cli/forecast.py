"""`mapcoder run --dry-run`: what is owed and what it will take, before anything is asked.

Knows: where a run's files lie, how a range is written.
Does not know: how numbers are made, engines. Imported only inside verbs: it is heavy.
"""

from collections.abc import Sequence
from pathlib import Path

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.config import Config
from mapcoder_lite.engine.prices import prices_of
from mapcoder_lite.evaluation.forecast import Forecast, Owing, Pace, Range, forecast, seen_in
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.settings import EngineKind
from mapcoder_lite.store import Unit
from mapcoder_lite.trajectory import Trajectory
from mapcoder_lite.work import Work


def forecast_of(settings: Config, work: Work, path: Path) -> Forecast:
    """Return what the units that are owed will take; nothing is written.

    Raises:
        StoreError: a line of the run is damaged.
    """
    solved = {
        Unit(done.problem_id, done.sample): len(done.calls)
        for done in read_lines(path / "trajectories.jsonl", Trajectory)
    }
    untested = {problem.id for problem in work.problems if not problem.public_tests}
    owed = [unit for unit in work.units if unit not in solved]
    prices, traversal = prices_of(settings), settings.traversal
    owings: list[Owing] = []
    for turn in range(prices.num_turns):
        mine = [unit for unit in owed if unit.sample % prices.num_turns == turn]
        num_untested = sum(unit.problem_id in untested for unit in mine)
        num_tested = len(mine) - num_untested
        owings.append(Owing(num_tested, num_untested, traversal.k, traversal.t, turn))
    return forecast(
        owings,
        seen_in(read_lines(path / "calls.jsonl", StoredCall)),
        prices,
        _pace(settings),
        sum(solved.values()) / len(solved) if solved else None,
    )


def forecast_text(found: Forecast, settings: Config, work: Work, path: Path) -> str:
    """Say it to a person, what it rests on last."""
    likely = ""
    if found.likely_calls is not None:
        likely = f", {found.likely_calls:,.0f} if units go on as the finished ones"
    reuse = len(settings.run.reuse)
    return "\n".join(
        [
            f"run           {path}",
            f"engine        {settings.engine.kind.value}",
            f"units         {len(work.units)} = {len(work.problems)} problems x "
            f"{settings.run.samples} samples, {found.num_owed} owed",
            f"hidden tests  {'no' if work.hidden is None else 'yes'}",
            f"calls         {_written(found.calls)}{likely}",
            f"prompts       {_written(found.prompt_tokens)} tokens",
            f"replies       {_written(found.completion_tokens)} tokens",
            f"dollars       {_written(found.dollars, 2)}",
            f"hours         {_written(found.hours, 2)}",
            "",
            *_table(found),
            "",
            *(f"* {assumption}" for assumption in found.assumptions),
            *([f"* answers found in {reuse} earlier runs are not taken off"] if reuse else []),
        ]
    )


def _table(found: Forecast) -> list[str]:
    rows: list[Sequence[str]] = [("role", "calls", "prompt tokens", "reply tokens", "dollars")]
    for one in found.roles:
        counts = (one.calls, one.prompt_tokens, one.completion_tokens)
        rows.append((one.role.value, *map(_written, counts), _written(one.dollars, 2)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _pace(settings: Config) -> Pace:
    engine = settings.engine
    is_far = engine.kind is EngineKind.OPENAI
    most = engine.max_in_flight if is_far else engine.max_batch_rows
    units = settings.run.concurrency
    return Pace(min(most, units), min(most, units * settings.traversal.k))


def _written(range: Range | None, digits: int = 0) -> str:
    if range is None:
        return "-"
    low, high = f"{range.low:,.{digits}f}", f"{range.high:,.{digits}f}"
    return low if low == high else f"{low} to {high}"
