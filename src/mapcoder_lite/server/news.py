"""How coroutines follow a file that a thread writes: they read it, and wait for word of more.

Knows: events by number, who waits, when there is no more to come.
Does not know: what events say, HTTP.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from mapcoder_lite.events import EVENT, Event


class News:
    """Wakes whoever waits for a run's next event; told by any thread."""

    def __init__(self) -> None:
        self.is_over = False
        self._waiters: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._lock = Lock()  # protects `_waiters`

    def tell(self, *, is_over: bool = False) -> None:
        """Say that there is more to read, or that there will be no more."""
        self.is_over = self.is_over or is_over
        with self._lock:
            waiters = list(self._waiters.items())
        for waiter, loop in waiters:
            loop.call_soon_threadsafe(waiter.set)

    @contextmanager
    def awaited(self) -> Generator[asyncio.Event]:
        """Within, an event of this loop is set whenever there is news."""
        waiter = asyncio.Event()
        with self._lock:
            self._waiters[waiter] = asyncio.get_running_loop()
        try:
            yield waiter
        finally:
            with self._lock:
                del self._waiters[waiter]

    async def over(self, seconds: float) -> None:
        """Wait until there is no more to come, at most so long."""
        with self.awaited() as more:
            try:
                async with asyncio.timeout(seconds):
                    while not self.is_over:
                        await more.wait()
                        more.clear()
            except TimeoutError:
                return


async def lines_of(
    path: Path, news: News | None, after: int = 0
) -> AsyncGenerator[tuple[int, str, str]]:
    """Yield number, kind and line of every event after a number, the future ones too.

    Without news what stands in the file is all there is.
    """
    news = news or _nothing_more()
    with news.awaited() as more:
        while not path.exists():
            if news.is_over:
                return
            await more.wait()
            more.clear()
        with path.open("rb") as file:
            rest = b""
            while True:
                is_over = news.is_over  # before reading: what is told of by then is in the file
                while block := file.read(1 << 16):
                    *lines, rest = (rest + block).split(b"\n")
                    for line in lines:
                        head = json.loads(line)
                        if head["n"] > after:
                            yield head["n"], head["kind"], line.decode()
                if is_over:
                    return
                await more.wait()
                more.clear()


async def events_of(path: Path, news: News | None, after: int = 0) -> AsyncGenerator[Event]:
    """Yield every event after a number, the future ones too."""
    async for _, _, line in lines_of(path, news, after):
        yield EVENT.validate_json(line)


def _nothing_more() -> News:
    news = News()
    news.is_over = True
    return news
