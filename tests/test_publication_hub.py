"""The upload against a hub on a real socket: whole, with the key, and never telling it."""

import pytest

from hub_server import serving
from mapcoder_lite.errors import InputError
from mapcoder_lite.publication.hub import upload

KEY = "hf_" + "k" * 34

pytest.importorskip("huggingface_hub")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "coding").mkdir()
    (tmp_path / "README.md").write_text("# First\n")
    (tmp_path / "coding" / "adapter_model.safetensors").write_bytes(bytes(range(256)))
    (tmp_path / "coding" / "checkpoint.bin").write_bytes(b"not this one")
    return tmp_path


NAMES = ("README.md", "coding/adapter_model.safetensors")


def test_the_named_files_arrive_whole_in_one_commit(folder):
    with serving(KEY) as hub:
        address = upload(folder, NAMES, "me/first", "model", KEY, endpoint=hub.url)
    assert address == f"{hub.url}/me/first/commit/0123"
    assert hub.files == {name: (folder / name).read_bytes() for name in NAMES}
    assert hub.created[0]["visibility"] == "private"
    assert [path for path in hub.paths if "commit" in path] == ["/api/models/me/first/commit/main"]


def test_a_data_set_goes_to_a_repository_of_data_sets(folder):
    with serving(KEY) as hub:
        upload(folder, NAMES[:1], "me/first", "dataset", KEY, endpoint=hub.url, is_private=False)
    assert hub.created[0]["type"] == "dataset"
    assert hub.created[0].get("visibility") == "public"
    assert "/api/datasets/me/first/commit/main" in hub.paths


def test_a_refused_key_is_an_error_that_does_not_tell_it(folder, caplog, capfd):
    with serving(KEY) as hub, pytest.raises(InputError, match="was not published") as caught:
        upload(folder, NAMES, "me/first", "model", "hf_" + "x" * 34, endpoint=hub.url)
    told = f"{caught.value}{caplog.text}{''.join(capfd.readouterr())}"
    assert "401" in told
    assert "xxxx" not in told
    assert hub.files == {}


@pytest.mark.parametrize("repo", ["one", "a/b/c", "me/..", "me/a b"])
def test_a_name_that_is_none_is_refused(folder, repo):
    with serving(KEY) as hub, pytest.raises(InputError, match="was not published"):
        upload(folder, NAMES, repo, "model", KEY, endpoint=f"{hub.url}/none")
    assert hub.files == {}


def test_a_hub_that_does_not_answer_is_an_error(folder):
    with serving(KEY) as hub:
        url = hub.url
    with pytest.raises(InputError, match="was not published"):
        upload(folder, NAMES, "me/first", "model", KEY, endpoint=url)
