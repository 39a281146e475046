import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcoder_lite import config
from mapcoder_lite.config import Config
from mapcoder_lite.errors import ConfigError
from mapcoder_lite.settings import EngineKind
from mapcoder_lite.trajectory import Role
from source_tree import PACKAGE


def test_later_layers_win_over_files_and_defaults(tmp_path: Path):
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text("[traversal]\nk = 2\nt = 1\n[run]\nlimit = 7\n")
    second.write_text("[traversal]\nt = 4\n")
    resolved = config.load([first, second], ["traversal.temperature=0.5"])
    assert (resolved.traversal.k, resolved.traversal.t) == (2, 4)
    assert resolved.traversal.temperature == 0.5
    assert resolved.run.limit == 7


def test_the_defaults_follow_the_kind_of_engine_and_the_user_wins():
    assert config.load().traversal.max_tokens == 1024
    assert config.load([], ["engine.kind=openai"]).traversal.max_tokens == 4096
    assert config.load([], ["traversal.max_tokens=64"]).traversal.max_tokens == 64


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("traversal.kk=3", "did you mean traversal.k?"),
        ("nonsense.zzz=3", "no such setting"),
        ("traversal.k", "expected section.key=value"),
        ("traversal..k=3", "expected section.key=value"),
        ("=3", "expected section.key=value"),
        ("traversal.k=", "has no value"),
        ("traversal.k=three", "traversal.k"),
        ("traversal.k=0", "greater than 0"),
        ("run.problems=[a", "not TOML"),
        ("engine.kind=vllm", "engine.kind"),
        ("engine.adapters.cooking=x", "cooking"),
        ("traversal=3", "traversal"),
    ],
)
def test_a_wrong_override_is_refused_loudly(override: str, words: str):
    with pytest.raises(ConfigError, match=r".") as caught:
        config.load([], [override])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_values_are_toml_and_bare_words_are_text():
    resolved = config.load(
        [],
        [
            "engine.kind=local",
            "engine.base_url=http://localhost:8000/v1",
            "judge.unsafe=true",
            'engine.model="7"',
            "engine.adapters={coding = 'adapters/a/coding'}",
        ],
    )
    assert resolved.engine.kind is EngineKind.LOCAL
    assert resolved.engine.base_url == "http://localhost:8000/v1"
    assert resolved.judge.unsafe is True
    assert resolved.engine.model == "7"
    assert resolved.engine.adapters == {Role.CODING: "adapters/a/coding"}


def test_adapters_are_switched_off_by_one_word():
    assert config.load([], ["engine.adapters=false"]).engine.adapters is False


def test_broken_and_missing_files_are_named(tmp_path: Path):
    broken = tmp_path / "x.toml"
    broken.write_text("a = = 3")
    with pytest.raises(ConfigError, match=r"x\.toml is not TOML"):
        config.load([broken])
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.toml"):
        config.load([tmp_path / "nowhere.toml"])


def test_the_digest_changes_with_results_and_not_with_speed():
    base = config.load()
    assert config.load([], ["traversal.k=2"]).digest != base.digest
    assert (
        config.load([], ["run.concurrency=9", "judge.workers=1", "train.rank=8"]).digest
        == base.digest
    )
    assert config.differences(base, config.load([], ["traversal.k=2"])) == ("traversal.k: 3 -> 2",)


def test_a_resolved_configuration_survives_json():
    resolved = config.load([], ["engine.adapters={planning='p'}", "engine.kind=local"])
    again = Config.model_validate_json(resolved.model_dump_json())
    assert again == resolved
    assert again.digest == resolved.digest


def test_the_key_comes_from_the_named_variable_and_is_never_stored():
    engine = config.load([], ["engine.api_key_env=MAPCODER_TEST_ABSENT_KEY"]).engine
    with pytest.raises(ConfigError, match="MAPCODER_TEST_ABSENT_KEY, which is not set"):
        config.api_key(engine)
    assert config.api_key(config.load().engine) is None
    present = config.load([], ["engine.api_key_env=PATH"]).engine
    assert config.api_key(present)
    assert str(config.api_key(present)) not in present.model_dump_json()


@pytest.mark.parametrize("key", ["sk-secret\r", "sk-secret\n", "sk-\x1bsecret", "sk-secrét"])
@pytest.mark.parametrize("variable", ["MY_KEY", "OPENAI_API_KEY"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(variable: str, key: str):
    code = (
        "from mapcoder_lite import config\n"
        "config.environment_server()\n"
        "config.api_key(config.load([], ['engine.api_key_env=MY_KEY']).engine)\n"
    )
    environment = {
        "PYTHONPATH": str(PACKAGE.parent),
        "PYTHONUTF8": "1",
        "OPENAI_BASE_URL": "http://localhost/v1",
        "MY_KEY": "sound",
        variable: key,
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert f"ConfigError: the key in {variable} holds" in done.stderr
    assert "secr" not in done.stderr


_KEYS = st.lists(st.text("abcdef_", min_size=1, max_size=6), min_size=1, max_size=4)
_VALUES = st.one_of(st.integers(-(2**60), 2**60), st.booleans())


@given(keys=_KEYS, value=_VALUES)
def test_an_override_is_what_the_same_toml_line_says(keys: list[str], value: int | bool):
    text = f"{'.'.join(keys)}={str(value).lower()}"
    assert config.parse_override(text) == tomllib.loads(text)
