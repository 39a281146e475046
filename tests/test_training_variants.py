"""Variants of LoRA: what is trained, and that what is saved stands on the backbone as it was."""

import json
from importlib.util import find_spec
from pathlib import Path

import peft
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from mapcoder_lite.engine.folders import backbone_digest
from mapcoder_lite.engine.local import LocalEngine
from mapcoder_lite.jsonl import read_record
from mapcoder_lite.training import train, variants
from mapcoder_lite.training.artefacts import save_adapter, weights_digest
from mapcoder_lite.training.records import AdapterManifest, Training, TrainingClaim
from mapcoder_lite.trajectory import Request, Role, Sampling
from tiny_qwen import load_backbone, make_backbone, peft_warnings_ignored
from training_world import example, settings, write_dataset

LAYERS = 3
WIDTHS = {  # (in, out) of tiny_qwen's layers
    **dict.fromkeys(("q_proj", "o_proj"), (64, 64)),
    **dict.fromkeys(("k_proj", "v_proj"), (64, 32)),
    **dict.fromkeys(("gate_proj", "up_proj"), (64, 128)),
    "down_proj": (128, 64),
}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    make_backbone(folder)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    rows = [example(number) for number in range(6)]
    return write_dataset(tmp_path_factory.mktemp("dataset"), rows[:4], rows[4:])


@pytest.mark.parametrize(
    ("targets", "layers"),
    [
        ("all-linear", set(WIDTHS)),
        ("attention", {"q_proj", "k_proj", "v_proj", "o_proj"}),
        ("mlp", {"gate_proj", "up_proj", "down_proj"}),
        ("qv", {"q_proj", "v_proj"}),
        (("down_proj", "q_proj"), {"down_proj", "q_proj"}),
    ],
)
def test_targets_are_adapted_and_counted_without_loading(backbone, targets, layers):
    chosen = settings(backbone, target_modules=targets)
    model = variants.with_adapter(chosen, load_backbone(backbone))
    adapted = {name.split(".")[-3] for name in variants.tensors_of(model) if "lora_A" in name}
    assert {name.split(".")[-3] for name in variants.tensors_of(model)} == adapted == layers
    size = variants.measure(chosen)
    assert size.num_trainable == LAYERS * 4 * sum(sum(WIDTHS[layer]) for layer in layers)
    assert size.num_parameters == sum(p.numel() for p in load_backbone(backbone).parameters())


def test_the_papers_shares_are_those_of_one_adapter_and_of_four(tmp_path):
    """Qwen2.5-7B, rank 32: 80.74 M of 7.616 G, 1.06 % an adapter and 4.24 % for four."""
    config = transformers.Qwen2Config(
        vocab_size=152_064,
        hidden_size=3584,
        intermediate_size=18_944,
        num_hidden_layers=28,
        num_attention_heads=28,
        num_key_value_heads=4,
        tie_word_embeddings=False,
    )
    config.save_pretrained(tmp_path)
    size = variants.measure(settings(tmp_path, rank=32))
    assert size.num_trainable == 80_740_352
    assert size.num_parameters == 7_615_616_512
    assert round(100 * size.share, 2) == 1.06
    assert round(400 * size.share, 2) == 4.24


def trained_adapter(backbone: Path, chosen, seed: int = 0):
    """A model whose adapter moved as a training moves it, and where it began."""
    torch.manual_seed(seed)
    model = variants.with_adapter(chosen, load_backbone(backbone))
    begun = variants.beginning(model, chosen)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data += 1e-2 * torch.randn_like(parameter)
    return model.eval(), begun


@pytest.mark.parametrize("initialisation", ["pissa", "olora"])
@pytest.mark.parametrize("rslora", [False, True])
def test_what_takes_a_part_of_the_weights_is_saved_as_lora_of_the_original(
    backbone, tmp_path, initialisation, rslora
):
    chosen = settings(backbone, initialisation=initialisation, rslora=rslora)
    with peft_warnings_ignored():
        model, begun = trained_adapter(backbone, chosen)
        tensors, config = variants.on_the_original(
            variants.tensors_of(model), begun, model.peft_config["default"]
        )
        save_adapter(tensors, config, chosen, tmp_path)
        tokens = torch.arange(40)[None]
        expected = model(tokens).logits
        served = peft.PeftModel.from_pretrained(
            load_backbone(backbone), tmp_path
        ).merge_and_unload()
    assert json.loads((tmp_path / "adapter_config.json").read_text())["r"] == 8
    torch.testing.assert_close(served(tokens).logits, expected, rtol=1e-3, atol=1e-3)
    engine = LocalEngine(backbone, {"coding": tmp_path})
    try:
        asked = Request(
            messages=example(1).prompt, adapter="coding", sampling=Sampling(max_tokens=8)
        )
        [reply] = engine.complete([asked])
    finally:
        engine.close()
    assert reply.usage.completion_tokens > 0


def test_in_bfloat16_the_difference_is_kept_and_not_drowned_by_what_it_is_the_difference_of(
    backbone,
):
    chosen = settings(backbone, initialisation="pissa")
    model, begun = trained_adapter(backbone, chosen)
    tensors = variants.tensors_of(model)
    balanced, _ = variants.on_the_original(tensors, begun, model.peft_config["default"])
    name = next(name for name in tensors if "lora_A" in name)
    twin = name.replace("lora_A", "lora_B")
    exact = tensors[twin] @ tensors[name] - begun[twin] @ begun[name]
    plain = torch.cat([tensors[twin], -begun[twin]], 1).bfloat16().float() @ (
        torch.cat([tensors[name], begun[name]]).bfloat16().float()
    )
    ours = balanced[twin].bfloat16().float() @ balanced[name].bfloat16().float()
    assert (ours - exact).norm() < 0.01 * exact.norm()
    assert (plain - exact).norm() > 10 * (ours - exact).norm()


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 6), st.integers(0, 10**6))
def test_balanced_factors_have_the_same_product_and_shape(num_out, num_in, rank, seed):
    generator = torch.Generator().manual_seed(seed)
    b, a = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in ((num_out, rank), (rank, num_in))
    )
    left, right = variants._balanced(b, a)
    assert (left.shape, right.shape) == (b.shape, a.shape)
    torch.testing.assert_close((left @ right).double(), b @ a, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {"rslora": True, "initialisation": "gaussian"},
        {"dora": True, "loraplus_ratio": 4.0, "weight_decay": 0.1},
        {"initialisation": "pissa", "adapter_dtype": "bfloat16", "save_dtype": "bfloat16"},
    ],
    ids=str,
)
def test_a_variant_is_trained_from_end_to_end(backbone, dataset, tmp_path, changes):
    chosen = settings(backbone, epochs=2, **changes)
    train.train(chosen, dataset, tmp_path, (Role.CODING,))
    made = read_record(tmp_path / "coding" / "training.json", Training)
    assert made.num_steps == 2
    assert made.validation_loss != made.untuned_loss
    config = peft.LoraConfig.from_pretrained(str(tmp_path / "coding"))
    assert (config.use_rslora, config.use_dora) == (chosen.rslora, chosen.dora)
    tensors = load_file(tmp_path / "coding" / "adapter_model.safetensors")
    assert {t.dtype for t in tensors.values()} == {getattr(torch, chosen.save_dtype)}
    assert any(name.endswith("lora_magnitude_vector") for name in tensors) == chosen.dora
    assert made.num_trainable == variants.measure(chosen).num_trainable


def test_full_fine_tuning_saves_a_model_that_the_engine_serves(backbone, dataset, tmp_path):
    chosen = settings(backbone, method="full", learning_rate=1e-3, epochs=2)
    before = backbone_digest(backbone)
    train.train(chosen, dataset, tmp_path, (Role.CODING,))
    assert backbone_digest(backbone) == before
    made = read_record(tmp_path / "coding" / "training.json", Training)
    assert made.share == 1
    assert made.weights_digest == weights_digest(tmp_path / "coding")
    engine = LocalEngine(tmp_path / "coding", {})
    try:
        [reply] = engine.complete(
            [Request(messages=example(1).prompt, sampling=Sampling(max_tokens=4))]
        )
    finally:
        engine.close()
    assert reply.usage.completion_tokens > 0
    tuned, plain = (load_file(f / "model.safetensors") for f in (tmp_path / "coding", backbone))
    assert any(not torch.equal(tuned[name], plain[name]) for name in plain)


def test_a_model_that_was_trained_here_is_trained_on_and_each_keeps_its_own_records(
    backbone, dataset, tmp_path
):
    for name, start in (("first", backbone), ("second", tmp_path / "first" / "coding")):
        chosen = settings(start, method="full", learning_rate=1e-3, epochs=1)
        train.train(chosen, dataset, tmp_path / name, (Role.CODING,))
        begun = read_record(tmp_path / name / "coding" / "settings.json", TrainingClaim)
        whole = read_record(tmp_path / name / "mapcoder.json", AdapterManifest)
        assert begun.backbone_digest == whole.backbone_digest == backbone_digest(start)


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
def test_a_backbone_in_four_bits_is_trained_on_and_the_adapter_is_plain(
    backbone, dataset, tmp_path
):
    chosen = settings(backbone, quant="nf4", epochs=2)
    train.train(chosen, dataset, tmp_path, (Role.CODING,))
    made = read_record(tmp_path / "coding" / "training.json", Training)
    assert made.num_trainable == variants.measure(chosen).num_trainable
    engine = LocalEngine(backbone, {"coding": tmp_path / "coding"})
    engine.close()
