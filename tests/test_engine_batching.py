import threading
from collections.abc import Callable

import pytest

from mapcoder_lite.engine.batching import Batcher
from mapcoder_lite.errors import Cancelled, EngineError
from mapcoder_lite.trajectory import Cancellation

WAIT = 10


class Count:
    """Work that ends after some turns."""

    def __init__(self, turns: int, listener: Callable[[], None] | None = None) -> None:
        self.left = turns
        self.listener = listener

    def tell(self) -> None:
        if self.listener is not None:
            self.listener()


class Counting:
    """A batch that counts its works down, at most `max_works` at a time."""

    def __init__(self, max_works: int = 100) -> None:
        self.max_works = max_works
        self.running: list[Count] = []
        self.sizes: list[int] = []
        self.num_cleared = 0
        self.gate = threading.Event()
        self.gate.set()
        self.threads: set[threading.Thread] = set()

    def has_room_for(self, work: Count) -> bool:
        return len(self.running) < self.max_works

    def join(self, work: Count) -> None:
        self.running.append(work)

    def turn(self, is_wanted: Callable[[Count], bool]) -> list[Count]:
        self.gate.wait(WAIT)
        self.threads.add(threading.current_thread())
        self.running = [work for work in self.running if is_wanted(work)]
        self.sizes.append(len(self.running))
        for work in self.running:
            work.left -= 1
            if work.left == -1:
                raise ZeroDivisionError("none left")
        ended = [work for work in self.running if work.left == 0]
        self.running = [work for work in self.running if work.left > 0]
        return ended

    def clear(self) -> None:
        self.running = []
        self.num_cleared += 1


def nothing(index: int, work: Count) -> None:
    pass


def test_works_end_in_their_own_time_and_are_handed_out_at_once() -> None:
    batcher = Batcher[Count](batch := Counting(max_works=2))
    order: list[int] = []
    threads: set[threading.Thread] = set()

    def on_end(index: int, work: Count) -> None:
        assert work.left == 0
        order.append(index)
        threads.add(threading.current_thread())

    faults = batcher.work_off([Count(5), Count(1), Count(2), Count(1)], on_end)
    batcher.close()
    assert faults == {}
    assert order == [1, 2, 3, 0]
    assert threads == {threading.current_thread()}
    assert len(batch.threads) == 1 and not batch.threads & threads
    assert max(batch.sizes) == 2


def test_who_comes_later_joins_what_runs() -> None:
    batcher = Batcher[Count](batch := Counting())
    batch.gate.clear()
    threads = [
        threading.Thread(target=batcher.work_off, args=([Count(3)], nothing)) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    while len(batcher._waiting) + len(batch.running) < 5:  # the only sign that all have come
        threading.Event().wait(0.005)
    batch.gate.set()
    for thread in threads:
        thread.join(WAIT)
    batcher.close()
    assert 5 in batch.sizes


def test_a_failed_turn_is_a_typed_fault_and_the_worker_lives_on() -> None:
    batcher = Batcher[Count](batch := Counting())
    faults = batcher.work_off([Count(0), Count(5)], nothing)
    assert set(faults) == {0, 1}
    assert all("the model failed: ZeroDivisionError" in str(fault) for fault in faults.values())
    assert all(isinstance(fault.__cause__, ZeroDivisionError) for fault in faults.values())
    assert batch.num_cleared == 1
    assert batcher.work_off([Count(2)], nothing) == {}
    batcher.close()


def test_a_listener_that_fails_ends_its_own_work_alone() -> None:
    def fail() -> None:
        raise LookupError("deaf")

    batcher = Batcher[Count](batch := Counting())
    faults = batcher.work_off([Count(3, fail), Count(3)], nothing)
    batcher.close()
    assert set(faults) == {0}
    assert "the listener failed: LookupError: deaf" in str(faults[0])
    assert batch.sizes == [2, 1, 1]


def test_calling_off_raises_at_once_and_frees_the_place() -> None:
    batcher = Batcher[Count](batch := Counting())
    cancellation = Cancellation()
    ended: list[int] = []
    listener = threading.Event()
    works = [Count(10**9, listener.set), Count(1)]

    def call() -> None:
        with pytest.raises(Cancelled, match="called off"):
            batcher.work_off(works, lambda index, _: ended.append(index), cancellation)
        ended.append(-1)

    thread = threading.Thread(target=call)
    thread.start()
    assert listener.wait(WAIT)
    while ended != [1]:
        threading.Event().wait(0.005)
    cancellation.cancel()
    thread.join(WAIT)
    assert ended == [1, -1]
    assert batcher.work_off([Count(1)], nothing) == {}
    assert works[0] not in batch.running
    batcher.close()


def test_called_off_before_it_began() -> None:
    batcher = Batcher[Count](Counting())
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled):
        batcher.work_off([Count(10**9)], nothing, cancellation)
    assert batcher.work_off([], nothing, cancellation) == {}
    batcher.close()


def test_a_caller_that_fails_gives_its_rest_up() -> None:
    def fail(index: int, work: Count) -> None:
        raise LookupError("caller")

    batcher = Batcher[Count](batch := Counting())
    with pytest.raises(LookupError, match="caller"):
        batcher.work_off([Count(10**9), Count(1)], fail)
    assert batcher.work_off([Count(1)], nothing) == {}
    assert batch.running == []
    batcher.close()


def test_closing_fails_what_runs_and_what_waits() -> None:
    batcher = Batcher[Count](batch := Counting(max_works=1))
    faults: list[EngineError] = []
    threads = [
        threading.Thread(
            target=lambda: faults.extend(batcher.work_off([Count(10**9)], nothing).values())
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    while len(batcher._waiting) + len(batch.running) < 4:  # the only sign that all have come
        threading.Event().wait(0.005)
    batcher.close()
    for thread in threads:
        thread.join(WAIT)
    assert len(faults) == 4
    assert all("closed" in str(fault) for fault in faults)
    batcher.close()  # twice is once
    with pytest.raises(EngineError, match="closed"):
        batcher.work_off([Count(1)], nothing)
