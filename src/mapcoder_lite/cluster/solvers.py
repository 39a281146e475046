"""The executor of a cluster: solvers work on units, and those that are lost are replaced.

Knows: which solver has which unit, what is owed again.
Does not know: how a unit is solved.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from mapcoder_lite import __version__
from mapcoder_lite.cluster.joining import (
    PATIENCE_SECONDS,
    answers,
    end,
    first_line,
    lost_kinds,
    ray_itself,
)
from mapcoder_lite.cluster.judges import RemoteJudge
from mapcoder_lite.cluster.keeper import RemoteStore
from mapcoder_lite.engine.replay import Store
from mapcoder_lite.errors import ConfigError, MapCoderError
from mapcoder_lite.problem import Problem
from mapcoder_lite.runner import Result, SolveUnit, Task, Worker
from mapcoder_lite.settings import ClusterConfig
from mapcoder_lite.verdict import Judge
from mapcoder_lite.work import Work

_log = logging.getLogger(__name__)

OpenSolver = Callable[[Sequence[Problem], Store, Judge], SolveUnit]
"""Opens what solves units, in a process of its own; must be picklable."""

_WORD_SECONDS = 60.0  # between two words that nothing can go on


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
        kind = ray_itself().remote(
            num_cpus=self._settings.solver_cpus,
            max_restarts=0,  # it is replaced instead, so that its units are known to be owed
            max_concurrency=self._num_threads + 1,
            scheduling_strategy="SPREAD",
        )(_Solver)
        return kind.remote(ray_itself().put(self._work), *self._needs)

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
    under_way: dict[Any, _Errand] = field(default_factory=dict[Any, _Errand])
    _solvers: list[Any] = field(default_factory=list[Any])
    _starting: dict[Any, int] = field(default_factory=dict[Any, int])
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
                said = answers([news])[0]
            except lost_kinds() as error:
                place = self._starting.pop(news) if errand is None else errand.place
                outcomes += self._lost(place, errand, log, first_line(error))
                continue
            if errand is None:
                self._starting.pop(news, None)
                _check_version(said)
            else:
                outcomes.append(said)
        return outcomes

    def close(self) -> None:
        """End all solvers, and with them what is under way."""
        end(self._solvers)

    def _news(self, log: Callable[[str], None]) -> list[Any]:
        ray = ray_itself()
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
            if waited >= PATIENCE_SECONDS:
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
        end([self._solvers[place]])  # if it is only out of reach, it must not go on beside another
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


def _check_version(version: str) -> None:
    if version != __version__:
        raise ConfigError(
            f"a machine of the cluster has mapcoder-lite {version}, this one {__version__}: "
            "install the same everywhere"
        )
