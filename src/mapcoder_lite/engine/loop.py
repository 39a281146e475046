"""Many errands at a time on one event loop in a thread of its own, each of which can be called off.

Knows: threads, tasks, who waits for what, closing.
Does not know: what an errand is about.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Lock, Thread, current_thread
from typing import Any, Generic, TypeVar

from mapcoder_lite.errors import EngineError

T = TypeVar("T")

Errand = Callable[[], Coroutine[Any, Any, T]]  # Any: what a coroutine sends is of no use here


class LoopThread(Generic[T]):
    """Runs errands; their own waiting, not their number, is what takes time."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._is_closed = False
        self._lock = Lock()  # protects `_is_closed`, and that nothing starts after it
        self._thread = Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def start(self, errands: Sequence[Errand[T]]) -> list[Future[T]]:
        """Start errands; cancelling a future ends its errand where it stands.

        Raises:
            EngineError: the loop is closed.
        """
        with self._lock:
            if self._is_closed:
                raise closed()
            return [asyncio.run_coroutine_threadsafe(errand(), self._loop) for errand in errands]

    def close(self, last: Errand[None]) -> None:
        """Call all errands off, run the last one, and end the thread; a second time is nothing.

        An errand may call it too; it returns at once then, for an errand cannot wait for its end.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        if current_thread() is self._thread:
            Thread(target=self._finish, args=(last,), daemon=True).start()
        else:
            self._finish(last)

    def _finish(self, last: Errand[None]) -> None:
        asyncio.run_coroutine_threadsafe(self._end(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self, last: Errand[None]) -> None:
        errands = asyncio.all_tasks() - {asyncio.current_task()}
        for errand in errands:
            errand.cancel()
        await asyncio.gather(*errands, return_exceptions=True)
        await last()


def each_as_it_ends(futures: Sequence[Future[T]]) -> "SimpleQueue[int]":
    """Return a queue that gets every future's place when it is done, cancelled ones too."""
    ended: SimpleQueue[int] = SimpleQueue()

    def note(place: int) -> Callable[[Future[T]], None]:
        return lambda _: ended.put(place)

    for place, future in enumerate(futures):
        future.add_done_callback(note(place))
    return ended


def closed() -> EngineError:
    """Return what is raised after closing."""
    return EngineError("the engine was closed before it answered: open another one")
