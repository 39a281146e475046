"""`mapcoder supervisors`: how good a supervisor is, measured on failures whose culprit is known.

Knows: which engines stand for student, teacher and supervisors, what is written where.
Does not know: how failures are labelled, how numbers are made.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mapcoder_lite.cli import bench, options, terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mapcoder_lite.config import Config
    from mapcoder_lite.curation.accuracy import Answers, SupervisorTable
    from mapcoder_lite.curation.bench import Bench, Graded, Stored, Supervisor
    from mapcoder_lite.curation.injection import Faults
    from mapcoder_lite.curation.label import Label
    from mapcoder_lite.problem import Problem
    from mapcoder_lite.settings import EngineConfig
    from mapcoder_lite.store import Unit
    from mapcoder_lite.trajectory import Engine, Trajectory


class Source(StrEnum):
    """Where faulty replies come from."""

    DONORS = "donors"
    """Failed attempts of the run at the same problem."""
    SCRIPTED = "scripted"
    """The pocket world's mistakes; pocket problems alone."""


class How(StrEnum):
    """How the responsible role becomes known."""

    INJECTION = "injection"
    REPLAY = "replay"


class Sets(StrEnum):
    """Which sets of roles the teacher stands in for."""

    FULL = "full"
    CHEAP = "cheap"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command was told."""

    run: Path
    truth: How
    faults: Source
    faults_per_call: int
    lattice: Sets
    replays: int
    supervisors: dict[str, "EngineConfig"]
    teacher: "EngineConfig | None"
    settings: "Config"


def supervisors(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The student's complete, graded run.")],
    truth: Annotated[How, typer.Option(help="How the responsible role is known.")] = How.INJECTION,
    also: Annotated[
        list[Path] | None,
        typer.Option("--also", help="TOML with a further [supervisor]; its file name names it."),
    ] = None,
    teacher: Annotated[
        Path | None, typer.Option("--teacher", help="replay: TOML whose [engine] is the teacher.")
    ] = None,
    faults: Annotated[
        Source, typer.Option(help="injection: where faulty replies come from.")
    ] = Source.DONORS,
    faults_per_call: Annotated[int, typer.Option(min=1, max=20, help="injection: at most.")] = 1,
    lattice: Annotated[Sets, typer.Option(help="replay: all 16 sets of roles, or 8.")] = Sets.CHEAP,
    replays: Annotated[
        int | None,
        typer.Option(
            min=1, max=9, help="Of an injection, by default 3; of a set of roles, by default 6."
        ),
    ] = None,
    config: options.Files = None,
    overrides: options.Overrides = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the folder; by default RUN-TRUTH.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of all runs.")] = Path("runs"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it will take, and do nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Measure whom supervisors blame and what their corrections bring; the same command resumes.

    Settings are the run's own, the student's engine included, but for what -c and -s say; a budget
    is refused. The engine of [supervisor] is measured beside three rules: always coder, majority,
    random. Exit code 9 = units are owed.

    Example: mapcoder supervisors runs/student --truth injection -c configs/pocket-repair.toml
    """
    settings = _settings(run, config, overrides)
    wish = Wish(
        run,
        truth,
        faults,
        faults_per_call,
        lattice,
        replays or (3 if truth is How.INJECTION else 6),
        _supervisors(settings, also or []),
        options.resolve([teacher], None).engine if teacher else None,
        settings,
    )
    folder = out / (name or f"{run.name}-{truth.value}")
    if dry_run:
        _foresee(wish, folder, json)
        return
    table = _finished(wish, folder)
    _report(table, folder, json)


def _foresee(wish: Wish, folder: Path, json: bool) -> None:
    from mapcoder_lite.attribution import Lattice
    from mapcoder_lite.cli import forecast_supervisors as forecasts
    from mapcoder_lite.curation.counterfactual import refuse_too_few

    graded, problems = bench.read(wish.run, wish.settings)
    bill = forecasts.Bill(wish.settings, graded, folder, wish.supervisors)
    if wish.truth is How.INJECTION:
        faults = _faults(wish, graded, problems)
        found = forecasts.foreseen_injection(bill, faults, wish.faults_per_call, wish.replays)
    else:
        lattice = Lattice(wish.lattice.value)
        refuse_too_few(wish.replays, lattice)
        found = forecasts.foreseen_replay(bill, _teacher(wish), lattice, wish.replays)
    text = found.model_dump_json(indent=2) if json else None
    terminal.result(text or forecasts.supervisors_forecast_text(found, wish.run, folder))


def _settings(run: Path, config: options.Files, overrides: options.Overrides) -> "Config":
    """The run's own, but for what is said; no budget is promised that no stage would keep."""
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.settings import BudgetConfig

    settings = bench.run_settings(run, config, overrides)
    if settings.budget != BudgetConfig():
        raise ConfigError(
            "budget.* is not counted by `mapcoder supervisors`, which asks several engines in "
            "several directories: leave it out, and bound the work by --replays and run.limit of "
            "the measured run"
        )
    return settings


def _supervisors(settings: "Config", also: "Sequence[Path]") -> dict[str, "EngineConfig"]:
    from mapcoder_lite.errors import ConfigError

    found = {} if settings.supervisor is None else {"supervisor": settings.supervisor}
    for path in also:
        engine = options.resolve([path], None).supervisor
        if engine is None:
            raise ConfigError(f"{path} has no [supervisor]")
        if path.stem in (*found, *_OTHER_FOLDERS):
            raise ConfigError(f"{path}: another folder is named {path.stem}; rename the file")
        found[path.stem] = engine
    if not found:
        raise ConfigError(
            "no supervisor to measure: -c FILE with a [supervisor] section, or --also FILE"
        )
    return found


_OTHER_FOLDERS = ("truth", "resampling", "always-coder", "majority", "random", "who-and-when")


def _finished(wish: Wish, folder: Path) -> "SupervisorTable":
    """Carry everything out, or end with what is owed."""
    graded, problems = bench.read(wish.run, wish.settings)
    with bench.ending(folder), ExitStack() as stack:
        opened = bench.opened(stack, graded, wish.settings, problems, folder)
        return _table(wish, opened, stack, problems)


def _table(
    wish: Wish, measured: "Bench", stack: ExitStack, problems: "Sequence[Problem]"
) -> "SupervisorTable":
    from mapcoder_lite.curation import accuracy
    from mapcoder_lite.curation.label import Truth
    from mapcoder_lite.jsonl import write_lines

    measured.folder.mkdir(parents=True, exist_ok=True)
    injections = replays = None
    if wish.truth is How.INJECTION:
        faults = _faults(wish, measured.run, problems)
        labels, injections = measured.by_injection(
            faults, wish.faults.value, wish.faults_per_call, wish.replays
        )
    else:
        from mapcoder_lite.attribution import Lattice
        from mapcoder_lite.curation.counterfactual import refuse_too_few

        lattice = Lattice(wish.lattice.value)
        refuse_too_few(wish.replays, lattice)
        teacher = stack.enter_context(bench.opened_engine(_teacher(wish), problems))
        labels, found, replays = measured.by_replay(teacher, lattice, wish.replays)
        write_lines(measured.folder / "attributions.jsonl", found)
    write_lines(measured.folder / "labels.jsonl", labels)
    failures = measured.failures(labels)
    _export(measured, labels, failures)
    resampled = measured.resampled(failures)
    answers = [
        *_read_by_supervisors(wish, measured, stack, failures),
        *measured.by_rules(labels, failures),
    ]
    return accuracy.table(
        str(wish.run),
        Truth(wish.truth.value),
        labels,
        answers,
        resampled,
        injections=injections,
        replays=replays,
    )


def _faults(wish: Wish, graded: "Graded", problems: "Sequence[Problem]") -> "Faults":
    from mapcoder_lite.curation.injection import Donors, Erring

    if wish.faults is Source.DONORS:
        return Donors(graded.failed.values())
    from mapcoder_lite.cli import engines
    from mapcoder_lite.pocket.faults import always_wrong

    return Erring(always_wrong(engines.known_puzzles(problems)), wish.faults_per_call)


def _teacher(wish: Wish) -> "Config":
    """The settings that the teacher's engine is opened with."""
    from mapcoder_lite.errors import ConfigError

    if wish.teacher is None:
        raise ConfigError(
            "--truth replay needs a teacher, who answers for the student's roles in turn: "
            "--teacher FILE with its [engine] section"
        )
    return bench.teacher_settings(wish.run, wish.settings, wish.teacher)


def _read_by_supervisors(
    wish: Wish,
    measured: "Bench",
    stack: ExitStack,
    failures: "dict[Unit, Trajectory]",
) -> "list[Answers]":
    """Let every configured supervisor correct every failure once."""
    from mapcoder_lite.cli import engines
    from mapcoder_lite.curation.accuracy import Answers
    from mapcoder_lite.curation.supervisor import ModelSupervisor

    problems = list(measured.run.problems.values())
    answers: list[Answers] = []
    for name, settings in wish.supervisors.items():
        config = engines.supervising(settings, wish.settings)
        engine = stack.enter_context(bench.opened_engine(config, problems))

        def supervisor(stored: "Stored", engine: "Engine" = engine) -> "Supervisor":
            sampling, retry = wish.settings.repair.sampling, wish.settings.traversal
            return ModelSupervisor(stored(engine), sampling, retry.retry_temperature)

        said = measured.corrections(name, engine.identity, supervisor, failures)
        answers.append(Answers(name, False, said))
    return answers


def _export(
    measured: "Bench", labels: "Sequence[Label]", failures: "dict[Unit, Trajectory]"
) -> None:
    """Write the labelled failures in the form of Who&When."""
    from mapcoder_lite.curation import whowhen

    folder, run = measured.folder / "who-and-when", measured.run
    passing = run.passing.values()
    num_written = whowhen.write_labelled(folder, labels, run.problems, failures, passing)
    terminal.say(f"labels    {len(labels)} failures; {num_written} written to {folder}")
    if num_written < len(labels):
        terminal.say(
            f"{len(labels) - num_written} are not: replays name a role, and no step",
            "yellow",
        )


def _report(table: "SupervisorTable", folder: Path, json: bool) -> None:
    from mapcoder_lite.curation.accuracy_page import page
    from mapcoder_lite.jsonl import write_record, write_text

    write_record(folder / "supervisors.json", table)
    text = page(table)
    write_text(folder / "supervisors.md", text + "\n")
    terminal.result(table.model_dump_json(indent=2) if json else text)
