"""`mapcoder attribute`: which role mends a run's failures, told by replays with a teacher.

Knows: which engines stand for student and teacher, what is written where.
Does not know: how attempts are replayed, how numbers are made.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import bench, options, terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapcoder_lite.attribution import Lattice
    from mapcoder_lite.config import Config
    from mapcoder_lite.curation.bench import Graded
    from mapcoder_lite.evaluation.attribution import AttributionTable
    from mapcoder_lite.problem import Problem


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command was told, and what it reads."""

    run: Path
    settings: "Config"
    teacher: "Config"
    graded: "Graded"
    problems: "Sequence[Problem]"
    lattice: "Lattice"
    replays: int
    folder: Path


def attribute(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A complete, graded run.")],
    teacher: Annotated[
        Path, typer.Option("--teacher", help="TOML whose [engine] answers for roles in turn.")
    ],
    all_sets: Annotated[
        bool, typer.Option("--all-sets", help="All 16 sets of roles, for Shapley's shares; else 8.")
    ] = False,
    replays: Annotated[int, typer.Option(min=1, max=9, help="Of each set of roles.")] = 6,
    config: options.Files = None,
    overrides: options.Overrides = None,
    name: Annotated[
        str, typer.Option("--name", help="Of the folder and the record inside the run.")
    ] = "attribution",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it will take, and do nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Make a run's failures again with a teacher in some roles: who mends them? Resumes.

    Writes attribution.json and the folder attribution/ into the run. Settings are the run's own but
    for what -c and -s say; budget.* bounds student and teacher together. Exit code 6 = no failure,
    or the run is not complete, 7 = the budget is spent, 9 = units are owed (the same command goes
    on), 130 = interrupted.

    Example: mapcoder attribute runs/student --teacher configs/teacher.toml --all-sets
    """
    wish = _wish(run, teacher, all_sets, replays, name, bench.run_settings(run, config, overrides))
    if dry_run:
        _foresee(wish, json)
        return
    with bench.ending(wish.folder):
        _report(_attributed(wish), wish.folder, json)


def _wish(
    run: Path, teacher: Path, all_sets: bool, replays: int, name: str, settings: "Config"
) -> Wish:
    from mapcoder_lite.attribution import Lattice
    from mapcoder_lite.curation.counterfactual import refuse_too_few

    lattice = Lattice.FULL if all_sets else Lattice.CHEAP
    refuse_too_few(replays, lattice)
    engine = options.resolve([teacher], None).engine
    _refuse_two_prices(settings, engine.price)
    wise = bench.teacher_settings(run, settings, engine)
    graded, problems = bench.read(run, settings)
    return Wish(run, settings, wise, graded, problems, lattice, replays, run / name)


def _refuse_two_prices(settings: "Config", price: object) -> None:
    """A role's question does not say whether student or teacher was paid for it."""
    from mapcoder_lite.errors import ConfigError

    if settings.budget.dollars is not None and price != settings.engine.price:
        raise ConfigError(
            "budget.dollars cannot be kept where student and teacher have different prices: bound "
            "the work by budget.calls, budget.tokens or --replays"
        )


def _foresee(wish: Wish, json: bool) -> None:
    from mapcoder_lite.cli import forecast_supervisors as forecasts

    bill = forecasts.Bill(wish.settings, wish.graded, wish.folder, {})
    found = forecasts.foreseen_attribution(bill, wish.teacher, wish.lattice, wish.replays)
    text = found.model_dump_json(indent=2) if json else None
    terminal.result(text or forecasts.supervisors_forecast_text(found, wish.run, wish.folder))


def _attributed(wish: Wish) -> "AttributionTable":
    """Replay what is owed, and count."""
    from mapcoder_lite.evaluation.attribution import attribution_table
    from mapcoder_lite.jsonl import file_digest, write_lines, write_record

    student, graded = wish.settings, wish.graded
    with ExitStack() as stack:
        kept = bench.bounded(student, wish.folder / "truth")
        measured = bench.opened(stack, graded, student, wish.problems, wish.folder, kept)
        teacher = kept(stack.enter_context(bench.opened_engine(wish.teacher, wish.problems)))
        wish.folder.mkdir(exist_ok=True)
        _, found, _ = measured.by_replay(teacher, wish.lattice, wish.replays)
    write_lines(wish.folder / "attributions.jsonl", found)
    table = attribution_table(
        found,
        {id: problem.tags for id, problem in graded.problems.items()},
        run=wish.run.resolve().name,
        trajectories=file_digest(wish.run / "trajectories.jsonl"),
        student=graded.header.engine_identity,
        teacher=teacher.identity,
        num_failed=len(graded.failed),
    )
    write_record(wish.folder.with_suffix(".json"), table)
    return table


def _report(table: "AttributionTable", folder: Path, json: bool) -> None:
    from mapcoder_lite.evaluation.attribution_tables import attribution_blocks
    from mapcoder_lite.tables import text

    shown = table.model_dump_json(indent=2) if json else text(attribution_blocks(table))
    terminal.result(shown)
    terminal.say(f"written to {folder.with_suffix('.json')}")
