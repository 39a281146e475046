"""`mapcoder repair`: the failed attempts of a run are corrected under a supervisor, into a new run.

Knows: what a repair is made of, what it is refused for.
Does not know: how blame is found, how an attempt is corrected.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import options, sitting, terminal

if TYPE_CHECKING:
    from mapcoder_lite.cli.preflight import Ready
    from mapcoder_lite.config import Config
    from mapcoder_lite.curation.failures import Failures, RepairTally
    from mapcoder_lite.runner import Outcome, Progress
    from mapcoder_lite.settings import EngineConfig
    from mapcoder_lite.store import RunHeader
    from mapcoder_lite.trajectory import Engine
    from mapcoder_lite.work import Work


def repair(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A complete, graded run directory.")],
    config: options.Files = None,
    overrides: options.Overrides = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the new run; by default RUN-repaired.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of all runs.")] = Path("runs"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it will take, and do nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Correct a run's failed attempts under a supervisor; the same command resumes.

    Settings are the run's own, engine included and [budget] excluded, but for what -c and -s say;
    [supervisor] is the engine that blames. Exit codes as of `mapcoder run`.

    Example: mapcoder repair runs/student -c configs/pocket-repair.toml
    """
    from mapcoder_lite.curation.failures import read_failures

    failures = read_failures(run)
    settings = options.resolve(config, overrides, failures.header.config.unbudgeted)
    supervisor = _supervisor(settings)
    work = _work(settings, failures, run)
    path = out / (name or f"{failures.source.run}-repaired")
    if dry_run:
        _foresee(settings, supervisor, work, failures, run, path, json)
        return
    sitting.ended(
        path,
        lambda: _carry_out(settings, supervisor, work, failures, path),
        lambda: _report(path, json),
        "attempts",
    )


def _supervisor(settings: "Config") -> "Config":
    """The settings that the supervisor's engine is opened and asked with."""
    from mapcoder_lite.cli import engines
    from mapcoder_lite.errors import ConfigError

    if settings.supervisor is None:
        raise ConfigError(
            "no supervisor is set: name the engine that blames in [supervisor], as "
            "-s supervisor.kind=openai -s supervisor.model=NAME -s supervisor.base_url=URL"
        )
    return engines.supervising(settings.supervisor, settings)


def _work(settings: "Config", failures: "Failures", run: Path) -> "Work":
    """The failed units with their problems, which must be those that the run was made on."""
    from mapcoder_lite.data.problem_json import read_hidden_tests, read_problems
    from mapcoder_lite.errors import InputError
    from mapcoder_lite.work import Work, samples_of

    _refuse_other_attempts(settings, failures.header.config, run)
    wanted = settings.run
    if wanted.problems is None or wanted.hidden_tests is None:
        raise InputError(f"{run} was made without hidden tests, so that nothing says what failed")
    problems = read_problems(Path(wanted.problems))[: wanted.limit]
    whole = samples_of(problems, read_hidden_tests(Path(wanted.hidden_tests)), wanted.samples)
    if whole.digest != failures.header.problems_digest:
        raise InputError(
            f"{wanted.problems} or {wanted.hidden_tests} is no longer what {run} was made on: "
            "restore the files, or name others with -s run.problems and -s run.hidden_tests"
        )
    ids = {unit.problem_id for unit in failures.failed}
    chosen = tuple(problem for problem in whole.problems if problem.id in ids)
    return Work(chosen, whole.hidden, tuple(failures.failed))


def _refuse_other_attempts(settings: "Config", made: "Config", run: Path) -> None:
    """Upstream of a blamed call everything replays, so questions must be asked as they were."""
    from mapcoder_lite.errors import ConfigError

    pairs = {
        "traversal": (made.traversal, settings.traversal),
        "run.language": (made.run.language, settings.run.language),
        "run.limit": (made.run.limit, settings.run.limit),
        "run.samples": (made.run.samples, settings.run.samples),
    }
    changed = [name for name, (old, new) in pairs.items() if old != new]
    if changed:
        raise ConfigError(
            f"a repair goes the way that {run} went, yet {', '.join(changed)} would differ: leave "
            "that out of -c and -s"
        )


def _foresee(
    settings: "Config",
    supervisor: "Config",
    work: "Work",
    failures: "Failures",
    run: Path,
    path: Path,
    json: bool,
) -> None:
    from mapcoder_lite.cli.forecast_repair import repair_forecast_of, repair_forecast_text

    found = repair_forecast_of(settings, supervisor, work, failures, run, path)
    text = found.model_dump_json(indent=2) if json else None
    terminal.result(text or repair_forecast_text(found, supervisor, failures, path))


def _carry_out(
    settings: "Config", supervisor: "Config", work: "Work", failures: "Failures", path: Path
) -> "Outcome":
    from mapcoder_lite import runner
    from mapcoder_lite.cli import budget, engines, preflight
    from mapcoder_lite.curation.repair import Repairer
    from mapcoder_lite.curation.supervisor import ModelSupervisor
    from mapcoder_lite.engine.prices import prices_of
    from mapcoder_lite.store import RunDirectory

    ready = preflight.prepare(settings, work.problems)
    blaming = preflight.prepare(supervisor)
    with (
        engines.opened_judge(settings) as judge,
        engines.opened_engine(ready.settings, work.problems) as engine,
        engines.opened_engine(blaming.settings, work.problems) as who,
        RunDirectory(
            path, _header(settings, work, failures, engine, who), work.facts()
        ) as directory,
        terminal.telling(directory.log),
    ):
        terminal.say(f"repairs   {failures.source.run}: {_counted(failures)}")
        _introduce("backbone", settings.engine, engine, ready)
        _introduce("blames", supervisor.engine, who, blaming)
        directory.log(f"repairs {failures.source.run}: {_counted(failures)}")
        is_owed = bool(runner.owed(work, directory).tasks)
        if is_owed:
            directory.name_adapters(ready.badge)
        if is_owed or not directory.is_judge_trusted:
            report = runner.examine(judge, settings.run.language, directory)
            right = len(report.rows)
            terminal.say(f"judge     isolation {judge.isolation.tier}, self-test {right} right")
        assert directory.corrections is not None
        assert work.hidden is not None
        prices = prices_of(settings, is_repair=True)
        live, blamer = budget.stored([engine, who], settings, prices, directory)
        repairer = Repairer(
            failures.failed,
            work.hidden,
            ModelSupervisor(
                blamer,
                settings.repair.sampling,
                settings.traversal.retry_temperature,
            ),
            live,
            judge,
            engines.dials(settings),
            settings.repair.rounds,
            directory.corrections.append,
        )
        return runner.run(
            work,
            runner.Threads(runner.Worker(work, repairer.solve, judge), settings.run.concurrency),
            directory,
            isolation=judge.isolation,
            max_errors=settings.run.max_errors,
            max_error_share=settings.run.max_error_share,
            on_unit=_show,
        )


def _introduce(word: str, settings: "EngineConfig", engine: "Engine", ready: "Ready") -> None:
    from mapcoder_lite.cli import engines

    terminal.say(f"{word:10}{engines.describe(settings, engine)}")
    for line in ready.lines:
        terminal.say(f"{'server':10}{line}", "yellow")


def _counted(failures: "Failures") -> str:
    left_out = "".join(f", {count} left out: {why}" for why, count in failures.left_out.items())
    return f"{len(failures.failed)} of {failures.num_graded} attempts failed{left_out}"


def _header(
    settings: "Config", work: "Work", failures: "Failures", engine: "Engine", who: "Engine"
) -> "RunHeader":
    made = {"source": failures.source, "supervisor_identity": who.identity}
    return sitting.header(settings, work, engine).model_copy(update=made)


def _show(progress: "Progress") -> None:
    result = progress.result
    word, colour = "still fails", "red"
    if result.fault is not None:
        word, colour = f"ERROR, owed again: {result.fault}", "yellow"
    elif result.grade is not None and result.grade.is_passed:
        word, colour = "repaired", "green"
    sample = f" sample {result.unit.sample}" if result.unit.sample else ""
    terminal.say(
        terminal.one_line(
            f"[{progress.num_ended}/{progress.num_owed}] {result.unit.problem_id}{sample}: {word}"
        ),
        colour,
    )


def _report(path: Path, json: bool) -> None:
    from mapcoder_lite.curation.failures import tally
    from mapcoder_lite.example import Correction
    from mapcoder_lite.jsonl import read_lines
    from mapcoder_lite.trajectory import Grade

    came_of = tally(
        read_lines(path / "corrections.jsonl", Correction), read_lines(path / "grades.jsonl", Grade)
    )
    if json:
        terminal.result(came_of.model_dump_json(indent=2))
        return
    terminal.result(f"{came_of.num_repaired} of {came_of.num_failed} failed attempts are repaired")
    terminal.table(("blamed", "rounds", "changed", "passed"), _rows(came_of))
    for round, count in came_of.num_repaired_by_round.items():
        terminal.result(f"repaired in round {round}: {count}")
    for kind, count in came_of.unusable.items():
        terminal.result(f"supervisor of no use, {kind}: {count}")
    terminal.result(str(path))


def _rows(came_of: "RepairTally") -> list[tuple[str, str, str, str]]:
    return [
        (role.value, str(blamed.num_rounds), str(blamed.num_changed), str(blamed.num_passed))
        for role, blamed in came_of.roles.items()
    ]
