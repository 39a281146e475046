"""`mapcoder run`: many problems into a run directory; the same command goes on where it stopped.

Knows: what a run is made of, how progress is shown.
Does not know: how units are done, how numbers are made.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, sitting, terminal

if TYPE_CHECKING:
    from mapcoder_lite.config import Config
    from mapcoder_lite.problem import Problem
    from mapcoder_lite.runner import Outcome, Progress, SolveUnit
    from mapcoder_lite.store import RunDirectory
    from mapcoder_lite.trajectory import Engine, Trajectory
    from mapcoder_lite.verdict import Judge
    from mapcoder_lite.work import Work


def run(
    config: options.Files = None,
    overrides: options.Overrides = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the run; by default engine and digest.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of all runs.")] = Path("runs"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it will take, and do nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Solve many problems, grade them on hidden tests and report; the same command resumes.

    Exit code 0 = complete, 5 = the judge failed its self-test, 7 = the budget is spent, 9 = units
    are owed (the same command goes on), 130 = interrupted.

    Example: mapcoder run --name first -s run.problems=data/xcodeeval/problems.jsonl
    -s run.hidden_tests=data/xcodeeval/hidden_tests.jsonl -s run.limit=10
    """
    settings = options.resolve(config, overrides)
    work = work_of(settings)
    path = out / (name or f"{settings.engine.kind.value}-{settings.digest[:8]}")
    if dry_run:
        _foresee(settings, work, path, json)
        return
    sitting.ended(
        path,
        lambda: _carry_out(settings, work, path),
        lambda: _report(path, json),
        "units",
    )


def work_of(settings: "Config") -> "Work":
    """Read the problems of a run and, where it grades, their hidden tests.

    Raises:
        ConfigError: no problems are named.
        InputError: a file cannot be read.
    """
    from mapcoder_lite.data.problem_json import read_hidden_tests, read_problems
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.work import samples_of

    wanted = settings.run
    if wanted.problems is None:
        raise ConfigError("run.problems is not set: -s run.problems=data/NAME/problems.jsonl")
    problems = read_problems(Path(wanted.problems))[: wanted.limit]
    if wanted.hidden_tests is None:
        terminal.say("run.hidden_tests is not set: nothing will be graded", "yellow")
        return samples_of(problems, None, wanted.samples)
    return samples_of(problems, read_hidden_tests(Path(wanted.hidden_tests)), wanted.samples)


def _foresee(settings: "Config", work: "Work", path: Path, json: bool) -> None:
    from mapcoder_lite.cli.forecast import forecast_of, forecast_text

    found = forecast_of(settings, work, path)
    text = found.model_dump_json(indent=2) if json else None
    terminal.result(text or forecast_text(found, settings, work, path))


def _carry_out(settings: "Config", work: "Work", path: Path) -> "Outcome":
    from mapcoder_lite import runner
    from mapcoder_lite.cli import budget, engines, executors, preflight
    from mapcoder_lite.curation import resampling
    from mapcoder_lite.engine.prices import prices_of
    from mapcoder_lite.store import RunDirectory

    follow_up = resampling.follow_up(settings.run, work.facts())
    ready = preflight.prepare(settings, work.problems)
    with (
        executors.opened_judge(settings) as judge,
        engines.opened_engine(ready.settings, work.problems) as engine,
        RunDirectory(path, sitting.header(settings, work, engine), work.facts()) as directory,
        terminal.telling(directory.log),
    ):
        terminal.say(f"backbone  {engines.describe(settings.engine, engine)}")
        work = runner.with_rounds(work, directory, follow_up)
        is_owed = bool(runner.owed(work, directory).tasks)
        if is_owed:
            with terminal.waiting("the server is being tried"):
                ready = preflight.tried(engine, ready)
            directory.name_adapters(ready.badge)
        preflight.say(ready, width=10)
        for line in ready.lines:
            directory.log(line)
        if is_owed or not directory.is_judge_trusted:
            _examine(judge, settings, directory)
        (engine,) = budget.stored([engine], settings, prices_of(settings), directory)
        solve = _solver(settings, engine, judge)
        worker = runner.Worker(work, solve, judge)
        opening = partial(executors.open_solver, ready.settings)
        with executors.opened_executor(settings, worker, directory, opening) as executor:
            return runner.run(
                work,
                executor,
                directory,
                isolation=None if work.hidden is None else judge.isolation,
                max_errors=settings.run.max_errors,
                max_error_share=settings.run.max_error_share,
                on_unit=_show,
                follow_up=follow_up,
            )


def _solver(settings: "Config", engine: "Engine", judge: "Judge") -> "SolveUnit":
    from mapcoder_lite import pipeline
    from mapcoder_lite.cli import engines

    dials = engines.dials(settings)

    def solve(problem: "Problem", sample: int) -> "Trajectory":
        return pipeline.solve(problem, engine, judge, dials, sample=sample)

    return solve


def _examine(judge: "Judge", settings: "Config", directory: "RunDirectory") -> None:
    """No accuracy comes from a judge that failed its self-test."""
    from mapcoder_lite import runner

    report = runner.examine(judge, settings.run.language, directory)
    terminal.say(f"judge     isolation {judge.isolation.tier}, self-test {len(report.rows)} right")


def _show(progress: "Progress") -> None:
    result = progress.result
    trajectory, grade = result.trajectory, result.grade
    if result.fault is not None:
        word, colour = f"ERROR, owed again: {result.fault}", "yellow"
    elif grade is None:
        word, colour = "not graded", None
    elif grade.judgement is None:
        word, colour = "no program", "red"
    else:
        word, colour = grade.judgement.verdict.value, "green" if grade.is_passed else "red"
    sample = f" sample {result.unit.sample}" if result.unit.sample else ""
    facts = ""
    if trajectory is not None:
        stop, num_calls = trajectory.stop.value, len(trajectory.calls)
        facts = f"  ({stop}, {num_calls} calls, {trajectory.seconds:.1f} s)"
    terminal.say(
        terminal.one_line(
            f"[{progress.num_ended}/{progress.num_owed}] {result.unit.problem_id}{sample}: "
            f"{word}{facts}"
        ),
        colour,
    )


def _report(path: Path, json: bool) -> None:
    """Write metrics.json, which is derived and may be written anew, and show it."""
    from mapcoder_lite.agents import parse
    from mapcoder_lite.evaluation.metrics import measure
    from mapcoder_lite.evaluation.report import run_report
    from mapcoder_lite.jsonl import write_record
    from mapcoder_lite.statistics import has_statistics

    metrics = measure(path, has_intervals=has_statistics(), confidence=parse.confidence)
    write_record(path / "metrics.json", metrics)
    terminal.result(metrics.model_dump_json(indent=2) if json else run_report(metrics))
    if not has_statistics():
        terminal.say(
            "intervals need statsmodels: pip install 'mapcoder-lite[evaluation]'", "yellow"
        )
