"""One role's training: early stop, what ends it, what is left then, and two processes."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from mapcoder_lite.errors import StoreError, TrainingError
from mapcoder_lite.jsonl import read_record
from mapcoder_lite.training import train
from mapcoder_lite.training.artefacts import last_checkpoint, read_metrics
from mapcoder_lite.training.journal import StepTaken
from mapcoder_lite.training.records import Training
from mapcoder_lite.training.rows import encoded, end_tokens
from mapcoder_lite.trajectory import Role
from tiny_qwen import load_backbone, make_backbone, peft_warnings_ignored
from training_world import example, settings, write_dataset


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    make_backbone(folder)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """Validation asks for other answers, so that what is learnt soon is a loss there."""
    rows = [example(number) for number in range(16)]
    others = [example(number, answer=f"No. {number}, said slowly") for number in range(20, 23)]
    return write_dataset(tmp_path_factory.mktemp("dataset"), rows, others)


def mean_loss(backbone: Path, adapter: Path, rows: list) -> float:
    """Nats a token of the replies, by transformers' own arithmetic."""
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    with peft_warnings_ignored():
        model = peft.PeftModel.from_pretrained(load_backbone(backbone), adapter)
    total, count = 0.0, 0
    for row in (encoded(one, tokenizer, end_tokens(tokenizer, backbone)) for one in rows):
        with torch.no_grad():
            logits = model(torch.tensor([row.ids])).logits[0, row.num_prompt - 1 : -1]
        wanted = torch.tensor(row.ids[row.num_prompt :])
        total += float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum"))
        count += len(wanted)
    return total / count


EARLY = {"patience": 2, "validation_steps": 1, "epochs": 20, "learning_rate": 5e-3}


@pytest.fixture(scope="module")
def stopped(backbone, dataset, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stopped")
    train.train(settings(backbone, **EARLY), dataset, folder, (Role.CODING,))
    return folder / "coding"


def test_a_role_stops_when_nothing_is_gained_and_its_best_weights_are_kept(backbone, stopped):
    made = read_record(stopped / "training.json", Training)
    looks = {
        line.step: line.validation_loss
        for line in read_metrics(stopped / "metrics.jsonl")
        if line.validation_loss is not None
    }
    assert made.stopped == "no_gain"
    assert made.num_steps == made.best_step + 2 < 80
    assert made.best_step == min((step for step in looks if step), key=looks.__getitem__)
    assert made.validation_loss == looks[made.best_step]
    rows = [example(number, answer=f"No. {number}, said slowly") for number in range(20, 23)]
    assert mean_loss(backbone, stopped, rows) == pytest.approx(made.validation_loss, rel=1e-4)


class Broken(Exception):
    """The training is broken off."""


def test_early_stop_comes_to_the_same_when_it_was_broken_off(backbone, dataset, stopped, tmp_path):
    chosen = settings(backbone, **EARLY, checkpoint_steps=2)
    steps = read_record(stopped / "training.json", Training).num_steps

    def breaking(step: StepTaken) -> None:
        if step.step == steps - 1 and step.line is None:
            raise Broken

    with pytest.raises(Broken):
        train.train(chosen, dataset, tmp_path, (Role.CODING,), tell=breaking)
    assert last_checkpoint(tmp_path / "coding" / "checkpoints") is not None
    train.train(chosen, dataset, tmp_path, (Role.CODING,))
    first, second = (
        load_file(folder / "adapter_model.safetensors") for folder in (stopped, tmp_path / "coding")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    made = read_record(tmp_path / "coding" / "training.json", Training)
    assert (made.stopped, made.num_steps) == ("no_gain", steps)


def test_a_loss_that_is_no_number_ends_it_with_the_last_checkpoint_kept(
    backbone, dataset, tmp_path
):
    wild = settings(backbone, learning_rate=1e25, warmup_steps=0, checkpoint_steps=1)
    with pytest.raises(
        TrainingError, match=r"gradient of step \d+ is nan: .*checkpoint-"
    ) as caught:
        train.train(wild, dataset, tmp_path, (Role.CODING,))
    assert caught.value.exit_code == 8
    kept = last_checkpoint(tmp_path / "coding" / "checkpoints")
    assert kept is not None
    tensors = load_file(kept / "adapter_model.safetensors")
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    assert not (tmp_path / "coding" / "training.json").exists()
    assert all(line.loss is None or line.loss < 100 for line in read_metrics(metrics_of(tmp_path)))


def metrics_of(folder: Path) -> Path:
    return folder / "coding" / "metrics.jsonl"


def test_a_backbone_that_is_no_number_ends_it_before_the_first_step(backbone, dataset, tmp_path):
    broken = tmp_path / "broken"
    make_backbone(broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][0] = torch.inf
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingError, match="validation loss after step 0 is nan: no checkpoint"):
        train.train(settings(broken), dataset, tmp_path / "out", (Role.CODING,))


def test_a_disk_that_is_full_later_leaves_the_checkpoints_whole(backbone, dataset, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def filling(step: StepTaken) -> None:
        if step.step == 6:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))

    chosen = settings(backbone, epochs=3)
    try:
        with pytest.raises(StoreError, match=r"checkpoint-10: .* are whole: free the disk"):
            train.train(chosen, dataset, tmp_path, (Role.CODING,), tell=filling)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    checkpoints = tmp_path / "coding" / "checkpoints"
    assert [path.name for path in checkpoints.glob("checkpoint-*")] == ["checkpoint-5"]
    assert last_checkpoint(checkpoints) == checkpoints / "checkpoint-5"
    train.train(chosen, dataset, tmp_path, (Role.CODING,))
    assert read_record(tmp_path / "coding" / "training.json", Training).num_steps == 12


def test_a_checkpoint_whose_state_is_torn_is_passed_over(tmp_path):
    for step, state in ((5, "{}"), (10, '{"step": ')):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-15").mkdir()
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-5"
    assert last_checkpoint(tmp_path / "none") is None


def test_two_trainings_into_one_folder_at_a_time_are_refused(backbone, dataset, tmp_path):
    def again(step: StepTaken) -> None:
        with pytest.raises(StoreError, match="being written by another process"):
            train.train(settings(backbone), dataset, tmp_path, (Role.CODING,))
        raise Broken

    with pytest.raises(Broken):
        train.train(settings(backbone), dataset, tmp_path, (Role.CODING,), tell=again)


def test_other_weights_under_the_same_name_are_refused(backbone, dataset, tmp_path):
    other = tmp_path / "other"
    make_backbone(other)
    chosen = settings(other, epochs=1, checkpoint_steps=1)

    def breaking(step: StepTaken) -> None:
        if step.step == 2:
            raise Broken

    with pytest.raises(Broken):
        train.train(chosen, dataset, tmp_path / "out", (Role.CODING,), tell=breaking)
    weights = load_file(other / "model.safetensors")
    weights["model.norm.weight"][0] = 2.0
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(StoreError, match=r"backbone_digest: \w+ -> \w+"):
        train.train(chosen, dataset, tmp_path / "out", (Role.CODING,))


def test_gradient_checkpointing_changes_no_weight(backbone, dataset, tmp_path):
    for name in ("kept", "recomputed"):
        chosen = settings(backbone, epochs=1, gradient_checkpointing=name == "recomputed")
        train.train(chosen, dataset, tmp_path / name, (Role.CODING,))
    first, second = (
        load_file(tmp_path / name / "coding" / "adapter_model.safetensors")
        for name in ("kept", "recomputed")
    )
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-4, atol=1e-6)


COMMAND = """
import json, sys
from pathlib import Path
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.train import train
from mapcoder_lite.trajectory import Role
settings, dataset, folder = json.loads(sys.argv[1])
train(TrainConfig.model_validate(settings), Path(dataset), Path(folder), (Role.CODING,))
"""


@pytest.mark.slow
def test_two_processes_come_to_the_adapter_of_one(backbone, dataset, tmp_path):
    one = settings(backbone, epochs=2, batch_rows=2, accumulation_steps=4, checkpoint_steps=2)
    two = one.model_copy(update={"accumulation_steps": 2})
    script = tmp_path / "command.py"
    script.write_text(COMMAND)
    given = json.dumps([two.model_dump(mode="json"), str(dataset), str(tmp_path / "two")])
    launched = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    done = subprocess.run([*launched, str(script), given], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    train.train(one, dataset, tmp_path / "one", (Role.CODING,))
    first, second = (
        load_file(tmp_path / name / "coding" / "adapter_model.safetensors")
        for name in ("one", "two")
    )
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-3, atol=1e-5)
    curves = [read_metrics(metrics_of(tmp_path / name)) for name in ("one", "two")]
    for alone, together in zip(*curves, strict=True):
        assert together.step == alone.step
        assert together.num_tokens == alone.num_tokens
        for name in ("loss", "validation_loss", "gradient_norm", "learning_rate"):
            first, second = getattr(alone, name), getattr(together, name)
            assert (first is None) == (second is None)
            assert first is None or second == pytest.approx(first, rel=1e-3)
