"""What the service does: runs that are worked on in turn, judgings and single calls between them.

Knows: one engine, one judge, the archive, who waits, what is called off when.
Does not know: HTTP, how a problem is solved, how answers are worded.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock, Timer
from typing import TypeVar

from mapcoder_lite import pipeline
from mapcoder_lite.engine.budget import Account, BudgetedEngine
from mapcoder_lite.engine.prices import Prices
from mapcoder_lite.errors import InputError, MapCoderError
from mapcoder_lite.events import BudgetWarning, Event, RunFinished, Status, Teller, now, run_id
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.practice.guard import Guard, heed
from mapcoder_lite.problem import Language, Problem
from mapcoder_lite.server.archive import INTERRUPTED, Archive, RunWriter, unworked
from mapcoder_lite.server.forking import forked_engine
from mapcoder_lite.server.lane import Job, Lane
from mapcoder_lite.server.news import News
from mapcoder_lite.server.records import LAST_RUNG, Asked, Edit, TaskName
from mapcoder_lite.settings import BudgetConfig, ServeConfig, TraversalConfig
from mapcoder_lite.trajectory import (
    Call,
    Cancellation,
    Completion,
    Engine,
    Request,
    Step,
    Trajectory,
    Watch,
)
from mapcoder_lite.traversals.attempt import Dials
from mapcoder_lite.verdict import Judgement

_log = logging.getLogger(__name__)

T = TypeVar("T")

QUICK: Mapping[str, object] = {"k": 1, "t": 2}
"""What of the traversal is other when it is to be quick."""
_WARNED_SHARE = 0.8
"""Of a run's time, after which it is warned of."""
_QUICK_WORKERS = 8
"""Single calls and judgings at a time; engine and judge have bounds of their own."""


@dataclass(slots=True, eq=False)
class LiveRun:
    """A run that waits or is worked on."""

    asked: Asked
    problem: Problem
    writer: RunWriter
    engine: Engine
    said: str | None = None
    """Of its problem's contest, before a model helps."""
    news: News = field(default_factory=News)
    cancellation: Cancellation = field(default_factory=Cancellation)
    is_running: bool = False
    job: Job[None] = field(init=False)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.asked.id

    def hear(self, event: Event, step: Step | None) -> None:
        """Write an event and wake who waits for it; after the last one there are none."""
        if self.writer.last is not None:
            return
        self.writer.hear(event, step)
        self.news.tell(is_over=isinstance(event, RunFinished))


@dataclass(frozen=True, slots=True)
class Rules:
    """What every run here keeps to."""

    budget: BudgetConfig = field(default_factory=BudgetConfig)
    """What a run may use up at most."""
    prices: Prices = field(default_factory=Prices)
    guard: Guard = Guard.WARN
    """What is done before a model helps with a contest's problem."""

    def __post_init__(self) -> None:
        """Refuse a budget that cannot be kept.

        Raises:
            ConfigError: it is in dollars, and an engine has no price.
        """
        Account(self.budget, self.prices)

    def bounded(self, asked: BudgetConfig) -> BudgetConfig:
        """Return what a run may use up that asks for less.

        Raises:
            InputError: it asks for dollars to be counted, and an engine has no price.
        """
        if asked.dollars is not None and self.prices.unknown_roles:
            raise InputError(
                "budget.dollars cannot be kept: this service was given no price for its engine; "
                "bound calls, tokens or hours"
            )
        return self.budget.within(asked)

    def bind(self, engine: Engine, budget: BudgetConfig) -> Engine:
        """Return an engine that answers within a budget of its own."""
        if budget == BudgetConfig():
            return engine
        return BudgetedEngine(engine, Account(budget, self.prices))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants of the service, before it has a place and an id."""

    problem: Problem
    traversal: TraversalConfig
    language: Language
    task: TaskName = "solve"
    rung: int = LAST_RUNG
    source: str = "api"
    program: str | None = None
    edit: Edit | None = None
    client: str = ""
    budget: BudgetConfig = field(default_factory=BudgetConfig)


class Service:
    """Serves everybody from one engine and one judge; safe to call from many threads."""

    def __init__(
        self,
        engine: Engine,
        judge: SandboxJudge,
        settings: ServeConfig,
        traversal: TraversalConfig,
        language: Language,
        rules: Rules,
    ) -> None:
        """Open the archive; engine and judge stay their opener's.

        Raises:
            StoreError: the folder cannot be written, or another process serves from it.
        """
        self.engine = engine
        self.judge = judge
        self.settings = settings
        self.traversal = traversal
        self.language = language
        self.rules = rules
        self.identity = engine.identity  # once: it may be the digest of all that an engine knows
        self.archive = Archive(Path(settings.folder), rules.prices.of_call)
        self.solves = Lane("solve", settings.max_running, settings.max_waiting)
        self.quick = Lane("quick", _QUICK_WORKERS, settings.max_waiting)
        self._is_stopping = False
        self._live: dict[str, LiveRun] = {}
        self._lock = Lock()  # protects `_live`, and a place in the lane until it is taken

    def start(self, wanted: Wanted) -> LiveRun:
        """Give a run its place; what was asked is on disk when this returns.

        Raises:
            InputError: a fork of what cannot be forked, or a budget that cannot be kept.
            ContestError: the problem is of a contest, and the guard blocks.
            LaneFull: too many wait.
            StoreError: nothing can be written.
        """
        problem = wanted.problem
        said = heed(problem, self.rules.guard)
        budget = self.rules.bounded(wanted.budget)
        engine = self._engine_for(wanted, self.rules.bind(self.engine, budget))
        asked = Asked.model_validate(
            {
                "id": run_id(),
                "created": now(),
                "source": wanted.source,
                "task": wanted.task,
                "rung": wanted.rung,
                "title": problem.title,
                "problem_id": problem.id,
                "num_tests": len(problem.public_tests),
                "traversal": wanted.traversal,
                "language": wanted.language,
                "program": wanted.program,
                "edit": wanted.edit,
                "client": wanted.client,
                "budget": budget,
            }
        )
        with self._lock:
            self.solves.refuse_more(wanted.client)
            run = LiveRun(asked, problem, self.archive.begin(asked, problem), engine, said)
            run.job = Job(wanted.client, lambda: self._work(run))
            self._live[run.id] = run
            self.solves.submit(run.job)
        return run

    def live(self, run: str) -> LiveRun | None:
        """Return a run that waits or is worked on."""
        return self._live.get(run)

    def cancel(self, run: LiveRun) -> None:
        """Call a run off: a waiting one ends at once, any other as soon as its work stops."""
        run.cancellation.cancel()
        if self.solves.withdraw(run.job):
            self._end_unworked(run)

    def call(self, request: Request, watch: Watch, client: str = "") -> Future[Completion]:
        """Ask the engine one question, in turn.

        Raises:
            LaneFull: too many wait.
        """
        return self._quickly(client, lambda: self.engine.complete([request], watch)[0])

    def judgement(
        self,
        program: str,
        language: Language,
        problem: Problem,
        cancellation: Cancellation,
        client: str = "",
    ) -> Future[Judgement]:
        """Judge a program on a problem's public tests, in turn.

        Raises:
            LaneFull: too many wait.
        """
        judge = self.judge.until(cancellation)
        return self._quickly(
            client,
            lambda: judge.judge(
                program,
                language,
                problem.public_tests,
                limits=problem.limits,
                checker=problem.checker,
                io=problem.io,
            ),
        )

    def stop(self) -> None:
        """Begin nothing more; what is called off from now on was interrupted.

        It waits for no lock, so that a signal may call it wherever it came.
        """
        self._is_stopping = True
        self.solves.stop()
        self.quick.stop()

    def close(self) -> None:
        """Begin nothing more, interrupt what goes on and wait for it, close the archive."""
        self.stop()
        for run in list(self._live.values()):
            self.cancel(run)
        self.solves.close()
        self.quick.close()
        self.archive.close()

    def _quickly(self, client: str, do: Callable[[], T]) -> Future[T]:
        job = Job(client, do)
        self.quick.submit(job)
        return job.future

    def _engine_for(self, wanted: Wanted, live: Engine) -> Engine:
        """Return the engine of a run; of a fork it replays what stood before the edited plan."""
        edit = wanted.edit
        if edit is None:
            return live
        calls: Sequence[Call] = [call for _, call in self.archive.calls(edit.run)]
        if not calls:
            raise InputError(f"run {edit.run} asked nothing that could be replayed")
        dials = Dials.of(wanted.traversal, wanted.language)
        return forked_engine(calls, edit, wanted.problem, dials, live)

    def _work(self, run: LiveRun) -> None:
        run.is_running = True
        dollars = self.rules.prices.of_call
        teller = Teller(partial(self._hear, run), run.id, dollars=dollars)
        timers = self._timers(run, teller)
        try:
            run.writer.keep(self._worked(run, teller))
        except MapCoderError as error:  # told of by an event already
            _log.info("run %s: %s", run.id, error)
        except Exception:  # noqa: BLE001 - a bug in one run must not end the others
            _log.exception("run %s ended by a bug of ours", run.id)
        finally:
            for timer in timers:
                timer.cancel()
            with self._lock:
                del self._live[run.id]
            run.news.tell(is_over=True)

    def _hear(self, run: LiveRun, event: Event, step: Step | None) -> None:
        if (
            self._is_stopping
            and isinstance(event, RunFinished)
            and event.status is Status.CANCELLED
        ):
            event = event.model_copy(update=INTERRUPTED)
        run.hear(event, step)

    def _worked(self, run: LiveRun, teller: Teller) -> Trajectory:
        asked = run.asked
        return pipeline.work_on(
            _task(asked),
            run.problem,
            run.engine,
            self.judge.until(run.cancellation),
            Dials.of(asked.traversal, asked.language),
            teller=teller,
            cancellation=run.cancellation,
        )

    def _timers(self, run: LiveRun, teller: Teller) -> list[Timer]:
        """Warn of a run's time and call it off at its end."""
        limit = self.settings.max_seconds

        def warn() -> None:
            used = _WARNED_SHARE * limit
            teller.tell(BudgetWarning(what="seconds", used=used, limit=limit))

        timers = [Timer(_WARNED_SHARE * limit, warn), Timer(limit, run.cancellation.cancel)]
        for timer in timers:
            timer.daemon = True
            timer.start()
        return timers

    def _end_unworked(self, run: LiveRun) -> None:
        with self._lock:
            del self._live[run.id]
        Teller(partial(self._hear, run), run.id).tell(unworked(run.asked))


def _task(asked: Asked) -> pipeline.Task:
    match asked.task:
        case "hint":
            return pipeline.HINT
        case "plan":
            return pipeline.PLAN
        case "debug":
            return pipeline.debug_task(asked.program or "")
        case "solve":
            return pipeline.solve_task(asked.traversal.name, asked.edit.run if asked.edit else None)
