"""Forgetting: losses of real tiny models and adapters on real chats."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from mapcoder_lite.engine.folders import backbone_digest
from mapcoder_lite.errors import EngineError
from mapcoder_lite.evaluation.forgetting import ChatLosses, forgotten
from mapcoder_lite.jsonl import read_lines
from mapcoder_lite.pocket.corpus import chats
from mapcoder_lite.pocket.forgetting import chat_losses, model_digest
from test_cli_main import mapcoder
from tiny_qwen import make_backbone


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    make_backbone(folder)
    return folder


@pytest.fixture(scope="module")
def trained(backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter whose B is 0, one whose B is not, and a whole model."""
    home = tmp_path_factory.mktemp("main")
    for role, scale in (("retrieval", 0.0), ("coding", 0.3)):
        torch.manual_seed(1)
        whole = AutoModelForCausalLM.from_pretrained(str(backbone), dtype=torch.float32)
        model = get_peft_model(whole, LoraConfig(r=2, target_modules="all-linear"))
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=scale) if scale else torch.nn.init.zeros_(weight)
        model.save_pretrained(str(home / role), save_embedding_layers=False)
    whole = AutoModelForCausalLM.from_pretrained(str(backbone), dtype=torch.float32)
    whole.save_pretrained(str(home / "planning"))
    (home / "planning" / "tokenizer.json").write_bytes((backbone / "tokenizer.json").read_bytes())
    return home


def test_an_adapter_whose_b_is_nought_forgets_nothing(backbone, trained):
    bare = list(chat_losses(backbone, backbone, 2))
    assert list(chat_losses(backbone, trained / "retrieval", 2)) == bare
    assert list(chat_losses(backbone, trained / "planning", 2)) == bare  # the same weights
    changed = list(chat_losses(backbone, trained / "coding", 2))
    assert [tokens for _, tokens in changed] == [tokens for _, tokens in bare]
    assert all(a != b for (a, _), (b, _) in zip(changed, bare, strict=True))


def test_a_loss_is_that_of_the_reply_and_its_end_alone(backbone):
    """Each token's loss, one at a time, from the whole chat as the template writes it."""
    tokenizer = AutoTokenizer.from_pretrained(str(backbone))
    model = AutoModelForCausalLM.from_pretrained(str(backbone), dtype=torch.float32)
    found = list(chat_losses(backbone, backbone, 2, seed=5))
    for chat, (loss, num_tokens) in zip(chats(5), found, strict=False):
        told = [message.model_dump() for message in chat]
        ids = tokenizer.apply_chat_template(told, return_dict=False)[:-1]  # a line end is last
        with torch.no_grad():
            logs = torch.log_softmax(model(torch.tensor([ids])).logits[0], dim=-1)
        said = [-logs[place - 1, ids[place]].item() for place in range(1, len(ids))]
        assert tokenizer.decode(ids[-num_tokens:]) == f"{chat[-1].content}<|im_end|>"
        assert loss == pytest.approx(sum(said[-num_tokens:]), rel=1e-4)


def test_the_verb_measures_each_model_once(backbone, trained, tmp_path):
    words = ("pocket", "forgetting", str(backbone), str(trained), "--out", str(tmp_path))
    done = mapcoder(tmp_path, *words, "--chats", "2")
    assert done.code == 0, done.stderr
    lines = list(read_lines(tmp_path / "forgetting.jsonl", ChatLosses))
    name = trained.name
    assert [line.name for line in lines] == [
        "",
        f"{name}/retrieval",
        f"{name}/planning",
        f"{name}/coding",
    ]
    assert [row.change.mean == 0 for row in forgotten(lines)] == [True, True, True, False]
    assert {line.backbone_digest for line in lines} == {backbone_digest(backbone)}
    again = mapcoder(tmp_path, *words, "--chats", "2")
    assert again.stdout == done.stdout
    assert list(read_lines(tmp_path / "forgetting.jsonl", ChatLosses)) == lines


def test_what_is_no_model_is_refused(backbone, tmp_path):
    (tmp_path / "coding").mkdir()
    with pytest.raises(EngineError, match="no backbone"):
        model_digest(backbone, tmp_path / "coding")
    done = mapcoder(tmp_path, "pocket", "forgetting", str(backbone), str(tmp_path / "none"))
    assert done.code == 6
    assert "no folder of a role" in done.stderr
