"""A budget holds whatever is in flight: what would exceed it is never sent."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite import config
from mapcoder_lite.calls import StoredCall
from mapcoder_lite.cli.engines import route
from mapcoder_lite.engine.budget import (
    NOTHING,
    Account,
    BudgetedEngine,
    Spending,
    spending,
    spent_by,
)
from mapcoder_lite.engine.prices import Prices, most_usage, prices_of, usage_of
from mapcoder_lite.errors import BudgetSpent, Cancelled, ConfigError, EngineError
from mapcoder_lite.settings import BudgetConfig, PriceConfig
from mapcoder_lite.trajectory import (
    NUM_ASKS,
    Cancellation,
    Completion,
    Engine,
    Message,
    Request,
    Role,
    Sampling,
    Usage,
    Watch,
)

PRICE = PriceConfig(prompt=2.0, cached=0.5, completion=6.0)
PRICED = Prices(PRICE)
UNPRICED = Prices()


def request(text: str = "hello", max_tokens: int = 100, role: str | None = None) -> Request:
    message = Message(role="user", content=text)
    return Request(messages=(message,), adapter=role, sampling=Sampling(max_tokens=max_tokens))


def budgeted(
    inner: Engine,
    budget: BudgetConfig,
    prices: Prices,
    spent: Spending = NOTHING,
    clock: Callable[[], float] = time.monotonic,
) -> BudgetedEngine:
    return BudgetedEngine(inner, Account(budget, prices, spent, clock))


class Paid:
    """Answers with as many tokens as the seed says, after a while; counts what it gave."""

    identity = "paid"

    def __init__(self, seconds: float = 0.0, fails_on: str = "!") -> None:
        self.sent: list[Request] = []
        self.total = NOTHING
        self._seconds = seconds
        self._fails_on = fails_on
        self._lock = Lock()

    def complete(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        with self._lock:
            self.sent.extend(requests)
        time.sleep(self._seconds)
        answers: list[Completion] = []
        for place, asked in enumerate(requests):
            if asked.messages[0].content == self._fails_on:
                raise EngineError("out of order")
            tokens = min(asked.sampling.max_tokens, asked.sampling.seed)
            usage = Usage(prompt_tokens=3, completion_tokens=tokens)
            answers.append(Completion(text="x", finish_reason="stop", usage=usage))
            with self._lock:
                self.total += spending(asked, usage, PRICED)
            if watch is not None and watch.on_completion is not None:
                watch.on_completion(place, answers[-1])
        return answers

    def close(self) -> None:
        pass


def seeded(seed: int) -> Request:
    asked = request(f"q{seed}")
    return asked.model_copy(update={"sampling": Sampling(max_tokens=60, seed=seed)})


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(["calls", "tokens", "dollars"]),
    bound=st.integers(1, 40),
    seeds=st.lists(st.integers(1, 60), min_size=1, max_size=30),
    batch=st.integers(1, 4),
)
def test_no_bound_is_ever_exceeded_whatever_is_in_flight(
    kind: str, bound: int, seeds: list[int], batch: int
):
    amount = {"calls": bound, "tokens": 30 * bound, "dollars": 0.0002 * bound}[kind]
    inner = Paid(seconds=0.0005)
    engine = budgeted(inner, BudgetConfig.model_validate({kind: amount}), PRICED)

    def ask(place: int) -> bool:
        try:
            return bool(engine.complete([seeded(n) for n in seeds[place : place + batch]]))
        except BudgetSpent:
            return False

    with ThreadPoolExecutor(6) as pool:
        answered = list(pool.map(ask, range(0, len(seeds), batch)))
    spent = getattr(inner.total, kind)
    assert spent <= amount
    assert engine.account.spent.calls == inner.total.calls
    assert engine.account.spent.tokens == inner.total.tokens
    if not all(answered):  # what stays unused is less than the most that a batch may use
        most = sum((spending(seeded(60), most_usage(seeded(60)), PRICED),) * batch, NOTHING)
        assert getattr(engine.account.spent + most, kind) > amount


def test_a_refused_batch_is_not_sent_at_all():
    inner = Paid()
    engine = budgeted(inner, BudgetConfig(calls=2), UNPRICED)
    engine.complete([request("a")])
    with pytest.raises(BudgetSpent, match=r"budget\.calls=2: 1 are spent.*might bring it to 3"):
        engine.complete([request("b"), request("c")])
    assert len(inner.sent) == 1
    engine.complete([request("d")])
    with pytest.raises(BudgetSpent, match=r"larger budget\.calls goes on"):
        engine.complete([request("e")])


def test_earlier_sittings_count_and_answers_of_earlier_runs_do_not():
    usage = Usage(prompt_tokens=10, cached_tokens=4, completion_tokens=5)
    answer = Completion(text="x", finish_reason="stop", usage=usage)
    own = StoredCall(key="a", request=request(), completion=answer)
    reused = own.model_copy(update={"key": "b", "reused_from": "first"})
    spent = spent_by([own, reused, own], PRICED)
    assert (spent.calls, spent.prompt_tokens, spent.cached_tokens) == (2, 20, 8)
    assert spent.dollars == pytest.approx(2 * (6 * 2.0 + 4 * 0.5 + 5 * 6.0) / 1e6)
    engine = budgeted(Paid(), BudgetConfig(calls=2), PRICED, spent)
    with pytest.raises(BudgetSpent, match="2 are spent"):
        engine.complete([request()])


def test_a_failed_request_gives_back_what_was_set_aside():
    engine = budgeted(Paid(), BudgetConfig(calls=2), UNPRICED)
    with pytest.raises(EngineError, match="out of order"):
        engine.complete([request("a"), request("!")])
    assert engine.account.spent.calls == 1
    assert len(engine.complete([request("b")])) == 1


def test_a_server_that_counts_nothing_is_charged_the_most():
    asked = request("hello", max_tokens=100)
    answer = Completion(text="x", finish_reason="stop")
    assert usage_of(asked, answer) == most_usage(asked)
    assert most_usage(asked).prompt_tokens >= len("hello")
    assert most_usage(asked).completion_tokens == 100


def test_a_request_that_must_wait_for_others_is_called_off_at_once():
    engine = budgeted(Paid(seconds=1.0), BudgetConfig(calls=1), UNPRICED)
    first = Thread(target=engine.complete, args=([request("a")],))
    first.start()
    time.sleep(0.1)
    cancellation = Cancellation()
    Thread(target=lambda: (time.sleep(0.1), cancellation.cancel())).start()
    started = time.perf_counter()
    with pytest.raises(Cancelled):
        engine.complete([request("b")], Watch(cancellation))
    assert time.perf_counter() - started < 0.8
    first.join()


def test_hours_are_those_of_one_sitting():
    now = [0.0]
    engine = budgeted(Paid(), BudgetConfig(hours=0.5), UNPRICED, clock=lambda: now[0])
    engine.complete([request()])
    now[0] = 1801.0
    with pytest.raises(BudgetSpent, match=r"budget\.hours=0\.5 of this sitting have passed"):
        engine.complete([request()])


def test_dollars_need_every_price():
    with pytest.raises(ConfigError, match=r"none for retrieval, planning, coding, debugging"):
        budgeted(Paid(), BudgetConfig(dollars=1.0), UNPRICED)
    price = "engine.price={prompt = 2, completion = 6}"
    other = "roles.coding={kind = 'openai'}"
    prices = prices_of(config.load([], [price, other]))
    assert prices.unknown_roles == ["coding"]
    assert prices.dollars(asked("coding"), Usage(prompt_tokens=1)) is None
    assert prices.dollars(asked("planning"), Usage(prompt_tokens=500_000)) == 1.0
    assert prices.dollars(asked(None), Usage(prompt_tokens=2, cached_tokens=2)) == 4e-6


def asked(role: str | None, sample: int = 0, re_ask: int = 0) -> Request:
    messages = (Message(role="user", content="?"),)
    return Request(messages=messages, adapter=role, attempt=sample * NUM_ASKS + re_ask)


TEACHERS = [
    "engine.price={prompt = 2, completion = 6}",
    "roles.coding={kind = 'openai', price = {prompt = 5, completion = 5}}",
]


@given(sample=st.integers(0, 99), re_ask=st.integers(0, 1), role=st.sampled_from(list(Role)))
def test_who_answers_is_who_is_paid(sample: int, re_ask: int, role: Role):
    second = "teachers=[{kind = 'openai', price = {prompt = 10, completion = 30}}]"
    chosen = config.load([], [*TEACHERS, second])
    who = route(frozenset(chosen.roles), 2, request := asked(role.value, sample, re_ask))
    named = {"teacher 0": chosen.engine, "teacher 1": chosen.teachers[0], **chosen.roles}
    price = {str(name): engine.price for name, engine in named.items()}[who]
    assert price is not None
    assert prices_of(chosen).of(request.adapter, request.sample) == price
    paid = prices_of(chosen).dollars(request, Usage(prompt_tokens=1_000_000))
    assert paid == price.prompt


def test_two_engines_draw_on_one_account_each_at_its_price():
    supervised: dict[str | None, PriceConfig | None] = {None: PriceConfig(prompt=1e6, completion=0)}
    account = Account(BudgetConfig(calls=3, dollars=1000), Prices(PRICE, supervised))
    student, supervisor = BudgetedEngine(Paid(), account), BudgetedEngine(Paid(), account)
    student.complete([request("a", role="coding")])
    supervisor.complete([request("b")])
    assert account.spent.calls == 2
    assert account.spent.dollars == pytest.approx(3.0, abs=1e-3)
    with pytest.raises(BudgetSpent, match=r"budget\.calls=3"):
        student.complete([request("c", role="coding"), request("d", role="coding")])


def test_a_repair_needs_its_supervisors_price():
    chosen = config.load(
        [], ["engine.price={prompt = 2, completion = 6}", "supervisor.kind=openai"]
    )
    assert prices_of(chosen).unknown_roles == []
    assert prices_of(chosen, is_repair=True).unknown_roles == ["supervisor"]


def test_a_teacher_without_a_price_is_unknown_and_a_dear_one_spends_its_own():
    chosen = config.load([], [*TEACHERS, "teachers=[{kind = 'openai'}]"])
    assert prices_of(chosen).unknown_roles == ["retrieval", "planning", "debugging"]
    with pytest.raises(ConfigError, match="needs the price of every engine"):
        budgeted(Paid(), BudgetConfig(dollars=1.0), prices_of(chosen))
    dear = Prices(PriceConfig(prompt=0, completion=0), teachers=(PRICE,))
    engine = budgeted(Paid(), BudgetConfig(dollars=1e-9), dear)
    assert engine.complete([asked("coding", sample=0)])
    with pytest.raises(BudgetSpent, match=r"budget\.dollars"):
        engine.complete([asked("coding", sample=1)])


def test_a_price_decides_no_result():
    base = config.load()
    priced = config.load(
        [], ["engine.price={prompt = 2, completion = 6}", "run.reuse=['runs/a']", "budget.calls=3"]
    )
    assert priced.digest == base.digest
    assert config.differences(base, priced) == ()
    assert budgeted(Paid(), BudgetConfig(), UNPRICED).identity == "paid"
