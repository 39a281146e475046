"""`mapcoder run --dry-run`: what is owed and what it will take, before anything is asked.

Knows: where a run's files lie, how a range and a table of roles are written.
Does not know: how numbers are made, engines. Imported only inside verbs: it is heavy.
"""

from collections.abc import Sequence
from pathlib import Path

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.config import Config
from mapcoder_lite.engine.prices import prices_of
from mapcoder_lite.evaluation.forecast import (
    Amounts,
    Forecast,
    Owing,
    Pace,
    Range,
    forecast,
    seen_in,
)
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.settings import EngineConfig, EngineKind
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
    prices = prices_of(settings)
    return forecast(
        owings_of(settings, work, [unit for unit in work.units if unit not in solved]),
        seen_in(read_lines(path / "calls.jsonl", StoredCall)),
        prices,
        pace_of(settings.engine, settings, settings.traversal.k),
        sum(solved.values()) / len(solved) if solved else None,
    )


def owings_of(settings: Config, work: Work, owed: Sequence[Unit]) -> list[Owing]:
    """Split what is owed by whose turn it is, and by whether a problem has public tests."""
    untested = {problem.id for problem in work.problems if not problem.public_tests}
    num_turns, traversal = prices_of(settings).num_turns, settings.traversal
    owings: list[Owing] = []
    for turn in range(num_turns):
        mine = [unit for unit in owed if unit.sample % num_turns == turn]
        num_untested = sum(unit.problem_id in untested for unit in mine)
        num_tested = len(mine) - num_untested
        owings.append(
            Owing(num_tested, num_untested, traversal.k, traversal.t, turn, traversal.name)
        )
    return owings


def pace_of(engine: EngineConfig, settings: Config, calls_a_unit: int) -> Pace:
    """Return how many calls an engine is asked for at a time; a unit makes so many together."""
    is_far = engine.kind is EngineKind.OPENAI
    most = engine.max_in_flight if is_far else engine.max_batch_rows
    units = settings.run.concurrency
    return Pace(min(most, units), min(most, units * calls_a_unit))


def forecast_text(found: Forecast, settings: Config, work: Work, path: Path) -> str:
    """Say it to a person, what it rests on last."""
    reuse = len(settings.run.reuse)
    return "\n".join(
        [
            f"run           {path}",
            f"engine        {settings.engine.kind.value}",
            f"units         {len(work.units)} = {len(work.problems)} problems x "
            f"{settings.run.samples} samples, {found.num_owed} owed",
            f"hidden tests  {'no' if work.hidden is None else 'yes'}",
            *amount_lines(found, found.hours, likely_text(found)),
            "",
            *table_lines("role", [(str(one.role), one) for one in found.roles]),
            "",
            *(f"* {assumption}" for assumption in found.assumptions),
            *([f"* answers found in {reuse} earlier runs are not taken off"] if reuse else []),
        ]
    )


def likely_text(found: Forecast) -> str:
    """Say how many calls it will be if units go on as they did."""
    if found.likely_calls is None:
        return ""
    return f", {found.likely_calls:,.0f} if units go on as the finished ones"


def amount_lines(found: Amounts, hours: Range | None, likely: str = "") -> list[str]:
    """Say calls, tokens, dollars and hours."""
    return [
        f"calls         {written(found.calls)}{likely}",
        f"prompts       {written(found.prompt_tokens)} tokens",
        f"replies       {written(found.completion_tokens)} tokens",
        f"dollars       {written(found.dollars, 2)}",
        f"hours         {written(hours, 2)}",
    ]


def table_lines(title: str, parts: Sequence[tuple[str, Amounts]]) -> list[str]:
    """Draw what each part will take."""
    rows: list[Sequence[str]] = [(title, "calls", "prompt tokens", "reply tokens", "dollars")]
    for name, one in parts:
        counts = (one.calls, one.prompt_tokens, one.completion_tokens)
        rows.append((name, *map(written, counts), written(one.dollars, 2)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def written(range: Range | None, digits: int = 0) -> str:
    """Return a range as a person reads it; one number where both bounds are alike."""
    if range is None:
        return "-"
    low, high = f"{range.low:,.{digits}f}", f"{range.high:,.{digits}f}"
    return low if low == high else f"{low} to {high}"
