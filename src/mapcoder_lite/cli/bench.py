"""What `supervisors`, `attribute` and `plans` share: attempts of a run that are made again.

Knows: a run's own settings, its problems and student, the judge that grades what is made anew.
Does not know: what is made again, what comes of it.
"""

import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mapcoder_lite.cli import options, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from contextlib import AbstractContextManager

    from mapcoder_lite.config import Config
    from mapcoder_lite.curation.bench import Bench, Graded
    from mapcoder_lite.problem import Problem
    from mapcoder_lite.runner import Progress
    from mapcoder_lite.settings import EngineConfig
    from mapcoder_lite.trajectory import Engine


def run_settings(run: Path, config: options.Files, overrides: options.Overrides) -> "Config":
    """Return the run's own settings but for what is said; its budget was for itself.

    Raises:
        StoreError: it is no run directory.
        ConfigError: a file or an override is wrong.
    """
    from mapcoder_lite.jsonl import read_record
    from mapcoder_lite.store import RunHeader

    made = read_record(run / "config.json", RunHeader).config
    return options.resolve(config, overrides, made.unbudgeted)


def read(run: Path, settings: "Config") -> "tuple[Graded, Sequence[Problem]]":
    """Read the run and the problems it was made of, which -s may say to have moved.

    Raises:
        InputError: the problems are not named, or not those of the run; it is not complete.
        ConfigError: the traversal would differ.
        SandboxError: its judge failed the self-test, or was never examined.
    """
    from mapcoder_lite.curation.bench import graded_run
    from mapcoder_lite.data.problem_json import read_hidden_tests, read_problems
    from mapcoder_lite.errors import ConfigError, InputError

    wanted = settings.run
    if wanted.problems is None:
        raise InputError(f"{run} does not say where its problems are: -s run.problems=FILE")
    known = read_problems(Path(wanted.problems))[: wanted.limit]
    tests = read_hidden_tests(Path(wanted.hidden_tests)) if wanted.hidden_tests else None
    graded = graded_run(run, known, tests)
    if settings.traversal != graded.header.config.traversal:
        raise ConfigError(
            f"attempts are made again as {run} made them, yet the traversal would differ: "
            "leave it out of -c and -s"
        )
    return graded, known


def opened(
    stack: ExitStack,
    graded: "Graded",
    settings: "Config",
    problems: "Sequence[Problem]",
    folder: Path,
    kept: "Callable[[Engine], Engine]" = lambda engine: engine,
    *,
    is_live: bool = True,
) -> "Bench":
    """Open student and judge; `kept` bounds what the student may be asked.

    When nobody is asked, no student is opened.

    Raises:
        StoreError: the student is another one than the run's.
        SandboxError: programs cannot be isolated, or the judge failed its self-test.
        EngineError: the student cannot be had.
    """
    from mapcoder_lite.cli import engines
    from mapcoder_lite.curation.bench import Bench, self_tested
    from mapcoder_lite.engine.replay import ReplayEngine
    from mapcoder_lite.errors import StoreError

    judge = stack.enter_context(engines.opened_judge(settings))
    student: Engine = ReplayEngine({})
    if is_live:
        student = stack.enter_context(opened_engine(settings, problems))
    if is_live and student.identity != graded.header.engine_identity:
        raise StoreError(
            f"{graded.path} was made by {graded.header.engine_identity}, and its settings now "
            f"give {student.identity}: its attempts cannot be made again by that"
        )
    return Bench(
        graded,
        folder,
        kept(student),
        judge,
        engines.dials(settings),
        self_tested(judge, settings.run.language),
        num_threads=settings.run.concurrency,
        max_errors=settings.run.max_errors,
        on_unit=show,
    )


def bounded(settings: "Config", *stages: Path) -> "Callable[[Engine], Engine]":
    """Return what binds engines to the settings' budget, of which the stages spent a part.

    Raises:
        ConfigError: a budget in dollars and an engine without a price.
    """
    from itertools import chain

    from mapcoder_lite.calls import StoredCall
    from mapcoder_lite.engine.budget import Account, BudgetedEngine, spent_by
    from mapcoder_lite.engine.prices import prices_of
    from mapcoder_lite.jsonl import read_lines
    from mapcoder_lite.settings import BudgetConfig

    if settings.budget == BudgetConfig():
        return lambda engine: engine
    prices = prices_of(settings)
    calls = chain.from_iterable(read_lines(s / "calls.jsonl", StoredCall) for s in stages)
    account = Account(settings.budget, prices, spent_by(calls, prices))
    return lambda engine: BudgetedEngine(engine, account)


@contextmanager
def ending(folder: Path) -> "Generator[None]":
    """Within, what is left to do ends the command with its exit code.

    Raises:
        SystemExit: 7 = the budget is spent, 9 = units are owed, 130 = interrupted.
    """
    from mapcoder_lite.curation.bench import Unfinished
    from mapcoder_lite.errors import BudgetSpent

    try:
        yield
    except Unfinished as error:
        terminal.say(f"{error}; they are not scored. The same command goes on", "yellow")
        sys.exit(9)
    except BudgetSpent as spent:
        terminal.say(
            f"{spent}; what is done stands in {folder}, the same command goes on", "yellow"
        )
        sys.exit(spent.exit_code)
    except KeyboardInterrupt:
        terminal.say(f"interrupted; what is done stands in {folder}: the same command goes on")
        sys.exit(130)


def opened_engine(
    settings: "Config", problems: "Sequence[Problem]"
) -> "AbstractContextManager[Engine]":
    """Open the engine of a configuration, once it is known that its server can do it."""
    from mapcoder_lite.cli import engines, preflight

    ready = preflight.prepare(settings, problems)
    for line in ready.lines:
        terminal.say(f"server    {line}", "yellow")
    return engines.opened_engine(ready.settings, problems)


def teacher_settings(run: Path, settings: "Config", teacher: "EngineConfig") -> "Config":
    """Return the settings that the engine of a teacher is opened with, who stands in for roles.

    Raises:
        ConfigError: at the run's temperature all replays would be one.
    """
    from mapcoder_lite.config import Config
    from mapcoder_lite.errors import ConfigError
    from mapcoder_lite.settings import EngineKind

    is_script = settings.engine.kind is EngineKind.TEACHER
    if settings.traversal.temperature == 0 and not is_script:
        raise ConfigError(
            f"{run} was made at temperature 0, where every replay is the same one and no share of "
            "them means anything: make it with -s traversal.temperature=0.7, or measure "
            "supervisors with --truth injection"
        )
    return Config(engine=teacher, traversal=settings.traversal)


def show(stage: str, progress: "Progress") -> None:
    """Say every fault, and now and then how far a stage has come."""
    result = progress.result
    if result.fault is not None:
        terminal.say(
            terminal.one_line(
                f"{stage}: {result.unit.problem_id} {result.unit.sample}: ERROR, owed again: "
                f"{result.fault}"
            ),
            "yellow",
        )
    elif progress.num_ended % 100 == 0 or progress.num_ended == progress.num_owed:
        terminal.say(f"{stage}: {progress.num_ended} of {progress.num_owed}")
