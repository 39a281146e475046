"""Merging: the whole model says what backbone and adapter say together, or nothing is kept."""

import json
import resource
from pathlib import Path

import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from mapcoder_lite.engine.local import LocalEngine
from mapcoder_lite.errors import EngineError, InputError, StoreError
from mapcoder_lite.jsonl import read_record
from mapcoder_lite.training.merge import TOLERANCE, merge
from mapcoder_lite.training.records import Merged
from mapcoder_lite.trajectory import Message, Request, Sampling
from tiny_architectures import ARCHITECTURES, make_backbone
from tiny_qwen import peft_warnings_ignored


def make_adapter(backbone: Path, folder: Path, **settings: object) -> Path:
    torch.manual_seed(3)
    model = transformers.AutoModelForCausalLM.from_pretrained(backbone, dtype=torch.float32)
    config = peft.LoraConfig(
        r=8, lora_alpha=16, target_modules="all-linear", init_lora_weights=False, **settings
    )
    with peft_warnings_ignored():
        peft.get_peft_model(model, config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=ARCHITECTURES)
def pair(request, tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp(request.param)
    backbone = make_backbone(ARCHITECTURES[request.param], folder / "backbone")
    return backbone, make_adapter(backbone, folder / "coding")


def replies(backbone: Path, adapters: dict[str, Path]) -> list[str]:
    engine = LocalEngine(backbone, adapters)
    messages = (Message(role="system", content="Be brief."), Message(role="user", content="Hi"))
    try:
        asked = [
            Request(
                messages=messages,
                adapter=next(iter(adapters), None),
                sampling=Sampling(max_tokens=24, temperature=temperature),
            )
            for temperature in (0.0, 0.9)
        ]
        return [completion.text for completion in engine.complete(asked)]
    finally:
        engine.close()


def test_the_merged_model_replies_as_the_adapter_does_and_is_whole(pair, tmp_path):
    backbone, adapter = pair
    out = tmp_path / "models" / "merged"
    record = merge(backbone, adapter, out, "float32")
    assert record.difference <= TOLERANCE
    assert record.rounded_difference == record.difference
    assert read_record(out / "merged.json", Merged) == record
    with_adapter = replies(backbone, {"coding": adapter})
    assert replies(out, {}) == with_adapter
    assert replies(backbone, {}) != with_adapter
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (out / name).read_bytes() == (backbone / name).read_bytes()
    assert [path.name for path in out.parent.iterdir()] == ["merged"]


def test_rounding_is_told_apart_from_merging(pair, tmp_path):
    record = merge(*pair, tmp_path / "half", "bfloat16")
    assert record.difference <= TOLERANCE < record.rounded_difference < 0.5
    weights = load_file(tmp_path / "half" / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}


def test_a_full_disk_is_said_and_nothing_stays(pair, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
    try:
        with pytest.raises(StoreError, match=r"cannot write .*out: .*free the disk"):
            merge(*pair, tmp_path / "out", "float32")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_replaced(pair, tmp_path):
    with pytest.raises(StoreError, match="there already"):
        merge(*pair, tmp_path, "float32")


def test_an_adapter_of_another_backbone_is_refused(pair, tmp_path):
    backbone, adapter = pair
    other = tmp_path / "coding"
    other.mkdir()
    for path in adapter.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / "mapcoder.json").write_text(json.dumps({"backbone_digest": "0" * 64}))
    with pytest.raises(EngineError, match="was trained on the backbone with digest 0000"):
        merge(backbone, other, tmp_path / "out", "float32")
    assert not (tmp_path / "out").exists()


def test_broken_weights_are_refused_and_nothing_is_kept(pair, tmp_path):
    backbone, adapter = pair
    broken = tmp_path / "coding"
    broken.mkdir()
    weights = load_file(adapter / "adapter_model.safetensors")
    name = next(iter(weights))
    weights[name] = torch.full_like(weights[name], torch.nan)
    save_file(weights, broken / "adapter_model.safetensors")
    (broken / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    with pytest.raises(InputError, match="differs from the adapter by nan"):
        merge(backbone, broken, tmp_path / "out", "float32")
    assert not (tmp_path / "out").exists()
