"""Retrieval replies: names of algorithms, variety, exemplars that repeat each other or the task."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.agents import parse
from mapcoder_lite.curation.recalls import RecallTally, diversity, goes_with, name_of
from mapcoder_lite.trajectory import (
    Call,
    CallKind,
    Completion,
    Exemplar,
    FormatFailure,
    Message,
    Recall,
    Request,
    StopReason,
    Trajectory,
)

STATEMENT = "Given n integers, print the sum of those that are even and greater than three."


def trajectory(*descriptions: str, algorithm: str = "Greedy: take the best", unread: bool = False):
    exemplars = tuple(Exemplar(description=text, planning="1. do it") for text in descriptions)
    text = parse.render_recall(Recall(exemplars=exemplars, algorithm=algorithm))
    failure = FormatFailure(kind="no_root", detail="") if unread else None
    request = Request(messages=(Message(role="user", content=f"Recall 2 problems.\n{STATEMENT}"),))
    completion = Completion(text=text, finish_reason="stop")
    call = Call(kind=CallKind.RETRIEVAL, request=request, completion=completion, failure=failure)
    return Trajectory(problem_id="p", steps=(call,), stop=StopReason.EXHAUSTED)


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        ("Dynamic  Programming: for every sum", "dynamic programming"),
        ("**Two-Pointers**: move", "two pointers"),
        ("greedy", "greedy"),
        ("BFS\nwalk: layer by layer", "bfs"),
        (": no name", None),
        ("x" * 61, None),
        ("", None),
    ],
)
def test_the_name_is_what_stands_before_the_colon(algorithm, name):
    assert name_of(algorithm) == name


@pytest.mark.parametrize(
    ("name", "tags", "told"),
    [
        ("dynamic programming", ("dp",), True),
        ("0 1 knapsack", ("dp", "greedy"), True),
        ("greedy", ("dp",), False),
        ("greedy", ("pocket things",), None),
        ("a clever trick", ("dp",), None),
        ("bitter", ("bitmasks",), None),
    ],
)
def test_a_name_agrees_with_a_tag_where_both_are_known(name, tags, told):
    assert goes_with(name, tags) is told


def test_variety_of_known_names():
    even = diversity(Counter(a=5, b=5, c=5, d=5))
    assert (even.num_distinct, even.entropy_bits, even.effective) == (4, 2, 4)
    assert even.top_share == 0.25
    one = diversity(Counter(a=7))
    assert (one.entropy_bits, one.effective, one.top_share) == (0, 1, 1)
    none = diversity(Counter())
    assert (none.num_named, none.effective, none.top) == (0, 0, {})


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 50), min_size=1))
def test_the_effective_number_is_between_one_and_all(names):
    found = diversity(Counter(names))
    assert 1 <= found.effective <= found.num_distinct + 1e-9
    assert found.top_share >= 1 / found.num_distinct - 1e-9


def test_replies_are_counted_once_an_attempt_and_unreadable_ones_not():
    tally = RecallTally()
    tally.add(trajectory("Sort the words by length."), ("greedy", "strings"))
    tally.add(trajectory("Sort the words by length.", algorithm="An " + "x" * 70), ("dp",))
    tally.add(trajectory("nothing", unread=True), ("dp",))
    tally.add(trajectory("Sort the words by length."), ("greedy", "strings"))  # replayed
    found = tally.recalls()
    assert (found.num_attempts, found.num_read, found.num_unnamed) == (3, 2, 1)
    assert found.algorithms.top == {"greedy": 1}
    assert set(found.by_tag) == {"greedy", "strings"}
    assert (found.num_told, found.num_agreeing) == (1, 1)


def test_exemplars_that_repeat_each_other_or_the_problem_are_seen():
    tally = RecallTally()
    other = "Find the shortest path through a maze of walls and open cells."
    tally.add(trajectory(other, other.upper(), STATEMENT), ("greedy",))
    tally.add(trajectory(other, "Count the vowels in every word of a line."), ("greedy",))
    found = tally.recalls()
    assert (found.num_exemplars, found.num_twins, found.num_replies_with_twins) == (5, 1, 1)
    assert found.num_copies == 1
