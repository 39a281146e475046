"""Adapters that were trained on other prompts are named before the first request."""

import json
from pathlib import Path

import pytest

from mapcoder_lite.agents.prompt import prompts_digest
from mapcoder_lite.cli import preflight
from mapcoder_lite.cli.trained import adapter_folders, other_prompts
from mapcoder_lite.config import Config
from mapcoder_lite.engine.folders import backbone_digest
from mapcoder_lite.engine.local import LocalEngine
from mapcoder_lite.errors import EngineError
from mapcoder_lite.settings import EngineConfig, EngineKind
from mapcoder_lite.trajectory import Role
from test_training_merge import make_adapter
from tiny_architectures import ARCHITECTURES, make_backbone


def trained(folder: Path, record: str) -> dict[Role, Path]:
    (folder / "coding").mkdir(parents=True, exist_ok=True)
    (folder / "mapcoder.json").write_text(record)
    return {Role.CODING: folder / "coding"}


def local(folders: dict[Role, Path]) -> Config:
    names = {role: str(folder) for role, folder in folders.items()}
    engine = EngineConfig(kind=EngineKind.LOCAL, backbone="nowhere", adapters=names)
    return Config(engine=engine)


def test_adapters_of_these_prompts_and_of_unknown_ones_raise_no_doubt(tmp_path):
    ours = trained(tmp_path / "a", json.dumps({"dataset": {"prompts_digests": [prompts_digest()]}}))
    silent = trained(tmp_path / "b", json.dumps({"dataset": {}}))
    assert other_prompts(ours) == other_prompts(silent) == ()
    assert preflight.prepare(local(ours)).lines == ()
    assert other_prompts({Role.CODING: tmp_path / "none"}) == ()


def test_adapters_of_other_prompts_are_named_before_the_first_request(tmp_path):
    folders = trained(tmp_path, json.dumps({"dataset": {"prompts_digests": ["0" * 64]}}))
    (line,) = preflight.prepare(local(folders)).lines
    assert line.startswith("coding: trained on prompts of another version (000000000000)")
    assert prompts_digest()[:12] in line


@pytest.mark.parametrize("record", ["no json", "[]"])
def test_a_record_that_cannot_be_read_is_no_silence(record, tmp_path):
    with pytest.raises(EngineError, match="no record of training"):
        other_prompts(trained(tmp_path, record))


def test_the_packaged_adapters_are_where_they_are_asked_for():
    folders = adapter_folders(EngineConfig())
    assert set(folders) == set(Role)
    assert all(folder.is_dir() for folder in folders.values())
    assert adapter_folders(EngineConfig(adapters=False)) == {}
    assert adapter_folders(EngineConfig(kind=EngineKind.OPENAI)) == {}


def test_another_chat_template_is_another_backbone_to_the_engine(tmp_path):
    backbone = make_backbone(ARCHITECTURES["mistral"], tmp_path / "backbone")
    adapter = make_adapter(backbone, tmp_path / "coding")
    record = {"backbone_digest": backbone_digest(backbone)}
    (tmp_path / "mapcoder.json").write_text(json.dumps(record))
    LocalEngine(backbone, {"coding": adapter}).close()
    template = backbone / "chat_template.jinja"
    template.write_text(template.read_text().replace("[INST] ", "[INST]"))
    with pytest.raises(EngineError, match="was trained on the backbone with digest"):
        LocalEngine(backbone, {"coding": adapter})
