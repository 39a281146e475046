"""Joint training: every role comes to what its own separate training comes to."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from mapcoder_lite.errors import StoreError, TrainingError
from mapcoder_lite.jsonl import read_record
from mapcoder_lite.training import train
from mapcoder_lite.training.artefacts import is_finished, read_metrics
from mapcoder_lite.training.journal import StepTaken
from mapcoder_lite.training.records import Training
from mapcoder_lite.trajectory import Role
from tiny_qwen import make_backbone
from training_world import example, settings, write_dataset

NUM_ROWS = {Role.RETRIEVAL: 13, Role.PLANNING: 6, Role.CODING: 9, Role.DEBUGGING: 3}
"""Of two epochs at four rows a step: 8, 4, 6 and 2 steps."""

MAX_DIFFERENCE, MEAN_DIFFERENCE = 5e-4, 2e-6
"""Of weights in float32; a step changes each by up to 0.01, whatever the size of its gradient, so
that where a gradient is nearly nothing its rounding is seen."""


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    make_backbone(folder)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    for place, (role, num_rows) in enumerate(NUM_ROWS.items()):
        rows = [
            example(100 * place + i, answer="ab" * (2 + 7 * i % 20) + str(place), role=role)
            for i in range(num_rows)
        ]
        others = [example(100 * place + i, role=role) for i in range(50, 53)]
        write_dataset(folder, rows, others, role=role)
    return folder


def chosen(backbone: Path, **changes: object):
    return settings(backbone, epochs=2, batch_rows=2, accumulation_steps=2, **changes)


def weights(folder: Path, role: Role) -> dict[str, torch.Tensor]:
    return load_file(folder / role / "adapter_model.safetensors")


def assert_alike(first: Path, second: Path, role: Role) -> None:
    one, other = weights(first, role), weights(second, role)
    assert one.keys() == other.keys()
    difference = torch.cat([(one[name] - other[name]).abs().flatten() for name in one])
    assert difference.max() <= MAX_DIFFERENCE
    assert difference.mean() <= MEAN_DIFFERENCE


def assert_equal(first: Path, second: Path, role: Role) -> None:
    one, other = weights(first, role), weights(second, role)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def separate(backbone, dataset, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("separate")
    train.train(chosen(backbone, joint=False), dataset, folder, tuple(Role))
    return folder


@pytest.fixture(scope="module")
def joint(backbone, dataset, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("joint")
    train.train(chosen(backbone), dataset, folder, tuple(Role))
    return folder


@pytest.fixture(scope="module")
def recomputed(backbone, dataset, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recomputed")
    train.train(chosen(backbone, gradient_checkpointing=True), dataset, folder, tuple(Role))
    return folder


@pytest.mark.parametrize("way", ["joint", "recomputed"])
def test_weights_and_losses_are_those_of_separate_trainings(way, separate, request):
    folder = request.getfixturevalue(way)
    for role in Role:
        assert_alike(folder, separate, role)
        mine, theirs = (read_metrics(f / role / "metrics.jsonl") for f in (folder, separate))
        assert [line.step for line in mine] == [line.step for line in theirs]
        for one, other in zip(mine, theirs, strict=True):
            assert (one.epoch, one.num_tokens) == (other.epoch, other.num_tokens)
            for name in ("learning_rate", "loss", "validation_loss", "gradient_norm"):
                number, wanted = getattr(one, name), getattr(other, name)
                assert (number is None) == (wanted is None)
                assert number is None or number == pytest.approx(wanted, rel=1e-3, abs=1e-4)


def test_gradients_were_clipped_and_numbers_of_steps_differed(joint):
    """What the comparison with separate trainings is worth."""
    lines = {role: read_metrics(joint / role / "metrics.jsonl") for role in Role}
    norms = [line.gradient_norm for some in lines.values() for line in some if line.gradient_norm]
    assert min(norms) > 1.0
    records = [read_record(joint / role / "training.json", Training) for role in Role]
    assert [record.num_steps for record in records] == [8, 4, 6, 2]


def test_what_is_left_is_what_separate_trainings_leave(joint, separate):
    for role in Role:
        mine, theirs = (sorted(p.name for p in (f / role).iterdir()) for f in (joint, separate))
        assert mine == theirs
        configs = [(f / role / "adapter_config.json").read_text() for f in (joint, separate)]
        assert configs[0] == configs[1]
        one, other = (read_record(f / role / "training.json", Training) for f in (joint, separate))
        measured = {"way", "seconds", "peak_memory_bytes", "weights_digest"}
        losses = {"loss", "untuned_loss", "validation_loss"}
        ours, others = (r.model_dump(exclude=measured | losses) for r in (one, other))
        assert ours == others
        assert (one.way, other.way) == ("joint", "separate")
        assert one.validation_loss == pytest.approx(other.validation_loss, abs=1e-4)


COMMAND = """
import json, sys
from pathlib import Path
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.train import train
from mapcoder_lite.trajectory import Role
settings, dataset, folder = json.loads(sys.argv[1])
train(TrainConfig.model_validate(settings), Path(dataset), Path(folder), tuple(Role))
"""


def test_a_killed_training_ends_in_the_same_adapters(backbone, dataset, joint, tmp_path):
    often = chosen(backbone, checkpoint_steps=1)
    given = [often.model_dump(mode="json"), str(dataset), str(tmp_path / "killed")]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, json.dumps(given)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    retrieval = tmp_path / "killed" / "retrieval"
    while process.poll() is None and not is_finished(tmp_path / "killed" / "debugging"):
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not is_finished(retrieval)
    assert (retrieval / "checkpoints" / "joint.safetensors").exists()
    train.train(often, dataset, tmp_path / "killed", tuple(Role))
    for role in Role:
        assert_alike(tmp_path / "killed", joint, role)


class Broken(Exception):
    """The training is broken off."""


def curve(folder: Path) -> list[dict[str, object]]:
    """Lines without what a clock or another process changes."""
    clocks = {"seconds", "tokens_per_second", "peak_memory_bytes"}
    return [line.model_dump(exclude=clocks) for line in read_metrics(folder / "metrics.jsonl")]


@pytest.mark.parametrize("last", [3, 5])
def test_a_training_that_was_broken_off_comes_to_the_same_by_the_same_curve(
    backbone, dataset, joint, tmp_path, last
):
    """One role has ended at the checkpoint of step 2, another at that of step 4."""

    def breaking(step: StepTaken) -> None:
        if step.step == last:
            raise Broken

    with pytest.raises(Broken):
        train.train(chosen(backbone), dataset, tmp_path, tuple(Role), tell=breaking)
    assert is_finished(tmp_path / "debugging")
    assert is_finished(tmp_path / "planning") == (last == 5)
    train.train(chosen(backbone), dataset, tmp_path, tuple(Role))
    for role in Role:
        assert_equal(tmp_path, joint, role)
        assert curve(tmp_path / role) == curve(joint / role)


def test_a_role_that_stops_early_keeps_its_best_and_leaves_the_others_alone(
    backbone, dataset, tmp_path
):
    early = chosen(backbone, patience=1, validation_steps=1)
    roles = (Role.RETRIEVAL, Role.PLANNING, Role.CODING)
    for way in ("joint", "separate"):
        way_of = early.model_copy(update={"joint": way == "joint"})
        train.train(way_of, dataset, tmp_path / way, roles)
    ends = []
    for role in roles:
        assert_alike(tmp_path / "joint", tmp_path / "separate", role)
        mine, theirs = (
            read_record(tmp_path / way / role / "training.json", Training)
            for way in ("joint", "separate")
        )
        ends.append((mine.stopped, mine.num_steps, mine.best_step))
        assert ends[-1] == (theirs.stopped, theirs.num_steps, theirs.best_step)
    assert {stopped for stopped, *_ in ends} == {"no_gain", "epochs"}
    assert any(best < taken for _, taken, best in ends)


def test_a_role_whose_loss_is_no_number_ends_alone(backbone, joint, tmp_path):
    """One role's rows hold a letter that the backbone cannot read."""
    folder = tmp_path / "dataset"
    for place, (role, num_rows) in enumerate(NUM_ROWS.items()):
        letter = "Z" if role is Role.CODING else "b"
        rows = [
            example(100 * place + i, answer=f"a{letter}" * (2 + 7 * i % 20) + str(place), role=role)
            for i in range(num_rows)
        ]
        others = [example(100 * place + i, role=role) for i in range(50, 53)]
        write_dataset(folder, rows, others, role=role)
    broken = tmp_path / "backbone"
    make_backbone(broken)
    tensors = load_file(broken / "model.safetensors")
    letter = AutoTokenizer.from_pretrained(broken).convert_tokens_to_ids("Z")
    tensors["model.embed_tokens.weight"][letter] = torch.nan
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingError, match=r"coding after step 0 \(no checkpoint") as caught:
        train.train(chosen(broken), folder, tmp_path / "out", tuple(Role))
    assert caught.value.exit_code == 8
    assert "planning" not in str(caught.value)
    assert not is_finished(tmp_path / "out" / "coding")
    for role in set(Role) - {Role.CODING}:
        assert_alike(tmp_path / "out", joint, role)


def test_weights_that_look_like_no_number_replace_no_checkpoint(backbone, dataset, tmp_path):
    """The rate rises to what overflows: the first step is the last good one."""
    wild = chosen(backbone, learning_rate=1e30, validation_steps=1, checkpoint_steps=1)
    roles = (Role.PLANNING, Role.CODING)
    for _ in range(2):  # who goes on meets the same end
        with pytest.raises(TrainingError, match=r"coding after step 2 .*joint\.safetensors"):
            train.train(wild, dataset, tmp_path, roles)
        for role in roles:
            kept = tmp_path / role / "checkpoints" / "joint.safetensors"
            with safe_open(kept, framework="pt") as file:
                assert file.get_tensor("weights").abs().max() < 1
                assert json.loads(file.metadata()["progress"])["step"] == 1


def test_a_disk_that_is_full_later_leaves_the_checkpoints_whole(backbone, dataset, joint, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def filling(step: StepTaken) -> None:
        if step.step == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))

    often = chosen(backbone, checkpoint_steps=1)
    try:
        with pytest.raises(StoreError, match=r"joint\.safetensors: .* are whole: free the disk"):
            train.train(often, dataset, tmp_path, tuple(Role), tell=filling)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    kept = tmp_path / "retrieval" / "checkpoints"
    assert [path.name for path in kept.iterdir()] == ["joint.safetensors"]
    with safe_open(kept / "joint.safetensors", framework="pt") as file:
        assert json.loads(file.metadata()["progress"])["step"] == 1
    train.train(often, dataset, tmp_path, tuple(Role))
    for role in Role:
        assert_alike(tmp_path, joint, role)


def test_a_damaged_checkpoint_is_named(backbone, dataset, tmp_path):
    def breaking(step: StepTaken) -> None:
        if step.step == 2:
            raise Broken

    often = chosen(backbone, checkpoint_steps=1)
    with pytest.raises(Broken):
        train.train(often, dataset, tmp_path, tuple(Role), tell=breaking)
    checkpoint = tmp_path / "planning" / "checkpoints" / "joint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(StoreError, match=r"joint\.safetensors is damaged .* begin planning anew"):
        train.train(often, dataset, tmp_path, tuple(Role))
