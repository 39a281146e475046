"""One pass over rows of several roles: every role's gradient and loss is what it is alone."""

from dataclasses import dataclass
from random import Random

import peft
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.mixed import LowRank
from mapcoder_lite.training.packing import Owned, TokenRow, batches
from mapcoder_lite.training.passes import (
    adapt,
    learn,
    obstacle_of,
    peft_start,
    tokens_at_once,
    validation_losses,
)

VOCABULARY = 300
KINDS = {
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "mistral": (transformers.MistralConfig, transformers.MistralForCausalLM),
}


def model_of(kind: str = "qwen2"):
    config, model = KINDS[kind]
    torch.manual_seed(0)
    return model(
        config(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=256,
            sliding_window=None,
        )
    )


def lora(**changes: object) -> peft.LoraConfig:
    chosen = {"r": 4, "lora_alpha": 12, "target_modules": "all-linear", **changes}
    return peft.LoraConfig(task_type="CAUSAL_LM", **chosen)


def rows_of(num_rows: int, seed: int) -> list[TokenRow]:
    random = Random(seed)
    lengths = [random.randint(4, 40) for _ in range(num_rows)]
    return [
        TokenRow(tuple(random.randrange(VOCABULARY) for _ in range(n)), random.randint(0, n - 1))
        for n in lengths
    ]


def starts_of(model, config: peft.LoraConfig, num_roles: int) -> list[dict[str, LowRank]]:
    """As if the roles had been trained for a while: B is not zero."""
    begun = peft_start(model, config).matrices
    generator = torch.Generator().manual_seed(3)

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        return tensor + 0.1 * torch.randn(tensor.shape, generator=generator)

    return [
        {name: LowRank(moved(one.a), moved(one.b), one.scale) for name, one in begun.items()}
        for _ in range(num_roles)
    ]


@dataclass(frozen=True)
class Alone:
    loss: float
    gradient: dict[str, torch.Tensor]


def alone(model, config: peft.LoraConfig, start: dict[str, LowRank], rows: list[TokenRow]) -> Alone:
    """Loss and gradient of one role by PEFT and autograd, row by row."""
    adapted = peft.get_peft_model(model, config, autocast_adapter_dtype=False)
    tensors = dict(adapted.named_parameters())
    for name, one in start.items():
        for part, matrix in (("A", one.a), ("B", one.b)):
            tensors[f"base_model.model.{name}.lora_{part}.default.weight"].data.copy_(matrix)
    taught = sum(row.num_taught for row in rows)
    total = 0.0
    for row in rows:
        ids = torch.tensor(row.tokens)
        first = max(row.num_prompt, 1)
        logits = adapted(ids[None]).logits[0, first - 1 : -1]
        loss = cross_entropy(logits, ids[first:], reduction="sum") / taught
        loss.backward()
        total += loss.item()
    found = {
        name.replace(".default.weight", ".weight"): parameter.grad
        for name, parameter in tensors.items()
        if parameter.grad is not None
    }
    return Alone(total, found)


SETTINGS = TrainConfig(dtype="float32", autocast=False, gradient_checkpointing=False)


@pytest.mark.parametrize("is_checkpointing", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_gradient_is_what_it_is_alone(kind, is_checkpointing):
    settings = SETTINGS.model_copy(update={"gradient_checkpointing": is_checkpointing})
    starts = starts_of(model_of(kind), lora(), 4)
    rows = {place: rows_of(num, seed=place) for place, num in enumerate((9, 1, 4, 2))}
    backbone = adapt(model_of(kind), starts, settings, max_tokens=256)
    found = learn(backbone, rows)
    for place, adapter in enumerate(backbone.mix.adapters):
        wanted = alone(model_of(kind), lora(), starts[place], rows[place])
        assert found[place].loss == pytest.approx(wanted.loss, abs=1e-5)
        gradient = backbone.mix.tensors(adapter.gradient)
        assert gradient.keys() == wanted.gradient.keys()
        for name, tensor in gradient.items():
            torch.testing.assert_close(tensor, wanted.gradient[name], rtol=1e-4, atol=1e-6)
        every = torch.cat([one.flatten() for one in wanted.gradient.values()])
        assert found[place].norm == pytest.approx(float(every.norm()), rel=1e-4)


@pytest.mark.parametrize("present", [(0,), (2,), (1, 3)])
def test_a_role_without_rows_gets_no_gradient_and_changes_nobodys(present):
    starts = starts_of(model_of(), lora(), 4)
    rows = {place: rows_of(3, seed=place) for place in range(4)}
    every = adapt(model_of(), starts, SETTINGS, max_tokens=2048)
    some = adapt(model_of(), starts, SETTINGS, max_tokens=2048)
    learn(every, rows)
    found = learn(some, {place: rows[place] for place in present})
    assert set(found) == set(present)
    for place in range(4):
        gradient, alike = (one.mix.adapters[place].gradient for one in (some, every))
        if place in present:
            torch.testing.assert_close(gradient, alike, rtol=1e-4, atol=1e-6)
        else:
            assert not gradient.any()


def test_scales_and_targets_are_pefts():
    config = lora(target_modules=["q_proj", "down_proj"], use_rslora=True)
    starts = starts_of(model_of(), config, 1)
    rows = rows_of(3, seed=1)
    backbone = adapt(model_of(), starts, SETTINGS, max_tokens=64)
    learn(backbone, {0: rows})
    wanted = alone(model_of(), config, starts[0], rows).gradient
    gradient = backbone.mix.tensors(backbone.mix.adapters[0].gradient)
    assert gradient.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(gradient[name], wanted[name], rtol=1e-4, atol=1e-6)


def test_in_bfloat16_gradients_differ_by_rounding_only():
    settings = SETTINGS.model_copy(update={"autocast": True})
    starts = starts_of(model_of(), lora(), 2)
    rows = {place: rows_of(4, seed=place) for place in range(2)}
    backbone = adapt(model_of(), starts, settings, max_tokens=256)
    learn(backbone, rows)
    for place in range(2):
        wanted = alone(model_of(), lora(), starts[place], rows[place]).gradient
        gradient = backbone.mix.tensors(backbone.mix.adapters[place].gradient)
        mine, theirs = (
            torch.cat([one[name].flatten() for name in wanted]) for one in (gradient, wanted)
        )
        assert torch.cosine_similarity(mine, theirs, dim=0) > 0.999


def test_validation_losses_are_means_over_all_taught_tokens():
    starts = starts_of(model_of(), lora(), 2)
    rows = {place: rows_of(5, seed=place + 10) for place in range(2)}
    backbone = adapt(model_of(), starts, SETTINGS, max_tokens=64)
    found = validation_losses(backbone, rows)
    for place in range(2):
        wanted = alone(model_of(), lora(), starts[place], rows[place]).loss
        assert found[place] == pytest.approx(wanted, abs=1e-5)


def test_what_attends_otherwise_is_not_trained_jointly():
    window = transformers.MistralConfig(sliding_window=4096)
    assert obstacle_of(window, max_tokens=4096) is None
    assert obstacle_of(window, max_tokens=8192) == "the backbone attends to 4096 tokens only"
    assert obstacle_of(transformers.GPT2Config(), 100) == "the backbone is a gpt2"
    dropping = transformers.Qwen2Config(attention_dropout=0.1)
    assert obstacle_of(dropping, 100) == "the backbone drops 0.1 of its attention"
    for rope in ({"rope_type": "dynamic", "factor": 2.0}, {"rope_type": "default"}):
        config = transformers.LlamaConfig(rope_parameters={"rope_theta": 10_000.0, **rope})
        found = obstacle_of(config, 100)
        assert (found is not None) == (rope["rope_type"] == "dynamic"), found


@pytest.mark.parametrize(("device", "num_tokens"), [("cpu", 30), ("cuda", 45)])
def test_a_forward_holds_a_share_of_one_of_a_training_alone(device: str, num_tokens: int):
    rows = [[TokenRow((1,) * 10, 5)], [TokenRow((1,) * 20, 5)]]
    settings = SETTINGS.model_copy(update={"batch_rows": 4})
    assert tokens_at_once(rows, settings, torch.device(device)) == num_tokens


@given(
    lengths=st.lists(st.tuples(st.integers(0, 3), st.integers(2, 90)), min_size=1, max_size=30),
    max_tokens=st.integers(20, 300),
)
def test_batches_hold_every_row_once_in_order_and_no_more_than_allowed(lengths, max_tokens):
    owned = [Owned(TokenRow(tuple(range(n)), n // 2), place, 1.0) for place, n in sorted(lengths)]
    cut = batches(owned, max_tokens, torch.device("cpu"))
    taught = [
        (int(place), int(target))
        for batch in cut
        for place, target in zip(batch.owners, batch.targets, strict=True)
    ]
    assert taught == [
        (one.place, token)
        for one in owned
        for token in one.row.tokens[max(one.row.num_prompt, 1) :]
    ]
    for batch in cut:
        assert sum(batch.lengths) == batch.tokens.shape[1] == batch.segments[-1].stop
        assert (batch.tokens[0, batch.sources] + 1 == batch.targets).all()
        rows = [n for n in batch.lengths if n > 1]
        assert len(rows) == 1 or batch.tokens.shape[1] <= max_tokens + 128 * len(batch.segments)
