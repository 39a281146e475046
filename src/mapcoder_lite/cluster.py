# pyright: basic
"""Carry units out on the machines of a Ray cluster, any of which may be lost.

Solvers work on units, many at a time, for they mostly wait for a model. Judges judge programs, one
at a time, where the cluster has the resource `judge`. The keeper, on the driver's own machine,
writes every completion before a solver sees it. The driver alone writes what became of the units.

Knows: Ray (this is its only door), processes that are lost and replaced, work that is done again.
Does not know: kinds of engine, how a unit is solved or a program judged.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from mapcoder_lite import __version__
from mapcoder_lite.config import prepare_ray
from mapcoder_lite.engine.address import is_this_machine
from mapcoder_lite.engine.replay import Store
from mapcoder_lite.errors import ConfigError, MapCoderError, SandboxError
from mapcoder_lite.judge.selftest import refuse_untrusted, run_selftest
from mapcoder_lite.problem import Checker, Io, Language, Limits, Problem, Test
from mapcoder_lite.runner import Result, SolveUnit, Task, Work, Worker
from mapcoder_lite.settings import ClusterConfig
from mapcoder_lite.store import CallStore, hold_calls
from mapcoder_lite.trajectory import Completion, Request
from mapcoder_lite.verdict import Isolation, Judge, Judgement

_log = logging.getLogger(__name__)

OpenSolver = Callable[[Sequence[Problem], Store, Judge], SolveUnit]
"""Opens what solves units, in a process of its own; must be picklable."""

_OBJECT_BYTES = 200_000_000  # Ray's shared memory; what passes through it is small
_KEEPER_THREADS = 16
_WORD_SECONDS = 60.0  # between two words that nothing can go on
_PATIENCE_SECONDS = 600.0
"""How long a run waits for a cluster that has lost all its solvers or judges."""
_REST_SECONDS = 5.0  # for a judge that is being restarted


@contextmanager
def joined(settings: ClusterConfig, num_judges_here: int) -> Generator[None]:
    """Join a cluster, or start one on this machine that ends with this process.

    Raises:
        ConfigError: Ray is not installed, or the cluster cannot be reached.
    """
    address = settings.address
    prepare_ray(stays_here=address is None or is_this_machine(f"http://{address}"))
    ray = _ray()
    quietly: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is not None:
            ray.init(address, **quietly)
        else:
            ray.init(
                "local",
                num_cpus=math.ceil(settings.solvers * settings.solver_cpus),
                resources={"judge": settings.judges or num_judges_here},
                object_store_memory=_OBJECT_BYTES,
                include_dashboard=False,
                **quietly,
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"no Ray cluster at cluster.address={address}: {error}; start one as "
            "docs/distillation.md says, or leave cluster.address away to have one here"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def opened_judges(
    settings: ClusterConfig, open_judge: Callable[[], Judge], languages: Sequence[Language]
) -> Generator["RemoteJudge"]:
    """Start the judges of the cluster, each examined before it judges anything.

    Raises:
        ConfigError: the cluster has no machine with the resource `judge`.
        SandboxError: a judge failed its self-test, or programs cannot be isolated on its machine.
    """
    ray = _ray()
    num_judges = settings.judges or int(ray.cluster_resources().get("judge", 0))
    if num_judges == 0:
        raise ConfigError(
            "no machine of the cluster may judge: start those that may with the number of "
            "programs that each judges at a time, as ray start --resources='{\"judge\": 8}'"
        )
    kind = ray.remote(num_cpus=0, resources={"judge": 1}, max_restarts=-1)(_Judge)
    actors = [kind.remote(open_judge, tuple(languages)) for _ in range(num_judges)]
    try:
        isolations = _got([actor.ready.remote() for actor in actors])
        yield RemoteJudge(actors, isolations[0])
    finally:
        _end(actors)


class RemoteJudge:
    """Judges on the machine that has least to do; what a lost judge owed is judged by another."""

    def __init__(self, actors: Sequence[Any], isolation: Isolation) -> None:
        self._actors = list(actors)
        self._isolation = isolation
        self._outstanding = [0] * len(self._actors)
        self._rests_until = [0.0] * len(self._actors)
        self._lock = Lock()  # protects the two lists above

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteJudge, (self._actors, self._isolation)

    @property
    def isolation(self) -> Isolation:
        """How the first judge keeps programs in; every judgement says its own."""
        return self._isolation

    def judge(
        self,
        program: str,
        language: Language,
        tests: Sequence[Test],
        *,
        limits: Limits,
        checker: Checker,
        io: Io = Io(),
        stop_early: bool = False,
        show_tests: bool = True,
    ) -> Judgement:
        """Run a program on every test, as a judge here would.

        Raises:
            SandboxError: a judge could not judge, or all judges are lost.
        """
        manner = {
            "limits": limits,
            "checker": checker,
            "io": io,
            "stop_early": stop_early,
            "show_tests": show_tests,
        }
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            place = self._chosen()
            if place is None:
                time.sleep(0.2)
                continue
            try:
                asked = self._actors[place].judge.remote(program, language, tests, manner)
                return _got([asked])[0]
            except _lost_kinds() as error:
                _log.warning("a judge was lost; another judges again: %s", _first_line(error))
                self._rest(place)
            finally:
                with self._lock:
                    self._outstanding[place] -= 1
        raise SandboxError(
            f"all {len(self._actors)} judges of the cluster were lost for {_PATIENCE_SECONDS:.0f} "
            "s: start a machine with the resource `judge`; the same command goes on"
        )

    def close(self) -> None:
        """Nothing: the judges end with `opened_judges`."""

    def _chosen(self) -> int | None:
        with self._lock:
            now = time.monotonic()
            awake = [i for i, until in enumerate(self._rests_until) if until <= now]
            if not awake:
                return None
            place = min(awake, key=lambda i: self._outstanding[i])
            self._outstanding[place] += 1
            return place

    def _rest(self, place: int) -> None:
        with self._lock:
            self._rests_until[place] = time.monotonic() + _REST_SECONDS


class RemoteStore:
    """The store of completions that the keeper writes."""

    def __init__(self, keeper: Any) -> None:
        self._keeper = keeper

    def get(self, key: str) -> Completion | None:
        """Return what is stored, or None."""
        return _got([self._keeper.get.remote(key)])[0]

    def put(self, key: str, request: Request, completion: Completion) -> None:
        """Store durably before returning; a second time is without effect.

        Raises:
            StoreError: it cannot be written.
        """
        _got([self._keeper.put.remote(key, request, completion)])


@contextmanager
def opened_store(calls: Path) -> Generator[RemoteStore]:
    """Have a process of this machine keep calls.jsonl, which this process does not touch then.

    Raises:
        StoreError: another process holds it, or a line of it is damaged.
    """
    ray = _ray()
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    kind = ray.remote(
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=-1,  # both questions may be put twice
        max_concurrency=_KEEPER_THREADS,
        scheduling_strategy=here,
    )(_Keeper)
    keeper = kind.remote(calls.resolve())
    try:
        _got([keeper.ready.remote()])
        yield RemoteStore(keeper)
    finally:
        _end([keeper])


@dataclass(slots=True)
class _Errand:
    """A unit under way."""

    task: Task
    place: int
    """Which solver has it."""
    num_losses: int
    """Solvers that were lost under it before."""


class RayCluster:
    """Carries out tasks on solvers of a cluster; a lost solver is replaced, its tasks done again.

    What a lost solver was told by a model is stored, so nothing is asked for twice.
    """

    def __init__(
        self,
        settings: ClusterConfig,
        work: Work,
        open_solver: OpenSolver,
        store: RemoteStore,
        judge: RemoteJudge,
        *,
        concurrency: int,
        log: Callable[[str], None] = _log.warning,
    ) -> None:
        """Prepare; `concurrency` is how many units are under way at a time on all solvers."""
        self._settings = settings
        self._needs = (open_solver, store, judge)
        self._work = work
        self._num_solvers = min(settings.solvers, concurrency)
        self._num_threads = math.ceil(concurrency / self._num_solvers)
        self._concurrency = concurrency
        self._log = log

    def run(self, tasks: Sequence[Task], take: Callable[[Result], bool]) -> None:
        """Do every task; those under way end before this does, unless an exception is raised.

        Raises:
            StoreError: nothing can be recorded any more.
            BudgetSpent: the run's budget is used up.
            MapCoderError: no solver could be had for long.
        """
        sitting = _Sitting(self._new_solver, self._num_solvers, self._num_threads)
        owed = deque((task, 0) for task in tasks)
        goes_on = True
        try:
            while sitting.under_way or (owed and goes_on):
                while goes_on and owed and len(sitting.under_way) < self._concurrency:
                    if not sitting.begin(*owed[0]):
                        break  # no solver is free
                    owed.popleft()
                for outcome in sitting.ended(self._log):
                    if isinstance(outcome, Result):
                        goes_on = take(outcome) and goes_on
                    elif outcome.num_losses < self._settings.max_losses:
                        owed.appendleft((outcome.task, outcome.num_losses))
                    else:
                        goes_on = take(self._given_up(outcome)) and goes_on
        finally:
            sitting.close()

    def _new_solver(self) -> Any:
        kind = _ray().remote(
            num_cpus=self._settings.solver_cpus,
            max_restarts=0,  # it is replaced instead, so that its units are known to be owed
            max_concurrency=self._num_threads + 1,
            scheduling_strategy="SPREAD",
        )(_Solver)
        return kind.remote(_ray().put(self._work), *self._needs)

    def _given_up(self, errand: _Errand) -> Result:
        fault = (
            f"the process that worked on it was lost {errand.num_losses} times: it may need more "
            "memory than there is"
        )
        return Result(errand.task.unit, errand.task.solved, fault=fault)


@dataclass(slots=True)
class _Sitting:
    """The solvers of one run of tasks, and what each is doing."""

    new_solver: Callable[[], Any]
    num_solvers: int
    num_threads: int
    under_way: dict[Any, _Errand] = field(default_factory=dict)
    _solvers: list[Any] = field(default_factory=list)
    _starting: dict[Any, int] = field(default_factory=dict)
    """The first word of solvers that are not there yet."""

    def __post_init__(self) -> None:
        self._solvers = [None] * self.num_solvers
        for place in range(self.num_solvers):
            self._start(place)

    def begin(self, task: Task, num_losses: int) -> bool:
        """Give a task to the solver that has least to do; False = none has room."""
        outstanding = [0] * self.num_solvers
        for errand in self.under_way.values():
            outstanding[errand.place] += 1
        there = set(range(self.num_solvers)) - set(self._starting.values())
        free = [place for place in there if outstanding[place] < self.num_threads]
        if not free:
            return False
        place = min(free, key=lambda place: outstanding[place])
        self.under_way[self._solvers[place].do.remote(task)] = _Errand(task, place, num_losses)
        return True

    def ended(self, log: Callable[[str], None]) -> list[Result | _Errand]:
        """Wait for news; return results, and errands whose solver was lost.

        Raises:
            MapCoderError: no solver came for long, or one cannot do its work at all.
        """
        outcomes: list[Result | _Errand] = []
        for news in self._news(log):
            errand = self.under_way.pop(news, None)
            try:
                said = _got([news])[0]
            except _lost_kinds() as error:
                place = self._starting.pop(news) if errand is None else errand.place
                outcomes += self._lost(place, errand, log, _first_line(error))
                continue
            if errand is None:
                self._starting.pop(news, None)
                _check_version(said)
            else:
                outcomes.append(said)
        return outcomes

    def close(self) -> None:
        """End all solvers, and with them what is under way."""
        _end(self._solvers)

    def _news(self, log: Callable[[str], None]) -> list[Any]:
        ray = _ray()
        waited = 0.0
        while True:
            awaited = [*self.under_way, *self._starting]
            ready, _ = ray.wait(awaited, num_returns=1, timeout=_WORD_SECONDS)
            if ready:
                return ready
            if self.under_way:
                continue  # a unit may take its time
            waited += _WORD_SECONDS
            log(f"no solver can be had of the cluster since {waited:.0f} s")
            if waited >= _PATIENCE_SECONDS:
                raise MapCoderError(
                    f"no solver could be had of the cluster for {waited:.0f} s: it needs machines "
                    "with free CPUs (cluster.solver_cpus each); the same command goes on"
                )

    def _start(self, place: int) -> None:
        self._solvers[place] = self.new_solver()
        self._starting[self._solvers[place].ready.remote()] = place

    def _lost(
        self, place: int, errand: _Errand | None, log: Callable[[str], None], reason: str
    ) -> list[_Errand]:
        """Replace a solver; return all that it had under way."""
        log(f"solver {place} was lost and is replaced: {reason}")
        _end([self._solvers[place]])  # if it is only out of reach, it must not go on beside another
        refs = [ref for ref, other in self.under_way.items() if other.place == place]
        lost = [*([errand] if errand else []), *(self.under_way.pop(ref) for ref in refs)]
        self._starting = {ref: p for ref, p in self._starting.items() if p != place}
        self._start(place)
        return [_Errand(one.task, one.place, one.num_losses + 1) for one in lost]


class _Solver:
    """The process that works on units; a thread a unit."""

    def __init__(
        self, work: Work, open_solver: OpenSolver, store: RemoteStore, judge: RemoteJudge
    ) -> None:
        self._opened: Worker | None = None
        self._open = lambda: Worker(work, open_solver(work.problems, store, judge), judge)
        self._lock = Lock()  # protects the opening

    def ready(self) -> str:
        """Say which version of the house works here."""
        return __version__

    def do(self, task: Task) -> Result:
        """Do a task; the engine is opened by the first."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
        return self._opened.do(task)


class _Judge:
    """The process that judges, one program at a time."""

    def __init__(self, open_judge: Callable[[], Judge], languages: Sequence[Language]) -> None:
        self._open = open_judge
        self._languages = languages
        self._judge: Judge | None = None

    def ready(self) -> Isolation:
        """Say how programs are kept in."""
        return self._examined().isolation

    def judge(
        self, program: str, language: Language, tests: Sequence[Test], manner: dict[str, Any]
    ) -> Judgement:
        """Judge a program."""
        return self._examined().judge(program, language, tests, **manner)

    def _examined(self) -> Judge:
        """Open the judge and examine it: after a restart on another machine, again."""
        if self._judge is None:
            judge = self._open()
            refuse_untrusted(run_selftest(judge, self._languages))
            self._judge = judge
        return self._judge


class _Keeper:
    """The process that writes calls.jsonl, beside the driver."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: Any = None
        self._calls: CallStore | None = None
        self._lock = Lock()  # protects the opening

    def ready(self) -> None:
        """Open the file."""
        self._opened()

    def get(self, key: str) -> Completion | None:
        """Return what is stored, or None."""
        return self._opened().get(key)

    def put(self, key: str, request: Request, completion: Completion) -> None:
        """Store durably."""
        self._opened().put(key, request, completion)

    def _opened(self) -> CallStore:
        with self._lock:
            if self._calls is None:
                self._held = hold_calls(self._path)
                self._calls = CallStore(self._path)
            return self._calls


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "run.executor=ray needs Ray on every machine: pip install 'mapcoder-lite[ray]'"
        ) from error
    return ray


def _got(refs: Sequence[Any]) -> list[Any]:
    """Wait for answers; what was raised there is raised here."""
    ray = _ray()
    try:
        return ray.get(list(refs))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, MapCoderError):
            raise error.cause from None
        raise


def _lost_kinds() -> tuple[type[Exception], ...]:
    """Return the faults that mean that a process or machine is gone, and nothing else."""
    from ray import exceptions

    return (
        exceptions.RayActorError,
        exceptions.ObjectLostError,
        exceptions.OutOfMemoryError,
        exceptions.NodeDiedError,
        exceptions.WorkerCrashedError,
    )


def _check_version(version: str) -> None:
    if version != __version__:
        raise ConfigError(
            f"a machine of the cluster has mapcoder-lite {version}, this one {__version__}: "
            "install the same everywhere"
        )


def _end(actors: Sequence[Any]) -> None:
    """End processes for good; one that is gone already needs nothing."""
    ray = _ray()
    for actor in actors:
        if actor is not None and ray.is_initialized():
            ray.kill(actor, no_restart=True)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
