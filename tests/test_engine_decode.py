from collections.abc import Sequence

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from transformers.cache_utils import DynamicLayer  # noqa: E402

from mapcoder_lite.engine.cache import GrowingLayer, closed_ranks  # noqa: E402
from mapcoder_lite.engine.decode import Row, decode  # noqa: E402
from mapcoder_lite.engine.reply import Reply  # noqa: E402
from mapcoder_lite.engine.sampling import Sampler, draw  # noqa: E402
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


def row(length: int, max_tokens: int) -> Row:
    sampling = Sampling(max_tokens=max_tokens)
    prompt = [(length * 7 + i * i) % 50 for i in range(length)]
    return Row(prompt, Sampler.seeded(sampling, 0), Reply(sampling, set(), show))


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


def test_sliced_prefill_leaving_rows_and_a_grown_cache_equal_generate(
    model: "transformers.PreTrainedModel",
) -> None:
    rows = [row(3, 140), row(40, 5), row(17, 20), row(17, 135), row(29, 1), row(8, 12)]
    ended = list(decode(model, rows, lambda _: True, prefill_tokens=60))
    assert set(ended) == set(rows)
    assert [r.reply.tokens for r in rows] == [greedy(model, r) for r in rows]
    assert [len(r.reply.tokens) for r in ended] == [1, 5, 12, 20, 135, 140]


def test_a_row_that_nobody_wants_leaves_and_changes_nobody(
    model: "transformers.PreTrainedModel",
) -> None:
    rows = [row(12, 20), row(9, 400), row(5, 20)]
    wanted = rows[0], rows[2]
    ended = list(decode(model, rows, lambda r: r in wanted or len(r.reply.tokens) < 6))
    assert set(ended) == set(wanted)
    assert len(rows[1].reply.tokens) == 6
    assert [r.reply.tokens for r in wanted] == [greedy(model, r) for r in wanted]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.booleans(), max_size=12))
def test_closed_ranks_keep_the_kept_and_move_few(is_kept: list[bool]) -> None:
    order = closed_ranks(is_kept)
    assert sorted(order) == [i for i, kept in enumerate(is_kept) if kept]
    num_holes = sum(not kept for kept in is_kept[: len(order)])
    assert sum(place != source for place, source in enumerate(order)) == num_holes


@settings(deadline=None, max_examples=50)
@given(st.permutations(range(5)), st.integers(min_value=1, max_value=5))
def test_selecting_rows_equals_the_library(order: list[int], num_kept: int) -> None:
    plain = DynamicLayer()
    states = torch.arange(5 * 2 * 3 * 4.0).reshape(5, 2, 3, 4)
    plain.update(states, states + 1)
    growing = GrowingLayer(5, 3, states)
    growing.join(0, states, states + 1)
    indices = torch.tensor(order[:num_kept])
    for layer in (plain, growing):
        layer.batch_select_indices(indices)
    fresh = torch.ones(num_kept, 2, 1, 4)
    keys, values = growing.update(fresh, fresh)
    expected_keys, expected_values = plain.update(fresh, fresh)
    assert torch.equal(keys, expected_keys)
    assert torch.equal(values, expected_values)
    assert growing.get_seq_length() == 4


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
        assert drawn[1] is None
        assert drawn[0] is not None and drawn[2] is not None
