import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.engine.prices import Prices
from mapcoder_lite.evaluation.forecast import Forecast, Owing, Pace, forecast, seen_in
from mapcoder_lite.settings import PriceConfig
from mapcoder_lite.trajectory import Completion, Message, Request, Role, Usage
from mapcoder_lite.traversal import TraversalName

PRICE = PriceConfig(prompt=2.0, completion=6.0)
PACE = Pace(4, 12)


def stored(role: str, prompt: int, reply: int, seconds: float = 2.0) -> StoredCall:
    usage = Usage(prompt_tokens=prompt, completion_tokens=reply)
    return StoredCall(
        key=f"{role}{prompt}",
        request=Request(messages=(Message(role="user", content="?"),), adapter=role),
        completion=Completion(text="x", finish_reason="stop", usage=usage, seconds=seconds),
    )


@given(
    tested=st.integers(0, 99), untested=st.integers(0, 99), k=st.integers(1, 7), t=st.integers(0, 7)
)
def test_calls_are_those_of_the_paper(tested: int, untested: int, k: int, t: int):
    found = forecast([Owing(tested, untested, k, t)], None, Prices(), PACE)
    assert found.calls.low == (tested + untested) * (2 + 2 * k)
    assert found.calls.high == tested * (1 + 2 * k + k * (1 + t)) + untested * (2 + 2 * k)
    assert found.num_owed == tested + untested
    assert found.dollars is None
    assert found.hours is None


@pytest.mark.parametrize(
    ("name", "tested", "untested"),
    [
        ("direct", (1, 1), (1, 1)),
        ("cot", (1, 1), (1, 1)),
        ("analogical", (1, 1), (1, 1)),
        ("self_planning", (2, 2), (2, 2)),
        ("original", (8, 25), (8, 8)),
        ("draft_first", (1, 26), (1, 1)),
        ("traced", (8, 25), (5, 5)),
    ],
)
def test_other_traversals_ask_for_more_or_less(
    name: str, tested: tuple[int, int], untested: tuple[int, int]
):
    for num_tested, num_untested, (low, high) in ((1, 0, tested), (0, 1, untested)):
        owing = Owing(num_tested, num_untested, 3, 5, traversal=TraversalName(name))
        found = forecast([owing], None, Prices(), PACE)
        assert (found.calls.low, found.calls.high) == (low, high)
    assert any("defects" in said for said in found.assumptions) is (name == "original")


def test_without_a_call_the_published_means_give_the_range():
    found = forecast([Owing(10, 0, 3, 5)], None, Prices(PRICE), PACE)
    assert (found.calls.low, found.calls.high) == (80, 250)
    assert (found.prompt_tokens.low, found.prompt_tokens.high) == (80 * 576, 250 * 1266)
    assert (found.completion_tokens.low, found.completion_tokens.high) == (80 * 234, 250 * 466)
    assert found.dollars is not None
    assert found.dollars.high == pytest.approx(250 * (1266 * 2 + 466 * 6) / 1e6)
    assert any("published runs of MapCoder" in said for said in found.assumptions)


def test_stored_calls_give_the_means_by_role():
    calls = [stored("retrieval", 100, 50), stored("planning", 200, 20), stored("coding", 300, 80)]
    seen = seen_in([*calls, stored("coding", 0, 0)])  # one that was not counted says nothing
    assert seen is not None and seen.num_calls == 3
    found = forecast([Owing(1, 0, 1, 1)], seen, Prices(PRICE), PACE, 4.5)
    by_role = {one.role: one for one in found.roles}
    assert by_role[Role.CODING].prompt_tokens.high == 300
    assert by_role[Role.DEBUGGING].prompt_tokens.high == 200  # not asked yet: the mean of all
    assert found.prompt_tokens.low == 100 + 2 * 200 + 300
    assert found.likely_calls == 4.5
    assert found.hours is not None
    assert found.hours.low == pytest.approx(4 * 2.0 / 12 / 3600)
    assert found.hours.high == pytest.approx(5 * 2.0 / 4 / 3600)
    assert any("this run's 3 stored calls" in said for said in found.assumptions)


def test_samples_are_paid_at_their_teachers_price():
    dear = PriceConfig(prompt=20.0, completion=60.0)
    prices = Prices(PRICE, {"coding": PRICE}, (dear,))
    found = forecast([Owing(3, 0, 1, 1), Owing(2, 0, 1, 1, turn=1)], None, prices, PACE)
    by_role = {one.role: one for one in found.roles}
    least = (576 * 2 + 283 * 6) / 1e6, (1029 * 2 + 234 * 6) / 1e6
    planning, coding = by_role[Role.PLANNING].dollars, by_role[Role.CODING].dollars
    assert planning is not None and coding is not None
    assert planning.low == pytest.approx(2 * (3 + 2 * 10) * min(least))
    assert coding.low == pytest.approx(5 * min(least))
    unknown = Prices(PRICE, {"coding": PRICE}, (None,))
    found = forecast([Owing(3, 0, 1, 1), Owing(0, 0, 1, 1, turn=1)], None, unknown, PACE)
    assert found.dollars is None
    assert any("retrieval, planning, debugging" in said for said in found.assumptions)


@given(calls=st.floats(0, 1e6))
def test_likely_calls_are_possible_ones(calls: float):
    found = forecast([Owing(2, 1, 3, 5)], None, Prices(), PACE, calls)
    assert found.likely_calls is not None
    assert found.calls.low <= found.likely_calls <= found.calls.high
    assert found.likely_calls in (3 * calls, found.calls.low, found.calls.high)


def test_one_role_without_a_price_leaves_the_sum_unknown():
    found = forecast([Owing(1, 0, 1, 1)], None, Prices(PRICE, {"coding": None}), PACE)
    assert found.dollars is None
    assert [one.role for one in found.roles if one.dollars is None] == [Role.CODING]
    assert any("not set for coding" in said for said in found.assumptions)
    assert Forecast.model_validate_json(found.model_dump_json()) == found
