import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite.calls import StoredCall
from mapcoder_lite.engine.prices import Prices
from mapcoder_lite.evaluation.forecast import Engines, Mean, Owing, Pace, Seen
from mapcoder_lite.evaluation.forecast_repair import Supervising, repair_forecast, supervising
from mapcoder_lite.settings import PriceConfig
from mapcoder_lite.trajectory import Completion, Message, Request, Role, Usage

CHEAP, DEAR = PriceConfig(prompt=1, completion=2), PriceConfig(prompt=10, completion=20)
PACE = Pace(4, 12)
SEEN = Seen(5, {None: Mean(100, 0, 50, 2.0)})


def stored(text: str, tokens: int, role: str | None = None) -> StoredCall:
    return StoredCall(
        key=text,
        request=Request(messages=(Message(role="user", content=text),), adapter=role),
        completion=Completion(
            text="x",
            finish_reason="stop",
            usage=Usage(prompt_tokens=tokens, completion_tokens=7),
            seconds=3.0,
        ),
    )


@given(num=st.integers(0, 99), k=st.integers(1, 5), t=st.integers(0, 5), rounds=st.integers(1, 4))
def test_the_supervisor_is_asked_once_a_round_and_the_student_for_a_whole_attempt_at_most(
    num: int, k: int, t: int, rounds: int
):
    student, who = Engines(SEEN, Prices(CHEAP), PACE), Supervising(400, DEAR, PACE)
    found = repair_forecast([Owing(num, 0, k, t)], rounds, num, student, who)
    by_role = {one.role: one for one in found.roles}
    asked = by_role["supervisor"]
    assert (asked.calls.low, asked.calls.high) == (num, rounds * num)
    assert found.calls.low == num
    assert found.calls.high == rounds * num * (2 + 2 * k + k * (1 + t))
    assert by_role[Role.CODING].calls.low == 0
    assert asked.dollars is not None and found.dollars is not None
    assert asked.dollars.low == pytest.approx(num * (100 * 10 + 234 * 20) / 1e6)
    assert found.hours is None, "the supervisor was never timed"


def test_a_supervisor_that_was_asked_goes_by_its_own_count():
    calls = [stored("x" * 300, 100), stored("x" * 100, 60), stored("y" * 999, 5, "coding")]
    who = supervising([400, 800], [*calls, stored("z", 0)], DEAR, PACE)
    assert (who.prompt_bytes, who.seen_bytes) == (600, 200)
    assert who.means == [Mean(240, 0, 7, 3.0)]
    found = repair_forecast([Owing(1, 0, 1, 1)], 1, 9, Engines(SEEN, Prices(CHEAP), PACE), who)
    assert found.hours is not None
    assert found.hours.low == pytest.approx(3.0 / 12 / 3600)
    assert found.hours.high == pytest.approx((3.0 + 5 * 2.0) / 4 / 3600)


def test_each_is_paid_at_its_own_price_and_one_without_leaves_the_sum_unknown():
    for mine, its, missing in ((None, DEAR, "retrieval"), (CHEAP, None, "supervisor")):
        student, who = Engines(SEEN, Prices(mine), PACE), Supervising(400, its, PACE)
        found = repair_forecast([Owing(1, 0, 1, 1)], 2, 1, student, who)
        assert found.dollars is None
        assert any(f"no price is set for {missing}" in said for said in found.assumptions)
