"""The printed command: what it says of the folders, and that a shell reads it as it was meant."""

import json
import shlex
import shutil
from pathlib import Path

import pytest

from mapcoder_lite import config
from mapcoder_lite.cli import engines, options, serve_cmd
from mapcoder_lite.engine.folders import adapter_digest
from mapcoder_lite.pocket.world import WEIGHTS
from mapcoder_lite.settings import ServerKind
from mapcoder_lite.trajectory import Role
from test_cli_main import Done, mapcoder

CPU = ("-s", "engine.device=cpu")
GPU = ("-s", "engine.device=cuda")


def words_of(done: Done) -> list[str]:
    """The command as a shell reads it."""
    assert done.code == 0, done.stderr
    assert done.stdout.count("\n") == 1
    return shlex.split(done.stdout)


def value_of(words: list[str], flag: str) -> str:
    return words[words.index(flag) + 1]


def settings_of(done: Done) -> list[str]:
    words = shlex.split(done.stderr.rpartition("ask it with: ")[2])
    assert words[::2] == ["-s"] * (len(words) // 2)
    return words[1::2]


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """The pocket weights as `train` leaves them, in folders that need quoting."""
    home = tmp_path / "it's here"
    shutil.copytree(WEIGHTS / "adapters", home / "my adapters")
    shutil.copytree(WEIGHTS / "pocket-backbone", home / "backbone of mine")
    manifest = json.loads((home / "my adapters" / "mapcoder.json").read_text())
    manifest["settings"]["backbone"] = str(home / "backbone of mine")
    (home / "my adapters" / "mapcoder.json").write_text(json.dumps(manifest))
    return home / "my adapters"


def change_config(adapter: Path, **fields: object) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_the_pocket_weights_are_served_on_a_cpu(tmp_path: Path) -> None:
    done = mapcoder(tmp_path, "serve-cmd", "vllm", *CPU)
    words = words_of(done)
    assert words[:3] == ["VLLM_CPU_KVCACHE_SPACE=1", "HF_HUB_OFFLINE=1", "VLLM_NO_USAGE_STATS=1"]
    assert words[3:6] == ["python", "-m", "vllm.entrypoints.openai.api_server"]
    assert value_of(words, "--model") == str(WEIGHTS / "pocket-backbone")
    assert value_of(words, "--max-model-len") == "2048"
    assert value_of(words, "--dtype") == "float32"
    assert value_of(words, "--generation-config") == "vllm"
    assert value_of(words, "--host") == "127.0.0.1"
    assert (value_of(words, "--max-loras"), value_of(words, "--max-lora-rank")) == ("4", "32")
    assert {"--enforce-eager", "--enable-prompt-tokens-details", "--enable-lora"} <= set(words)
    modules = words[words.index("--lora-modules") + 1 :]
    assert modules == [f"{role.value}={WEIGHTS / 'adapters' / role.value}" for role in Role]
    assert "third-party build" in done.stderr
    assert "beware" in done.stderr


def test_on_a_gpu_graphs_stay_on(tmp_path: Path) -> None:
    done = mapcoder(tmp_path, "serve-cmd", "vllm", *GPU)
    words = words_of(done)
    assert words[2:5] == ["vllm", "serve", str(WEIGHTS / "pocket-backbone")]
    assert value_of(words, "--dtype") == "bfloat16"
    assert "--enforce-eager" not in words
    assert not any(word.startswith("VLLM_CPU") for word in words)
    assert "beware" not in done.stderr


def test_the_printed_settings_ask_that_server(tmp_path: Path) -> None:
    done = mapcoder(tmp_path, "serve-cmd", "vllm")
    settings = config.load((), settings_of(done))
    assert settings.engine.base_url == "http://127.0.0.1:8000/v1"
    assert settings.engine.adapters is True
    assert settings.engine.server is ServerKind.VLLM
    assert settings.engine.context_tokens == 2048
    assert settings.traversal.max_tokens == 512
    with engines.opened_engine(settings) as engine:
        assert "pocket-backbone" in engine.identity


def test_folders_that_train_wrote_are_enough(trained: Path) -> None:
    done = mapcoder(trained.parent, "serve-cmd", "vllm", "--adapters", "my adapters", *CPU)
    words = words_of(done)
    assert value_of(words, "--model") == str(trained.parent / "backbone of mine")
    assert value_of(words, "--served-model-name") == "backbone of mine"
    assert words[-1] == f"debugging={trained / 'debugging'}"
    assert "engine.model=backbone of mine" in settings_of(done)


def test_digests_name_other_weights_otherwise(trained: Path) -> None:
    shutil.rmtree(trained / "retrieval")
    done = mapcoder(
        trained.parent, "serve-cmd", "vllm", "--adapters", "my adapters", "--digests", *CPU
    )
    name = f"coding-{adapter_digest(trained / 'coding')[:8]}"
    assert f"{name}={trained / 'coding'}" in words_of(done)
    assert value_of(words_of(done), "--max-loras") == "3"
    adapters = config.load((), settings_of(done)).engine.adapters
    assert isinstance(adapters, dict)
    assert adapters[Role.CODING] == name
    assert Role.RETRIEVAL not in adapters
    assert "no adapter for retrieval" in done.stderr


def test_settings_name_the_folders_too(trained: Path) -> None:
    done = mapcoder(
        trained.parent,
        *("serve-cmd", "vllm", "-s", "engine.backbone=backbone of mine"),
        *("-s", f'engine.adapters={{coding = "{trained / "coding"}"}}', *CPU),
    )
    words = words_of(done)
    assert words[words.index("--lora-modules") + 1 :] == [f"coding={trained / 'coding'}"]
    assert 'engine.adapters={coding = "coding"}' in settings_of(done)


def test_the_bare_backbone_needs_no_adapters(tmp_path: Path) -> None:
    done = mapcoder(tmp_path, "serve-cmd", "vllm", "-s", "engine.adapters=false", *CPU)
    assert not [word for word in words_of(done) if "lora" in word]
    assert "engine.adapters=false" in settings_of(done)
    assert "beware" not in done.stderr


@pytest.mark.parametrize(("rank", "told"), [(1, "32"), (33, "64"), (200, "256"), (257, "320")])
def test_vllm_is_told_the_next_rank_that_it_takes(trained: Path, rank: int, told: str) -> None:
    change_config(trained / "coding", rank_pattern={"q_proj": rank})
    done = mapcoder(trained.parent, "serve-cmd", "vllm", "--adapters", str(trained))
    assert value_of(words_of(done), "--max-lora-rank") == told
    assert int(told) in serve_cmd.RANKS


def test_a_long_context_is_bounded_unless_it_is_asked_for(trained: Path) -> None:
    backbone = trained.parent / "long"
    shutil.copytree(WEIGHTS / "pocket-backbone", backbone)
    fields = json.loads((backbone / "config.json").read_text())
    fields |= {"max_position_embeddings": 131_072, "num_hidden_layers": 28}
    (backbone / "config.json").write_text(json.dumps(fields))
    (trained / "mapcoder.json").unlink()
    command = ("serve-cmd", "vllm", "--backbone", "long", "--adapters", "my adapters", *CPU)
    words = words_of(mapcoder(trained.parent, *command))
    assert value_of(words, "--max-model-len") == "16384"
    # 4 requests x 16384 tokens x 28 layers x 2 x 4 heads x 32 x 4 bytes = 1.75 GiB
    assert words[0] == "VLLM_CPU_KVCACHE_SPACE=2"
    asked = words_of(mapcoder(trained.parent, *command, "--context", "131072"))
    assert value_of(asked, "--max-model-len") == "131072"
    assert asked[0] == "VLLM_CPU_KVCACHE_SPACE=14"


def test_what_would_go_wrong_later_is_refused_now(trained: Path) -> None:
    def refusal(code: int, *words: str) -> str:
        done = mapcoder(trained.parent, "serve-cmd", "vllm", *words, *CPU)
        assert (done.code, done.stdout) == (code, ""), done.stderr
        return done.stderr

    adapters = ("--adapters", "my adapters")
    assert "2048" in refusal(2, "--context", "4096")
    assert "whose adapters?" in refusal(2, "--backbone", "backbone of mine")
    assert "no folder named after a role" in refusal(2, "--adapters", ".")
    assert "is no backbone" in refusal(3, "--backbone", ".", *adapters)
    (trained.parent / "backbone of mine").rename(trained.parent / "coding")
    assert "give --backbone" in refusal(2, *adapters)
    assert "has an adapter's name" in refusal(2, "--backbone", "coding", *adapters)
    (trained.parent / "coding" / "generation_config.json").unlink()
    assert "another backbone" in refusal(3, "--backbone", "coding", *adapters)
    change_config(trained / "coding", r=0)
    assert "rank 0, which none can have" in refusal(2, "--backbone", "coding", *adapters)
    change_config(trained / "coding", r=513)
    assert "rank 513" in refusal(2, "--backbone", "coding", *adapters)
    (trained / "planning" / "adapter_model.safetensors").unlink()
    assert "adapter_model.safetensors" in refusal(3, "--backbone", "coding", *adapters)


@pytest.mark.parametrize(
    "fields",
    [
        {"max_position_embeddings": -1},
        {"num_attention_heads": float("inf")},
        {"num_hidden_layers": float("nan")},
        {"num_attention_heads": 0},
        {"num_key_value_heads": "many"},
        {"hidden_size": [1]},
    ],
)
def test_a_backbone_of_no_possible_size_is_refused(
    tmp_path: Path, fields: dict[str, object]
) -> None:
    shutil.copytree(WEIGHTS / "pocket-backbone", tmp_path / "b")
    path = tmp_path / "b" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"head_dim": None} | fields))
    command = ("serve-cmd", "vllm", "--backbone", "b", "-s", "engine.adapters=false", *CPU)
    done = mapcoder(tmp_path, *command)
    assert (done.code, done.stdout) == (3, "")
    assert "does not say a model's size" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["a,b", "rank=8"])
def test_an_adapters_path_that_misleads_vllm_is_named_by_json(trained: Path, name: str) -> None:
    trained.rename(trained.parent / name)
    done = mapcoder(trained.parent, "serve-cmd", "vllm", "--adapters", name, *CPU)
    module = json.loads(words_of(done)[-1])
    assert module == {"name": "debugging", "path": str(trained.parent / name / "debugging")}


@pytest.mark.parametrize(
    "name",
    (
        *("123", "true", "1.5", "nan", "2024-01-01", "{x", "[y", '"q"', "it's", " a "),
        *("a\n\x7f\x85b", "plain", "org/model:7b", "é😀"),
    ),
)
def test_a_name_is_written_so_that_it_is_read_as_this_name(name: str) -> None:
    word = options.written(name)
    assert config.load([], [f"engine.model={word}"]).engine.model == name
    table = config.load([], [f"engine.adapters={{coding = {options.quoted(name)}}}"]).engine
    assert table.adapters == {Role.CODING: name}
    assert word.isprintable()
    if name in ("plain", "org/model:7b", "é😀"):
        assert word == name


def test_the_printed_settings_ask_for_a_backbone_whose_name_is_a_number(tmp_path: Path) -> None:
    shutil.copytree(WEIGHTS / "pocket-backbone", tmp_path / "123")
    done = mapcoder(
        tmp_path, "serve-cmd", "vllm", "--backbone", "123", "-s", "engine.adapters=false"
    )
    assert config.load([], settings_of(done)).engine.model == "123"
