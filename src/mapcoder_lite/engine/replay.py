"""Answers from a recording, and answers kept so that none is asked for twice.

Knows: request keys, recordings, stores of completions, engines behind them.
Does not know: how a completion comes about, files, roles, prompts.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Protocol

from mapcoder_lite.errors import ReplayMiss
from mapcoder_lite.trajectory import Completion, Engine, Request, digest


class Store(Protocol):
    """Keeps completions for good; safe to call from many threads."""

    def get(self, key: str) -> Completion | None:
        """Return what is stored, or None."""
        ...

    def put(self, key: str, request: Request, completion: Completion) -> None:
        """Store durably before returning."""
        ...


class ReplayEngine:
    """Answers recorded requests by key; what is not recorded goes to a live engine, if any.

    The key leaves guidance out: a guided request is answered from the recording too, unless its
    recorded call was dropped, which is how a repair asks again from the blamed call on.
    """

    def __init__(self, completions: Mapping[str, Completion], live: Engine | None = None) -> None:
        self._completions = dict(completions)
        self._live = live
        recording = {key: completion.text for key, completion in self._completions.items()}
        self._recording_digest = digest(recording)[:16]

    @property
    def identity(self) -> str:
        """Digest of the recording, and the live engine behind it."""
        behind = "" if self._live is None else f" live {self._live.identity}"
        return f"replay@{self._recording_digest}{behind}"

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer every request, in order; misses go to the live engine together.

        Raises:
            ReplayMiss: a request is not recorded and there is no live engine.
        """
        answers = [self._completions.get(request.key) for request in requests]
        missing = [
            request for request, answer in zip(requests, answers, strict=True) if answer is None
        ]
        fresh = iter(self._ask_live(missing))
        return [next(fresh) if answer is None else answer for answer in answers]

    def close(self) -> None:
        """Close the live engine."""
        if self._live is not None:
            self._live.close()

    def _ask_live(self, requests: Sequence[Request]) -> list[Completion]:
        if not requests:
            return []
        if self._live is None:
            first = requests[0]
            raise ReplayMiss(
                f"the recording of {len(self._completions)} calls has no answer to "
                f"{first.adapter or 'backbone'} request {first.key} (attempt {first.attempt}): the "
                "prompts or settings differ from the recorded ones; replay with those, or give a "
                "live engine"
            )
        return self._live.complete(requests)


class StoredEngine:
    """Asks each question once: a completion is stored before it is returned."""

    def __init__(self, inner: Engine, store: Store) -> None:
        self._inner = inner
        self._store = store
        self._asked: dict[str, Future[Completion]] = {}
        self._lock = Lock()  # protects `_asked`

    @property
    def identity(self) -> str:
        """The inner engine's: a stored answer is that engine's answer."""
        return self._inner.identity

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Answer every request, in order; equal questions, also of other threads, are asked once.

        Raises:
            EngineError: the inner engine failed; nothing of that batch is stored.
        """
        identity = self.identity
        keys = [stored_key(identity, request) for request in requests]
        mine: dict[str, Request] = {}
        futures: dict[str, Future[Completion]] = {}
        for key, request in zip(keys, requests, strict=True):
            if key not in futures:
                futures[key], is_mine = self._claim(key)
                if is_mine:
                    mine[key] = request
        if mine:
            self._ask(mine, futures)
        return [futures[key].result() for key in keys]

    def close(self) -> None:
        """Close the inner engine; the store belongs to its maker."""
        self._inner.close()

    def _claim(self, key: str) -> tuple[Future[Completion], bool]:
        """Return where the answer will be, and whether the caller must ask for it."""
        with self._lock:
            if key in self._asked:
                return self._asked[key], False
            future = Future[Completion]()
            stored = self._store.get(key)
            if stored is not None:
                future.set_result(stored)
                return future, False
            self._asked[key] = future
            return future, True

    def _ask(
        self, requests: Mapping[str, Request], futures: Mapping[str, Future[Completion]]
    ) -> None:
        """Ask for what was claimed; store every answer before anyone sees it."""
        try:
            completions = self._inner.complete(list(requests.values()))
            for (key, request), completion in zip(requests.items(), completions, strict=True):
                self._store.put(key, request, completion)
                futures[key].set_result(completion)
        except BaseException as fault:
            for key in requests:
                if not futures[key].done():
                    futures[key].set_exception(fault)
            raise
        finally:
            with self._lock:
                for key in requests:
                    del self._asked[key]


def stored_key(identity: str, request: Request) -> str:
    """Return the key of a stored answer: the engine, the request, and its guidance.

    Guidance is no part of a request's own key; here it is, or a guided request would be answered
    with what was said without it.
    """
    return digest({"engine": identity, "request": request.key, "guidance": request.guidance})
