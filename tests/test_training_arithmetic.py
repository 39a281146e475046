"""A training's arithmetic against transformers' and PEFT's counts, and what autograd saves."""

import warnings

import peft
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from mapcoder_lite.errors import InputError
from mapcoder_lite.training import arithmetic
from mapcoder_lite.training.arithmetic import Plan
from mapcoder_lite.training.shapes import (
    ALL_LINEAR,
    ATTENTION,
    KNOWN,
    MLP,
    Shape,
    read_shape,
    shape_of,
)

QWEN = KNOWN["Qwen2.5-7B-Instruct"]

CONFIGS = {
    "Qwen2.5-7B-Instruct": transformers.Qwen2Config,
    "Llama-3.1-8B-Instruct": transformers.LlamaConfig,
    "Mistral-7B-Instruct-v0.3": transformers.MistralConfig,
}


def config_of(shape, kind, **more):
    return kind(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        tie_word_embeddings=shape.is_tied,
        max_position_embeddings=4096,
        **more,
    )


def on_paper(config) -> "transformers.PreTrainedModel":
    """A model without weights: shapes alone."""
    with torch.device("meta"):
        return transformers.AutoModelForCausalLM.from_config(config)


def lora(model, rank, targets):
    chosen = targets if isinstance(targets, str) else list(targets)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=rank, lora_alpha=8, target_modules=chosen)
    with warnings.catch_warnings(action="ignore"):
        return peft.get_peft_model(model, config, autocast_adapter_dtype=False)


@pytest.mark.parametrize("name", KNOWN)
def test_a_model_and_its_adapter_have_as_many_numbers_as_transformers_and_peft_count(name):
    shape = KNOWN[name]
    config = config_of(shape, CONFIGS[name])
    assert shape_of(config.to_dict()) == shape
    model = on_paper(config)
    assert sum(p.numel() for p in model.parameters()) == shape.num_parameters
    trained, _ = lora(model, 32, "all-linear").get_nb_trainable_parameters()
    assert trained == shape.num_adapter_parameters(32, "all-linear")


@pytest.mark.parametrize(
    ("targets", "rank", "millions", "share"),
    [
        (("q_proj", "v_proj"), 32, 10.1, 0.13),
        (ATTENTION, 32, 20.19, 0.27),
        (MLP, 32, 60.56, 0.80),
        ("all-linear", 32, 80.74, 1.06),
        ("all-linear", 8, 20.2, 0.27),
        ("all-linear", 64, 161.5, 2.12),
    ],
)
def test_the_shares_of_the_design(targets, rank, millions, share):
    count = QWEN.num_adapter_parameters(rank, targets)
    assert count / 1e6 == pytest.approx(millions, abs=0.05)
    assert 100 * count / QWEN.num_parameters == pytest.approx(share, abs=0.006)


def test_four_adapters_in_full_take_what_the_design_says():
    assert 2 * Plan(QWEN).num_adapter_parameters / 2**20 == pytest.approx(154, abs=0.5)
    four = arithmetic.memory(Plan(QWEN), num_adapters=4)
    assert four.trained / arithmetic.GIB == pytest.approx(4.8, abs=0.05)
    assert four.weights == arithmetic.memory(Plan(QWEN)).weights


@given(
    width=st.integers(1, 4),
    kv_heads=st.sampled_from([1, 2, 4]),
    layers=st.integers(1, 3),
    mlp=st.integers(1, 40),
    rank=st.integers(1, 9),
    names=st.sets(st.sampled_from(ALL_LINEAR), min_size=1),
    kind=st.sampled_from(list(CONFIGS.values())),
)
@settings(max_examples=25, deadline=None)
def test_any_small_model_is_counted_right(width, kv_heads, layers, mlp, rank, names, kind):
    config = kind(
        vocab_size=17,
        hidden_size=8 * width,
        intermediate_size=mlp,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=kv_heads,
        tie_word_embeddings=width % 2 == 0,
    )
    shape = shape_of(config.to_dict())
    model = on_paper(config)
    assert sum(p.numel() for p in model.parameters()) == shape.num_parameters
    trained, _ = lora(model, rank, tuple(names)).get_nb_trainable_parameters()
    assert trained == shape.num_adapter_parameters(rank, tuple(names))


def saved_bytes(shape, plan) -> int:
    """Bytes of all tensors but parameters that autograd keeps of a forward of the blocks."""
    dtype = torch.float32 if plan.weights == "float32" else torch.bfloat16
    config = config_of(shape, transformers.LlamaConfig)
    with warnings.catch_warnings(action="ignore"):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=dtype)
        model = lora(model, plan.rank, plan.targets).train()
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()
    if plan.is_checkpointed:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    model.enable_input_require_grads()
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, torch.Tensor] = {}  # alive, so that no address comes twice

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = tensor
        return tensor

    ids = torch.zeros((plan.batch_rows, plan.row_tokens), dtype=torch.long)
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=plan.is_autocast),
    ):
        model.get_base_model().model(input_ids=ids, use_cache=False)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@pytest.mark.parametrize("is_half", [True, False])
@pytest.mark.parametrize("targets", ["all-linear", ATTENTION, ("q_proj", "v_proj"), MLP])
def test_what_a_block_keeps_is_what_autograd_saves(targets, is_half):
    few, many = (
        shape_of(
            transformers.LlamaConfig(
                vocab_size=32,
                hidden_size=64,
                intermediate_size=192,
                num_hidden_layers=layers,
                num_attention_heads=4,
                num_key_value_heads=2,
            ).to_dict()
        )
        for layers in (1, 3)
    )
    weights = "bfloat16" if is_half else "float32"
    plan = Plan(
        many,
        rank=4,
        targets=targets,
        weights=weights,
        is_autocast=is_half,
        is_checkpointed=False,
        batch_rows=2,
        row_tokens=96,
    )
    a_block = (saved_bytes(many, plan) - saved_bytes(few, plan)) / 2
    assert arithmetic.block_bytes(plan) == a_block


def test_with_checkpoints_the_inputs_of_the_blocks_are_kept_and_one_block_in_full():
    plan = Plan(QWEN, row_tokens=2048)
    inputs = QWEN.layers * 4 * 2048 * QWEN.hidden * 2
    assert arithmetic.activation_bytes(plan) == inputs + arithmetic.block_bytes(plan)
    small = shape_of(
        transformers.LlamaConfig(
            vocab_size=32,
            hidden_size=64,
            intermediate_size=192,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
        ).to_dict()
    )
    tiny = Plan(small, 4, weights="float32", is_autocast=False, batch_rows=2, row_tokens=96)
    whole = arithmetic.activation_bytes(tiny) - arithmetic.block_bytes(tiny)
    assert saved_bytes(small, tiny) == pytest.approx(whole, rel=0.35)  # last norm, angles, mask


def test_time_from_a_stated_throughput():
    assert arithmetic.minutes(2200 * 3 * 1500, 2954) == pytest.approx(56, abs=0.5)
    assert arithmetic.minutes(4200 * 3 * 1500, 2954) == pytest.approx(107, abs=0.5)


def test_a_token_costs_forward_backward_and_with_checkpoints_a_forward_more():
    with_checkpoints = arithmetic.flops_per_token(Plan(QWEN, row_tokens=1024))
    without = arithmetic.flops_per_token(Plan(QWEN, row_tokens=1024, is_checkpointed=False))
    assert without == pytest.approx(4 * QWEN.num_parameters, rel=0.1)
    assert 1.4 < with_checkpoints / without < 1.5  # the head is not computed again


@pytest.mark.parametrize("is_checkpointed", [True, False])
def test_operations_are_those_that_torch_counts(is_checkpointed):
    config = config_of(Shape(64, 192, 3, 4, 2, 16, 48, False, False), transformers.LlamaConfig)
    plan = Plan(shape_of(config.to_dict()), 4, is_checkpointed=is_checkpointed, row_tokens=24)
    model = lora(transformers.AutoModelForCausalLM.from_config(config), 4, "all-linear").train()
    if is_checkpointed:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    model.enable_input_require_grads()
    ids = torch.zeros((2, plan.row_tokens), dtype=torch.long)
    with FlopCounterMode(display=False) as counted:
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
    a_token = counted.get_total_flops() / ids.numel()
    assert arithmetic.flops_per_token(plan) == pytest.approx(a_token, rel=0.05)


def test_published_speeds_are_about_the_stated_share_of_the_peak():
    """Qwen's documentation, A100-80G: 8 rows of 2,048 tokens in 5.2 s (LoRA, Qwen-7B)."""
    plan = Plan(QWEN, batch_rows=1, row_tokens=2048)
    published = 8 * 2048 / 5.2
    expected = arithmetic.tokens_per_second(plan, "A100")
    assert expected == pytest.approx(published, rel=0.25)


def test_beside_four_bit_weights_embeddings_and_norms_are_float32():
    nf4 = arithmetic.backbone_bytes(QWEN, "nf4")
    assert nf4 > 2 * QWEN.vocabulary * QWEN.hidden * 4
    assert nf4 / 1e9 == pytest.approx(7.7, abs=0.1)


def test_what_is_not_known_is_refused(tmp_path):
    with pytest.raises(InputError, match="lm_head"):
        QWEN.num_adapter_parameters(8, ["q_proj", "lm_head"])
    with pytest.raises(InputError, match=r"no config\.json that can be read"):
        read_shape(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(InputError, match="hidden_size"):
        read_shape(tmp_path)
