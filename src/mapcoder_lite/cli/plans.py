"""`mapcoder plans`: would something that failed attempts dropped have passed the hidden tests?

Knows: who is asked, what is written where.
Does not know: how plans are tried, how numbers are made.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import bench, options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.config import Config
    from mapcoder_lite.curation.discarded import Find, Order, PlansTable
    from mapcoder_lite.tables import Block


def plans(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A complete, graded run.")],
    live: Annotated[
        bool, typer.Option("--live", help="Code plans that were left, by the run's own engine.")
    ] = False,
    passed_too: Annotated[
        bool, typer.Option("--all", help="Those of passed attempts too: is the surest plan best?")
    ] = False,
    name: Annotated[
        str, typer.Option("--name", help="Of the folder and the record inside the run.")
    ] = "plans",
    config: options.Files = None,
    overrides: options.Overrides = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it will take, and do nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Judge the programs that failed attempts wrote and dropped; --live tries the plans left too.

    Writes plans.json and the folder plans/ into the run; budget.* bounds the engine. Without --live
    nobody is asked. Exit code 7 = the budget is spent, 9 = units are owed (the same command goes
    on), 130 = interrupted.

    Example: mapcoder plans runs/student --live
    """
    from mapcoder_lite.errors import ConfigError

    if passed_too and not live:
        raise ConfigError("--all codes the plans that passed attempts left: it needs --live")
    settings, folder = bench.run_settings(run, config, overrides), run / name
    if dry_run:
        _foresee(folder, settings, live, passed_too, json)
        return
    with bench.ending(folder):
        _report(_tried(folder, settings, live, passed_too), json)


def _foresee(folder: Path, settings: "Config", live: bool, passed_too: bool, json: bool) -> None:
    from mapcoder_lite.cli import forecast_supervisors as forecasts

    graded, _ = bench.read(folder.parent, settings)
    bill = forecasts.Bill(settings, graded, folder, {})
    found = forecasts.foreseen_plans(bill, is_live=live, passed_too=passed_too)
    text = found.model_dump_json(indent=2) if json else None
    terminal.result(text or forecasts.supervisors_forecast_text(found, graded.path, folder))


def _tried(folder: Path, settings: "Config", live: bool, passed_too: bool) -> "PlansTable":
    from mapcoder_lite.curation import discarded
    from mapcoder_lite.errors import InputError
    from mapcoder_lite.jsonl import file_digest, write_record

    run = folder.parent
    graded, problems = bench.read(run, settings)
    if not graded.failed and not passed_too:
        raise InputError(f"{run}: no attempt failed, so nothing was dropped wrongly")
    wanted = {discarded.OF_FAILED: graded.failed} if live else {}
    if passed_too:
        wanted[discarded.OF_PASSED] = graded.passing
    with ExitStack() as stack:
        kept = bench.bounded(settings, *(folder / stage for stage in wanted))
        opened = bench.opened(stack, graded, settings, problems, folder, kept, is_live=live)
        written = discarded.judged_programs(opened, graded.failed)
        tried = [
            one
            for stage, attempts in wanted.items()
            for one in discarded.tried_plans(opened, stage, attempts)
        ]
    attempts = {**graded.failed, **graded.passing}
    order = discarded.order_of(attempts, graded.passing, tried) if passed_too else None
    digest = file_digest(run / "trajectories.jsonl")
    name = run.resolve().name
    table = discarded.plans_table(name, digest, graded.failed, written, tried, order)
    write_record(folder.with_suffix(".json"), table)
    return table


def _report(table: "PlansTable", json: bool) -> None:
    from mapcoder_lite.tables import text

    terminal.result(table.model_dump_json(indent=2) if json else text(_blocks(table)))


def _blocks(table: "PlansTable") -> "list[Block]":
    from mapcoder_lite.tables import Table

    is_known = table.num_plans_tried == table.num_plans_left
    saved = str(table.num_plans_pass) if is_known else "not known"
    rows = (
        ("programs written, not submitted", str(table.num_programs), str(table.num_written_pass)),
        ("plans never coded", str(table.num_plans_left), saved),
        ("either", "", str(table.num_either) if is_known else "not known"),
    )
    notes = () if is_known else ("--live tries the plans that were never coded",)
    title = f"What {table.num_failed} failed attempts of {table.run} dropped"
    blocks: list[Block] = [
        Table(title, ("dropped", "number", "attempts that it would have saved"), rows, notes),
        *(_found_line(find) for find in table.finds),
    ]
    if table.order is not None:
        blocks.append(_order_line(table.order))
    return blocks


def _found_line(find: "Find") -> str:
    what = "never coded" if find.round is None else f"round {find.round}"
    doubt = "" if find.passes_samples else ", though it fails a public test"
    return f"{find.problem_id} sample {find.sample}: plan {find.plan_index}, {what}{doubt}"


def _order_line(order: "Order") -> str:
    return (
        f"the surest plan first works in {order.num_surest} of {order.num_attempts} attempts, the "
        f"first recalled in {order.num_recalled}, any in {order.num_any}; only the surest "
        f"{order.num_only_surest}, only the first recalled {order.num_only_recalled}, p "
        f"{order.p:.3g} (sign-flip test by problem)"
    )
