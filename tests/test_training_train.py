"""Training: real TRL and PEFT on a tiny backbone; what is trained is what is served."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mapcoder_lite.engine.local import LocalEngine
from mapcoder_lite.errors import StoreError
from mapcoder_lite.jsonl import read_record
from mapcoder_lite.training import train
from mapcoder_lite.training.artefacts import read_metrics
from mapcoder_lite.training.records import AdapterManifest, Training, TrainingLine
from mapcoder_lite.trajectory import Request, Role, Sampling
from tiny_qwen import make_backbone
from training_world import ANSWER, example, settings, write_dataset


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    make_backbone(folder)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    train_rows, validation = map(example, range(38)), map(example, (38, 39))
    return write_dataset(tmp_path_factory.mktemp("dataset"), list(train_rows), list(validation))


@pytest.fixture(scope="module")
def adapters(backbone, dataset, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("adapters")
    train.train(settings(backbone), dataset, folder, (Role.CODING,))
    return folder


def test_the_adapter_learns_and_the_engine_serves_it(backbone, adapters):
    losses = [line.loss for line in read_metrics(adapters / "coding" / "metrics.jsonl")]
    trained = [loss for loss in losses if loss is not None]
    assert trained[-1] < trained[0]
    engine = LocalEngine(backbone, {"coding": adapters / "coding"})
    try:
        asked = [
            Request(messages=example(3).prompt, adapter=adapter, sampling=Sampling(max_tokens=40))
            for adapter in ("coding", None)
        ]
        trained, bare = engine.complete(asked)
    finally:
        engine.close()
    assert (trained.text, trained.finish_reason) == (ANSWER, "stop")
    assert bare.text != trained.text


def test_the_manifest_names_backbone_settings_and_what_came_of_each_role(backbone, adapters):
    manifest = read_record(adapters / "mapcoder.json", AdapterManifest)
    assert manifest.roles == (Role.CODING,)
    named = settings(backbone).model_copy(update={"backbone": backbone.name})
    assert manifest.settings == named
    assert len(manifest.backbone_digest) == len(manifest.template_digest) == 64
    assert manifest.packages.keys() >= {"torch", "trl", "peft", "transformers"}
    made = manifest.trainings[Role.CODING]
    assert made == read_record(adapters / "coding" / "training.json", Training)
    config = json.loads((adapters / "coding" / "adapter_config.json").read_text())
    assert config["r"] == 4
    assert config["target_modules"] == sorted(config["target_modules"])
    assert "/" not in config["base_model_name_or_path"]


def test_the_record_counts_what_was_done(backbone, adapters):
    made = read_record(adapters / "coding" / "training.json", Training)
    lines = read_metrics(adapters / "coding" / "metrics.jsonl")
    assert (made.num_rows, made.num_validation, made.num_dropped) == (38, 2, 0)
    assert made.num_steps == made.best_step == lines[-1].step == 4 * 10
    assert made.way == "separate"
    assert made.stopped == "epochs"
    assert 0 < made.share < 1
    tensors = load_file(adapters / "coding" / "adapter_model.safetensors")
    assert made.num_trainable == sum(tensor.numel() for tensor in tensors.values())
    assert made.untuned_loss == lines[0].validation_loss
    assert lines[0].step == 0
    assert made.validation_loss == lines[-1].validation_loss
    assert made.validation_loss < made.untuned_loss / 10
    assert made.num_tokens == lines[-1].num_tokens
    assert made.seconds == lines[-1].seconds
    assert not (adapters / "coding" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("joint", "num_roles", "is_joint"), [(True, 4, True), (True, 1, False), (False, 4, False)]
)
def test_one_pass_is_taken_for_several_roles_unless_it_is_off(backbone, joint, num_roles, is_joint):
    obstacle = train.obstacle_to_joint(settings(backbone, joint=joint), num_roles, num_processes=1)
    assert (obstacle is None) == is_joint


def test_the_losses_are_drawn(adapters):
    assert (adapters / "coding" / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (adapters / "coding" / "loss.svg").read_text()


def test_who_watches_is_told_of_every_step(backbone, dataset, tmp_path):
    told = []
    short = settings(backbone, epochs=1, log_steps=4)
    train.train(short, dataset, tmp_path, (Role.CODING,), tell=told.append)
    assert [step.step for step in told if step.line is None] == list(range(1, 11))
    assert {step.num_steps for step in told} == {10}
    lines = [step.line for step in told if step.line is not None]
    assert lines == read_metrics(tmp_path / "coding" / "metrics.jsonl")
    assert [line.step for line in lines] == [0, 4, 5, 8, 10, 10]


def test_a_finished_role_is_left_and_other_settings_are_refused(backbone, dataset, adapters):
    weights = adapters / "coding" / "adapter_model.safetensors"
    before = weights.stat().st_mtime_ns
    train.train(settings(backbone, num_threads=2), dataset, adapters, (Role.CODING,))
    assert weights.stat().st_mtime_ns == before
    other = settings(backbone, learning_rate=1e-3)
    with pytest.raises(StoreError, match=r"learning_rate: 0\.01 -> 0\.001"):
        train.train(other, dataset, adapters, (Role.CODING,))
    with pytest.raises(StoreError, match=r"learning_rate: 0\.01 -> 0\.001"):
        train.plan(other, dataset, adapters, (Role.CODING,))


COMMAND = """
import json, sys
from pathlib import Path
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.train import train
from mapcoder_lite.trajectory import Role
settings, dataset, folder = json.loads(sys.argv[1])
train(TrainConfig.model_validate(settings), Path(dataset), Path(folder), (Role.CODING,))
"""


def curve(folder: Path) -> list[dict[str, object]]:
    """Lines without what a clock or another process changes."""
    clocks = {"seconds", "tokens_per_second", "peak_memory_bytes"}
    return [line.model_dump(exclude=clocks) for line in read_metrics(folder / "metrics.jsonl")]


def test_a_killed_training_ends_in_the_same_adapter_by_the_same_curve(
    backbone, dataset, adapters, tmp_path
):
    chosen = settings(backbone).model_dump(mode="json")
    arguments = [sys.executable, "-c", COMMAND, json.dumps([chosen, str(dataset), str(tmp_path)])]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    checkpoints = tmp_path / "coding" / "checkpoints"
    while process.poll() is None and not list(checkpoints.glob("checkpoint-*/trainer_state.json")):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "coding" / "training.json").exists()
    train.train(settings(backbone), dataset, tmp_path, (Role.CODING,))
    first, second = (
        load_file(folder / "coding" / "adapter_model.safetensors")
        for folder in (adapters, tmp_path)
    )
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert curve(tmp_path / "coding") == curve(adapters / "coding")
    assert isinstance(read_metrics(tmp_path / "coding" / "metrics.jsonl")[0], TrainingLine)
