"""The preference stage: real DPO and KTO of TRL on a tiny backbone, on top of a trained adapter."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from mapcoder_lite.engine.folders import adapter_digest
from mapcoder_lite.engine.local import LocalEngine
from mapcoder_lite.errors import ConfigError, EngineError, InputError
from mapcoder_lite.example import Labelled, Pair, PairTokens
from mapcoder_lite.jsonl import read_record, write_lines, write_text
from mapcoder_lite.rendering import conversation
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training import train
from mapcoder_lite.training.artefacts import read_metrics
from mapcoder_lite.training.preference import build_trainer, prepare_stage
from mapcoder_lite.training.preference_rows import PairRow
from mapcoder_lite.training.records import AdapterManifest, Training
from mapcoder_lite.trajectory import Message, Request, Role, Sampling
from tiny_model import tiny_backbone
from training_world import example, settings, write_dataset

GOOD, BAD = "<confidence>7</confidence>", "<confidence>3 of 9</confidence>"
CODING = (Role.CODING,)
NUM_TRAIN, NUM_HELD_OUT = 24, 4


def reply(text: str) -> tuple[Message, ...]:
    return (Message(role="assistant", content=text),)


def pair(number: int, good: str = GOOD, bad: str = BAD) -> Pair:
    row = example(number)
    return Pair(
        prompt=row.prompt,
        chosen=reply(good),
        rejected=reply(bad),
        role=row.role,
        kind=row.kind,
        chosen_from=row.provenance,
        rejected_from=row.provenance.model_copy(update={"sample": 1}),
        tokens=PairTokens(prompt=1, chosen=1, rejected=1, counted_by="nobody"),
    )


def labelled(number: int, is_good: bool) -> Labelled:
    row = example(number, GOOD if is_good else BAD)
    return Labelled(**dict(row), label=is_good)


def write_preferences(folder: Path, train: int = NUM_TRAIN, held_out: int = NUM_HELD_OUT) -> Path:
    """Pairs of a good and a bad reply, and the same replies labelled, half as many bad ones."""
    parts = {"": range(train), "validation": range(train, train + held_out)}
    for part, numbers in parts.items():
        for form in ("pairs", "labels"):
            (folder / "preferences" / form / part).mkdir(parents=True, exist_ok=True)
        replies = [labelled(n, True) for n in numbers] + [labelled(n, False) for n in numbers[::2]]
        write_lines(folder / "preferences" / "pairs" / part / "coding.jsonl", map(pair, numbers))
        write_lines(folder / "preferences" / "labels" / part / "coding.jsonl", replies)
    write_text(folder / "preferences" / "manifest.json", "{}")
    return folder


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> Path:
    return tiny_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="module")
def start(backbone, tmp_path_factory) -> Path:
    """Adapters that were taught both replies alike."""
    rows = [example(number, (GOOD, BAD)[number % 2]) for number in range(32)]
    dataset = write_dataset(tmp_path_factory.mktemp("rows"), rows, [])
    folder = tmp_path_factory.mktemp("sft")
    train.train(settings(backbone, epochs=12), dataset, folder, CODING)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return write_preferences(tmp_path_factory.mktemp("preferences"))


def stage(backbone: Path, start: Path, kind: str, **changes: object) -> TrainConfig:
    preference = {"learning_rate": 2e-3, "epochs": 3, "min_rows": 8}
    preference |= changes.pop("preference", {})  # type: ignore[operator]
    wanted = {"stage": kind, "start": str(start), "preference": preference, **changes}
    return settings(backbone, **wanted)


def anchored(backbone: Path, start: Path, kind: str) -> TrainConfig:
    """DPO with the chosen reply's own loss beside it, which alone would let it grow less likely."""
    return stage(backbone, start, kind, preference={"sft_weight": 1.0} if kind == "dpo" else {})


def log_likelihoods(backbone: Path, adapter: Path | None) -> tuple[float, float]:
    """Mean log likelihood of good and bad reply with its end, over the held-out prompts."""
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    model = AutoModelForCausalLM.from_pretrained(backbone, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    sums = [0.0, 0.0]
    for number in range(NUM_TRAIN, NUM_TRAIN + NUM_HELD_OUT):
        prompt = tokenizer.apply_chat_template(
            conversation(example(number).prompt), add_generation_prompt=True, return_dict=False
        )
        for place, text in enumerate((GOOD, BAD)):
            ids = prompt + tokenizer(text + "<|im_end|>", add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                logits = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
            taken = logits.gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
            sums[place] += float(taken[len(prompt) - 1 :].sum()) / NUM_HELD_OUT
    return sums[0], sums[1]


@pytest.fixture(scope="module")
def by_dpo(backbone, start, dataset, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dpo")
    train.train(anchored(backbone, start, "dpo"), dataset, folder, CODING)
    return folder


@pytest.fixture(scope="module")
def by_kto(backbone, start, dataset, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("kto")
    train.train(anchored(backbone, start, "kto"), dataset, folder, CODING)
    return folder


def built(backbone: Path, start: Path, dataset: Path, folder: Path, kind: str, **changes: object):
    ready = prepare_stage(stage(backbone, start, kind, **changes), dataset, CODING)
    chosen, split = ready.prepared.settings, ready.splits[Role.CODING]
    return build_trainer(chosen, ready.prepared.tokenizer, split, start / "coding", folder)


@pytest.mark.parametrize("kind", ["dpo", "kto"])
def test_the_reference_is_the_adapter_it_began_with_not_the_backbone(
    backbone, start, dataset, tmp_path, kind
):
    trainer = built(backbone, start, dataset, tmp_path, kind)
    metrics = trainer.evaluate()
    good, bad = log_likelihoods(backbone, start / "coding")
    bare, _ = log_likelihoods(backbone, None)
    near = 1e-3 if kind == "dpo" else 0.05  # KTO's is a mean of batches that hold unlike numbers
    assert metrics["eval_logps/chosen"] == pytest.approx(good, abs=near)
    assert metrics["eval_logps/rejected"] == pytest.approx(bad, abs=near)
    assert abs(good - bare) > 5
    assert metrics["eval_rewards/margins"] == pytest.approx(0, abs=1e-5)
    if kind == "dpo":
        assert metrics["eval_loss"] == pytest.approx(math.log(2), abs=1e-5)
    else:  # each reply's loss is 1 - sigmoid(0), times its weight: two bad ones to a good one
        weighed = (NUM_HELD_OUT * 0.5 + NUM_HELD_OUT // 2 * 2 * 0.5) / (NUM_HELD_OUT * 1.5)
        assert metrics["eval_loss"] == pytest.approx(weighed, abs=0.1)


def test_the_reference_stays_while_the_adapter_moves(backbone, start, dataset, tmp_path):
    trainer = built(backbone, start, dataset, tmp_path, "dpo")
    trainer.train()
    begun = load_file(start / "coding" / "adapter_model.safetensors")
    kept = dict(trainer.model.named_parameters())
    for name, tensor in begun.items():
        reference, moved = (
            kept[name.replace(".weight", f".{adapter}.weight")] for adapter in ("ref", "default")
        )
        assert torch.equal(reference.cpu(), tensor)
        assert not torch.equal(moved.cpu(), tensor)


def test_dpo_raises_the_margin_on_pairs_that_it_has_not_seen(backbone, start, dataset, by_dpo):
    before, after = (log_likelihoods(backbone, folder / "coding") for folder in (start, by_dpo))
    assert after[0] - after[1] > before[0] - before[1] + 3
    training = read_record(by_dpo / "coding" / "training.json", Training)
    found = training.preferences
    assert found is not None
    reward = 0.1 * ((after[0] - after[1]) - (before[0] - before[1]))
    assert found.margin == pytest.approx(reward, rel=0.02)
    lines = read_metrics(by_dpo / "coding" / "metrics.jsonl")
    looks = [line for line in lines if line.validation_loss is not None]
    assert [line.step for line in looks] == [0, 6, 12, 18]
    assert looks[0].margin == pytest.approx(0, abs=1e-5)
    assert looks[-1].validation_loss == training.validation_loss
    losses = [line.validation_loss for line in looks]
    assert losses == sorted(losses, reverse=True)
    assert abs(after[0] - before[0]) < 1, "its own loss holds the chosen reply where it was"
    assert (found.stage, found.num_good, found.num_bad) == ("dpo", NUM_TRAIN, NUM_TRAIN)
    assert 0 < found.median_good < found.median_bad
    assert found.start_digest == adapter_digest(start / "coding")


def test_kto_raises_the_good_against_the_bad(backbone, start, by_kto):
    before, after = (log_likelihoods(backbone, folder / "coding") for folder in (start, by_kto))
    assert after[0] - after[1] > before[0] - before[1] + 3
    training = read_record(by_kto / "coding" / "training.json", Training)
    assert training.preferences is not None
    assert (training.preferences.num_good, training.preferences.num_bad) == (
        NUM_TRAIN,
        NUM_TRAIN // 2,
    )


def greedy(backbone: Path, adapter: Path) -> str:
    """What transformers and PEFT say by themselves."""
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    model = AutoModelForCausalLM.from_pretrained(backbone, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(model, str(adapter))
    asked = tokenizer.apply_chat_template(
        conversation(example(NUM_TRAIN).prompt), add_generation_prompt=True, return_dict=False
    )
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = adapted.generate(
        input_ids=torch.tensor([asked]), max_new_tokens=24, do_sample=False, eos_token_id=end
    )
    return tokenizer.decode(ids[0, len(asked) :], skip_special_tokens=True)


@pytest.mark.parametrize("kind", ["by_dpo", "by_kto"])
def test_the_engine_serves_what_came_of_it(backbone, kind, request):
    folder = request.getfixturevalue(kind)
    manifest = read_record(folder / "mapcoder.json", AdapterManifest)
    assert manifest.roles == CODING
    assert manifest.settings.stage == kind.removeprefix("by_")
    engine = LocalEngine(backbone, {"coding": folder / "coding"})
    try:
        asked = Request(
            messages=example(NUM_TRAIN).prompt, adapter="coding", sampling=Sampling(max_tokens=24)
        )
        (completion,) = engine.complete([asked])
    finally:
        engine.close()
    assert completion.text == greedy(backbone, folder / "coding")
    if kind == "by_dpo":
        assert completion.text == GOOD
    assert not list(folder.rglob("ref")), "the reference is no part of the adapter"
    assert not (folder / "coding" / "checkpoints").exists()


def test_the_start_is_left_as_it_was(start, by_dpo, by_kto):
    training = read_record(by_kto / "coding" / "training.json", Training)
    assert training.preferences is not None
    assert adapter_digest(start / "coding") == training.preferences.start_digest
    assert training.weights_digest == adapter_digest(by_kto / "coding")
    assert training.weights_digest != training.preferences.start_digest


def test_training_sees_the_tokens_that_serving_sends(backbone, start, dataset, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    served = tokenizer.apply_chat_template(
        conversation(example(0).prompt), add_generation_prompt=True, return_dict=False
    )
    packed = built(backbone, start, dataset, tmp_path, "dpo").train_dataset[0]
    assert packed["prompt_ids"] == served
    assert tokenizer.decode(packed["chosen_ids"]) == GOOD + "<|im_end|>"
    assert tokenizer.decode(packed["rejected_ids"]) == BAD + "<|im_end|>"
    trainer = built(backbone, start, dataset, tmp_path, "kto")
    rows = list(trainer.train_dataset)
    assert {tokenizer.decode(row["completion_ids"]) for row in rows if row["label"]} == {
        GOOD + "<|im_end|>"
    }
    first = rows[: trainer.args.per_device_train_batch_size]
    assert [row["KL_completion_ids"] for row in first] == [
        first[place - 1]["completion_ids"] for place in range(len(first))
    ]


def test_the_chosen_replys_own_loss_stands_beside_it(backbone, start, dataset, tmp_path):
    beside = built(backbone, start, dataset, tmp_path, "dpo", preference={"sft_weight": 0.5})
    good, _ = log_likelihoods(backbone, start / "coding")
    tokenizer = AutoTokenizer.from_pretrained(backbone)
    length = len(tokenizer(GOOD + "<|im_end|>", add_special_tokens=False)["input_ids"])
    wanted = math.log(2) - 0.5 * good / length
    assert beside.evaluate()["eval_loss"] == pytest.approx(wanted, abs=1e-3)


def test_a_role_with_few_preferences_is_refused_by_name(backbone, start, dataset, tmp_path):
    few = write_preferences(tmp_path / "few", train=6)
    with pytest.raises(InputError, match=r"has 6 pairs to train coding on, 8 are wanted"):
        train.train(stage(backbone, start, "dpo"), few, tmp_path / "out", CODING)
    with pytest.raises(InputError, match=r"6 good replies and 3 bad ones to train coding on"):
        train.train(stage(backbone, start, "kto"), few, tmp_path / "out", CODING)
    with pytest.raises(InputError, match=r"has 0 pairs to train planning on"):
        train.train(stage(backbone, start, "dpo"), dataset, tmp_path / "out", (Role.PLANNING,))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("bad", [False, True])
def test_a_pair_that_would_be_cut_on_either_side_is_refused_by_name(backbone, start, tmp_path, bad):
    folder = write_preferences(tmp_path)
    long = "word " * 300
    rows = [pair(n) for n in range(12)] + [pair(99, **({"bad": long} if bad else {"good": long}))]
    write_lines(folder / "preferences" / "pairs" / "coding.jsonl", rows)
    tight = stage(backbone, start, "dpo", max_tokens=100)
    with pytest.raises(InputError, match=r"coding: 1 rows exceed 100 tokens.*p99"):
        train.train(tight, folder, tmp_path / "out", CODING)
    allowed = prepare_stage(tight.model_copy(update={"max_dropped": 1}), folder, CODING)
    split = allowed.splits[Role.CODING]
    assert len(split.train) == 12
    dropped = split.too_long[0]
    assert isinstance(dropped, PairRow)
    assert dropped.longest is (dropped.rejected if bad else dropped.chosen)


def test_what_does_not_fit_is_refused_before_anything_is_written(
    backbone, start, dataset, tmp_path
):
    out = tmp_path / "out"
    plain = stage(backbone, start, "dpo")
    beside = plain.preference.model_copy(update={"sft_weight": 0.1})
    for changes, message in (
        ({"start": None}, "name their folder with train.start"),
        ({"stage": "sft"}, "train.start is where a preference stage begins"),
        ({"dora": True}, "train.dora is of train.stage=sft"),
        ({"patience": 2}, "train.patience is of train.stage=sft"),
        ({"batch_rows": 1, "stage": "kto"}, "batch_rows must be 2 or more"),
        ({"stage": "kto", "preference": beside}, "sft_weight is of train.stage=dpo"),
    ):
        chosen = plain.model_copy(update=changes)
        with pytest.raises(ConfigError, match=message):
            train.train(chosen, dataset, out, CODING)
    with pytest.raises(EngineError, match=r"adapter_config.json is missing"):
        train.train(stage(backbone, tmp_path, "dpo"), dataset, out, CODING)
    other = shutil.copytree(start, tmp_path / "other")
    manifest = json.loads((start / "mapcoder.json").read_text())
    write_text(other / "mapcoder.json", json.dumps(manifest | {"backbone_digest": "0" * 64}))
    with pytest.raises(EngineError, match="was trained on the backbone with digest 0000"):
        train.train(stage(backbone, other, "dpo"), dataset, out, CODING)
    (other / "mapcoder.json").unlink()  # of what backbone nobody knows
    with pytest.raises(InputError, match=r"mapcoder.json is missing, which says what backbone"):
        train.train(stage(backbone, other, "dpo"), dataset, out, CODING)
    record = json.loads((start / "mapcoder.json").read_text())
    record["trainings"]["coding"]["weights_digest"] = "0" * 64
    write_text(other / "mapcoder.json", json.dumps(record))
    with pytest.raises(InputError, match=r"coding .* is not the one that its mapcoder.json"):
        train.train(stage(backbone, other, "dpo"), dataset, out, CODING)
    assert not out.exists()


def test_a_blank_reply_may_be_bad_and_never_good(backbone, start, tmp_path):
    folder = write_preferences(tmp_path)
    pairs = folder / "preferences" / "pairs" / "coding.jsonl"
    write_lines(pairs, [pair(n, bad=" ") for n in range(12)])
    prepare_stage(stage(backbone, start, "dpo"), folder, CODING)
    write_lines(pairs, [*(pair(n) for n in range(12)), pair(12, good=" ")])
    with pytest.raises(InputError, match="the reply of r, p12, sample 0, call 0 is blank"):
        prepare_stage(stage(backbone, start, "dpo"), folder, CODING)


COMMAND = """
import json, sys
from pathlib import Path
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.train import train
from mapcoder_lite.trajectory import Role
settings, dataset, folder = json.loads(sys.argv[1])
train(TrainConfig.model_validate(settings), Path(dataset), Path(folder), (Role.CODING,))
"""


@pytest.mark.parametrize("kind", ["dpo", "kto"])
def test_a_killed_stage_ends_in_the_same_adapter(
    backbone, start, dataset, by_dpo, by_kto, tmp_path, kind
):
    chosen = anchored(backbone, start, kind)
    arguments = json.dumps([chosen.model_dump(mode="json"), str(dataset), str(tmp_path)])
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    checkpoints = tmp_path / "coding" / "checkpoints"
    while process.poll() is None and not list(checkpoints.glob("checkpoint-*/trainer_state.json")):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "coding" / "training.json").exists()
    train.train(chosen, dataset, tmp_path, CODING)
    whole = by_dpo if kind == "dpo" else by_kto
    first, second = (
        load_file(folder / "coding" / "adapter_model.safetensors") for folder in (whole, tmp_path)
    )
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
