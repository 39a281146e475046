"""A bounded queue with a few workers: clients take turns, each client's jobs keep their order.

Knows: who waits, whose turn it is, how many work at a time.
Does not know: what a job does.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Generic, TypeVar

from mapcoder_lite.errors import MapCoderError

T = TypeVar("T")


class LaneFull(MapCoderError):
    """Too many wait already; what is asked for may be asked for again later."""


@dataclass(slots=True, eq=False)
class Job(Generic[T]):
    """Something to be done, and the place where its result will be."""

    client: str
    do: Callable[[], T]
    future: Future[T] = field(default_factory=Future[T])


class Lane:
    """Does jobs on threads of its own."""

    def __init__(self, name: str, num_workers: int, max_waiting: int) -> None:
        self.max_running = num_workers
        self.max_waiting = max_waiting
        self._waiting: dict[str, deque[Job[object]]] = {}
        """By client, in the order of their turns."""
        self._num_running = 0
        self._is_closed = False
        self._changed = Condition()  # protects all of these
        self._threads = [
            Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(num_workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def num_running(self) -> int:
        """Jobs that are being done."""
        return self._num_running

    @property
    def num_waiting(self) -> int:
        """Jobs that wait for their turn."""
        with self._changed:
            return self._count()

    def submit(self, job: Job[T]) -> None:
        """Have a job done in its turn; one whose future is cancelled meanwhile leaves its place.

        Raises:
            LaneFull: too many wait.
        """
        with self._changed:
            self.refuse_more(job.client)
            self._waiting.setdefault(job.client, deque()).append(job)  # type: ignore[arg-type]  # a job of any result
            self._changed.notify()
        job.future.add_done_callback(lambda _: self.withdraw(job))

    def refuse_more(self, client: str) -> None:
        """Say whether a further job of a client would have a place.

        Raises:
            LaneFull: it would not: all places are taken, or the client's half of them.
        """
        with self._changed:
            if self._is_closed:
                raise LaneFull("the service is being stopped: ask again when it runs")
            num_idle = self.max_running - self._num_running
            mine = len(self._waiting.get(client, ()))
            if self._count() >= self.max_waiting + num_idle:
                raise LaneFull(
                    f"{self._num_running} requests are being worked on and {self._count()} wait: "
                    "ask again later"
                )
            if mine >= (self.max_waiting + 1) // 2 + num_idle:
                raise LaneFull(
                    f"{mine} requests of this client wait, and the other places are for others: "
                    "ask again later"
                )

    def stop(self) -> None:
        """Begin nothing more and take nothing more; waits for nothing, not even for a lock."""
        self._is_closed = True

    def withdraw(self, job: Job[T]) -> bool:
        """Take back a job that waits; whether it still did."""
        with self._changed:
            mine = self._waiting.get(job.client)
            if mine is None or job not in mine:
                return False
            mine.remove(job)  # type: ignore[arg-type]  # a job of any result
            if not mine:
                del self._waiting[job.client]
            return True

    def place(self, job: Job[T]) -> int | None:
        """How many jobs are begun before this one; None when it does not wait."""
        with self._changed:
            mine = self._waiting.get(job.client)
            if mine is None or job not in mine:
                return None
            rounds = mine.index(job)  # type: ignore[arg-type]  # a job of any result
            before = rounds
            is_past = False
            for client, jobs in self._waiting.items():
                is_past = is_past or client == job.client
                if client != job.client:
                    before += min(len(jobs), rounds + (not is_past))
            return before

    def close(self) -> None:
        """Begin nothing more, and wait for what is being done."""
        self.stop()
        with self._changed:
            waiting = [job for jobs in self._waiting.values() for job in jobs]
            self._waiting.clear()
            self._changed.notify_all()
        for job in waiting:
            job.future.cancel()
        for thread in self._threads:
            thread.join()

    def _count(self) -> int:
        return sum(map(len, self._waiting.values()))

    def _next(self) -> Job[object] | None:
        """Take the next job; its client's next one comes after everybody else's."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if self._is_closed:
                return None
            client = next(iter(self._waiting))
            jobs = self._waiting.pop(client)
            job = jobs.popleft()
            if jobs:
                self._waiting[client] = jobs
            self._num_running += 1
            return job

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                if job.future.set_running_or_notify_cancel():
                    job.future.set_result(job.do())
            except BaseException as error:  # noqa: BLE001 - goes to whoever waits for the job
                job.future.set_exception(error)
            finally:
                with self._changed:
                    self._num_running -= 1
