"""Folders and messages that the local engine refuses, each with a typed fault."""

import json
import shutil
from pathlib import Path

import pytest

transformers = pytest.importorskip("transformers")
pytest.importorskip("peft")

from safetensors.torch import load_file, save_file  # noqa: E402

from mapcoder_lite.engine.local import LocalEngine  # noqa: E402
from mapcoder_lite.errors import EngineError  # noqa: E402
from mapcoder_lite.trajectory import Message, Request, Sampling, Watch  # noqa: E402
from tiny_qwen import make_adapter, make_backbone  # noqa: E402

ASKED = Request(messages=(Message(role="user", content="a"),), sampling=Sampling(max_tokens=4))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    transformers.utils.logging.disable_progress_bar()
    make_backbone(folder / "backbone")
    make_adapter(folder / "backbone", folder / "coding", 10)
    return folder


def test_a_sliding_window_and_a_rope_that_follows_the_batch_are_refused(
    world: Path, tmp_path: Path
) -> None:
    config = json.loads((world / "backbone" / "config.json").read_text())
    del config["layer_types"]
    window = {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "head_dim": 16}
    window |= {"sliding_window": 16}
    rope = {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}}
    for changes, reason in ((window, "sliding window of 16"), (rope, "dynamic")):
        folder = tmp_path / reason.split()[0]
        shutil.copytree(world / "backbone", folder)
        (folder / "config.json").write_text(json.dumps(config | changes))
        if "sliding_window" in changes:
            weights = load_file(folder / "model.safetensors")
            kept = {name: tensor for name, tensor in weights.items() if "bias" not in name}
            save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(EngineError, match=reason):
            LocalEngine(folder, {})


def test_messages_that_the_template_refuses_are_a_typed_fault_of_their_own(
    world: Path, tmp_path: Path
) -> None:
    shutil.copytree(world / "backbone", tmp_path / "backbone")
    template = tmp_path / "backbone" / "chat_template.jinja"
    refusal = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    template.write_text(refusal + template.read_text())
    engine = LocalEngine(tmp_path / "backbone", {}, num_threads=1)
    refused = Request(messages=(Message(role="system", content="a"),))
    seen: list[int] = []
    with pytest.raises(EngineError, match="no system"):
        engine.complete([refused, ASKED], Watch(on_completion=lambda i, _: seen.append(i)))
    assert seen == [1]
    engine.close()


def test_torn_adapter_weights_are_a_typed_fault(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "coding", tmp_path / "coding")
    weights = tmp_path / "coding" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(EngineError, match="cannot be read"):
        LocalEngine(world / "backbone", {"coding": tmp_path / "coding"})
