"""One model at several addresses: each request goes where it is answered soonest.

A prompt that begins like an earlier one goes where that one went, for its beginning is computed
there already, unless that replica has clearly more to do than another. A replica that fails is
rested, and what it owed goes to another.

Knows: replicas of one model, how much each has to do, how prompts begin, rests.
Does not know: addresses, sockets, how one server is retried.
"""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock

from mapcoder_lite.engine.chat import Shown, Trouble
from mapcoder_lite.engine.routes import Errand, ask_together
from mapcoder_lite.errors import (
    Cancelled,
    EngineError,
    PromptTooLong,
    ReplayMiss,
    Truncated,
    UnknownAdapter,
)
from mapcoder_lite.trajectory import Completion, Engine, Request, Watch

_log = logging.getLogger(__name__)

_OF_THE_REQUEST = (Cancelled, PromptTooLong, ReplayMiss, Truncated, UnknownAdapter)
"""Faults that another replica of the same model would have too."""
_BLOCK_CHARACTERS = 512
"""Beginnings are compared in steps of so many."""
_MAX_BEGINNINGS = 20_000
"""Remembered of each replica; the oldest are forgotten."""
_SLACK = 2
_SLACK_SHARE = 0.25
"""How many more requests than the least busy one a replica may have before that one is preferred:
few, or a beginning that all prompts share would keep the other replicas idle."""
_REST_SECONDS = 10.0
_MAX_REST_SECONDS = 600.0


@dataclass(slots=True, eq=False)
class _Replica:
    """What is known of one replica; protected by the engine's lock."""

    name: str
    engine: Engine
    num_outstanding: int = 0
    num_asked: int = 0
    num_faults: int = 0
    """Since its last answer."""
    rests_until: float = 0.0
    beginnings: OrderedDict[bytes, None] = field(default_factory=OrderedDict[bytes, None])

    def num_known(self, beginnings: Sequence[bytes]) -> int:
        """How many blocks of a prompt's beginning it has seen."""
        for number, beginning in enumerate(beginnings):
            if beginning not in self.beginnings:
                return number
        return len(beginnings)

    def learn(self, beginnings: Sequence[bytes]) -> None:
        """Remember a prompt's beginning."""
        for beginning in beginnings:
            self.beginnings[beginning] = None
            self.beginnings.move_to_end(beginning)
        while len(self.beginnings) > _MAX_BEGINNINGS:
            self.beginnings.popitem(last=False)


class ReplicatedEngine:
    """Spreads requests over replicas of one model; each is answered by one of them."""

    def __init__(
        self,
        engines: Sequence[tuple[str, Engine]],
        *,
        rest_seconds: float = _REST_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the replicas with their addresses; the first one gives the identity.

        A rest doubles with every fault that follows another.
        """
        self._replicas = [_Replica(name, engine) for name, engine in engines]
        self._rest_seconds = rest_seconds
        self._now = now
        self._lock = Lock()  # protects what is known of the replicas

    @property
    def identity(self) -> str:
        """The first replica's: all hold the same model, so that replicas may come and go."""
        return self._replicas[0].engine.identity

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        """Answer every request, in order, each by the replica that suits it.

        Raises:
            EngineError: every replica failed at a request; names what each said.
            PromptTooLong, Truncated, UnknownAdapter, Cancelled: as the replica said, for another
                would say the same.
        """
        errands = [Errand((i,), partial(self._ask, request)) for i, request in enumerate(requests)]
        return ask_together(errands, watch or Watch())

    def close(self) -> None:
        """Close every replica's engine."""
        for replica in self._replicas:
            replica.engine.close()

    def num_asked(self) -> dict[str, int]:
        """Requests that each replica was sent, by its address."""
        with self._lock:
            return {replica.name: replica.num_asked for replica in self._replicas}

    def _ask(self, request: Request, watch: Watch) -> list[Completion]:
        on_text = watch.on_text
        shown = Shown(None if on_text is None else lambda text: on_text(0, text))
        beginnings = _beginnings(request)
        faults: dict[str, str] = {}
        while (replica := self._chosen(beginnings, faults)) is not None:
            retold = None if on_text is None else _retold(shown)
            tried = replace(watch, on_text=retold, on_completion=None)
            shown.restart()
            try:
                completion = replica.engine.complete([request], tried)[0]
                shown.end()
            except _OF_THE_REQUEST:
                self._leave(replica)
                raise
            except (EngineError, Trouble) as error:
                self._rest(replica, str(error))
                faults[replica.name] = str(error)
            except BaseException:
                self._leave(replica)
                raise
            else:
                self._leave(replica, has_answered=True)
                if watch.on_completion is not None:
                    watch.on_completion(0, completion)
                return [completion]
        said = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
        raise EngineError(f"none of {len(faults)} replicas could answer: {said}")

    def _chosen(self, beginnings: Sequence[bytes], faults: dict[str, str]) -> _Replica | None:
        """Choose who is asked next, and count the request to it; None when all have failed.

        Rested replicas are asked only when all others have failed.
        """
        with self._lock:
            left = [replica for replica in self._replicas if replica.name not in faults]
            awake = [replica for replica in left if self._is_awake(replica)] or left
            if not awake:
                return None
            least = min(replica.num_outstanding for replica in awake)
            most = least * (1 + _SLACK_SHARE) + _SLACK
            near = [replica for replica in awake if replica.num_outstanding <= most]
            chosen = min(
                near, key=lambda r: (-r.num_known(beginnings), r.num_outstanding, r.num_asked)
            )
            chosen.learn(beginnings)
            chosen.num_outstanding += 1
            chosen.num_asked += 1
            return chosen

    def _is_awake(self, replica: _Replica) -> bool:
        """Whether it may be asked; one that failed is first tried with a single request."""
        if replica.rests_until > self._now():
            return False
        return replica.num_faults == 0 or replica.num_outstanding == 0

    def _leave(self, replica: _Replica, *, has_answered: bool = False) -> None:
        with self._lock:
            replica.num_outstanding -= 1
            if has_answered and replica.rests_until <= self._now():
                replica.num_faults = 0

    def _rest(self, replica: _Replica, fault: str) -> None:
        with self._lock:
            replica.num_outstanding -= 1
            if replica.rests_until > self._now():
                return  # what else was under way when it fell says nothing new
            seconds = min(_MAX_REST_SECONDS, self._rest_seconds * 2**replica.num_faults)
            replica.num_faults += 1
            replica.rests_until = self._now() + seconds
            replica.beginnings.clear()  # it may come back with an empty cache
        _log.warning("%s is not asked for %.0f s: %s", replica.name, seconds, fault)


def _retold(shown: Shown) -> Callable[[int, str], None]:
    return lambda _, text: shown.add(text)


def _beginnings(request: Request) -> list[bytes]:
    """Return digests of the prompt's first block, first two blocks and so on.

    Adapters do not share what is computed of a prompt, so the adapter is part of it.
    """
    text = "\0".join([request.adapter or "", *(m.content for m in request.messages_sent)])
    running = hashlib.blake2b(digest_size=8)
    found: list[bytes] = []
    for start in range(0, len(text), _BLOCK_CHARACTERS):
        running.update(text[start : start + _BLOCK_CHARACTERS].encode(errors="surrogatepass"))
        found.append(running.digest())
    return found
