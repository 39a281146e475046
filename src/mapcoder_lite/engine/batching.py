"""One worker thread takes what many threads ask for, and answers it in batches.

Knows: queues, futures, groups of rows that can share a batch, closing.
Does not know: models, tokens, what a row asks for.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mapcoder_lite.errors import EngineError

Work = TypeVar("Work")
Answer = TypeVar("Answer")


@dataclass(eq=False, slots=True)
class Ticket(Generic[Work, Answer]):
    """One row of work that somebody waits for."""

    work: Work
    group: Hashable
    """Only tickets of one group share a batch."""
    _future: Future[Answer] = field(default_factory=Future[Answer])

    @property
    def is_settled(self) -> bool:
        """Whether it was answered, failed or given up: no more work is owed."""
        return self._future.done()

    def settle(self, answer: Answer) -> None:
        """Answer; without effect when the waiter has given up or closing has failed it."""
        with suppress(InvalidStateError):
            self._future.set_result(answer)

    def fail(self, fault: EngineError) -> None:
        """Raise the fault where the answer is awaited; without effect on a settled ticket."""
        with suppress(InvalidStateError):
            self._future.set_exception(fault)

    def wait(self) -> Answer:
        """Return the answer when it comes."""
        return self._future.result()

    def give_up(self) -> None:
        """Say that nobody waits any more."""
        self._future.cancel()


class Batcher(Generic[Work, Answer]):
    """Owns the worker thread; `answer` runs there alone and settles every ticket of its batch."""

    def __init__(
        self,
        answer: Callable[[Sequence[Ticket[Work, Answer]]], None],
        *,
        max_rows: int,
        gather_seconds: float = 0.004,
    ) -> None:
        self._answer = answer
        self._max_rows = max_rows
        self._gather_seconds = gather_seconds
        self._waiting: deque[Ticket[Work, Answer]] = deque()
        self._running: list[Ticket[Work, Answer]] = []
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._thread.start()

    def answer_all(self, works: Sequence[tuple[Work, Hashable]]) -> list[Answer]:
        """Enqueue rows with their groups and wait for all answers, in order.

        Raises:
            EngineError: a row failed, or the batcher was closed.
        """
        tickets = [Ticket[Work, Answer](work, group) for work, group in works]
        with self._changed:
            if self._is_closed:
                raise _closed()
            self._waiting.extend(tickets)
            self._changed.notify_all()
        try:
            return [ticket.wait() for ticket in tickets]
        finally:
            for ticket in tickets:
                ticket.give_up()

    def close(self) -> None:
        """Fail everything that waits or runs, and end the thread."""
        with self._changed:
            self._is_closed = True
            unanswered = [*self._waiting, *self._running]
            self._waiting.clear()
            self._changed.notify_all()
        for ticket in unanswered:
            ticket.fail(_closed())
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _serve(self) -> None:
        while not self._is_closed:
            batch = self._take()
            try:
                self._answer(batch)
            except Exception as fault:  # noqa: BLE001 - a dead thread would leave callers waiting
                _fail(batch, f"the model failed: {type(fault).__name__}: {fault}", fault)
            _fail(batch, "the model ended without an answer; this is a fault of the engine")

    def _take(self) -> list[Ticket[Work, Answer]]:
        """Wait for work; return the oldest row and those of its group, or nothing at the end."""
        with self._changed:
            self._running = []
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            deadline = time.monotonic() + self._gather_seconds
            while not self._is_closed and len(self._waiting) < self._max_rows:
                if not self._changed.wait(deadline - time.monotonic()):
                    break
            self._running = self._pick()
            return self._running

    def _pick(self) -> list[Ticket[Work, Answer]]:
        live = [ticket for ticket in self._waiting if not ticket.is_settled]
        chosen = [ticket for ticket in live if ticket.group == live[0].group][: self._max_rows]
        taken = set(chosen)
        self._waiting = deque(ticket for ticket in live if ticket not in taken)
        return chosen


def _fail(
    tickets: Sequence[Ticket[Work, Answer]], reason: str, cause: Exception | None = None
) -> None:
    for ticket in tickets:
        fault = EngineError(reason)
        fault.__cause__ = cause
        ticket.fail(fault)


def _closed() -> EngineError:
    return EngineError("the engine was closed before it answered: open another one")
