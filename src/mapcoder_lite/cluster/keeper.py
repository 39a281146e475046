"""Completions of all solvers, kept by one process beside the driver.

Knows: who writes calls.jsonl while a cluster works.
Does not know: completions, engines.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO, Any

from mapcoder_lite.calls import CallStore, hold_calls
from mapcoder_lite.cluster.joining import answers, end, ray_itself
from mapcoder_lite.trajectory import Completion, Request

_KEEPER_THREADS = 16


@contextmanager
def opened_store(calls: Path, earlier: Sequence[Path] = ()) -> Generator["RemoteStore"]:
    """Have a process of this machine keep calls.jsonl, which this process does not touch then.

    What `earlier` runs have of a key is copied when asked for.

    Raises:
        StoreError: another process holds it, or a line of it is damaged.
    """
    ray = ray_itself()
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    kind = ray.remote(
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=-1,  # both questions may be put twice
        max_concurrency=_KEEPER_THREADS,
        scheduling_strategy=here,
    )(_Keeper)
    keeper = kind.remote(calls.resolve(), [run.resolve() for run in earlier])
    try:
        answers([keeper.ready.remote()])
        yield RemoteStore(keeper)
    finally:
        end([keeper])


class RemoteStore:
    """The store of completions that the keeper writes."""

    def __init__(self, keeper: Any) -> None:
        self._keeper = keeper

    def get(self, key: str) -> Completion | None:
        """Return what is stored, or None."""
        return answers([self._keeper.get.remote(key)])[0]

    def put(self, key: str, request: Request, completion: Completion) -> None:
        """Store durably before returning; a second time is without effect.

        Raises:
            StoreError: it cannot be written.
        """
        answers([self._keeper.put.remote(key, request, completion)])


class _Keeper:
    """The process that writes calls.jsonl, beside the driver."""

    def __init__(self, path: Path, earlier: Sequence[Path]) -> None:
        self._path = path
        self._earlier = earlier
        self._held: IO[str] | None = None
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
                self._calls = CallStore(self._path, self._earlier)
            return self._calls
