"""`mapcoder card`, `publish` and `merge` as a person gives them."""

import json
import re

import pytest

from hub_server import serving
from mapcoder_lite.jsonl import write_record
from mapcoder_lite.settings import TrainConfig
from mapcoder_lite.training.records import TrainingClaim
from mapcoder_lite.trajectory import Role
from pocket_run import known_puzzles, teacher_run
from test_cli_main import mapcoder
from test_publication import adapters, dataset, source
from test_training_merge import make_adapter
from tiny_architectures import ARCHITECTURES, make_backbone

KEY = "hf_" + "k" * 34


@pytest.fixture(autouse=True)
def without_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)


def test_a_card_is_written_with_results_and_shown_before(tmp_path):
    adapters(tmp_path / "first")
    (tmp_path / "first" / "README.md").unlink()
    run = teacher_run(tmp_path / "runs" / "tuned", known_puzzles(2))
    words = ("card", "first", "--licence", "apache-2.0", "--run", str(run))
    shown = mapcoder(tmp_path, *words, "--show")
    assert shown.code == 0
    assert not (tmp_path / "first" / "README.md").exists()
    done = mapcoder(tmp_path, *words)
    assert done.stdout.strip() == "first/README.md"
    text = (tmp_path / "first" / "README.md").read_text()
    assert text.rstrip() == shown.stdout.rstrip()
    assert "| tuned |" in text


def test_a_citation_comes_from_a_file(tmp_path):
    adapters(tmp_path / "first")
    (tmp_path / "mine.bib").write_text("@misc{mine, title={Mine}}\n```\n# not a heading")
    words = ("card", "first", "--licence", "mit", "--show", "--citation")
    assert "@misc{mine, title={Mine}}\n\n# not" in mapcoder(tmp_path, *words, "mine.bib").stdout
    gone = mapcoder(tmp_path, *words, "gone.bib")
    assert gone.code == 6
    assert "--citation takes a BibTeX file" in gone.stderr


def test_a_dry_run_shows_files_card_and_what_is_left_out_and_sends_nothing(tmp_path):
    adapters(tmp_path / "first")
    done = mapcoder(tmp_path, "publish", "first", "--dry-run")
    assert done.code == 0
    assert re.search(r"^coding/adapter_model\.safetensors +7 +\w{16}$", done.stdout, re.MULTILINE)
    assert "# First adapters" in done.stdout
    assert "left out: coding/settings.json" in done.stderr
    as_json = json.loads(mapcoder(tmp_path, "publish", "first", "--dry-run", "--json").stdout)
    assert as_json["kind"] == "model"
    assert as_json["refusals"] == []
    assert {len(file["sha256"]) for file in as_json["files"]} == {64}


def test_what_speaks_against_it_ends_in_its_exit_code_dry_or_not(tmp_path):
    dataset(tmp_path / "rows", source("xcodeeval", "CC BY-NC 4.0"))
    for more in (("--dry-run",), ("--repo", "me/rows")):
        done = mapcoder(tmp_path, "publish", "rows", *more)
        assert done.code == 6
        assert "refused: xcodeeval (3 problems): CC BY-NC 4.0 forbids commercial" in done.stderr
        assert "nothing was sent" in done.stderr
    allowed = mapcoder(tmp_path, "publish", "rows", "--dry-run", "--allow", "xcodeeval")
    assert allowed.code == 0
    assert mapcoder(tmp_path, "publish", "rows", "--dry-run", "--allow", "apps").code == 6


def test_without_repository_or_key_nothing_is_sent(tmp_path):
    adapters(tmp_path / "first")
    nowhere = mapcoder(tmp_path, "publish", "first")
    assert (nowhere.code, "needs --repo" in nowhere.stderr) == (2, True)
    with serving(KEY) as hub:
        words = ("publish", "first", "--repo", "me/first", "--endpoint", hub.url)
        keyless = mapcoder(tmp_path, *words)
    assert (keyless.code, "export HF_TOKEN" in keyless.stderr) == (2, True)
    assert hub.paths == []


def test_with_both_the_files_go_out_and_the_key_is_not_told(tmp_path, monkeypatch):
    folder = adapters(tmp_path / "first")
    monkeypatch.setenv("HF_TOKEN", KEY)
    with serving(KEY) as hub:
        words = ("publish", "first", "--repo", "me/first", "--endpoint", hub.url)
        dry = mapcoder(tmp_path, *words, "--dry-run")
        assert hub.paths == []
        done = mapcoder(tmp_path, *words)
    assert done.code == dry.code == 0
    assert f"published {hub.url}/me/first/commit/0123" in done.stderr
    assert hub.files["mapcoder.json"] == (folder / "mapcoder.json").read_bytes()
    assert not any("settings.json" in name for name in hub.files)
    assert KEY not in done.stdout + done.stderr + dry.stdout + dry.stderr


def test_merging_finds_the_backbone_of_the_training(tmp_path):
    backbone = make_backbone(ARCHITECTURES["qwen"], tmp_path / "backbone")
    adapter = make_adapter(backbone, tmp_path / "first" / "coding")
    words = ("merge", "first", "--role", "coding", "--dtype", "float32", "--out")
    lost = mapcoder(tmp_path, *words, "merged")
    assert (lost.code, "--backbone" in lost.stderr) == (2, True)
    begun = TrainingClaim(
        role=Role.CODING,
        settings=TrainConfig(backbone=str(backbone)),
        backbone_digest="",
        template_digest="",
        rows_digest="",
    )
    write_record(adapter / "settings.json", begun)
    done = mapcoder(tmp_path, *words, "merged", "--json")
    assert done.code == 0
    assert json.loads(done.stdout)["difference"] < 1e-3
    assert (tmp_path / "merged" / "model.safetensors").is_file()
    again = mapcoder(tmp_path, *words, "merged", "--backbone", str(backbone))
    assert (again.code, "there already" in again.stderr) == (6, True)
    strange = mapcoder(tmp_path, "merge", "first", "--role", "tester", "--out", "x")
    assert (strange.code, "no such role" in strange.stderr) == (2, True)
