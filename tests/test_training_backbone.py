"""A backbone whose files are broken is refused before the folder of adapters is begun."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from mapcoder_lite.errors import InputError
from mapcoder_lite.training import train
from mapcoder_lite.training.backbone import carry_over
from mapcoder_lite.trajectory import Role
from tiny_qwen import make_backbone
from training_world import example, settings, write_dataset

WEIGHT = "model.layers.0.mlp.up_proj.weight"


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    make_backbone(folder)
    return folder


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:50_000])


def lacking(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors[WEIGHT]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def narrow(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors[WEIGHT] = tensors[WEIGHT][:, :32].contiguous()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def of_kind(kind: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        fields = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(fields | {"model_type": kind}))

    return change


def without_words(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (cut, r"cannot be used \(SafetensorError: .*copy or download the backbone anew"),
        (lacking, f"lacks 1 weights, such as {WEIGHT}"),
        (narrow, rf"{WEIGHT} is \(128, 32\), config.json asks for \(128, 64\)"),
        (of_kind("t5"), r"broken cannot be used \(ValueError: Unrecognized configuration"),
        (of_kind("nothing"), r"config.json cannot be used \(ValueError: .*`nothing`"),
        (without_words, r"tokenizer.json cannot be used \(KeyError: 'added_tokens'"),
    ],
    ids=("cut", "lacking", "narrow", "t5", "unknown", "tokenizer"),
)
def test_what_a_library_fails_over_is_refused_by_its_file(backbone, tmp_path, capfd, change, said):
    broken = shutil.copytree(backbone, tmp_path / "broken")
    change(broken)
    dataset = write_dataset(tmp_path / "data", [example(1)], [])
    with pytest.raises(InputError, match=said):
        train.train(settings(broken), dataset, tmp_path / "out", (Role.CODING,))
    assert not (tmp_path / "out").exists()
    assert "newly initialized" not in capfd.readouterr().err


def test_what_makes_a_model_folder_comes_along_and_records_do_not(tmp_path):
    wanted = {
        *("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "chat_template.jinja"),
        *("special_tokens_map.json", "added_tokens.json", "generation_config.json"),
        *("vocab.json", "merges.txt"),
    }
    others = {
        *("settings.json", "training.json", "merged.json", "mapcoder.json", "config.json"),
        *("model.safetensors", "model.safetensors.index.json", "metrics.jsonl", "README.md"),
    }
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    for name in wanted | others:
        (tmp_path / "from" / name).write_text(name)
    carry_over(tmp_path / "from", tmp_path / "to")
    assert {path.name: path.read_text() for path in (tmp_path / "to").iterdir()} == {
        name: name for name in wanted
    }
