"""Who carries a run's units out: threads of this process, or the processes of a Ray cluster.

Knows: which executor a configuration names, what its processes open.
Does not know: verbs, how units are done. Imported only inside verbs: it is heavy.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial

from mapcoder_lite import pipeline
from mapcoder_lite.cli import engines
from mapcoder_lite.cluster.joining import joined
from mapcoder_lite.cluster.judges import RemoteJudge, opened_judges
from mapcoder_lite.cluster.keeper import opened_store
from mapcoder_lite.cluster.solvers import OpenSolver, RayCluster
from mapcoder_lite.config import Config
from mapcoder_lite.engine.replay import Store, StoredEngine
from mapcoder_lite.errors import ConfigError
from mapcoder_lite.judge.judge import SandboxJudge
from mapcoder_lite.judge.pool import num_cores
from mapcoder_lite.problem import Language, Problem
from mapcoder_lite.runner import Executor, SolveUnit, Threads, Worker
from mapcoder_lite.settings import BudgetConfig
from mapcoder_lite.store import RunDirectory
from mapcoder_lite.trajectory import Trajectory
from mapcoder_lite.verdict import Judge


@contextmanager
def opened_judge(settings: Config) -> Generator[Judge]:
    """Open the judge of a run: in this process, or the judges of the cluster, which is joined.

    Raises:
        ConfigError: Ray is not installed, or its cluster cannot be used.
        SandboxError: programs cannot be isolated, or a judge of the cluster failed its self-test.
    """
    if settings.run.executor == "threads":
        with engines.opened_judge(settings) as judge:
            yield judge
        return
    _refuse_uncounted(settings)
    languages = tuple(dict.fromkeys((Language.PYTHON, settings.run.language)))
    with (
        joined(settings.cluster, settings.judge.workers or num_cores()),
        opened_judges(settings.cluster, partial(_one_judge, settings), languages) as judges,
    ):
        yield judges


@contextmanager
def opened_executor(
    settings: Config, worker: Worker, directory: RunDirectory, open_solver: OpenSolver
) -> Generator[Executor]:
    """Open who does the worker's tasks; a cluster's processes get theirs by `open_solver`.

    The worker's judge must be that of `opened_judge`.
    """
    concurrency = settings.run.concurrency
    if not isinstance(worker.judge, RemoteJudge):
        yield Threads(worker, concurrency)
        return
    with directory.lent_calls() as calls, opened_store(calls, directory.earlier_runs) as store:
        yield RayCluster(
            settings.cluster,
            worker.work,
            open_solver,
            store,
            worker.judge,
            concurrency=concurrency,
            log=directory.log,
        )


def open_solver(
    settings: Config, problems: Sequence[Problem], store: Store, judge: Judge
) -> SolveUnit:
    """Open the engines of a configuration for good, and return what solves a unit with them."""
    engine = StoredEngine(engines.open_engine(settings, problems), store)
    dials = engines.dials(settings)

    def solve(problem: Problem, sample: int) -> Trajectory:
        return pipeline.solve(problem, engine, judge, dials, sample=sample)

    return solve


def _one_judge(settings: Config) -> SandboxJudge:
    """Open the judge of one process of the cluster: the resource `judge` counts such processes."""
    one = settings.judge.model_copy(update={"workers": 1})
    return engines.open_judge(settings.model_copy(update={"judge": one}))


def _refuse_uncounted(settings: Config) -> None:
    """Let no budget be promised that is not kept: each process would count for itself."""
    if settings.budget != BudgetConfig():
        raise ConfigError(
            "budget.* counts within one process and run.executor=ray uses many: run with "
            "run.executor=threads (it holds many requests too), or without a budget"
        )
