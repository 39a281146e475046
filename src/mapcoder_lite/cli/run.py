"""`mapcoder run`: many problems into a run directory; the same command goes on where it stopped.

Knows: what a run is made of, how progress is shown.
Does not know: how units are done, how numbers are made.
"""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from mapcoder_lite.config import Config
    from mapcoder_lite.problem import Problem
    from mapcoder_lite.runner import Outcome, Progress, SolveUnit, Work
    from mapcoder_lite.store import RunDirectory, RunHeader
    from mapcoder_lite.trajectory import Engine, Trajectory
    from mapcoder_lite.verdict import Judge


def run(
    config: options.Files = None,
    overrides: options.Overrides = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the run; by default engine and digest.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of all runs.")] = Path("runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and do nothing.")] = False,
    json: options.Json = False,
) -> None:
    """Solve many problems, grade them on hidden tests and report; the same command resumes.

    Exit code 0 = complete, 5 = the judge failed its self-test, 9 = units are owed (the same command
    goes on), 130 = interrupted.

    Example: mapcoder run --name first -s run.problems=data/xcodeeval/problems.jsonl
    -s run.hidden_tests=data/xcodeeval/hidden_tests.jsonl -s run.limit=10
    """
    settings = options.resolve(config, overrides)
    work = _work(settings)
    path = out / (name or f"{settings.engine.kind.value}-{settings.digest[:8]}")
    if dry_run:
        terminal.result(_forecast(settings, work, path))
        return
    try:
        outcome = _carry_out(settings, work, path)
    except KeyboardInterrupt:
        terminal.say(f"interrupted; what is done stands in {path}: the same command goes on")
        sys.exit(130)
    _report(path, json)
    if not outcome.is_complete:
        owed = outcome.num_units - outcome.num_done
        terminal.say(
            f"{owed} of {outcome.num_units} units are owed, {outcome.num_errors} failed in this "
            f"sitting (see {path / 'log.txt'}); they are not scored. The same command goes on",
            "yellow",
        )
        sys.exit(9)


def _work(settings: "Config") -> "Work":
    from mapcoder_lite.data.problem_json import read_hidden_tests, read_problems
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.runner import samples_of

    wanted = settings.run
    if wanted.problems is None:
        raise ConfigError("run.problems is not set: -s run.problems=data/NAME/problems.jsonl")
    problems = read_problems(Path(wanted.problems))[: wanted.limit]
    if wanted.hidden_tests is None:
        terminal.say("run.hidden_tests is not set: nothing will be graded", "yellow")
        return samples_of(problems, None, wanted.samples)
    return samples_of(problems, read_hidden_tests(Path(wanted.hidden_tests)), wanted.samples)


def _forecast(settings: "Config", work: "Work", path: Path) -> str:
    from mapcoder_lite.jsonl import read_lines
    from mapcoder_lite.trajectory import Trajectory

    trajectories = path / "trajectories.jsonl"
    num_done = sum(1 for _ in read_lines(trajectories, Trajectory))
    num_owed = len(work.units) - num_done
    k, t = settings.traversal.k, settings.traversal.t
    num_untested = sum(not problem.public_tests for problem in work.problems)
    return "\n".join(
        [
            f"run           {path}",
            f"engine        {settings.engine.kind.value}",
            f"units         {len(work.units)} = {len(work.problems)} problems x "
            f"{settings.run.samples} samples, {num_owed} owed",
            f"hidden tests  {'no' if work.hidden is None else 'yes'}",
            f"no samples    {num_untested} problems",
            f"calls         {num_owed * (2 + 2 * k)} to {num_owed * (1 + 2 * k + k * (1 + t))}, "
            "each unreadable reply asked once more",
        ]
    )


def _carry_out(settings: "Config", work: "Work", path: Path) -> "Outcome":
    from mapcoder_lite import runner
    from mapcoder_lite.cli import engines, executors, preflight
    from mapcoder_lite.engine.replay import StoredEngine
    from mapcoder_lite.store import RunDirectory

    ready = preflight.prepare(settings, work.problems)
    with (
        executors.opened_judge(settings) as judge,
        engines.opened_engine(ready.settings, work.problems) as engine,
        RunDirectory(path, _header(settings, work, engine), work.facts()) as directory,
        terminal.telling(directory.log),
    ):
        terminal.say(f"backbone  {engines.describe(settings.engine, engine)}")
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
        solve = _solver(settings, StoredEngine(engine, directory.calls), judge)
        worker = runner.Worker(work, solve, judge)
        opening = partial(executors.open_solver, ready.settings)
        with executors.opened_executor(settings, worker, directory, opening) as executor:
            return runner.run(
                work,
                executor,
                directory,
                isolation=None if work.hidden is None else judge.isolation,
                max_errors=settings.run.max_errors,
                on_unit=_show,
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


def _header(settings: "Config", work: "Work", engine: "Engine") -> "RunHeader":
    from mapcoder_lite import __version__
    from mapcoder_lite.store import RunHeader, source_commit

    return RunHeader(
        config=settings,
        config_digest=settings.digest,
        problems_digest=work.digest,
        engine_identity=engine.identity,
        version=__version__,
        commit=source_commit(),
    )


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
        f"[{progress.num_ended}/{progress.num_owed}] {result.unit.problem_id}{sample}: "
        f"{word}{facts}",
        colour,
    )


def _report(path: Path, json: bool) -> None:
    """Write metrics.json, which is derived and may be written anew, and show it."""
    from mapcoder_lite.evaluation.metrics import measure
    from mapcoder_lite.evaluation.report import run_report
    from mapcoder_lite.evaluation.statistics import has_statistics
    from mapcoder_lite.jsonl import write_record

    metrics = measure(path, has_intervals=has_statistics())
    write_record(path / "metrics.json", metrics)
    terminal.result(metrics.model_dump_json(indent=2) if json else run_report(metrics))
    if not has_statistics():
        terminal.say(
            "intervals need statsmodels: pip install 'mapcoder-lite[evaluation]'", "yellow"
        )
