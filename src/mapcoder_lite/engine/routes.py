"""Several engines behind one: each request goes to the engine that a rule names.

Knows: engines, requests that are answered at the same time, watches.
Does not know: what the rule goes by, roles, teachers, servers.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue

from mapcoder_lite.trajectory import Cancellation, Completion, Engine, Request, Watch

_MAX_THREADS = 128  # of one call; what is beyond them waits


@dataclass(frozen=True, slots=True)
class Errand:
    """Some requests of a call, by their places, and who answers them."""

    places: tuple[int, ...]
    ask: Callable[[Watch], list[Completion]]
    """Gets the watch of its own requests, which count from 0."""


class RoutedEngine:
    """Asks several engines at the same time, each for what the rule sends to it."""

    def __init__(self, engines: Mapping[str, Engine], route: Callable[[Request], str]) -> None:
        self._engines = dict(engines)
        self._route = route

    @property
    def identity(self) -> str:
        """Every engine's, under its name and in order."""
        named = (f"{name}=[{engine.identity}]" for name, engine in self._engines.items())
        return f"routed {' '.join(named)}"

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order.

        Raises:
            EngineError: an engine cannot answer; the others' answers were shown to `watch`.
        """
        places: dict[str, list[int]] = {}
        for place, request in enumerate(requests):
            places.setdefault(self._route(request), []).append(place)
        errands = [self._errand(name, mine, requests) for name, mine in places.items()]
        return ask_together(errands, watch or Watch())

    def close(self) -> None:
        """Close every engine."""
        for engine in self._engines.values():
            engine.close()

    def _errand(self, name: str, places: Sequence[int], requests: Sequence[Request]) -> Errand:
        engine, asked = self._engines[name], [requests[place] for place in places]
        return Errand(tuple(places), lambda watch: engine.complete(asked, watch))


def ask_together(errands: Sequence[Errand], watch: Watch) -> list[Completion]:
    """Do all errands at the same time; return the answers by the places of the requests.

    All end before this does. The watch hears of every completion from the calling thread, and what
    it raises calls off what is still asked.

    Raises:
        EngineError: that of the first errand that failed.
    """
    if len(errands) == 1:  # most calls: no thread is needed, nor a second cancellation
        return _in_order(errands, [errands[0].ask(watch.of(errands[0].places))])
    calling_off = Cancellation()
    outer = watch.cancellation or Cancellation()
    with (
        outer.heard_by(calling_off.cancel),
        ThreadPoolExecutor(min(len(errands), _MAX_THREADS) or 1, "route") as threads,
    ):
        try:
            answers = _answers(errands, watch, calling_off, threads)
        except BaseException:
            calling_off.cancel()
            raise
    return _in_order(errands, answers)


def _answers(
    errands: Sequence[Errand], watch: Watch, calling_off: Cancellation, threads: ThreadPoolExecutor
) -> list[list[Completion]]:
    """Show the completions as they come, in this thread, and wait for all errands."""
    news = SimpleQueue[tuple[int, Completion] | None]()

    def post(place: int, completion: Completion) -> None:
        news.put((place, completion))

    heard = post if watch.on_completion else None
    inner = replace(watch, cancellation=calling_off, on_completion=heard)
    futures: list[Future[list[Completion]]] = []
    for errand in errands:
        future = threads.submit(errand.ask, inner.of(errand.places))
        future.add_done_callback(lambda _: news.put(None))
        futures.append(future)
    shown = replace(watch, on_text=None)  # the engines told the text themselves
    num_running = len(futures)
    while num_running:
        told = news.get()
        if told is None:
            num_running -= 1
        else:
            shown.answer(*told)
    return [future.result() for future in futures]


def _in_order(errands: Sequence[Errand], answers: Sequence[list[Completion]]) -> list[Completion]:
    by_place = {
        place: completion
        for errand, completions in zip(errands, answers, strict=True)
        for place, completion in zip(errand.places, completions, strict=True)
    }
    return [by_place[place] for place in sorted(by_place)]
