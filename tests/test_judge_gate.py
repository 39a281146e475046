"""Runs go side by side, or one alone: nothing runs beside it, and nobody waits for ever."""

import threading
import time

import pytest

from mapcoder_lite.judge.pool import Gate


def test_alone_means_alone_and_everybody_gets_through():
    gate, lock = Gate(), threading.Lock()
    running: set[int] = set()
    beside: dict[int, int] = {}

    def run(number: int, alone: bool) -> None:
        with gate.passed(alone=alone):
            with lock:
                running.add(number)
                for other in running:
                    beside[other] = max(beside.get(other, 0), len(running) - 1)
            time.sleep(0.02)
            with lock:
                running.remove(number)

    threads = [threading.Thread(target=run, args=(n, n % 3 == 0)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert len(beside) == 12
    assert all(beside[n] == 0 for n in range(0, 12, 3))
    assert any(beside[n] > 0 for n in range(12) if n % 3)


def test_a_failed_run_leaves_the_gate_open():
    gate = Gate()
    num_passed = 0
    for alone in (True, False, True):
        with pytest.raises(RuntimeError), gate.passed(alone=alone):
            num_passed += 1
            raise RuntimeError("the run failed")
    assert num_passed == 3
