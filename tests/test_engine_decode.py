from collections.abc import Iterator, Sequence

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from mapcoder_lite.engine.cache import RowCache, closed_ranks  # noqa: E402
from mapcoder_lite.engine.decode import Decoder, Room  # noqa: E402
from mapcoder_lite.engine.layout import PackedLinear, laid_out  # noqa: E402
from mapcoder_lite.engine.lora import Mix  # noqa: E402
from mapcoder_lite.engine.prefixes import PrefixStore, Tokens  # noqa: E402
from mapcoder_lite.engine.reply import Reply  # noqa: E402
from mapcoder_lite.engine.rows import Row  # noqa: E402
from mapcoder_lite.engine.sampling import NOT_FINITE, Sampler, draw  # noqa: E402
from mapcoder_lite.engine.threads import Threads  # noqa: E402
from mapcoder_lite.trajectory import Sampling  # noqa: E402


@pytest.fixture(scope="module")
def model() -> "transformers.PreTrainedModel":
    config = transformers.Qwen2Config(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=False,
        initializer_range=0.5,
    )
    torch.set_num_threads(1)  # threads that wait for each other crawl on a busy machine
    torch.manual_seed(2)
    return transformers.Qwen2ForCausalLM(config).eval()


def show(tokens: Sequence[int]) -> str:
    return " ".join(map(str, tokens))


def row(length: int, max_tokens: int, prompt: Sequence[int] | None = None) -> Row:
    sampling = Sampling(max_tokens=max_tokens)
    prompt = prompt or [(length * 7 + i * i) % 50 for i in range(length)]
    return Row(prompt, None, Sampler.seeded(sampling, 0), Reply(sampling, set(), show))


def greedy(model: "transformers.PreTrainedModel", row: Row) -> list[int]:
    ids = torch.tensor([row.prompt])
    whole = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=row.reply.max_tokens,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=None,
    )
    return whole[0, ids.shape[1] :].tolist()


def decoder_of(model: "transformers.PreTrainedModel", **limits: int) -> Decoder:
    return Decoder(model, Mix(), {}, Room(**limits))


def everybody(row: Row) -> bool:
    return True


def served(decoder: Decoder, rows: Sequence[Row], every: int = 1) -> Iterator[Row]:
    """Let one row in every few turns, as far as there is room; yield rows as they end."""
    waiting, num_turns = list(rows), 0
    while waiting or decoder.num_rows:
        if waiting and num_turns % every == 0 and decoder.has_room_for(waiting[0]):
            decoder.join(waiting.pop(0))
        yield from decoder.turn(everybody)
        num_turns += 1


def test_rows_that_join_and_leave_equal_generate(model: "transformers.PreTrainedModel") -> None:
    rows = [row(3, 140), row(40, 5), row(17, 20), row(1, 135), row(29, 1), row(200, 12), row(9, 7)]
    decoder = decoder_of(model, rows=4, prefill_tokens=60)
    ended = list(served(decoder, rows, every=3))
    assert set(ended) == set(rows)
    assert [r.reply.tokens for r in rows] == [greedy(model, r) for r in rows]
    assert decoder.statistics.most_rows == 4
    assert decoder.statistics.cache_bytes == 0


def test_a_long_prompt_is_read_in_pieces_between_the_steps_of_others(
    model: "transformers.PreTrainedModel",
) -> None:
    decoder = decoder_of(model, prefill_tokens=16)
    rows = [row(5, 60), row(300, 8)]
    for r in rows:
        decoder.join(r)
    for _ in range(15):
        decoder.turn(everybody)
    assert len(rows[0].reply.tokens) >= 14
    assert rows[1].reply.tokens == []
    while decoder.num_rows:
        decoder.turn(everybody)
    assert [r.reply.tokens for r in rows] == [greedy(model, r) for r in rows]


def test_a_row_that_nobody_wants_leaves_and_changes_nobody(
    model: "transformers.PreTrainedModel",
) -> None:
    rows = [row(12, 20), row(9, 400), row(5, 20), row(90, 20)]
    unwanted = rows[1], rows[3]  # the last one while it is still being read
    decoder = decoder_of(model, prefill_tokens=32)
    for r in rows:
        decoder.join(r)
    ended: list[Row] = []
    while decoder.num_rows:
        ended += decoder.turn(lambda r: r not in unwanted or len(rows[0].reply.tokens) < 2)
    assert set(ended) == {rows[0], rows[2]}
    assert len(rows[1].reply.tokens) < 4
    assert rows[3].reply.tokens == []
    assert [r.reply.tokens for r in ended] == [greedy(model, r) for r in ended]
    assert decoder.statistics.cache_bytes == 0


def test_reused_beginnings_change_no_token(model: "transformers.PreTrainedModel") -> None:
    shared = [(i * i + 3) % 50 for i in range(70)]
    rows = [row(0, 9, [*shared, *range(i, i + 5 * i + 1)]) for i in range(8)]
    rows.append(row(0, 9, shared[:50]))
    decoder = decoder_of(model, rows=4)
    assert len(list(served(decoder, rows))) == len(rows)
    assert [r.reply.tokens for r in rows] == [greedy(model, r) for r in rows]
    assert [r.cached_tokens for r in rows] == [0, 70, 70, 70, 70, 70, 70, 70, 49]
    assert decoder.statistics.num_reused_tokens == 7 * 70 + 49


def test_who_begins_alike_waits_for_the_first(model: "transformers.PreTrainedModel") -> None:
    shared = list(range(45))
    rows = [row(0, 3, [*shared, i, i]) for i in range(3)]
    decoder = decoder_of(model)
    for r in rows:
        decoder.join(r)
    while decoder.num_rows:
        decoder.turn(everybody)
    assert [r.cached_tokens for r in rows] == [0, 45, 45]
    assert decoder.statistics.num_prefills == 2
    assert decoder.statistics.num_prefill_tokens == 46 + 1 + 1


def test_without_a_prefix_cache_nothing_is_kept(model: "transformers.PreTrainedModel") -> None:
    decoder = decoder_of(model, prefix_cache_bytes=0)
    rows = [row(60, 3), row(60, 3)]
    list(served(decoder, rows))
    assert [r.cached_tokens for r in rows] == [0, 0]
    assert decoder.statistics.prefix_cache_bytes == 0


def test_rows_wait_for_memory_and_never_take_more(model: "transformers.PreTrainedModel") -> None:
    decoder = decoder_of(model, rows=8)
    budget = decoder.bytes_needed(3, 60)
    decoder = decoder_of(model, rows=8, cache_bytes=budget, prefix_cache_bytes=0)
    rows = [row(3 + 5 * i % 30, 20) for i in range(12)]
    waiting, most = list(rows), 0
    while waiting or decoder.num_rows:
        while waiting and decoder.has_room_for(waiting[0]):
            decoder.join(waiting.pop(0))
        decoder.turn(everybody)
        most = max(most, decoder.statistics.cache_bytes)
    assert 0 < most <= budget
    assert 2 <= decoder.statistics.most_rows <= 3
    assert [r.reply.tokens for r in rows] == [greedy(model, r) for r in rows]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.booleans(), max_size=12))
def test_closed_ranks_keep_the_kept_and_move_few(is_kept: list[bool]) -> None:
    order = closed_ranks(is_kept)
    assert sorted(order) == [i for i, kept in enumerate(is_kept) if kept]
    num_holes = sum(not kept for kept in is_kept[: len(order)])
    assert sum(place != source for place, source in enumerate(order)) == num_holes


Move = tuple[str, int]
moves = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.integers(0, 300)),
        st.tuples(st.just("step"), st.integers(1, 150)),
        st.tuples(st.just("leave"), st.integers(0, 6)),
        st.tuples(st.just("fail"), st.integers(0, 6)),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=60)
@given(moves)
def test_a_cache_shows_each_row_its_own_columns_in_order(script: list[Move]) -> None:
    cache, rows, fresh = RowCache(), list[list[float]](), iter(range(1, 10**9))
    for move, number in script:
        if move == "join":
            values = [float(next(fresh)) for _ in range(number)]
            state = torch.tensor(values).reshape(1, -1, 1)
            cache.join([[state, -state]])
            rows.append(values)
        elif move == "step" and rows:
            for _ in range(number):
                step(cache, rows, [float(next(fresh)) for _ in rows])
        elif move in ("leave", "fail") and number < len(rows):
            if move == "fail":
                step(cache, rows, [float("nan") if i == number else 1.0 for i in range(len(rows))])
            kept = [i != number for i in range(len(rows))]
            order = cache.keep(kept, [move == "leave" or keep for keep in kept])
            rows = [rows[i] for i in order]
        assert cache.num_rows == len(rows)
        assert cache.num_columns >= max(map(len, rows), default=0)
    assert cache.num_bytes == 0 or rows


def step(cache: RowCache, rows: list[list[float]], values: list[float]) -> None:
    """Write one column and check what every row sees, and that what is hidden is a number."""
    bias = cache.open_columns()[:, 0, 0]
    state = torch.tensor(values).reshape(-1, 1, 1, 1)
    keys, negated = cache.update(state, -state, 0)
    for slot, own in enumerate(rows):
        own.append(values[slot])
        visible = bias[slot] == 0
        seen = keys[slot, 0, :, 0][visible]
        assert torch.equal(seen, torch.tensor(own)) or seen.isnan().any()
        assert keys[slot, 0, :, 0][~visible].isfinite().all()
        assert torch.equal(negated[slot, 0, :, 0][visible].nan_to_num(), -seen.nan_to_num())


prompts = st.lists(st.integers(0, 3), max_size=8)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.sampled_from("ab"), prompts), max_size=12), prompts)
def test_the_longest_beginning_is_found_and_never_another_owners(
    stored: list[tuple[str, list[int]]], wanted: list[int]
) -> None:
    store = PrefixStore(10**6)
    for owner, prompt in stored:
        mark = 100 if owner == "a" else 200
        store.put(owner, Tokens(prompt), [torch.tensor(prompt).reshape(1, -1, 1) + mark])
    num_shared, states = store.longest("a", Tokens(wanted))
    expected = max((common(p, wanted) for owner, p in stored if owner == "a"), default=0)
    assert num_shared == expected
    if num_shared:
        assert states[0].flatten().tolist() == [token + 100 for token in wanted[:num_shared]]


def common(one: list[int], other: list[int]) -> int:
    num = 0
    while num < min(len(one), len(other)) and one[num] == other[num]:
        num += 1
    return num


def test_what_was_used_least_recently_falls_out() -> None:
    store = PrefixStore(3 * 4 * 4)
    for first in range(3):
        store.put("a", Tokens([first] * 4), [torch.ones(1, 4, 1)])
    assert store.longest("a", Tokens([0, 0]))[0] == 2
    store.put("a", Tokens([3] * 4), [torch.ones(1, 4, 1)])
    assert [store.longest("a", Tokens([first]))[0] for first in range(4)] == [1, 0, 1, 1]
    assert store.num_bytes == 48
    store.put("a", Tokens([7] * 40), [torch.ones(1, 40, 1)])  # larger than the whole store
    assert store.longest("a", Tokens([7]))[0] == 0


def test_laid_out_weights_multiply_as_before() -> None:
    torch.manual_seed(0)
    plain = torch.nn.Linear(48, 80)
    x = torch.randn(2, 3, 48)
    laid = torch.nn.functional.linear(x, laid_out(plain.weight.data), plain.bias)
    assert torch.allclose(laid, plain(x), atol=1e-5)
    if torch.backends.mkldnn.is_available():
        packed = PackedLinear(plain.bfloat16())
        assert torch.allclose(packed(x.bfloat16()), plain(x.bfloat16()), atol=2e-2)


def samplers(num: int, temperature: float, top_p: float = 1.0, seed: int = 0) -> list[Sampler]:
    sampling = Sampling(temperature=temperature, top_p=top_p)
    return [Sampler.seeded(sampling, seed + i) for i in range(num)]


def test_temperature_zero_takes_the_likeliest() -> None:
    assert draw(torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), samplers(2, 0.0)) == [1, 0]


def test_draws_follow_the_distribution() -> None:
    probabilities = torch.tensor([0.5, 0.3, 0.2])
    num = 4000
    drawn = draw(probabilities.log().expand(num, 3), samplers(num, 1.0))
    counts = torch.bincount(torch.tensor(drawn), minlength=3) / num
    assert torch.allclose(counts, probabilities, atol=0.03)


def test_top_p_draws_from_the_nucleus_alone() -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().expand(500, 4)
    assert set(draw(logits, samplers(500, 1.0, top_p=0.7))) == {0, 1}
    assert set(draw(logits, samplers(500, 1.0, top_p=0.01))) == {0}


def test_a_tiny_temperature_does_not_overflow() -> None:
    assert draw(torch.tensor([[1e4, 2e4, -1e4]]), samplers(1, 1e-30)) == [1]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_are_no_token(bad: float) -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0], [0.0, bad, 2.0], [2.0, 1.0, float("-inf")]])
    for temperature in (0.0, 1.0):
        drawn = draw(logits, samplers(3, temperature))
        assert drawn[1] == NOT_FINITE
        assert isinstance(drawn[0], int) and isinstance(drawn[2], int)


def test_few_tokens_of_a_small_model_get_one_thread_and_many_get_all(
    model: "transformers.PreTrainedModel",
) -> None:
    before = torch.get_num_threads()
    try:
        threads = Threads(model, 2)
        threads.suit(1)
        assert torch.get_num_threads() == 1
        threads.suit(10**6)
        assert torch.get_num_threads() == 2
        Threads(model, 1).suit(10**6)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
