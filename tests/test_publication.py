"""Cards and uploads: what is said of adapters and data sets, and what must not leave."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcoder_lite.curation.examples import DatasetManifest
from mapcoder_lite.curation.sources import SourceCount
from mapcoder_lite.engine.folders import adapter_digest
from mapcoder_lite.errors import InputError
from mapcoder_lite.evaluation.costs import Costs, RoleFailures, Spent
from mapcoder_lite.evaluation.metrics import Metrics
from mapcoder_lite.examination import Examination
from mapcoder_lite.jsonl import write_record
from mapcoder_lite.publication.cards import Words, card
from mapcoder_lite.publication.inspection import check_allowed, inspect, licence_fault, metadata
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.statistics import Rate
from mapcoder_lite.training.records import AdapterManifest, Training
from mapcoder_lite.trajectory import Role
from test_data_formats import BLOCKS

WORDS = Words(licence="apache-2.0", title="First adapters")
ROLES = (Role.CODING, Role.PLANNING)


def training(role: Role, weights_digest: str = "ab" * 32) -> Training:
    return Training(
        role=role,
        way="separate",
        num_rows=810,
        num_validation=42,
        num_dropped=0,
        num_steps=150,
        best_step=100,
        stopped="no_gain",
        num_trainable=80_740_352,
        share=0.0106,
        num_tokens=1_000_000,
        seconds=60.0,
        peak_memory_bytes=None,
        loss=0.0149,
        untuned_loss=1.25,
        validation_loss=0.0131,
        weights_digest=weights_digest,
    )


def manifest(**changes: object) -> AdapterManifest:
    made = DatasetManifest.model_validate_json(BLOCKS["DatasetManifest"])
    fields = {
        "roles": ROLES,
        "settings": TrainConfig(backbone="models/Qwen2.5-7B-Instruct"),
        "backbone": "Qwen2.5-7B-Instruct",
        "backbone_digest": "cd" * 32,
        "template_digest": "ef" * 32,
        "dataset": made.model_dump(mode="json"),
        "trainings": {role: training(role) for role in ROLES},
        "version": "0.1.0",
        "commit": "f00",
        "packages": {"torch": "2.13.0"},
        "device": "a card",
    }
    return AdapterManifest.model_validate(fields | changes)


def adapters(folder: Path, **changes: object) -> Path:
    for role in ROLES:
        (folder / role).mkdir(parents=True)
        (folder / role / "adapter_config.json").write_text('{"r": 32}')
        (folder / role / "adapter_model.safetensors").write_bytes(b"weights")
        (folder / role / "settings.json").write_text('{"backbone": "/data/of/mine"}')
    trainings = {role: training(role, adapter_digest(folder / role)) for role in ROLES}
    write_record(folder / "mapcoder.json", manifest(**{"trainings": trainings, **changes}))
    (folder / "README.md").write_text(card(folder, WORDS))
    return folder


def dataset(folder: Path, *sources: SourceCount, licence: str = "apache-2.0") -> Path:
    (folder / "validation").mkdir(parents=True)
    for role in Role:
        (folder / f"{role}.jsonl").write_text("{}\n")
        (folder / "validation" / f"{role}.jsonl").write_text("")
    made = DatasetManifest.model_validate_json(BLOCKS["DatasetManifest"])
    chosen = made.model_copy(update={"sources": sources or made.sources})
    write_record(folder / "manifest.json", chosen)
    (folder / "README.md").write_text(card(folder, Words(licence=licence, title="Rows")))
    return folder


def source(name: str, licence: str | None) -> SourceCount:
    return SourceCount(name=name, licence=licence, num_problems=3, num_rows=9)


def run(name: str, badge: str, passed: int) -> Metrics:
    rate = Rate(num_passed=passed, num_total=200, low=passed / 250, high=passed / 180)
    return Metrics(
        run=name,
        engine="local",
        adapters=badge,
        examination=Examination.model_validate_json(BLOCKS["Examination"]),
        num_problems=200,
        num_unreadable=0,
        num_samples=1,
        num_units=200,
        num_solved_units=200,
        num_errors=0,
        num_internal=0,
        num_ungraded=0,
        passed=rate,
        passed_sound=None,
        num_defective=0,
        public=rate,
        costs=Costs(),
        spent=Spent(
            calls=1,
            prompt_tokens=1,
            cached_tokens=0,
            completion_tokens=1,
            dollars=None,
            num_reused=0,
        ),
        roles={Role.CODING: RoleFailures(num_calls=300, num_failures=7, kinds={"cut_off": 7})},
        verdicts={},
        stops={},
    )


def test_the_model_card_says_of_each_adapter_what_it_was_made_of(tmp_path):
    folder = adapters(tmp_path / "a")
    text = card(folder, WORDS, [run("untuned", "prompts only", 8), run("tuned", "4 LoRA", 129)])
    assert metadata(text)["license"] == "apache-2.0"
    assert metadata(text)["base_model"] == "Qwen/Qwen2.5-7B-Instruct"
    assert "| coding | 810 | 42 | 150 | 100 | 0.0149 | 1.2500 | 0.0131 | 80740352 | 1.1 % |" in text
    assert "All adapters together are 2.1 % of the backbone" in text
    assert "| tuned | 4 LoRA | 129 of 200, 64.5 % | 51.6 % to 71.7 % | 7 of 300 |" in text
    assert "No run of the untuned backbone" not in text
    assert "No adapter for retrieval, debugging" in text
    assert '"rank": 32' in text
    assert "models/Qwen" not in text
    assert "59702ce53228c83bb83e56d6e25f9daf9bad8ee732261f75d4390083c33f35d9" in text
    assert "| pocket | Apache-2.0 | 1997 | 9655 |" in text


def test_without_runs_nothing_is_claimed(tmp_path):
    folder = adapters(tmp_path / "a")
    assert "nothing is claimed" in card(folder, WORDS)
    assert "No run of the untuned" in card(folder, WORDS, [run("tuned", "4 LoRA", 129)])


def local(backbone: str, **digests: str) -> str:
    """An engine's identity as the one in process tells it."""
    parts = [f"{role}@{digest * 8}" for role, digest in digests.items()]
    return " ".join(["local", f"Qwen2.5@{backbone * 8}", "float32", *parts])


def test_a_run_of_other_adapters_or_of_another_backbone_is_refused(tmp_path):
    folder = adapters(tmp_path / "a", trainings={role: training(role) for role in ROLES})
    tuned, untuned = run("tuned", "2 LoRA", 129), run("untuned", "prompts only", 8)

    def told(engine: str, of: Metrics = tuned) -> str:
        return card(folder, WORDS, [of.model_copy(update={"engine": engine})])

    assert "not recorded" not in told(local("cd", coding="ab", planning="ab"))
    with pytest.raises(InputError, match=r"tuned was made with another adapter for coding"):
        told(local("cd", coding="aa", planning="ab"))
    with pytest.raises(InputError, match=r"tuned was made with another adapter for planning"):
        told(f"routed coding=[{local('cd', coding='ab')}] rest=[{local('cd', planning='aa')}]")
    with pytest.raises(InputError, match=r"another adapter for debugging \(digest abababab"):
        told(local("cd", coding="ab", debugging="ab"))
    for one in (tuned, untuned):
        with pytest.raises(InputError, match=r"of the backbone with digest cccccccc"):
            told(local("cc"), one)
    assert "not recorded" not in told(local("cd"), untuned)
    served = told("openai http://localhost:8000/v1 base coding=coding")
    assert "Which weights answered is not recorded of tuned" in served


def test_the_card_says_which_stage_rows_and_kind_of_model_it_is_of(tmp_path):
    made = DatasetManifest.model_validate_json(BLOCKS["DatasetManifest"]).model_dump(mode="json")

    def told(name: str, keep: str = "passing", **changes: object) -> str:
        chosen = TrainConfig(backbone="models/Qwen2.5-7B-Instruct", **changes)
        rows = made | {"settings": made["settings"] | {"keep": keep}}
        return card(adapters(tmp_path / name, settings=chosen, dataset=rows), WORDS)

    plain = told("plain")
    assert "Losses are nats a token of the reply. All adapters together" in plain
    assert "attempts that passed tests" in plain
    every = told("every", keep="all")
    assert "attempts that passed tests" not in every
    assert "also those whose program failed" in every
    full = told("full", method="full")
    assert "2 whole models" in full
    assert metadata(full)["library_name"] == "transformers"
    assert "lora" not in full.lower().split("## training")[0]
    assert "adapters together" not in full
    for stage, rows in (("dpo", "pairs of a good"), ("kto", "each good or bad")):
        preferred = told(stage, stage=stage, start="adapters/first")
        assert f"Losses are those of {stage.upper()}, not nats a token; rows are" in preferred
        assert rows in preferred
        assert "attempts that passed tests" not in preferred


def test_the_dataset_card_has_funnel_sources_overlap_and_columns(tmp_path):
    folder = dataset(tmp_path / "d")
    text = (folder / "README.md").read_text()
    assert "| whose program passed all hidden tests | attempts | 2383 |" in text
    assert "| pocket | Apache-2.0 | 1997 | 9655 |" in text
    assert "3 of 2000 problems and 0 of 9668 further replies" in text
    assert "- config_name: coding\n  data_files:\n  - split: train\n    path: coding.jsonl" in text
    assert "split: validation" not in text  # the files are empty
    assert "- 1K<n<10K" in text
    for column in ("prompt", "completion", "provenance", "tokens"):
        assert f"| {column} |" in text


@given(name=st.text(min_size=1, max_size=60))
@settings(max_examples=30, deadline=None)
def test_no_name_becomes_markup_or_metadata(name, tmp_path_factory):
    folder = adapters(tmp_path_factory.mktemp("a") / "a", backbone=name, device=name)
    words = Words(licence=name, title=name)
    text = card(folder, words, [run(name, name, 1)])
    head = text.split("\n---\n")[0].split("\n")
    assert head[0] == "---"
    assert head[1] == f"license: {json.dumps(name)}"
    assert head[2] == f"base_model: {json.dumps(name)}"
    assert head[3] == "library_name: peft"
    tables = [line for line in text.split("\n") if line.startswith("|")]
    expected = [
        line for line in card(folder, WORDS, [run("r", "r", 1)]).split("\n") if line[:1] == "|"
    ]
    assert len(tables) == len(expected)
    for line, plain in zip(tables, expected, strict=True):
        assert len(re.findall(r"(?<!\\)\|", line)) == len(re.findall(r"(?<!\\)\|", plain))
    assert "<script" not in card(folder, Words(licence="x", title="<script>"))


def test_a_sound_folder_has_nothing_against_it_and_leaves_out_what_is_not_published(tmp_path):
    found = inspect(adapters(tmp_path / "a"))
    assert found.refusals == ()
    assert found.kind == "model"
    assert [file.name for file in found.files] == [
        "README.md",
        "coding/adapter_config.json",
        "coding/adapter_model.safetensors",
        "mapcoder.json",
        "planning/adapter_config.json",
        "planning/adapter_model.safetensors",
    ]
    assert found.left_out == ("coding/settings.json", "planning/settings.json")
    assert inspect(dataset(tmp_path / "d")).refusals == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("token hf_" + "a" * 34, "a key of the hub"),
        ("sk-" + "b" * 40, "a key of a model's host"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        (f"see {Path.cwd()}/src", "a path of this machine"),
        ("the word is swordfish-123", "the key of HF_TOKEN"),
    ],
)
def test_keys_and_paths_of_this_machine_are_refused_by_line(text, said, tmp_path):
    folder = dataset(tmp_path / "d")
    (folder / "coding.jsonl").write_text(f"{{}}\n{json.dumps({'content': text})}\n")
    refusals = inspect(folder, secret="swordfish-123").refusals
    assert len(refusals) == 1
    assert refusals[0].startswith("coding.jsonl, line 2: holds")
    assert said in refusals[0]
    assert "swordfish" not in refusals[0]


def test_an_absolute_path_in_a_manifest_is_refused_by_its_key(tmp_path):
    settings = TrainConfig(backbone="/models/Qwen2.5-7B-Instruct")
    (refusal,) = inspect(adapters(tmp_path / "a", settings=settings)).refusals
    assert refusal.startswith("mapcoder.json, settings.backbone: holds /models/Qwen2.5")


def test_a_card_that_is_missing_bare_or_old_is_refused(tmp_path):
    folder = adapters(tmp_path / "a")
    (folder / "README.md").write_text("# Mine\n")
    assert [fault.partition(":")[0] for fault in inspect(folder).refusals] == [
        "README.md says nothing of license",
        "README.md says nothing of base_model",
        "README.md was made from another mapcoder.json than lies here",
    ]
    (folder / "README.md").unlink()
    assert "README.md is missing" in inspect(folder).refusals[0]


def test_adapters_that_the_manifest_names_must_be_there(tmp_path):
    folder = adapters(tmp_path / "a")
    (folder / "coding" / "adapter_model.safetensors").unlink()
    (refusal,) = inspect(folder).refusals
    assert refusal.startswith("coding/adapter_model.safetensors is missing")
    (folder / "coding" / "adapter_model.safetensors").write_bytes(b"others")
    (refusal,) = inspect(folder).refusals
    assert refusal.startswith("coding is not the adapter that mapcoder.json describes")


def test_sources_whose_licence_forbids_it_are_refused_unless_a_person_says_so(tmp_path):
    closed = source("xcodeeval", "CC BY-NC 4.0")
    folder = dataset(tmp_path / "d", closed, source("own", None), source("mbpp", "CC BY 4.0"))
    refusals = inspect(folder).refusals
    assert [fault.split(" ")[0] for fault in refusals] == ["xcodeeval", "own"]
    assert "forbids commercial use" in refusals[0]
    assert "--allow own" in refusals[1]
    assert inspect(folder, allowed=["xcodeeval", "own"]).refusals == ()
    alike = dataset(tmp_path / "nc", closed, licence="cc-by-nc-4.0")
    assert inspect(alike).refusals == ()
    with pytest.raises(InputError, match="it has: xcodeeval, own, mbpp"):
        check_allowed(folder, ["apps"])


@pytest.mark.parametrize(
    ("licence", "is_free"),
    [
        ("CC BY 4.0", True),
        ("MIT", True),
        ("Apache-2.0", True),
        ("cc0", True),
        ("cc by-sa", True),
        ("cc (version not said)", False),
        ("MIT by the card; the statements' own sites: unchecked", False),
        ("CC BY-NC 4.0", False),
        ("CC BY-ND 4.0", False),
        ("all rights reserved", False),
        ("permission of the author", False),
        (None, False),
    ],
)
def test_what_a_licence_allows(licence, is_free):
    assert (licence_fault(licence, "apache-2.0") is None) is is_free


def test_what_is_neither_is_refused(tmp_path):
    with pytest.raises(InputError, match="neither adapters"):
        inspect(tmp_path)
    with pytest.raises(InputError, match="belong to the card of adapters"):
        card(dataset(tmp_path / "d"), WORDS, [run("r", "4 LoRA", 1)])
