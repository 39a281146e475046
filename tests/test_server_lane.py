"""The queue of the service: bounded, in turns, nothing done twice or after it was taken back."""

import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.server.lane import Job, Lane, LaneFull


class Stopped:
    """A lane whose one worker is busy until it is let go."""

    def __init__(self, max_waiting: int) -> None:
        self.lane = Lane("test", 1, max_waiting)
        self.go = threading.Event()
        self.first = Job("first", self.go.wait)
        self.lane.submit(self.first)
        while not self.lane.num_running:
            pass

    def end(self) -> None:
        self.go.set()
        self.lane.close()


def noting(order: list[str], name: str) -> Callable[[], None]:
    return lambda: order.append(name)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=8))
def test_clients_take_turns_and_places_foretell_the_order(clients: list[str]):
    stopped, order = Stopped(20), list[str]()
    jobs = [Job(client, noting(order, f"{i}")) for i, client in enumerate(clients)]
    for job in jobs:
        stopped.lane.submit(job)
    places = [stopped.lane.place(job) for job in jobs]
    assert stopped.lane.num_waiting == len(jobs)
    stopped.go.set()
    for job in jobs:
        job.future.result()
    stopped.end()
    assert [order.index(str(i)) for i in range(len(jobs))] == places
    for client in set(clients):
        mine = [int(i) for i in order if clients[int(i)] == client]
        assert mine == sorted(mine)
    half = order[: len(set(clients))]
    assert {clients[int(i)] for i in half} == set(clients)  # nobody waits for another's second


def test_a_full_lane_refuses_and_what_is_taken_back_is_not_done():
    stopped, order = Stopped(1), list[str]()
    job = Job("a", noting(order, "a"))
    stopped.lane.submit(job)
    with pytest.raises(LaneFull, match="1 requests are being worked on and 1 wait"):
        stopped.lane.submit(Job("b", noting(order, "b")))
    assert stopped.lane.withdraw(job)
    assert not stopped.lane.withdraw(job)
    assert stopped.lane.place(job) is None
    stopped.lane.submit(Job("c", noting(order, "c")))
    stopped.go.set()
    stopped.first.future.result()
    while stopped.lane.num_waiting or stopped.lane.num_running:
        pass
    stopped.end()
    assert order == ["c"]


def test_what_a_job_raises_goes_to_who_waits_and_the_worker_goes_on():
    lane = Lane("test", 1, 2)

    def fail() -> None:
        raise ValueError("mine")

    bad, good = Job("a", fail), Job("a", lambda: 7)
    lane.submit(bad)
    with pytest.raises(ValueError, match="mine"):
        bad.future.result()
    lane.submit(good)
    assert good.future.result() == 7
    lane.close()
    with pytest.raises(LaneFull):
        lane.submit(Job("a", lambda: None))
