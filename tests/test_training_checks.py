"""What is refused before the first step, and the arithmetic of what training takes."""

import json
import shutil
from pathlib import Path

import pytest

from mapcoder_lite.errors import ConfigError, EngineError, InputError, StoreError
from mapcoder_lite.example import RowTokens
from mapcoder_lite.training import train
from mapcoder_lite.training.arithmetic import disk_bytes, memory
from mapcoder_lite.training.checks import check_disk, prepare
from mapcoder_lite.training.forecast import plan_of
from mapcoder_lite.training.rows import encoded, end_tokens
from mapcoder_lite.training.shapes import KNOWN
from mapcoder_lite.trajectory import Role
from tiny_qwen import make_backbone, make_tokenizer
from training_world import example, settings, write_dataset


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    make_backbone(folder)
    return folder


def refused(backbone: Path, dataset: Path, prompts: str | None = None, **changes: object) -> str:
    """The message by which a training is refused; nothing may have been written."""
    out = dataset.parent / "out"
    kinds = (InputError, ConfigError, StoreError, EngineError)
    with pytest.raises(kinds) as caught:
        train.train(settings(backbone, **changes), dataset, out, (Role.CODING,), prompts=prompts)
    assert not out.exists()
    return str(caught.value)


def test_a_role_without_rows_is_refused(backbone, tmp_path):
    folder = write_dataset(tmp_path / "d", [], [])
    assert "no rows to train coding on" in refused(backbone, folder)


def test_every_role_is_checked_before_the_first_is_trained(backbone, tmp_path):
    folder = write_dataset(tmp_path / "d", [example(1)], [])
    with pytest.raises(InputError, match="no rows to train debugging on"):
        train.train(settings(backbone), folder, tmp_path / "out", (Role.CODING, Role.DEBUGGING))
    assert not (tmp_path / "out").exists()


def test_a_row_that_would_be_cut_is_refused_by_name_with_its_length(backbone, tmp_path):
    folder = write_dataset(tmp_path / "d", [example(2), example(1, answer="word " * 300)], [])
    said = refused(backbone, folder, max_tokens=200)
    assert "1 rows exceed 200 tokens" in said
    assert "r, p1, sample 0, call 0: 15" in said
    kept = prepare(settings(backbone, max_tokens=200, max_dropped=1), folder, (Role.CODING,))
    assert [row.example for row in kept.splits[Role.CODING].train] == [example(2)]


def test_a_row_beyond_the_backbones_context_is_refused(backbone, tmp_path):
    folder = write_dataset(tmp_path / "d", [example(2), example(1, answer="word " * 100)], [])
    said = refused(backbone, folder)
    assert "1 rows exceed the backbone's context of 384 tokens" in said
    assert "r, p1, sample 0, call 0: 5" in said
    assert "train another backbone, or allow" in said


def test_rows_of_another_role_and_blank_replies_are_refused_by_name(backbone, tmp_path):
    stranger = example(3, role=Role.PLANNING)
    folder = write_dataset(tmp_path / "d", [example(1), stranger], [])
    said = refused(backbone, folder)
    assert "p3, sample 0, call 0 is a row of planning among those of coding" in said
    folder = write_dataset(tmp_path / "d", [example(1)], [example(4, answer=" \n")])
    assert "the reply of r, p4, sample 0, call 0 is blank" in refused(backbone, folder)


def test_a_full_disk_leaves_the_folder_to_whoever_comes_with_less(backbone, tmp_path):
    roles = (Role.CODING, Role.PLANNING)
    for role in roles:
        write_dataset(tmp_path / "d", [example(1, role=role)], [], role=role)
    vast, out = settings(backbone, rank=10**9), tmp_path / "out"
    said = []
    for give in (train.plan, train.train):
        with pytest.raises(StoreError, match="GB free") as caught:
            give(vast, tmp_path / "d", out, roles)
        said.append(str(caught.value).split(" free, ")[1])
    assert said[0] == said[1]  # of both roles, which are trained together
    assert not list(out.glob("*/settings.json"))


def test_a_folder_that_is_no_data_set_is_refused(backbone, tmp_path):
    (tmp_path / "d").mkdir()
    assert "is no data set" in refused(backbone, tmp_path / "d")


def counted(number: int, tokenizer, backbone: Path):
    """An example as `mapcoder dataset -s dataset.tokenizer=...` counts it."""
    row = encoded(example(number), tokenizer, end_tokens(tokenizer, backbone))
    tokens = RowTokens(
        prompt=row.num_prompt, completion=row.num_rendered - row.num_prompt, counted_by="seven"
    )
    return example(number).model_copy(update={"tokens": tokens})


def test_rows_counted_under_another_template_are_refused_naming_both(backbone, tmp_path):
    manifest = json.dumps({"settings": {"tokenizer": "models/seven"}})
    rows = [counted(number, make_tokenizer(), backbone) for number in (1, 2)]
    folder = write_dataset(tmp_path / "d", rows, [], manifest=manifest)
    assert len(prepare(settings(backbone), folder, (Role.CODING,)).splits[Role.CODING].train) == 2
    other = tmp_path / "other"
    shutil.copytree(backbone, other)
    template = (other / "chat_template.jinja").read_text()
    (other / "chat_template.jinja").write_text("Today is Monday." + template)
    said = refused(other, folder)
    assert "seven counted" in said
    assert "other counts" in said
    assert f"dataset.tokenizer={other}" in said


def test_rows_asked_with_other_prompts_are_refused(backbone, tmp_path):
    manifest = json.dumps({"prompts_digests": ["a" * 64]})
    folder = write_dataset(tmp_path / "d", [example(1)], [], manifest=manifest)
    assert "asked with other prompts (aaaaaaaaaaaa)" in refused(backbone, folder, "b" * 64)
    assert prepare(settings(backbone), folder, (Role.CODING,), "a" * 64).splits


def test_early_stop_without_validation_rows_is_refused(backbone, tmp_path):
    folder = write_dataset(tmp_path / "d", [example(1)], [])
    said = refused(backbone, folder, patience=2)
    assert "train.patience looks at validation rows" in said
    assert "none for coding" in said


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "full", "dora": True}, "train.dora is of adapters"),
        ({"method": "full", "quant": "nf4"}, "train.quant is of adapters"),
        ({"initialisation": "pissa", "quant": "nf4"}, "choose one of them"),
        ({"initialisation": "orthogonal", "rank": 3}, "even rank"),
        ({"initialisation": "olora", "rank": 65}, "lower train.rank"),
        ({"target_modules": ["q_proj", "w_proj"]}, "w_proj is no linear layer"),
        ({"target_modules": "linear"}, "there are down_proj, gate_proj"),
        ({"target_modules": ["99.q_proj"]}, "99.q_proj is no linear layer"),
        ({"report_to": "wandb"}, "pip install wandb"),
    ],
)
def test_settings_that_do_not_fit_are_refused(backbone, tmp_path, changes, reason):
    folder = write_dataset(tmp_path / "d", [example(1)], [])
    assert reason in refused(backbone, folder, **changes)


def test_a_folder_that_is_no_backbone_is_refused(backbone, tmp_path):
    folder = write_dataset(tmp_path / "d", [example(1)], [])
    assert "is no folder" in refused(tmp_path / "nowhere", folder)
    (tmp_path / "empty").mkdir()
    assert "is no backbone" in refused(tmp_path / "empty", folder)
    bare = tmp_path / "bare"
    shutil.copytree(backbone, bare)
    (bare / "chat_template.jinja").unlink()
    assert "has no chat template" in refused(bare, folder)


def test_a_folder_that_cannot_be_written_is_refused(backbone, tmp_path):
    folder = write_dataset(tmp_path / "d", [example(1)], [])
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file" / "a", Path("/proc/adapters")):
        with pytest.raises(StoreError, match=r"cannot write to .*--out"):
            train.train(settings(backbone), folder, out, (Role.CODING,))


def test_a_disk_that_would_be_full_is_refused_with_both_numbers(tmp_path):
    check_disk(1, tmp_path / "not" / "there")
    with pytest.raises(StoreError, match=r"GB free, .* take 1000000000\.00 GB"):
        check_disk(10**18, tmp_path / "not" / "there")


def test_memory_by_arithmetic_is_that_of_the_papers_backbone(backbone):
    seven = KNOWN["Qwen2.5-7B-Instruct"]
    plain = settings(backbone, dtype="bfloat16", gradient_checkpointing=True, autocast=True)
    found = memory(plan_of(plain, seven, 4096, 80_740_352))
    assert found.weights == 2 * 7_615_616_512
    assert found.trained == 16 * 80_740_352  # weight, gradient, two moments of four bytes
    without = plain.model_copy(update={"gradient_checkpointing": False})
    assert memory(plan_of(without, seven, 4096)).activations > 5 * found.activations
    small = memory(plan_of(plain.model_copy(update={"quant": "nf4"}), seven, 4096))
    assert small.weights < found.weights / 1.8


def test_early_stop_needs_room_for_the_best_checkpoint_too(backbone):
    two, three = (disk_bytes(settings(backbone, patience=patience), 1000) for patience in (None, 3))
    assert (two, three) == (28_000, 40_000)
