"""Noise spoils statements and nothing else, always the same; replies to it are read one by one."""

from collections.abc import Sequence
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.agents.question import Manner
from mapcoder_lite.pocket.noise import LEVELS, Noise, noised, readings
from mapcoder_lite.pocket.problems import puzzles
from mapcoder_lite.trajectory import Completion, Request, Sampling, Watch

KNOWN = [puzzle.problem for puzzle in islice(puzzles("test", 3), 8)]
SPOILING = [noise for noise in Noise if noise is not Noise.NONE]


@given(st.sampled_from(KNOWN), st.sampled_from(SPOILING), st.sampled_from(LEVELS))
def test_only_the_statement_is_spoilt_and_always_alike(problem, noise, level):
    spoilt = noised(problem, noise, level)
    assert spoilt == noised(problem, noise, level)
    assert spoilt.statement != problem.statement
    assert spoilt.model_copy(update={"statement": problem.statement}) == problem


@pytest.mark.parametrize("noise", SPOILING)
def test_levels_and_problems_are_spoilt_in_their_own_way(noise):
    texts = {noised(problem, noise, level).statement for problem in KNOWN for level in LEVELS}
    assert len(texts) > 0.9 * len(KNOWN) * len(LEVELS)


def test_without_noise_a_problem_is_as_it_was():
    assert all(noised(problem, Noise.NONE, 0) == problem for problem in KNOWN)


class Orderly:
    """Answers in the layout until a statement gives orders."""

    identity = "orderly"

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        return [Completion(text=self._text(one), finish_reason="stop") for one in requests]

    def close(self) -> None:
        pass

    def _text(self, request: Request) -> str:
        if "single word OK" in request.messages[-1].content:
            return "OK"
        exemplar = "<problem><description>d</description><planning>p</planning></problem>"
        return f"<root>{exemplar}<algorithm>a</algorithm></root>"


def test_every_form_is_asked_about_once_and_its_reply_read():
    manner = Manner(Orderly(), Sampling(), 0.8, 0)
    found = [reading for problem in KNOWN for reading in readings(problem, manner, 3)]
    assert len(found) == len(KNOWN) * (1 + len(SPOILING) * len(LEVELS))
    failed = {reading.noise for reading in found if reading.failure is not None}
    assert failed == {Noise.INJECTION}
    assert {reading.level for reading in found if reading.noise is Noise.NONE} == {0}
