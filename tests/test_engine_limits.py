import random
import threading
from concurrent.futures import Future

from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.engine.limits import Admission, Gate, Limits, Outcome, shared_gate


def entered(gate: Gate, num: int, tokens: int = 1) -> list[Future[Admission]]:
    return [gate.enter(tokens) for _ in range(num)]


def admitted(waiting: list[Future[Admission]]) -> list[Admission]:
    return [future.result() for future in waiting if future.done() and not future.cancelled()]


def test_the_first_come_are_let_in_up_to_the_limit() -> None:
    gate = Gate(Limits(max_in_flight=3))
    waiting = entered(gate, 5)
    assert [future.done() for future in waiting] == [True, True, True, False, False]
    gate.leave(waiting[1].result(), Outcome.OTHER)
    assert [future.done() for future in waiting] == [True, True, True, True, False]
    assert gate.in_flight == 3


def test_a_burst_that_is_too_much_cuts_the_limit_once() -> None:
    gate = Gate(Limits(max_in_flight=20))
    for admission in admitted(entered(gate, 20)):
        gate.leave(admission, Outcome.OVERLOADED)
    assert gate.limit == 14
    for admission in admitted(entered(gate, 14)):
        gate.leave(admission, Outcome.OVERLOADED)
    assert gate.limit == 9


def test_the_cut_is_of_what_was_in_flight_and_leaves_one() -> None:
    gate = Gate(Limits(max_in_flight=100))
    for admission in admitted(entered(gate, 10)):
        gate.leave(admission, Outcome.OVERLOADED)
    assert gate.limit == 7
    for _ in range(10):
        gate.leave(gate.enter(1).result(), Outcome.OVERLOADED)
    assert gate.limit == 1


def test_a_full_house_that_is_answered_raises_the_limit_by_one_a_round_trip() -> None:
    gate = Gate(Limits(max_in_flight=8))
    for admission in admitted(entered(gate, 8)):
        gate.leave(admission, Outcome.OVERLOADED)
    assert gate.limit == 5
    limits: list[int] = []
    waiting = entered(gate, 500)
    for future in waiting:
        gate.leave(future.result(), Outcome.ANSWERED)
        limits.append(gate.limit)
    assert limits == sorted(limits)
    assert limits[:2] == [5, 5]
    assert (limits[5], limits[12], limits[300]) == (6, 7, 8)


def test_an_idle_gate_learns_nothing_from_success() -> None:
    gate = Gate(Limits(max_in_flight=8))
    for admission in admitted(entered(gate, 8)):
        gate.leave(admission, Outcome.OVERLOADED)
    for _ in range(50):
        gate.leave(gate.enter(1).result(), Outcome.ANSWERED)
    assert gate.limit == 5


def test_a_large_request_goes_alone_and_in_its_turn() -> None:
    gate = Gate(Limits(10, max_tokens_in_flight=100))
    small, large, after = gate.enter(60), gate.enter(500), gate.enter(10)
    assert (small.done(), large.done(), after.done()) == (True, False, False)
    gate.leave(small.result(), Outcome.ANSWERED)
    assert (large.done(), after.done()) == (True, False)
    gate.leave(large.result(), Outcome.ANSWERED)
    assert after.done()


def test_who_gives_up_at_the_head_lets_the_others_through() -> None:
    gate = Gate(Limits(10, max_tokens_in_flight=100))
    small, large, after = gate.enter(60), gate.enter(500), gate.enter(10)
    gate.give_up(large)
    assert after.done()
    gate.give_up(small)
    assert gate.in_flight == 1


def test_a_gate_is_shared_by_endpoint_and_model_and_keeps_the_narrowest_limits() -> None:
    first = shared_gate("http://a", "m", Limits(10))
    assert shared_gate("http://a", "m", Limits(4, 900)) is first
    assert first.limit == 4
    assert shared_gate("http://a", "n", Limits(10)) is not first
    here = shared_gate("http://localhost:8000/v1", "m", Limits(10))
    assert shared_gate("http://127.0.0.1:8000/v1", "m", Limits(10)) is here
    assert shared_gate("http://[::1]:8000/v1", "m", Limits(10)) is here
    assert shared_gate("http://127.0.0.1:8001/v1", "m", Limits(10)) is not here
    waiting = [first.enter(500), first.enter(500)]
    assert [future.done() for future in waiting] == [True, False]


@settings(max_examples=200, deadline=None)
@given(
    cap=st.integers(1, 6),
    most_tokens=st.none() | st.integers(1, 60),
    moves=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), max_size=60),
)
def test_a_gate_keeps_its_limits_and_lets_everyone_in(
    cap: int, most_tokens: int | None, moves: list[tuple[int, int]]
) -> None:
    gate = Gate(Limits(cap, most_tokens))
    waiting: list[Future[Admission]] = []
    inside: list[Admission] = []
    for move, number in moves:
        if move <= 1:
            waiting.append(gate.enter(number))
        elif move == 2 and waiting:
            gate.give_up(waiting.pop(number % len(waiting)))
        elif inside:
            outcome = [Outcome.ANSWERED, Outcome.OVERLOADED, Outcome.OTHER][number % 3]
            gate.leave(inside.pop(number % len(inside)), outcome)
        inside += admitted(waiting)
        waiting = [future for future in waiting if not future.done()]
        assert 1 <= gate.limit <= cap
        assert gate.in_flight == len(inside) <= cap
        if most_tokens is not None and len(inside) > 1:
            assert sum(admission.tokens for admission in inside) <= most_tokens
        assert not waiting or inside  # nobody waits for nothing
    while inside:
        gate.leave(inside.pop(), Outcome.ANSWERED)
        inside += admitted(waiting)
        waiting = [future for future in waiting if not future.done()]
    assert not waiting
    assert gate.in_flight == 0


def test_many_threads_lose_no_wake_up() -> None:
    gate = Gate(Limits(5, max_tokens_in_flight=50))
    done: list[int] = []

    def work(number: int) -> None:
        draws = random.Random(number)
        for _ in range(200):
            waiting = gate.enter(draws.randrange(60))
            if draws.random() < 0.2:
                gate.give_up(waiting)
                continue
            admission = waiting.result(timeout=10)
            assert gate.in_flight <= 5
            gate.leave(admission, draws.choice(list(Outcome)))
        done.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == list(range(12))
    assert gate.in_flight == 0
