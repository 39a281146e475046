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
from transformers import AutoTokenizer

from mapcoder_lite.engine.local import LocalEngine
from mapcoder_lite.errors import InputError, StoreError
from mapcoder_lite.example import Example, Provenance, RowTokens
from mapcoder_lite.jsonl import write_lines, write_text
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training import rows, train
from mapcoder_lite.trajectory import CallKind, Message, Request, Role, Sampling
from tiny_model import tiny_backbone


def example(number: int, answer: str = "<confidence>7</confidence>") -> Example:
    return Example(
        prompt=(
            Message(role="system", content="You are an agent."),
            Message(role="user", content=f"Print {number}."),
        ),
        completion=(Message(role="assistant", content=answer),),
        role=Role.CODING,
        kind=CallKind.CODING,
        provenance=Provenance(
            run="r", problem_id=f"p{number}", sample=0, call_index=0, model="m", kept_by="test"
        ),
        tokens=RowTokens(prompt=1, completion=1, counted_by="nobody"),
    )


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> Path:
    return tiny_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "validation").mkdir()
    write_lines(folder / "coding.jsonl", [example(number) for number in range(38)])
    write_lines(folder / "validation" / "coding.jsonl", [example(number) for number in (38, 39)])
    write_text(folder / "manifest.json", "{}")
    return folder


def settings(backbone: Path, **changes: object) -> TrainConfig:
    tiny = {
        "backbone": str(backbone),
        "rank": 4,
        "alpha": 8,
        "learning_rate": 1e-2,
        "epochs": 12,
        "batch_rows": 4,
        "accumulation_steps": 1,
        "warmup_steps": 1,
        "dtype": "float32",
        "save_dtype": "float32",
        "gradient_checkpointing": False,
        "autocast": False,
        "checkpoint_steps": 5,
        "num_threads": 1,
    }
    return TrainConfig.model_validate({**tiny, **changes})


@pytest.fixture(scope="module")
def adapters(backbone, dataset, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("adapters")
    train.train(settings(backbone), dataset, folder, (Role.CODING,))
    return folder


def test_the_adapter_learns_and_the_engine_serves_it(backbone, adapters):
    record = json.loads((adapters / "coding" / "training.json").read_text())
    losses = [row["loss"] for row in record["history"] if "loss" in row]
    assert losses[-1] < losses[0]
    engine = LocalEngine(backbone, {"coding": adapters / "coding"})
    try:
        asked = [
            Request(messages=example(3).prompt, adapter=adapter, sampling=Sampling(max_tokens=24))
            for adapter in ("coding", None)
        ]
        trained, bare = engine.complete(asked)
    finally:
        engine.close()
    assert trained.text == "<confidence>7</confidence>"
    assert bare.text != trained.text


def test_the_manifest_names_backbone_settings_and_roles(adapters):
    manifest = json.loads((adapters / "mapcoder.json").read_text())
    assert manifest["roles"] == ["coding"]
    assert manifest["settings"]["rank"] == 4
    assert len(manifest["backbone_digest"]) == 64
    config = json.loads((adapters / "coding" / "adapter_config.json").read_text())
    assert config["r"] == 4
    assert "/" not in config["base_model_name_or_path"]


def test_training_sees_the_tokens_that_serving_sends(backbone, dataset, tmp_path):
    """Prompt tokens as the trainer packs them equal the chat template's with the reply opened."""
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    row = example(5)
    trainer = train.build_trainer(settings(backbone), tokenizer, tmp_path, [row], [])
    packed = trainer.train_dataset[0]
    served = tokenizer.apply_chat_template(
        rows.conversation(row.prompt), add_generation_prompt=True, return_dict=False
    )
    assert packed["input_ids"][: len(served)] == served
    taught = [
        t for t, label in zip(packed["input_ids"], packed["labels"], strict=True) if label != -100
    ]
    assert tokenizer.decode(taught).rstrip("\n") == row.completion[0].content + "<|im_end|>"


def test_a_row_that_would_be_cut_is_refused_by_name(backbone, tmp_path):
    long = example(1, answer="word " * 300)
    write_lines(tmp_path / "coding.jsonl", [example(2), long])
    write_text(tmp_path / "manifest.json", "{}")
    tight = settings(backbone, max_tokens=100)
    with pytest.raises(InputError, match=r"1 rows exceed 100 tokens.*p1"):
        train.train(tight, tmp_path, tmp_path / "out", (Role.CODING,))
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    split = rows.read_split(tmp_path, Role.CODING, tokenizer, 100)
    assert split.too_long == [long]
    assert split.train == [example(2)]


def test_the_data_set_says_which_rows_are_for_validation(backbone, dataset):
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    split = rows.read_split(dataset, Role.CODING, tokenizer, 1000)
    assert split.validation == [example(38), example(39)]
    assert len(split.train) == 38


def test_missing_rows_are_said(backbone, tmp_path):
    with pytest.raises(InputError, match="no rows to train planning on"):
        train.train(settings(backbone), tmp_path, tmp_path / "out", (Role.PLANNING,))


def test_a_finished_role_is_left_and_other_settings_are_refused(backbone, dataset, adapters):
    weights = adapters / "coding" / "adapter_model.safetensors"
    before = weights.stat().st_mtime_ns
    train.train(settings(backbone, num_threads=2), dataset, adapters, (Role.CODING,))
    assert weights.stat().st_mtime_ns == before
    with pytest.raises(StoreError, match="other settings"):
        train.train(settings(backbone, learning_rate=1e-3), dataset, adapters, (Role.CODING,))


COMMAND = """
import json, sys
from pathlib import Path
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.train import train
from mapcoder_lite.trajectory import Role
settings, dataset, folder = json.loads(sys.argv[1])
train(TrainConfig.model_validate(settings), Path(dataset), Path(folder), (Role.CODING,))
"""


def test_a_killed_training_ends_in_the_same_adapter(backbone, dataset, adapters, tmp_path):
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
