"""One worker thread moves a running batch on; many threads hand it work, which joins and leaves.

Knows: queues, futures, who still waits, calling off, closing.
Does not know: models, tokens, what a batch does in a turn.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from mapcoder_lite.errors import Cancelled, EngineError
from mapcoder_lite.trajectory import Cancellation


class Work(Protocol):
    """Something a batch works on, and what its asker may see of it meanwhile."""

    def tell(self) -> None:
        """Show what is new; what this raises fails this work alone."""
        ...


W = TypeVar("W", bound=Work)


class Batch(Protocol[W]):
    """What the worker thread moves on; only that thread calls it."""

    def has_room_for(self, work: W, /) -> bool:
        """Whether the work may join now; an empty batch must have room for anything."""
        ...

    def join(self, work: W, /) -> None:
        """Take work in, to be worked on from the next turn on."""
        ...

    def turn(self, is_wanted: Callable[[W], bool], /) -> Collection[W]:
        """Do a bounded amount of work for all; drop what is not wanted; return what has ended."""
        ...

    def clear(self) -> None:
        """Forget everything, after a failure or at the end."""
        ...


@dataclass(eq=False, slots=True)
class Ticket(Generic[W]):
    """One piece of work that somebody waits for."""

    work: W
    future: Future[W] = field(default_factory=Future[W])

    @property
    def is_settled(self) -> bool:
        """Whether it ended, failed or was given up: no more work is owed."""
        return self.future.done()

    def settle(self) -> None:
        """Hand the finished work back; without effect on a settled ticket."""
        with suppress(InvalidStateError):
            self.future.set_result(self.work)

    def fail(self, reason: str, cause: Exception | None = None) -> None:
        """Raise an EngineError where the work is awaited; without effect on a settled ticket."""
        fault = EngineError(reason)
        fault.__cause__ = cause
        with suppress(InvalidStateError):
            self.future.set_exception(fault)


class Batcher(Generic[W]):
    """Owns the worker thread; first come, first served, as far as the batch has room."""

    def __init__(self, batch: Batch[W]) -> None:
        self._batch = batch
        self._running: dict[W, Ticket[W]] = {}  # changed by the worker alone
        self._waiting: deque[Ticket[W]] = deque()
        self._changed = threading.Condition()  # protects the queue and the flag below
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._thread.start()

    def work_off(
        self,
        works: Sequence[W],
        on_end: Callable[[int, W], None],
        cancellation: Cancellation | None = None,
    ) -> dict[int, EngineError]:
        """Have everything worked off; return the faults by index.

        `on_end` is called in this thread for each finished work, in the order of finishing; what
        it raises gives up the rest.

        Raises:
            Cancelled: the cancellation was used before all had ended.
            EngineError: the batcher is closed.
        """
        ended: SimpleQueue[int | None] = SimpleQueue()
        tickets = [Ticket[W](work) for work in works]
        for index, ticket in enumerate(tickets):
            ticket.future.add_done_callback(lambda _, index=index: ended.put(index))
        faults: dict[int, EngineError] = {}
        with (cancellation or Cancellation()).heard_by(lambda: ended.put(None)):
            try:
                self._enqueue(tickets)
                for _ in tickets:
                    index = ended.get()
                    if index is None:
                        raise Cancelled("the requests were called off by their caller")
                    fault = tickets[index].future.exception()
                    if fault is None:
                        on_end(index, works[index])
                    elif isinstance(fault, EngineError):
                        faults[index] = fault
            finally:
                for ticket in tickets:
                    ticket.future.cancel()
        return faults

    def close(self) -> None:
        """Fail everything that waits or runs, and end the thread."""
        with self._changed:
            self._is_closed = True
            unanswered = [*self._waiting, *self._running.copy().values()]
            self._waiting.clear()
            self._changed.notify_all()
        for ticket in unanswered:
            ticket.fail(_CLOSED)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _enqueue(self, tickets: Sequence[Ticket[W]]) -> None:
        with self._changed:
            if self._is_closed:
                raise EngineError(_CLOSED)
            self._waiting.extend(tickets)
            self._changed.notify_all()

    def _serve(self) -> None:
        while self._admit():
            try:
                self._turn()
            except Exception as fault:  # noqa: BLE001 - a dead thread would leave callers waiting
                for ticket in self._running.values():
                    ticket.fail(f"the model failed: {type(fault).__name__}: {fault}", fault)
                self._running.clear()
                self._batch.clear()
        self._batch.clear()
        for ticket in self._running.values():
            ticket.fail(_CLOSED)

    def _admit(self) -> bool:
        """Wait for work and let in what has room; return False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._running or self._is_closed)
            while self._waiting and not self._is_closed:
                ticket = self._waiting[0]
                if not ticket.is_settled:
                    if not self._batch.has_room_for(ticket.work):
                        break
                    self._batch.join(ticket.work)
                    self._running[ticket.work] = ticket
                self._waiting.popleft()
            return not self._is_closed

    def _turn(self) -> None:
        running = self._running
        given_up = {work for work, ticket in running.items() if ticket.is_settled}
        ended = self._batch.turn(lambda work: work not in given_up)
        for work in given_up:
            del running[work]
        for work, ticket in running.items():
            if ticket.is_settled:
                continue  # called off during the turn: nobody listens any more
            try:
                work.tell()
            except Exception as fault:  # noqa: BLE001 - a listener's fault is its caller's alone
                ticket.fail(f"the listener failed: {type(fault).__name__}: {fault}", fault)
        for work in ended:
            running.pop(work).settle()


_CLOSED = "the engine was closed before it answered: open another one"
