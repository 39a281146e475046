"""A bounded number of workers, lent to one thread each; dead ones are replaced.

Knows: the tiers to try, how many workers, which core each is pinned to.
Does not know: programs, tests, verdicts.
"""

import contextlib
import os
import threading
import weakref
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from mapcoder_lite.errors import Cancelled, SandboxError
from mapcoder_lite.judge.packages import numpy_folder
from mapcoder_lite.judge.sandbox import Box, Launch, Tier, plan_launch
from mapcoder_lite.judge.zygote import Worker
from mapcoder_lite.trajectory import Cancellation
from mapcoder_lite.verdict import Isolation

REMEDIES = """\
Any one of these mends it:
  - install bubblewrap; where AppArmor forbids user namespaces, give bwrap a profile with `userns`
  - a kernel with Landlock, Linux >= 5.13 (`landlock` in the lsm= boot parameter)
  - run in a container whose seccomp profile allows Landlock, as Docker's does
  - --unsafe runs programs without isolation: only for programs that you wrote yourself"""


CANCELLED = "the judge was cancelled"


class Gate:
    """Lets runs go side by side, or one of them alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._num_running = 0
        self._num_alone = 0
        """Runs that go alone or wait to; others wait for them."""

    @contextlib.contextmanager
    def passed(self, *, alone: bool) -> Generator[None]:
        """Hold a place among the running; alone, wait for all others to end and keep them out."""
        with self._changed:
            self._num_alone += alone
            self._changed.wait_for(lambda: not (self._num_running if alone else self._num_alone))
            self._num_running += 1
        try:
            yield
        finally:
            with self._changed:
                self._num_running -= 1
                self._num_alone -= alone
                self._changed.notify_all()


class Slot:
    """A place for one worker, started when first asked for."""

    def __init__(self, number: int, core: int | None) -> None:
        self.number = number
        self.core = core
        self.worker: Worker | None = None
        self.numpy_worker: Worker | None = None
        """Another one with numpy loaded, for the programs that import it."""
        self.started: weakref.WeakSet[Worker] = weakref.WeakSet()
        """All that were started for it and are still in use, those of boxes too."""

    def kill(self) -> None:
        """End at once what runs here, from any thread; the pool starts other workers."""
        for worker in list(self.started):
            worker.kill()


class Pool:
    """Lends workers to threads; at most `num_workers` exist at a time."""

    def __init__(
        self, num_workers: int, *, tier: Tier | None, interpreter: str | None, unsafe: bool
    ) -> None:
        """Start the first worker, which decides the tier.

        Raises:
            SandboxError: no tier works here, with what each met.
        """
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        # a smaller pool is left to the scheduler, so that two pools do not share one core
        is_pinned = num_workers == len(cores) > 1
        self._slots = [Slot(i, cores[i] if is_pinned else None) for i in range(num_workers)]
        self._idle = list(reversed(self._slots))
        self.gate = Gate()
        self._changed = threading.Condition()
        self._is_closed = False
        self._is_cancelled = False
        self._workers: weakref.WeakSet[Worker] = weakref.WeakSet()
        """All that were started and are still in use, those of boxes too."""
        # a worker dies with the thread that started it, so one thread outlives them all
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="judge-starter")
        tiers: list[Tier] = [tier] if tier else ["bubblewrap", "landlock"]
        if unsafe and tier is None:
            tiers.append("none")
        try:
            self.launch, self.isolation = self._start_first(tiers, interpreter, unsafe=unsafe)
        except SandboxError:
            self._starter.shutdown()
            raise

    def _start_first(
        self, tiers: list[Tier], interpreter: str | None, *, unsafe: bool
    ) -> tuple[Launch, Isolation]:
        met: list[str] = []
        for tier in tiers:
            if tier == "none" and not unsafe:
                raise SandboxError("running without isolation must be asked for with --unsafe")
            try:
                launch = plan_launch(tier, interpreter, len(self._slots))
                worker = self._start(launch, self._slots[0])
            except SandboxError as error:
                met.append(f"  {tier}: {error}")
                continue
            return launch, worker.isolation
        raise SandboxError(
            "programs cannot be isolated here, so none is run:\n" + "\n".join([*met, REMEDIES])
        )

    def _start(self, launch: Launch, slot: Slot) -> Worker:
        slot.worker = self._starter.submit(
            self._begin, launch.of_slot(slot.number), slot.core
        ).result()
        slot.started.add(slot.worker)
        return slot.worker

    def launch_of(self, slot: Slot) -> Launch:
        """Return how a slot's workers are started."""
        return self.launch.of_slot(slot.number)

    def _begin(self, launch: Launch, core: int | None) -> Worker:
        """Start a worker that can be cancelled; called by the thread that outlives it."""
        self._refuse_cancelled()
        worker = Worker(launch, core)
        with self._changed:
            self._workers.add(worker)
            if not self._is_cancelled:
                return worker
        worker.kill()
        worker.close()
        raise SandboxError(CANCELLED)

    def worker_of(self, slot: Slot) -> Worker:
        """Return the slot's worker, started if need be.

        Raises:
            SandboxError: it does not start.
        """
        slot.worker = slot.worker or self._started(self.launch_of(slot), slot)
        return slot.worker

    def numpy_worker_of(self, slot: Slot) -> Worker | None:
        """Return the slot's worker that has numpy, started if need be; None where there is none.

        Raises:
            SandboxError: it does not start.
        """
        if slot.numpy_worker is None:
            packages = numpy_folder(self.launch.interpreter, self.launch.user)
            if packages is None:
                return None
            launch = replace(self.launch_of(slot), packages=packages)
            slot.numpy_worker = self._started(launch, slot)
        return slot.numpy_worker

    def boxed(self, slot: Slot, box: Box) -> Worker:
        """Start a worker with a folder of its own beside the slot's; its user ends it.

        Raises:
            SandboxError: it does not start.
        """
        return self._started(replace(self.launch_of(slot), box=box), slot)

    def _started(self, launch: Launch, slot: Slot) -> Worker:
        """Start a worker where others have served; one that died meanwhile was ended from outside,
        so another is tried."""
        try:
            worker = self._starter.submit(self._begin, launch, slot.core).result()
        except SandboxError:
            worker = self._starter.submit(self._begin, launch, slot.core).result()
        slot.started.add(worker)
        return worker

    def discard(self, slot: Slot) -> None:
        """End the slot's workers; the next use starts others."""
        for worker in (slot.worker, slot.numpy_worker):
            if worker is not None:
                worker.close()
        slot.worker = slot.numpy_worker = None

    @contextlib.contextmanager
    def lend(self, cancellation: Cancellation | None = None) -> Generator[Slot]:
        """Hold a slot; waits until one is idle. What runs there ends when it is called off.

        Raises:
            SandboxError: the pool is closed or cancelled.
            Cancelled: the cancellation was used before a slot was idle.
        """
        called_off = cancellation or Cancellation()
        with called_off.heard_by(self._wake), self._changed:
            self._changed.wait_for(
                lambda: (
                    self._idle or self._is_closed or self._is_cancelled or called_off.is_cancelled
                )
            )
            self._refuse_cancelled()
            if called_off.is_cancelled:
                raise Cancelled("the judging was called off before it began")
            if self._is_closed:
                raise SandboxError("the judge is closed; make a new one")
            slot = self._idle.pop()
        try:
            with called_off.heard_by(slot.kill):
                yield slot
        finally:
            if called_off.is_cancelled:
                self.discard(slot)
            with self._changed:
                self._idle.append(slot)
                self._changed.notify()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def cancel(self) -> None:
        """Kill all workers at once and start no more; whoever needs one gets a SandboxError."""
        with self._changed:
            self._is_cancelled = True
            workers = list(self._workers)
            self._changed.notify_all()
        for worker in workers:
            worker.kill()

    def _refuse_cancelled(self) -> None:
        if self._is_cancelled:
            raise SandboxError(CANCELLED)

    def close(self) -> None:
        """Wait for the slots that are lent, then end all workers."""
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self._idle) == len(self._slots))
        for slot in self._slots:
            self.discard(slot)
        self._starter.shutdown()


def num_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
