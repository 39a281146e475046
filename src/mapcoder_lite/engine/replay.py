"""Answers from a recording, and answers kept so that none is asked for twice.

Knows: request keys, recordings, stores of completions, engines behind them.
Does not know: how a completion comes about, files, roles, prompts.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from threading import Lock
from typing import Protocol

from mapcoder_lite.errors import Cancelled, EngineError, ReplayMiss
from mapcoder_lite.trajectory import Cancellation, Completion, Engine, Request, Watch, digest


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

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order; misses go to the live engine together.

        Raises:
            ReplayMiss: a request is not recorded and there is no live engine.
        """
        watch = watch or Watch()
        answers = [self._completions.get(request.key) for request in requests]
        missing = [i for i, answer in enumerate(answers) if answer is None]
        for i, answer in enumerate(answers):
            if answer is not None:
                watch.answer(i, answer)
        fresh = iter(self._ask_live([requests[i] for i in missing], watch.of(missing)))
        return [next(fresh) if answer is None else answer for answer in answers]

    def close(self) -> None:
        """Close the live engine."""
        if self._live is not None:
            self._live.close()

    def _ask_live(self, requests: Sequence[Request], watch: Watch) -> list[Completion]:
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
        return self._live.complete(requests, watch)


class StoredEngine:
    """Asks each question once: a completion is stored before it is returned."""

    def __init__(self, inner: Engine, store: Store) -> None:
        self._inner = inner
        self._identity = inner.identity  # once: it may be the digest of all that an engine knows
        self._store = store
        self._asked: dict[str, Future[Completion]] = {}
        self._lock = Lock()  # protects `_asked`

    @property
    def identity(self) -> str:
        """The inner engine's: a stored answer is that engine's answer."""
        return self._identity

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order; equal questions, also of other threads, are asked once.

        Raises:
            EngineError: the inner engine failed; what it had answered by then is stored.
        """
        errand = _Errand(self.identity, requests, watch or Watch())
        while missing := errand.missing:
            futures, mine = self._claim(missing)
            elsewhere = [key for key in missing if key not in mine]
            for key in elsewhere:  # what is stored is shown before anything is asked
                if futures[key].done():
                    errand.wait(key, futures[key])
            fault = self._ask(errand, mine, futures) if mine else None
            for key in elsewhere:
                if not errand.has(key):
                    errand.wait(key, futures[key])
            if fault is not None:
                raise fault
        return errand.completions

    def close(self) -> None:
        """Close the inner engine; the store belongs to its maker."""
        self._inner.close()

    def _claim(self, keys: Sequence[str]) -> tuple[dict[str, Future[Completion]], list[str]]:
        """Return where each answer will be, and the keys that the caller must ask for."""
        futures: dict[str, Future[Completion]] = {}
        mine: list[str] = []
        with self._lock:
            for key in keys:
                stored = self._store.get(key)
                if key in self._asked:
                    futures[key] = self._asked[key]
                elif stored is not None:
                    futures[key] = Future[Completion]()
                    futures[key].set_result(stored)
                else:
                    futures[key] = self._asked[key] = Future[Completion]()
                    mine.append(key)
        return futures, mine

    def _ask(
        self, errand: "_Errand", mine: Sequence[str], futures: Mapping[str, Future[Completion]]
    ) -> EngineError | None:
        """Ask for what was claimed; store every answer before anyone sees it.

        Returns the engine's fault, if it had one. Other threads never get it: it may be of
        another question than theirs, so that what was not answered is theirs to ask.
        """

        def keep(index: int, completion: Completion) -> None:
            key = mine[index]
            if not futures[key].done():
                self._store.put(key, errand.request(key), completion)
                futures[key].set_result(completion)
                errand.take(key, completion, is_streamed=errand.watch.on_text is not None)

        watch = errand.watch.of([errand.first_place(key) for key in mine])
        try:
            asked = [errand.request(key) for key in mine]
            answers = self._inner.complete(asked, replace(watch, on_completion=keep))
            for index, completion in enumerate(answers):
                keep(index, completion)
        except Cancelled:
            raise
        except EngineError as fault:
            return fault
        finally:
            with self._lock:
                for key in mine:
                    del self._asked[key]
            for key in mine:
                if not futures[key].done():
                    futures[key].set_exception(Cancelled("the asker had no answer to it"))
        return None


class _Errand:
    """One call of `complete`: its questions by key, and the answers that have come."""

    def __init__(self, identity: str, requests: Sequence[Request], watch: Watch) -> None:
        self.watch = watch
        self._requests = requests
        self._keys = [stored_key(identity, request) for request in requests]
        self._answers: dict[str, Completion] = {}

    @property
    def missing(self) -> list[str]:
        """Keys without an answer, each once, in order."""
        return [key for key in dict.fromkeys(self._keys) if key not in self._answers]

    def has(self, key: str) -> bool:
        """Whether a question is answered."""
        return key in self._answers

    @property
    def completions(self) -> list[Completion]:
        """The answers in the order of the requests."""
        return [self._answers[key] for key in self._keys]

    def first_place(self, key: str) -> int:
        """Return where a question stands first."""
        return self._keys.index(key)

    def request(self, key: str) -> Request:
        """Return the question of a key."""
        return self._requests[self.first_place(key)]

    def take(self, key: str, completion: Completion, *, is_streamed: bool = False) -> None:
        """Hold an answer and show it wherever its question stands."""
        self._answers[key] = completion
        for place, other in enumerate(self._keys):
            if other != key:
                continue
            if is_streamed and place == self.first_place(key):
                Watch(on_completion=self.watch.on_completion).answer(place, completion)
            else:
                self.watch.answer(place, completion)

    def wait(self, key: str, future: Future[Completion]) -> None:
        """Take an answer that is stored, or that another thread asked for.

        When that thread ended without it, the answer stays missing.
        """
        called_off = Future[Completion]()
        fault = Cancelled("the request was called off while another thread asked the same")
        cancellation = self.watch.cancellation or Cancellation()
        with cancellation.heard_by(lambda: called_off.set_exception(fault)):
            wait([future, called_off], return_when=FIRST_COMPLETED)
        if not future.done():
            raise fault
        if not isinstance(future.exception(), Cancelled):
            self.take(key, future.result())


def stored_key(identity: str, request: Request) -> str:
    """Return the key of a stored answer: the engine, the request, and its guidance.

    Guidance is no part of a request's own key; here it is, or a guided request would be answered
    with what was said without it.
    """
    return digest({"engine": identity, "request": request.key, "guidance": request.guidance})
