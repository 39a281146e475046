"""`mapcoder repair --dry-run`: what correcting the failed attempts that are owed will take.

Knows: where a repair's files lie, what a supervisor will be shown, how the forecast is written.
Does not know: how numbers are made, engines. Imported only inside verbs: it is heavy.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.cli.forecast import (
    amount_lines,
    likely_text,
    owings_of,
    pace_of,
    table_lines,
)
from mapcoder_lite.config import Config
from mapcoder_lite.curation.failures import Failures
from mapcoder_lite.curation.supervisor import question
from mapcoder_lite.engine.prices import prices_of
from mapcoder_lite.evaluation.forecast import Engines, seen_in
from mapcoder_lite.evaluation.forecast_repair import (
    RepairForecast,
    repair_forecast,
    supervising,
)
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.problem import Problem
from mapcoder_lite.store import units_in
from mapcoder_lite.trajectory import Trajectory
from mapcoder_lite.work import Work


def repair_forecast_of(
    settings: Config, supervisor: Config, work: Work, failures: Failures, run: Path, path: Path
) -> RepairForecast:
    """Return what the attempts that are owed will take; nothing is written.

    Raises:
        StoreError: a line of the run, or of what is done of its repair, is damaged.
    """
    done = units_in(path / "trajectories.jsonl")
    owed = [unit for unit in work.units if unit not in done]
    problems = {problem.id: problem for problem in work.problems}
    calls = list(read_lines(path / "calls.jsonl", StoredCall))
    return repair_forecast(
        owings_of(settings, work, owed),
        settings.repair.rounds,
        len(work.units),
        Engines(
            seen_in(read_lines(run / "calls.jsonl", StoredCall)),
            prices_of(settings),
            pace_of(settings.engine, settings, settings.traversal.k),
        ),
        supervising(
            prompt_sizes(problems, (failures.failed[unit] for unit in owed)),
            calls,
            supervisor.engine.price,
            pace_of(supervisor.engine, settings, 1),
        ),
        len(calls) / len(done) if done else None,
    )


def prompt_sizes(problems: Mapping[str, Problem], attempts: Iterable[Trajectory]) -> list[int]:
    """Return the bytes of what a supervisor is asked about each attempt."""
    return [
        sum(len(message.content.encode()) for message in question(problems[t.problem_id], t))
        for t in attempts
    ]


def repair_forecast_text(
    found: RepairForecast, supervisor: Config, failures: Failures, path: Path
) -> str:
    """Say it to a person, what it rests on last."""
    left_out = sum(failures.left_out.values())
    more = f", {left_out} more cannot be repaired" if left_out else ""
    return "\n".join(
        [
            f"repair        {path}",
            f"supervisor    {supervisor.engine.model or supervisor.engine.kind.value}",
            f"attempts      {found.num_failed} of {failures.num_graded} failed, "
            f"{found.num_owed} owed{more}",
            f"rounds        1 to {found.rounds} an attempt",
            *amount_lines(found, found.hours, likely_text(found)),
            "",
            *table_lines("who", [(str(one.role), one) for one in found.roles]),
            "",
            *(f"* {assumption}" for assumption in found.assumptions),
        ]
    )
