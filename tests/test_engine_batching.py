import threading
from collections.abc import Hashable, Sequence

import pytest

from mapcoder_lite.engine.batching import Batcher, Ticket
from mapcoder_lite.errors import EngineError

Tickets = Sequence[Ticket[int, int]]


def pairs(*works: int, group: Hashable = None) -> list[tuple[int, Hashable]]:
    return [(work, group) for work in works]


def test_answers_come_in_order_and_groups_do_not_mix() -> None:
    batches: list[list[int]] = []

    def answer(tickets: Tickets) -> None:
        batches.append([ticket.work for ticket in tickets])
        for ticket in reversed(tickets):
            ticket.settle(ticket.work * 10)

    batcher = Batcher[int, int](answer, max_rows=3)
    works = [(i, "even" if i % 2 == 0 else "odd") for i in range(8)]
    assert batcher.answer_all(works) == [i * 10 for i in range(8)]
    batcher.close()
    assert [batch for batch in batches if batch] == [[0, 2, 4], [1, 3, 5], [6], [7]]


def test_rows_that_wait_meanwhile_share_the_next_batch() -> None:
    is_busy, go_on = threading.Event(), threading.Event()
    sizes: list[int] = []

    def answer(tickets: Tickets) -> None:
        sizes.append(len(tickets))
        is_busy.set()
        go_on.wait(5)
        for ticket in tickets:
            ticket.settle(ticket.work)

    batcher = Batcher[int, int](answer, max_rows=8, gather_seconds=0.0)
    threads = [threading.Thread(target=batcher.answer_all, args=(pairs(0),))]
    threads[0].start()
    is_busy.wait(5)
    threads += [threading.Thread(target=batcher.answer_all, args=(pairs(i),)) for i in range(5)]
    for thread in threads[1:]:
        thread.start()
    while len(batcher._waiting) < 5:  # the only sign that all five have come
        threading.Event().wait(0.005)
    go_on.set()
    for thread in threads:
        thread.join(5)
    batcher.close()
    assert [size for size in sizes if size] == [1, 5]


def test_a_failed_batch_is_a_typed_fault_and_the_worker_lives_on() -> None:
    def answer(tickets: Tickets) -> None:
        for ticket in tickets:
            ticket.settle(10 // ticket.work)

    batcher = Batcher[int, int](answer, max_rows=4)
    with pytest.raises(EngineError, match="the model failed: ZeroDivisionError") as caught:
        batcher.answer_all(pairs(5, 0, 2))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert batcher.answer_all(pairs(5)) == [2]
    batcher.close()


def test_a_row_that_fails_alone_leaves_the_others() -> None:
    def answer(tickets: Tickets) -> None:
        for ticket in tickets:
            if ticket.work == 0:
                ticket.fail(EngineError("row 0"))
            else:
                ticket.settle(ticket.work)

    batcher = Batcher[int, int](answer, max_rows=4)
    with pytest.raises(EngineError, match="row 0"):
        batcher.answer_all(pairs(1, 0))
    assert batcher.answer_all(pairs(1, 2)) == [1, 2]
    batcher.close()


def test_a_forgotten_row_is_a_fault_not_a_hang() -> None:
    batcher = Batcher[int, int](lambda tickets: None, max_rows=4)
    with pytest.raises(EngineError, match="without an answer"):
        batcher.answer_all(pairs(1))
    batcher.close()


def test_rows_of_a_failed_call_are_given_up() -> None:
    seen: list[bool] = []

    def answer(tickets: Tickets) -> None:
        tickets[0].fail(EngineError("first"))
        while not tickets[1].is_settled:
            threading.Event().wait(0.005)
        seen.append(True)

    batcher = Batcher[int, int](answer, max_rows=4)
    with pytest.raises(EngineError, match="first"):
        batcher.answer_all(pairs(1, 2))
    batcher.close()
    assert seen == [True]


def test_closing_fails_what_runs_and_what_waits() -> None:
    is_busy = threading.Event()
    faults: list[str] = []

    def answer(tickets: Tickets) -> None:
        is_busy.set()
        while tickets and not all(ticket.is_settled for ticket in tickets):
            threading.Event().wait(0.005)

    def work(number: int) -> None:
        try:
            batcher.answer_all(pairs(number, group=number))
        except EngineError as error:
            faults.append(str(error))

    batcher = Batcher[int, int](answer, max_rows=4)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    is_busy.wait(5)
    batcher.close()
    for thread in threads:
        thread.join(5)
    assert len(faults) == 4
    assert all("closed" in fault for fault in faults)
    batcher.close()  # twice is once
    with pytest.raises(EngineError, match="closed"):
        batcher.answer_all(pairs(1))
